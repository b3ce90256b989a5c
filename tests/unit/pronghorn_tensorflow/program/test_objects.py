"""The objects of the stand-in for TensorFlow, and Python in the place of its functions."""

import numpy as np

from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")


def test_functions_of_python_are_decorated():
    @tf.numpy_function(Tout=[tf.float32, tf.int32])
    def step(action):
        """One step of a game."""
        assert isinstance(action, np.ndarray)
        return action * 2.5, action + 1

    state, reward = step(tf.constant(2))
    assert (state.dtype, float(state), int(reward)) == ("float32", 5.0, 3)
    assert step.__doc__ == "One step of a game."

    @tf.py_function(Tout=tf.int64)
    def doubled(x):
        return x * 2

    assert doubled(tf.constant([1, 2])).numpy().tolist() == [2, 4]
    assert doubled(tf.constant([1, 2])).dtype == "int64"


def test_a_function_of_arrays_changes_its_own():
    given = np.zeros(2, "float32")

    def more(x):
        x += 1
        return x

    assert tf.numpy_function(more, [given], tf.float32).numpy().tolist() == [1, 1]
    assert given.tolist() == [0, 0]
