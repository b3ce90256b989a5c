"""The table from a primitive's name to its function, and what many of the functions share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pronghorn.engine.backends.substitution import substituted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.primitives.registry import MEANINGS as IMPLEMENTATIONS
from pronghorn.engine.graph.primitives.registry import UFUNCS

Implementation = Callable[..., Any]


def implements(name: str) -> Callable[[Implementation], Implementation]:
    """Register the decorated function as the meaning of primitive ``name``."""

    def register(fn: Implementation) -> Implementation:
        return implement(name, fn)

    return register


def implement(name: str, fn: Implementation) -> Implementation:
    """Register ``fn`` as the meaning of primitive ``name``.

    NumPy's warnings are off in it: results that overflow or are undefined belong to the meaning.
    """

    @functools.wraps(fn)
    def silent(*arrays: np.ndarray, **params: Any) -> Any:
        with np.errstate(all="ignore"):
            out = fn(*arrays, **params)
        # NumPy makes scalars of some results without axes.
        return tuple(map(np.asarray, out)) if isinstance(out, (tuple, list)) else np.asarray(out)

    IMPLEMENTATIONS[name] = silent
    return fn


_NARROW = frozenset(map(dtypes.to_numpy, (*dtypes.LOW_PRECISION, *dtypes.FLOAT8)))


def widened(fn: Implementation) -> Implementation:
    """``fn`` computed in float32 and rounded once where its first operand is a narrower float."""
    return substituted(fn, _NARROW.__contains__, lambda x: x.astype(np.float32), _rounded)


#: NumPy's element types, and those in which it computes as they are.
ALL = [d for d in map(dtypes.to_numpy, dtypes.ALL) if d.isbuiltin == 1]
WIDE = [d for d in ALL if d not in _NARROW]


def is_ufunc(name: str, fn: Implementation, types: Iterable[np.dtype]) -> None:
    """Note that ``fn`` alone is the meaning of primitive ``name`` for these types, if it is one of NumPy's ufuncs."""
    if isinstance(fn, np.ufunc):
        UFUNCS.update({(name, dtype): fn for dtype in types})


def _rounded(out: np.ndarray, dtype: np.dtype) -> np.ndarray:
    out = np.asarray(out)
    return out.astype(dtype) if out.dtype in (np.float32, np.complex64) else out
