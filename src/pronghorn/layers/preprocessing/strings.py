"""Strings in arrays: NumPy object arrays of Python strings, whatever they came as."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.layers.preprocessing.batches import to_array


def is_text(array: np.ndarray) -> bool:
    """Whether an array holds strings or bytes."""
    if array.dtype.kind in "USTV":
        return array.dtype.kind != "V"
    return array.dtype == object and any(isinstance(x, (str, bytes)) for x in array.ravel()[:1])


def raw(data: Any) -> np.ndarray:
    """``data`` as a NumPy array that keeps strings of different lengths, and rows of different lengths, as they are.

    Raises:
        ValueError: for rows of different lengths.
    """
    try:
        return to_array(data)
    except ValueError as error:
        raise ValueError(
            "The rows have different lengths, so they are no array. Pad them to one length, for instance with '' "
            "(utils.pad_sequences for numbers)."
        ) from error


def to_strings(data: Any, encoding: str = "utf-8") -> np.ndarray:
    """``data`` as an object array of Python strings: bytes are decoded, numbers written in decimal.

    Args:
        data: an array, a nested list, a pandas column; of strings, bytes or numbers.
        encoding: that of bytes.
    """
    array = raw(data)
    if array.dtype.kind == "U":
        return array.astype(object)

    def text(x: Any) -> str:
        if isinstance(x, bytes):
            return x.decode(encoding, "surrogateescape")
        return x if isinstance(x, str) else "" if x is None else str(x)

    result = np.empty(array.size, object)
    result[:] = [text(x) for x in array.ravel().tolist()]
    return result.reshape(array.shape)
