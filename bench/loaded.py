"""What a busy machine does to the workloads: steps with one thread and with more, alone and beside other processes.

    python bench/loaded.py                                # all workloads, two threads, four busy processes
    python bench/loaded.py mlp lstm_predict --busy 8 --threads 4 --rounds 6

Each workload runs in a process of its own, first alone and then beside processes that do nothing but keep cores busy;
the numbers of threads take turns. The table shows milliseconds a training step (a call of `predict` for lstm_predict):
the best round alone, the mean of all rounds beside the busy processes, whose turns on the cores are part of the time.
The last column is how many times as long a step takes with the threads as with one, both beside the busy processes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[1]
PREDICT = "lstm_predict"
BUSY = "while True: pass"


def prepare(name: str) -> Callable[[int], None]:
    """A workload's model, as a function that takes a number of steps."""
    import numpy as np

    import pronghorn as keras

    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    if name == PREDICT:
        layers = keras.layers
        model: Any = keras.Sequential([keras.Input((50, 16)), layers.LSTM(32), layers.Dense(1)])
        rows = rng.random((32, 50, 16), "float32")

        def predict(steps: int) -> None:
            for _ in range(steps):
                model.predict(rows, verbose=0)

        return predict
    model, x, y, batch_size = WORKLOADS[name](keras, rng)

    def fit(steps: int) -> None:
        most = len(x) // batch_size
        while steps > 0:
            taken = min(steps, most)
            model.fit(x[: taken * batch_size], y[: taken * batch_size], batch_size=batch_size, verbose=0)
            steps -= taken

    return fit


def measure(name: str, threads: list[int], rounds: int, seconds: float) -> dict[int, list[float]]:
    """Milliseconds a step in each round of about so many seconds, for each number of threads."""
    from pronghorn import config

    run = prepare(name)
    run(2)  # compiles
    steps, taken = 2, 0.0
    while taken < 0.2:
        steps *= 2
        start = time.perf_counter()
        run(steps)
        taken = time.perf_counter() - start
    steps = max(1, int(steps * seconds / taken))
    times: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(rounds):
        for count in threads:
            config.set_num_threads(count)
            start = time.perf_counter()
            run(steps)
            times[count].append((time.perf_counter() - start) / steps * 1e3)
    return times


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep cores busy meanwhile."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def in_child(name: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, name, "--measure", "--threads", str(options.threads)]
    command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    env = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH") or str(ROOT / "src")}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the workloads named on the command line and print a line for each."""
    names = [*WORKLOADS, PREDICT]
    parser = argparse.ArgumentParser(description="Time workloads beside busy processes.")
    parser.add_argument("workloads", nargs="*", help=f"{', '.join(names)}; all of them by default")
    parser.add_argument("--threads", type=int, default=2, help="to compare with one (default 2)")
    parser.add_argument("--busy", type=int, default=4, help="how many busy processes (default 4)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each number of threads (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a round takes, about (default 1)")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.workloads if name not in names]
    if unknown:
        parser.error(f"no workload called {', '.join(unknown)}; there are {', '.join(names)}")
    if options.measure:
        (name,) = options.workloads
        print(json.dumps(measure(name, [1, options.threads], options.rounds, options.seconds)))
        return
    many = f"{options.threads} threads"
    print(f"{'ms a step':<18}{'alone':>20}{f'beside {options.busy} busy processes':>32}")
    print(f"{'':<18}{'1 thread':>10}{many:>10}{'1 thread':>12}{many:>10}{'ratio':>10}")
    for name in options.workloads or names:
        alone = in_child(name, options)
        with busy_processes(options.busy):
            loaded = in_child(name, options)
        best = [min(times) for times in alone.values()]
        mean = [statistics.mean(times) for times in loaded.values()]
        figures = f"{best[0]:>10.3f}{best[1]:>10.3f}{mean[0]:>12.3f}{mean[1]:>10.3f}{mean[1] / mean[0]:>10.2f}"
        print(f"{name:<18}{figures}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
