"""Ops on images: sizes that are not known, and what is refused."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff import GradientTape
from pronghorn.ops import image
from pronghorn.ops.image import resizing
from pronghorn.symbolic.keras_tensor import KerasTensor

UNKNOWN = KerasTensor((None, None, None, 3))


def test_borders_of_images_of_unknown_size():
    assert image.pad_images(UNKNOWN, 2, 3, target_height=20, target_width=30).shape == (None, 20, 30, 3)
    assert image.pad_images(UNKNOWN, 2, 3, 2, 3).shape == (None, None, None, 3)
    assert image.crop_images(UNKNOWN, 2, 3, target_height=10, target_width=20).shape == (None, 10, 20, 3)
    assert image.crop_images(KerasTensor((None, None, 3)), 2, 3, 1, 1).shape == (None, None, 3)


def test_scale_and_translate_leaves_axes_without_an_extent_alone():
    two = KerasTensor((2,))
    out = image.scale_and_translate(KerasTensor((None, 20, 20, 3)), (None, 25, 30, 3), two, two, (1, 2), "linear")
    assert out.shape == (None, 25, 30, 3)
    with pytest.raises(ValueError, match="changes axis 3"):
        image.scale_and_translate(np.ones((1, 4, 4, 3)), (1, 8, 8, 1), [2.0, 2.0], [0.0, 0.0], (1, 2), "linear")


def test_grey_images_stay_grey():
    x = np.random.default_rng(0).random((2, 4, 4, 1)).astype("float32")
    np.testing.assert_array_equal(image.rgb_to_grayscale(x), x)
    assert image.rgb_to_grayscale(KerasTensor((None, 4, 4, 1))).shape == (None, 4, 4, 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: image.pad_images(x, 1, 1, 1), ValueError, "left_padding, right_padding, target_wid"),
        (lambda x: image.pad_images(x, -1, 1, 1, 1), ValueError, "top_padding must be >= 0"),
        (lambda x: image.pad_images(x, 3, 1, target_height=8, target_width=8), ValueError, "bottom_padding must be >="),
        (lambda x: image.crop_images(x, 0, 0, target_height=-2, target_width=3), ValueError, "target_height must be"),
        (lambda x: image.extract_patches(x, "5"), TypeError, "got size='5'"),
        (lambda x: image.extract_patches(x, (3, 3, 3, 3)), ValueError, "2 or 3 of them"),
        (lambda x: image.resize(x, (0, 3)), ValueError, "positive height and width"),
        (lambda x: image.rgb_to_hsv(np.ones((4, 4, 3), "uint8")), ValueError, "must be floats from 0 to 1"),
        (lambda x: image.affine_transform(x[0, :, :, 0], np.ones(8)), ValueError, "expected rank 3"),
        (lambda x: image.affine_transform(x, np.ones((1, 1, 8))), ValueError, "Invalid transform rank"),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error, match=words):
        call(np.ones((2, 6, 6, 3), "float32"))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("extents", "size"), [((12, 13), (4, 3)), ((8, 8), 8), ((5, 4), 1), ((6, 7, 9), (2, 3, 4)), ((3, 9), 3)]
)
def test_patches_side_by_side_are_the_windows_that_overlapping_ones_skip(extents, size, padding):
    x = np.random.default_rng(0).random((2, *extents, 3), np.float32)
    steps = (size,) * len(extents) if isinstance(size, int) else size
    window = np.array(steps)
    if padding == "same":
        missing = -(-np.array(extents) // window) * window - extents
        x_padded = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)])
    else:
        x_padded = x
    counts = np.array(x_padded.shape[1:-1]) // window
    found = image.extract_patches(x, size if len(extents) == 2 else steps, padding=padding).numpy()
    assert found.shape == (2, *counts, 3 * window.prod())
    for place in np.ndindex(*counts):
        inside = tuple(slice(p * k, (p + 1) * k) for p, k in zip(place, steps))
        np.testing.assert_array_equal(found[(slice(None), *place)], x_padded[(slice(None), *inside)].reshape(2, -1))


def test_channels_that_are_not_known_are_what_the_kernel_is_for():
    x = KerasTensor((2, 10, None))
    assert ops.conv(x, np.ones((3, 5, 4), "float32")).shape == (2, 8, 4)
    assert ops.depthwise_conv(x, np.ones((3, 5, 2), "float32")).shape == (2, 8, 10)
    assert ops.conv_transpose(x, np.ones((3, 4, 5), "float32"), 2).shape == (2, 21, 4)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_picked_pixels_give_what_the_matrix_does(interpolation, monkeypatch):
    images = np.random.default_rng(0).random((2, 40, 48, 3), np.float32)
    results = []
    for few in (8, 1 << 30):  # pixels are picked, or multiplied with the matrix
        monkeypatch.setattr(resizing, "FEW_TAPS", few)
        x = ops.convert_to_tensor(images)
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.image.resize(x, (25, 60), interpolation=interpolation)
            loss = ops.sum(y * y)
        results.append((y.numpy(), tape.gradient(loss, x).numpy()))
    for picked, multiplied in zip(*results):
        np.testing.assert_allclose(picked, multiplied, rtol=1e-5, atol=1e-6)
