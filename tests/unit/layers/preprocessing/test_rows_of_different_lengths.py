"""Texts and tokens in rows of different lengths; the answers were TensorFlow's."""

import numpy as np
import pytest

from pronghorn import Input, layers
from pronghorn.data import Dataset, RaggedTensor

WORDS = RaggedTensor.of([["a"], ["b", "z"]])


def fitted(**settings):
    layer = layers.TextVectorization(ragged=True, **settings)
    layer.adapt(["a b c", "b c", "c"])
    return layer


@pytest.mark.parametrize(
    ("settings", "texts", "expected"),
    [
        ({}, ["a b z", "c", ""], [[4, 3, 1], [2], []]),
        ({}, [["a b"], ["c"]], [[4, 3], [2]]),
        ({"ngrams": 2}, ["a b c", "c"], [[6, 4, 2, 5, 3], [2]]),
        ({"output_sequence_length": 2}, ["a b z", "c"], [[4, 3], [2]]),
        ({}, [], []),
    ],
)
def test_vectorized_texts(settings, texts, expected):
    found = fitted(**settings)(np.array(texts, object))
    assert isinstance(found, RaggedTensor) and found.dtype == "int64"
    assert found.to_list() == expected


def test_one_text_is_a_vector():
    assert fitted()("a b z").tolist() == [4, 3, 1]


def test_maps_of_data_sets():
    batches = Dataset.from_tensor_slices(["a b", "c", "b"]).batch(2).map(fitted())
    assert [batch.to_list() for batch in batches] == [[[4, 3], [2]], [[3]]]


def test_the_setting_is_kept():
    config = layers.TextVectorization(ragged=True, vocabulary=["c", "b", "a"]).get_config()
    assert config["ragged"] is True
    assert layers.TextVectorization.from_config(config)(np.array(["a", "b c"], object)).to_list() == [[4], [3, 2]]


def test_models_take_rows_of_different_lengths():
    rows = fitted()(Input((), dtype="string"))
    assert rows.ragged and rows.shape == (None, None) and rows.dtype == "int64"


def test_looked_up_and_hashed_rows():
    assert layers.StringLookup(vocabulary=["a", "b"])(WORDS).to_list() == [[1], [2, 0]]
    numbers = RaggedTensor.of([[5], [6, 7]])
    assert layers.IntegerLookup(vocabulary=[5, 6])(numbers).to_list() == [[1], [2, 0]]
    assert layers.Hashing(3)(WORDS).to_list() == [[0], [1, 1]]
    with pytest.raises(ValueError, match="'one_hot'.*to_tensor"):
        layers.StringLookup(vocabulary=["a"], output_mode="one_hot")(WORDS)


NUMBERS = RaggedTensor.of([[1, 2], [], [3, 3, 3]])


