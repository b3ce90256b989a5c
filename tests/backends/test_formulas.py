"""Formulas in terms of the NumPy backend's own table, beside what that backend says."""

import numpy as np
import pytest

from pronghorn.engine.backends.formulas import Formulas
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes

FORMULAS = Formulas(IMPLEMENTATIONS, np.shape, lambda x: dtypes.name_of(x.dtype))


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("extent", [0, 1, 4, 7])
def test_unpool(extent, size, dilation, stride):
    """Windows that overlap, lie side by side and leave gaps; along the other axis they always overlap."""
    border = (0, max((size - 1) * dilation + 1 - extent, 1))
    how = {"window": (size, 3), "strides": (stride, 2), "padding": (border, (1, 1)), "dilation": (dilation, 1)}
    rng = np.random.default_rng(0)
    argmax = IMPLEMENTATIONS["window_argmax"](rng.random((extent, 6), "float32"), **how)
    g = rng.random(argmax.shape, "float32")
    expected = IMPLEMENTATIONS["unpool"](g, argmax, input_shape=(extent, 6), **how)
    found = FORMULAS.unpool(g, argmax, input_shape=(extent, 6), **how)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)
