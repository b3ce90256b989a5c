"""Preprocessing layers beside those of Keras on JAX: the same images, boxes, vectors and sounds.

Where a layer draws random numbers, these are either fixed by its settings, or drawn here and given to both.
"""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("jax")
pytest.importorskip("hypothesis")

from hypothesis import assume, given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import pronghorn  # noqa: E402

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX")

SEEDS = st.integers(0, 2**31)
SIDES = st.sampled_from([2, 5, 8, 13])  # few, for the oracle compiles each shape anew
BATCHES = st.integers(1, 3)
ONE = st.just(1)
RANGES = st.sampled_from([(0, 255), (0, 1), (-1, 1)])
FILLS = st.sampled_from(["reflect", "wrap", "constant", "nearest"])
FRACTIONS = st.floats(-0.875, 0.875)
SHARES = st.floats(0.0, 1.0)


@st.composite
def image_batches(draw, value_range=(0, 255), least=2, batch=BATCHES):
    shape = (draw(batch), *(draw(SIDES.filter(lambda side: side >= least)) for _ in range(2)), 3)
    low, high = value_range
    return np.random.default_rng(draw(SEEDS)).uniform(low, high, shape).astype("float32")


def close(mine, theirs, tolerance=1e-5):
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
    scale = max(float(np.abs(theirs).max(initial=0.0)), 1.0)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale)


def compare(name, inputs, tolerance=1e-5, call=None, **settings):
    """Both layers of a name on the same inputs; also that they give the same shape for symbolic inputs."""
    theirs, mine = getattr(keras.layers, name)(**settings), getattr(pronghorn.layers, name)(**settings)
    close(mine(inputs, **(call or {})), theirs(inputs, **(call or {})), tolerance)
    assert tuple(mine.compute_output_shape(inputs.shape)) == tuple(theirs.compute_output_shape(inputs.shape))


def transformed(name, images, numbers, method="transform_images", **settings):
    """What both layers of a name do with the same random numbers."""
    mine = getattr(getattr(pronghorn.layers, name)(**settings), method)(images, numbers, training=True)
    numbers = {k: keras.ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in numbers.items()}
    if isinstance(images, dict):
        images = {k: keras.ops.convert_to_tensor(v) for k, v in images.items()}
    theirs = getattr(getattr(keras.layers, name)(**settings), method)(images, numbers, training=True)
    return mine, theirs


# -- images: sizes ----------------------------------------------------------------------------------------------------
@pytest.mark.slow
@given(image_batches(), SIDES, SIDES, st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]))
def test_resizing(images, height, width, interpolation):
    for antialias in (False, True):
        compare("Resizing", images, height=height, width=width, interpolation=interpolation, antialias=antialias)


@given(image_batches(), SIDES, SIDES, st.sampled_from(["crop_to_aspect_ratio", "pad_to_aspect_ratio"]))
def test_resizing_to_other_proportions(images, height, width, how):
    compare("Resizing", images, height=height, width=width, fill_value=3.0, **{how: True})


@given(image_batches(), SIDES, SIDES)
def test_center_crop(images, height, width):
    compare("CenterCrop", images, height=height, width=width)


