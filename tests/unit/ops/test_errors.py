"""Mistakes of users: each is answered in one sentence that names the argument."""

import numpy as np
import pytest

from pronghorn import Input, KerasTensor, Sequential, layers, ops

X = np.ones((2, 5, 5, 3), "float32")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.add(np.ones(2), np.ones(3)), ValueError, "cannot be broadcast"),
        (lambda: ops.matmul(np.ones((2, 3)), np.ones((4, 5))), ValueError, "last axis of x1 has 3"),
        (lambda: ops.matmul(1.0, np.ones(3)), ValueError, "scalars"),
        (lambda: ops.reshape(np.ones(6), (4, 2)), ValueError, "6 elements"),
        (lambda: ops.reshape(np.ones(6), (-1, -1)), ValueError, "only one extent"),
        (lambda: ops.transpose(X, (0, 1)), ValueError, "each of the 4 axes"),
        (lambda: ops.sum(X, axis=4), ValueError, "axis 4 is out of bounds"),
        (lambda: ops.sum(X, axis=(0, 0)), ValueError, "names an axis twice"),
        (lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 3))], 1), ValueError, "beside axis 1"),
        (lambda: ops.split(np.ones(5), 2), ValueError, "use array_split"),
        (lambda: ops.squeeze(X, 1), ValueError, "extent 5, not 1"),
        (lambda: ops.subtract([True], [False]), TypeError, "logical_xor"),
        (lambda: ops.bitwise_and([1.0], [2.0]), TypeError, "integers or bools"),
        (lambda: ops.convert_to_tensor(X)[0, 9], IndexError, "out of range"),
        (lambda: ops.convert_to_tensor(X)[0, 0, 0, 0, 0], IndexError, "Too many indices"),
        (lambda: ops.convert_to_tensor(X)[np.array([1.5])], IndexError, "must be integers"),
        (lambda: ops.convert_to_tensor(X)[True], IndexError, "single bool"),
        (lambda: ops.convert_to_tensor(X)[ops.convert_to_tensor(False)], IndexError, "single bool"),
        (lambda: ops.max(np.ones((0, 2)), axis=0), ValueError, "pass initial="),
        (lambda: ops.conv(X, np.ones((3, 3, 2, 4))), ValueError, "channels"),
        (lambda: ops.conv(X, np.ones((6, 6, 3, 4))), ValueError, "smaller kernel"),
        (lambda: ops.conv(X[0, 0], np.ones((3, 3, 4))), ValueError, "batch axis"),
        (lambda: ops.conv(X, np.ones((3, 3, 3, 4)), padding="full"), ValueError, "'valid', 'same'"),
        (lambda: ops.conv(X, np.ones((3, 3, 3, 4)), strides=(1, 2, 3)), ValueError, "2 spatial axes"),
        (lambda: ops.max_pool(X, 6), ValueError, "smaller pool_size"),
        (
            lambda: ops.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))),
            ValueError,
            "differ in shape",
        ),
        (
            lambda: ops.sparse_categorical_crossentropy(np.ones((2, 3)), np.ones((2, 3))),
            ValueError,
            "one-hot targets use categorical_crossentropy",
        ),
        (lambda: ops.einsum("ij,jk->il", np.ones((2, 3)), np.ones((3, 4))), ValueError, "only known ones"),
        (lambda: ops.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((4, 4))), ValueError, "axis 'j'"),
        (lambda: ops.cholesky(-np.eye(2)), ValueError, "positive definite"),
        (lambda: ops.inv(np.ones((2, 3))), ValueError, "square"),
        (lambda: ops.norm(X, ord=3), ValueError, "two \\(matrices\\)"),
        (lambda: ops.image.resize(X, (0, 4)), ValueError, "positive"),
        (lambda: ops.image.rgb_to_hsv(np.ones((4, 4, 3), "uint8")), ValueError, "divide by 255"),
        (lambda: ops.rearrange(np.ones((4, 5)), "a b -> a"), ValueError, "same axes on both sides"),
        (lambda: ops.scan(lambda c, x: c, 0, np.ones(3)), TypeError, "pair \\(carry, y\\)"),
        (lambda: ops.cond(np.array([True, False]), lambda: 1, lambda: 2), ValueError, "use where"),
        (lambda: ops.pad(np.ones(3), 1, mode="mirror"), ValueError, "'symmetric'"),
        (lambda: ops.repeat(np.ones(3), [1, 2]), ValueError, "axis of 3"),
        (lambda: ops.eye(2.5), TypeError, "N must be an integer"),
        (lambda: ops.unstack(np.ones((3, 2)), 2), ValueError, "num=2.*axis 0.*which is 3"),
        (lambda: ops.unstack(np.ones((3, 2)), 3, axis=1), ValueError, "num=3.*axis 1.*which is 2"),
        (lambda: ops.unstack(KerasTensor((3, 2)), 4), ValueError, "num=4.*axis 0.*which is 3"),
        (lambda: ops.unstack(KerasTensor((None, 2)), -1), ValueError, "num=-1"),
        (lambda: ops.top_k(np.ones(3), 4), ValueError, "k=4"),
    ],
)
def test_message(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_unknown_name_tells_the_nearest():
    with pytest.raises(AttributeError, match="softmax"):
        ops.softmx  # noqa: B018


def test_softmax_over_one_element_warns():
    with pytest.warns(UserWarning, match="one element"):
        ops.softmax(np.ones((3, 1)))


def test_indices_that_do_not_fit():
    x = ops.ones((2, 3))
    for key in (5, (0, 7), (..., 0, ...), (0, 0, 0)):
        for kind in (IndexError, ValueError):  # as in NumPy, and as in Keras
            with pytest.raises(kind):
                ops.get_item(x, key)


def test_segments_need_a_number_for_each_row():
    with pytest.raises(ValueError, match="segment_sum: segment_ids must have one number for each row"):
        ops.segment_sum(np.ones((3, 2)), [0, 1])


def test_transforms_need_an_axis():
    for transform in (ops.rfft, lambda x: ops.fft((x, x)), lambda x: ops.extract_sequences(x, 2, 1)):
        with pytest.raises(ValueError, match="rank >= 1"):
            transform(np.float32(1))
    with pytest.raises(ValueError, match="rank >= 2"):
        ops.istft((np.ones(3), np.ones(3)), 2, 1, 4)
    with pytest.raises(ValueError, match="real part, imaginary part"):
        ops.irfft(np.ones(3))


def test_slice_needs_one_start_and_extent_an_axis():
    with pytest.raises(ValueError, match="`start_indices`"):
        ops.slice(np.ones((3, 3)), (1, 1, 1), (2, 2))
    with pytest.raises(ValueError, match="`shape`"):
        ops.slice(np.ones((3, 3)), (1, 1), (2, 2, 2))


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + ops.zeros(ops.shape(x)),
        lambda x: x + ops.full(x.shape, 2.0),
        lambda x: ops.broadcast_to(ops.ones((1, 1, 3)), ops.shape(x)),
        lambda x: ops.tile(x, (1, x.shape[1], 1)),
        lambda x: ops.reshape(x, (ops.shape(x)[0], -1)),
        lambda x: ops.arange(ops.shape(x)[1]),
        lambda x: ops.linspace(0, 1, x.shape[1]),
        lambda x: ops.eye(x.shape[1]),
    ],
)
def test_extents_that_are_not_known_before_a_model_runs(use):
    with pytest.raises(ValueError, match="got .*None.*in a Lambda"):
        use(Input((None, 3)))
    within = Sequential([Input((None, 3)), layers.Lambda(use)])
    assert within(np.ones((2, 5, 3), "float32")) is not None
