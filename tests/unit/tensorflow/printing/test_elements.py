"""What data sets and layers give, in scripts for TensorFlow."""

import numpy as np

from pronghorn import layers
from pronghorn.data import Dataset, RaggedTensor
from pronghorn.tensorflow.alias import TensorFlowAlias
from pronghorn.tensorflow.printing import tensors

tf = TensorFlowAlias("tensorflow")


def test_shapes_of_elements_are_tensorflows():
    for data in (np.ones((2, 3, 4), "float32"), np.array([["a"], ["b"]])):
        (batch,) = Dataset.from_tensor_slices(data).batch(2)
        assert batch.shape.as_list() == list(data.shape) and batch.shape.rank == batch[0].shape.rank + 1 == data.ndim
        assert batch.shape == data.shape and batch.reshape(-1).shape.as_list() == [data.size]
    (scalar,) = Dataset.range(1)
    assert scalar.shape.as_list() == [] and np.asarray(scalar).shape == ()


def test_strings_of_layers_are_bytes():
    lookup = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert lookup(np.int64(1)).tolist() == "a" and lookup(np.array([2, 1])).tolist() == ["b", "a"]
    tensors.write_as_tensorflow()
    assert lookup(np.array([2, 9])).tolist() == [b"b", b"[UNK]"]
    assert [x.numpy() for x in lookup(np.array([1, 2]))] == [b"a", b"b"]
    assert lookup(1).numpy() == b"a" and lookup(np.zeros((0, 2), "int64")).shape == (0, 2)
    assert [x.numpy() for x in Dataset.from_tensor_slices([1, 2]).map(lookup)] == [b"a", b"b"]
    assert lookup(RaggedTensor.of([[1, 2], []])).to_list() == [[b"a", b"b"], []]
