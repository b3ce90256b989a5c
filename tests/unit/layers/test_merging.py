"""Merging layers where masks say that an input is not valid."""

import numpy as np
import pytest

from pronghorn import layers, ops


def _masked(values, mask):
    x = ops.array(np.asarray(values, "float32").reshape(1, -1, 1))
    x._keras_mask = ops.array([mask])
    return x


@pytest.mark.parametrize(
    ("name", "expected"), [("Multiply", [15, 4, 5, 0]), ("Maximum", [5, 4, 5, 3]), ("Minimum", [3, 4, 5, 3])]
)
def test_an_input_that_is_not_valid_leaves_the_other(name, expected):
    """The first, where neither is; a product has no factors there and is zero."""
    a = _masked([3, 4, -2, 3], [True, True, False, False])
    b = _masked([5, 9, 5, 8], [True, False, True, False])
    y = getattr(layers, name)()([a, b])
    np.testing.assert_array_equal(y.numpy().ravel(), expected)
    np.testing.assert_array_equal(y._keras_mask.numpy(), [[True, True, True, False]])


@pytest.mark.parametrize(("name", "expected"), [("Multiply", [15, 5]), ("Maximum", [5, 5]), ("Minimum", [3, 5])])
def test_an_input_without_a_mask_is_valid(name, expected):
    y = getattr(layers, name)()([_masked([3, 9], [True, False]), ops.array([[[5.0], [5.0]]])])
    np.testing.assert_array_equal(y.numpy().ravel(), expected)
    assert y._keras_mask is None


def test_cosines_over_another_axis_of_each():
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4)), np.random.default_rng(1).normal(size=(2, 5, 3))
    lengths = np.linalg.norm(x, axis=1)[:, :, None] * np.linalg.norm(y, axis=2)[:, None, :]
    cosines = layers.Dot(axes=(1, 2), normalize=True)([ops.array(x, "float32"), ops.array(y, "float32")])
    np.testing.assert_allclose(cosines.numpy(), np.einsum("bij,bki->bjk", x, y) / lengths, rtol=1e-5, atol=1e-6)
