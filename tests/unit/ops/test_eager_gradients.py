"""A gradient tape sees what ops do at once, also those that are more than a primitive."""

import numpy as np
import pytest

import pronghorn
from pronghorn import ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3,)).astype("float32")


def test_copy_is_new_and_passes_gradients():
    variable = pronghorn.Variable(X)
    copied = ops.copy(variable)
    variable.assign(X * 2)
    np.testing.assert_array_equal(copied.numpy(), X)
    _, slope = pronghorn.value_and_grad(lambda x: ops.sum(ops.copy(x) * X))(X)
    np.testing.assert_array_equal(slope.numpy(), X)


@pytest.mark.parametrize("part", [0, 1], ids=["result", "derivative"])
def test_jvp_is_differentiable(part):
    weight = pronghorn.Variable(2.0)

    def fn(x):
        return ops.sum(ops.jvp(lambda a: a * a * a * weight, (x,), (np.ones_like(X),))[part])

    _, slope = pronghorn.value_and_grad(fn)(X)
    np.testing.assert_allclose(slope.numpy(), [6 * X**2, 12 * X][part], rtol=1e-5)
    _, slope = pronghorn.value_and_grad(lambda: fn(ops.convert_to_tensor(X)), weight)()
    np.testing.assert_allclose(slope.numpy(), np.sum([X**3, 3 * X**2][part]), rtol=1e-5)
