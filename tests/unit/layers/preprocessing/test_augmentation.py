"""The layers that change images at random: what all of them keep to, and what each does."""

import numpy as np
import pytest

from pronghorn import layers, random

# Each layer with settings under which almost every image changes.
LAYERS = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
    "Mosaic": {},
    "RandAugment": {"num_ops": 3},
    "RandomBrightness": {"factor": 0.5},
    "RandomColorDegeneration": {"factor": (0.5, 1.0)},
    "RandomColorJitter": {
        "brightness_factor": 0.3,
        "contrast_factor": 0.3,
        "saturation_factor": 0.3,
        "hue_factor": 0.3,
    },
    "RandomContrast": {"factor": 0.8},
    "RandomCrop": {"height": 5, "width": 6},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {"sigma": (0.5, 2.0)},
    "RandomGrayscale": {"factor": 0.5},
    "RandomHue": {"factor": (0.3, 1.0)},
    "RandomInvert": {"factor": 0.9},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": (2, 5)},
    "RandomRotation": {"factor": 0.5},
    "RandomSaturation": {"factor": (0.0, 0.9)},
    "RandomSharpness": {"factor": (0.0, 1.0)},
    "RandomShear": {"x_factor": 0.5, "y_factor": 0.5},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomZoom": {"height_factor": 0.5},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.5},
}
SIZED = ("RandomCrop",)
MIXING = ("MixUp", "CutMix", "Mosaic")


def images(count=6, size=(10, 12), channels=3):
    return np.random.default_rng(0).uniform(0, 255, (count, *size, channels)).astype("float32")


def make(name, **more):
    return getattr(layers, name)(**{**LAYERS[name], **more})


@pytest.mark.parametrize("name", LAYERS)
def test_images_stay_as_they_are_in_inference(name):
    x = images(2)
    result = make(name)(x, training=False).numpy()
    if name not in SIZED:
        np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_seed_gives_the_same_images_and_every_call_others(name):
    x = images()
    first, second = make(name, seed=7), make(name, seed=7)
    a, b = first(x, training=True).numpy(), first(x, training=True).numpy()
    np.testing.assert_array_equal(a, second(x, training=True).numpy())
    assert a.dtype == "float32" and np.isfinite(a).all()
    assert name in SIZED or a.shape == x.shape
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in SIZED])
def test_values_stay_in_their_range(name):
    x = images()
    for _ in range(3):
        result = make(name)(x, training=True).numpy()
        assert result.min() >= -1e-3 and result.max() <= 255 + 1e-3


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in (*SIZED, *MIXING)])
def test_images_of_a_batch_change_each_in_its_own_way(name):
    x = np.repeat(images(1), 8, axis=0)
    result = make(name, seed=3)(x, training=True).numpy()
    # What a layer draws once for a batch, it says so in its transformation's shape; policies choose once too.
    once = ("RandAugment", "AugMix", "RandomGaussianBlur")
    assert name in once or len({image.tobytes() for image in result}) > 1


@pytest.mark.parametrize("name", LAYERS)
def test_one_image_gives_one_image(name):
    result = make(name)(images(1)[0], training=True)
    assert result.shape == ((5, 6, 3) if name in SIZED else (10, 12, 3))


@pytest.mark.parametrize("name", LAYERS)
def test_channels_first(name):
    x = images()
    last = make(name, seed=5)(x, training=True).numpy()
    first = make(name, seed=5, data_format="channels_first")(x.transpose(0, 3, 1, 2), training=True).numpy()
    assert first.shape == last.transpose(0, 3, 1, 2).shape
    if name not in ("RandomErasing", "RandomElasticTransform"):  # their noise has another layout
        np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, atol=0.02)


@pytest.mark.parametrize("name", LAYERS)
def test_configurations_come_back(name):
    layer = make(name, seed=3)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(images()).numpy(), layer(images()).numpy())


@pytest.mark.parametrize("name", LAYERS)
def test_whole_numbers_come_in_and_floats_out(name):
    result = make(name)(images().astype("uint8"), training=True)
    assert result.dtype == "float32"


@pytest.mark.parametrize("name", LAYERS)
def test_images_of_a_wrong_shape(name):
    with pytest.raises(ValueError, match=r"must be of shape \(height, width, channels\).*got shape \(4, 4\)"):
        make(name)(np.ones((4, 4), "float32"))


# -- what each does ---------------------------------------------------------------------------------------------------
def test_flips():
    x = images(1)[0]
    mirrored = {"horizontal": [x, x[:, ::-1]], "vertical": [x, x[::-1]], "horizontal_and_vertical": [x, x[::-1, ::-1]]}
    for mode, allowed in mirrored.items():
        flip = layers.RandomFlip(mode, seed=1)
        results = [flip(x).numpy() for _ in range(20)]
        assert {[np.array_equal(y, a) for a in allowed].index(True) for y in results} == {0, 1}


