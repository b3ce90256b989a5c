"""StringLookup and IntegerLookup: vocabularies and places are those of Keras on TensorFlow."""

import numpy as np
import pytest

from pronghorn import layers
from pronghorn.data import Dataset

WORDS = np.array([["b", "a"], ["c", "b"], ["b", "d"]])
QUESTIONS = np.array([["b", "zz"], ["a", "q"]])
LEARNED = [
    ({}, ["[UNK]", "b", "d", "c", "a"], [[1, 0], [4, 0]]),
    ({"num_oov_indices": 2}, ["[UNK]", "[UNK]", "b", "d", "c", "a"], [[2, 0], [5, 1]]),
    ({"mask_token": "a"}, ["a", "[UNK]", "b", "d", "c"], [[2, 1], [0, 1]]),
    ({"max_tokens": 3}, ["[UNK]", "b", "d"], [[1, 0], [0, 0]]),
    ({"num_oov_indices": 3, "salt": 9}, ["[UNK]", "[UNK]", "[UNK]", "b", "d", "c", "a"], [[3, 1], [6, 2]]),
    ({"output_mode": "count", "mask_token": "b"}, ["[UNK]", "d", "c", "a"], [[1, 0, 0, 0], [1, 0, 0, 1]]),
    (
        {"output_mode": "multi_hot", "num_oov_indices": 3},
        ["[UNK]", "[UNK]", "[UNK]", "b", "d", "c", "a"],
        [[0, 1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0, 1]],
    ),
    (
        {"output_mode": "one_hot"},
        ["[UNK]", "b", "d", "c", "a"],
        [[[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]], [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]],
    ),
    (
        {"output_mode": "tf_idf"},
        ["[UNK]", "b", "d", "c", "a"],
        [[0.8271, 0.5596, 0, 0, 0], [0.8271, 0, 0, 0, 0.9163]],
    ),
]
GIVEN = [
    ({}, [-1, 12, 36], [[2, 0, 0], [1, 0, 0]]),
    ({"num_oov_indices": 2}, [-1, -1, 12, 36], [[3, 0, 0], [2, 1, 1]]),
    ({"mask_token": 0}, [0, -1, 12, 36], [[3, 0, 1], [2, 1, 1]]),
    ({"output_mode": "count", "num_oov_indices": 2}, [-1, -1, 12, 36], [[2, 0, 0, 1], [0, 2, 1, 0]]),
    ({"num_oov_indices": 3, "oov_method": "farmhash"}, [-1, -1, -1, 12, 36], [[4, 1, 2], [3, 1, 0]]),
    ({"num_oov_indices": 3, "oov_method": "farmhash", "salt": 9}, [-1, -1, -1, 12, 36], [[4, 2, 1], [3, 2, 2]]),
]


@pytest.mark.parametrize(("settings", "vocabulary", "places"), LEARNED)
def test_a_learned_vocabulary_of_strings(settings, vocabulary, places):
    layer = layers.StringLookup(**settings)
    layer.adapt(WORDS)
    assert layer.get_vocabulary() == vocabulary and layer.vocabulary_size() == len(vocabulary)
    result = layer(QUESTIONS).numpy()
    np.testing.assert_allclose(result, places, atol=1e-4)
    assert result.dtype == ("float32" if "output_mode" in settings else "int64")


@pytest.mark.parametrize(("settings", "vocabulary", "places"), GIVEN)
def test_a_given_vocabulary_of_integers(settings, vocabulary, places):
    layer = layers.IntegerLookup(vocabulary=[12, 36], **settings)
    assert layer.get_vocabulary() == vocabulary
    assert layer(np.array([[36, 0, 1000], [12, 7, -5]])).numpy().tolist() == places


@pytest.mark.parametrize(
    "data",
    [
        WORDS,
        WORDS.astype(object),
        np.char.encode(WORDS),
        WORDS.tolist(),
        Dataset.from_tensor_slices(WORDS).batch(2),
        [np.array(row) for row in WORDS],
        (row for row in WORDS),
    ],
    ids=["array", "objects", "bytes", "lists", "dataset", "arrays", "generator"],
)
def test_data_of_every_kind(data):
    layer = layers.StringLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "b", "d", "c", "a"]


def test_one_string_a_list_and_a_column_of_pandas():
    layer = layers.StringLookup(vocabulary=["a", "b"])
    assert layer("b").numpy() == 2 and layer(["a", "?"]).numpy().tolist() == [1, 0]
    pandas = pytest.importorskip("pandas")
    assert layer(pandas.Series(["b", "a"])).numpy().tolist() == [2, 1]


def test_places_to_tokens():
    strings = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert strings(np.array([[0, 1, 2], [1, 9, 1]])).tolist() == [["[UNK]", "a", "b"], ["a", "[UNK]", "a"]]
    there = layers.IntegerLookup(vocabulary=[10, 20])
    back = layers.IntegerLookup(vocabulary=[10, 20], invert=True)
    assert back(there(np.array([20, 5, 10]))).numpy().tolist() == [20, -1, 10]


