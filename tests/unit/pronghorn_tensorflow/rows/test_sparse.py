"""`tf.SparseTensor` in data sets."""

import numpy as np
import pytest

import pronghorn
from pronghorn.data import Dataset
from pronghorn.data.tensor_spec import SparseTensorSpec
from pronghorn_tensorflow.rows.sparse import SparseTensor, from_dense, to_dense

DENSE = np.array([[0, 1.5, 0, 2], [0, 0, 0, 0], [3, 0, -1, 0]], "float32")


def dense(rows):
    return [np.asarray(to_dense(row)).tolist() for row in rows]


def test_rows_and_batches_are_sparse():
    data = Dataset.from_tensor_slices(from_dense(DENSE))
    assert len(data) == 3 and all(isinstance(row, SparseTensor) for row in data)
    assert dense(data) == DENSE.tolist() == dense(data.batch(2).unbatch())
    assert dense(data.batch(2)) == [DENSE[:2].tolist(), DENSE[2:].tolist()]
    assert data.element_spec == SparseTensorSpec((4,), "float32")
    assert data.batch(2).element_spec == SparseTensorSpec((None, 4), "float32")
    assert dense(Dataset.from_tensors(from_dense(DENSE))) == [DENSE.tolist()]


def test_places_in_any_order_beside_numbers():
    texts = SparseTensor([[2, 0], [0, 1]], ["b", "a"], [3, 2])
    ((rows, numbers),) = Dataset.from_tensor_slices((texts, [1, 2, 3])).batch(3)
    assert dense([rows]) == [[[b"", b"a"], [b"", b""], [b"b", b""]]] and numbers.tolist() == [1, 2, 3]


def test_rows_of_different_extents_are_filled_up_to_the_largest():
    spec = SparseTensorSpec([None], "int32")
    data = Dataset.from_generator(
        lambda: iter([from_dense(np.array(x, "int32")) for x in ([1, 0], [0, 2, 3])]), output_signature=spec
    )
    assert dense(data.batch(2)) == [[[1, 0, 0], [0, 2, 3]]]
    with pytest.raises(ValueError, match="a SparseTensor of int32 was expected"):
        list(Dataset.from_generator(lambda: iter([[1]]), output_signature=spec))
    with pytest.raises(TypeError, match="SparseTensors are not padded"):
        list(data.padded_batch(2))


def test_an_array_without_rows_gives_none():
    assert not list(Dataset.from_tensor_slices(SparseTensor(np.zeros((0, 2)), np.zeros(0, "float32"), [0, 4])))


def test_a_model_learns_from_them_as_from_the_full_array():
    def fitted(x):
        model = pronghorn.Sequential([pronghorn.Input((4,)), pronghorn.layers.Dense(2, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        data = Dataset.from_tensor_slices((x, np.ones((3, 2), "float32"))).batch(2)
        return model.fit(data, epochs=2, verbose=0).history["loss"]

    np.testing.assert_array_equal(fitted(from_dense(DENSE)), fitted(DENSE))


def test_a_process_without_rows_has_an_empty_array():
    (batch,) = Dataset.from_tensor_slices(from_dense(DENSE)).batch(3).lazily()
    assert dense([batch.rows(range(1, 3))]) == [DENSE[1:].tolist()]
    none = batch.rows(range(3, 3))
    assert none.shape == (0, 4) and none.dtype == "float32"
