"""Random programs around products of all pairs, for tests of the stage *blocks*.

python tests/unit/engine/compiler/random_wide.py 1000 2000      # seeds
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import Traced, trace

BATCH = Dim.symbol("batch")
BIG = -30.0  # below all others; much less would leave nothing of the digits of a mean


class Program:
    """One program of a key, ``q[batch, rows, 3]``, ``k[batch, columns, 3]``, ``v[batch, columns, 4]`` and a bias."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.rows, self.columns = int(self.rng.integers(5, 24)), int(self.rng.integers(24, 40))
        self.with_gradients = bool(self.rng.random() < 0.8)
        self.steps = [self.rng.choice(len(_STEPS)) for _ in range(self.rng.integers(1, 6))]
        self.ends = [self.rng.choice(len(_ENDS)) for _ in range(self.rng.integers(1, 3))]
        self.again = bool(self.rng.random() < 0.3)
        self.seeds = [int(self.rng.integers(1 << 30)) for _ in range(32)]

    @property
    def avals(self) -> list[Aval]:
        shapes = [(BATCH, self.rows, 3), (BATCH, self.columns, 3), (BATCH, self.columns, 4), (self.columns,)]
        return [Aval((2,), "uint32"), *(Aval(shape, "float32") for shape in shapes)]

    def arrays(self, batch: int = 2) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seeds[0])
        shapes = [tuple(batch if isinstance(d, Dim) else d for d in aval.shape) for aval in self.avals[1:]]
        return [np.asarray([5, 7], "uint32"), *(rng.normal(size=shape).astype("float32") for shape in shapes)]

    def traced(self) -> Traced:
        def run(key: Any, q: Any, k: Any, v: Any, bias: Any) -> list[Any]:
            results = self._once(key, q, k, v, bias)
            if self.again:
                results += self._once(key, q + ops.mean(results[0]), k, v, bias)
            if not self.with_gradients:
                return results
            total = ops.cast(0.0, "float32")
            for x in results:
                if x.dtype == "float32":
                    total = total + ops.sum(ops.tanh(x)) * (1 + ops.mean(x))
            gradients = backward([total], [np.float32(1)], [q, k, v, bias])
            return [*results, *(g for g in gradients if g is not None)]

        return trace(run, self.avals)

    def _once(self, key: Any, q: Any, k: Any, v: Any, bias: Any) -> list[Any]:
        scores = ops.einsum(["brd,bcd->brc", "bcd,brd->brc"][self.seeds[1] % 2], *((q, k), (k, q))[self.seeds[1] % 2])
        for number, step in enumerate(self.steps):
            scores = _STEPS[step](scores, key, bias, self.seeds[2 + number])
        return [_ENDS[end](scores, v, q) for end in self.ends]


def _mask(scores: Any, key: Any, bias: Any, seed: int) -> Any:
    _, rows, columns = scores.shape
    seen = ops.arange(rows)[:, None] * 2 >= ops.arange(columns)[None, :]
    return ops.where(seen, scores, BIG)