@pytest.mark.slow
@given(image_batches(batch=ONE), SIDES, SIDES, st.sampled_from(["", "crop", "pad"]))
def test_boxes_of_resized_images(images, height, width, how):
    h, w = images.shape[1:3]
    scale = max(height / h, width / w) if how == "crop" else min(height / h, width / w)
    outside = [abs(h * scale - height) / 2, abs(w * scale - width) / 2]
    assume(not how or not any(x and x == round(x) for x in outside))  # there Keras's float32 rounds either way
    boxes = np.array([[[0, 0, w, h], [w / 4, h / 3, w / 2, h]]], "float32")
    data = {"images": images, "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2]])}}
    settings = {f"{how}_to_aspect_ratio": True} if how else {}
    for name in ("Resizing", "CenterCrop"):
        made = [
            getattr(library.layers, name)(
                height, width, bounding_box_format="xyxy", **(settings if name == "Resizing" else {})
            )
            for library in (pronghorn, keras)
        ]
        mine, theirs = (layer(data)["bounding_boxes"]["boxes"] for layer in made)
        close(mine, theirs)


# -- images: values ---------------------------------------------------------------------------------------------------
@pytest.mark.slow
@given(st.data(), RANGES, SHARES)
def test_layers_with_a_fixed_factor(data, value_range, share):
    images = data.draw(image_batches(value_range))
    fixed = {"factor": (share, share), "value_range": value_range}
    compare("RandomBrightness", images, **fixed)
    compare("RandomColorDegeneration", images, **fixed)
    compare("RandomSharpness", images, **fixed)
    compare("RandomInvert", images, factor=(1.0, 1.0), value_range=value_range)
    compare("RandomGrayscale", images, factor=1.0)
    compare("AutoContrast", images, value_range=value_range)
    for name in ("RandomBrightness", "RandomColorDegeneration", "RandomSharpness"):
        compare(name, images, call={"training": False}, **fixed)


@pytest.mark.slow
@given(image_batches((0, 1)), st.floats(0.0, 0.5))
def test_saturation(images, share):
    # Above 0.5 Keras leaves the range of values, where Pronghorn stops at its ends.
    compare("RandomSaturation", images, factor=(share, share), value_range=(0, 1), tolerance=1e-4)


@pytest.mark.slow
@given(st.data(), RANGES, st.integers(1, 8))
def test_posterization(data, value_range, bits):
    levels = np.round(data.draw(image_batches()))  # values between two levels may be rounded to either
    images = (levels / 255 * (value_range[1] - value_range[0]) + value_range[0]).astype("float32")
    if value_range != (0, 255):
        images = images + np.float32(1e-4)
    compare("RandomPosterization", images, factor=(bits, bits), value_range=value_range)


@pytest.mark.slow
@given(st.data(), RANGES, st.sampled_from([2, 7, 64, 256]))
def test_equalization(data, value_range, bins):
    # Of one image: Keras counts the levels of a batch together.
    images = data.draw(image_batches(value_range, batch=ONE))
    compare("Equalization", images, value_range=value_range, bins=bins)


@pytest.mark.slow
@given(image_batches(least=4), st.sampled_from([(2, 2), (1, 3), (4, 4)]), st.floats(0.5, 8.0))
def test_local_equalization(images, grid, limit):
    name = "ContrastLimitedAdaptiveHistogramEqualization"
    compare(name, images, tile_grid_size=grid, clip_limit=limit, tolerance=1e-4)


@pytest.mark.slow
@given(image_batches(), st.sampled_from([3, 5, (3, 1), (1, 5)]), st.floats(0.3, 1.0))
def test_gaussian_blur(images, size, sigma):
    compare("RandomGaussianBlur", images, factor=(1.0, 1.0), kernel_size=size, sigma=(sigma, sigma), tolerance=1e-4)


@pytest.mark.slow
@given(st.data(), RANGES, SEEDS)
def test_layers_with_given_numbers(data, value_range, seed):
    images = data.draw(image_batches(value_range))
    rng, batch = np.random.default_rng(seed), len(images)

    def numbers(low, high, shape=(batch, 1, 1, 1)):
        return rng.uniform(low, high, shape).astype("float32")

    ranged = {"value_range": value_range}
    span = value_range[1] - value_range[0]
    close(*transformed("RandomContrast", images, {"contrast_factor": numbers(0, 2)}, factor=0.5, **ranged))
    close(*transformed("RandomBrightness", images, {"rgb_delta": numbers(-span, span)}, factor=0.5, **ranged))
    solar = {"additions": numbers(0, 100), "thresholds": numbers(0, 255)}
    mine, theirs = transformed("Solarization", images, solar, **ranged)
    differing = np.abs(np.asarray(mine) - np.asarray(theirs)) > 1e-4 * span
    assert differing.mean() < 0.01  # a value at the threshold may fall on either side
    if value_range != (-1, 1):
        hue = {"factor": numbers(-0.5, 0.5, (batch,))}
        close(*transformed("RandomHue", images, hue, factor=0.5, **ranged), tolerance=1e-4)


# -- images: places ---------------------------------------------------------------------------------------------------
@pytest.mark.slow
@given(image_batches(), FRACTIONS, FRACTIONS, FILLS, st.sampled_from(["bilinear", "nearest"]))
def test_moved_images(images, a, b, fill, interpolation):
    settings = {"fill_mode": fill, "interpolation": interpolation, "fill_value": 7.0}
    a, b = round(a, 2) + 0.003, round(b, 2) + 0.003  # away from where two pixels are equally near
    moved = {"height_factor": (a, a), "width_factor": (b, b), **settings}
    tolerance = 1e-3 if interpolation == "bilinear" else 1e-5
    compare("RandomTranslation", images, tolerance=tolerance, **moved)
    compare("RandomZoom", images, tolerance=tolerance, **moved)
    compare("RandomRotation", images, tolerance=tolerance, factor=(a, a), **settings)


@pytest.mark.slow
@given(image_batches(), SEEDS, FILLS)
def test_sheared_images_and_boxes(images, seed, fill):
    rng = np.random.default_rng(seed)
    numbers = {
        "shear_factor": rng.uniform(-0.9, 0.9, (len(images), 2)).astype("float32"),
        "input_shape": images.shape,
    }
    close(*transformed("RandomShear", images, numbers, x_factor=0.5, y_factor=0.5, fill_mode=fill), tolerance=1e-3)
    boxes = {
        "boxes": np.sort(rng.uniform(0, 6, (len(images), 2, 2, 2)), axis=2).reshape(-1, 2, 4).astype("float32"),
        "labels": np.ones((len(images), 2), "int32"),
    }
    settings = {"x_factor": 0.5, "y_factor": 0.5, "bounding_box_format": "xyxy"}
    mine, theirs = transformed("RandomShear", boxes, numbers, "transform_bounding_boxes", **settings)
    close(mine["boxes"], theirs["boxes"], 1e-4)


@pytest.mark.slow
@given(image_batches(least=4), SEEDS)
def test_perspective(images, seed):
    rng, (batch, height, width, _) = np.random.default_rng(seed), images.shape
    right, bottom = width - 1, height - 1
    start = np.array([[[0, 0], [right, 0], [0, bottom], [right, bottom]]] * batch, "float32")
    numbers = {
        "apply_perspective": rng.random(batch) < 0.7,
        "start_points": start,
        "end_points": start + rng.uniform(-0.5, 0.5, start.shape).astype("float32"),
        "input_shape": images.shape,
    }
    mine, theirs = (np.asarray(x) for x in transformed("RandomPerspective", images, numbers, fill_value=5.0))
    # A place on the border of the image may count as inside or outside.
    assert (np.abs(mine - theirs) > 0.1).any(-1).mean() < 0.05


@pytest.mark.slow
@given(image_batches(batch=st.integers(2, 4)), SEEDS)
def test_mixed_images_and_labels(images, seed):
    rng, batch = np.random.default_rng(seed), len(images)
    labels = np.eye(batch, dtype="float32")
    numbers = {
        "permutation_order": rng.permutation(batch),
        "mix_weight": rng.random((batch,)).astype("float32"),
    }
    close(*transformed("MixUp", images, numbers))
    close(*transformed("MixUp", labels, numbers, "transform_labels"))
    masks = np.broadcast_to(rng.random((*images.shape[:3], 1)) < 0.5, images.shape)
    numbers = {**numbers, "mix_weight": numbers["mix_weight"].reshape(-1, 1, 1, 1), "batch_masks": masks}
    close(*transformed("CutMix", images, numbers))
    close(*transformed("CutMix", labels, numbers, "transform_labels"))
    erased = {"apply_erasing": rng.random(batch) < 0.5, "batch_masks": masks, "fill_value": images[::-1].copy()}
    close(*transformed("RandomErasing", images, erased))


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize(
    "name",
    [
        *("RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"),
        *("RandomHue", "RandomSaturation", "RandomInvert", "RandomPosterization", "RandomSharpness", "RandomShear"),
        *("RandomGrayscale", "RandomColorDegeneration", "RandomErasing", "RandomPerspective", "RandomGaussianBlur"),
        *("RandomElasticTransform", "RandomColorJitter", "RandAugment", "AugMix", "MixUp", "CutMix", "Solarization"),
    ],
)
def test_inference_and_configurations(name):
    needed = {"RandomTranslation": {"height_factor": 0.2, "width_factor": 0.3}, "RandomZoom": {"height_factor": 0.2}}
    factor = {"RandomPosterization": {"factor": (3, 5)}}
    plain = ("RandomFlip", "RandomShear", "RandomColorJitter", "AugMix", "MixUp", "Solarization", "RandomPerspective")
    settings = needed.get(name) or factor.get(name) or ({} if name in plain else {"factor": 0.25})
    images = np.random.default_rng(0).uniform(0, 255, (2, 6, 7, 3)).astype("float32")
    compare(name, images, call={"training": False}, **settings)
    theirs = getattr(keras.layers, name)(seed=3, **settings).get_config()
    mine = getattr(pronghorn.layers, name)(seed=3, **settings).get_config()
    assert set(theirs) <= set(mine)
    # Keras's configurations are read, and what it writes comes back.
    again = getattr(pronghorn.layers, name).from_config(theirs).get_config()
    for setting, value in theirs.items():
        if setting != "dtype":
            assert again[setting] == (tuple(value) if isinstance(again[setting], tuple) else value), setting


# -- numbers ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.data(), SEEDS)
def test_normalization(extents, data, seed):
    shape = (8, *extents)
    axis = data.draw(st.one_of(st.none(), st.integers(-len(extents), -1), st.just(len(extents))))
    values = np.random.default_rng(seed).normal(3.0, 2.0, shape).astype("float32")
    for invert in (False, True):
        made = [library.layers.Normalization(axis=axis, invert=invert) for library in (pronghorn, keras)]
        for layer in made:
            layer.adapt(values)
        close(made[0](values), made[1](values), 1e-4)


@given(SEEDS, st.sampled_from(["int", "one_hot", "multi_hot", "count"]), st.integers(1, 4))
def test_discretization(seed, mode, width):
    rng = np.random.default_rng(seed)
    boundaries = np.unique(rng.normal(size=rng.integers(1, 6)).round(2)).tolist()
    values = rng.normal(size=(5, width)).astype("float32")
    mine, theirs = (
        library.layers.Discretization(bin_boundaries=boundaries, output_mode=mode)(values)
        for library in (pronghorn, keras)
    )
    close(mine, theirs)


@given(SEEDS, st.sampled_from(["one_hot", "multi_hot", "count"]), st.integers(1, 4), st.integers(1, 9))
def test_category_encoding(seed, mode, width, categories):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, categories, (5, width))
    compare("CategoryEncoding", values, num_tokens=categories, output_mode=mode)
    compare("CategoryEncoding", values[0], num_tokens=categories, output_mode=mode)
    if mode == "count":
        weights = rng.random((5, width)).astype("float32")
        compare("CategoryEncoding", values, num_tokens=categories, output_mode=mode, call={"count_weights": weights})


