"""The tutorial's network in eight bits: what is lost on the 10,000 test pictures."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, quantizers

SETTINGS = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def network():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def copy(model, rate):
    made = network()
    made.set_weights(model.get_weights())
    made.compile(keras.optimizers.Adam(rate), **SETTINGS)
    return made


@pytest.mark.slow
def test_the_tutorials_network_loses_little():
    """A twentieth of a point at most by looking at data, and no more by training with rounded numbers."""
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, x_test = ((images / 255.0).astype("float32")[..., np.newaxis] for images in (x, x_test))
    keras.utils.set_random_seed(1)

    def trained(model):
        model.fit(x, y, epochs=1, batch_size=128, verbose=0)
        return model

    def points(model):
        return 100 * model.evaluate(x_test, y_test, batch_size=500, verbose=0)[1]

    first = trained(copy(network(), 1e-3))
    static = copy(first, 1e-3)
    assert static.quantize("int8", calibration=x[:500]).num_quantized >= 1
    assert points(static) > points(first) - 0.05 > 90

    prepared = copy(first, 1e-4)
    quantizers.prepare(prepared, x[:500])
    rounded = points(trained(prepared))
    quantizers.convert(prepared)
    assert abs(points(prepared) - rounded) < 0.02
    assert points(prepared) > points(first) - 0.05
