"""Layers, losses, metrics and optimizers called on what does not fit: the error names them and what came."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, losses, metrics, optimizers


def ones(*shape):
    return np.ones(shape, "float32")


CASES = {
    "no inputs": (
        lambda: layers.Dense(2, name="head")(),
        r"'head' \(Dense\) takes inputs, training: missing.*'inputs'",
    ),
    "an unknown argument": (lambda: layers.Dense(2)(ones(2, 3), flag=1), r"takes inputs, training.*'flag'"),
    "no value": (lambda: layers.MultiHeadAttention(2, 3)(ones(2, 3, 4)), r"takes query, value.*missing.*'value'"),
    "a list of one": (lambda: layers.Dense(2)([ones(2, 3)]), r"Dense.*takes one array.*list of 1"),
    "a dict": (lambda: layers.Dense(2)({"a": ones(2, 3)}), r"Dense.*takes one array.*dict of 1"),
    "two inputs": (lambda: layers.LSTM(2)([ones(2, 3, 4)] * 2), r"LSTM.*expects 1 input.*got 2.*\(2, 3, 4\)"),
    "an unbuilt layer": (lambda: layers.LSTM(2, name="rnn")(ones(2, 3)), r"LSTM\) takes inputs with 3 axes.*x\[None\]"),
    "a loss": (
        lambda: losses.MeanSquaredError()(ones(3, 2), ones(4, 5)),
        r"loss 'mean_squared_error'.*y_true \(3, 2\), y_pred \(4, 5\)",
    ),
    "a loss's weights": (
        lambda: losses.MeanSquaredError(name="gap")(ones(3, 2), ones(3, 2), sample_weight=ones(5)),
        r"loss 'gap'.*sample_weight \(5,\)",
    ),
    "a metric": (
        lambda: metrics.Accuracy(name="hits")(ones(3), ones(4)),
        r"metric 'hits'.*y_true \(3,\), y_pred \(4,\)",
    ),
    "gradients": (
        lambda: optimizers.SGD(name="plain").apply([ones(3)], [pronghorn.Variable(ones(2), name="w")]),
        r"plain: the gradient for the variable 'w' of shape \(2,\) has shape \(3,\).*order",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    make, pattern = CASES[name]
    with pytest.raises((ValueError, TypeError), match=pattern) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_loss_in_training_is_named():
    model = pronghorn.Sequential([layers.Input((3,)), layers.Dense(2)])

    def far(y_true, y_pred):
        return y_pred[:, :5] @ y_true

    model.compile("sgd", far)
    with pytest.raises(ValueError, match="loss 'far'.*Shapes received: y_true.*y_pred"):
        model.fit(ones(4, 3), ones(4, 2), verbose=0)
