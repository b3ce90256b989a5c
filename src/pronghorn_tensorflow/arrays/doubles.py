"""NumPy's float64 and complex128 arrays stay so in TensorFlow's functions, for `pronghorn run`.

Keras's functions, and so `pronghorn.ops`, take them in its float type.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn import ops

_WIDE = ("float64", "complex128")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
    elif hasattr(value, "dtype"):
        yield value


def _is_wide(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) and value.dtype.name in _WIDE


def _kept(value: Any) -> Any:
    """The value with tensors of their own type in place of wide arrays."""
    if _is_wide(value):
        return ops.convert_to_tensor(value, dtype=value.dtype.name)
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, np.generic) for each in value):  # one array
            return _kept(np.asarray(value))
        kept = [_kept(each) for each in value]
        return kept if isinstance(value, list) else tuple(kept)
    return {key: _kept(each) for key, each in value.items()} if isinstance(value, dict) else value


def keeping_doubles(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes wide arrays of NumPy as they are.

    Where there are arrays of another float type, or tensors, beside them, those say the type, as in TensorFlow.

    >>> keeping_doubles(ops.square)(np.ones(2)).dtype
    'float64'
    >>> keeping_doubles(ops.add)(np.ones(2), ops.ones(2)).dtype
    'float32'
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        arrays = list(_leaves([args, kwargs]))
        if not any(map(_is_wide, arrays)) or not all(
            _is_wide(x) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "iub") for x in arrays
        ):
            return function(*args, **kwargs)
        return function(*_kept(args), **_kept(kwargs))

    return wrapper
