"""TextVectorization: vocabularies and numbers are those of Keras on TensorFlow."""

import numpy as np
import pytest

from pronghorn import layers, saving
from pronghorn.data import Dataset

DOCUMENTS = ["the cat sat on the mat", "the dog", "a dog and a cat"]
VOCABULARY = ["[UNK]", "the", "dog", "cat", "a", "sat", "on", "mat", "and"]


@pytest.mark.parametrize(
    ("mode", "vectors"),
    [
        ("count", [[1, 2, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1, 0]]),
        ("multi_hot", [[1, 1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1, 0]]),
        ("tf_idf", [[0.8326, 1.3863, 0, 0.6931, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0.9163, 0]]),
    ],
)
def test_a_vector_for_each_text(mode, vectors):
    layer = layers.TextVectorization(output_mode=mode)
    layer.adapt(DOCUMENTS)
    assert layer.get_vocabulary() == VOCABULARY
    np.testing.assert_allclose(layer(["the cat the bird", "mat"]).numpy(), vectors, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "vocabulary", "numbers"),
    [
        ({"ngrams": 2}, ["c", "b c", "b", "a b", "a"], [[4, 2, 3], [6, 0, 0]]),
        ({"ngrams": (2, 3)}, ["b c", "a b c", "a b"], [[2], [0]]),
        ({"split": "character"}, ["c", " ", "b", "a"], [[4, 3, 2], [5, 0, 0]]),
        ({"max_tokens": 4}, ["c", "b"], [[3, 2], [1, 0]]),
        ({"output_sequence_length": 2}, ["c", "b", "a"], [[3, 2], [4, 0]]),
        ({"output_sequence_length": 3}, ["c", "b", "a"], [[3, 2, 0], [4, 0, 0]]),
        ({"standardize": "lower"}, ["c", "b!", "b", "a"], [[4, 1], [5, 0]]),
        ({"standardize": None}, ["c", "b!", "b", "C", "A"], [[4, 1], [1, 0]]),
    ],
)
def test_tokens(settings, vocabulary, numbers):
    layer = layers.TextVectorization(**settings)
    layer.adapt(["A b! c", "b c", "C"])
    assert layer.get_vocabulary(include_special_tokens=False) == vocabulary
    result = layer(["b c?", "a"]).numpy()
    assert result.tolist() == numbers and result.dtype == "int64"


def test_functions_that_standardize_and_split():
    layer = layers.TextVectorization(standardize=np.char.upper, split=lambda texts: [text.split("-") for text in texts])
    layer.adapt(["a-b", "B"])
    assert layer.get_vocabulary(include_special_tokens=False) == ["B", "A"]
    assert layer(["b-a-c"]).numpy().tolist() == [[2, 3, 1]]


def test_one_text_and_a_column():
    layer = layers.TextVectorization(vocabulary=["a", "b"])
    assert layer("b a z").numpy().tolist() == [3, 2, 1]
    assert layer(np.array([["a b"], ["b"]])).numpy().tolist() == [[2, 3], [3, 0]]
    assert layer(np.array([b"a b", b"b"])).numpy().tolist() == [[2, 3], [3, 0]]


def test_tokens_that_are_split_already():
    layer = layers.TextVectorization(split=None, vocabulary=["a", "b"])
    assert layer([["a", "b"], ["b", "q"]]).numpy().tolist() == [[2, 3], [3, 1]]
    # An array of one axis holds the tokens of one text.
    assert layer(["a", "b", "b"]).numpy().tolist() == [2, 3, 3]
    count = layers.TextVectorization(split=None, vocabulary=["a", "b"], output_mode="count")
    assert count(["a", "b", "b"]).numpy().tolist() == [0, 1, 2]


def test_in_front_of_a_data_set():
    texts, labels = np.array(DOCUMENTS), np.arange(3)
    data = Dataset.from_tensor_slices((texts, labels)).batch(2)
    layer = layers.TextVectorization(output_sequence_length=4)
    layer.adapt(data.map(lambda text, label: text))
    assert layer.get_vocabulary()[1:] == VOCABULARY
    (first, _), (second, label) = data.map(lambda text, label: (layer(text), label))
    assert first.tolist() == [[2, 4, 6, 7], [2, 3, 0, 0]]
    assert second.tolist() == [[5, 3, 9, 5]] and label.tolist() == [2]


