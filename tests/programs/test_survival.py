"""Training that is killed, or meets a full disk or a read-only folder: nothing is lost, and it goes on as if not."""

import contextlib
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import pronghorn as keras

SCRIPT = Path(__file__).with_name("scripts") / "resumable.py"
posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


def start(folder, save_freq, pause):
    environment = {**os.environ, "PYTHONPATH": str(Path(keras.__file__).parents[1])}
    return subprocess.Popen([sys.executable, SCRIPT, folder, save_freq, str(pause)], env=environment)


def final(folder):
    with np.load(folder / "final.npz") as data:
        return {name: data[name] for name in data.files}


@posix
@pytest.mark.slow
def test_killed_at_fifty_random_moments_it_ends_with_the_same_bits(tmp_path):
    assert start(tmp_path / "whole", "epoch", 0).wait() == 0
    draw = random.Random(0)
    kills, before, rounds = 0, "", 0
    while kills < 50:
        folder = tmp_path / f"killed{rounds}"  # a run that comes to its end makes room for another
        save_freq = ("3", "epoch")[rounds % 2]
        process = start(folder, save_freq, 0.008)
        if draw.random() < 0.8:
            wait_for(folder / f"started{process.pid}", process)
        time.sleep(draw.uniform(0, 0.6))
        process.kill()
        kills += process.wait() == -9
        for file in folder.glob("*.keras"):  # the last checkpoint is whole
            before = keras.models.load_model(file).name
        if (folder / "final.npz").exists():
            check(folder, tmp_path / "whole")
            rounds += 1
    assert before == "sequential"
    folder = tmp_path / f"killed{rounds}"
    assert start(folder, ("3", "epoch")[rounds % 2], 0).wait() == 0
    check(folder, tmp_path / "whole")


def wait_for(file, process):
    """Until a file is there, or the process has ended."""
    while not file.exists() and process.poll() is None:
        time.sleep(0.005)


def check(folder, whole):
    """The final state is that of the run that nothing interrupted, and no file is torn."""
    expected, found = final(whole), final(folder)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["epoch"]) for row in rows} == set(range(12))
    assert all(row["loss"] and row["accuracy"] for row in rows)
    left = {file.name for file in folder.iterdir() if not file.name.startswith((".model.keras-", "started"))}
    assert left == {"final.npz", "log.csv", "model.keras"}
    assert keras.models.load_model(folder / "model.keras").built


LIMITED = """
import resource, sys
import numpy as np, pronghorn as keras
path, kind = sys.argv[1:]
small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
large = keras.Sequential([keras.Input((600,)), keras.layers.Dense(600)])
small.compile("sgd", "mse"); large.compile("sgd", "mse")
def save(model):
    if kind == "checkpoint":
        callback = keras.callbacks.ModelCheckpoint(path)
        width = model.input_shape[1]
        model.fit(np.ones((2, width)), np.ones((2, model.output_shape[1])), verbose=0, callbacks=[callback])
    elif kind == "model":
        model.save(path)
    else:
        model.save_weights(path)
save(small)
before = open(path, "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
for _ in range(2):
    try:
        save(large)
    except OSError as error:
        print(error)
print(open(path, "rb").read() == before)
"""


