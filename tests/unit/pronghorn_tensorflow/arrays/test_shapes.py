"""`tf.shape` and its like: numbers with which one computes as with TensorFlow's, in compiled functions too."""

import copy
import pickle

import numpy as np
import pytest

import pronghorn as keras
from pronghorn_tensorflow.alias import TensorFlowAlias
from pronghorn_tensorflow.arrays.shapes import Extent, Extents

tf = TensorFlowAlias("tensorflow")


def test_extents_are_computed_with_as_a_vector():
    extents = tf.shape(np.ones((2, 3, 4)))
    assert extents[:2] * 2 == (4, 6) and extents + [1, 0, 1] == (3, 3, 5) and 10 - extents == (8, 7, 6)
    assert extents[0] == 2 and extents[0].numpy() == 2 and isinstance(extents[1:], Extents)
    assert (extents // 2)[-1] == 2 and extents % 2 == (0, 1, 0) and extents * [2] == (4, 6, 8)
    assert tf.shape(3) == () and tf.shape(3).numpy().shape == (0,)
    with pytest.raises(ValueError, match="3 extents, .* and 2 numbers"):
        extents * [1, 2]


def test_an_extent_is_an_int_that_is_printed_as_a_tensor():
    assert str(Extent(3)) == str(keras.ops.convert_to_tensor(3, "int32")) and f"{Extent(3):02d}" == "03"
    assert repr((Extent(3),)) == "(3,)" and list(range(Extent(3))) == [0, 1, 2]


def test_copies_keep_the_type():
    extents = tf.shape(np.ones((2, 3)), out_type="int64")
    for made in (copy.deepcopy(extents), pickle.loads(pickle.dumps(extents))):
        assert made == extents and made.numpy().dtype == "int64"


@pytest.mark.parametrize("batch", [1, 5])
def test_in_layers_whose_batch_is_not_known(batch):
    inputs = keras.Input((6,))
    halves = keras.layers.Lambda(
        lambda x: keras.ops.reshape(x, (tf.shape(x)[0], tf.shape(x)[1] // 2, 2)), output_shape=(3, 2)
    )(inputs)
    sizes = keras.layers.Lambda(
        lambda x: keras.ops.zeros((tf.shape(x)[0], 1)) + keras.ops.cast((tf.shape(x) * 2)[0], "float32"),
        output_shape=(1,),
    )(inputs)
    model = keras.Model(inputs, [halves, sizes])
    found, twice = model.predict(np.ones((batch, 6)), verbose=0)
    assert found.shape == (batch, 3, 2) and twice.tolist() == [[2 * batch]] * batch


def test_a_shape_is_an_array_in_an_element_of_a_data_set():
    rows = keras.data.Dataset.from_tensor_slices(np.ones((2, 3, 4)))
    (batch,) = rows.map(lambda x: (x[0, 0], tf.shape(x))).batch(2)
    assert batch[1].tolist() == [[3, 4], [3, 4]]
    assert [x.tolist() for x in rows.map(tf.shape)] == [[3, 4], [3, 4]]
