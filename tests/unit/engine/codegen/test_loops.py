"""Loop kernels: vectors over extents of any size, and one function for kernels that differ in their extents."""

import re

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.calls.jit import jit
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

EXTENTS = (0, 1, 3, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 96, 100, 112, 129)  # around one and several registers


def _functions(fn, shapes):
    built = build(trace(fn, [Aval(shape, "float32") for shape in shapes]), (), host_target(), False)
    return [launch.function for launch in built.emitted.launches]


@pytest.mark.parametrize("target", ["host", "sse2", "avx512-emulated"])
def test_sums_over_rows_and_columns_of_any_extent(target, on_target):
    on_target(target)
    rng = np.random.default_rng(0)
    xs = [rng.integers(-9, 9, (37, extent)).astype("int32") for extent in EXTENTS]
    results = jit(lambda xs: [(ops.sum(x, 0) * 2, ops.sum(x, 1), x * x[:1]) for x in xs])(xs)
    for x, (columns, rows, products) in zip(xs, results):
        np.testing.assert_array_equal(columns, x.sum(0) * 2)
        np.testing.assert_array_equal(rows, x.sum(1))
        np.testing.assert_array_equal(products, x * x[:1])


@pytest.mark.parametrize("extent", [24, 100, 240])
def test_sums_of_many_rows(extent):
    x = np.random.default_rng(0).integers(-9, 9, (5003, extent)).astype("float32")
    sums, squares = jit(lambda x: [ops.sum(x, 0), ops.sum(x * x, 0)])(x)
    np.testing.assert_array_equal(sums, x.sum(0))
    np.testing.assert_array_equal(squares, (x * x).sum(0))


def test_lanes_that_are_a_constant_apart_are_gathered_from_one_address():
    """Instruction selection makes no such address of a vector of row numbers times the length of a row."""
    traced = trace(lambda x: [ops.sum(x, 1)], [Aval((Dim.symbol("batch"), 3), "float32")])
    text = build(traced, (), host_target(), False).text
    assert "masked.gather" in text and not re.search(r"mul <\d+ x i64>", text)


@pytest.mark.parametrize("rows", [0, 1, 15, 100])
def test_rows_and_columns_far_apart(rows):
    """Gathers in both directions, with steps that are known and that are not, and across a remainder."""
    x = np.arange(rows * 21, dtype="float32").reshape(rows, 7, 3)
    turned = jit(lambda x: [ops.sum(x, 2), ops.cumsum(x[:, :, ::-1], 0)[:, ::2, 1], ops.roll(x, 2, 1)[..., 0] * 2])(x)
    expected = [x.sum(2), np.cumsum(x[:, :, ::-1], 0)[:, ::2, 1], np.roll(x, 2, 1)[..., 0] * 2]
    for got, wanted in zip(turned, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_kernels_that_differ_in_extents_are_one_function():
    def fn(*xs):
        return [ops.sin(x) * ops.reshape(ops.cos(x[0, 0]), (1, -1)) for x in xs]

    batch = Dim.symbol("batch")
    shapes = [(batch, 14, 96), (batch, 7, 160), (batch, 28, 320)]
    functions, few = _functions(fn, shapes), len(set(_functions(fn, shapes[:1])))
    assert len(functions) >= 3 and len(set(functions)) == few
    # but for arrays that may be larger than the caches, past which x86-64's wide vectors are stored
    target = host_target()
    past = target.arch == "x86_64" and target.vector_bits >= 256
    assert len(set(_functions(fn, [*shapes, (batch, 28, 1280)]))) == few + past


def test_filled_constants_are_numbers_in_the_code():
    def fn(*xs):
        return [x * ops.full(x.shape, 0.25) + ops.full(x.shape, 0.5) for x in xs]

    assert len(set(_functions(fn, [(32,), (48,), (4096,)]))) == 1
