"""Film reviews from IMDB, 25,000 to train with and 25,000 to test with, marked as good or bad."""

from __future__ import annotations

import numpy as np

from pronghorn._lazy import attach
from pronghorn.datasets import _text
from pronghorn.datasets._archive import Split, load_npz_of_lists
from pronghorn.datasets._source import fetch

_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: object,
) -> tuple[Split, Split]:
    """Load the reviews as lists of word numbers; frequent words have small numbers.

    Args:
        path: name of the file in the cache, or an absolute path.
        num_words: keep only words with smaller numbers.
        skip_top: leave out this many of the most frequent words.
        maxlen: leave out reviews of this length or more.
        seed: of the order.
        start_char: put in front of each review.
        oov_char: takes the place of words that are left out; None drops them.
        index_from: added to every word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of integers, and labels 0 (bad) or 1 (good).

    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
    >>> len(x_train), y_train[:3]  # doctest: +SKIP
    (25000, array([1, 0, 0]))
    """
    if kwargs:
        raise TypeError(f"imdb.load_data: unknown arguments: {', '.join(kwargs)}.")
    _text.check_arguments("imdb.load_data", num_words, skip_top, maxlen, start_char, oov_char, index_from, seed)
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = load_npz_of_lists(fetch(path, _HASH), names)
    rng = np.random.RandomState(seed)
    x_train, y_train = _text.shuffled(x_train, y_train, rng)
    x_test, y_test = _text.shuffled(x_test, y_test, rng)
    train, y_train = _text.without_long(_text.with_markers(x_train, start_char, index_from), y_train, maxlen, "imdb")
    test, y_test = _text.without_long(_text.with_markers(x_test, start_char, index_from), y_test, maxlen, "imdb")
    texts = _text.as_objects(_text.known_words([*train, *test], num_words, skip_top, oov_char))
    return (texts[: len(train)], y_train), (texts[len(train) :], y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Return the number of each word, to which `load_data` adds `index_from`.

    >>> words = get_word_index()  # doctest: +SKIP
    >>> words["the"]  # doctest: +SKIP
    1
    """
    return _text.word_index(path, _INDEX_HASH)


attach(__name__)
