"""`self.backend` of layers that derive from those that prepare data."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers


class Shifted(layers.Rescaling):
    def call(self, inputs):
        x = self.backend.cast(inputs, self.compute_dtype)
        return self.backend.numpy.multiply(x, self.scale) + self.backend.shape(x)[-1]


def test_functions_in_call():
    model = keras.Sequential([keras.Input((3,)), Shifted(2.0)])
    assert model.predict(np.ones((2, 3)), verbose=0).tolist() == [[5.0] * 3] * 2
    assert Shifted(2.0)(np.ones((2, 3))).tolist() == [[5.0] * 3] * 2


@pytest.mark.parametrize(
    "layer",
    [
        layers.Rescaling(1.0),
        layers.Normalization(),
        layers.Discretization([0.0]),
        layers.CategoryEncoding(2),
        layers.MelSpectrogram(),
        layers.RandomFlip(),
    ],
    ids=["rescaling", "normalization", "discretization", "categories", "mel", "flip"],
)
def test_who_has_it(layer):
    assert layer.backend.image.rgb_to_hsv is keras.ops.image.rgb_to_hsv
    assert layer.backend.random.uniform is keras.random.uniform and layer.backend.nn.relu is keras.ops.relu
    with pytest.raises(AttributeError, match="nothing"):
        _ = layer.backend.nothing
    assert not hasattr(layers.Dense(1), "backend")
