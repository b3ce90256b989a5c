"""`tf.Variable`: its parts."""

import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ([0, 1], 2),
        ([1], [4, 5, 6]),
        ([-1, -1], 6),
        ([], [[1, 2, 3], [4, 5, 6]]),
        ([slice(0, 1), 2], [3]),
        ([..., 0], [1, 4]),
        ([0, None], [[1, 2, 3]]),
        ((0, 1), 2),
    ],
)
def test_a_list_is_a_place(key, expected):
    v = tf.Variable([[1, 2, 3], [4, 5, 6]])
    assert v[key].numpy().tolist() == expected


def test_the_place_of_a_list_is_assigned():
    v = tf.Variable([[1, 2], [3, 4]])
    v[[0, 1]].assign(9)
    assert v.numpy().tolist() == [[1, 9], [3, 4]]
    with pytest.raises(IndexError, match="Too many indices"):
        v[[0, 1, 0]]


def test_the_value_is_a_call_and_an_array():
    v = tf.Variable([1.0, 2.0])
    assert v.value().numpy().tolist() == [1.0, 2.0]
    assert (v.value * 2).numpy().tolist() == [2.0, 4.0]
    v.assign([3.0, 4.0])
    assert tf.function(lambda: v.value() * 2)().numpy().tolist() == [6.0, 8.0]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(v.value() ** 2)
    assert tape.gradient(total, v).numpy().tolist() == [6.0, 8.0]


def test_strings_have_their_type():
    assert tf.Variable(["a", "b"]).dtype == tf.string and tf.Variable("a").dtype.name == "string"


def test_the_limit_of_a_counter():
    v = tf.Variable(0)
    assert int(v.count_up_to(1)) == 0
    with pytest.raises(StopIteration):
        v.count_up_to(1)
