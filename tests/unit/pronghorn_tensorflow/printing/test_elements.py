"""What data sets and layers give, in scripts for TensorFlow."""

import numpy as np

from pronghorn import layers, models
from pronghorn.data import Dataset, RaggedTensor
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule
from pronghorn_tensorflow.printing import tensors

tf = TensorFlowAlias("tensorflow")
strings, io = submodule("tensorflow.strings"), submodule("tensorflow.io")


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


def test_lists_of_single_strings():
    (word,) = Dataset.from_tensor_slices(["be"])
    for one in (word, tf.constant("be")):
        assert layers.StringLookup(vocabulary=["be"])([one, one]).tolist() == [1, 1]
        assert layers.TextVectorization(vocabulary=["be"])([one]).tolist() == [[2]]
        assert layers.Hashing(50)([one]).tolist() == layers.Hashing(50)(["be"]).tolist()
        model = models.Sequential([layers.Input((), dtype="string"), layers.StringLookup(vocabulary=["be"])])
        assert np.asarray(model([one, one])).tolist() == [1, 1]
        assert strings.upper([one, "a"]).tolist() == [b"BE", b"A"]
        assert tf.concat([[one], ["z"]], 0).tolist() == tf.convert_to_tensor([one, "z"]).tolist() == [b"be", b"z"]


def test_arrays_of_objects_are_strings():
    words = np.array([b"a", b"b"], object)
    assert tf.gather(words, [1]).tolist() == [b"b"] and tf.reshape(words, [-1, 1]).tolist() == [[b"a"], [b"b"]]
    assert tf.concat([words, words], 0).shape == (4,) and tf.unique(words).y.tolist() == [b"a", b"b"]


def test_variables_of_strings_are_arrays_of_strings():
    words = tf.Variable(["a", "zz"])
    assert tf.convert_to_tensor(words).tolist() == tf.Variable(words).numpy().tolist() == [b"a", b"zz"]
    assert layers.StringLookup(vocabulary=["a"])(words).tolist() == [1, 0]
    assert io.parse_tensor(io.serialize_tensor(words), tf.string).tolist() == [b"a", b"zz"]
