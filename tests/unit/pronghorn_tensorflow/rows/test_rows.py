"""`tf.ragged` and functions of rows of different lengths; what is expected is what TensorFlow gives."""

import numpy as np
import pytest

from pronghorn.data import RaggedTensor
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
ragged = submodule("tensorflow.ragged")
math = submodule("tensorflow.math")

LETTERS = [[["a", "b"], ["c"]], [["d"], ["e", "f", "g"]]]
DEEP = [[[[1], [2, 3]], [[4]]], [[[5, 6], []]]]


def plain(x):
    return x.to_list() if isinstance(x, RaggedTensor) else np.asarray(x).tolist()


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((-2, -1), [[b"a", b"b", b"c"], [b"d", b"e", b"f", b"g"]]),
        ((0, -1), [b"a", b"b", b"c", b"d", b"e", b"f", b"g"]),
        ((-3, -2), [[b"a", b"b"], [b"c"], [b"d"], [b"e", b"f", b"g"]]),
        ((-1, -1), [[[b"a", b"b"], [b"c"]], [[b"d"], [b"e", b"f", b"g"]]]),
    ],
)
def test_axes_merge_also_from_the_last_on(axes, expected):
    assert plain(ragged.constant(LETTERS).merge_dims(*axes)) == expected


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((1, 3), [[1, 2, 3, 4], [5, 6]]),
        ((-4, -2), [[1], [2, 3], [4], [5, 6], []]),
        ((2, 3), [[[1, 2, 3], [4]], [[5, 6]]]),
        ((0, 3), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_several_axes_merge(axes, expected):
    assert plain(ragged.constant(DEEP).merge_dims(*axes)) == expected


def test_axes_of_the_values_merge():
    rows = ragged.constant([[[1, 2]], [], [[3, 4], [5, 6]]], ragged_rank=1)
    assert plain(rows.merge_dims(-2, -1)) == [[1, 2], [], [3, 4, 5, 6]]
    assert plain(rows.merge_dims(0, -1)) == [1, 2, 3, 4, 5, 6]
    empty = RaggedTensor.from_row_lengths(np.zeros((2, 3, 0), "float32"), [0, 2])
    assert empty.merge_dims(1, 2).shape == (2, None, 0)
    assert plain(empty.merge_dims(2, 3)) == [[], [[], []]]
    words = RaggedTensor.from_row_lengths(np.array([["a", "b"], ["c", "d"]]), [2, 0])
    assert plain(words.merge_dims(1, 2)) == [[b"a", b"b", b"c", b"d"], []]


@pytest.mark.parametrize("axes", [(-1, -2), (0, 3), (-4, -1)])
def test_axes_that_do_not_merge_are_refused(axes):
    with pytest.raises(ValueError, match=f"outer_axis={axes[0]} and inner_axis={axes[1]} .* from -3 to 2, the outer"):
        ragged.constant(LETTERS).merge_dims(*axes)


@pytest.mark.parametrize(
    ("rows", "nrows", "words"),
    [
        ([0, 2, 1], None, r"never fall; got \[0, 2, 1\]. Sort the values"),
        ([-1, 0, 1], None, "begin with 0 or more"),
        ([0, 1], None, "each of 3 values needs its row"),
        ([0, 0, 4], 2, "has row 4, but nrows=2"),
        ([0, 0, 1], -1, "nrows=-1; it must be 0 or more"),
    ],
)
def test_rows_of_values_are_checked(rows, nrows, words):
    with pytest.raises(ValueError, match=words):
        RaggedTensor.from_value_rowids([1, 2, 3], rows, nrows)


def test_rows_of_values():
    assert RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2], 4).to_list() == [[1, 2], [], [3], []]
    assert RaggedTensor.from_value_rowids([], [], 2).to_list() == [[], []]
    assert len(RaggedTensor.from_value_rowids([1, 2, 3], [0, 2, 1], validate=False)) == 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "uint8"])
def test_the_extremes_of_no_values_are_finite(dtype):
    rows = ragged.constant([[1, 3], []], dtype=dtype)
    least, greatest = tf.as_dtype(dtype).min, tf.as_dtype(dtype).max
    found = tf.reduce_max(rows, axis=1)
    assert found.dtype == dtype and found.numpy().tolist() == [3, least]
    assert tf.reduce_min(rows, axis=1).numpy().tolist() == [1, greatest]
    assert tf.reduce_max(rows, axis=-1, keepdims=True).numpy().tolist() == [[3], [least]]


