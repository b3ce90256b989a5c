"""A large array in pieces, so that what is computed on the way to few bits is never there for all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops

_AT_ONCE = 1 << 18  # numbers, some copies of which are there at a time
_LEAST = 64  # of the extent that is cut: pieces of rows are read with the rest of their cache lines


def looked_at(x: Any) -> np.ndarray:
    """Return an array, a Tensor or a variable as an array of NumPy, in its own memory where it has one; to be read."""
    return x if type(x) is np.ndarray else np.asarray(ops.convert_to_tensor(x))


def in_pieces(function: Callable[[np.ndarray], tuple[Any, ...]], x: np.ndarray, axis: int | None) -> tuple[Any, ...]:
    """Return what a function gives for an array, joined from what it gives for parts of it.

    Args:
        function: from a part to arrays, which have the part's extent along the axis. What it gives for a place there
            depends on nothing beside.
        x: the array.
        axis: the axis that is cut; None where all numbers are needed together.
    """
    step = max(_LEAST, _AT_ONCE * x.shape[axis] // x.size) if axis is not None and x.size else 0
    if axis is None or not 0 < step < x.shape[axis]:
        return function(x)
    joined: list[np.ndarray] = []
    for begin in range(0, x.shape[axis], step):
        place = (*(slice(None),) * axis, slice(begin, begin + step))
        for i, found in enumerate(map(ops.convert_to_numpy, function(x[place]))):
            if not begin:
                shape = (*found.shape[:axis], x.shape[axis], *found.shape[axis + 1 :])
                joined.append(np.empty(shape, found.dtype))
            joined[i][place] = found
    return tuple(map(ops.convert_to_tensor, joined))
