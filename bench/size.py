"""How the cost of a model grows with the number of its pieces: building it, and `fit` until its first step is done.

    python bench/size.py
    python bench/size.py --kinds layers outputs --sizes 100 200 400
    python bench/size.py --kinds residual --sizes 1000 --profile

Each kind is a model of many pieces that are alike: inputs that are added or joined, branches that are, layers in a
row, without shortcuts and with, outputs with a loss each. Each size runs in a process of its own, on one thread and
without the cache of compiled code; figures are seconds of processor time: to build, of the first step, of a second one,
and of what the first consists of, then how many launches a step has and how many kernels were compiled for them.
The last line of a table says to which power of the size a figure grows: 1 is in proportion.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIZES = [250, 500, 1000, 2000]
KINDS = ("add", "concatenate", "branches", "pieces", "layers", "residual", "outputs")
PHASES = ("trace", "rewrite", "lower", "place_outputs", "emit_program", "plan_memory", "compile_ir")
COLUMNS = ("build", "first", "step", "trace", "rewrite", "lower", "emit", "memory", "LLVM", "launches", "kernels")


def model_of(keras: Any, kind: str, size: int) -> Any:
    """A model of ``size`` pieces."""
    layers = keras.layers
    if kind in ("add", "concatenate"):
        inputs = [keras.Input((4,)) for _ in range(size)]
        merged = layers.Add() if kind == "add" else layers.Concatenate()
        return keras.Model(inputs, layers.Dense(1)(merged(inputs)))
    start = x = keras.Input((8,))
    if kind == "outputs":
        return keras.Model(start, [layers.Dense(1)(x) for _ in range(size)])
    if kind == "branches":
        x = layers.Add()([layers.Dense(8)(x) for _ in range(size)])
    elif kind == "pieces":
        x = layers.Concatenate()([layers.Dense(2, activation="relu")(x) for _ in range(size)])
    else:
        for _ in range(size):
            y = layers.Dense(8, activation="tanh")(x)
            x = layers.Add()([x, y]) if kind == "residual" else y
    return keras.Model(start, layers.Dense(1)(x))


def measure(kind: str, size: int, profile: bool = False) -> dict[str, float]:
    """Build and train a model in this process; return its figures."""
    import numpy as np

    import pronghorn as keras
    from pronghorn.calls import step as training
    from pronghorn.engine.backends.llvm import build, executable

    spent: Counter[str] = Counter()
    emitted: list[Any] = []

    def clocked(owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            begun = time.process_time()
            try:
                result = function(*args, **kwargs)
            finally:
                spent[name] += time.process_time() - begun
            emitted.extend([result] if name == "emit_program" else [])
            return result

        setattr(owner, name, run)

    clocked(training, "trace")
    clocked(executable, "compile_ir")
    for name in PHASES[1:-1]:
        clocked(build, name)
    begun = time.process_time()
    model = model_of(keras, kind, size)
    model.compile("sgd", loss="mse")
    built = time.process_time()
    x = [np.ones((8, *i.shape[1:]), "float32") for i in model.inputs]
    y = [np.ones((8, 1), "float32") for _ in model.outputs]

    def fit() -> float:
        start = time.process_time()
        model.fit(x if len(x) > 1 else x[0], y if len(y) > 1 else y[0], verbose=0)
        return time.process_time() - start

    first = _profiled(fit) if profile else fit()
    step = max(emitted, key=lambda e: len(e.launches))
    return {
        "build": built - begun,
        "first step": first,
        "step": fit(),
        **{name: spent[name] for name in PHASES},
        "launches": len(step.launches),
        "kernels": len({launch.function for launch in step.launches}),
    }


def _profiled(call: Callable[[], float]) -> float:
    import cProfile
    import pstats

    profile = cProfile.Profile()
    seconds = profile.runcall(call)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    return seconds


def exponent(sizes: list[int], figures: list[float]) -> float:
    """The power of the size to which figures grow: the slope of a line through their logarithms."""
    points = [(math.log(size), math.log(max(figure, 1e-4))) for size, figure in zip(sizes, figures)]
    x0, y0 = (sum(values) / len(points) for values in zip(*points))
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def figures_of(kind: str, size: int, profile: bool = False) -> dict[str, float]:
    """What `measure` returns, from a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PRONGHORN_CACHE": "0", "PRONGHORN_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--measure", json.dumps({"kind": kind, "size": size, "profile": profile})]
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    """Run each size in a process of its own and print one table for each kind."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
        return
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND",
                        help=f"which models: {', '.join(KINDS)}")  # fmt: skip
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="how many pieces they have")
    parser.add_argument("--profile", action="store_true", help="show where the first step's time goes, by function")
    options = parser.parse_args()
    console = Console(highlight=False)
    for kind in options.kinds:
        table = Table(title=kind, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
        for column in ("size", *COLUMNS):
            table.add_column(column, justify="right")
        rows = []
        for size in options.sizes:
            with console.status(f"{kind} {size:,}"):
                figures = figures_of(kind, size, options.profile)
            figures["lower"] += figures.pop("place_outputs")
            rows.append(list(figures.values()))
            table.add_row(f"{size:,}", *(f"{f:.2f}" if isinstance(f, float) else f"{f:,}" for f in rows[-1]))
        if len(rows) > 1:
            table.add_row("power", *(f"{exponent(options.sizes, list(column)):.2f}" for column in zip(*rows)))
        console.print(table)


if __name__ == "__main__":
    main()