@pytest.mark.mostly_slow("m.keras-model", "m.safetensors")
@posix
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("m.keras", "model"),
        ("m.keras", "checkpoint"),
        ("m.h5", "model"),
        ("m.weights.h5", "weights"),
        ("m.safetensors", "weights"),
        ("m.weights.json", "weights"),
    ],
)
def test_a_full_disk_leaves_the_earlier_file(tmp_path, name, kind):
    environment = {**os.environ, "PYTHONPATH": str(Path(keras.__file__).parents[1])}
    command = [sys.executable, "-c", LIMITED, str(tmp_path / name), kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *errors, untouched = done.stdout.strip().splitlines()
    assert untouched == "True"
    assert len(errors) == 2
    assert all("could not be written" in e and "file too large" in e and "untouched" in e for e in errors)
    assert all(file.suffix != ".new" for file in tmp_path.iterdir())


@contextlib.contextmanager
def ordinary_user():
    """Not the superuser, who may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
def test_a_read_only_folder_is_told():
    with tempfile.TemporaryDirectory() as scratch:  # pytest's own folders are closed to other users
        folder = Path(scratch)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.save(folder / "m.keras")
        before = (folder / "m.keras").read_bytes()
        folder.chmod(0o555)
        try:
            with ordinary_user(), pytest.raises(OSError, match=r"could not be written.*permission.*untouched"):
                model.save(folder / "m.keras")
        finally:
            folder.chmod(0o755)
        assert (folder / "m.keras").read_bytes() == before
        assert [file.name for file in folder.iterdir()] == ["m.keras"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(OSError, match=r"could not be written.*Nothing was written"):
        model.save(tmp_path / "file" / "m.keras")


def test_a_torn_line_of_a_log_is_cut_off(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss\n0,1.0\n1,0.")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0, callbacks=[keras.callbacks.CSVLogger(log, append=True)])
    lines = log.read_text().splitlines()
    assert lines[:2] == ["epoch,loss", "0,1.0"]
    assert len(lines) == 3
    assert lines[2].startswith("0,")


class Stop(Exception):
    """What interrupts training in these tests."""


def interrupted(folder, save_freq, steps, data, build=None, **fit):
    """Train, stop after so many steps, train on in a new model; return the state of both ways."""
    build = build or dense_model
    states = []
    for stop in (None, steps):
        keras.utils.set_random_seed(7)
        model = build()
        backup = keras.callbacks.BackupAndRestore(folder / str(stop), save_freq)
        if stop is not None:
            with pytest.raises(Stop):
                model.fit(*data(), verbose=0, callbacks=[backup, stop_after(stop)], **fit)
            keras.utils.set_random_seed(99)
            model = build()
            backup = keras.callbacks.BackupAndRestore(folder / str(stop), save_freq)
        history = model.fit(*data(), verbose=0, callbacks=[backup], **fit)
        logs = [history.history[name][-1] for name in ("loss", "mae")]
        states.append([*(v.numpy() for v in [*model.variables, *model.optimizer.variables]), *logs])
    return states


def dense_model():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def stop_after(steps):
    left = [steps]

    def count(batch, logs):
        left[0] -= 1
        if left[0] <= 0:
            raise Stop

    return keras.callbacks.LambdaCallback(on_train_batch_end=count)


def arrays():
    rng = np.random.default_rng(1)
    return rng.normal(size=(40, 4)).astype("float32"), rng.normal(size=(40, 1)).astype("float32")


class Own(keras.utils.PyDataset):
    """A data set that draws from NumPy's own generator."""

    def __init__(self):
        super().__init__()
        self.x, self.y = arrays()

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return self.x[rows] + np.random.normal(size=(8, 4)), self.y[rows]


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("steps", [1, 7, 10, 13])
@pytest.mark.parametrize(
    ("data", "fit"),
    [
        (arrays, {"epochs": 4, "batch_size": 8}),
        (arrays, {"epochs": 4, "batch_size": 8, "shuffle": "batch"}),
        (arrays, {"epochs": 6, "batch_size": 8, "steps_per_epoch": 3}),
        (lambda: (Own(),), {"epochs": 4}),
    ],
    ids=["arrays", "whole batches", "steps_per_epoch", "PyDataset"],
)
def test_interrupted_at_any_step_it_ends_with_the_same_bits(tmp_path, data, fit, steps):
    whole, resumed = interrupted(tmp_path, 1, steps, data, **fit)
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))


def stateful_model():
    model = keras.Sequential(
        [keras.Input(batch_shape=(8, 4)), keras.layers.Reshape((2, 2)), keras.layers.LSTM(3, stateful=True)]
    )
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("save_freq, steps", [(1, 8), ("epoch", 13)])
def test_what_a_layer_keeps_between_batches_is_backed_up(tmp_path, save_freq, steps):
    fit = {"build": stateful_model, "epochs": 4, "batch_size": 8}
    whole, resumed = interrupted(tmp_path, save_freq, steps, arrays, **fit)
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_a_damaged_backup_gives_way_to_the_one_before(tmp_path):
    model = dense_model()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", double_checkpoint=True)
    with pytest.raises(Stop):
        model.fit(*arrays(), verbose=0, epochs=4, batch_size=8, callbacks=[backup, stop_after(17)])
    latest = tmp_path / "b" / "latest.weights.h5"
    latest.write_bytes(latest.read_bytes()[:1000])
    begun = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    with pytest.warns(UserWarning, match="previous"):
        history = model.fit(*arrays(), verbose=0, epochs=4, batch_size=8, callbacks=[backup, note])
    assert begun == [2, 3]
    assert history.epoch == [0, 1, 2, 3]
    assert len(history.history["loss"]) == 4


def test_only_its_own_files_are_deleted(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    model = dense_model()
    model.fit(*arrays(), verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_backup_of_another_model_is_told(tmp_path):
    model = dense_model()
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model.fit(*arrays(), verbose=0, callbacks=[backup])
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    other.compile("sgd", "mse")
    before = other.get_weights()
    with pytest.raises(ValueError, match="another model|does not fit"):
        other.fit(*arrays(), verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_what_save_freq_may_be(tmp_path):
    with pytest.raises(ValueError, match="save_freq"):
        keras.callbacks.BackupAndRestore(tmp_path, save_freq="x")
