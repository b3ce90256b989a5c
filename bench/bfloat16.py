"""Time products and convolutions in float32 and in bfloat16, and print how much faster bfloat16 is.

    python bench/bfloat16.py                 # on all cores
    python bench/bfloat16.py --threads 1     # PRONGHORN_TARGET=avx512-bf16 in front: as if there were no AMX

The shapes are those of training a transformer (2,048 tokens of width 256, a vocabulary of 8,000) and a ResNet. Both
types take turns; each is the best of its calls.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from kernels import DIRECTIONS, arrays, best_seconds, convolution

import pronghorn
from pronghorn import ops
from pronghorn.engine.runtime.host import host_target

#: Products (rows, summed, columns) and which operands are transposed: forward, by the input, by the kernel.
PRODUCTS = [(2048, 256, 1024), (2048, 1024, 256), (2048, 256, 8000)]
#: Heads (of all sequences), queries, keys, width.
HEADS = (128, 128, 128, 32)
#: Convolutions (batch, height and width, channels in, channels out), 3x3, unpadded.
CONVOLUTIONS = [(16, 34, 64, 64), (16, 18, 128, 128), (16, 10, 256, 256)]

Case = tuple[str, float, Callable[..., Any], list[Any]]  # name, floating-point operations, what to time, its arguments


def cases() -> Iterator[Case]:
    """Yield what is timed, with arguments in float32."""
    for m, k, n in PRODUCTS:
        x, w, g = arrays((m, k), (k, n), (m, n))
        operations = 2.0 * m * k * n
        yield f"product {m} x {k} x {n}, forward", operations, ops.matmul, [x, w]
        yield "  input gradient", operations, lambda g, w: ops.matmul(g, ops.transpose(w)), [g, w]
        yield "  kernel gradient", operations, lambda x, g: ops.matmul(ops.transpose(x), g), [x, g]
    heads, queries, keys, width = HEADS
    q, k, v = arrays((heads, queries, width), (heads, keys, width), (heads, queries, keys))
    operations = 2.0 * heads * queries * keys * width
    yield "attention, scores", operations, lambda q, k: ops.einsum("hqd,hkd->hqk", q, k), [q, k]
    yield "attention, values", operations, ops.matmul, [v, k]

    def dot(x: Any, w: Any, g: Any) -> Any:
        return ops.sum(ops.conv(x, w) * g)

    runs = (ops.conv, pronghorn.grad(dot, argnums=0), pronghorn.grad(dot, argnums=1))
    for shape in CONVOLUTIONS:
        name, operations, inside, outside = convolution(shape)
        x, w, g = arrays(inside, (3, 3, inside[-1], outside[-1]), outside)
        for direction, run in zip(DIRECTIONS, runs, strict=True):
            yield f"{name}, {direction}", operations, run, [x, w] if run is ops.conv else [x, w, g]


def main() -> None:
    """Run both types in turns and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, help="all cores if not given")
    given = parser.parse_args()
    if given.threads:
        pronghorn.config.set_num_threads(given.threads)
    target = host_target()
    how = f"bfloat16 by {target.pairs or 'float32'}, {pronghorn.config.get_num_threads()} threads"
    print(f"{target.cpu}, {how}; GFLOP/s")
    print(f"{'':52}{'float32':>9}{'bfloat16':>10}{'times':>7}")
    for name, operations, function, arguments in cases():
        compiled = pronghorn.jit(function)
        rates = []
        for dtype in ("float32", "bfloat16"):
            cast = [ops.convert_to_numpy(ops.cast(array, dtype)) for array in arguments]
            rates.append(operations / best_seconds(lambda run=compiled, cast=cast: run(*cast)) / 1e9)
        print(f"{name:52}{rates[0]:9.1f}{rates[1]:10.1f}{rates[1] / rates[0]:7.2f}")


if __name__ == "__main__":
    main()
