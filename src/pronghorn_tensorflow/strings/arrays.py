"""TensorFlow's functions of arrays where the arrays are strings, for `pronghorn run`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, Words, as_text, text_of
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.strings import StringArray, is_text
from pronghorn_tensorflow.arrays.basic import check_multiples, slice_of, split
from pronghorn_tensorflow.arrays.shapes import Extent, Extents
from pronghorn_tensorflow.math.basic import Unique
from pronghorn_tensorflow.strings.basic import on_strings

#: The names of arguments that are arrays, of which the first is one in every function, and functions of more than one.
_ARRAYS = ("a", "input", "input_", "params", "tensor", "value", "values", "x", "y")
_OF_SEVERAL = ("equal", "fill", "not_equal", "where")


def _texts(values: Any) -> list[np.ndarray]:
    return [np.asarray(as_text(x)) for x in values]


def _gather(params: Any, indices: Any, validate_indices: Any = None, axis: int = 0, **ignored: Any) -> Text:
    return as_text(np.take(np.asarray(as_text(params)), np.asarray(indices), axis=axis or 0))


def _where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Text:
    return as_text(np.where(np.asarray(condition), np.asarray(as_text(x)), np.asarray(as_text(y))))


def _unique(x: Any, out_idx: Any = "int32", name: Any = None) -> Unique:
    entries = as_text(x).tolist()
    places = {entry: place for place, entry in enumerate(dict.fromkeys(entries))}
    return Unique(text_of(list(places)), ops.convert_to_tensor([places[entry] for entry in entries], out_idx))


def _unstack(value: Any, num: Any = None, axis: int = 0, name: Any = None) -> list[Text]:
    return [as_text(x) for x in np.moveaxis(np.asarray(as_text(value)), axis, 0)]


def _boolean_mask(tensor: Any, mask: Any, axis: int = 0, name: Any = None) -> Text:
    return as_text(np.asarray(as_text(tensor))[(*[slice(None)] * axis, np.asarray(mask))])


def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = "", name: Any = None) -> Text:
    filler = as_text(constant_values or "").item()
    return as_text(np.pad(np.asarray(as_text(tensor)), np.asarray(paddings), constant_values=filler))


def _compared(equal: bool) -> Callable[..., Any]:
    def function(x: Any, y: Any, name: Any = None) -> Any:
        found = np.equal(np.asarray(as_text(x)), np.asarray(as_text(y)))
        return ops.convert_to_tensor(np.asarray(found == equal, "bool"))

    return function


def _shaped(function: Callable[..., Any], array: str = "input") -> Callable[..., Any]:
    """A function of one array of NumPy's, whose array has a name of TensorFlow's."""

    def changed(*args: Any, name: Any = None, **kwargs: Any) -> Text:
        value, *rest = args if args else (kwargs.pop(array),)
        return as_text(function(np.asarray(as_text(value)), *rest, *kwargs.values()))

    return changed


def _tile(input: Any, multiples: Any, name: Any = None) -> Text:
    array = np.asarray(as_text(input))
    check_multiples(array.ndim, multiples)
    return as_text(np.tile(array, tuple(map(int, multiples))))


def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None) -> list[Text]:
    text = np.asarray(as_text(value))
    places = split(ops.arange(text.shape[axis], dtype="int32"), num_or_size_splits)
    return [as_text(np.take(text, np.asarray(part), axis)) for part in places]


def _slice(input_: Any, begin: Any, size: Any, name: Any = None) -> Text:
    text = np.asarray(as_text(input_))
    places = slice_of(ops.reshape(ops.arange(text.size, dtype="int32"), text.shape), begin, size)
    return as_text(text.ravel()[np.asarray(places)])


_HANDLERS: dict[str, Callable[..., Any]] = {
    "boolean_mask": _boolean_mask,
    "broadcast_to": _shaped(np.broadcast_to),
    "concat": lambda values, axis, name=None: as_text(np.concatenate(_texts(values), axis=int(axis))),
    "equal": _compared(True),
    "expand_dims": _shaped(np.expand_dims),
    "fill": lambda dims, value, name=None: as_text(np.full(tuple(map(int, dims)), as_text(value).item(), object)),
    "gather": _gather,
    "identity": lambda input, name=None: as_text(np.array(input)),
    "not_equal": _compared(False),
    "pad": _pad,
    "rank": lambda input, name=None: Extent(as_text(input).ndim),
    "repeat": lambda input, repeats, axis=None, name=None: as_text(np.repeat(as_text(input), repeats, axis)),
    "reshape": _shaped(lambda x, shape: np.reshape(x, tuple(map(int, np.atleast_1d(shape)))), "tensor"),
    "reverse": _shaped(lambda x, axis: np.flip(x, tuple(np.atleast_1d(axis))), "tensor"),
    "shape": lambda input, out_type=None, name=None: Extents(as_text(input).shape, out_type),
    "size": lambda input, out_type=None, name=None: Extent(as_text(input).size),
    "slice": _slice,
    "split": _split,
    "squeeze": _shaped(lambda x, axis=None: np.squeeze(x, None if axis is None else tuple(np.atleast_1d(axis)))),
    "stack": lambda values, axis=0, name=None: as_text(np.stack(_texts(values), axis=axis)),
    "tile": _tile,
    "transpose": _shaped(np.transpose, "a"),
    "unique": _unique,
    "unstack": _unstack,
    "where": _where,
    "zeros_like": lambda input, dtype=None, name=None: text_of([b""] * as_text(input).size, as_text(input).shape),
}


def _has(values: Iterable[Any]) -> bool:
    return any(
        isinstance(x, Text | Words | StringArray | str | bytes)
        or (isinstance(x, np.ndarray) and is_text(x))
        or (isinstance(x, list | tuple) and not any(isinstance(y, RaggedTensor) for y in x) and _has(x))
        for x in values
    )


def with_text(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that takes arrays of strings, too, if it is one of those that mean something for them."""
    if name not in _HANDLERS:
        return function
    handler = on_strings(_HANDLERS[name])

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        arrays = args if name in _OF_SEVERAL else args[:1]
        named = [value for key, value in kwargs.items() if key in _ARRAYS]
        return (handler if _has([*arrays, *named]) else function)(*args, **kwargs)

    return wrapper
