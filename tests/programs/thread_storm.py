"""Threads of plain Python beside threads that build, train and drop small models; run it long by hand or at night:

    python tests/programs/thread_storm.py --seconds 600

Whatever such a thread raises, or a training that does not end with the same numbers each time, is told, and the exit
code is 1.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import re
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable

import numpy as np

import pronghorn as ph


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def _tuples() -> None:
    assert len(tuple(number for number in range(50))) == 50  # it has another size first, which nobody may have seen


def _containers() -> None:
    items = [{"number": n, "of": [n] * 3} for n in range(20)]
    assert json.loads(json.dumps(items)) == items
    assert sorted(map(str, range(20)), key=int)[-1] == "19"
    assert re.sub(r"\d", "", "a1b2") == "ab"
    assert sum(collections.Counter("storm").values()) == 5


def _garbage() -> None:
    cycles = [_Cycle() for _ in range(50)]
    references = [weakref.ref(cycle) for cycle in cycles]
    del cycles
    assert len([reference() for reference in references]) == 50


def _arrays() -> None:
    array = np.arange(100.0).reshape(4, 25)
    assert (array @ array.T).shape == (4, 4)


def _collections() -> None:
    gc.collect(0)
    time.sleep(0.01)


INNOCENT = (_tuples, _containers, _garbage, _arrays, _collections)


def trainer(width: int) -> Callable[[], None]:
    """What trains a new model each time and checks that it ends where the first did."""
    x = np.random.default_rng(width).normal(size=(40, 6)).astype("float32")
    ends: list[np.ndarray] = []

    def train() -> None:
        layers = [
            ph.layers.Dense(width, activation="relu", kernel_initializer=ph.initializers.GlorotUniform(seed=1)),
            ph.layers.Dense(1, kernel_initializer=ph.initializers.GlorotUniform(seed=2)),
        ]
        model = ph.Sequential([ph.Input((6,)), *layers])
        model.compile("adam", "mse")
        model.fit(x, x[:, :1], batch_size=16, shuffle=False, verbose=0)
        ends.append(model.predict(x, verbose=0))
        np.testing.assert_array_equal(ends.pop() if len(ends) > 1 else ends[0], ends[0])

    return train


def resizer() -> Callable[[], None]:
    """What asks for another number of threads each time."""
    sizes = iter(range(10**9))

    def resize() -> None:
        ph.config.set_num_threads(1 + next(sizes) % 3)
        time.sleep(0.05)

    return resize


def storm(seconds: float, trainers: int = 2) -> tuple[dict[str, int], list[str]]:
    """Run all of them for a while.

    Args:
        seconds: how long.
        trainers: how many threads train.

    Returns:
        how often each kind of work was done, and the tracebacks of what was raised.
    """
    until = time.monotonic() + seconds
    done: collections.Counter[str] = collections.Counter()
    raised: list[str] = []

    def repeat(work: Callable[[], None], name: str) -> None:
        while time.monotonic() < until:
            try:
                work()
            except BaseException:
                raised.append(f"{name}:\n{traceback.format_exc()}")
            done[name] += 1

    work = [(function, function.__name__.strip("_")) for function in INNOCENT]
    work += [(trainer(4 + n), f"training {n}") for n in range(trainers)] + [(resizer(), "threads")]
    threads = [threading.Thread(target=repeat, args=pair, daemon=True) for pair in work]
    before, count = sys.getswitchinterval(), ph.config.get_num_threads()
    sys.setswitchinterval(1e-4)  # far more changes between threads than a program sees
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 60)
    finally:
        sys.setswitchinterval(before)
        ph.config.set_num_threads(count)
    raised += [f"{name}: still running" for thread, (_, name) in zip(threads, work) if thread.is_alive()]
    return dict(done), raised


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--trainers", type=int, default=2)
    given = parser.parse_args()
    done, raised = storm(given.seconds, given.trainers)
    print(done, f"{len(raised)} raised", *raised[:5], sep="\n")
    sys.exit(bool(raised))
