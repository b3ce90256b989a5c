"""How the cost of training grows with the work: batch size, depth, width and rows of data, one at a time.

    python bench/scaling.py
    python bench/scaling.py --axes depth width
    python bench/scaling.py --ranks             # several processes, see ranks.py

Trains stacks of dense layers (32 features in, 4 layers of 128 units, batches of 128, 10,000 rows, where nothing else is
said) and prints, for each size: milliseconds a step after the first epoch, seconds from the call of `fit` to the end of
its first step with no cache of compiled code, and the most memory that the process held. Each runs in a process of its
own; where a figure should grow as the size does, the last column says how much it grew from row to row.
`size.py` measures models of many pieces.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
USUAL = {"batch": 128, "depth": 4, "width": 128, "rows": 10_000}
AXES = {
    "batch": [1, 4, 16, 64, 256, 1024],
    "depth": [1, 3, 10, 30, 100],
    "width": [16, 64, 256, 1024, 2048],
    "rows": [1_000, 10_000, 100_000, 1_000_000],
}


def measure(batch: int, depth: int, width: int, rows: int) -> dict[str, float]:
    """Train in this process; return its figures."""
    import resource

    import numpy as np
    import workloads

    import pronghorn as keras

    rng = np.random.default_rng(0)
    x, y = rng.random((rows, 32), "float32"), rng.random((rows, 1), "float32")
    model = keras.Sequential([keras.Input((32,))])
    for _ in range(depth):
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile("adam", loss="mse")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    epochs: list[float] = []
    first: list[float] = []

    class Stopwatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            first.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0, callbacks=[Stopwatch()])

    model.fit(x, y, batch_size=batch, epochs=4, verbose=0, callbacks=[workloads.epoch_clock(keras, epochs)])
    steps = -(-rows // batch)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "step_ms": 1000 * statistics.median(epochs[1:]) / steps,
        "first_s": first[0],
        "memory_mb": after / 1024,
        "training_mb": (after - before) / 1024,
    }


def _figures(arguments: dict[str, Any], env: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", json.dumps(arguments)]
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Run each size in a process of its own and print one table for each axis."""
    if sys.argv[1:2] == ["--measure"]:
        arguments = json.loads(sys.argv[2])
        print(json.dumps(measure(**arguments)))
        return
    if sys.argv[1:2] == ["--ranks"]:
        import ranks

        ranks.main(sys.argv[2:])
        return
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES), metavar="AXIS",
                        help=f"what to vary: {', '.join(AXES)}")  # fmt: skip
    console = Console(highlight=False)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PRONGHORN_CACHE": "0"}
    for axis in parser.parse_args().axes:
        table = Table(title=axis, title_justify="left", title_style="bold")
        for column in (axis, "ms a step", "first step, s", "memory, MB", "of it training, MB", "ms a step, growth"):
            table.add_column(column, justify="right")
        last = 0.0
        for size in AXES[axis]:
            with console.status(f"{axis} {size:,}"):
                figures = _figures({**USUAL, axis: size}, env)
            growth = f"{figures['step_ms'] / last:.2f}" if last else ""
            last = figures["step_ms"]
            cells = (f"{last:.3g}", f"{figures['first_s']:.2f}", f"{figures['memory_mb']:.0f}",
                     f"{figures['training_mb']:.0f}", growth)  # fmt: skip
            table.add_row(f"{size:,}", *cells)
        console.print(table)


if __name__ == "__main__":
    main()
