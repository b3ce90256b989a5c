"""How TensorFlow writes its tensors, shapes and types, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.data.element import Array, Text, Words, give_strings_as
from pronghorn.data.element_types import DType, dtype_name
from pronghorn.data.tensor_spec import TensorShape, TensorSpec, UnknownShape
from pronghorn.engine.graph.tensor import Tensor
from pronghorn_tensorflow.arrays.tensor import TensorFlowTensor


def shown_value(x: Any) -> str:
    """Return what TensorFlow writes after `numpy=`: an array of several lines begins on a line of its own.

    >>> shown_value(Tensor(np.float32(1.5))), shown_value(Tensor(np.arange(2)))
    ('1.5', 'array([0, 1])')
    """
    return _below(repr(_plain(x)))


def _below(text: str) -> str:
    return f"\n{text}" if "\n" in text else text


def shown_tensor(x: Any) -> str:
    """Return what `print` writes of a tensor in TensorFlow.

    >>> shown_tensor(Tensor(np.array([1, 2], "int32")))
    'tf.Tensor([1 2], shape=(2,), dtype=int32)'
    """
    if _is_traced(x):
        return f'Tensor("traced:0", {_kind(x)})'
    text = str(_values(x))
    return f"tf.Tensor({_below(text)}, {_kind(x)})"


def _kind(x: Any) -> str:
    return f"shape={_extents(x)}, dtype={_type(x)}"


def _extents(x: Any) -> tuple[int | None, ...]:
    return tuple(extent if isinstance(extent, int) else None for extent in x.shape)


def _type(x: Any) -> str:
    return "string" if isinstance(x, Text) else dtype_name(x.dtype)


def _is_traced(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_traced


def _values(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor | Text) else np.asarray(x)


def _plain(x: Any) -> Any:
    """An array, or Python's number for one without axes."""
    value = _values(x)
    return value.item() if isinstance(value, np.ndarray | np.generic) and not value.ndim else value


def _repr(x: Any) -> str:
    if _is_traced(x):
        return f"<tf.Tensor 'traced:0' shape={_extents(x)} dtype={_type(x)}>"
    return f"<tf.Tensor: {_kind(x)}, numpy={shown_value(x)}>"


def _format(x: Any, spec: str) -> str:
    if _is_traced(x):
        return format(shown_tensor(x), spec)
    return format(_plain(x), spec)


def _shape_repr(shape: Any) -> str:
    return "TensorShape(None)" if isinstance(shape, UnknownShape) else f"TensorShape({list(shape)})"


def shown_shape(shape: Any) -> str:
    """Return a shape as TensorFlow prints it.

    >>> shown_shape(TensorShape([None, 2])), shown_shape(TensorShape(None))
    ('(None, 2)', '<unknown>')
    """
    return "<unknown>" if isinstance(shape, UnknownShape) else tuple.__repr__(shape)


def _spec_repr(spec: Any) -> str:
    shape = "<unknown>" if spec.shape is None else shown_shape(spec.shape)
    return f"TensorSpec(shape={shape}, dtype=tf.{dtype_name(spec.dtype)}, name={spec.name!r})"


_OF_TENSORS = {"__repr__": _repr, "__str__": shown_tensor, "__format__": _format}
_OF_SHAPES = {"__repr__": _shape_repr, "__str__": shown_shape}

#: What each class writes with, as long as a script has the stand-in.
_WRITING: dict[type, dict[str, Any]] = {
    TensorFlowTensor: _OF_TENSORS,
    Array: _OF_TENSORS,
    Text: _OF_TENSORS,
    TensorShape: _OF_SHAPES,
    UnknownShape: _OF_SHAPES,
    TensorSpec: {"__repr__": _spec_repr},
    DType: {
        "__repr__": lambda dtype: f"tf.{dtype_name(dtype)}",
        "__str__": lambda dtype: f"<dtype: {dtype_name(dtype)!r}>",
    },
}
_before: dict[type, dict[str, Any]] = {}


def write_as_tensorflow() -> None:
    """Have tensors, shapes and types be written as TensorFlow does, and strings of layers be bytes, from now on."""
    give_strings_as(Text)
    for kind, methods in _WRITING.items():
        _before.setdefault(kind, {name: vars(kind)[name] for name in methods if name in vars(kind)})
        for name, method in methods.items():
            setattr(kind, name, method)


def write_as_before() -> None:
    """Have them be written as without the stand-in."""
    give_strings_as(Words)
    for kind, methods in _before.items():
        for name in _WRITING[kind]:
            if name in methods:
                setattr(kind, name, methods[name])
            else:
                delattr(kind, name)
    _before.clear()
