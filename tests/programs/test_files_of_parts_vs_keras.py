"""Files with each layer and each optimizer go both ways between Pronghorn and Keras, down to the next training step."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from layer_cases import CASES  # noqa: E402

import pronghorn  # noqa: E402

pytestmark = pytest.mark.slow

# The first case of each layer: what a file holds depends little on the settings.
LAYERS = list({case.layer: case for case in reversed(CASES)}.values())[::-1]
DIRECTIONS = {"from_keras": (keras, pronghorn), "to_keras": (pronghorn, keras)}


def make(case, library):
    kwargs = dict(case.kwargs)
    for name, (inner, settings) in (case.wrap or {}).items():
        kwargs[name] = getattr(library.layers, inner)(**settings)
    return getattr(library.layers, case.layer)(**kwargs)


def arrays(case):
    rng = np.random.default_rng(0)
    return [x if hasattr(x, "shape") else rng.normal(size=x).astype("float32") for x in case.inputs]


def model_of(case, library):
    inputs = [library.Input(a.shape[1:], batch_size=a.shape[0], dtype=a.dtype.name) for a in arrays(case)]
    layer = make(case, library)
    if case.spread:
        outputs = layer(*inputs, **case.call)
    else:
        outputs = layer(inputs[0] if len(inputs) == 1 else inputs, **case.call)
    return library.Model(inputs, outputs)


def predict(model, case):
    outputs = model([a.copy() for a in arrays(case)] if len(case.inputs) > 1 else arrays(case)[0])
    return [np.asarray(y) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def set_alike(model):
    rng = np.random.default_rng(1)
    model.set_weights([np.abs(rng.normal(size=w.shape)).astype(w.dtype) * 0.5 + 0.1 for w in model.get_weights()])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.layer)
def test_each_layer(tmp_path, case, direction):
    writer, reader = DIRECTIONS[direction]
    model = model_of(case, writer)
    set_alike(model)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = reader.saving.load_model(path)
    for mine, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(predict(loaded, case), predict(model, case), strict=True):
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=5e-6 * scale)


OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adam": {"amsgrad": True},
    "AdamW": {"weight_decay": 0.01},
    "Adadelta": {},
    "Adagrad": {},
    "Adamax": {},
    "Adafactor": {},
    "Nadam": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
    "Muon": {},
    "ScheduleFreeAdamW": {},
}


def compiled(library, name, settings):
    x = library.Input((6,))
    y = library.layers.Dense(5, activation="tanh", name="one")(x)
    model = library.Model(x, library.layers.Dense(1, name="two")(y))
    model.compile(getattr(library.optimizers, name)(learning_rate=0.01, **settings), "mse", metrics=["mae"])
    return model


def batch(number):
    rng = np.random.default_rng(number)
    return rng.normal(size=(8, 6)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_takes_the_same_next_step(tmp_path, name, direction):
    writer, reader = DIRECTIONS[direction]
    model = compiled(writer, name, OPTIMIZERS[name])
    for number in range(3):
        model.train_on_batch(*batch(number))
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = reader.saving.load_model(path)
    before = [np.asarray(v) for v in model.optimizer.variables]
    for mine, theirs in zip(loaded.optimizer.variables, before, strict=True):
        np.testing.assert_allclose(np.asarray(mine), theirs, rtol=1e-6)
    logs = [m.train_on_batch(*batch(9), return_dict=True) for m in (model, loaded)]
    assert set(logs[0]) == set(logs[1])
    for key in logs[0]:
        assert float(logs[0][key]) == pytest.approx(float(logs[1][key]), rel=1e-5)
    for mine, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-6)


def test_nadam_with_a_loss_scale(tmp_path):
    """Keras forgets the product of Nadam's momenta then: it follows from the number of steps."""
    path, before = str(tmp_path / "model.keras"), [k.config.dtype_policy() for k in (keras, pronghorn)]
    try:
        for k in (keras, pronghorn):
            k.config.set_dtype_policy("mixed_float16")
        model, ours = compiled(keras, "Nadam", {}), compiled(pronghorn, "Nadam", {})
        ours.set_weights(model.get_weights())  # or one of them may leave out a step, whose gradients overflow
        for number in range(3):
            model.train_on_batch(*batch(number))
            ours.train_on_batch(*batch(number))
        model.save(path)
        loaded = pronghorn.saving.load_model(path)
    finally:
        for k, policy in zip((keras, pronghorn), before):
            k.config.set_dtype_policy(policy)
    assert type(loaded.optimizer).__name__ == type(model.optimizer).__name__ == "LossScaleOptimizer"
    *mine, product = loaded.optimizer.variables
    for a, b in zip(mine, model.optimizer.variables, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(product), np.asarray(ours.optimizer.variables[-1]), rtol=1e-6)
    assert 0 < float(product) < 1


