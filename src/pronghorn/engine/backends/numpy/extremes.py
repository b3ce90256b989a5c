"""Maxima and minima, NaN if there is one, in which -0.0 is less than 0.0.

Which of two zeros NumPy takes depends on their order, on the machine and on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _settled(result: Any, is_winning_zero: Callable[[], Any], negative: bool) -> np.ndarray:
    """``result`` with the winning sign, which ``negative`` says, on zeros where an operand is such a zero."""
    result = np.asarray(result)
    if result.dtype.kind != "f" or result.all():
        return result
    doubtful = _zeros(result, not negative)
    return np.where(doubtful & is_winning_zero(), -result, result) if doubtful.any() else result


def _zeros(x: Any, negative: bool) -> Any:
    """Where zeros of this sign are."""
    are_zero, are_negative = np.asarray(x) == 0, np.signbit(x)
    return are_zero & are_negative if negative else are_zero > are_negative


def maximum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The larger of two, element by element."""
    return _settled(np.maximum(x, y), lambda: _zeros(x, False) | _zeros(y, False), False)


def minimum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The smaller of two, element by element."""
    return _settled(np.minimum(x, y), lambda: _zeros(x, True) | _zeros(y, True), True)


def largest(x: np.ndarray, axes: tuple[int, ...], initial: Any) -> np.ndarray:
    """The largest along some axes; ``initial`` of nothing."""
    return _settled(np.max(x, axes, initial=initial), lambda: _zeros(x, False).any(axes), False)


def smallest(x: np.ndarray, axes: tuple[int, ...], initial: Any) -> np.ndarray:
    """The smallest along some axes; ``initial`` of nothing."""
    return _settled(np.min(x, axes, initial=initial), lambda: _zeros(x, True).any(axes), True)


def largest_so_far(x: np.ndarray, axis: int, dtype: np.dtype) -> np.ndarray:
    """The largest up to each place of an axis."""
    result = np.maximum.accumulate(x, axis, dtype=dtype)
    return _settled(result, lambda: np.logical_or.accumulate(_zeros(x, False), axis), False)


def smallest_so_far(x: np.ndarray, axis: int, dtype: np.dtype) -> np.ndarray:
    """The smallest up to each place of an axis."""
    result = np.minimum.accumulate(x, axis, dtype=dtype)
    return _settled(result, lambda: np.logical_or.accumulate(_zeros(x, True), axis), True)


def scatter_maximum(x: np.ndarray, at: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``x`` with each of its rows at ``at`` replaced by the larger of it and what goes there."""
    return _scattered(np.maximum, x, at, rows, False)


def scatter_minimum(x: np.ndarray, at: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``x`` with each of its rows at ``at`` replaced by the smaller of it and what goes there."""
    return _scattered(np.minimum, x, at, rows, True)


def _scattered(combine: np.ufunc, x: np.ndarray, at: np.ndarray, rows: np.ndarray, negative: bool) -> np.ndarray:
    result = x.copy()
    combine.at(result, at, rows)

    def is_winning_zero() -> np.ndarray:
        found = _zeros(x, negative)
        np.logical_or.at(found, at, _zeros(rows, negative))
        return found

    return _settled(result, is_winning_zero, negative)
