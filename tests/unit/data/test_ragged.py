"""Rows of different lengths; what is expected is what TensorFlow gives."""

import numpy as np
import pytest

from pronghorn import GradientTape, ops
from pronghorn.data import Dataset, RaggedTensor, TensorSpec
from pronghorn.data.tensor_spec import RaggedTensorSpec
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
ragged = submodule("tensorflow.ragged")


@pytest.fixture
def rows():
    return ragged.constant([[1, 2], [], [3]])


def plain(x):
    return x.to_list() if isinstance(x, RaggedTensor) else np.asarray(x).tolist()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda r: r, [[1, 2], [], [3]]),
        (lambda r: r.row_lengths(), [2, 0, 1]),
        (lambda r: r.row_splits, [0, 2, 2, 3]),
        (lambda r: r.value_rowids(), [0, 0, 2]),
        (lambda r: r.bounding_shape(), [3, 2]),
        (lambda r: r.to_tensor(), [[1, 2], [0, 0], [3, 0]]),
        (lambda r: r.to_tensor(-1, shape=(None, 3)), [[1, 2, -1], [-1, -1, -1], [3, -1, -1]]),
        (lambda r: r.to_tensor(shape=(2, 1)), [[1], [0]]),
        (lambda r: r[0], [1, 2]),
        (lambda r: r[-1][0], 3),
        (lambda r: r[0:2], [[1, 2], []]),
        (lambda r: r[:, :1], [[1], [], [3]]),
        (lambda r: r[:, -1:], [[2], [], [3]]),
        (lambda r: r + 1, [[2, 3], [], [4]]),
        (lambda r: 10 - r * r, [[9, 6], [], [1]]),
        (lambda r: r == 2, [[False, True], [], [False]]),
        (lambda r: r + ops.convert_to_tensor([[10], [20], [30]]), [[11, 12], [], [33]]),
        (lambda r: tf.reduce_sum(r, axis=1), [3, 0, 3]),
        (lambda r: tf.reduce_sum(r), 6),
        (lambda r: tf.reduce_sum(r, axis=0), [4, 2]),
        (lambda r: tf.reduce_max(r, axis=-1, keepdims=True)[0], [2]),
        (lambda r: tf.reduce_min(r, axis=1)[2], 3),
        (lambda r: tf.reduce_prod(r, axis=1), [2, 1, 3]),
        (lambda r: tf.reduce_any(r > 2, axis=1), [False, False, True]),
        (lambda r: tf.reduce_all(r > 2, axis=1), [False, True, True]),
        (lambda r: tf.reduce_mean(tf.cast(r, "float32"), axis=1)[:1], [1.5]),
        (lambda r: tf.concat([r, r], axis=1), [[1, 2, 1, 2], [], [3, 3]]),
        (lambda r: tf.concat([r, [[7], [8], [9]]], axis=1), [[1, 2, 7], [8], [3, 9]]),
        (lambda r: tf.concat([r, r], axis=0), [[1, 2], [], [3], [1, 2], [], [3]]),
        (lambda r: tf.stack([r, r]), [[[1, 2], [], [3]], [[1, 2], [], [3]]]),
        (lambda r: tf.expand_dims(r, -1), [[[1], [2]], [], [[3]]]),
        (lambda r: tf.gather(r, [2, 0]), [[3], [1, 2]]),
        (lambda r: tf.gather([10, 20, 30, 40], r), [[20, 30], [], [40]]),
        (lambda r: tf.reverse(r, axis=[1]), [[2, 1], [], [3]]),
        (lambda r: tf.size(r), 3),
        (lambda r: tf.rank(r), 2),
        (lambda r: ragged.stack([[1], [2, 3]]), [[1], [2, 3]]),
        (lambda r: ragged.range([3, 0, 2]), [[0, 1, 2], [], [0, 1]]),
        (lambda r: ragged.boolean_mask([[1, 2], [3, 4]], [[True, False], [True, True]]), [[1], [3, 4]]),
        (lambda r: tf.RaggedTensor.from_tensor([[1, 0], [0, 0], [2, 3]], padding=0), [[1], [], [2, 3]]),
        (lambda r: tf.RaggedTensor.from_tensor([[1, 2], [3, 4]], lengths=[1, 2]), [[1], [3, 4]]),
        (lambda r: tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2], nrows=4), [[1, 2], [], [3], []]),
        (lambda r: tf.RaggedTensor.from_row_starts([1, 2, 3], [0, 2]), [[1, 2], [3]]),
        (lambda r: tf.RaggedTensor.from_uniform_row_length([1, 2, 3, 4], 2), [[1, 2], [3, 4]]),
        (lambda r: ragged.constant([[[1], [2, 3]], []]).merge_dims(1, 2), [[1, 2, 3], []]),
        (lambda r: ragged.constant([[[1], [2, 3]], []]).to_tensor(), [[[1, 0], [2, 3]], [[0, 0], [0, 0]]]),
        (lambda r: ragged.constant([["a"], []]).to_tensor(), [[b"a"], [b""]]),
        (lambda r: ragged.map_flat_values(ops.square, r), [[1, 4], [], [9]]),
    ],
)
def test_values(rows, call, expected):
    assert plain(call(rows)) == expected


