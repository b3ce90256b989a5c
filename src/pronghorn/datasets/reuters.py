"""11,228 short news reports from Reuters, each of one of 46 topics."""

from __future__ import annotations

import numpy as np

from pronghorn._lazy import attach
from pronghorn.datasets import _text
from pronghorn.datasets._archive import Split, load_npz_of_lists
from pronghorn.datasets._source import fetch
from pronghorn.utils.arguments import is_number

_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """Load the reports as lists of word numbers; see `imdb.load_data` for the arguments.

    Args:
        test_split: the fraction to test with.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of integers, and topics 0 to 45.

    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
    >>> len(x_train), len(x_test)  # doctest: +SKIP
    (8982, 2246)
    """
    _text.check_arguments("reuters.load_data", num_words, skip_top, maxlen, start_char, oov_char, index_from, seed)
    if not is_number(test_split) or not 0 <= test_split <= 1:
        raise ValueError(f"reuters.load_data: test_split={test_split!r} must be a number from 0 to 1.")
    x, y = load_npz_of_lists(fetch(path, _HASH), ("x", "y"))
    x, y = _text.shuffled(x, y, np.random.RandomState(seed))
    texts, y = _text.without_long(_text.with_markers(x, start_char, index_from), y, maxlen, "reuters")
    words = _text.as_objects(_text.known_words(texts, num_words, skip_top, oov_char))
    cut = int(len(words) * (1 - test_split))
    return (words[:cut], y[:cut]), (words[cut:], y[cut:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Return the number of each word, to which `load_data` adds `index_from`.

    >>> words = get_word_index()  # doctest: +SKIP
    >>> words["the"]  # doctest: +SKIP
    1
    """
    return _text.word_index(path, _INDEX_HASH)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the 46 topics, in the order of their numbers.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())


attach(__name__)
