"""Text to tokens: standardizing, splitting, n-grams."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.layers.preprocessing.strings import to_strings

STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLIT = ("whitespace", "character")

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_NO_SPACE = "\x1c\x1d\x1e\x1f"  # Python's ``split`` takes these for spaces


def standardize(text: np.ndarray, how: Any) -> np.ndarray:
    """An object array of strings, standardized.

    Args:
        text: strings.
        how: one of `STANDARDIZE`, None, or a function of an array of strings.

    Raises:
        ValueError: if the function returns an array of another shape.
    """
    if how is None:
        return text
    if callable(how):
        result = to_strings(how(text.astype(str)))
        if result.shape != text.shape:
            raise ValueError(
                f"The `standardize` function was given an array of shape {text.shape} and returned one of shape "
                f"{result.shape}; it must return a string for each."
            )
        return result
    function = _STANDARDIZERS[how]
    result = np.empty(text.size, object)
    result[:] = [function(x) for x in text.ravel().tolist()]
    return result.reshape(text.shape)


def _lower(text: str) -> str:
    """Lower case of A to Z only, as in Keras: its vocabularies keep other letters as they were written."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


_STANDARDIZERS: dict[str, Callable[[str], str]] = {
    "lower": _lower,
    "strip_punctuation": lambda x: x.translate(_WITHOUT_PUNCTUATION),
    "lower_and_strip_punctuation": lambda x: _lower(x).translate(_WITHOUT_PUNCTUATION),
}


def split(texts: np.ndarray, how: Any) -> list[list[str]]:
    """The tokens of each text.

    Args:
        texts: a one-dimensional object array of strings.
        how: one of `SPLIT`, or a function of an array of strings that returns a sequence of tokens for each.
    """
    if how == "whitespace":
        return [_words(x) for x in texts.tolist()]
    if how == "character":
        return [list(x) for x in texts.tolist()]
    result = how(texts.astype(str))
    rows = result.to_list() if hasattr(result, "to_list") else result
    return [[t.decode("utf-8") if isinstance(t, bytes) else str(t) for t in row] for row in rows]


def _words(text: str) -> list[str]:
    if text.isascii() and not any(character in text for character in _NO_SPACE):
        return text.split()
    return [word for word in _SPACE.split(text) if word]


def ngrams(tokens: list[str], sizes: tuple[int, ...]) -> list[str]:
    """All runs of neighbouring tokens of each of the sizes, joined with spaces.

    >>> ngrams(["a", "b", "c"], (1, 2))
    ['a', 'b', 'c', 'a b', 'b c']
    """
    return [" ".join(tokens[i : i + n]) for n in sizes for i in range(len(tokens) - n + 1)]
