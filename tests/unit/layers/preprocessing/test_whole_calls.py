"""Image layers called on large arrays run as one compiled function, with the results of running op by op."""

import copy
import gc
import weakref

import numpy as np
import pytest

from pronghorn import layers, ops
from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.backends.kept import KeptByObject
from pronghorn.layers.preprocessing.images import whole_calls

LAYERS = {
    "flip": lambda: layers.RandomFlip(seed=3),
    "rotation": lambda: layers.RandomRotation(0.2, seed=3),
    "zoom": lambda: layers.RandomZoom(0.3, seed=3),
    "translation": lambda: layers.RandomTranslation(0.2, 0.2, seed=3),
    "contrast": lambda: layers.RandomContrast(0.4, value_range=(0, 1), seed=3),
    "brightness": lambda: layers.RandomBrightness(0.3, value_range=(0, 1), seed=3),
    "crop": lambda: layers.RandomCrop(20, 24, seed=3),
    "resizing": lambda: layers.Resizing(20, 24),
    "center crop": lambda: layers.CenterCrop(20, 24),
    "erasing": lambda: layers.RandomErasing(seed=3),
    "mix up": lambda: layers.MixUp(seed=3),
}


@pytest.fixture
def compiled(monkeypatch):
    """Compiles whatever the size; the fixture's value lists what is compiled."""
    monkeypatch.setattr(whole_calls, "LEAST_NUMBERS", 1)
    kept = KeptByObject(whole_calls.MOST_KINDS)
    monkeypatch.setattr(whole_calls, "_kept", kept)
    return lambda layer: [s for s in kept._known.get(layer, {}).values() if s is not None]


def images(count=5):
    return np.random.default_rng(0).random((count, 28, 32, 3)).astype("float32")


@pytest.mark.parametrize("name", LAYERS)
def test_results_are_those_of_running_op_by_op(name, compiled, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(whole_calls, "LEAST_NUMBERS", 1 << 40)
        layer = LAYERS[name]()
        expected = [layer(images(n), training=True).numpy() for n in (5, 3, 1)]
    layer = LAYERS[name]()
    got = [layer(images(n), training=True).numpy() for n in (5, 3, 1)]
    for x, y in zip(got, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)
    assert compiled(layer)


def test_dicts_and_single_images(compiled):
    data = {"images": images(), "labels": np.arange(5), "segmentation_masks": images()[..., :1].round()}
    layer = layers.RandomFlip("horizontal", seed=1)
    out = layer(data, training=True)
    np.testing.assert_array_equal(out["labels"].numpy(), np.arange(5))
    flipped = (out["images"].numpy() != data["images"]).any(axis=(1, 2, 3))
    moved = (out["segmentation_masks"].numpy() != data["segmentation_masks"]).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(flipped, moved)
    assert layer(images()[0], training=True).shape == (28, 32, 3)
    assert len(compiled(layer)) == 2


def test_a_changed_layer_is_compiled_anew(compiled):
    layer = layers.RandomBrightness([0.2, 0.2], value_range=(0, 1), seed=1)
    before = layer(images() * 0, training=True).numpy()
    layer._factor = (0.5, 0.5)
    other = layers.RandomBrightness([0.5, 0.5], value_range=(0, 1), seed=1)
    assert before.max() < other(images() * 0, training=True).numpy().max()
    assert not np.array_equal(layer(images(), training=False).numpy(), layer(images(), training=True).numpy())


def test_tapes_and_layers_of_one_s_own_run_op_by_op(compiled):
    class Own(layers.RandomFlip):
        pass

    own, watched = Own(seed=1), layers.RandomBrightness(0.2, seed=1)
    own(images(), training=True)
    x = ops.convert_to_tensor(images())
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(watched(x, training=True))
    assert tape.gradient(y, x) is not None
    assert not compiled(own) and not compiled(watched)


def test_wrong_inputs_say_so(compiled):
    with pytest.raises(ValueError, match="must be of shape"):
        layers.RandomFlip(seed=1)(np.zeros((4, 4), "float32"))
    with pytest.raises(ValueError, match="images"):
        layers.RandomFlip(seed=1)({"pictures": images()})


def test_layers_are_let_go_and_can_be_copied(compiled):
    layer = layers.RandomFlip(seed=1)
    layer(images(), training=True)
    copy.deepcopy(layer)(images(), training=True)
    seen = weakref.ref(layer)
    del layer
    gc.collect()
    assert seen() is None
