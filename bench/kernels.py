"""Time matrix products and 3x3 convolutions under Pronghorn and PyTorch (MKL, oneDNN), and print the shares.

    python bench/kernels.py                                   # makes the environments it needs
    python bench/kernels.py --python torch=/path/to/bin/python --rounds 5

All are float32, on all cores. The last column is Pronghorn's speed as a share of what the library's product of two
1024 x 1024 matrices reaches, the most that a dense kernel can hope for on the machine. Both sides take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Products (rows, summed, columns): a large one, and those of training an MLP, an LSTM and a transformer.
PRODUCTS = [
    (1024, 1024, 1024), (128, 784, 512), (784, 128, 512), (128, 512, 784), (128, 512, 512), (512, 128, 512),
    (2560, 128, 256), (128, 2560, 256), (2048, 64, 64), (2048, 64, 128), (64, 2048, 128),
]  # fmt: skip
#: Convolutions (batch, height and width, channels in, channels out), 3x3, unpadded.
CONVOLUTIONS = [(32, 34, 32, 32), (128, 13, 32, 64), (32, 18, 64, 64), (32, 18, 128, 128)]
DIRECTIONS = ("forward", "input gradient", "filter gradient")

Case = tuple[str, float, Callable[[], Any]]  # name, floating-point operations, what to time


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return random float32 arrays that start on a cache line, as weights and intermediate results do on both sides."""
    rng = np.random.default_rng(0)
    return [on_cache_line(rng.standard_normal(shape, "float32")) for shape in shapes]


def on_cache_line(array: np.ndarray) -> np.ndarray:
    """Return a copy whose address is a multiple of 64."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def convolution(shape: tuple[int, int, int, int]) -> tuple[str, float, tuple[int, ...], tuple[int, ...]]:
    """Return a convolution's name, operations, and the shapes of its input and its result, channels last."""
    batch, size, channels, filters = shape
    operations = 2.0 * batch * (size - 2) ** 2 * 9 * channels * filters
    name = f"conv {batch} x {size} x {size} x {channels} -> {filters}"
    return name, operations, (batch, size, size, channels), (batch, size - 2, size - 2, filters)


def pronghorn_cases() -> Iterator[Case]:
    """Yield what is timed, under Pronghorn: compiled functions."""
    import pronghorn
    from pronghorn import ops

    product = pronghorn.jit(ops.matmul)
    forward = pronghorn.jit(ops.conv)

    def dot(x: Any, w: Any, g: Any) -> Any:
        return ops.sum(ops.conv(x, w) * g)

    to_input = pronghorn.jit(pronghorn.grad(dot, argnums=0))
    to_filter = pronghorn.jit(pronghorn.grad(dot, argnums=1))
    for m, k, n in PRODUCTS:
        a, b = arrays((m, k), (k, n))
        yield f"product {m} x {k} x {n}", 2.0 * m * k * n, lambda a=a, b=b: product(a, b)
    for shape in CONVOLUTIONS:
        name, operations, inside, outside = convolution(shape)
        x, w, g = arrays(inside, (3, 3, inside[-1], outside[-1]), outside)
        for direction, run in zip(DIRECTIONS, (forward, to_input, to_filter), strict=True):
            given = (x, w) if run is forward else (x, w, g)
            yield f"{name}, {direction}", operations, lambda run=run, given=given: run(*given)


def torch_cases() -> Iterator[Case]:
    """Yield the same under PyTorch, in the layout that its convolutions are fastest in."""
    import torch

    def last(array: np.ndarray) -> Any:  # channels first by name, channels last in memory
        return torch.from_numpy(array.transpose(0, 3, 1, 2))

    for m, k, n in PRODUCTS:
        a, b = map(torch.from_numpy, arrays((m, k), (k, n)))
        yield f"product {m} x {k} x {n}", 2.0 * m * k * n, lambda a=a, b=b: torch.mm(a, b)
    for shape in CONVOLUTIONS:
        name, operations, inside, outside = convolution(shape)
        x, w, g = arrays(inside, (3, 3, inside[-1], outside[-1]), outside)
        x, g = last(x), last(g)
        w = torch.from_numpy(w.transpose(3, 2, 0, 1).copy()).contiguous(memory_format=torch.channels_last)
        yield f"{name}, forward", operations, lambda x=x, w=w: torch.nn.functional.conv2d(x, w)
        for direction, mask in zip(DIRECTIONS[1:], ([True, False, False], [False, True, False]), strict=True):

            def backward(x: Any = x, w: Any = w, g: Any = g, mask: list[bool] = mask) -> Any:
                ones, zeros = [1, 1], [0, 0]
                return torch.ops.aten.convolution_backward(g, x, w, None, ones, zeros, ones, False, zeros, 1, mask)

            yield f"{name}, {direction}", operations, backward


def best_seconds(run: Callable[[], Any], budget: float = 0.3) -> float:
    """Return the shortest of the calls that fit in `budget` seconds, at least five."""
    for _ in range(3):
        run()
    best, end, calls = float("inf"), time.perf_counter() + budget, 0
    while calls < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        calls += 1
    return best


def measure(name: str) -> dict[str, float]:
    """Return GFLOP/s by case, in this process."""
    cases = pronghorn_cases() if name == "pronghorn" else torch_cases()
    return {case: operations / best_seconds(run) / 1e9 for case, operations, run in cases}


def main() -> None:
    """Run both sides in turns and print the table; with `--measure`, one of them in this process."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    from compare import ROOT, interpreter
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn (3)")
    parser.add_argument("--venvs", type=Path, default=ROOT / "bench" / "results" / "venvs",
                        help="where virtual environments are made and found again")  # fmt: skip
    parser.add_argument("--python", action="append", default=[], metavar="NAME=INTERPRETER",
                        help="use this interpreter for pronghorn or torch, and make no environment")  # fmt: skip
    options = parser.parse_args()
    options.interpreters = dict(entry.split("=", 1) for entry in options.python)
    console = Console(highlight=False)
    best: dict[str, dict[str, float]] = {"pronghorn": {}, "torch": {}}
    pythons = {name: interpreter(name, options, console) for name in best}
    for turn in range(options.rounds):
        for name, found in best.items():
            with console.status(f"round {turn + 1}: {name}"):
                env = {**os.environ, "PYTHONPATH": str(ROOT / "src") if name == "pronghorn" else ""}
                command = [pythons[name], __file__, "--measure", name]
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            for case, speed in json.loads(done.stdout).items():
                found[case] = max(found.get(case, 0.0), speed)
    table = Table(title="GFLOP/s", title_justify="left", title_style="bold")
    for column in ("", "Pronghorn", "PyTorch", "ratio", "share of the library's peak"):
        table.add_column(column, justify="right" if column else "left")
    peak = best["torch"]["product 1024 x 1024 x 1024"]
    for case, speed in best["pronghorn"].items():
        other = best["torch"][case]
        table.add_row(case, f"{speed:.0f}", f"{other:.0f}", f"{speed / other:.2f}", f"{100 * speed / peak:.0f} %")
    console.print(table)


if __name__ == "__main__":
    main()
