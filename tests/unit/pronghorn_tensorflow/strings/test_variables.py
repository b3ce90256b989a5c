"""Variables of strings."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")


def test_are_assigned_in_whole_and_in_part():
    word = tf.Variable("a")
    assert word.assign("b") is word and word.numpy() == b"b" and word.read_value().numpy() == b"b"
    words = tf.Variable([["a", "b"]])
    kept = words.read_value()
    assert words[0, 0].assign("z").numpy().tolist() == [[b"z", b"b"]]
    assert words[:, 1].assign(["y"]).numpy().tolist() == [[b"z", b"y"]]
    assert kept.tolist() == [[b"a", b"b"]]
    assert str(word) == "<tf.Variable 'Variable:0' shape=() dtype=string, numpy=b'b'>"


def test_are_strings_to_other_functions():
    words = tf.Variable(["a", "b"])
    assert (words + "c").tolist() == [b"ac", b"bc"] and (words == "a").tolist() == [True, False]
    assert tf.concat([words, words], 0).tolist() == [b"a", b"b", b"a", b"b"]
    assert np.concatenate([words, words]).tolist() == [b"a", b"b", b"a", b"b"]


def test_refuse_other_types_and_shapes():
    with pytest.raises(TypeError, match="array of strings was expected; got 1"):
        tf.Variable("a").assign(1)
    with pytest.raises(ValueError, match=r"has shape \(1,\), the value \(2,\)"):
        tf.Variable(["a"]).assign(["x", "y"])


def test_tensors_made_of_them_stay_as_they_were():
    words = tf.Variable(["a", "b"])
    array = np.array([b"a", b"b"], object)
    made = [tf.identity(words), tf.convert_to_tensor(words), tf.constant(array), tf.identity(array)]
    words.assign(["x", "y"])
    array[:] = b"z"
    assert [tensor.numpy().tolist() for tensor in made] == [[b"a", b"b"]] * 4
