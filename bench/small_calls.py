"""Time small calls that run op by op, of 2x3 arrays, beside NumPy and what is installed of PyTorch and JAX.

    python bench/small_calls.py

The libraries take turns; the table shows the least processor time of a call, in microseconds.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pronghorn import ops

ROUNDS = 12


def of_twenty(x: Any) -> Any:
    """A function of twenty operations."""
    for _ in range(10):
        x = x * 0.5 + x
    return x


CASES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "x + x": (lambda x: x + x, 400),
    "x * 2.0": (lambda x: x * 2.0, 400),
    "x @ x.T": (lambda x: x @ x.T, 200),
    "20 operations": (of_twenty, 50),
}


def arrays() -> dict[str, Any]:
    """By library: an array of 2x3."""
    found = {"NumPy": np.ones((2, 3), "float32"), "Pronghorn": ops.ones((2, 3))}
    for name, module in (("PyTorch", "torch"), ("JAX", "jax.numpy")):
        try:
            found[name] = importlib.import_module(module).ones((2, 3))
        except ImportError:
            continue
    return found


def measure(case: Callable[[Any], Any], count: int, given: dict[str, Any]) -> dict[str, float]:
    """By library: microseconds of a call."""
    best = dict.fromkeys(given, float("inf"))
    for _ in range(ROUNDS):
        for name, x in given.items():
            started = time.process_time()
            for _ in range(count):
                case(x)
            best[name] = min(best[name], (time.process_time() - started) / count * 1e6)
    return best


def main() -> None:
    """Print the table."""
    given = arrays()
    table = Table(title="microseconds a call", title_justify="left", title_style="bold")
    table.add_column("case")
    for name in given:
        table.add_column(name, justify="right")
    for case, (function, count) in CASES.items():
        found = measure(function, count, given)
        table.add_row(case, *(f"{found[name]:.1f}" for name in given))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
