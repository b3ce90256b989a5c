"""A batch without rows, such as what a filter leaves of one, goes through layers like any other."""

import numpy as np
import pytest

from pronghorn import jit, layers, ops, value_and_grad


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv1D(6, 3, groups=3),
        lambda: layers.Conv1DTranspose(4, 3, strides=2),
        lambda: layers.DepthwiseConv1D(3),
        lambda: layers.SeparableConv1D(4, 3),
        lambda: layers.MaxPooling1D(3, strides=1, padding="same"),
        lambda: layers.AveragePooling1D(3, padding="same"),
    ],
)
def test_convolutions_and_pooling(layer):
    layer = layer()
    layer.build((None, 6, 3))
    empty, full = np.zeros((0, 6, 3), "float32"), np.ones((2, 6, 3), "float32")
    expected = (0, *layer(full).shape[1:])
    assert layer(empty).shape == jit(layer)(empty).shape == expected
    if layer.trainable_variables:
        value, gradients = value_and_grad(lambda x: ops.sum(layer(x) ** 2), layer.trainable_variables)(empty)
        assert float(value) == 0
        assert not any(np.any(gradient) for gradient in gradients)


def test_a_pooled_axis_must_not_be_empty():
    with pytest.raises(ValueError, match="larger inputs"):
        layers.MaxPooling1D(2)(np.ones((2, 0, 3), "float32"))
