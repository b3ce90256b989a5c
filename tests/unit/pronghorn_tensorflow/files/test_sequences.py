"""Examples with steps, and sparse tensors as strings."""

import numpy as np
import pytest

from pronghorn_tensorflow.files import records, sequences, sparse
from pronghorn_tensorflow.files.messages import BytesList, Feature, Features, FloatList, Int64List
from pronghorn_tensorflow.rows.sparse import SparseTensor


def numbers(*values):
    return Feature(int64_list=Int64List(value=values))


def example(steps, label=1):
    lists = {
        "pair": sequences.FeatureList(feature=[Feature(float_list=FloatList(value=[n, -n])) for n in range(steps)]),
        "ids": sequences.FeatureList(feature=[numbers(*range(n)) for n in range(steps)]),
        "word": sequences.FeatureList(
            feature=[Feature(bytes_list=BytesList(value=[b"w%d" % n])) for n in range(steps)]
        ),
    }
    return sequences.SequenceExample(
        context=Features(feature={"label": numbers(label)}),
        feature_lists=sequences.FeatureLists(feature_list=lists),
    ).SerializeToString()


CONTEXT = {"label": records.FixedLenFeature([], "int64")}
STEPS = {
    "pair": records.FixedLenSequenceFeature([2], "float32"),
    "ids": records.VarLenFeature("int64"),
    "word": records.FixedLenSequenceFeature([], "string"),
}


def test_one_example():
    context, found = sequences.parse_single_sequence_example(example(3, label=7), CONTEXT, STEPS)
    assert np.asarray(context["label"]) == 7
    assert np.asarray(found["pair"]).tolist() == [[0, 0], [1, -1], [2, -2]]
    assert found["word"].tolist() == [b"w0", b"w1", b"w2"]
    assert found["ids"].indices.tolist() == [[1, 0], [2, 0], [2, 1]]
    assert np.asarray(found["ids"].values).tolist() == [0, 0, 1]
    assert np.asarray(found["ids"].dense_shape).tolist() == [3, 2]
    rows = {"ids": records.RaggedFeature("int64")}
    assert sequences.parse_single_sequence_example(example(3), None, rows)[1]["ids"].to_list() == [[], [0], [0, 1]]


def test_a_batch_is_filled_up():
    context, found, lengths = sequences.parse_sequence_example([example(1), example(0, 2), example(3)], CONTEXT, STEPS)
    assert np.asarray(context["label"]).tolist() == [1, 2, 1]
    assert found["pair"].shape == (3, 3, 2) and not np.asarray(found["pair"])[1].any()
    assert found["word"].tolist() == [[b"w0", b"", b""], [b"", b"", b""], [b"w0", b"w1", b"w2"]]
    assert np.asarray(lengths["pair"]).tolist() == [1, 0, 3]
    assert np.asarray(found["ids"].dense_shape).tolist() == [3, 3, 2]


def test_what_is_missing_or_of_another_size_is_told():
    missing = {"gone": records.FixedLenSequenceFeature([], "float32")}
    with pytest.raises(ValueError, match="'gone' is missing.*allow_missing=True"):
        sequences.parse_single_sequence_example(example(1), None, missing)
    allowed = {"gone": records.FixedLenSequenceFeature([], "float32", allow_missing=True)}
    assert sequences.parse_single_sequence_example(example(1), None, allowed)[1]["gone"].shape == (0,)
    with pytest.raises(ValueError, match=r"2 values in step 0; shape=\(3,\) needs 3"):
        wrong = {"pair": records.FixedLenSequenceFeature([3], "float32")}
        sequences.parse_single_sequence_example(example(1), None, wrong)
    with pytest.raises(ValueError, match="FixedLenFeature is for the context"):
        sequences.parse_single_sequence_example(example(1), None, {"pair": records.FixedLenFeature([2], "float32")})
    with pytest.raises(TypeError, match="takes a tf.train.Feature"):
        sequences.FeatureList(feature=[3])


def test_a_message_is_written_and_read():
    data = example(2)
    again = sequences.SequenceExample.FromString(data)
    assert again.SerializeToString() == data
    assert again.feature_lists.feature_list["ids"].feature[1].int64_list.value == [0]


def test_what_tensorflow_does_not_take_is_refused():
    filled = {"word": records.FixedLenSequenceFeature([], "string", default_value="x")}
    with pytest.raises(ValueError, match="'word' of a sequence has default_value='x'"):
        sequences.parse_sequence_example([example(1)], None, filled)
    with pytest.raises(ValueError, match="the batch is empty"):
        sequences.parse_sequence_example([], CONTEXT, STEPS)
    for parse in (sequences.parse_single_sequence_example, sequences.parse_sequence_example):
        with pytest.raises(ValueError, match=f"{parse.__name__}: neither"):
            parse(example(1))


@pytest.mark.parametrize(
    ("indices", "values", "shape"),
    [([[0, 1], [2, 0]], [1.5, -2.0], [3, 4]), (np.zeros((0, 1)), [], [5]), ([[3]], ["text"], [4])],
)
def test_a_sparse_tensor_comes_back_as_a_row(indices, values, shape):
    dtype = "string" if values == ["text"] else "float32"
    given = SparseTensor(indices, values if dtype == "string" else np.float32(values), shape)
    strings = sparse.serialize_sparse(given)
    assert strings.shape == (3,)
    found = sparse.deserialize_many_sparse(strings[None], dtype, rank=len(shape))
    assert np.asarray(found.indices).tolist() == [[0, *place] for place in np.asarray(given.indices).tolist()]
    assert np.asarray(found.values).tolist() == np.asarray(given.values).tolist()
    assert np.asarray(found.dense_shape).tolist() == [1, *shape]


def test_rows_of_a_sparse_tensor():
    given = SparseTensor([[0, 1], [2, 0]], np.float32([1, 2]), [3, 4])
    strings = sparse.serialize_many_sparse(given)
    assert strings.shape == (3, 3)
    found = sparse.deserialize_many_sparse(strings, "float32")
    assert np.asarray(found.indices).tolist() == [[0, 1], [2, 0]]
    assert np.asarray(found.dense_shape).tolist() == [3, 4]


def test_what_is_no_sparse_tensor_is_refused():
    with pytest.raises(TypeError, match="takes a tf.sparse.SparseTensor"):
        sparse.serialize_sparse(np.ones(3))
    with pytest.raises(ValueError, match="two axes or more"):
        sparse.serialize_many_sparse(SparseTensor([[1]], np.float32([2]), [3]))
    one, wide, outside = (
        sparse.serialize_sparse(SparseTensor(place, np.float32([2]), shape)).tolist()
        for place, shape in (([[1]], [3]), ([[1, 0]], [3, 2]), ([[3]], [3]))
    )
    for rows, rank, words in (
        (one, None, r"shape \[rows, 3\].*got shape \(3,\)"),
        (np.zeros((0, 3), object), None, "one row or more"),
        ([one], 2, "and rank=2"),
        ([one, wide], None, r"have \[1, 2\] axes"),
        ([outside], None, r"not within the extents \[3\]"),
        ([[one[0], one[0], one[2]]], None, "the tensor is int64"),
        ([[one[2], one[1], one[2]]], None, "are no sparse tensor"),
    ):
        with pytest.raises(ValueError, match=words):
            sparse.deserialize_many_sparse(rows, "float32", rank)