def test_a_turn_of_a_quarter():
    x = images(1, size=(6, 6))
    np.testing.assert_allclose(layers.RandomRotation((0.25, 0.25))(x).numpy(), np.rot90(x, axes=(1, 2)), atol=0.01)


def test_translation():
    x = images(1, size=(8, 8))
    moved = layers.RandomTranslation((0.25, 0.25), (-0.5, -0.5), fill_mode="constant", fill_value=9.0)(x).numpy()
    np.testing.assert_allclose(moved[:, 2:, :4], x[:, :-2, 4:], atol=1e-3)
    assert (moved[:, :2] == 9.0).all() and (moved[:, :, 4:] == 9.0).all()


def test_zoom_out_keeps_the_middle():
    x = np.zeros((1, 9, 9, 1), "float32")
    x[0, 4, 4] = 100.0
    zoomed = layers.RandomZoom((1.0, 1.0), fill_mode="constant")(x).numpy()
    assert zoomed[0, 4, 4, 0] == 100.0 and (zoomed[:, :2] == 0).all()


def test_brightness_and_inversion():
    x = np.full((1, 1, 1, 3), 100.0, "float32")
    assert layers.RandomBrightness((0.2, 0.2))(x).numpy().ravel().tolist() == [151.0] * 3
    assert layers.RandomBrightness((-1.0, -1.0))(x).numpy().ravel().tolist() == [0.0] * 3
    np.testing.assert_allclose(
        layers.RandomBrightness((0.2, 0.2), value_range=(0, 1))(x / 255).numpy(), 0.592, rtol=1e-3
    )
    assert layers.RandomInvert((1.0, 1.0))(x).numpy().ravel().tolist() == [155.0] * 3


def test_gray():
    x = images(1)
    gray = layers.RandomGrayscale(1.0)(x).numpy()
    np.testing.assert_allclose(gray, np.repeat(gray[..., :1], 3, -1))
    np.testing.assert_allclose(gray[..., 0], x @ np.array([0.2989, 0.587, 0.114]), rtol=1e-3)
    full = layers.RandomColorDegeneration((1.0, 1.0))(x).numpy()
    np.testing.assert_allclose(full, gray, atol=0.1)
    for layer in (layers.RandomColorDegeneration((0.0, 0.0)), layers.RandomSaturation((0.5, 0.5))):
        np.testing.assert_allclose(layer(x).numpy(), x, atol=0.01)


def test_saturation_fills_and_empties_colors():
    x = images(1)
    none, full = (layers.RandomSaturation((f, f))(x).numpy() for f in (0.0, 1.0))
    np.testing.assert_allclose(none, np.repeat(x.max(-1, keepdims=True), 3, -1), atol=0.01)
    assert np.abs(full.min(-1)).max() < 0.01 and full.max() <= 255  # never outside of the range


def test_posterization_keeps_the_upper_bits():
    x = np.array([[[[0, 37, 255]]]], "float32")
    assert layers.RandomPosterization((3, 3))(x).numpy().ravel().tolist() == [0, 32, 224]
    assert layers.RandomPosterization(8)(x).numpy().ravel().tolist() == [0, 37, 255]


def test_contrast_zero_is_the_mean():
    x = images(2)
    changed = layers.RandomContrast(0.5).transform_images(x, {"contrast_factor": np.zeros((2, 1, 1, 1), "float32")})
    np.testing.assert_allclose(changed.numpy(), np.broadcast_to(x.mean((1, 2), keepdims=True), x.shape), rtol=1e-4)


def test_solarization():
    x = np.array([[[[10, 100, 250]]]], "float32")
    numbers = {"additions": np.full((1, 1, 1, 1), 20.0), "thresholds": np.full((1, 1, 1, 1), 110.0)}
    assert layers.Solarization(0.5, 0.5).transform_images(x, numbers).numpy().ravel().tolist() == [30, 135, 0]


def test_equalization_and_auto_contrast_spread_values():
    x = np.linspace(100, 120, 64).reshape(1, 8, 8, 1).astype("float32")
    stretched, equal = layers.AutoContrast()(x).numpy(), layers.Equalization()(x).numpy()
    assert stretched.min() == equal.min() == 0.0 and stretched.max() == equal.max() == 255.0
    assert (layers.AutoContrast()(np.full((1, 4, 4, 1), 7.0)).numpy() == 7.0).all()
    assert (layers.Equalization()(np.full((1, 4, 4, 1), 7.0)).numpy() == 7.0).all()
    # Levels, their cumulated shares, 255 times these, rounded.
    few = np.array([0, 0, 50, 50, 50, 100, 200, 255], "float32").reshape(1, 2, 4, 1)
    assert layers.Equalization()(few).numpy().ravel().tolist() == [0, 0, 128, 128, 128, 170, 212, 255]