def test_what_it_says(rows):
    assert rows.shape == (3, None) and rows.dtype == "int32" and repr(rows) == "<tf.RaggedTensor [[1, 2], [], [3]]>"
    assert ragged.constant([[[1], [2, 3]], []]).shape == (2, None, None) and ragged.constant([]).dtype == "float32"
    assert [x.tolist() for x in rows.numpy()] == [[1, 2], [], [3]]
    assert isinstance(rows, tf.RaggedTensor) and np.isnan(
        np.asarray(tf.reduce_mean(tf.cast(rows, "float32"), axis=1))[1]
    )


def test_what_it_prints():
    for rows, text in (
        ([[0.1], [2.5, 3]], "[[0.1], [2.5, 3.0]]"),
        ([["a"], ["b", "c"]], "[[b'a'], [b'b', b'c']]"),
        ([[1, 2], [3, 4]], "[[1, 2],\n [3, 4]]"),
        ([["a"], ["b"]], "[[b'a'],\n [b'b']]"),
        ([[[1, 2]], [[3]]], "[[[1, 2]],\n [[3]]]"),
        ([[[1]], [[2], [3]]], "[[[1]], [[2],\n         [3]]]"),
        ([[], []], "[[], []]"),
        ([[i] for i in range(2000)], "[[0],\n [1],\n [2],\n ...,\n [1997],\n [1998],\n [1999]]"),
    ):
        assert repr(RaggedTensor.of(rows)) == f"<tf.RaggedTensor {text}>"


@pytest.mark.parametrize(
    ("rows", "shape"),
    [
        ([["a", "b"], ["c", "d"]], (2, 2)),
        ([["a"], ["b", "c"]], (2,)),
        ([[[1, 2], [3]], [[4, 5], [6]]], (2, 2)),
        ([[[1, 2]], [[3]]], (2, 1)),
        ([[[1]], [[2], [3]]], (2,)),
        ([[["a"], ["b"]], [["c"], ["d"]]], (2, 2, 1)),
        ([[["a", "b"], ["b"]], [["c"], ["d"]]], (2, 2)),
        ([[[], [1]], []], (2,)),
        ([["a"]], (1, 1)),
    ],
)
def test_as_an_array_of_numpys(rows, shape):
    found = RaggedTensor.of(rows).numpy()
    assert found.shape == shape and len(found) == len(rows)


def test_gradients_reach_what_rows_are_made_of(rows):
    table = ops.convert_to_tensor(np.ones((4, 2), "float32"))
    with GradientTape() as tape:
        tape.watch(table)
        loss = ops.sum(tf.gather(table, rows).to_tensor()[:, 0] * 2)
    assert np.asarray(tape.gradient(loss, table)).tolist() == [[0, 0], [2, 2], [0, 0], [2, 2]]


def test_errors_say_what_to_do(rows):
    with pytest.raises(TypeError, match=r"tf.matmul takes no RaggedTensor here: .*to_tensor"):
        tf.matmul(rows, rows)
    with pytest.raises(ValueError, match="differ in length"):
        rows + rows[::-1]
    with pytest.raises(ValueError, match="number of values, 2"):
        RaggedTensor([1, 2], [0, 3])


