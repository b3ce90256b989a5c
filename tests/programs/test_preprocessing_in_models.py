"""Preprocessing layers inside of models that are compiled and trained, and in front of them."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.data import Dataset

IMAGES = np.random.default_rng(0).uniform(0, 255, (12, 12, 12, 3)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 12)
IDS = np.random.default_rng(2).integers(-20, 50, (12, 3))
TABLE = np.random.default_rng(3).normal(size=(12, 4)).astype("float32")
TARGETS = np.random.default_rng(4).normal(size=(12, 1)).astype("float32")
WORDS = np.array([["red"], ["green"], ["blue"], ["red"]] * 3)
TEXTS = np.array(["a red house", "the blue sea and sky", "green", "red and blue"] * 3)

RANDOM = {
    "RandomBrightness": {"factor": 0.3},
    "RandomColorDegeneration": {"factor": 0.9},
    "RandomColorJitter": {
        "brightness_factor": 0.3,
        "contrast_factor": 0.3,
        "saturation_factor": 0.4,
        "hue_factor": 0.3,
    },
    "RandomContrast": {"factor": 0.5},
    "RandomCrop": {"height": 8, "width": 9},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {"sigma": (0.5, 2.0)},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.9},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": (2, 6)},
    "RandomRotation": {"factor": 0.3},
    "RandomSaturation": {"factor": 0.9},
    "RandomSharpness": {"factor": 0.9},
    "RandomShear": {"x_factor": 0.4, "y_factor": 0.4},
    "RandomTranslation": {"height_factor": 0.3, "width_factor": 0.3},
    "RandomZoom": {"height_factor": 0.4},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.5},
}
FIXED = {
    "AutoContrast": {},
    "CenterCrop": {"height": 8, "width": 9},
    "ContrastLimitedAdaptiveHistogramEqualization": {"tile_grid_size": (2, 2)},
    "Equalization": {},
    "Rescaling": {"scale": 1 / 255},
    "Resizing": {"height": 8, "width": 9},
}


def image_model(layer, functional=False):
    """A model whose weights stay as they are, so that its loss shows what the layer made of the images."""
    head = [layers.Flatten(), layers.Rescaling(1 / 255), layers.Dense(3)]
    if functional:
        inputs = keras.Input((12, 12, 3))
        outputs = layer(inputs)
        for part in head:
            outputs = part(outputs)
        model = keras.Model(inputs, outputs)
    else:
        model = keras.Sequential([keras.Input((12, 12, 3)), layer, *head])
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def losses(model):
    return model.fit(IMAGES, LABELS, epochs=4, batch_size=5, shuffle=False, verbose=0).history["loss"]


@pytest.mark.mostly_slow(every=6)
@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_vary_in_every_step_of_a_compiled_fit(name):
    model = image_model(getattr(layers, name)(seed=1, **RANDOM[name]))
    history = losses(model)
    assert np.isfinite(history).all() and len(set(history)) == 4
    # In inference nothing is random, and compiled the same as not.
    predicted = model.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(predicted, model.predict(IMAGES, verbose=0))
    np.testing.assert_allclose(predicted, np.asarray(model(IMAGES, training=False)), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RandAugment", "AugMix"])
def test_policies_vary_in_every_step_of_a_compiled_fit(name):
    model = image_model(getattr(layers, name)(seed=1), functional=True)
    history = losses(model)
    assert np.isfinite(history).all() and len(set(history)) == 4
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), np.asarray(model(IMAGES, training=False)), atol=1e-4)


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", FIXED)
def test_layers_that_are_not_random_in_a_compiled_fit(name):
    model = image_model(getattr(layers, name)(**FIXED[name]), functional=True)
    history = losses(model)
    np.testing.assert_allclose(history, history[0], rtol=1e-5)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), np.asarray(model(IMAGES, training=False)), atol=1e-3)


def test_the_same_seed_trains_the_same():
    histories = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        model = image_model(keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.2)]))
        histories.append(losses(model))
    assert histories[0] == histories[1]


def test_augmentation_in_a_data_set():
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomContrast(0.2)])
    data = Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    data = data.map(lambda images, labels: (augment(images, training=True), labels)).prefetch(2)
    model = image_model(layers.Resizing(12, 12))
    assert np.isfinite(model.fit(data, epochs=2, verbose=0).history["loss"]).all()


def test_mixing_images_and_labels_in_a_data_set():
    mix = layers.Pipeline([layers.CutMix(seed=1), layers.MixUp(seed=2)])
    data = Dataset.from_tensor_slices({"images": IMAGES, "labels": np.eye(3, dtype="float32")[LABELS]}).batch(6)
    data = data.map(lambda batch: mix(batch, training=True)).map(lambda batch: (batch["images"], batch["labels"]))
    model = image_model(layers.Rescaling(1.0))
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    assert np.isfinite(model.fit(data, epochs=2, verbose=0).history["loss"]).all()


# -- tables -----------------------------------------------------------------------------------------------------------
def table_model(layer, width, dtype):
    inputs = keras.Input((width,), dtype=dtype)
    outputs = layer(inputs)
    if outputs.dtype in ("int32", "int64"):
        outputs = layers.Embedding(60, 2)(outputs)
    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(outputs)))


def train(model, inputs):
    """Train; what a compiled step computes is what the layers compute one after the other."""
    model.compile("adam", "mse")
    first, *_, last = model.fit(inputs, TARGETS, epochs=6, batch_size=5, verbose=0).history["loss"]
    assert last < first
    predicted = model.predict(inputs, batch_size=7, verbose=0)
    model.compile("adam", "mse", run_eagerly=True)
    np.testing.assert_allclose(predicted, model.predict(inputs, verbose=0), atol=1e-5)


@pytest.mark.mostly_slow(every=15)
@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        ("IntegerLookup", {}),
        ("IntegerLookup", {"num_oov_indices": 3, "mask_token": 7}),
        ("IntegerLookup", {"num_oov_indices": 3, "oov_method": "farmhash", "max_tokens": 10}),
        ("Discretization", {"num_bins": 5}),
        ("Hashing", {"num_bins": 11}),
        ("Hashing", {"num_bins": 11, "salt": [3, 4], "mask_value": 7}),
    ],
)
def test_categories_in_a_compiled_fit(layer, settings, mode):
    made = getattr(layers, layer)(output_mode=mode, **settings)
    inputs = TABLE if layer == "Discretization" else IDS
    if hasattr(made, "adapt"):
        made.adapt(inputs)
    train(table_model(made, inputs.shape[1], inputs.dtype.name), inputs)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_category_encoding_in_a_compiled_fit(mode):
    train(table_model(layers.CategoryEncoding(70, output_mode=mode), 3, "int64"), IDS + 20)


def test_term_frequencies_in_a_compiled_fit():
    layer = layers.IntegerLookup(output_mode="tf_idf")
    layer.adapt(IDS)
    train(table_model(layer, 3, "int64"), IDS)


def test_normalization_in_a_compiled_fit():
    layer = layers.Normalization()
    layer.adapt(TABLE)
    train(keras.Sequential([layer, layers.Dense(1)]), TABLE)


@pytest.mark.slow
def test_sound_in_a_compiled_fit():
    sound = np.random.default_rng(0).normal(size=(12, 400)).astype("float32")
    mel = layers.MelSpectrogram(fft_length=128, sequence_stride=64, num_mel_bins=8)
    train(keras.Sequential([mel, layers.Flatten(), layers.Dense(1)]), sound)
    stft = layers.STFTSpectrogram(frame_length=32)
    model = keras.Sequential([stft, layers.GlobalAveragePooling1D(), layers.Dense(1)])
    train(model, sound[..., None])
    assert len(model.trainable_weights) == 4  # its filters are trained too


# -- strings ----------------------------------------------------------------------------------------------------------
def test_a_table_with_a_column_of_every_kind():
    numbers, words, ids = TABLE[:, :1], WORDS, IDS[:, :1]
    inputs = {
        "number": keras.Input((1,), name="number"),
        "word": keras.Input((1,), name="word", dtype="string"),
        "id": keras.Input((1,), name="id", dtype="int64"),
    }
    normalization, word_lookup = layers.Normalization(), layers.StringLookup(output_mode="one_hot")
    normalization.adapt(numbers)
    word_lookup.adapt(words)
    encoded = [
        normalization(inputs["number"]),
        word_lookup(inputs["word"]),
        layers.HashedCrossing(7, output_mode="one_hot")((inputs["word"], inputs["id"])),
    ]
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(encoded)))
    train(model, {"number": numbers, "word": words, "id": ids})


def test_text_in_a_model_that_is_saved(tmp_path):
    vectorize = layers.TextVectorization(output_sequence_length=5)
    vectorize.adapt(TEXTS)
    model = keras.Sequential(
        [vectorize, layers.Embedding(20, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    train(model, TEXTS)
    model.save(tmp_path / "text.keras")
    loaded = keras.models.load_model(tmp_path / "text.keras")
    np.testing.assert_array_equal(loaded.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))


def test_text_in_front_of_a_model():
    vectorize = layers.TextVectorization(output_mode="tf_idf")
    data = Dataset.from_tensor_slices((TEXTS, TARGETS)).batch(5)
    vectorize.adapt(data.map(lambda text, target: text))
    model = keras.Sequential([layers.Dense(1)])
    model.compile("adam", "mse")
    ready = data.map(lambda text, target: (vectorize(text), target))
    first, *_, last = model.fit(ready, epochs=5, verbose=0).history["loss"]
    assert last < first
    assert model.predict(vectorize(["the red sea"]), verbose=0).shape == (1, 1)
