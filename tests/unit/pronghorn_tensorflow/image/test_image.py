"""`tf.image` of the stand-in for TensorFlow, and its transposed convolutions: they give what TensorFlow gives."""

import math

import numpy as np
import pytest

import pronghorn
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
image, nn, tf_math = (submodule(f"tensorflow.{name}") for name in ("image", "nn", "math"))
U = np.arange(24, dtype="uint8").reshape(2, 4, 3) * 10  # an image of 2 x 4 pixels
F = (np.arange(70, dtype="float32") / 70).reshape(1, 7, 10, 1)
BYTES = np.array([0, 1, 100, 200, 255], "uint8")
SHARES = np.array([0, 0.1, 0.5, 0.999, 1], "float32")
BEYOND = np.array([-0.2, 1.5], "float32")
SHORTS = np.array([0, 5000, 32767, -5], "int16")


@pytest.mark.parametrize(
    ("x", "dtype", "saturate", "expected"),
    [
        (BYTES, "float32", False, BYTES / np.float32(255)),
        (BYTES, "int8", False, [0, 0, 50, 100, 127]),
        (BYTES, "uint16", False, [0, 256, 25600, 51200, 65280]),
        (BYTES, "int32", True, [0, 8388608, 838860800, 1677721600, 2139095040]),
        (SHARES, "uint8", False, [0, 25, 127, 255, 255]),
        (SHARES, "float16", False, SHARES.astype("float16")),
        (BEYOND, "uint8", False, [205, 127]),
        (BEYOND, "uint8", True, [0, 255]),
        (BEYOND, "int32", True, [-429496736, 2147483520]),
        (SHORTS, "uint8", False, [0, 39, 255, 255]),
        (SHORTS, "uint8", True, [0, 39, 255, 0]),
        (SHORTS, "float32", False, SHORTS / np.float32(32767)),
    ],
)
def test_types_of_images(x, dtype, saturate, expected):
    found = image.convert_image_dtype(x, getattr(tf, dtype), saturate=saturate)
    assert found.dtype == dtype
    np.testing.assert_allclose(np.asarray(found, "float64"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: image.flip_left_right(U), U[:, ::-1]),
        (lambda: image.flip_up_down(image=U[None]), U[None, ::-1]),
        (lambda: image.rot90(U), np.rot90(U)),
        (lambda: image.rot90(U[None], k=3)[0], np.rot90(U, 3)),
        (lambda: image.central_crop(F, 0.5), F[:, 1:6, 2:8]),
        (lambda: image.central_crop(F[0], 0.3), F[0, 2:5, 3:7]),
        (lambda: image.crop_to_bounding_box(U, 0, 1, 1, 2), U[:1, 1:3]),
        (lambda: image.pad_to_bounding_box(U, 1, 2, 4, 6), np.pad(U, [(1, 1), (2, 0), (0, 0)])),
        (lambda: image.resize_with_crop_or_pad(U, 3, 3), np.pad(U, [(0, 1), (0, 0), (0, 0)])[:, :3]),
        (lambda: image.grayscale_to_rgb(U[..., :1]), np.repeat(U[..., :1], 3, -1)),
        (lambda: image.rgb_to_grayscale(U), [[[8], [38], [68], [98]], [[128], [158], [188], [218]]]),
        (lambda: image.rgb_to_grayscale(np.full((1, 1, 3), 255, "uint8")), [[[255]]]),
        (lambda: image.adjust_brightness(U, -0.3)[0], [[0, 0, 0], [0, 0, 0], [0, 0, 3], [13, 23, 33]]),
        (lambda: image.adjust_brightness(F, 0.5), F + np.float32(0.5)),
        (lambda: image.adjust_contrast(U // 10, 2.0)[0], [[0, 0, 0], [0, 0, 0], [1, 2, 3], [7, 8, 9]]),
        (lambda: image.adjust_saturation(np.array([[[0.5, 0.25, 0.25]]], "float32"), 2.0), [[[0.5, 0, 0]]]),
        (lambda: image.per_image_standardization(np.ones((1, 2, 2, 1), "uint8")), np.zeros((1, 2, 2, 1))),
        (lambda: image.per_image_standardization(U), (U - U.mean()) / U.std()),
        (lambda: tf_math.lgamma([0.1, 5.0]), [math.lgamma(0.1), math.lgamma(5.0)]),
        (lambda: tf_math.digamma(1.0), -0.5772157),
    ],
)
def test_functions_mean_what_tensorflows_mean(call, expected):
    np.testing.assert_allclose(np.asarray(call(), "float64"), expected, rtol=1e-5, atol=1e-5)


def test_images_keep_their_type():
    assert image.adjust_brightness(U, 0.1).dtype == image.rgb_to_grayscale(U).dtype == "uint8"
    assert image.per_image_standardization(U).dtype == "float32"


def test_each_image_is_flipped_by_its_own_chance():
    x = np.arange(64, dtype="float32").reshape(32, 1, 2, 1)
    flipped = np.asarray(image.random_flip_left_right(x, seed=1))
    turned = flipped[:, 0, 0, 0] > flipped[:, 0, 1, 0]
    assert 0 < turned.sum() < 32
    np.testing.assert_array_equal(flipped[turned], x[turned, :, ::-1])
    np.testing.assert_array_equal(flipped[~turned], x[~turned])
    again = np.asarray(image.random_flip_left_right(x, seed=1))  # each call draws anew
    assert (again != flipped).any()
    assert image.random_flip_up_down(x[0]).shape == (1, 2, 1)


def test_random_colours_stay_within_their_limits():
    differences = [float(np.asarray(image.random_brightness(F, 0.25, seed=3) - F)[0, 0, 0, 0]) for _ in range(8)]
    assert max(map(abs, differences)) <= 0.25 and len(set(differences)) > 1
    contrast = float(np.asarray(image.random_contrast(F, 2.0, 3.0)).std() / F.std())
    assert 2 <= contrast <= 3


def test_compiled_functions_draw_anew_at_each_call():
    @tf.function
    def augment(x):
        return image.random_flip_left_right(x, seed=17)

    x = np.arange(64, dtype="float32").reshape(32, 1, 2, 1)
    assert (np.asarray(augment(x)) != np.asarray(augment(x))).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: image.flip_left_right(np.ones((2, 2))), r"3 axes.*\(2, 2\)"),
        (lambda: image.central_crop(F, 1.5), "central_fraction.*1.5"),
        (lambda: image.pad_to_bounding_box(U, 1, 0, 2, 9), "offset_height=1.*height of 2"),
        (lambda: image.crop_to_bounding_box(U, 0, 3, 1, 2), "offset_width=3.*width of 4"),
        (lambda: image.grayscale_to_rgb(U), r"extent 1.*\(2, 4, 3\)"),
        (lambda: image.rgb_to_grayscale(F), r"extent 3.*\(1, 7, 10, 1\)"),
        (lambda: image.convert_image_dtype(U > 1, "float32"), "floats or integers; got bool"),
        (lambda: transposed(np.ones((1, 4, 4, 1)), 3, [1, 9, 9, 2]), "makes 5 elements.*the input has 4"),
        (lambda: transposed(np.ones((1, 4, 4, 2)), 3, [1, 8, 8, 2]), "the input has 2 channels"),
        (lambda: transposed(np.ones((1, 4, 4, 1)), 3, [8, 8]), r"4 entries.*\[8, 8\]"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def transposed(x, window, output_shape, strides=2, padding="SAME", dtype="float32"):
    return nn.conv2d_transpose(x.astype(dtype), np.ones((window, window, 2, 1), dtype), output_shape, strides, padding)


@pytest.mark.parametrize(
    ("output", "strides", "padding", "total"),
    [
        (8, 2, "SAME", 242),
        (7, 2, "SAME", 200),
        (9, 2, "VALID", 288),
        (10, 2, "VALID", 288),
        (4, 1, "SAME", 200),
        (6, [1, 1, 1, 1], "VALID", 288),
    ],
)
def test_transposed_convolutions_have_the_extents_asked_for(output, strides, padding, total):
    found = transposed(np.ones((1, 4, 4, 1)), 3, [1, output, output, 2], strides, padding)
    assert found.shape == (1, output, output, 2)
    assert float(np.sum(np.asarray(found))) == total


def test_transposed_convolutions_of_other_layouts():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 4, 3)).astype("float32"), rng.normal(size=(3, 5, 3)).astype("float32")
    line = nn.conv1d_transpose(x, kernel, [2, 8, 5], 2)
    plane = nn.conv2d_transpose(x[:, :, None], kernel[:, None], tf.stack([2, 8, 1, 5]), [1, 2, 1, 1])
    np.testing.assert_allclose(np.asarray(plane)[:, :, 0], line, rtol=1e-5, atol=1e-6)
    first = nn.conv1d_transpose(np.swapaxes(x, 1, 2), kernel, [2, 5, 8], [1, 1, 2], data_format="NCW")
    np.testing.assert_allclose(np.swapaxes(first, 1, 2), line, rtol=1e-5, atol=1e-6)


