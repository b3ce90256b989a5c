"""A large array is quantized in pieces: the same bits as at once, and little memory on the way."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from pronghorn import layers, ops, quantizers
from pronghorn.quantizers import pieces
from pronghorn.quantizers.groups import abs_max_quantize_grouped_with_zero_point

DTYPES = ["float32", "float16", ml_dtypes.bfloat16]


def equal(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, -1, 1, (0, 2), [1], None, (0, 1, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_integers_by_the_largest_size(monkeypatch, axis, dtype, order):
    x = np.random.default_rng(0).standard_normal((7, 150, 3)).astype(dtype, order=order)
    x[0, 0], x[1, 1] = 0.0, -0.0
    expected = quantizers.abs_max_quantize(x, axis, to_numpy=True)
    monkeypatch.setattr(pieces, "_AT_ONCE", 64)
    monkeypatch.setattr(pieces, "_LEAST", 2)
    equal(quantizers.abs_max_quantize(x, axis, to_numpy=True), expected)
    equal(quantizers.abs_max_quantize(ops.convert_to_tensor(x), axis, to_numpy=True), expected)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (5, 1), (1, 5), (130, 67), (128, 64)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_integers_by_groups(monkeypatch, shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    expected = abs_max_quantize_grouped_with_zero_point(x, 32, to_numpy=True) if x.size else None
    monkeypatch.setattr(pieces, "_AT_ONCE", 64)
    monkeypatch.setattr(pieces, "_LEAST", 2)
    if expected is not None:
        equal(abs_max_quantize_grouped_with_zero_point(x, 32, to_numpy=True), expected)
    equal(quantizers.abs_max_quantize(x, 0, to_numpy=True), quantizers.abs_max_quantize(x, [0], to_numpy=True))


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("kind", [layers.Dense, layers.Embedding])
def test_what_a_layer_takes_on_the_way_to_few_bits(mode, kind):
    layer = layers.Dense(2048) if kind is layers.Dense else layers.Embedding(2048, 2048)
    layer.build((None, 2048))
    size = 2048 * 2048 * 4
    tracemalloc.start()
    try:
        layer.quantize(mode)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.0 * size  # beside the floats; for all at once it was four to five times
