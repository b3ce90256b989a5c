"""Of 0.0 and -0.0 the first is the larger: at once and compiled, on any machine, at any number of elements."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pronghorn
from pronghorn import ops
from pronghorn.engine.graph import primitives as P

TARGETS = ("sse2", "avx2-emulated", "avx512-emulated")
SHAPES = ((2,), (5, 4), (9, 33), (64, 17), (3, 200))


def larger(x, y):
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y))


def smaller(x, y):
    return -larger(-x, -y)


def zeros(shape):
    """Mostly -0.0, and a 0.0 here and there."""
    return np.random.default_rng(0).choice(np.float32([0.0, -0.0, -1.0, np.nan]), shape, p=(0.1, 0.6, 0.25, 0.05))


def assert_same_bits(result, expected, dtype):
    result = np.asarray(ops.cast(result, "float32"))
    np.testing.assert_array_equal(result, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(result)[numbers], np.signbit(expected)[numbers], err_msg=dtype)


@pytest.fixture(params=["numpy", "eager", *TARGETS])
def calls(request, monkeypatch):
    """What runs a function: the NumPy backend, kernels of eager calls, or code for a machine."""
    if request.param == "eager":
        return lambda function, *arrays: function(*arrays)
    name = "PRONGHORN_BACKEND" if request.param == "numpy" else "PRONGHORN_TARGET"
    monkeypatch.setenv(name, request.param)
    return lambda function, *arrays: pronghorn.jit(function)(*arrays)


@pytest.mark.mostly_slow(every=4)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_of_two(calls, dtype):
    pairs = np.float32([[a, b] for a in (0, -0.0, 1, -1, np.nan) for b in (0, -0.0, 1, -1, np.inf)])
    x, y = (np.tile(column, 11) for column in pairs.T)
    for op, meaning in ((ops.maximum, larger), (ops.minimum, smaller)):
        assert_same_bits(calls(op, *(ops.cast(v, dtype) for v in (x, y))), meaning(x, y), dtype)
        for constant in (0.0, -0.0, 1.0):
            expected = meaning(x, np.float32(constant))
            assert_same_bits(calls(lambda v, op=op, c=constant: op(v, c), ops.cast(x, dtype)), expected, dtype)
            assert_same_bits(calls(lambda v, op=op, c=constant: op(c, v), ops.cast(x, dtype)), expected, dtype)


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_along_an_axis(calls, shape):
    x = zeros(shape)
    for axis in range(x.ndim):
        for op, running, meaning in ((ops.max, P.cummax, larger), (ops.min, P.cummin, smaller)):
            so_far = [functools.reduce(meaning, np.moveaxis(x, axis, 0)[: n + 1]) for n in range(shape[axis])]
            assert_same_bits(calls(lambda v, op=op, axis=axis: op(v, axis=axis), x), so_far[-1], "float32")
            found = calls(lambda v, running=running, axis=axis: running(v, axis=axis, reverse=False), x)
            assert_same_bits(found, np.stack(so_far, axis), "float32")


def test_in_windows(calls):
    x = zeros((2, 8, 8, 3))
    corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    assert_same_bits(calls(lambda v: ops.max_pool(v, 2), x), functools.reduce(larger, corners), "float32")


def test_in_a_convolution_that_pools_its_result(calls):
    """Where a window has zeros of both signs: those of a product with 1 are the input's."""
    x = np.where(zeros((2, 8, 8, 1)) == 0, np.float32(1), np.float32(-1))

    def pooled(v, kernel):
        return ops.max_pool(ops.conv(v, kernel, padding="same") * 0.0, 2)

    corners = [x[:, i::2, j::2] * np.float32(0) for i in (0, 1) for j in (0, 1)]
    expected = np.repeat(functools.reduce(larger, corners), 16, axis=-1)
    assert_same_bits(calls(pooled, x, np.ones((1, 1, 1, 16), "f4")), expected, "float32")


def test_in_segments(calls):
    x, segments = zeros((40, 5)), np.arange(40, dtype="i4") // 7
    for op, meaning in ((ops.segment_max, larger), (ops.segment_min, smaller)):
        expected = np.stack([functools.reduce(meaning, x[segments == k]) for k in range(6)])
        assert_same_bits(calls(lambda v, op=op: op(v, segments, num_segments=6), x), expected, "float32")