# -- data sets of rows ------------------------------------------------------------------------------------------------
ROWS = RaggedTensor.from_row_lengths(np.arange(7, dtype="int32"), [3, 4, 0])


@pytest.mark.parametrize(
    "refined",
    [
        lambda data: data.batch(2),
        lambda data: data.cache().shuffle(1).repeat(1).batch(2),
        lambda data: data.filter(lambda row: True).batch(2),
        lambda data: data.batch(3).unbatch().batch(2),
        lambda data: data.take(1).concatenate(data.skip(1)).batch(2),
    ],
    ids=["batch", "kept", "filter", "unbatch", "concatenate"],
)
def test_rows_of_a_data_set_become_ragged_batches(refined):
    found = refined(Dataset.from_tensor_slices(ROWS))
    assert [batch.to_list() for batch in found] == [[[0, 1, 2], [3, 4, 5, 6]], [[]]]
    assert found.element_spec == RaggedTensorSpec((None, None), "int32", 1)


def test_numbered_and_appended_rows_say_what_they_are():
    data = Dataset.from_tensor_slices(ROWS)
    assert data.enumerate().element_spec == (TensorSpec((), "int64"), data.element_spec)
    (numbers, rows), _ = data.enumerate().batch(2)
    assert numbers.tolist() == [0, 1] and rows.to_list() == [[0, 1, 2], [3, 4, 5, 6]]
    other = Dataset.from_tensor_slices(np.arange(6, dtype="int32").reshape(2, 3))
    (batch,) = other.concatenate(data.take(1)).batch(3)  # which are no rows of one array
    assert not isinstance(batch, RaggedTensor) and batch.shape == (3, 3)


def test_rows_of_one_length_become_ragged_too():
    (batch,) = Dataset.from_tensor_slices(RaggedTensor.from_row_lengths([1.0, 2.0], [1, 1])).batch(2)
    assert isinstance(batch, RaggedTensor) and batch.to_list() == [[1.0], [2.0]]


def test_rows_beside_others():
    texts = RaggedTensor.from_row_lengths(["a", "b", "c"], [2, 0, 1])
    data = Dataset.from_tensor_slices({"text": texts, "rows": ROWS, "y": [1.0, 2.0, 3.0]})
    both = Dataset.zip((data, Dataset.from_tensor_slices(ROWS))).batch(3, drop_remainder=True)
    ((element, rows),) = both
    assert element["text"].to_list() == [[b"a", b"b"], [], [b"c"]] and element["y"].tolist() == [1.0, 2.0, 3.0]
    assert rows.to_list() == element["rows"].to_list() == ROWS.to_list()
    assert both.element_spec[0]["y"] == TensorSpec((3,), "float32")


def test_mapped_rows_are_arrays():
    lengths = Dataset.from_tensor_slices(ROWS).map(lambda row: row * 2)
    assert [row.tolist() for row in lengths] == [[0, 2, 4], [6, 8, 10, 12], []]
    with pytest.raises(ValueError, match="different shapes"):
        list(lengths.batch(2))


def test_shape_answers_as_tensorflow_does():
    assert ROWS.shape == (3, None) and ROWS.shape.rank == 2 and ROWS.shape.as_list() == [3, None]


def test_the_number_of_rows_is_an_array_as_other_counts_are(rows):
    assert rows.nrows().numpy() == 3 and rows.nrows().dtype == "int64" and rows.nrows("int32").dtype == "int32"


DEEP = RaggedTensor.of([[[1, 2], [3]], [], [[4]]])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ((..., slice(1)), [[[1], [3]], [], [[4]]]),
        ((...,), DEEP.to_list()),
        ((slice(None), slice(1), ...), [[[1, 2]], [], [[4]]]),
        ((0, ..., slice(1)), [[1], [3]]),
        ((None,), [DEEP.to_list()]),
        ((None, slice(1)), [[[[1, 2], [3]]]]),
        ((slice(None), None), [[[[1, 2], [3]]], [[]], [[[4]]]]),
        ((..., None), [[[[1], [2]], [[3]]], [], [[[4]]]]),
    ],
)
def test_keys_with_an_ellipsis_or_a_new_axis(key, expected):
    assert DEEP[key].to_list() == expected


