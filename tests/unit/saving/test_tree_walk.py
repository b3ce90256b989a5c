"""Where in a weights file the layers of users' classes are; Keras's own files have these paths."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from pronghorn import Sequential, layers
from pronghorn.utils.naming import to_snake_case


class HoldsLayers(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.layers = [layers.Dense(2), layers.Dense(2)]

    def call(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class SetsItsLayers(HoldsLayers):
    def __init__(self, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self._layers = [layers.Dense(2), layers.Dense(2)]

    @property
    def layers(self):
        return self._layers


class ShowsThem(HoldsLayers):
    def __init__(self, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self._hidden, self.box = [layers.Dense(2)], {"last": layers.Dense(2)}

    @property
    def every(self):
        return [*self._hidden, *self.box.values()]

    layers = every

    @property
    def broken(self):
        raise RuntimeError("asked for its value")


@pytest.mark.parametrize(
    ("cls", "below"),
    [
        (HoldsLayers, ["layers/dense", "layers/dense_1"]),
        (SetsItsLayers, ["layers/dense", "layers/dense_1"]),
        (ShowsThem, ["box/dense", "every/dense"]),
    ],
)
def test_layers_are_saved_below_the_names_that_keras_saves_them_by(tmp_path, cls, below):
    model = Sequential([layers.Input((3,)), cls(name="own")])
    before = model.get_weights()
    model.save_weights(tmp_path / "a.weights.h5")
    found = []
    with h5py.File(tmp_path / "a.weights.h5") as file:
        file.visititems(lambda name, entry: found.append(name) if isinstance(entry, h5py.Dataset) else None)
    folder = f"layers/{to_snake_case(cls.__name__)}"
    assert found == [f"{folder}/{name}/vars/{i}" for name in below for i in (0, 1)]
    for weight in model.weights:
        weight.assign(weight * 0)
    model.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
