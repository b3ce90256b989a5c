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


@pytest.mark.mostly_slow(every=8)
@pytest.mark.parametrize(
    ("layer", "extent"),
    [
        (lambda: layers.Conv1D(4, 3, padding="same"), 0),
        (lambda: layers.Conv1D(4, 3, strides=2, padding="same"), 0),
        (lambda: layers.Conv1D(4, 3, dilation_rate=2, padding="causal"), 0),
        (lambda: layers.SeparableConv1D(4, 3, padding="same"), 0),
        (lambda: layers.Conv1DTranspose(4, 3, strides=2, padding="same"), 0),
        (lambda: layers.Conv1DTranspose(4, 3), 2),  # the bias alone
        (lambda: layers.MaxPooling1D(2, padding="same"), 0),
        (lambda: layers.AveragePooling1D(3, strides=1, padding="same"), 0),
    ],
)
def test_an_axis_without_elements_stays_one_where_there_is_padding(layer, extent):
    """As it does in Keras on JAX. Of a model for any number of steps, too, called with 5 of them before."""
    layer = layer()
    layer.build((None, None, 3))
    none, some = np.zeros((2, 0, 3), "float32"), np.ones((2, 5, 3), "float32")
    compiled = jit(layer)
    compiled(some)
    assert layer(none).shape == compiled(none).shape == layer.compute_output_shape(none.shape)
    assert layer(none).shape[1] == extent
    if layer.trainable_variables:
        loss = value_and_grad(lambda x: ops.sum(layer(x) ** 2), layer.trainable_variables)
        for value, gradients in (loss(none), jit(loss)(none)):
            assert float(value) == 0
            assert not any(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(2, name="memory"),
        layers.LSTM(2, dropout=0.5, name="memory"),
        layers.GRU(2, unroll=True, name="memory"),
        layers.RNN(layers.SimpleRNNCell(2), return_sequences=True, name="memory"),
    ],
)
def test_a_sequence_without_steps_is_refused(layer, training):
    """Before work is done, by the name of the layer; Keras ends with an index out of range."""
    with pytest.raises(ValueError, match=r"'memory'.*at least one time step.*\(2, 0, 3\)"):
        layer(np.zeros((2, 0, 3), "float32"), training=training)
