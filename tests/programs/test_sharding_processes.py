"""Two processes over the loopback whose devices JAX computes on together; and runs that cannot begin."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.engine.backends import engine as engines

SCRIPT = Path(__file__).with_name("scripts") / "one_of_two.py"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not engines.is_installed("jax"), reason="jax is not installed")]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def started(folder, odd="nothing", count=2, ranks=(0, 1), address=None, seconds=60, devices=2):
    """What each of the processes said, and how it ended."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(keras.__file__).parents[1]),
        "PRONGHORN_BACKEND": "jax",
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "PRONGHORN_DISTRIBUTION_TIMEOUT": str(seconds),
    }
    if count:
        env["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = address or f"127.0.0.1:{free_port()}"
        env["KERAS_DISTRIBUTION_NUM_PROCESSES"] = str(count)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, str(SCRIPT), str(folder), odd]
    runs = [
        subprocess.Popen(command, env={**env, "KERAS_DISTRIBUTION_PROCESS_ID": str(r)} if count else env, **options)
        for r in ranks
    ]
    try:
        said = [run.communicate(timeout=600) for run in runs]  # on a busy machine
    finally:
        for run in runs:
            run.kill()
    return [(run.returncode, out, error) for run, (out, error) in zip(runs, said)]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of a run of two processes, their results and what they printed."""
    folder = tmp_path_factory.mktemp("two")
    ended = started(folder)
    assert [code for code, _, _ in ended] == [0, 0], ended
    return (
        folder,
        [json.loads((folder / f"results-{r}.json").read_text()) for r in (0, 1)],
        [out for _, out, _ in ended],
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The results of one process with one device."""
    folder = tmp_path_factory.mktemp("one")
    ((code, _, error),) = started(folder, count=0, ranks=(0,), devices=1)
    assert code == 0, error
    return json.loads((folder / "results-0.json").read_text())


def test_both_see_the_devices_of_both(two):
    _, results, _ = two
    assert len(results[0]["devices"]) == 4 and results[0]["devices"] == results[1]["devices"]


@pytest.mark.parametrize("way", ["data", "sharded", "across"])
def test_two_processes_have_the_losses_of_one(way, two, one):
    _, results, _ = two
    for result in results:
        for name in ("losses", "mae", "prediction", "evaluation"):
            np.testing.assert_allclose(result[way][name], one["data"][name], rtol=1e-5 if way == "data" else 1e-4)
        parts = {"data": [6, 8], "sharded": [6, 4], "across": [6, 2]}[way]
        assert result[way]["parts"] == [parts, parts]


def test_the_first_one_prints_and_saves_whole_weights(two):
    folder, results, printed = two
    assert "Epoch 1/2" in printed[0] and "Epoch" not in printed[1]  # Gloo prints what it does
    x = np.linspace(0, 1, 240, dtype="float32").reshape(40, 6)
    for way in ("data", "sharded", "across"):
        assert not (folder / f"{way}-1.keras").exists()
        for file in (f"{way}-0.keras", f"{way}-checkpoint.keras"):
            model = keras.models.load_model(folder / file)
            prediction = model.predict(x, verbose=0).sum()
            np.testing.assert_allclose(prediction, results[0][way]["prediction"], rtol=1e-4)


def test_a_run_that_ended_goes_on(tmp_path):
    assert [code for code, _, _ in started(tmp_path, "leaves")] == [3, 3]
    ended = started(tmp_path, "goes on")
    assert [code for code, _, _ in ended] == [0, 0], ended
    losses = [json.loads((tmp_path / f"losses-{r}.json").read_text()) for r in (0, 1)]
    assert losses[0] == losses[1] and len(losses[0][0]) == 4
    assert losses[0][0] == losses[0][1]  # as without an end


@pytest.mark.parametrize(
    ("odd", "words"),
    [("model", "weights that differ"), ("data", "data that differ")],
)
def test_processes_that_differ_are_told_so(odd, words, tmp_path):
    for code, _, error in started(tmp_path, odd):
        assert code == 1 and words in error.splitlines()[-1], error


@pytest.mark.parametrize(
    ("ranks", "address", "words"),
    [
        ((0,), None, "of 2 processes these did not come"),
        ((1,), "127.0.0.1:9", "process 1 could not reach process 0 at 127.0.0.1:9 in 3 seconds"),
        ((1,), "127.0.0.1", "is no address"),
        ((0, 0), None, "cannot have the port"),
    ],
    ids=["nobody-comes", "nobody-there", "no-address", "taken"],
)
def test_processes_that_do_not_meet(ranks, address, words, tmp_path):
    ended = started(tmp_path, ranks=ranks, address=address, seconds=3)
    assert all(code == 1 for code, _, _ in ended), ended
    assert any(words in error for _, _, error in ended), ended
