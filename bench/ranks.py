"""What several processes gain: steps at one and more processes of one thread each, and what their sums cost.

    python bench/scaling.py --ranks
    python bench/scaling.py --ranks 1 2 4 --workloads tutorial_cnn transformer

Each process has one thread, so that two on two cores have twice the machine of one. The batch is the same however many
processes share it; the efficiency is the time of one process, over that of n processes times n, each the least of some
turns. `reproducible` sums in a fixed order of fixed pieces. The second table is the time of a sum over the processes,
by size.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZES = [4 << (2 * k) for k in range(0, 12)]  # bytes
MOST_STEPS = 12  # an epoch
EPOCHS = 6


def measure(name: str, reproducible: bool, rows: int) -> dict[str, float]:
    """Train a workload in the processes of this run; the milliseconds of a step, and what its sums move."""
    import workloads

    import pronghorn as keras
    from pronghorn.placement.processes import processes

    keras.distribution.initialize()
    keras.distribution.set_distribution(keras.distribution.DataParallel(reproducible=reproducible))
    keras.utils.set_random_seed(0)
    workload = workloads.WORKLOADS[name](keras, np.random.default_rng(0))
    batch = rows or workload.batch_size
    count = min(len(workload.y), batch * MOST_STEPS)
    x, y = workloads.first(workload.x, count), workload.y[:count]
    times: list[float] = []

    workload.model.fit(
        x, y, batch_size=batch, epochs=EPOCHS, verbose=0, callbacks=[workloads.epoch_clock(keras, times)]
    )
    parameters = sum(int(np.prod(v.shape)) for v in workload.model.trainable_variables)
    found = {
        "step_ms": 1000 * min(times[1:]) / -(-count // batch),
        "gradient_mb": 4 * parameters / 1e6,
        "batch": batch,
    }
    if processes().rank == 0:
        print(json.dumps(found), flush=True)
    return found


def measure_sums() -> None:
    """Sum arrays of many sizes; print the microseconds of each, the least of some."""
    import pronghorn as keras
    from pronghorn.distribution.communicator import Communicator
    from pronghorn.placement.processes import processes

    keras.distribution.initialize()
    everyone = Communicator(processes())
    found = {}
    for size in SIZES:
        own, total = np.ones(size // 4, "float32"), np.empty(size // 4, "float32")
        times = []
        for _ in range(12 if size > 1 << 22 else 100):
            everyone.everyones(None)
            start = time.perf_counter()
            everyone.sum(own, total)
            times.append(time.perf_counter() - start)
        found[size] = 1e6 * min(times[2:])
    if processes().rank == 0:
        print(json.dumps(found), flush=True)


def run(ranks: int, *arguments: str) -> Any:
    """What this file prints in so many processes."""
    sys.path.insert(0, str(ROOT / "src"))
    from pronghorn.cli import launcher

    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PRONGHORN_NUM_THREADS": "1"}
    line = [sys.executable, __file__, *arguments]
    if ranks > 1:
        line = [*launcher.launch(ranks), *line]
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_turns(name: str, ranks: list[int], batch: int, rounds: int) -> dict[tuple[int, bool], dict[str, float]]:
    """The fastest of some turns of each number of processes, without and with reproducible sums."""
    best: dict[tuple[int, bool], dict[str, float]] = {}
    for _ in range(rounds):
        for count, fixed in itertools.product(ranks, (False, True)):
            found = run(count, "--measure", name, str(fixed), str(batch))
            best[count, fixed] = min(found, best.get((count, fixed), found), key=lambda one: one["step_ms"])
    return best


def main(arguments: list[str]) -> None:
    """Print the tables."""
    if arguments[:1] == ["--measure"]:
        measure(arguments[1], arguments[2] == "True", int(arguments[3]))
        return
    if arguments[:1] == ["--sums"]:
        measure_sums()
        return
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(prog="bench/scaling.py --ranks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("ranks", nargs="*", type=int, default=[1, 2], help="numbers of processes (1 2)")
    parser.add_argument("--workloads", nargs="+", default=["tutorial_cnn", "transformer"])
    parser.add_argument("--batch", type=int, default=0, help="rows of the global batch, where not the workload's own")
    parser.add_argument("--rounds", type=int, default=4, help="how often each takes its turn; the least counts (4)")
    parser.add_argument("--no-sums", action="store_true", help="leave out the time of sums by size")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    table = Table(title="a step of one global batch", title_justify="left", title_style="bold")
    for column in ("workload", "batch", "gradients, MB", "processes", "ms a step", "efficiency", "reproducible, ms"):
        table.add_column(column, justify="right")
    for name in options.workloads:
        with console.status(name):
            found = in_turns(name, options.ranks, options.batch, options.rounds)
        alone = None
        for ranks in options.ranks:
            plain, fixed = found[ranks, False], found[ranks, True]
            alone = alone or plain["step_ms"] * ranks
            cells = (f"{plain['batch']}", f"{plain['gradient_mb']:.2f}", f"{ranks}", f"{plain['step_ms']:.3g}",
                     f"{100 * alone / (ranks * plain['step_ms']):.0f} %", f"{fixed['step_ms']:.3g}")  # fmt: skip
            table.add_row(name, *cells)
    console.print(table)
    most = max(options.ranks)
    if options.no_sums or most == 1:
        return
    table = Table(title=f"a sum over {most} processes", title_justify="left", title_style="bold")
    for column in ("bytes", "microseconds", "GB/s"):
        table.add_column(column, justify="right")
    for size, microseconds in run(most, "--sums").items():
        table.add_row(f"{int(size):,}", f"{microseconds:.3g}", f"{int(size) / microseconds / 1e3:.2f}")
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
