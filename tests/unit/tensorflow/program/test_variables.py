"""`tf.Variable`: its parts."""

import pytest

from pronghorn.tensorflow.alias import TensorFlowAlias

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
