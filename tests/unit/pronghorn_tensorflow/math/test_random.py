"""`tf.random` of the stand-in for TensorFlow: what seeds mean there, and its arguments."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
random, nn = submodule("tensorflow.random"), submodule("tensorflow.nn")
global_seed = submodule("tensorflow.python.eager.context").global_seed

DRAWS = {
    "normal": lambda: random.normal([8], mean=1.0, stddev=2.0, dtype=tf.float32, seed=5, name="noise"),
    "truncated_normal": lambda: random.truncated_normal([8], seed=5),
    "uniform": lambda: random.uniform([8], seed=5),
    "integers": lambda: random.uniform([8], 0, 1000, tf.int32, seed=5),
    "gamma": lambda: random.gamma([8], 2.0, seed=5),
    "categorical": lambda: random.categorical(np.zeros((1, 9), "float32"), 8, seed=5),
    "shuffle": lambda: random.shuffle(np.arange(8), seed=5),
    "dropout": lambda: nn.dropout(np.ones(64, "float32"), 0.5, seed=5),
}


@pytest.mark.parametrize("name", list(DRAWS))
def test_a_seed_starts_a_sequence(name):
    draw = DRAWS[name]
    random.set_seed(1)
    first, second = np.asarray(draw()), np.asarray(draw())
    assert (first != second).any()
    random.set_seed(1)
    np.testing.assert_array_equal(draw(), first)
    np.testing.assert_array_equal(draw(), second)


def test_a_compiled_function_goes_on_in_the_sequence():
    @tf.function
    def noise():
        return random.normal([4], seed=11)

    assert (np.asarray(noise()) != np.asarray(noise())).any()


def test_shapes_and_types():
    assert random.gamma([3], [1.0, 2.0], beta=[[1.0], [2.0]]).shape == (3, 2, 2)
    assert random.categorical(np.zeros((2, 3), "float32"), 4).dtype == "int64"
    found = np.asarray(nn.dropout(np.ones((50, 4), "float32"), rate=0.5, noise_shape=[50, 1]))
    assert (found == found[:, :1]).all() and set(np.unique(found)) == {0.0, 2.0}
    with pytest.raises(ValueError, match="maxval"):
        random.uniform([2], dtype=tf.int32)


def test_seeds_are_kept_and_given_back():
    before = global_seed()
    try:
        random.set_seed(7)
        assert global_seed() == 7
        first = random.uniform([2]).numpy()
        state = np.random.get_state()[1].copy()
        random.set_seed(None)
        assert global_seed() is None
        np.testing.assert_array_equal(np.random.get_state()[1], state)  # NumPy's generator is not touched
        others = {float(random.uniform([2]).numpy()[0]) for _ in range(3)}
        random.set_seed(None)
        others.add(float(random.uniform([2]).numpy()[0]))
        assert len(others) == 4 and float(first[0]) not in others
        random.set_seed(7)
        np.testing.assert_array_equal(random.uniform([2]).numpy(), first)
    finally:
        random.set_seed(before)
