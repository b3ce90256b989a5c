"""Training that is interrupted and resumed, with callbacks that count: they go on as if nothing had been."""

import contextlib
import csv
import json

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn.callbacks import states

callbacks = keras.callbacks
EPOCHS = 8
SEED = 10  # by which the validation's loss is least after the second epoch


class Stop(Exception):
    """What interrupts training in these tests."""


def stop_after(steps):
    left = [steps]

    def count(batch, logs):
        left[0] -= 1
        if left[0] <= 0:
            raise Stop

    return callbacks.LambdaCallback(on_train_batch_end=count)


def arrays(rows=24):
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.normal(size=(rows, 1)).astype("float32")


def build(optimizer):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile(optimizer(), "mse", metrics=["mae"])
    return model


def adam():
    return keras.optimizers.Adam(0.05)


def ema():
    return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5)


def run(folder, make, optimizer=adam, save_freq=1, steps=None, last=False, interruption=None, resume=True, ahead=False):
    """Train, interrupted after so many steps and resumed in a new model if `steps` is given; return what came out."""
    folder.mkdir(exist_ok=True)
    interruption = interruption or (None if steps is None else stop_after(steps))

    def begin(seed, *more):
        keras.utils.set_random_seed(seed)
        model, own = build(optimizer), make(folder)
        backup = callbacks.BackupAndRestore(folder / "backup", save_freq)
        listed = [*own, backup] if last else [backup, *own]
        x, y = arrays()
        fit = {"batch_size": 8, "epochs": EPOCHS, "validation_data": arrays(10), "verbose": 0}
        return model, own, model.fit(x, y, callbacks=[*more, *listed] if ahead else [*listed, *more], **fit)

    if interruption is not None:
        with pytest.raises(Stop):
            begin(SEED, interruption)
    if not resume:
        return None
    model, own, history = begin(SEED if interruption is None else 99)
    return model, own, history, {p.name: p for p in folder.iterdir()}


