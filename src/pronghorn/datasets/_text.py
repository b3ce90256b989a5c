"""What the text data sets have in common: reviews and news as lists of word numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.datasets._source import fetch
from pronghorn.utils.arguments import COUNT, INTEGER, check


def check_arguments(
    who: str, num_words: Any, skip_top: Any, maxlen: Any, start_char: Any, oov_char: Any, index_from: Any, seed: Any
) -> None:
    """Check the numbers that both text data sets take, before anything is downloaded.

    Raises:
        ValueError: if one is no integer.
    """
    for name, value in (("num_words", num_words), ("maxlen", maxlen)):
        check(who, name, value, COUNT, none=True)
    for name, value in (("start_char", start_char), ("oov_char", oov_char)):
        check(who, name, value, INTEGER, none=True)
    for name, value in (("skip_top", skip_top), ("index_from", index_from), ("seed", seed)):
        check(who, name, value, COUNT)


def shuffled(texts: np.ndarray, labels: np.ndarray, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Return texts and labels in the same random order."""
    order = np.arange(len(texts))
    rng.shuffle(order)
    return texts[order], labels[order]


def with_markers(texts: Sequence[Any], start_char: int | None, index_from: int) -> list[list[int]]:
    """Shift the word numbers by `index_from` and put `start_char` in front of each text."""
    front = [] if start_char is None else [start_char]
    if not front and not index_from:
        return [list(text) for text in texts]
    return [[*front, *(word + index_from for word in text)] for text in texts]


def without_long(
    texts: list[list[int]], labels: np.ndarray, maxlen: int | None, name: str
) -> tuple[list[list[int]], np.ndarray]:
    """Leave out texts of `maxlen` words or more."""
    if not maxlen:
        return texts, labels
    kept = [index for index, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise ValueError(f"{name}.load_data: no text is shorter than maxlen={maxlen}; raise it.")
    return [texts[index] for index in kept], labels[kept]


def known_words(texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Replace words outside `skip_top` to `num_words` by `oov_char`, or leave them out where that is None."""
    if num_words is None:
        # As in Keras, this leaves out the one word with the largest number.
        num_words = max((max(text) for text in texts if text), default=0)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < num_words] for text in texts]
    return [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts]


def as_objects(texts: list[list[int]]) -> np.ndarray:
    """Return an object array of lists, also where all are of one length."""
    result = np.empty(len(texts), dtype=object)
    result[:] = texts
    return result


def word_index(path: str, file_hash: str) -> dict[str, int]:
    """Read the JSON file that maps words to their numbers."""
    with open(fetch(path, file_hash), encoding="utf-8") as stream:
        return json.load(stream)
