"""`tf.nn` and the windows, strides and dilations of the batch and the channels."""

import numpy as np
import pytest

from pronghorn_tensorflow.nn import basic, blocks

X = np.arange(12, dtype="float32").reshape(1, 1, 2, 6)


def test_groups_of_channels():
    found = basic.max_pool(X, ksize=(1, 1, 1, 3), strides=(1, 1, 1, 3), padding="VALID")
    assert np.asarray(found).tolist() == [[[[2, 5], [8, 11]]]]
    first = basic.max_pool(np.moveaxis(X, -1, 1), (1, 3, 1, 1), (1, 3, 1, 1), "SAME", data_format="NCHW")
    assert np.asarray(first).tolist() == np.moveaxis(np.asarray(found), -1, 1).tolist()
    negative = basic.max_pool2d(-X[..., :2], [1, 1, 1, 2], [1, 1, 1, 2], "VALID")
    assert np.asarray(negative).tolist() == [[[[0], [-6]]]]
    assert basic.max_pool(X[:0], (1, 1, 1, 3), (1, 1, 1, 3), "VALID").shape == (0, 1, 2, 2)


@pytest.mark.parametrize(
    "ksize, strides",
    [((1, 1, 1, 3), (1, 1, 1, 1)), ((1, 1, 1, 4), (1, 1, 1, 4)), ((1, 1, 2, 2), (1, 1, 2, 2)), ((2, 1, 1, 1), 1)]
    + [((1, 1, 1, 3), 1), ((1, 1, 2, 1), (1, 1, 1, 2)), ((1, 1, 2, 1), (2, 1, 1, 1))],
)
def test_windows_that_there_are_not(ksize, strides):
    with pytest.raises(ValueError, match=r"batch and the channels|over channels"):
        basic.max_pool(X, ksize, strides, "VALID")


@pytest.mark.parametrize(
    "call",
    [
        lambda: basic.avg_pool(X, (1, 1, 1, 3), (1, 1, 1, 3), "VALID"),
        lambda: basic.conv2d(X, np.ones((1, 1, 6, 1), "float32"), [1, 1, 1, 2], "VALID"),
        lambda: basic.conv2d(X, np.ones((1, 1, 6, 1), "float32"), 1, "VALID", dilations=[2, 1, 1, 1]),
        lambda: basic.depthwise_conv2d(X, np.ones((1, 1, 6, 1), "float32"), [1, 1, 1, 2], "VALID"),
        lambda: blocks.max_pool_with_argmax(X, [1, 1, 1, 3], [1, 1, 1, 3], "VALID"),
    ],
)
def test_what_only_a_maximum_takes(call):
    with pytest.raises(ValueError, match="must be 1"):
        call()


def test_listed_extents_of_one_are_left_out():
    found = basic.max_pool(X, [1, 1, 2, 1], [1, 1, 2, 1], "VALID")
    assert np.asarray(found).tolist() == [[[list(range(6, 12))]]]
    assert (
        np.asarray(blocks.max_pool_with_argmax(X, [1, 1, 2, 1], 1, "VALID").output).tolist() == found.numpy().tolist()
    )
