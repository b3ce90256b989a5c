"""Resizing, CenterCrop and RandomCrop: images, segmentation masks and boxes of another size."""

import numpy as np
import pytest

import pronghorn
from pronghorn import layers
from pronghorn.data.folders.image_dataset import resize

IMAGES = np.arange(2 * 6 * 8 * 3, dtype="float32").reshape(2, 6, 8, 3)


def test_center_crop():
    np.testing.assert_array_equal(layers.CenterCrop(2, 4)(IMAGES).numpy(), IMAGES[:, 2:4, 2:6])
    np.testing.assert_array_equal(layers.CenterCrop(2, 4)(IMAGES[0]).numpy(), IMAGES[0, 2:4, 2:6])
    first = layers.CenterCrop(2, 4, data_format="channels_first")(IMAGES.transpose(0, 3, 1, 2)).numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), IMAGES[:, 2:4, 2:6])
    assert layers.CenterCrop(12, 4)(IMAGES).shape == (2, 12, 4, 3)  # too small: the largest part, resized


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_resizing(interpolation):
    flat = np.full((1, 6, 8, 3), 5.0, "float32")
    np.testing.assert_allclose(layers.Resizing(9, 3, interpolation=interpolation)(flat).numpy(), 5.0, rtol=1e-5)
    assert layers.Resizing(9, 3, interpolation=interpolation)(IMAGES[0]).shape == (9, 3, 3)
    np.testing.assert_array_equal(layers.Resizing(6, 8, interpolation=interpolation)(IMAGES).numpy(), IMAGES)


@pytest.mark.parametrize(
    ("interpolation", "expected"),  # the first row of what TensorFlow makes of it; it filters unchanged axes, too
    [
        ("area", [0.5, 1.5, 2.5, 3.5, 4.5]),
        ("gaussian", [0.6192, 1.5, 2.5, 3.5, 4.3808]),
        ("mitchellcubic", [0.4414, 1.3826, 2.3826, 3.3826, 4.3237]),
    ],
)
def test_resizing_by_filters(interpolation, expected):
    image = np.add.outer(np.arange(4) ** 2, np.arange(5))[..., None].astype("float32")
    found = layers.Resizing(2, 5, interpolation=interpolation)(image).numpy()[..., 0]
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    np.testing.assert_array_equal(resize(image, (2, 5), interpolation, crop=False, pad=False)[..., 0], found)


def test_resizing_without_distortion():
    image = np.zeros((1, 4, 8, 1), "float32")
    image[:, :, 2:6] = 1.0  # a square in the middle
    cropped = layers.Resizing(8, 8, crop_to_aspect_ratio=True, interpolation="nearest")(image).numpy()
    assert (cropped == 1.0).all()
    padded = layers.Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=7.0, interpolation="nearest")(image).numpy()
    assert (padded[:, :2] == 7.0).all() and (padded[:, -2:] == 7.0).all() and (padded[:, 2:6, 2:6] == 1.0).all()


