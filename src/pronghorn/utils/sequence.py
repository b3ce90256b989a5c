"""Sequences of different lengths made into one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Pad or cut sequences to one length.

    Args:
        sequences: a list of sequences; their elements may be arrays, all of one shape.
        maxlen: the length; by default that of the longest.
        dtype: dtype of the result; `object` for strings.
        padding: `"pre"` or `"post"`: where the padding goes.
        truncating: `"pre"` or `"post"`: where longer sequences are cut.
        value: what to pad with.

    Returns:
        An array of shape `(len(sequences), maxlen, *element shape)`.

    Raises:
        ValueError: for something that is no list of sequences, unknown `padding` or `truncating`, or elements of
            different shapes.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name}={choice!r} is not known; it must be 'pre' or 'post'.")
    rows = _as_rows(sequences)
    element_shape = _element_shape(rows)
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise ValueError(
            f"pad_sequences: an array of {dtype} cannot hold value={value!r}, a string; pass dtype=object."
        )
    length = max((len(row) for row in rows), default=0) if maxlen is None else maxlen
    result = np.full((len(rows), length, *element_shape), value, dtype=dtype)
    for index, row in enumerate(rows):
        if not len(row) or not length:
            continue
        kept = np.asarray(row[-length:] if truncating == "pre" else row[:length], dtype=dtype)
        if padding == "post":
            result[index, : len(kept)] = kept
        else:
            result[index, -len(kept) :] = kept
    return result


def _as_rows(sequences: Any) -> list[Any]:
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"pad_sequences: `sequences` is a list whose entries are lists or arrays; got {type(sequences).__name__}."
        )
    rows = list(sequences)
    for index, row in enumerate(rows):
        if not hasattr(row, "__len__"):
            raise ValueError(
                f"pad_sequences: sequences must be a list of sequences; the one at position {index} is {row!r}. "
                "For a single sequence write [sequence]."
            )
    return rows


def _element_shape(rows: list[Any]) -> tuple[int, ...]:
    expected: tuple[int, ...] | None = None
    for index, row in enumerate(rows):
        if not len(row):
            continue
        shape = np.asarray(row).shape[1:]
        if expected is None:
            expected = shape
        elif shape != expected:
            raise ValueError(
                f"pad_sequences: the elements of the sequence at position {index} have shape {shape}, those before "
                f"it {expected}; they must agree."
            )
    return expected or ()
