"""The table from a primitive's name to its function, and what many of the functions share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.substitution import substituted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import state
from pronghorn.engine.graph.ir import Aval
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


_SHORT: dict[str, Callable[[Sequence[Aval], dict[str, Any]], Implementation | None]] = {}


def shortens(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function: from operands' types and a primitive's parameters to a function of NumPy's that
    is its meaning for these; None where there is none."""

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        _SHORT[name] = fn
        return fn

    return register


def meaning_for(name: str, avals: Sequence[Aval], params: dict[str, Any]) -> Implementation:
    """A primitive's meaning for operands of known shapes and types, a function of arrays alone; the same bits."""
    short = _SHORT[name](avals, params) if name in _SHORT else None
    if short is not None:
        return short
    ufunc = UFUNCS.get((name, dtypes.to_numpy(avals[0].dtype))) if avals and not params else None
    return functools.partial(IMPLEMENTATIONS[name], **params) if ufunc is None else quiet(ufunc)


def quiet(ufunc: np.ufunc) -> Implementation:
    """A ufunc that gives arrays, and no warnings."""

    def call(*arrays: np.ndarray) -> np.ndarray:
        return np.asarray(state.silently(ufunc, *arrays))

    return call