def test_configurations_and_vocabularies_come_back(tmp_path):
    layer = layers.TextVectorization(ngrams=2, output_mode="tf_idf")
    layer.adapt(DOCUMENTS)
    again = layers.TextVectorization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    layer.save_assets(str(tmp_path))
    again.load_assets(str(tmp_path))
    assert again.get_vocabulary() == layer.get_vocabulary()
    with pytest.raises(ValueError, match="names a vocabulary file"):
        saving.deserialize_keras_object(
            {**saving.serialize_keras_object(layer), "config": {**layer.get_config(), "vocabulary": "/etc/passwd"}}
        )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.TextVectorization()("a"), RuntimeError, "has no vocabulary yet"),
        (lambda: layers.TextVectorization(standardize="upper"), ValueError, "`standardize` must be one of"),
        (lambda: layers.TextVectorization(split="word"), ValueError, "`split` must be one of .*whitespace"),
        (lambda: layers.TextVectorization(ngrams="2"), ValueError, "`ngrams` .*'2'"),
        (lambda: layers.TextVectorization(output_mode="sum"), ValueError, "`output_mode` must be one of"),
        (lambda: layers.TextVectorization(ragged=True, output_mode="count"), ValueError, "ragged=True .*'count'"),
        (
            lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
            ValueError,
            "output_sequence_length.*3",
        ),
        (lambda: layers.TextVectorization(output_sequence_length=2.5), ValueError, "`output_sequence_length` .*2.5"),
        (
            lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]),
            ValueError,
            r"one text a sample.*got \(1, 2\).*use split=None",
        ),
        (
            lambda: layers.TextVectorization(vocabulary=["a"], standardize=lambda texts: texts[:1])(["a", "b"]),
            ValueError,
            r"shape \(2,\) and returned one of shape \(1,\)",
        ),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_function_that_failed_is_what_is_said_next():
    def broken(text):
        raise KeyError("a typing error")

    layer = layers.TextVectorization(standardize=broken)
    with pytest.raises(KeyError):
        layer.adapt(["a"])
    with pytest.raises(RuntimeError, match=r"no vocabulary yet, since adapt\(\) failed: KeyError: 'a typing error'"):
        layer(["a"])


@pytest.mark.parametrize(
    ("words", "shown"),
    [("No such name.", "failed: ValueError: No such name. Give it"), ("", "failed: ValueError. Give")],
)
def test_what_a_function_said_ends_once(words, shown):
    def broken(text):
        raise ValueError(words)

    layer = layers.TextVectorization(standardize=broken)
    with pytest.raises(ValueError):
        layer.adapt(["a"])
    with pytest.raises(RuntimeError, match=shown):
        layer(["a"])


def test_functions_may_return_bytes():
    layer = layers.TextVectorization(standardize=lambda text: np.array([x.lower().encode() for x in text], object))
    layer.adapt(["\u00c4 B", "b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "\u00e4"]


def test_words_of_places_are_bytes_as_a_plain_array():
    words = layers.StringLookup(vocabulary=["a", "\u00e9"], invert=True)(np.array([[1, 2]]))
    assert words.tolist() == [["a", "\u00e9"]] and words[0, 1] == "\u00e9"
    assert words.numpy().tolist() == [[b"a", b"\xc3\xa9"]] and words[0].numpy().tolist() == [b"a", b"\xc3\xa9"]


def test_letters_beyond_ascii_keep_their_case():
    layer = layers.TextVectorization(vocabulary=["Äpfel", "äpfel", "ΣΑΣ", "i̇"])
    assert layer(["ÄPFEL, Äpfel", "äpfel!", "ΣΑΣ", "İ I i"]).numpy().tolist() == [
        [2, 2, 0],
        [3, 0, 0],
        [4, 0, 0],
        [1, 1, 1],
    ]
    lower = layers.TextVectorization(standardize="lower", split="character")
    lower.adapt(["ÄA-"])
    assert sorted(map(str, lower.get_vocabulary())) == ["", "-", "[UNK]", "a", "Ä"]


def test_words_end_at_spaces_of_ascii_only():
    layer = layers.TextVectorization(standardize=None)
    layer.adapt(["a\x1cb c\x85d\u2003e\u00a0f\tg\x0bh"])
    assert sorted(map(str, layer.get_vocabulary()[2:])) == [
        "a\x1cb",
        "c\x85d\u2003e\u00a0f",
        "g",
        "h",
    ]
