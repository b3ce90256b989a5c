"""Functions of `pronghorn.ops` called by the names that TensorFlow gives their arguments, for `pronghorn run`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

#: What TensorFlow calls an argument: by the function's name here, else by the argument's.
_OF_FUNCTIONS = {
    "arctan2": {"y": "x1", "x": "x2"},
    "einsum": {"equation": "subscripts"},
    "gammainc": {"a": "x1", "x": "x2"},
    "map": {"fn": "f", "elems": "xs"},
    "one_hot": {"indices": "x"},
    "power": {"a": "x2"},
    "repeat": {"rep": "repeats"},
    "reshape": {"shape": "newshape"},
    "stop_gradient": {"variables": "variable"},
    "tile": {"n": "repeats"},
    "transpose": {"pattern": "axes"},
    "vectorized_map": {"fn": "function", "elems": "elements"},
}
_OF_ARGUMENTS = {
    "x": ("input", "tensor", "value", "a"),
    "x1": ("x", "a"),
    "x2": ("y", "b"),
    "variable": ("input", "f"),
}
#: What changes how TensorFlow computes, not what.
_IGNORED = frozenset(
    (
        *("back_prop", "fallback_to_while_loop", "layout", "name", "parallel_iterations", "partial"),
        *("shape_invariants", "shift", "swap_memory", "validate_args", "warn"),
    )
)


@functools.cache
def _names(op: Callable[..., Any]) -> dict[str, str]:
    parameters = list(inspect.signature(op).parameters)
    theirs = {there: here for here in parameters for there in _OF_ARGUMENTS.get(here, ()) if there not in parameters}
    return theirs | _OF_FUNCTIONS.get(op.__name__, {})


@functools.cache
def called_as_there(op: Callable[..., Any]) -> Callable[..., Any]:
    """An op that takes TensorFlow's names of its arguments, too; the names given to nodes (`name=`) are ignored.

    >>> from pronghorn import ops
    >>> int(called_as_there(ops.subtract)(y=1, x=3, name="difference"))
    2
    """

    @functools.wraps(op)
    def function(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return op(*args)
        names = _names(op)
        kept = {names.get(key, key): value for key, value in kwargs.items() if key in names or key not in _IGNORED}
        return op(*args, **kept)

    return function
