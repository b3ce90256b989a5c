"""Arguments without a name are taken in Keras's order."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers


def test_lora_takes_the_scale_second():
    layer = layers.Dense(3)
    layer.build((None, 4))
    layer.enable_lora(2, 8.0)
    assert layer.lora_rank == 2 and layer.lora_alpha == 8.0


def test_quantize_takes_the_check_of_the_type_second():
    class Own(layers.Dense):
        pass

    layer = Own(3)
    layer.build((None, 4))
    with pytest.raises(NotImplementedError):
        layer.quantize("int8")
    layer.quantize("int8", False)
    assert layer.quantization_mode == "int8"


def test_scopes_and_descriptions_have_all_that_keras_has():
    with keras.name_scope("block", caller=None, deduplicate=True):
        assert keras.layers.Dense(1).name.startswith("dense")
    with pytest.raises(ValueError, match="colour"):
        keras.name_scope("block", colour=1)
    described = keras.KerasTensor((2, 3))
    assert (described.ragged, described.ragged_rank, described.row_splits_dtype) == (False, None, None)


IMAGE = np.arange(12, dtype="float32").reshape(2, 3, 2)


def test_single_images_change_as_batches_do():
    layer = layers.RandomFlip("horizontal", seed=1, bounding_box_format="xyxy")
    drawn = layer.get_random_transformation(IMAGE[None], training=True)
    whole = layer.transform_images(IMAGE[None], drawn)
    np.testing.assert_array_equal(layer.transform_single_image(IMAGE, drawn), whole[0])
    np.testing.assert_array_equal(
        layer.transform_single_segmentation_mask(IMAGE, drawn),
        layer.transform_segmentation_masks(IMAGE[None], drawn)[0],
    )
    assert float(layer.transform_single_label(np.float32(3), drawn)) == 3
    boxes = {"boxes": np.array([[0, 0, 1, 2]], "float32"), "labels": np.array([1], "float32")}
    found = layer.transform_single_bounding_box(boxes, drawn)
    assert found["boxes"].shape == (1, 4) and found["labels"].shape == (1,)