def test_each_image_is_equalized_by_itself():
    x = images(3)
    together = layers.Equalization()(x).numpy()
    np.testing.assert_array_equal(together, np.stack([layers.Equalization()(image).numpy() for image in x]))


def test_local_equalization_raises_local_contrast():
    x = np.concatenate([np.linspace(100, 104, 32), np.linspace(200, 204, 32)]).reshape(1, 8, 8, 1).astype("float32")
    result = layers.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=40.0, tile_grid_size=(2, 2))(x).numpy()
    assert result.shape == x.shape and result.std() > x[:, :4].std()
    assert result.min() >= 0 and result.max() <= 255


def test_sharpness_between_smooth_and_as_it_is():
    x = images(1)
    np.testing.assert_allclose(layers.RandomSharpness((0.5, 0.5))(x).numpy(), x, atol=0.01)
    smooth = layers.RandomSharpness((0.0, 0.0))(x).numpy()
    assert smooth[:, 1:-1, 1:-1].std() < x[:, 1:-1, 1:-1].std()


def test_blur_keeps_flat_images_inside():
    x = np.full((1, 9, 9, 3), 50.0, "float32")
    blurred = layers.RandomGaussianBlur((1.0, 1.0), kernel_size=3, sigma=(1.0, 1.0))(x).numpy()
    np.testing.assert_allclose(blurred[:, 1:-1, 1:-1], 50.0, rtol=1e-4)


def test_erasing():
    x = np.full((4, 20, 20, 3), 200.0, "float32")
    erased = layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0, seed=1)(x).numpy()
    shares = (erased == 0).all(-1).mean((1, 2))
    assert ((shares > 0.04) & (shares <= 0.26)).all() and set(np.unique(erased)) == {0.0, 200.0}
    np.testing.assert_array_equal(layers.RandomErasing(factor=0.0)(x).numpy(), x)


def test_mixing_mixes_labels_too():
    data = {"images": images(4), "labels": np.eye(4, dtype="float32")}
    for layer in (layers.MixUp(1.0, seed=2), layers.CutMix(seed=2)):
        result = layer(data, training=True)
        labels = result["labels"].numpy()
        np.testing.assert_allclose(labels.sum(1), 1.0, rtol=1e-5)
        assert ((labels > 0.01) & (labels < 0.99)).any()
    mixed = layers.MixUp(1.0, seed=1)(data, training=True)
    weights = mixed["labels"].numpy()
    np.testing.assert_allclose(mixed["images"].numpy(), np.einsum("ij,j...->i...", weights, data["images"]), rtol=1e-4)


def test_a_dict_is_not_changed_in_place():
    data = {"images": images(2), "labels": np.arange(2)}
    before = data["images"]
    layers.RandomFlip()(data)
    assert data["images"] is before


def test_several_layers_can_share_a_generator():
    generator = random.SeedGenerator(3)
    first, second = layers.RandomRotation(0.3, seed=generator), layers.RandomZoom(0.3, seed=generator)
    x = images(2)
    assert not np.array_equal(first(x).numpy(), x) and not np.array_equal(second(x).numpy(), x)


# -- boxes ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layer", "boxes"),
    [
        (lambda **k: layers.RandomTranslation((0.2, 0.2), (-0.25, -0.25), **k), [[0, 3, 4, 6], [4, 2, 6, 10]]),
        (lambda **k: layers.RandomRotation((0.5, 0.5), **k), [[1, 5, 5, 8], [0, 0, 1, 9]]),
    ],
)
def test_boxes_move_with_images(layer, boxes):
    made = layer(bounding_box_format="xyxy")
    data = {
        "images": images(1, size=(10, 8)),
        "bounding_boxes": {"boxes": np.array([[[2, 1, 6, 4], [6, 0, 8, 9]]], "float32"), "labels": np.array([[0, 1]])},
    }
    moved = made(data)["bounding_boxes"]["boxes"].numpy()[0]
    expected = np.clip(np.array(boxes, "float32"), 0, [8, 10, 8, 10])
    np.testing.assert_allclose(moved, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["RandomFlip", "RandomZoom", "RandomShear", "RandomTranslation", "RandomPerspective"])
