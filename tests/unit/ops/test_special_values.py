"""Functions where a plain formula would overflow, cancel or lose its order: tails, powers of two, NaN and bools."""

import math

import ml_dtypes
import numpy as np
import pytest

from pronghorn import ops
from pronghorn.calls.jit import jit

FLOATS = ("float16", ml_dtypes.bfloat16, "float32", "float64")


@pytest.mark.parametrize("dtype, least, tolerance", [("float32", 1.2e-38, 5e-7), ("float64", 1e-300, 1e-13)])
def test_erfc_keeps_its_digits(dtype, least, tolerance):
    x = np.concatenate([np.linspace(-6, 27, 20_001), [0.5, np.nextafter(0.5, 0), 1e-30]]).astype(dtype)
    expected = np.array([math.erfc(v) for v in x])
    (got,) = jit(lambda x: [ops.erfc(x)])(x)
    seen = expected >= least
    assert str(got.dtype) == dtype
    np.testing.assert_allclose(got.numpy()[seen], expected[seen], rtol=tolerance)
    assert got.numpy()[~seen].max() <= least


@pytest.mark.parametrize("dtype", FLOATS)
def test_erfc_of_special_values(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.5], dtype)
    expected = np.array([np.nan, 0, 2, 1, 1, math.erfc(2.5)], dtype)
    for got in (ops.erfc(x), *jit(lambda x: [ops.erfc(x)])(x)):
        np.testing.assert_allclose(got.numpy().astype("f8"), expected.astype("f8"), rtol=1e-6)


def test_gradient_of_erfc():
    x = np.array([-np.inf, -3, -0.0, 0.4999, 0.5, 2, 5, 9, 11, np.inf], "float32")
    (gradient,) = jit(lambda x: [ops.grad(lambda x: ops.sum(ops.erfc(x)))(x)])(x)
    expected = -2 / math.sqrt(math.pi) * np.exp(-(x.astype("f8") ** 2))
    np.testing.assert_allclose(gradient, expected, rtol=2e-6, atol=1e-37)


@pytest.mark.parametrize("dtype", FLOATS)
def test_ldexp_is_exact(dtype):
    rng = np.random.default_rng(0)
    most = 30 if dtype == "float16" else 300
    exponents = np.concatenate([rng.integers(-most, most, 3000), [128, 5, -3, 1, 2**31 - 1, -(2**31), 2**31 - 1]])
    mantissas = np.concatenate([rng.standard_normal(3000), [0.0, -0.0, np.inf, np.nan, 0.0, np.inf, -1.0]])
    with np.errstate(over="ignore"):
        x = np.ldexp(mantissas, np.concatenate([rng.integers(-most // 2, most // 2, 3000), np.zeros(7, "i4")]))
        x = x.astype(dtype)
        expected = np.ldexp(x.astype("f8"), np.clip(exponents, -3000, 3000).astype("i4")).astype(dtype)
    exponents = exponents.astype("int32")
    (got,) = jit(lambda x, exponents: [ops.ldexp(x, exponents)])(x, exponents)
    np.testing.assert_array_equal(got.numpy().astype("f8"), expected.astype("f8"))
    np.testing.assert_array_equal(np.signbit(got.numpy().astype("f8")), np.signbit(expected.astype("f8")))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
def test_exponents_of_other_types(kind):
    got = ops.ldexp(np.array([[1.0], [2.0]], "float32"), np.array([0, 3, np.iinfo(kind).max], kind))
    assert got.tolist() == [[1, 8, math.ldexp(1, 127) if kind == "int8" else math.inf], [2, 16, math.inf]]


@pytest.mark.parametrize("dtype", [*FLOATS[:3], ml_dtypes.float8_e5m2])
def test_unique_puts_nan_last(dtype):
    x = np.array([2, np.nan, 1, 2, np.nan, 1], dtype)
    values, inverse, counts = ops.unique(x, return_inverse=True, return_counts=True)
    assert values.numpy().dtype == x.dtype
    np.testing.assert_array_equal(values.numpy().astype("f4"), [1, 2, np.nan, np.nan])
    assert counts.tolist() == [2, 2, 1, 1] and inverse.tolist()[2:4] == [0, 1]


def test_segments_of_bools():
    data, segments = np.array([True, False, True]), np.array([0, 1, 1])
    for largest, least in (
        (ops.segment_max(data, segments, 3), ops.segment_min(data, segments, 3)),
        jit(lambda d, s: [ops.segment_max(d, s, 3), ops.segment_min(d, s, 3)])(data, segments),
    ):
        assert largest.dtype == least.dtype == "bool"
        assert largest.tolist() == [True, True, False] and least.tolist() == [True, False, True]


@pytest.mark.parametrize("order", [1, 2, np.inf, "fro", "nuc", None])
@pytest.mark.parametrize("shape", [(2, 0, 3), (2, 3, 0)])
def test_norms_of_nothing(order, shape):
    assert ops.norm(np.zeros(shape, "float32"), ord=order, axis=(1, 2)).tolist() == [0, 0]
    if isinstance(order, int | float):
        assert ops.norm(np.zeros((2, 0), "float32"), ord=order, axis=1).tolist() == [0, 0]


@pytest.mark.parametrize("compiled", [False, True])
def test_tails_of_the_exact_gelu(compiled):
    """Values, and terms of slopes, beside those in float64; rounding ``x / sqrt(2)`` sets the limit."""
    x = np.linspace(-12.5, 5, 3000, dtype="float32")

    def both(x):
        gelu = lambda x: ops.gelu(x, approximate=False)  # noqa: E731
        return [gelu(x), ops.grad(lambda x: ops.sum(gelu(x)))(x)]

    wide = x.astype("float64")
    probability = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in wide])
    bell = wide * np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    values, slopes = (jit(both) if compiled else both)(x)
    errors = (
        np.abs(np.asarray(values) - wide * probability) / np.abs(wide * probability),
        np.abs(np.asarray(slopes) - probability - bell) / (probability + np.abs(bell)),
    )
    for error in errors:
        assert (error <= 2.0**-23 * (4 + wide * wide)).all(), (x[error.argmax()], error.max())
