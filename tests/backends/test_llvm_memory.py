"""Compiled steps touch nothing beyond their arrays: on arrays between forbidden pages, in memory full of NaNs."""

import numpy as np
import pytest

from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

BATCH = Dim.symbol("batch")


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")


def check(function, avals, batches=(0, 1, 2, 16, 17)):
    traced = trace(function, avals)
    executable = Executable(traced)
    for batch in batches:
        rng = np.random.default_rng(batch)
        shapes = [[d.evaluate({"batch": batch}) if isinstance(d, Dim) else d for d in aval.shape] for aval in avals]
        arguments = [
            rng.integers(-3, 4, s).astype(dtypes.to_numpy(aval.dtype)) for s, aval in zip(shapes, avals, strict=True)
        ]
        expected = run(traced.graph, arguments)
        for _ in range(2):  # against the page behind, then the page before
            for got, wanted in zip(executable(*arguments), expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_temporaries_of_a_size_with_a_constant_part():
    """A batch of 0 leaves them their constant part."""

    def function(x, y):
        longer = P.cumsum(P.concatenate(x, y, axis=0), axis=0, reverse=False)
        other = P.cumsum(P.concatenate(y, x, axis=0), axis=0, reverse=True)
        return [P.reduce_sum(P.add(longer, other), axes=(0, 1)), P.cumsum(longer, axis=1, reverse=False)]

    check(function, [Aval((BATCH, 40), "float32"), Aval((30, 40), "float32")])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_guard_of_lanes_within_one_of_rows(dtype):
    """Where a row comes from another part, no lane is read from this one."""

    def function(x):
        low, high = (0, 0, 1, 0), (3, 0, 0, 3)
        wide = P.pad(x, P.constant(value=np.asarray(-2, dtypes.to_numpy(dtype))), low=low, high=high, interior=(0,) * 4)
        return [P.concatenate(wide, wide, wide, axis=1)]

    check(function, [Aval((BATCH, 1, 6, 5), dtype)])


def test_a_guard_whose_end_lies_before_its_start():
    """Spread out by a pad, no elements end before the first."""

    def function(x):
        total = P.reduce_sum(x, axes=(1,))
        return [P.pad(total, P.constant(value=np.float64(-1)), low=(3,), high=(3,), interior=(1,))]

    check(function, [Aval((BATCH, 9), "float64")])


def test_half_a_vector_that_is_not_there(monkeypatch):
    """Vectors of two registers each, of which the second holds nothing; LLVM must not find out and read it all."""
    monkeypatch.setenv("PRONGHORN_TARGET", "avx512-emulated")

    def function(x):
        shifted = P.pad(x, P.constant(value=np.float32(-2)), low=(0, 0, 1), high=(1, 0, -1), interior=(0,) * 3)
        return [P.reduce_sum(shifted, axes=(0,))]

    check(function, [Aval((4, 3, 8), "float32")], batches=(1,))