def test_no_optimizer_is_left_out():
    public = {name for name in dir(pronghorn.optimizers) if name[:1].isupper()}
    others = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    assert public - others == set(OPTIMIZERS)


PICTURES, NUMBERS, WAVES = ((8, 8, 3), "float32"), ((3,), "int32"), ((64, 1), "float32")
FIXED = {
    "Rescaling": ({"scale": 2.0, "offset": 1.0}, PICTURES),
    "Resizing": ({"height": 4, "width": 5}, PICTURES),
    "CenterCrop": ({"height": 4, "width": 5}, PICTURES),
    "Normalization": ({"mean": [0.0, 1.0, 2.0], "variance": [1.0, 2.0, 3.0]}, ((3,), "float32")),
    "Discretization": ({"bin_boundaries": [-0.5, 0.0, 0.5]}, ((3,), "float32")),
    "CategoryEncoding": ({"num_tokens": 5, "output_mode": "multi_hot"}, NUMBERS),
    "AutoContrast": ({"value_range": (0, 1)}, PICTURES),
    "STFTSpectrogram": ({"frame_length": 16, "frame_step": 8, "fft_length": 16}, WAVES),
    "MelSpectrogram": ({"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 4}, ((64,), "float32")),
    "SpectralNormalization": ({}, ((3,), "float32")),
}
RANDOM = {
    **dict.fromkeys(("RandomBrightness", "RandomContrast", "RandomZoom", "RandomRotation", "RandomHue"), (0.2,)),
    **dict.fromkeys(("RandomSaturation", "RandomSharpness", "RandomColorDegeneration", "RandomInvert"), (0.2,)),
    **dict.fromkeys(("RandomGrayscale", "RandomErasing", "MixUp", "CutMix", "Solarization"), ()),
    **dict.fromkeys(("RandAugment", "AugMix", "RandomColorJitter", "RandomElasticTransform"), ()),
    **dict.fromkeys(("RandomFlip", "RandomGaussianBlur", "RandomPerspective", "RandomShear"), ()),
    "RandomTranslation": (0.1, 0.2),
    "RandomCrop": (4, 4),
    "RandomPosterization": (4,),
}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", FIXED)
def test_each_preprocessing_layer(tmp_path, name, direction):
    writer, reader = DIRECTIONS[direction]
    settings, (shape, dtype) = FIXED[name]
    inner = [writer.layers.Dense(2)] if name == "SpectralNormalization" else []
    x = writer.Input(shape, dtype=dtype)
    model = writer.Model(x, getattr(writer.layers, name)(*inner, **settings)(x))
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = reader.saving.load_model(path)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, (2, *shape)) if dtype == "int32" else rng.random((2, *shape))
    values = values.astype(dtype)
    expected = np.asarray(model(values))
    np.testing.assert_allclose(
        np.asarray(loaded(values)), expected, rtol=0, atol=2e-5 * max(1.0, np.abs(expected).max())
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", RANDOM)
def test_each_random_layer(tmp_path, name, direction):
    writer, reader = DIRECTIONS[direction]
    x = writer.Input((8, 8, 3))
    model = writer.Model(x, getattr(writer.layers, name)(*RANDOM[name], seed=1)(x))
    path = str(tmp_path / "model.keras")
    model.save(path)
    config, found = (m.layers[-1].get_config() for m in (model, reader.saving.load_model(path)))
    named = {key: value for key, value in config.items() if key not in ("dtype", "seed")}
    assert {key: tuple(v) if isinstance(v, list) else v for key, v in found.items() if key in named} == {
        key: tuple(v) if isinstance(v, list) else v for key, v in named.items()
    }


def test_no_preprocessing_layer_is_left_out():
    folder = "pronghorn.layers.preprocessing"
    names = {
        name
        for name in dir(pronghorn.layers)
        if name[:1].isupper() and getattr(pronghorn.layers, name).__module__.startswith(folder)
    }
    # Keras runs these with TensorFlow only, or they take two inputs or boxes, or are made of others; and Keras finds a
    # cycle in a functional model with Equalization.
    others = {"StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing", "MaxNumBoundingBoxes"}
    others |= {"Pipeline", "Equalization", "ContrastLimitedAdaptiveHistogramEqualization"}
    newer = {name for name in ("Mosaic",) if not hasattr(keras.layers, name)}  # in Keras 3.16
    assert names - others - newer <= {*FIXED, *RANDOM}