def test_boxes_of_one_image(name):
    layer = make(name, seed=1, bounding_box_format="xyxy")
    boxes = {"boxes": np.array([[2, 1, 6, 4], [3, 2, 5, 5]], "float32"), "labels": np.array([0, 1])}
    result = layer({"images": images(1)[0], "bounding_boxes": boxes}, training=True)["bounding_boxes"]
    assert result["boxes"].shape == (2, 4) and result["labels"].numpy().tolist() == [0, 1]
    transformation = layer.get_random_transformation(images(1), training=True)
    batch = {key: value[None] for key, value in boxes.items()}
    alone = layer.transform_bounding_boxes(boxes, transformation)["boxes"].numpy()
    alone = alone[0] if name in ("RandomZoom", "RandomShear") else alone  # a batch of one, as in Keras
    np.testing.assert_array_equal(alone, layer.transform_bounding_boxes(batch, transformation)["boxes"].numpy()[0])


def test_a_shear_of_boxes_that_has_no_inverse():
    layer = layers.RandomShear(1.0, 1.0, bounding_box_format="xyxy")
    boxes = {"boxes": np.array([[[2, 1, 4, 3], [6, 4, 8, 6]]], "float32"), "labels": np.array([[0, 1]])}
    transformation = {"shear_factor": np.array([[1.0, 1.0]], "float32"), "input_shape": (1, 10, 8, 3)}
    moved = layer.transform_bounding_boxes(boxes, transformation)["boxes"].numpy()[0]
    np.testing.assert_allclose(moved, [[0, 0, 3.2, 3.5], [1.2, 0, 4.8, 4.5]], atol=1e-5)  # from Keras


def test_as_many_boxes_for_every_image():
    boxes = {"boxes": np.arange(16.0, dtype="float32").reshape(2, 2, 4), "labels": np.array([[1, 2], [3, 4]])}
    data = {"images": images(2), "bounding_boxes": boxes}
    more = layers.MaxNumBoundingBoxes(3)(data)["bounding_boxes"]
    assert more["boxes"].shape == (2, 3, 4) and more["labels"].numpy().tolist() == [[1, 2, -1], [3, 4, -1]]
    fewer = layers.MaxNumBoundingBoxes(1)(data)["bounding_boxes"]
    assert fewer["labels"].numpy().tolist() == [[1], [3]]


def test_elastic_transforms_refuse_boxes():
    data = {"images": images(1), "bounding_boxes": {"boxes": np.ones((1, 1, 4)), "labels": np.ones((1, 1))}}
    with pytest.raises(NotImplementedError, match="does not know where boxes go"):
        layers.RandomElasticTransform(bounding_box_format="xyxy")(data)


# -- arguments --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomBrightness(2.0), r"`factor` argument should be a number in the range \[-1.0, 1.0\].*2.0"),
        (lambda: layers.RandomBrightness((0.1, 0.2, 0.3)), r"or a list of two such numbers.*\(0.1, 0.2, 0.3\)"),
        (lambda: layers.RandomBrightness(0.1, value_range=(255, 0)), "`value_range` argument should be .* lower one"),
        (lambda: layers.RandomContrast("a"), "`factor` argument should be .*'a'"),
        (lambda: layers.RandomFlip("diagonal"), "`mode` must be one of .*horizontal"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "`fill_mode` must be one of .*reflect"),
        (lambda: layers.RandomZoom(0.1, interpolation="cubic"), "`interpolation` must be one of"),
        (lambda: layers.RandomShear(2.0), "`x_factor` argument"),
        (lambda: layers.RandomTranslation(0.1, 3.0), "`width_factor` argument"),
        (lambda: layers.RandomGaussianBlur(kernel_size=2), "`kernel_size` should be an odd"),
        (lambda: layers.RandomGrayscale(1.5), "between 0 and 1"),
        (lambda: layers.RandomPosterization(9), "`factor` argument"),
        (lambda: layers.Equalization(bins=1), "`bins` argument should be at least 2"),
        (lambda: layers.MixUp(-1.0), "`alpha` argument should not be negative"),
        (lambda: layers.CutMix(2.0), "`factor` argument"),
        (lambda: layers.Mosaic((0.5, 2)), "`offset` argument"),
        (lambda: layers.RandAugment(num_ops=12), "num_ops must be from 0 to 11"),
        (lambda: layers.AugMix(alpha=0.0), "`alpha` argument should be positive"),
        (lambda: layers.AugMix(num_chains=0), "`num_chains`"),
        (lambda: layers.MaxNumBoundingBoxes(0), "`max_number`"),
        (lambda: layers.RandomHue(0.1, data_format="first"), "data_format"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()
