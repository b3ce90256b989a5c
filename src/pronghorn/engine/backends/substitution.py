"""What every table of primitives has in common: computing in other element types, parameters that say nothing to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def substituted(
    fn: Callable[..., Any],
    types: Callable[[Any], bool],
    into: Callable[[Any], Any],
    back: Callable[[Any, Any], Any],
    dtype_of: Callable[[Any], Any] = lambda x: x.dtype,
) -> Callable[..., Any]:
    """``fn``, computed in another element type where its first operand is of one of some types.

    Args:
        fn: from arrays, and parameters by name, to an array or a tuple of arrays.
        types: whether arrays of an element type are computed in another.
        into: from such an array to one of the other type; all operands of the first one's type go through it.
        back: from a result and the first operand's type to what is given back.
        dtype_of: the element type of an array.
    """

    @functools.wraps(fn, updated=())  # the names alone: a function's own attributes are not the wrapper's
    def other(*xs: Any, **params: Any) -> Any:
        dtype = dtype_of(xs[0])
        if not types(dtype):
            return fn(*xs, **params)
        out = fn(*(into(x) if dtype_of(x) == dtype else x for x in xs), **params)
        return tuple(back(o, dtype) for o in out) if isinstance(out, tuple) else back(out, dtype)

    return other


def sums_plainly(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A convolution, or its gradient, of a library that need not be told to be ``exact``."""

    @functools.wraps(fn, updated=())
    def plain(*xs: Any, exact: bool = False, **params: Any) -> Any:
        return fn(*xs, **params)

    return plain
