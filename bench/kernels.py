"""Time matrix products and convolutions under Pronghorn and PyTorch (MKL, oneDNN), and print the shares.

    python bench/kernels.py                                   # makes the environments it needs
    python bench/kernels.py transformer resnet50 --python torch=/path/to/bin/python --rounds 5

All are float32, on all cores, forward and both gradients. `common` are those of training small networks, `transformer`
those of 2,048 tokens at widths of 128 to 1,024, `resnet50` those of eight images of 224x224. What the library reaches
in a product of two 1024 x 1024 matrices is the most that a dense kernel can hope for on the machine. Both sides take
turns, and of each the best call counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DIRECTIONS = ("forward", "input gradient", "filter gradient")


@dataclass(frozen=True)
class Product:
    """A dense layer's product, of `rows` samples."""

    rows: int
    inputs: int
    outputs: int

    @property
    def operations(self) -> float:
        return 2.0 * self.rows * self.inputs * self.outputs

    def __str__(self) -> str:
        return f"product {self.rows}x{self.inputs}x{self.outputs}"


@dataclass(frozen=True)
class Convolution:
    """A convolution of square images, channels last."""

    batch: int
    size: int
    channels: int
    filters: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0  # on each side

    @property
    def size_out(self) -> int:
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def operations(self) -> float:
        return 2.0 * self.batch * self.size_out**2 * self.kernel**2 * self.channels * self.filters

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the input, the filters and the result."""
        side, size, kernel = self.size_out, self.size, self.kernel
        inside, outside = (self.batch, size, size, self.channels), (self.batch, side, side, self.filters)
        return inside, (kernel, kernel, self.channels, self.filters), outside

    def __str__(self) -> str:
        window = f"{self.kernel}x{self.kernel}" + (f" / {self.stride}" if self.stride > 1 else "")
        return f"{window} {self.batch}x{self.size}x{self.size}x{self.channels} -> {self.filters}"


def bottlenecks() -> list[Convolution]:
    """The convolutions of ResNet-50 that differ, at 224x224."""
    found = [Convolution(8, 224, 3, 64, kernel=7, stride=2, padding=3)]
    channels, size = 64, 56
    for stage, width in enumerate((64, 128, 256, 512)):
        stride = 1 if stage == 0 else 2
        found += [
            Convolution(8, size, channels, width, 1, stride),
            Convolution(8, size, channels, 4 * width, 1, stride),
        ]
        size //= stride
        found += [Convolution(8, size, width, width, 3, padding=1), Convolution(8, size, width, 4 * width, 1)]
        channels = 4 * width
        found.append(Convolution(8, size, channels, width, 1))
    return list(dict.fromkeys(found))


#: By name: what is timed.
SHAPES: dict[str, list[Product | Convolution]] = {
    "common": [
        *(
            Product(*sizes)
            for sizes in ((128, 784, 512), (128, 512, 512), (2560, 128, 256), (2048, 64, 64), (2048, 64, 128))
        ),
        *(Convolution(*sizes) for sizes in ((32, 34, 32, 32), (128, 13, 32, 64), (32, 18, 64, 64), (32, 18, 128, 128))),
    ],
    "transformer": [
        *(
            Product(2048, inputs * width, outputs * width)
            for width in (128, 256, 512, 1024)
            for inputs, outputs in ((1, 1), (1, 4), (4, 1))
        ),
        Product(2048, 256, 8000),  # the last layer of a language model
    ],
    "resnet50": bottlenecks(),
}  # fmt: skip
PEAK = Product(1024, 1024, 1024)

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


def problems(names: list[str]) -> Iterator[tuple[Product | Convolution, list[np.ndarray]]]:
    """Yield each with its input, its weights, and a gradient of its result."""
    for problem in (PEAK, *(problem for name in names for problem in SHAPES[name])):
        if isinstance(problem, Product):
            rows, inputs, outputs = problem.rows, problem.inputs, problem.outputs
            yield problem, arrays((rows, inputs), (inputs, outputs), (rows, outputs))
        else:
            yield problem, arrays(*problem.shapes)


def pronghorn_cases(names: list[str]) -> Iterator[Case]:
    """Yield what is timed, under Pronghorn: compiled functions."""
    import pronghorn
    from pronghorn import ops

    def conv(problem: Convolution) -> Callable[..., Any]:
        padding = "same" if problem.padding else "valid"  # a stride may shift the windows by a pixel
        return lambda x, w: ops.conv(x, w, strides=problem.stride, padding=padding)

    for problem, (x, w, g) in problems(names):
        function = ops.matmul if isinstance(problem, Product) else conv(problem)
        result = pronghorn.jit(function)

        def dot(x: Any, w: Any, g: Any, function: Callable[..., Any] = function) -> Any:
            return ops.sum(function(x, w) * g)

        yield f"{problem}, {DIRECTIONS[0]}", problem.operations, lambda result=result, x=x, w=w: result(x, w)
        for number, direction in enumerate(DIRECTIONS[1:]):
            gradient = pronghorn.jit(pronghorn.grad(dot, argnums=number))
            run = lambda gradient=gradient, x=x, w=w, g=g: gradient(x, w, g)  # noqa: E731
            yield f"{problem}, {direction}", problem.operations, run


def torch_cases(names: list[str]) -> Iterator[Case]:
    """Yield the same under PyTorch, in the layout that its convolutions are fastest in."""
    import torch

    def last(array: np.ndarray) -> Any:  # channels first by name, channels last in memory
        return torch.from_numpy(array.transpose(0, 3, 1, 2))

    def products(x: Any, w: Any, g: Any) -> tuple[Callable[[], Any], ...]:
        return lambda: torch.mm(x, w), lambda: torch.mm(g, w.T), lambda: torch.mm(x.T, g)

    def convolutions(x: Any, w: Any, g: Any, strides: list[int], padding: list[int]) -> tuple[Callable[[], Any], ...]:
        def backward(mask: list[bool]) -> Any:
            ones, zeros = [1, 1], [0, 0]
            return torch.ops.aten.convolution_backward(g, x, w, None, strides, padding, ones, False, zeros, 1, mask)

        return (
            lambda: torch.nn.functional.conv2d(x, w, None, strides, padding),
            lambda: backward([True, False, False]),
            lambda: backward([False, True, False]),
        )

    for problem, (x, w, g) in problems(names):
        if isinstance(problem, Product):
            runs = products(*map(torch.from_numpy, (x, w, g)))
        else:
            filters = torch.from_numpy(w.transpose(3, 2, 0, 1).copy()).contiguous(memory_format=torch.channels_last)
            runs = convolutions(last(x), filters, last(g), [problem.stride] * 2, [problem.padding] * 2)
        for direction, run in zip(DIRECTIONS, runs, strict=True):
            yield f"{problem}, {direction}", problem.operations, run


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


def measure(library: str, names: list[str]) -> dict[str, float]:
    """Return GFLOP/s by case, in this process."""
    cases = pronghorn_cases(names) if library == "pronghorn" else torch_cases(names)
    return {case: operations / best_seconds(run) / 1e9 for case, operations, run in cases}


def table_of(ours: dict[str, float], theirs: dict[str, float]) -> Any:
    """A row a problem: GFLOP/s of Pronghorn in each direction, and the ratio to PyTorch's."""
    from rich import box
    from rich.table import Table

    table = Table(title=f"GFLOP/s, and by PyTorch's, whose {PEAK} reaches {theirs[f'{PEAK}, forward']:.0f}")
    table.title_justify, table.box, table.pad_edge, table.padding = "left", box.SIMPLE, False, (0, 1, 0, 0)
    for column in ("", *(part for direction in DIRECTIONS for part in (direction.replace(" ", "\n"), "ratio"))):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for problem in dict.fromkeys(case.rpartition(", ")[0] for case in ours):
        cases = [f"{problem}, {direction}" for direction in DIRECTIONS]
        cells = [(f"{ours[case]:.0f}", f"{ours[case] / theirs[case]:.2f}") for case in cases]
        table.add_row(problem, *(cell for pair in cells for cell in pair))
    return table