@pytest.mark.parametrize(
    ("layer", "rows", "expected"),
    [
        (layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot"), WORDS, [[0, 1, 0], [1, 0, 1]]),
        (layers.StringLookup(vocabulary=["z"], output_mode="count", num_oov_indices=2), WORDS, [[0, 1, 0], [1, 0, 1]]),
        (layers.IntegerLookup(vocabulary=[1, 3], output_mode="count"), NUMBERS, [[1, 1, 0], [0, 0, 0], [0, 0, 3]]),
        (
            layers.StringLookup(vocabulary=["b"], idf_weights=[0.5], output_mode="tf_idf"),
            RaggedTensor.of([["b", "b", "q"], []], depth=2),
            [[0.5, 1.0], [0, 0]],
        ),
        (layers.Hashing(3, output_mode="count"), WORDS, [[1, 0, 0], [0, 2, 0]]),
        (layers.CategoryEncoding(4), NUMBERS, [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]),
        (layers.Discretization([2.5], output_mode="count"), NUMBERS, [[2, 0], [0, 0], [0, 3]]),
        (
            layers.TextVectorization(split=None, vocabulary=["a", "b"], output_mode="count"),
            RaggedTensor.of([["a", "b", "a"], [], ["q"]]),
            [[0, 2, 1], [0, 0, 0], [1, 0, 0]],
        ),
        (
            layers.CategoryEncoding(3, "count"),
            RaggedTensor.of([[[0], [1, 1]], [[]], []]),
            [[1, 2, 0], [0] * 3, [0] * 3],
        ),
        (layers.CategoryEncoding(2), RaggedTensor.from_row_lengths(np.zeros(0, "int64"), []), []),
    ],
)
def test_a_vector_for_each_row(layer, rows, expected):
    found = layer(rows)
    assert found.dtype == "float32" and found.shape == (len(rows), len(found[0]) if len(rows) else 2)
    np.testing.assert_allclose(found.numpy().tolist(), expected)


def test_numbers_that_are_no_category_are_refused():
    with pytest.raises(ValueError, match="num_tokens=3, got values from 1 to 3"):
        layers.CategoryEncoding(3)(NUMBERS)


def test_rows_of_bins():
    found = layers.Discretization([1.5])(RaggedTensor.of([[1.0, 2.0], [3.0]]))
    assert found.to_list() == [[0, 1], [1]]


@pytest.mark.parametrize("batched", [False, True])
def test_what_rows_teach(batched):
    words = RaggedTensor.of([["b", "b", "a"], [], ["b"]])
    data = Dataset.from_tensors(words) if batched else words
    for layer in (
        layers.StringLookup(output_mode="tf_idf"),
        layers.TextVectorization(split=None, standardize=None, output_mode="tf_idf"),
    ):
        layer.adapt(data)
        assert layer.get_vocabulary() == ["[UNK]", "b", "a"]
        lookup = getattr(layer, "_lookup_layer", layer)
        np.testing.assert_allclose(lookup.idf_weights[1:], np.log(1 + 3 / np.array([3.0, 2.0])), rtol=1e-6)
    numbers = layers.IntegerLookup()
    numbers.adapt(NUMBERS)
    assert numbers.get_vocabulary() == [-1, 3, 2, 1]


def test_other_layers_say_to_pad():
    with pytest.raises(ValueError, match=r"'small' \(Dense\) takes arrays, got rows .*to_tensor"):
        layers.Dense(1, name="small")(NUMBERS)


class Sparse:
    """What there is of TensorFlow's sparse arrays in this: values, and their places in an array that is else empty."""

    def __init__(self, indices, values, dense_shape):
        self.indices, self.values, self.dense_shape = np.array(indices), np.array(values), np.array(dense_shape)
        self.shape = tuple(dense_shape)

    def with_values(self, values):
        return Sparse(self.indices, values, self.dense_shape)


def test_what_a_sparse_array_leaves_out_counts_for_nothing():
    words = Sparse([[1, 2], [0, 0], [0, 1]], ["z", "a", "a"], (3, 4))
    lookup = layers.StringLookup(vocabulary=["a"], output_mode="count")
    assert lookup(words).tolist() == [[0, 2], [1, 0], [0, 0]]
    assert layers.StringLookup(vocabulary=["a"])(words).values.tolist() == [0, 1, 1]
    numbers = Sparse([[0, 0], [1, 2]], [1, 2], (2, 3))
    assert layers.CategoryEncoding(3)(numbers).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert layers.Dense(1, kernel_initializer="ones")(Sparse([[1, 0]], [2.0], (2, 3))).tolist() == [[0], [2]]


def test_vectorized_tokens():
    padded = layers.TextVectorization(split=None, vocabulary=["a", "b"])(WORDS)
    assert padded.tolist() == [[2, 0], [3, 1]]
    rows = layers.TextVectorization(split=None, vocabulary=["a", "b"], ragged=True)(WORDS)
    assert rows.to_list() == [[2], [3, 1]]
    with pytest.raises(ValueError, match="split=None"):
        layers.TextVectorization(vocabulary=["a"])(WORDS)