def test_no_rows_take_such_keys_too():
    rows = RaggedTensor.of([[1]])[:0]
    assert rows[..., :1].to_list() == [] and rows[None].to_list() == [[]] and (rows + [[1]]).to_list() == []


@pytest.mark.parametrize(
    ("rows", "other", "expected"),
    [
        ([[1], [2, 3]], [[10], [20]], [[11], [22, 23]]),
        ([[1], [2, 3]], [[10]], [[11], [12, 13]]),
        ([[1], [], [2, 3]], np.array([[10], [20], [30]], "int32"), [[11], [], [32, 33]]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], [[2, 4], [6, 8]]),
        (DEEP, [[[10]], [[20]], [[30]]], [[[11, 12], [13]], [], [[34]]]),
        ([["a"], ["b", "c"]], [["x"], ["y"]], [[b"ax"], [b"by", b"cy"]]),
    ],
)
def test_what_is_broadcast_to_rows(rows, other, expected):
    rows = rows if isinstance(rows, RaggedTensor) else RaggedTensor.of(rows)
    assert (rows + other).to_list() == expected


@pytest.mark.parametrize("other", [[[10, 20]], [[10], [20], [30]], [[1, 2], [3, 4]]])
def test_what_is_not(other):
    with pytest.raises(ValueError, match="meet an array of shape"):
        RaggedTensor.of([[1], [2, 3]]) + other


@pytest.mark.parametrize(
    ("data", "mask", "expected"),
    [
        (DEEP, [True, False, True], [[[1, 2], [3]], [[4]]]),
        (DEEP, RaggedTensor.of([[True, False], [], [True]]), [[[1, 2]], [], [[4]]]),
        (DEEP, RaggedTensor.of([[[True, False], [True]], [], [[False]]]), [[[1], [3]], [], [[]]]),
        ([[1, 2], [3, 4]], [[True, False], [False, False]], [[1], []]),
    ],
)
def test_boolean_mask(data, mask, expected):
    assert ragged.boolean_mask(data, mask).to_list() == expected


def test_boolean_mask_of_a_vector_is_one():
    assert ragged.boolean_mask(["a", "b", "c"], [True, False, True]).tolist() == [b"a", b"c"]
    with pytest.raises(ValueError, match="a mask of 1 for 3 rows"):
        ragged.boolean_mask(DEEP, [True])
    with pytest.raises(ValueError, match="differ in length"):
        ragged.boolean_mask(DEEP, RaggedTensor.of([[True], [], [True]]))


def test_bounding_shape_is_of_the_type_that_is_asked_for():
    assert DEEP.bounding_shape(out_type="int32").dtype == "int32" and DEEP.bounding_shape(axis=1).tolist() == 2
    assert DEEP.bounding_shape(axis=[0, 2]).tolist() == [3, 2]


def test_splits_are_of_the_type_that_is_asked_for():
    rows = ragged.constant([[[1, 2]], [], [[3]]], row_splits_dtype="int32")
    kept = (rows, rows.values, rows + 1, rows[:1], rows[..., :1], rows[:, None], rows.take([0]), rows.merge_dims(0, 1))
    for other in (*kept, RaggedTensor.from_tensor([[1]], row_splits_dtype="int32")):
        found = other.row_splits, other.row_lengths(), other.value_rowids(), other.row_starts(), other.nrows()
        assert {x.dtype for x in (*found, other.bounding_shape())} == {"int32"}
    lengths = ops.convert_to_tensor([1, 0])
    assert RaggedTensor.from_row_lengths([1], lengths).row_splits.dtype == "int32"
    assert RaggedTensor.from_row_lengths([1], [1, 0]).row_splits.dtype == "int64"
    assert rows.with_row_splits_dtype("int64").nested_row_splits[1].dtype == "int64"
    with pytest.raises(ValueError, match="int32 or int64; got 'float32'"):
        rows.with_row_splits_dtype("float32")


def test_strings_are_not_multiplied():
    words = RaggedTensor.of([["a", "b"], []])
    for multiply in (lambda: words * 2, lambda: 2 * words, lambda: words.values * 2):
        with pytest.raises(TypeError, match="strings cannot be multiplied"):
            multiply()