def main() -> None:
    """Run both sides in turns and print the table; with `--measure`, one of them in this process."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3:])))
        return
    from compare import ROOT, interpreter
    from rich.console import Console

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shapes", nargs="*", metavar="SHAPES", default=list(SHAPES),
                        help=f"which are timed: {', '.join(SHAPES)}; all of them by default")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn (3)")
    parser.add_argument("--venvs", type=Path, default=ROOT / "bench" / "results" / "venvs",
                        help="where virtual environments are made and found again")  # fmt: skip
    parser.add_argument("--python", action="append", default=[], metavar="NAME=INTERPRETER",
                        help="use this interpreter for pronghorn or torch, and make no environment")  # fmt: skip
    options = parser.parse_args()
    if wrong := set(options.shapes) - SHAPES.keys():
        parser.error(f"there are no shapes {', '.join(sorted(wrong))}; there are {', '.join(SHAPES)}")
    options.interpreters = dict(entry.split("=", 1) for entry in options.python)
    console = Console(highlight=False)
    best: dict[str, dict[str, float]] = {"pronghorn": {}, "torch": {}}
    pythons = {name: interpreter(name, options, console) for name in best}
    for turn in range(options.rounds):
        for name, found in best.items():
            with console.status(f"round {turn + 1}: {name}"):
                env = {**os.environ, "PYTHONPATH": str(ROOT / "src") if name == "pronghorn" else ""}
                command = [pythons[name], __file__, "--measure", name, *options.shapes]
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            for case, speed in json.loads(done.stdout).items():
                found[case] = max(found.get(case, 0.0), speed)
    console.print(table_of(best["pronghorn"], best["torch"]))


if __name__ == "__main__":
    main()
