"""Training steps on another library's engine, beside real Keras on that library.

    python bench/engines.py jax [WORKLOAD ...] [--rounds 5] [--steps 20]

Both sides train the same workload in one process, an epoch each in turn, and so meet the same machine. For each it
prints the median milliseconds of a step (of the clock, and of the processor) and the median of the rounds' ratios,
Keras by Pronghorn: more than 1 means that Pronghorn is faster. PyTensor has no Keras beside it; its step times are
printed alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "src")]

from workloads import WORKLOADS  # noqa: E402

IN_KERAS = ("jax", "tensorflow", "torch")


def epoch_of(package: Any, name: str, steps: int, engine: str | None) -> Callable[[], None]:
    """A function that trains a workload for an epoch of so many steps."""
    package.utils.set_random_seed(1)
    model, x, y, batch_size = WORKLOADS[name](package, np.random.default_rng(0))
    if engine is not None:
        package.config.set_backend(engine)
    rows = slice(steps * batch_size)
    x, y = x[rows], y[rows]
    return lambda: model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)


def timed(run: Callable[[], None], steps: int) -> tuple[float, float]:
    """Milliseconds a step, of the clock and of all cores together."""
    clock, processor = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - clock) / steps * 1e3, (time.process_time() - processor) / steps * 1e3


def compare(engine: str, name: str, rounds: int, steps: int) -> str:
    """The line of one workload."""
    import pronghorn

    sides = {"pronghorn": epoch_of(pronghorn, name, steps, engine)}
    if engine in IN_KERAS:
        import keras

        sides["keras"] = epoch_of(keras, name, steps, None)
    for run in sides.values():  # compiles
        run()
    found: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, run in sides.items():
            found[side].append(timed(run, steps))
    words = []
    for side, times in found.items():
        clock, processor = (statistics.median(t[i] for t in times) for i in (0, 1))
        words.append(f"{side} {clock:8.2f} ms ({processor:8.2f} of processor)")
    if "keras" in found:
        pairs = list(zip(found["keras"], found["pronghorn"]))
        clock, processor = (statistics.median(k[i] / p[i] for k, p in pairs) for i in (0, 1))
        words.append(f"ratio {clock:5.2f} ({processor:5.2f})")
    return f"{name:18} " + "  ".join(words)


def main() -> None:
    """Compare the workloads named on the command line."""
    parser = argparse.ArgumentParser(description="Time training steps on an engine beside real Keras on it.")
    parser.add_argument("engine", help="jax, tensorflow, torch or pytensor")
    parser.add_argument("workloads", nargs="*", help=f"{', '.join(WORKLOADS)}; all of them by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_intermixed_args()
    os.environ["KERAS_BACKEND"] = options.engine if options.engine in IN_KERAS else "numpy"
    for name in options.workloads or WORKLOADS:
        print(compare(options.engine, name, options.rounds, options.steps), flush=True)


if __name__ == "__main__":
    main()
