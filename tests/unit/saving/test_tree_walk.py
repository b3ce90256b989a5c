"""Where in a weights file the layers of users' classes are; Keras's own files have these paths."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from pronghorn import Sequential, layers
from pronghorn.saving.tree_walk import _children_before, _walk, earlier_places, saveables
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


class ShowsTheFirst(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stack = [layers.Dense(2), layers.Dense(2)]
        self.layers = [*self.stack, layers.Dropout(0.5)]

    @property
    def entrance(self):
        return self.stack[0]

    def call(self, x):
        return self.stack[1](self.stack[0](x))


def test_files_of_releases_that_knew_no_properties_are_read(tmp_path, monkeypatch):
    x = np.ones((1, 2), "float32")
    model, other = (Sequential([layers.Input((2,)), ShowsTheFirst(), layers.Dense(1)]) for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setattr("pronghorn.saving.state.saveables", earlier_places)
        model.save_weights(tmp_path / "before.weights.h5")
    with h5py.File(tmp_path / "before.weights.h5") as file:
        assert list(file["layers/shows_the_first"]) == ["layers", "stack", "vars"]
        assert list(file["layers/shows_the_first/stack"]) == ["dense", "dense_1"]
    other.load_weights(tmp_path / "before.weights.h5")
    np.testing.assert_array_equal(other(x), model(x))


def test_what_those_releases_left_out_is_missed(tmp_path, monkeypatch):
    model = Sequential([layers.Input((2,)), HoldsLayers()])
    weights = model.get_weights()
    with monkeypatch.context() as patch:
        patch.setattr(
            "pronghorn.saving.state.saveables", lambda root, skipped=(): _walk(root, "", {}, _children_before)
        )
        model.save_weights(tmp_path / "before.weights.h5")
    with pytest.raises(ValueError, match="has no weights for this model"):
        model.load_weights(tmp_path / "before.weights.h5")
    for now, then in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(now, then)


class Properties(layers.Layer):
    """Whose properties make new containers each time."""

    def __init__(self):
        super().__init__()
        self._one, self._two = layers.Dense(1), layers.Dense(2)

    @property
    def named(self):
        return {"one": [self._one]}

    @property
    def parts(self):
        return [self._one, self._two]


def test_containers_that_properties_make_anew_are_all_looked_into():
    """The number (`id`) of one that is gone may be that of another."""
    outer = layers.Layer()
    outer.blocks = [Properties() for _ in range(20)]
    paths = [path for path, obj in saveables(outer) if isinstance(obj, layers.Dense)]
    names = ["blocks/properties" + f"_{i}" * (i > 0) for i in range(20)]
    assert paths == [f"{name}/{rest}" for name in names for rest in ("named/container/dense", "parts/dense_1")]
