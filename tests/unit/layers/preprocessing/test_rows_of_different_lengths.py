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


def test_models_take_no_rows_of_different_lengths():
    with pytest.raises(ValueError, match="mask_zero"):
        fitted()(Input((), dtype="string"))


def test_looked_up_and_hashed_rows():
    assert layers.StringLookup(vocabulary=["a", "b"])(WORDS).to_list() == [[1], [2, 0]]
    numbers = RaggedTensor.of([[5], [6, 7]])
    assert layers.IntegerLookup(vocabulary=[5, 6])(numbers).to_list() == [[1], [2, 0]]
    assert layers.Hashing(3)(WORDS).to_list() == [[0], [1, 1]]
    with pytest.raises(ValueError, match="'multi_hot'.*to_tensor"):
        layers.StringLookup(vocabulary=["a"], output_mode="multi_hot")(WORDS)


def test_vectorized_tokens():
    padded = layers.TextVectorization(split=None, vocabulary=["a", "b"])(WORDS)
    assert padded.tolist() == [[2, 0], [3, 1]]
    rows = layers.TextVectorization(split=None, vocabulary=["a", "b"], ragged=True)(WORDS)
    assert rows.to_list() == [[2], [3, 1]]
    with pytest.raises(ValueError, match="split=None"):
        layers.TextVectorization(vocabulary=["a"])(WORDS)
