"""Several processes, and something goes wrong in one: the run ends on all, says why, and goes on later."""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import pronghorn as keras

pytest.importorskip("mpi4py")
sys.path.insert(0, str(Path(__file__).parent))
from mpi_runs import check_same, ended, run, start, started, trained

has_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words", "times"),
    [
        ("model", "weights that differ", 2),
        ("rate", "optimizer.learning_rate=0.05", 2),
        ("later rate", "optimizer.learning_rate=0.05", 2),
        ("data", "data that differ", 2),
        ("length", "numbers of batches that differ", 2),
        ("steps", "about to run evaluate", 2),
        ("error", "something of the script's own", 1),
        ("exit", "has come to the end of its script", 1),
        ("leave", "has come to the end of its script", 1),
    ],
)
def test_an_error_ends_all(tmp_path, fault, words, times):
    found = run(2, tmp_path / "two.npz", fault=fault)
    assert found.status != 0 and found.seconds < 60
    assert found.output.count(words) >= times, found.output
    assert not found.results


def at_once(function, cases):
    """What a function gives for each of some cases, in which processes do little but wait, so that all can at once."""
    with ThreadPoolExecutor(len(cases)) as threads:
        return dict(zip(cases, threads.map(function, cases), strict=True))


WATCH = (8.0, 10.0)
"""Seconds of silence and of doing nothing that end a run; by default they are 30 and 40."""

HANGS = {
    "stopped": "process 1 has given no sign of life",
    "first stopped": "process 0 has given no sign of life",
    "sleep": "process 1 has done nothing",
}


@pytest.mark.slow
def test_a_process_that_hangs_ends_all(tmp_path):
    ends = at_once(lambda fault: run(2, tmp_path / f"{fault}.npz", fault=fault, watch=WATCH), list(HANGS))
    for fault, found in ends.items():
        assert found.status != 0 and HANGS[fault] in found.output, (fault, found.output)
        assert found.seconds < 45, fault  # with the start


SAVING = Path(__file__).with_name("scripts") / "saving_together.py"


def saving(folder, case):
    """How the script ends that saves in two processes."""
    begun = time.monotonic()
    return ended(started(2, SAVING, folder, case, WATCH[1]), folder / "none.npz", begun, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["load", "checkpoint alone"])
def test_what_the_first_process_saves_is_there_for_all(tmp_path, case):
    found = saving(tmp_path, case)
    assert found.status == 0, found.output
    assert not list(tmp_path.glob("*of_other*"))
    assert ("which process 0 does not" in found.output) == (case == "load")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["no folder", "checkpoint", "backup"])
def test_what_cannot_be_written_is_an_error_on_all(tmp_path, case):
    found = saving(tmp_path, case)
    assert found.status == 0 and found.output.count("error in") == found.output.count("went on") == 2, found.output


@pytest.mark.slow
def test_processes_that_wait_for_different_things_end(tmp_path):
    words = {"first alone": "process 0 reading latest.weights.h5", "others": "process 0 to write a file"}
    for case in words:
        (tmp_path / case).mkdir()
    for case, found in at_once(lambda case: saving(tmp_path / case, case), list(words)).items():
        assert found.status != 0 and words[case] in found.output, (case, found.output)
        assert found.seconds < 45, case  # with the start


def ranks_of(process):
    """The numbers of the processes that a launcher has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"distributed.py" in line:
            found.append(int(folder.name))
    return sorted(found)


@has_proc
@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_with_the_same_bits(tmp_path):
    settings = {"reproducible": True, "epochs": 8, "rows": 100}
    expected = trained(1, tmp_path / "whole.npz", **settings)
    ends = at_once(lambda seed: killed_five_times(tmp_path / f"seed{seed}", seed, expected, settings), range(4))
    for found in ends.values():
        check_same(*({k: v for k, v in r.items() if k.startswith(("w", "log"))} for r in (found, expected)))


reading = threading.Lock()


def killed_five_times(place, seed, expected, settings):
    """What a training leaves in the end that was killed at five random moments, and went on after each."""
    draw, kills, rounds = random.Random(seed), 0, 0
    while kills < 5:
        folder = place / f"round{rounds}"
        folder.mkdir(parents=True, exist_ok=True)
        target, begun = folder / "out.npz", time.monotonic()
        process = start(draw.choice((2, 2, 3)), target, backup=True, pause=0.02, **settings)
        while not ranks_of(process) and process.poll() is None:
            time.sleep(0.05)
        time.sleep(draw.uniform(0.0, 8.0))
        ranks = ranks_of(process)
        if ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(draw.choice(ranks), signal.SIGKILL)
            killed = time.monotonic()
            found = ended(process, target, begun, timeout=60)
            kills += found.status != 0
            assert time.monotonic() - killed < 60
        else:
            ended(process, target, begun)
        for file in folder.glob("*.keras"):  # the last checkpoint is whole
            with reading:
                assert keras.models.load_model(file).count_params() > 0
        if target.exists():
            check_same(_of_weights(target), {k: v for k, v in expected.items() if k.startswith("w")})
            rounds += 1
    final = place / f"round{rounds}"
    final.mkdir(parents=True, exist_ok=True)
    return trained(2, final / "out.npz", backup=True, **settings)


def _of_weights(target):
    with np.load(target) as data:
        return {name: data[name] for name in data.files if name.startswith("w")}


@pytest.mark.slow
def test_another_number_of_processes_goes_on(tmp_path):
    settings = {"epochs": 6, "reproducible": True}
    whole = trained(1, tmp_path / "whole.npz", **settings)
    found = run(2, tmp_path / "run" / "out.npz", backup=True, fault="error", **settings)
    assert found.status != 0
    check_same(trained(3, tmp_path / "run" / "out.npz", backup=True, **settings), whole)
