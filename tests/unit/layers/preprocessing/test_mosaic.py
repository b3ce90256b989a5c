"""Pieces of four images, with what belongs to them."""

import numpy as np
import pytest

from pronghorn import layers, ops


def _transformation(shape, order, centers):
    """What `Mosaic.get_random_transformation` draws, with centres in pixels."""
    height, width = shape[1:3]
    x, y = np.array(centers, "float32").T
    centers = np.stack([x / width, y / height], axis=-1)
    return {"permutation_order": np.array(order), "mosaic_centers": centers, "input_shape": shape}


def _expected(images, order, centers):
    """Each image is turned round its borders until its corner is at the centre, and seen in one quarter."""
    found = []
    for four, (x, y) in zip(order, centers):
        turned = [np.roll(images[i], (y, x), axis=(0, 1)) for i in four]
        upper = np.concatenate([turned[0][:y, :x], turned[1][:y, x:]], axis=1)
        lower = np.concatenate([turned[2][y:, :x], turned[3][y:, x:]], axis=1)
        found.append(np.concatenate([upper, lower], axis=0))
    return np.stack(found)


@pytest.mark.parametrize("first", [False, True], ids=["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("size", "centers"),
    [((4, 6), [(2, 1), (0, 0), (6, 4)]), ((1, 5), [(1, 0), (5, 1), (2, 1)]), ((1, 1), [(0, 0), (1, 1), (0, 1)])],
    ids=["4x6", "1x5", "1x1"],
)
def test_pieces(first, size, centers):
    images = np.random.default_rng(0).normal(size=(3, *size, 2)).astype("float32")
    order = [[0, 1, 2, 0], [1, 1, 0, 2], [2, 0, 0, 1]]
    data_format = "channels_first" if first else "channels_last"
    layer = layers.Mosaic(data_format=data_format)
    given = np.moveaxis(images, -1, 1) if first else images
    found = layer.transform_images(given, _transformation(images.shape, order, centers)).numpy()
    expected = _expected(images, order, centers)
    np.testing.assert_array_equal(np.moveaxis(found, 1, -1) if first else found, expected)
    masks = (images > 0).astype("int32")
    kept = layers.Mosaic().transform_segmentation_masks(masks, _transformation(images.shape, order, centers))
    assert str(kept.dtype) == "int32"
    np.testing.assert_array_equal(kept, _expected(masks, order, centers))


def test_labels_by_area_and_boxes_by_place():
    order, centers = [[0, 1, 1, 0], [1, 0, 0, 0]], [(2, 1), (4, 0)]
    transformation = _transformation((2, 4, 4, 1), order, centers)
    layer = layers.Mosaic(bounding_box_format="xyxy")
    labels = layer.transform_labels(ops.eye(2), transformation)
    np.testing.assert_allclose(labels, [[0.125 + 0.375, 0.125 + 0.375], [1.0, 0.0]])
    boxes = {"boxes": ops.array([[[1.0, 2.0, 3.0, 4.0]], [[0.0, 0.0, 1.0, 1.0]]]), "labels": ops.array([[7.0], [8.0]])}
    moved = layer.transform_bounding_boxes(boxes, transformation)
    np.testing.assert_array_equal(moved["labels"], [[7, -1, -1, 7], [-1, -1, 7, -1]])
    # Of the first image: itself in the upper left, cut off at the border, and in the lower right.
    np.testing.assert_allclose(moved["boxes"][0][0], [0, 0, 1, 1])
    np.testing.assert_allclose(moved["boxes"][0][3], [3, 3, 4, 4])
    np.testing.assert_allclose(moved["boxes"][1][2], [1, 2, 3, 4])


def test_points_lie_between_pixels_within_their_range():
    layer = layers.Mosaic((0.25, 0.75), seed=1)
    drawn = layer.get_random_transformation(np.zeros((50, 8, 6, 1), "float32"))
    pixels = drawn["mosaic_centers"].numpy() * [6, 8]
    np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-5)
    assert pixels[:, 0].min() >= 1 and pixels[:, 0].max() <= 5 and len(np.unique(pixels[:, 1])) > 2
    order = drawn["permutation_order"].numpy()
    np.testing.assert_array_equal(order[:, 0], np.arange(50))
    assert order.min() == 0 and order.max() == 49 and order.shape == (50, 4)


def test_one_image_is_its_own_partner():
    image = np.arange(24, dtype="float32").reshape(4, 6, 1)
    found = layers.Mosaic(0.5, seed=3)(image, training=True).numpy()
    assert sorted(found.ravel()) == sorted(image.ravel())


def test_class_numbers_cannot_be_mixed():
    with pytest.raises(ValueError, match=r"must be floats.*int.*one_hot"):
        layers.Mosaic()({"images": np.ones((2, 4, 4, 3), "float32"), "labels": np.array([0, 1])}, training=True)
    with pytest.raises(ValueError, match="bounding_box_format"):
        boxes = {"boxes": np.ones((2, 1, 4), "float32"), "labels": np.ones((2, 1))}
        layers.Mosaic()({"images": np.ones((2, 4, 4, 3), "float32"), "bounding_boxes": boxes}, training=True)


def test_in_a_data_set_and_in_a_model():
    from pronghorn import Input, Sequential, data

    layer = layers.Mosaic(seed=0)
    batches = data.Dataset.from_tensor_slices((np.ones((5, 4, 4, 3), "float32"), np.eye(5, dtype="float32"))).batch(2)
    mixed = batches.map(lambda x, y: layer({"images": x, "labels": y}, training=True))
    assert [tuple(b["images"].shape) for b in mixed] == [(2, 4, 4, 3), (2, 4, 4, 3), (1, 4, 4, 3)]
    model = Sequential([Input((4, 4, 3)), layers.Mosaic(seed=0), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(np.ones((5, 4, 4, 3)), np.ones(5), batch_size=2, verbose=0).history["loss"]).all()
    assert layers.Mosaic.from_config(layer.get_config()).offset == (0.25, 0.75)