def _seen(scores: Any, key: Any, bias: Any, seed: int) -> Any:
    """Masks of places as people write them; what is not seen is any number, or nothing."""
    _, rows, columns = scores.shape
    row, column = np.arange(rows)[:, None], np.arange(columns)[None, :]
    far = rows // 4 + seed % 7 - 3
    masks = [
        lambda: ops.arange(rows)[:, None] + far >= ops.arange(columns)[None, :],
        lambda: ops.logical_not(ops.arange(columns) > ops.reshape(ops.arange(rows), (-1, 1)) + far),
        lambda: ops.cast(ops.tril(ops.ones((rows, columns)), far), "bool"),
        lambda: ops.logical_and(row + far >= column, ops.arange(columns) % 3 != 1),
        lambda: ops.convert_to_tensor(np.abs(row - column) <= far),
    ]
    hidden = [BIG, 0.0, -1e9, float("-inf")][seed // 5 % 4]
    return ops.where(masks[seed % 5](), scores, hidden)


def _dropped(scores: Any, key: Any, bias: Any, seed: int) -> Any:
    kept = P.random_bits(key + np.uint32(seed % 100), shape=tuple(scores.shape)) >= np.uint32(1 << 30)
    return ops.where(kept, scores * 1.25, 0.0)


_STEPS: list[Callable[[Any, Any, Any, int], Any]] = [
    lambda s, key, bias, seed: s * 0.5,
    lambda s, key, bias, seed: s + bias,
    lambda s, key, bias, seed: ops.tanh(s),
    lambda s, key, bias, seed: ops.softmax(s, -1),
    lambda s, key, bias, seed: ops.log_softmax(s, -1),
    lambda s, key, bias, seed: s - ops.mean(s, -1, keepdims=True),
    lambda s, key, bias, seed: s / (1 + ops.max(ops.abs(s), -1, keepdims=True)),
    lambda s, key, bias, seed: ops.cumsum(s, -1) * 0.1,
    lambda s, key, bias, seed: ops.flip(s, -1),
    lambda s, key, bias, seed: ops.transpose(ops.tanh(ops.transpose(s, (0, 2, 1))), (0, 2, 1)),
    lambda s, key, bias, seed: s + ops.mean(ops.tanh(s)),
    lambda s, key, bias, seed: s * ops.sigmoid(ops.sum(s, 1, keepdims=True)),
    lambda s, key, bias, seed: ops.concatenate([s[..., :5], ops.tanh(s[..., 5:])], -1),
    _mask,
    _dropped,
    _seen,
    lambda s, key, bias, seed: ops.softmax(_seen(s, key, bias, seed), -1),
]

_ENDS: list[Callable[[Any, Any, Any], Any]] = [
    lambda s, v, q: ops.einsum("brc,bcd->brd", s, v),
    lambda s, v, q: ops.einsum("brc,brd->bcd", s, q),
    lambda s, v, q: ops.max(s, -1),
    lambda s, v, q: ops.sum(ops.where(ops.arange(s.shape[-1]) == ops.argmax(s, -1)[..., None], s, 0.0), -1),
    lambda s, v, q: ops.sum(s, -1),
    lambda s, v, q: ops.sum(s, 1),
    lambda s, v, q: ops.mean(s * s),
    lambda s, v, q: ops.logsumexp(s, -1),
    lambda s, v, q: ops.sum(ops.where(ops.arange(s.shape[-1]) == 3, s, 0.0), -1),
]


def differences(seed: int, batch: int = 2) -> tuple[int, list[str]]:
    """How many loops a program has in blocks, and what of its results differs, as NumPy runs both."""
    from pronghorn.engine.backends.numpy import run
    from pronghorn.engine.compiler.blocks import compute_in_blocks
    from pronghorn.engine.compiler.simplify import simplify
    from pronghorn.engine.graph.verify import verify

    program = Program(seed)
    graph = simplify(program.traced().graph)
    given = program.arrays(batch)
    blocked = compute_in_blocks(graph)
    verify(blocked)
    with np.errstate(all="ignore"):
        expected, found = run(graph, given), run(simplify(blocked), given)
    wrong = []
    for number, (x, y) in enumerate(zip(found, expected, strict=True)):
        scale = max(1.0, float(np.max(np.abs(np.nan_to_num(y)), initial=0.0)))
        if x.shape != y.shape or x.dtype != y.dtype or not np.allclose(x, y, 1e-3, 1e-4 * scale, equal_nan=True):
            wrong.append(f"seed {seed}: result {number} of {program.steps} {program.ends}")
    return sum(node.prim is P.scan for node in blocked.nodes), wrong


def main(first: int, last: int) -> None:
    from pronghorn.engine.compiler.blocks import columns, regions
    from pronghorn.engine.compiler.blocks import loops as block_loops

    regions.LEAST_WIDE_ELEMENTS, regions.LEAST_WIDE_GAIN, regions.FEWEST_WIDE_ROWS = 64, 1, 4
    block_loops.WIDE_BLOCK_ELEMENTS, block_loops.LEAST_ROWS = 100, 2
    columns.BAND_COLUMNS, columns.LEAST_BAND_ROWS = 4, 4
    loops = 0
    for seed in range(first, last):
        found, wrong = differences(seed, seed % 4)
        loops += found
        for line in wrong:
            print(line, flush=True)
    print(f"{last - first} programs, {loops} loops")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