def test_the_functions_work_on_what_a_functional_model_is_made_of():
    x = pronghorn.Input((8, 8, 3))
    y = image.per_image_standardization(image.flip_left_right(image.central_crop(x, 0.5)))
    y = nn.conv2d_transpose(y, np.ones((3, 3, 2, 3), "float32"), [2, 8, 8, 2], 2)
    y = tf_math.lgamma(tf.abs(image.adjust_contrast(y, 0.5)) + 1.0)
    model = pronghorn.Model(x, y)
    assert model.output_shape == (None, 8, 8, 2)
    assert model.predict(np.ones((2, 8, 8, 3)), verbose=0).shape == (2, 8, 8, 2)


def test_boxes_are_kept_with_their_scores():
    boxes = [[0, 0, 4, 4], [0, 0, 4, 3], [6, 6, 8, 8], [9, 9, 9, 9]]
    scores = np.float32([0.9, 0.8, 0.7, np.nan])
    kept, values = image.non_max_suppression_with_scores(boxes, scores, 4, score_threshold=0.1)
    assert kept.numpy().tolist() == [0, 2] and values.numpy().tolist() == scores[[0, 2]].tolist()
    kept, values = image.non_max_suppression_with_scores(boxes, scores, 4, score_threshold=0.1, soft_nms_sigma=0.5)
    lowered = 0.8 * np.exp(-(0.75**2))  # three quarters of the union of the first two are common
    assert kept.numpy().tolist() == [0, 2, 1]
    np.testing.assert_allclose(values, [0.9, 0.7, lowered], rtol=1e-6)
    kept, values = image.non_max_suppression_with_scores(np.zeros((0, 4)), np.zeros(0), 4)
    assert (kept.shape, values.shape, kept.dtype) == ((0,), (0,), "int32")


@pytest.mark.parametrize("kind", ["", "stateless_"])
def test_random_changes_refuse_bounds_without_anything_between(kind):
    seed = {"seed": [1, 2]} if kind else {}
    for name, bounds in [("brightness", [-0.1]), ("hue", [0.6]), ("contrast", [0.6, 0.2]), ("saturation", [-1, 1])]:
        with pytest.raises(ValueError, match=f"{kind}random_{name}: "):
            getattr(image, f"{kind}random_{name}")(np.ones((2, 2, 3), "float32"), *bounds, **seed)
