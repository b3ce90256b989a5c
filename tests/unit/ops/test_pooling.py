"""Pooling over large windows, one axis after the other."""

import numpy as np
import pytest

from pronghorn import GradientTape, Variable, jit, ops
from pronghorn.engine.graph import primitives as P
from pronghorn.ops.nn import pooling

CASES = [
    ((2, 9, 7, 3), (5, 5), 1, "same"),
    ((2, 9, 7, 3), (5, 4), 1, "valid"),
    ((1, 17, 16, 2), (7, 7), 2, "same"),
    ((1, 17, 16, 2), (6, 9), (2, 3), "valid"),
    ((2, 6, 5, 7, 2), (3, 3, 3), 1, "same"),
    ((0, 9, 9, 3), (5, 5), 1, "same"),
    ((1, 5, 5, 1), (5, 5), 1, "valid"),
]


def _both(x, size, strides, padding):
    """Results, and gradients by x, of `max_pool` and of one primitive for all axes."""
    geometry = pooling._geometry("max_pool", ops.convert_to_tensor(x), size, strides, padding)
    assert len(pooling._by_axes(geometry)) == len(size)
    found = []
    for pool in (lambda v: ops.max_pool(v, size, strides, padding), lambda v: P.window_max(v, **geometry)):
        value = Variable(x)
        with GradientTape() as tape:
            y = pool(ops.convert_to_tensor(value))
            weighted = ops.sum(y * ops.reshape(ops.arange(y.size, dtype="float32") % 7, y.shape))
        found.append((y.numpy(), tape.gradient(weighted, value).numpy(), jit(pool)(x).numpy()))
    return found


@pytest.mark.parametrize(("shape", "size", "strides", "padding"), CASES)
@pytest.mark.parametrize("kind", ["ties", "ends"])
def test_axis_by_axis_gives_the_same(shape, size, strides, padding, kind):
    x = np.random.default_rng(0).integers(-2, 3, shape).astype("float32")
    if kind == "ends":
        x[x == 2], x[x == -2] = np.inf, -np.inf
    for one, other in zip(*_both(x, size, strides, padding), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_nan_stays_within_the_windows_that_have_it():
    x = np.zeros((1, 12, 12, 1), "float32")
    x[0, 3, 4, 0] = np.nan
    found = ops.max_pool(x, 5, 1, "same").numpy()[0, :, :, 0]
    wanted = np.zeros((12, 12), bool)
    wanted[1:6, 2:7] = True
    np.testing.assert_array_equal(np.isnan(found), wanted)


def test_windows_that_share_little_are_taken_at_once():
    x = ops.ones((1, 12, 12, 1))
    for size, strides in (((2, 2), 2), ((3, 3), 2), ((3, 3), 1), ((4, 1), 1)):
        assert len(pooling._by_axes(pooling._geometry("max_pool", x, size, strides, "valid"))) == 1
