"""to_categorical, normalize, pad_sequences and the packing of batches."""

import random

import numpy as np
import pytest

from pronghorn import utils


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 0], [[0, 1], [1, 0]]),
        ([[1], [0]], [[0, 1], [1, 0]]),
        (1, [0, 1]),
        ([[0, 1]], [[[1, 0], [0, 1]]]),
        ([True, False], [[0, 1], [1, 0]]),
        ([-1, 1], [[0, 1], [0, 1]]),
    ],
)
def test_to_categorical(labels, expected):
    result = utils.to_categorical(labels)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


def test_to_categorical_of_a_given_width():
    assert utils.to_categorical([0], 4).shape == (1, 4)
    assert utils.to_categorical(np.zeros((0,), int), 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([5], 3, "class number 5.*num_classes is 3"),
        ([], None, "empty"),
        (["cat"], None, "integers"),
    ],
)
def test_to_categorical_refuses(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        utils.to_categorical(np.asarray(labels, dtype=None if labels else int), classes)


def test_normalize():
    np.testing.assert_allclose(utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize([[1.0, 3.0], [1.0, 1.0]], axis=0, order=1), [[0.5, 0.75], [0.5, 0.25]])


def test_pad_sequences():
    np.testing.assert_array_equal(utils.pad_sequences([[1], [2, 3]]), [[0, 1], [2, 3]])
    np.testing.assert_array_equal(utils.pad_sequences([[1], [2, 3]], padding="post", value=9), [[1, 9], [2, 3]])
    np.testing.assert_array_equal(utils.pad_sequences([[1, 2, 3]], maxlen=2), [[2, 3]])
    np.testing.assert_array_equal(utils.pad_sequences([[1, 2, 3]], maxlen=2, truncating="post"), [[1, 2]])
    assert utils.pad_sequences([[], [1]]).dtype == np.int32
    assert utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]]).shape == (2, 2, 2)
    words = utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="")
    assert words.tolist() == [["", "a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": 3}, "a list whose entries are lists"),
        ({"sequences": [1, 2]}, "position 0 is 1"),
        ({"sequences": [[1]], "padding": "left"}, "padding='left'"),
        ({"sequences": [[[1, 2]], [[1]]]}, r"position 1 have shape \(1,\)"),
        ({"sequences": [[1]], "value": "x"}, "dtype=object"),
    ],
)
def test_pad_sequences_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.pad_sequences(**arguments)


def test_packing_and_unpacking():
    assert utils.unpack_x_y_sample_weight(1) == (1, None, None)
    assert utils.unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    assert utils.pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    assert utils.pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    with pytest.raises(ValueError, match="got one of 4"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_set_random_seed_seeds_python_and_numpy():
    utils.set_random_seed(3)
    first = random.random(), np.random.random()
    utils.set_random_seed(3)
    assert (random.random(), np.random.random()) == first


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", True])
def test_set_random_seed_refuses(seed):
    with pytest.raises(ValueError, match="from 0 to"):
        utils.set_random_seed(seed)