def test_a_vocabulary_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    assert layers.StringLookup(vocabulary=path)(["b"]).numpy().tolist() == [2]
    with pytest.raises(ValueError, match="does not exist"):
        layers.StringLookup(vocabulary=str(tmp_path / "other.txt"))


def test_adapting_again_forgets():
    layer = layers.IntegerLookup()
    layer.adapt([1, 1, 2])
    layer.adapt([3])
    assert layer.get_vocabulary() == [-1, 3]


def test_steps_limit_what_is_read():
    layer = layers.StringLookup()
    layer.adapt(Dataset.from_tensor_slices(WORDS).batch(1).repeat(), steps=1)
    assert sorted(layer.get_vocabulary(include_special_tokens=False)) == ["a", "b"]


def test_vectors_padded_to_the_largest_vocabulary():
    layer = layers.StringLookup(max_tokens=9, pad_to_max_tokens=True, output_mode="count")
    layer.adapt(WORDS)
    assert layer(WORDS).shape == (3, 9)


@pytest.mark.parametrize("layer", ["StringLookup", "IntegerLookup"])
def test_configurations_come_back(layer):
    vocabulary = ["x", "y"] if layer == "StringLookup" else [3, 4]
    made = getattr(layers, layer)(
        vocabulary=vocabulary, idf_weights=[0.5, 0.7], output_mode="tf_idf", num_oov_indices=2
    )
    again = type(made).from_config(made.get_config())
    assert again.get_config() == made.get_config() and again.get_vocabulary() == made.get_vocabulary()
    np.testing.assert_array_equal(again(vocabulary).numpy(), made(vocabulary).numpy())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.StringLookup()(["a"]), RuntimeError, r"has no vocabulary yet.*adapt\(data\)"),
        (lambda: layers.StringLookup(max_tokens=1), ValueError, "`max_tokens` leaves no room for a token, got"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), ValueError, "`max_tokens` must be set"),
        (lambda: layers.StringLookup(num_oov_indices=-1), ValueError, "`num_oov_indices` .* cannot be -1"),
        (lambda: layers.StringLookup(output_mode="sum"), ValueError, "must be one of .*tf_idf.* got output_mode='sum'"),
        (
            lambda: layers.StringLookup(invert=True, output_mode="count"),
            ValueError,
            "invert=True turns numbers into tokens",
        ),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, r"come again: \['a'\]"),
        (lambda: layers.StringLookup(vocabulary=[]), ValueError, "empty vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a"], max_tokens=1), ValueError, "2 is the least"),
        (lambda: layers.StringLookup(vocabulary=list("abc"), max_tokens=3), ValueError, "4 places .*max_tokens"),
        (lambda: layers.StringLookup(vocabulary=["a"], idf_weights=[1.0]), ValueError, r"idf_weights=\[1.0\]"),
        (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"), ValueError, r"Use adapt\(\) to learn"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), ValueError, "nothing to adapt"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]),
            ValueError,
            r"\['b'\] are not in the vocabulary",
        ),
        (lambda: layers.StringLookup(vocabulary={"a", "b"}), ValueError, "whose order gives.*got a set"),
        (
            lambda: layers.StringLookup().adapt([["a"], ["b", "c"]]),
            ValueError,
            "rows of the data have different lengths",
        ),
        (lambda: layers.IntegerLookup(vocabulary=[1.5]), ValueError, "must be integers, got 1.5"),
        (lambda: layers.IntegerLookup(vocabulary=["a"]), ValueError, "vocabulary must be integers"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "use StringLookup"),
        (lambda: layers.IntegerLookup(salt=3), ValueError, "oov_method='floormod' takes none"),
        (lambda: layers.IntegerLookup(oov_method="hash"), ValueError, "must be one of .*farmhash"),
        (lambda: layers.IntegerLookup().adapt(iter([1, 2])), TypeError, "must be a batch.*not 1"),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("tokens", [["a", "b", ""], ["a", "", "b"], [""], ["a"]])
def test_empty_tokens_are_saved_wherever_they_stand(tmp_path, tokens):
    layer = layers.StringLookup()
    layer.set_vocabulary(tokens)
    layer.save_assets(tmp_path)
    again = layers.StringLookup()
    again.load_assets(tmp_path)
    assert list(again.get_vocabulary()) == ["[UNK]", *tokens]


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_rows_without_words(mode):
    lookup = layers.StringLookup(vocabulary=["a", "b"], output_mode=mode)
    assert lookup(np.zeros((2, 0), str)).tolist() == [[0, 0, 0]] * 2 and lookup(np.zeros(0, str)).tolist() == [0] * 3
    vectors = layers.TextVectorization(vocabulary=["a", "b"], output_mode=mode)
    assert vectors([""]).tolist() == [[0, 0, 0]] and vectors([[""], ["b"]]).tolist() == [[0, 0, 0], [0, 0, 1]]
