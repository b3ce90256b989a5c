"""What rows of different lengths are made of: their ends, their lengths, and their entries as one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Array, Text, as_text
from pronghorn.engine.graph.tensor import Tensor


def places_of(numbers: Any) -> np.ndarray:
    """Splits or lengths: int32 if they are, else int64."""
    found = np.asarray(numbers)
    return found if found.dtype == np.int32 else found.astype("int64", copy=False)


def joined(places: list[np.ndarray]) -> np.ndarray:
    """Return the places of rows, one after the other; there may be no rows."""
    return np.concatenate([np.zeros(0, "int64"), *places], dtype="int64")


def check_rowids(rows: np.ndarray, count: int, nrows: int | None) -> None:
    """Refuse rows of values that are not one for each, in order, or none of so many."""
    before = "RaggedTensor.from_value_rowids: "
    if rows.shape != (count,):
        raise ValueError(f"{before}value_rowids has shape {rows.shape}; each of {count} values needs its row.")
    if nrows is not None and nrows < 0:
        raise ValueError(f"{before}nrows={nrows}; it must be 0 or more.")
    if count and (rows[0] < 0 or (np.diff(rows) < 0).any()):
        raise ValueError(
            f"{before}value_rowids must begin with 0 or more and never fall; got {rows.tolist()}. Sort the values by "
            "their rows first."
        )
    if count and nrows is not None and rows[-1] >= nrows:
        raise ValueError(f"{before}value_rowids has row {rows[-1]}, but nrows={nrows}; rows begin at 0.")


def with_last(values: Any, default: Any) -> Any:
    """Values, and behind them one row of a default."""
    row = (1, *values.shape[1:])
    if isinstance(values, Text):
        last = np.full(row, as_text("" if default is None else default).item(), object)
        return as_text(np.concatenate([np.asarray(values), last]))
    default = ops.cast(0 if default is None else default, values.dtype)
    return ops.concatenate([values, ops.broadcast_to(default, row)], axis=0)


def lengths_without(array: np.ndarray, padding: Any) -> np.ndarray:
    """How long each row is without the padding at its end.

    >>> lengths_without(np.array([[1, 0, 2, 0], [0, 0, 0, 0]]), 0).tolist()
    [3, 0]
    """
    if array.dtype == object:
        padding = as_text(padding).item()
    elif isinstance(padding, Tensor):
        padding = padding.numpy()
    kept = array != padding
    if kept.ndim > 2:
        kept = kept.any(axis=tuple(range(2, kept.ndim)))
    return np.where(kept.any(axis=1), kept.shape[1] - np.argmax(kept[:, ::-1], axis=1), 0)


def depth_of(rows: Any) -> int:
    """How many axes rows of rows have.

    >>> depth_of([[1], []]), depth_of(1), depth_of([np.zeros((2, 3))])
    (2, 0, 3)
    """
    if isinstance(rows, np.ndarray | Tensor):
        return rows.ndim
    return 1 + max(map(depth_of, rows), default=0) if isinstance(rows, list | tuple) else 0


def flat(entries: Any, dtype: Any) -> Any:
    """Entries as one array; without any they are float32, as TensorFlow's."""
    entries = [x.numpy() if isinstance(x, Tensor | Array) else x for x in entries]
    plain = _is_plain(entries)
    if dtype == "string" or (entries and isinstance(entries[0], str | bytes)):
        return as_text(entries)
    if not entries:
        return ops.convert_to_tensor(np.zeros(0, "float32"), dtype=dtype or "float32")
    array = np.asarray(entries)
    if array.dtype.kind in "SU":
        return as_text(entries)
    return ops.convert_to_tensor(entries if plain else array, dtype=dtype)


def _is_plain(entries: Any) -> bool:
    """Whether these are Python's numbers, in lists."""
    return all(_is_plain(x) if isinstance(x, list | tuple) else isinstance(x, bool | int | float) for x in entries)
