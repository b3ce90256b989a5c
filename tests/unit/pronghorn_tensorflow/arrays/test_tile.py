"""`tf.tile`: a number for each axis."""

import numpy as np
import pytest

from pronghorn import layers, models
from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")


def test_arrays_are_repeated():
    x = tf.constant([[1, 2]])
    for multiples in ([2, 1], (2, 1), np.array([2, 1]), tf.constant([2, 1]), tf.stack([2, 1]), tf.shape([[0], [0]])):
        assert tf.tile(x, multiples).numpy().tolist() == [[1, 2], [1, 2]]
    assert tf.tile(input=[1], multiples=[0], name="none").shape == (0,)
    assert tf.tile(3, []).numpy() == 3
    assert tf.tile(["a"], [2]).tolist() == [b"a", b"a"]


@pytest.mark.parametrize(
    ("x", "multiples", "words"),
    [
        ([1], [1, 2], r"each of the 1 axes of input; got \[1, 2\]"),
        ([[1]], [2], r"2 axes of input; got \[2\]"),
        (1, [2], "0 axes"),
        ([1], 2, r"an array of shape \(\)"),
        (["a"], [1, 2], "1 axes"),
        ([[1]], np.array([2]), r"an array of shape \(1,\). Write 1 for axes that stay"),
    ],
)
def test_other_numbers_are_refused(x, multiples, words):
    with pytest.raises(ValueError, match=f"tf.tile: multiples must be a vector .*{words}"):
        tf.tile(x, multiples)


def test_models_and_functions_repeat():
    @tf.function
    def pairs(x):
        return tf.tile(x, [tf.shape(x)[0], 1])

    assert pairs(tf.ones((2, 3))).shape == (4, 3)
    inputs = layers.Input((3,))
    model = models.Model(inputs, layers.Lambda(lambda x: tf.tile(x[:, None], [1, 2, 1]))(inputs))
    assert model(np.ones((4, 3), "float32")).shape == (4, 2, 3)