@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_rescaling(seed, scale, offset):
    values = np.random.default_rng(seed).integers(0, 255, (2, 3, 4, 3)).astype("uint8")
    compare("Rescaling", values, scale=scale, offset=offset)
    compare("Rescaling", values, scale=[scale, 1.0, 2.0], offset=[0.0, offset, 1.0])


# -- sound ------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@given(SEEDS, st.sampled_from([128, 256, 500]), st.sampled_from([40, 100]), st.sampled_from(["hann", "hamming", None]))
def test_mel_spectrograms(seed, length, stride, window):
    sound = np.random.default_rng(seed).normal(size=(2, 1200)).astype("float32")
    settings = {"fft_length": 512, "sequence_length": length, "sequence_stride": stride, "window": window}
    compare("MelSpectrogram", sound, num_mel_bins=24, tolerance=1e-4, **settings)
    more = {"power_to_db": False, "mag_exp": 1.0, "sampling_rate": 8000, "max_freq": 3000.0}
    compare("MelSpectrogram", sound[0], num_mel_bins=24, tolerance=1e-4, **settings, **more)


@pytest.mark.slow
@given(
    SEEDS,
    st.sampled_from(["log", "magnitude", "psd", "real", "imag", "stft"]),
    st.sampled_from(["density", "spectrum", None]),
    st.sampled_from(["valid", "same"]),
    st.booleans(),
    st.sampled_from([(32, None, None), (50, 20, 64), (33, 10, 65)]),
)
def test_stft_spectrograms(seed, mode, scaling, padding, expand_dims, lengths):
    sound = np.random.default_rng(seed).normal(size=(2, 300, 2)).astype("float32")
    length, step, transform = lengths
    compare(
        "STFTSpectrogram",
        sound,
        tolerance=1e-3,
        mode=mode,
        frame_length=length,
        frame_step=step,
        fft_length=transform,
        scaling=scaling,
        padding=padding,
        expand_dims=expand_dims,
    )
