"""Pipeline: layers one after the other, without being a model."""

import numpy as np
import pytest

from pronghorn import layers, saving


def test_layers_in_order():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Rescaling(1.0, offset=1.0)])
    assert pipeline(np.ones((1, 2))).numpy().tolist() == [[3.0, 3.0]]
    assert len(pipeline.layers) == 2 and pipeline.weights == []


def test_strings_go_in():
    pipeline = layers.Pipeline(
        [layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3), layers.CategoryEncoding(4)]
    )
    assert pipeline(np.array(["a b", "z"])).numpy().tolist() == [[1, 0, 1, 1], [1, 1, 0, 0]]


def test_training_reaches_the_layers():
    pipeline = layers.Pipeline([layers.Dropout(0.9, seed=1)])
    x = np.ones((1, 200), "float32")
    assert (pipeline(x, training=False).numpy() == 1).all()
    assert (pipeline(x, training=True).numpy() == 0).any()


def test_dicts_go_through_image_layers():
    pipeline = layers.Pipeline([layers.RandomFlip(seed=1), layers.Resizing(2, 2)])
    result = pipeline({"images": np.ones((3, 4, 4, 1), "float32"), "labels": np.arange(3)})
    assert result["images"].shape == (3, 2, 2, 1) and result["labels"].numpy().tolist() == [0, 1, 2]


def test_configurations_come_back():
    pipeline = layers.Pipeline([layers.Rescaling(0.5), layers.CenterCrop(2, 2)])
    again = saving.deserialize_keras_object(saving.serialize_keras_object(pipeline))
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(again(x).numpy(), pipeline(x).numpy())
    with pytest.raises(ValueError, match="must have a list under 'layers'"):
        layers.Pipeline.from_config({"name": "p"})
    with pytest.raises(ValueError, match="list of layers, got 3 in it"):
        layers.Pipeline([layers.Rescaling(2.0), 3])


def test_images_of_integers_stay_such():
    images = np.arange(48, dtype="uint8").reshape(1, 4, 4, 3)
    resizing = layers.Resizing(3, 3)
    for pipeline in (layers.Pipeline([resizing]), layers.Pipeline([layers.Pipeline([resizing])])):
        found = pipeline(images)
        assert found.dtype == "uint8"
        np.testing.assert_array_equal(found.numpy(), resizing(images).numpy())
    assert layers.Pipeline([layers.CenterCrop(4, 4), resizing])(images).dtype == "float32"
