"""Products and convolutions of int8 by compiled code: the integers of NumPy, whatever the layout."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import ops

CONVOLUTIONS = {
    "padded": ((2, 9, 11, 32), (3, 3, 32, 24), {"padding": "same"}),
    "few channels": ((2, 9, 11, 3), (5, 5, 3, 16), {"padding": "same", "strides": 2}),
    "dilated": ((2, 12, 12, 64), (3, 3, 64, 8), {"dilation_rate": 2}),
    "one by one": ((2, 7, 7, 64), (1, 1, 64, 128), {}),
    "strided": ((2, 8, 8, 32), (1, 1, 32, 32), {"strides": 2}),
    "groups": ((2, 8, 8, 32), (3, 3, 8, 32), {"padding": "same"}),
    "series": ((3, 40, 16), (5, 16, 32), {"padding": "causal"}),
    "volumes": ((1, 5, 6, 7, 16), (3, 3, 3, 16, 16), {"padding": "same"}),
    "empty": ((0, 8, 8, 32), (3, 3, 32, 32), {"padding": "same"}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name):
    shape, window, options = CONVOLUTIONS[name]
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-128, 128, s).astype("int8") for s in (shape, window))
    found = pronghorn.jit(lambda x, w: ops.conv(x, w, **options))(x, w)
    wide = ops.conv(x.astype("float64"), w.astype("float64"), **options).numpy()
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found.numpy(), wide)


@pytest.mark.parametrize("rows", [0, 1, 17, 100], ids="rows{}".format)
def test_products_and_what_follows(rows):
    """Scales, a bias and rounding to bytes again are part of the kernel; the result is that of integers in NumPy."""
    rng = np.random.default_rng(1)
    x, w = (rng.integers(-128, 128, s).astype("int8") for s in ((rows, 70), (70, 40)))
    scale, bias = rng.uniform(1e-4, 1e-3, 40).astype("float32"), rng.normal(size=40).astype("float32")

    @pronghorn.jit
    def requantized(x, w):
        floats = ops.cast(ops.matmul(x, w), "float32") * scale + bias
        return ops.cast(ops.clip(ops.round(floats), -128, 127), "int8")

    floats = (x.astype("int32") @ w.astype("int32")).astype("float64") * scale + bias
    found, expected = requantized(x, w).numpy(), np.clip(np.rint(floats), -128, 127)
    assert found.dtype == np.int8 and (np.abs(found - expected) <= (np.abs(floats % 1 - 0.5) < 1e-4)).all()
