"""Reductions, cumulative operations and sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy import extremes
from pronghorn.engine.backends.numpy.registry import implement, implements, widened


@implements("reduce_sum")
@widened
def reduce_sum(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """The sum in ``x``'s own type; integers wrap around."""
    return np.sum(x, axes, dtype=x.dtype) if axes else x.copy()  # which NumPy would add to 0.0


@implements("reduce_prod")
@widened
def reduce_prod(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    return np.prod(x, axes, dtype=x.dtype)


def least(dtype: np.dtype) -> Any:
    """What `max` leaves alone: the least value of a type."""
    if dtype.kind == "b":
        return False
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def greatest(dtype: np.dtype) -> Any:
    """What `min` leaves alone: the greatest value of a type."""
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


@implements("reduce_max")
@widened
def reduce_max(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """The maximum, NaN if there is one; of nothing, the least value of the type."""
    return extremes.largest(x, axes, least(x.dtype))


@implements("reduce_min")
@widened
def reduce_min(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    return extremes.smallest(x, axes, greatest(x.dtype))


@implements("reduce_and")
def reduce_and(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """Bitwise for integers."""
    return np.bitwise_and.reduce(x, axes)


@implements("reduce_or")
def reduce_or(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    return np.bitwise_or.reduce(x, axes)


@implements("argmax")
@widened
def argmax(x: np.ndarray, *, axis: int) -> np.ndarray:
    """The first position of the maximum; the first NaN if there is one."""
    return np.argmax(x, axis).astype(np.int32)


@implements("argmin")
@widened
def argmin(x: np.ndarray, *, axis: int) -> np.ndarray:
    return np.argmin(x, axis).astype(np.int32)


def _cumulative(accumulate: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def cumulative(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        if reverse:
            return np.flip(accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
        return accumulate(x, axis, dtype=x.dtype)

    return widened(cumulative)


def _sums(x: np.ndarray, axis: int, dtype: np.dtype) -> np.ndarray:
    return np.add.accumulate(x, axis, dtype=dtype) + dtype.type(0)  # begun with 0.0, a sum is never -0.0


implement("cumsum", _cumulative(_sums))
implement("cumprod", _cumulative(np.multiply.accumulate))
implement("cummax", _cumulative(extremes.largest_so_far))
implement("cummin", _cumulative(extremes.smallest_so_far))


@implements("sort")
def sort(*xs: np.ndarray, axis: int, num_keys: int) -> tuple[np.ndarray, ...]:
    """All operands in the order of the first ``num_keys``: ascending, stable, NaN last."""
    keys = [_sortable(x) for x in xs[:num_keys]]
    if num_keys == 1:
        order = np.argsort(keys[0], axis, kind="stable")
    else:
        order = np.lexsort(keys[::-1], axis)  # NumPy takes the first key last
    return tuple(np.take_along_axis(x, order, axis) for x in xs)


def _sortable(x: np.ndarray) -> np.ndarray:
    """NumPy sorts its own types with NaN last; ml_dtypes' types are widened for that."""
    return x if x.dtype.kind in "biufc" and x.dtype.isbuiltin == 1 else x.astype(np.float32)