def check(whole, resumed):
    """Both ways gave the same weights, logs and files, and their callbacks stand at the same."""
    for model, other in [(whole[0], resumed[0]), (whole[0].optimizer, resumed[0].optimizer)]:
        for a, b in zip(model.variables, other.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert whole[2].epoch == resumed[2].epoch
    assert whole[2].history == resumed[2].history
    for a, b in zip(whole[1], resumed[1], strict=True):
        one, other = a._state(), b._state()
        np.testing.assert_equal(one, other)
    assert set(whole[3]) == set(resumed[3])
    for name, path in whole[3].items():
        if name.endswith(".keras"):
            one, other = keras.models.load_model(path), keras.models.load_model(resumed[3][name])
            for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
        elif path.is_file():
            assert path.read_bytes() == resumed[3][name].read_bytes()


def watching(folder):
    return [
        callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True),
        callbacks.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("last", [False, True], ids=["backup first", "backup last"])
@pytest.mark.parametrize(("save_freq", "steps"), [("epoch", 5), ("epoch", 13), (1, 1), (1, 6), (1, 11), (2, 12)])
def test_what_callbacks_counted_goes_on(tmp_path, save_freq, steps, last):
    whole = run(tmp_path / "whole", watching, last=not last)
    assert 0 < whole[1][0].best_epoch < whole[1][0].stopped_epoch < EPOCHS - 1
    check(whole, run(tmp_path / "resumed", watching, save_freq=save_freq, steps=steps, last=last))


@pytest.mark.parametrize(("save_freq", "steps"), [("epoch", 5), (1, 1), (2, 6)])
def test_random_ops_without_a_seed_go_on(tmp_path, monkeypatch, save_freq, steps):
    """Their generator begins when the step is compiled, which the resumed run does before it goes on."""

    class Noise(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal((4,))

    def noisy(optimizer):
        model = keras.Sequential([keras.Input((4,)), Noise(), keras.layers.Dense(1)])
        model.compile(optimizer(), "mse")
        return model

    monkeypatch.setitem(globals(), "build", noisy)
    whole = run(tmp_path / "whole", lambda folder: [])
    check(whole, run(tmp_path / "resumed", lambda folder: [], save_freq=save_freq, steps=steps))


def test_the_end_of_an_epoch_is_whole_when_a_callback_behind_the_backup_fails(tmp_path):
    def fail(epoch, logs):
        if epoch == 2:
            raise Stop

    whole = run(tmp_path / "whole", lambda folder: [])
    failing = callbacks.LambdaCallback(on_epoch_end=fail)
    resumed = run(tmp_path / "resumed", lambda folder: [], save_freq="epoch", interruption=failing)
    check(whole, resumed)
    assert resumed[2].epoch == list(range(EPOCHS))


@pytest.mark.parametrize("end", ["stopped", "last epoch"])
def test_a_training_that_was_interrupted_at_its_very_end_does_not_go_on(tmp_path, end):
    def fail(logs):
        raise Stop

    def make(folder):
        return watching(folder) if end == "stopped" else [callbacks.SwapEMAWeights(swap_on_epoch=True)]

    optimizer = adam if end == "stopped" else ema
    whole = run(tmp_path / "whole", make, optimizer)
    told = pytest.warns(UserWarning, match="at the end of epoch 5, so nothing is left")
    with told if end == "stopped" else contextlib.nullcontext():
        resumed = resumed_at_its_end(tmp_path, make, optimizer, fail)
    check(whole, resumed)


def resumed_at_its_end(tmp_path, make, optimizer, fail):
    return run(
        tmp_path / "resumed",
        make,
        optimizer,
        save_freq="epoch",
        interruption=callbacks.LambdaCallback(on_train_end=fail),
        ahead=True,
    )


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize(("save_freq", "steps"), [("epoch", 7), (1, 10), (1, 24)])
def test_averages_are_swapped_back(tmp_path, save_freq, steps, swap_on_epoch):
    def make(folder):
        return [callbacks.SwapEMAWeights(swap_on_epoch), callbacks.EarlyStopping("loss", patience=20)]

    whole = run(tmp_path / "whole", make, ema)
    check(whole, run(tmp_path / "resumed", make, ema, save_freq=save_freq, steps=steps))


class NaNAt(keras.callbacks.Callback):
    """Spoils the weights in one step."""

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) == 7:
            self.model.layers[0].bias.assign(np.full(8, np.nan))


def test_a_step_that_stopped_the_training_is_not_repeated(tmp_path):
    def make(folder):
        return [NaNAt(), callbacks.TerminateOnNaN()]

    def states_after(run):
        return run[2].epoch, int(run[0].optimizer.iterations.numpy()), run[2].history["loss"][:2]

    def fail(epoch, logs):
        if epoch == 2:
            raise Stop

    whole = run(tmp_path / "whole", make)
    resumed = run(tmp_path / "resumed", make, interruption=callbacks.LambdaCallback(on_epoch_end=fail))
    assert states_after(whole) == states_after(resumed)


def test_steps_of_event_files_and_batches_since_a_checkpoint_go_on(tmp_path):
    def make(folder):
        return [
            callbacks.ModelCheckpoint(folder / "{epoch}-{batch}.keras", save_freq=4),
            callbacks.TensorBoard(folder / "logs", update_freq=2),
        ]

    whole = run(tmp_path / "whole", make)
    check(whole, run(tmp_path / "resumed", make, steps=10, save_freq=5))


def test_two_of_a_kind_are_told_apart_by_what_they_watch(tmp_path):
    folders = []

    def make(folder):
        both = [callbacks.EarlyStopping("loss", patience=6), callbacks.EarlyStopping("val_mae", patience=5)]
        folders.append(folder)
        return both if len(folders) % 2 else both[::-1]

    whole = run(tmp_path / "whole", make)
    make(tmp_path)
    resumed = run(tmp_path / "resumed", make, steps=10)
    for one, other in zip(whole[1], resumed[1][::-1], strict=True):
        assert one._state() == other._state()


def test_a_log_that_is_appended_to_has_each_row_once(tmp_path):
    (tmp_path / "resumed").mkdir()
    log = tmp_path / "resumed" / "log.csv"
    log.write_text("epoch,loss\n0,1.0\n")

    def make(folder):
        return [callbacks.CSVLogger(folder / "log.csv", append=True)]

    run(tmp_path / "resumed", make, steps=10, save_freq=7)
    with open(log, newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", *map(str, range(EPOCHS))]


def test_what_is_another_files_is_left_alone(tmp_path):
    def make(folder):
        return [callbacks.CSVLogger(folder / "log.csv", append=True)]

    folder = tmp_path / "resumed"
    run(folder, make, steps=10, save_freq=7, resume=False)
    with open(folder / "log.csv", "a") as file:
        file.write("0,another run\n")
    run(folder, make, save_freq=7)
    assert "0,another run\n" in (folder / "log.csv").read_text()


def test_a_callback_that_is_new_begins_anew_and_one_that_is_gone_is_not_missed(tmp_path):
    many = iter([[callbacks.EarlyStopping("loss", patience=50)], [callbacks.ReduceLROnPlateau("mae", patience=50)]])
    _, own, _, _ = run(tmp_path / "resumed", lambda folder: next(many), steps=10)
    assert own[0].best is not None


def test_states_are_plain_data():
    kept = []
    state = {"best": np.float32(0.1), "weights": [np.ones(2, "float16"), np.ones(3)], "none": None, "nan": float("nan")}
    data = states.pack(state, kept)
    again = states.unpack(data, kept)
    assert again["best"] == np.float32(0.1) and isinstance(again["best"], np.float32)
    assert again["none"] is None and np.isnan(again["nan"])
    np.testing.assert_array_equal(again["weights"][1], np.ones(3))
    with pytest.raises(TypeError, match="object"):
        states.pack(object(), [])
    with pytest.raises(ValueError, match="names? an array"):
        states.unpack({"array": 7}, kept)
    with pytest.raises(ValueError, match="EarlyStopping of val_loss does not fit"):
        states.set_states([callbacks.EarlyStopping()], {"EarlyStopping of val_loss": {"best_weights": None}})


def resumed_with(folder, first, second, steps):
    """Train, interrupted after so many steps and resumed with other arguments; return the steps and the losses."""
    ran = []
    note = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: ran.append(batch))
    for fit, more in [(first, [stop_after(steps)]), (second, [note])]:
        keras.utils.set_random_seed(3)
        model = build(adam)
        backup = callbacks.BackupAndRestore(folder, save_freq=1)
        with pytest.raises(Stop) if more[0] is not note else contextlib.nullcontext():
            history = model.fit(*arrays(), verbose=0, epochs=2, callbacks=[backup, *more], **fit)
    return ran, history.history["loss"]


@pytest.mark.parametrize(
    ("first", "second", "steps", "message", "batches"),
    [
        (
            {"batch_size": 4},
            {"batch_size": np.int64(8)},
            3,
            "had batches of 4 samples and 6 batches an epoch; this one has batches of 8 samples and 3 batches an "
            "epoch. It goes on in epoch 1 with batch 2, since 3 of the earlier ones were done, but not to the same",
            [1, 2, 0, 1, 2],
        ),
        ({"batch_size": 4}, {"batch_size": 12}, 1, "in epoch 1 with batch 1, since 1 of", [0, 1, 0, 1]),
        ({"batch_size": 8}, {"batch_size": 4}, 2, "in epoch 1 with batch 5", [4, 5, 0, 1, 2, 3, 4, 5]),
        ({"batch_size": 8}, {"batch_size": 24}, 3, "in epoch 1 at its end, since 3 of", [0]),
        (
            {"batch_size": 8, "steps_per_epoch": 3},
            {"batch_size": 8, "steps_per_epoch": 2},
            3,
            "had 3 batches an epoch; this one has 2 batches an epoch. It goes on in epoch 1 at its end",
            [0, 1],
        ),
    ],
)
def test_other_batches_than_those_of_the_backup_are_told(tmp_path, first, second, steps, message, batches):
    with pytest.warns(UserWarning, match=message):
        ran, losses = resumed_with(tmp_path / "backup", first, second, steps)
    assert ran == batches
    assert len(losses) == 2
    assert np.all(np.isfinite(losses))


def test_the_same_batches_are_not_worth_a_word(tmp_path, recwarn):
    resumed_with(tmp_path / "backup", {"batch_size": 8}, {"batch_size": 8}, 2)
    assert not [w for w in recwarn if "BackupAndRestore" in str(w.message)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": "one"}, "is damaged: .*it counts epochs, steps and batches by .*'one'"),
        ({"epoch": True}, "it counts"),
        ({"numpy": ["MT19937", [1], 2, 0, 0.0]}, "is damaged: where the run stood cannot be read"),
        ({"python": 3}, "is damaged: where the run stood cannot be read"),
        ({"seed": [2**40, 1]}, "is damaged: where the run stood cannot be read"),
        ({"data": {"seed": [1], "in_pass": 1, "total": 1}}, "the state of the seed is"),
        ({"callbacks": {"History": {"array": 999}}}, "an array 999, which is not there"),
        (
            {"callbacks": {"History": {"dict": {"epoch": "x", "history": 1}}}},
            "History does not fit it .*epoch cannot be 'x'",
        ),
    ],
)
def test_a_damaged_backup_says_what_is_damaged(tmp_path, change, message):
    keras.utils.set_random_seed(3)
    model = build(adam)
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model.fit(*arrays(), verbose=0, callbacks=[backup])
    file = tmp_path / "latest.weights.h5"
    with h5py.File(file, "r+") as stored:
        note = json.loads(bytes(stored["training/json"][()]))
        del stored["training/json"]
        stored["training/json"] = np.frombuffer(json.dumps({**note, **change}).encode(), "uint8")
    with pytest.raises(ValueError, match=message):
        model.fit(*arrays(), verbose=0, callbacks=[backup])