def test_what_is_no_number_stays_an_extreme():
    found = tf.reduce_max(ragged.constant([[np.nan, 1.0], [-np.inf]]), axis=1).numpy()
    np.testing.assert_array_equal(found, np.array([np.nan, np.finfo("float32").min], "float32"))


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda: RaggedTensor.from_tensor([[1, 2]]), "int32"),
        (lambda: RaggedTensor.from_tensor([[1, 2, 0]], padding=0), "int32"),
        (lambda: RaggedTensor.from_tensor(np.array([[1, 2]])), "int64"),
        (lambda: RaggedTensor.from_tensor([[1.0]]), "float32"),
        (lambda: RaggedTensor.from_row_splits([[1, 2], [3, 4]], [0, 1, 2]), "int32"),
        (lambda: ragged.constant([[[1, 2]], [[3, 4]]], ragged_rank=1), "int32"),
        (lambda: ragged.stack([[1], [2, 3]]), "int32"),
        (lambda: ragged.stack([[1.0], [2.0]]), "float32"),
        (lambda: ragged.stack([np.array([1]), np.array([2, 3])]), "int64"),
        (lambda: ragged.boolean_mask([[1, 2]], [[True, False]]), "int32"),
        (lambda: ragged.range([2.0, 3.0]), "float32"),
        (lambda: ragged.range(np.array([2.0, 3.0])), "float64"),
        (lambda: tf.concat([ragged.constant([[1]]), [[2]]], 1), "int32"),
        (lambda: tf.reduce_mean(ragged.constant([[1, 2], []]), axis=1), "float64"),
        (lambda: tf.reduce_mean(ragged.constant([[1, 2], []])), "float64"),
        (lambda: tf.reduce_mean(ragged.constant([[[1], [2]]]), axis=[1, 2]), "float64"),
        (lambda: tf.reduce_mean(ragged.constant([[1.0]]), axis=0), "float32"),
    ],
)
def test_types(make, dtype):
    assert make().dtype == dtype


def test_matrices_of_strings_are_stacked():
    assert ragged.stack([[["a", "b"]], [["c", "d"], ["e", "f"]]]).to_list() == [
        [[b"a", b"b"]],
        [[b"c", b"d"], [b"e", b"f"]],
    ]


def test_spread_of_rows():
    rows = ragged.constant([[1.0, 2.0, 5.0], [], [3.0]])
    np.testing.assert_allclose(math.reduce_std(rows, axis=1), [1.699673, np.nan, 0], rtol=1e-5)
    np.testing.assert_allclose(math.reduce_variance(rows, axis=1), [2.888889, np.nan, 0], rtol=1e-5)
    np.testing.assert_allclose(math.reduce_std(rows, axis=0), [1, 0, 0])
    np.testing.assert_allclose(math.reduce_std(rows), 1.47902, rtol=1e-5)
    assert math.reduce_std(rows, axis=1, keepdims=True).shape == (3, 1)
    of_integers = math.reduce_std(ragged.constant([[1, 2], [3]]), axis=1)
    assert of_integers.dtype == "float64" and of_integers.numpy().tolist() == [0.5, 0]
    assert plain(math.reduce_std(ragged.constant([[[1.0, 2.0], [3.0]], [[4.0]]]), axis=2)) == [[0.5, 0], [0]]
    assert plain(math.reduce_std(ragged.constant([[[1.0, 2.0], [3.0]], [[4.0]]]), axis=1)) == [[1, 0], [0]]


def test_matrices_of_other_widths_are_stacked():
    found = ragged.stack([tf.constant([[1, 2], [3, 4]]), tf.constant([[5]])])
    assert plain(found) == [[[1, 2], [3, 4]], [[5]]] and found.shape == (2, None, None)
    assert plain(ragged.stack([ragged.constant([[1, 2], [3]]), tf.constant([[5]])])) == [[[1, 2], [3]], [[5]]]
    assert plain(ragged.stack([np.zeros((0, 2), "int32"), np.ones((1, 3), "int32")])) == [[], [[1, 1, 1]]]
