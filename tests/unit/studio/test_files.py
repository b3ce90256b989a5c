"""Files looked at without making a model."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.studio.files import histogram, histograms, view_file


def model():
    x = keras.Input((4,), name="x")
    y = layers.Add(name="add")([layers.Dense(3, name="a")(x), layers.Dense(3, name="b")(x)])
    return keras.Model(x, y)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5", ".safetensors"])
def test_every_format(tmp_path, ending):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    path = str(tmp_path / f"m{ending}")
    made = model()
    made.get_layer("a").kernel.assign(np.arange(12.0).reshape(4, 3))
    (made.save if ending in (".keras", ".h5") else made.save_weights)(path)
    view = view_file(path)
    assert view.facts.parameters == 30
    if ending in (".keras", ".h5"):
        assert set(view.arrows) == {("x", "a"), ("x", "b"), ("a", "add"), ("b", "add")}
    first = next(layer for layer in view.facts.layers if layer.arrays)
    kernel = next(entry for entry in histograms(view, first.name) if entry["shape"] == [4, 3])
    assert kernel["mean"] == 5.5 and kernel["edges"][-1] == 11.0 and sum(kernel["counts"]) == 12
    assert view.shown()["parameters"] == 30


def test_arrays_of_other_libraries_are_grouped_by_their_names(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {f"block.{i}.conv.{name}": np.full((2, 2), i, "float32") for i in range(3) for name in ("weight", "bias")}
    library.save_file(arrays, tmp_path / "m.safetensors")
    view = view_file(str(tmp_path / "m.safetensors"))
    assert [layer.name for layer in view.facts.layers] == [f"block.{i}.conv" for i in range(3)]
    assert [(entry["name"], entry["mean"]) for entry in histograms(view, "block.2.conv")] == [
        ("bias", 2),
        ("weight", 2),
    ]


def test_numbers_that_are_none_are_counted_apart():
    found = histogram(np.array([1.0, np.nan, np.inf, 3.0]))
    assert sum(found["counts"]) == 2 and found["odd"] == 2 and found["mean"] == 2.0
    assert histogram(np.array([np.nan]))["counts"] == [] and histogram(np.zeros(0))["odd"] == 0