def test_random_crop():
    layer = layers.RandomCrop(3, 5, seed=1)
    corners = set()
    for _ in range(20):
        cut = layer(IMAGES, training=True).numpy()
        row, column = divmod(int(cut[0, 0, 0, 0]) // 3, 8)
        np.testing.assert_array_equal(cut, IMAGES[:, row : row + 3, column : column + 5])  # the same of all images
        corners.add((row, column))
    assert len(corners) > 5
    assert layer(IMAGES, training=False).shape == (2, 3, 5, 3)
    assert layers.RandomCrop(9, 20)(IMAGES, training=True).shape == (2, 9, 20, 3)


def inputs(boxes):
    return {
        "images": IMAGES[:1],
        "bounding_boxes": {"boxes": np.array([boxes], "float32"), "labels": np.arange(len(boxes))[None]},
        "segmentation_masks": (IMAGES[:1, ..., :1] % 7).astype("int32"),
        "labels": np.array([3]),
    }


@pytest.mark.parametrize(
    ("layer", "settings", "boxes"),
    [  # the image is 6 high and 8 wide; from Keras on JAX
        ("Resizing", {}, [[0, 0, 16, 12], [2, 2, 8, 10]]),
        ("Resizing", {"crop_to_aspect_ratio": True, "height": 6, "width": 4}, [[0, 0, 4, 6], [0, 1, 2, 5]]),
        ("Resizing", {"pad_to_aspect_ratio": True, "height": 8, "width": 8}, [[0, 1, 8, 7], [1, 2, 4, 6]]),
        ("CenterCrop", {"height": 4, "width": 4}, [[0, 0, 4, 4], [0, 0, 2, 4]]),
    ],
)
def test_boxes_masks_and_labels_come_along(layer, settings, boxes):
    settings = {"height": 12, "width": 16, **settings}
    made = getattr(layers, layer)(bounding_box_format="xyxy", **settings)
    result = made(inputs([[0, 0, 8, 6], [1, 1, 4, 5]]))
    assert result["bounding_boxes"]["boxes"].numpy().tolist() == [boxes]
    assert result["bounding_boxes"]["labels"].numpy().tolist() == [[0, 1]]
    assert result["labels"].numpy().tolist() == [3]
    masks = result["segmentation_masks"].numpy()
    assert masks.shape == (1, settings["height"], settings["width"], 1)
    assert set(np.unique(masks)) <= set(range(7))  # classes are not mixed


def test_random_crop_moves_boxes_with_the_image():
    layer = layers.RandomCrop(4, 4, seed=3, bounding_box_format="rel_xyxy")
    data = inputs([[0.25, 0.5, 0.5, 1.0]])  # columns 2 to 4, rows 3 to 6
    result = layer(data, training=True)
    row, column = divmod(int(result["images"].numpy()[0, 0, 0, 0]) // 3, 8)
    corners = np.clip(np.array([2 - column, 3 - row, 4 - column, 6 - row]) / 4, 0, 1)
    np.testing.assert_allclose(result["bounding_boxes"]["boxes"].numpy()[0, 0], corners, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Resizing(0, 3), "`height` must be a positive integer, got height=0"),
        (lambda: layers.CenterCrop(3, 2.5), "`width` must be a positive integer, got width=2.5"),
        (lambda: layers.Resizing(3, 3, interpolation="cubic"), "`interpolation` must be one of .*bicubic"),
        (lambda: layers.Resizing(3, 3, fill_mode="wrap"), "`fill_mode` must be one of"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "only one of"),
        (lambda: layers.Resizing(3, 3)(np.ones((4, 4))), r"shape \(height, width, channels\).*got shape \(4, 4\)"),
        (lambda: layers.Resizing(3, 3)({"image": IMAGES}), r"needs the key 'images'; got the keys \['image'\]"),
        (lambda: layers.Resizing(3, 3)(inputs([[0, 0, 1, 1]])), "`bounding_box_format` must be given"),
        (
            lambda: layers.Resizing(3, 3, bounding_box_format="xyxy")({"images": IMAGES, "bounding_boxes": {}}),
            "must be a dict with 'boxes' and 'labels'",
        ),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("size", [6, 300])  # the larger ones are changed by a compiled call
def test_resizing_keeps_integers_where_a_program_calls_it(size):
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype="uint8")
    layer = layers.Resizing(4, 5)
    exact = layer(images.astype("float32")).numpy()
    for dtype in "uint8", "int32":
        found = layer(images.astype(dtype)).numpy()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.round(exact))
        assert layer({"images": images.astype(dtype), "labels": np.zeros(2)})["images"].dtype == dtype
    assert layer(images[0]).numpy().dtype == "uint8" and layer(images.astype("float64")).dtype == "float32"
    for model in (
        pronghorn.Sequential([pronghorn.Input((size, size, 3), dtype="uint8"), layer]),
        pronghorn.Sequential([layers.Resizing(4, 5)]),
    ):
        np.testing.assert_allclose(model(images).numpy(), exact, rtol=1e-5)
        np.testing.assert_allclose(model.predict(images, verbose=0), exact, rtol=1e-5)
    assert layer(images).dtype == "uint8"


def test_resizing_without_a_size_can_be_made_and_says_what_it_lacks_when_called():
    layer = layers.Resizing.from_config(layers.Resizing(None, 4, name="no_height").get_config())
    assert layer.height is None and layer.width == 4
    with pytest.raises(ValueError, match="'no_height'.*height=None, width=4"):
        layer(np.ones((1, 4, 4, 3)))
    with pytest.raises(ValueError, match="`height` must be a positive integer"):
        layers.Resizing(0, None)
