"""Texts to numbers as in Keras 2: `Tokenizer` and its functions."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")
_COUNTS = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """Return the words of a text.

    Args:
        input_text: the text.
        filters: characters that are left out, and end a word.
        lower: whether letters become small.
        split: what words are separated by.

    >>> text_to_word_sequence("A cat, a dog.")
    ['a', 'cat', 'a', 'dog']
    """
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Return numbers from 1 to ``n - 1`` for the words of a text; two words may have the same.

    Args:
        text: the text.
        n: one more than the largest number.
        hash_function: makes a number of a word: a function, ``"md5"``, which gives the same in every process, or None
            for Python's ``hash``, which does not.
        filters: characters that are left out.
        lower: whether letters become small.
        split: what words are separated by.
        analyzer: makes words of the text, in place of all these.

    >>> hashing_trick("a cat, a dog", 10, hash_function="md5")
    [2, 3, 2, 6]
    """
    numbers = _md5 if hash_function == "md5" else hash if hash_function is None else hash_function
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [int(numbers(word)) % (n - 1) + 1 for word in words]  # type: ignore[operator]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Return `hashing_trick` with Python's ``hash``: numbers, in spite of the name."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers the words of texts: the most frequent is 1, and 0 is left for padding.

    Args:
        num_words: only numbers below this are given; None for all.
        filters: characters that are left out.
        lower: whether letters become small.
        split: what words are separated by.
        char_level: whether characters are numbered in place of words.
        oov_token: a word, with number 1, that stands for those that are not known or not frequent enough.
        analyzer: makes words of a text, in place of `filters`, `lower` and `split`.

    >>> tokenizer = Tokenizer(oov_token="<other>")
    >>> tokenizer.fit_on_texts(["a cat and a dog"])
    >>> tokenizer.texts_to_sequences(["a dog and a bird"])
    [[2, 5, 4, 2, 1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.document_count = kwargs.pop("document_count", 0)
        num_words = kwargs.pop("nb_words", num_words)
        if kwargs:
            raise TypeError(f"Tokenizer: there are no arguments {sorted(kwargs)}.")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: collections.OrderedDict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> Sequence[str]:
        """The words of a text, or of a list of words."""
        ready = isinstance(text, list)
        if not ready and not self.char_level:
            if self.analyzer is not None:
                return list(self.analyzer(text))
            return text_to_word_sequence(text, self.filters, self.lower, self.split)
        if self.lower:
            return [word.lower() for word in text] if ready else text.lower()
        return text

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, and number them.

        Args:
            texts: strings, or lists of words.
        """
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        frequent = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        known = ([] if self.oov_token is None else [self.oov_token]) + frequent
        self.word_index = {word: index for index, word in enumerate(known, 1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count in how many sequences each number is, which `sequences_to_matrix(mode="tfidf")` needs."""
        sequences = list(sequences)
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Return the numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """Yield the numbers of the words of each text."""
        other = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            found = (self.word_index.get(word) for word in self._words(text))
            numbers = (index if self._is_given(index) else other for index in found)
            yield [index for index in numbers if index is not None]

    def _is_given(self, index: int | None) -> bool:
        return index is not None and (not self.num_words or index < self.num_words)

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Return the words that numbers stand for, with spaces between."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """Yield the words that numbers stand for, with spaces between."""
        for sequence in sequences:
            found = ((index, self.index_word.get(index)) for index in sequence)
            words = (word if word is not None and self._is_given(index) else self.oov_token for index, word in found)
            yield " ".join(word for word in words if word is not None)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """Return a row for each text and a column for each number; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """Return a row for each sequence and a column for each number.

        Args:
            sequences: lists of numbers.
            mode: what stands in the matrix: ``"binary"`` (1 if the number is there), ``"count"``, ``"freq"`` (the
                count by the length) or ``"tfidf"``.

        Raises:
            ValueError: if nothing was fitted and `num_words` is not known, or for another mode.
        """
        if mode not in _MODES:
            raise ValueError(f"sequences_to_matrix: mode={mode!r}; it must be one of {', '.join(_MODES)}.")
        if not self.num_words and not self.word_index:
            raise ValueError("Tokenizer: call fit_on_texts first, or give num_words: the width is not known yet.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                "Tokenizer: call fit_on_texts or fit_on_sequences before mode='tfidf', which counts texts."
            )
        width = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences):
            for index, count in collections.Counter(sequence).items():
                if index < width:
                    row[index] = self._weight(mode, index, count, len(sequence))
        return matrix

    def _weight(self, mode: str, index: int, count: int, length: int) -> float:
        if mode == "tfidf":
            rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(index, 0)))
            return float((1 + np.log(count)) * rarity)
        return {"binary": 1.0, "count": float(count), "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """Return the settings and, as JSON, what was counted."""
        settings = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        counted = {name: json.dumps(getattr(self, name)) for name in _COUNTS}
        return {name: getattr(self, name) for name in settings} | counted

    def to_json(self, **kwargs: Any) -> str:
        """Return the tokenizer as JSON, for `tokenizer_from_json`; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return a `Tokenizer` from what `to_json` gave.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["a cat"])
    >>> tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(["cat"])
    [[2]]
    """
    config = json.loads(json_string)["config"]
    counted = {name: json.loads(config.pop(name)) for name in _COUNTS}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = collections.OrderedDict(counted["word_counts"])
    tokenizer.word_docs = counted["word_docs"]
    tokenizer.word_index = counted["word_index"]
    tokenizer.index_docs = {int(index): count for index, count in counted["index_docs"].items()}
    tokenizer.index_word = {int(index): word for index, word in counted["index_word"].items()}
    return tokenizer
