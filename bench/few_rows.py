"""Time products with few rows, as a language model has when it writes, against how fast the machine reads memory.

    python bench/few_rows.py                          # all types, 1, 4 and 16 rows
    python bench/few_rows.py float32 int8 --rows 1 --rounds 20

Such a product reads every weight once and does little with it, so that the most it can reach is the memory's bandwidth.
That is measured first, over 400 MB: by a maximum and by a product of one row, on all threads, and by NumPy's maximum on
one. Weights are `[inputs, outputs]`, or, where a row says "tied", the table of an embedding, `[outputs, inputs]`. A
compiled function multiplies by several matrices, one after another, which together are far larger than the caches. The
types are those of the weights: `int8` and `int4` are dense layers quantized in these modes, whose bytes are
counted without scales. Rounds go through all cases in turn, and of each case the best call counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
from bandwidth import machine, readings
from kernels import on_cache_line

import pronghorn
from pronghorn import layers, ops

#: Inputs, outputs, and whether the weights are turned: a block's of GPT-2, and its vocabulary.
SHAPES = [(768, 3072, False), (3072, 768, False), (768, 50257, False), (768, 50257, True)]
TYPES = ("float32", "bfloat16", "int8", "int4")
BITS = {"float32": 32, "bfloat16": 16, "int8": 8, "int4": 4}
LEAST_BYTES = 160_000_000  # of the matrices of a case
MOST_COPIES = 32  # each of which is a kernel that is compiled

Case = tuple[str, float, Callable[[], Any]]  # name, bytes of weights that are read, what to time


def read_cases() -> Iterator[Case]:
    """Yield what shows how fast memory is read."""
    numbers, ways = readings()
    for name, read in ways.items():
        yield f"read 400 MB, {name}", numbers.nbytes, read
    yield "read 400 MB, NumPy's maximum on one thread", numbers.nbytes, numbers.max


def cases(types: list[str], rows: list[int], numpy: bool) -> Iterator[Case]:
    """Yield the products of each shape, in each type, with each number of rows."""
    rng = np.random.default_rng(0)
    for inputs, outputs, turned in SHAPES:
        shape = (outputs, inputs) if turned else (inputs, outputs)
        weights = rng.standard_normal(shape, "float32")
        for dtype in types:
            if turned and dtype.startswith("int"):
                continue
            nbytes = weights.size * BITS[dtype] // 8
            copies = min(MOST_COPIES, -(-LEAST_BYTES // nbytes))
            run, given = (quantized if dtype.startswith("int") else floats)(weights, dtype, turned, copies)
            for n in rows:
                x = on_cache_line(rng.standard_normal((n, inputs), "float32"))
                name = f"{inputs} x {outputs}{' tied' if turned else ''}, {n} rows"
                yield f"{name}, {dtype}", nbytes * copies, lambda run=run, given=given, x=x: run(x, *given)
                if numpy and dtype == "float32":
                    times = [w.T if turned else w for w in given]
                    yield f"{name}, NumPy", nbytes * copies, lambda times=times, x=x: [x @ w for w in times]


def floats(weights: np.ndarray, dtype: str, turned: bool, copies: int) -> tuple[Callable[..., Any], list[Any]]:
    """Products with matrices of floats, and the matrices."""
    given = weights.astype(ml_dtypes.bfloat16) if dtype == "bfloat16" else weights

    def products(x: Any, *matrices: Any) -> list[Any]:
        x = ops.cast(x, dtype)
        return [ops.matmul(x, ops.transpose(w) if turned else w) for w in matrices]

    return pronghorn.jit(products), [on_cache_line(given) for _ in range(copies)]


def quantized(weights: np.ndarray, dtype: str, turned: bool, copies: int) -> tuple[Callable[..., Any], list[Any]]:
    """Dense layers whose weights are quantized."""
    dense = []
    for _ in range(copies):
        layer = layers.Dense(weights.shape[1], use_bias=False)
        layer.build((None, weights.shape[0]))
        layer.kernel.assign(weights)
        layer.quantize(dtype)
        dense.append(layer)
    return pronghorn.jit(lambda x: [layer(x) for layer in dense]), []


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("types", nargs="*", default=TYPES, help=f"of {', '.join(TYPES)}; all if not given")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, help="all cores if not given")
    parser.add_argument("--no-numpy", action="store_true", help="leave NumPy's products out")
    given = parser.parse_args()
    if given.threads:
        pronghorn.config.set_num_threads(given.threads)
    print(machine())
    best = best_of(given.rounds, list(read_cases()))
    peak = max(rate for _, rate in best)
    for name, rate in best:
        print(f"{name:<40}{rate:8.1f} GB/s")
    for found in cases(given.types, given.rows, not given.no_numpy):
        ((name, rate),) = best_of(given.rounds, [found])
        print(f"{name:<40}{rate:8.1f} GB/s{100 * rate / peak:6.0f} %", flush=True)


def best_of(rounds: int, timed: list[Case]) -> list[tuple[str, float]]:
    """The gigabytes a second of the best call of each."""
    seconds = [float("inf")] * len(timed)
    for _, _, run in timed:
        run()
    for _ in range(rounds):
        for i, (_, _, run) in enumerate(timed):
            start = time.perf_counter()
            run()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return [(name, nbytes / least / 1e9) for (name, nbytes, _), least in zip(timed, seconds, strict=True)]


if __name__ == "__main__":
    main()
