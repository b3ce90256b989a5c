"""Gather and scatter along one axis."""

from __future__ import annotations

import numpy as np

from pronghorn.engine.backends.numpy import extremes
from pronghorn.engine.backends.numpy.registry import implements, widened


@implements("take")
def take(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    """``x``'s slices along ``axis`` at ``indices``; indices outside take the nearest slice."""
    at = np.clip(indices, 0, max(x.shape[axis] - 1, 0)).astype(np.intp)
    return np.take(x, at, axis)


_COMBINE = {"add": np.add, "mul": np.multiply}
_EXTREMES = {"max": extremes.scatter_maximum, "min": extremes.scatter_minimum}


@implements("scatter")
@widened
def scatter(x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, mode: str) -> np.ndarray:
    """Combine ``updates`` into the rows of ``x`` at ``indices``, in order; indices outside are dropped."""
    out = x.copy()
    at = indices.reshape(-1)
    rows = updates.reshape(at.size, *x.shape[1:])
    inside = (at >= 0) & (at < x.shape[0])
    if not inside.all():
        at, rows = at[inside], rows[inside]
    at = at.astype(np.intp)
    if mode in _EXTREMES:
        return _EXTREMES[mode](x, at, rows)
    if mode == "set":
        last = _last_occurrence(at, x.shape[0])
        out[at[last]] = rows[last]
    else:
        _COMBINE[mode].at(out, at, rows)
    return out


def _last_occurrence(at: np.ndarray, size: int) -> np.ndarray:
    """Which of the writes is the last to its row."""
    last = np.full(size, -1, np.intp)
    np.maximum.at(last, at, np.arange(at.size))
    return last[last >= 0]
