"""From what users pass to what primitives take: conversion, promotion of element types, explicit broadcasting.

Primitives want operands of one shape and one type. The ops promote and broadcast here, once, and in the open, so that
the graph shows every cast and every broadcast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn._wording import counted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import state
from pronghorn.engine.graph.dim import Dim, Extent, Shape, equal_extents, identical
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.tensor import Tensor, may_change, tensor_of

_INT32 = np.iinfo(np.int32)

_FLOATS = frozenset(map(dtypes.to_numpy, dtypes.FLOAT))
#: By the type of a Python number: the element types of arrays beside which it has the array's.
_TAKEN = {float: _FLOATS, int: _FLOATS | frozenset(map(dtypes.to_numpy, dtypes.INTEGER))}


# -- conversion -------------------------------------------------------------------------------------------------------
def convert(x: Any, dtype: str | None = None) -> Tensor:
    """``x`` as a Tensor, cast to ``dtype`` if it is given.

    Python numbers, and lists of them, become int32, the default float type or bool. Arrays of NumPy's default type
    float64 become the default float type; other arrays keep their type.
    """
    if isinstance(x, Tensor):
        return x if dtype is None or x.dtype == dtype else P.cast(x, dtype=dtype)
    as_tensor = getattr(x, "__pronghorn_tensor__", None)
    if as_tensor is not None:
        return convert(as_tensor(), dtype)
    if state.foreign is not None and (tensor := state.foreign(x)) is not None:
        return convert(tensor, dtype)
    if isinstance(x, Dim):  # a number when it runs
        extent = P.extent(dim=x)
        return extent if dtype in (None, "int32") else P.cast(extent, dtype=dtype)
    if isinstance(x, (list, tuple)) and _has_tensor(x):
        return _stack_nested(x, dtype)
    array = _to_array(x, dtype)
    if state.tapes and array is x and may_change(array) and not state.traces:
        array = array.copy()  # a tape wants it later, when its owner may have written into it
    return tensor_of(array)


def _to_array(x: Any, dtype: str | None) -> np.ndarray:
    kind = type(x)
    if kind is float:
        return dtypes.converted(np.asarray(x), dtype or config.floatx())
    if kind is bool:
        return np.asarray(x, dtypes.to_numpy(dtype or "bool"))
    if kind is int:
        return np.asarray(x).astype(dtypes.to_numpy(dtype or _int_type(x)))
    array = x if isinstance(x, np.ndarray) else _array_of(x)
    if dtype is not None:
        return dtypes.converted(array, dtype)
    if array.dtype == np.float64:
        return array.astype(dtypes.to_numpy(config.floatx()), copy=False)
    if array.dtype == np.complex128 and config.floatx() != "float64":
        return array.astype(np.complex64)
    if array.dtype == np.int64 and isinstance(x, (list, tuple)):
        small = array.size == 0 or (array.min() >= _INT32.min and array.max() <= _INT32.max)
        return array.astype(np.int32) if small else array
    return array


def _int_type(x: int) -> str:
    return "int32" if _INT32.min <= x <= _INT32.max else "int64"


def _array_of(x: Any) -> np.ndarray:
    if x is None:
        raise ValueError("None is no array: an op got None where it needs an array or a number.")
    x = without_framework(x)
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"A {type(x).__name__} whose parts differ in shape cannot become one array ({error}). Pad the parts to "
            "one length first, for example with pronghorn.utils.pad_sequences."
        ) from None
    if array.dtype.kind in "OUSVMm" and array.dtype not in dtypes._NAME:
        raise ValueError(
            f"{type(x).__name__} of NumPy type {array.dtype} cannot become an array: numbers or bools are needed. "
            "Turn texts and categories into integers first, for example with a StringLookup layer."
        )
    return array


def _has_tensor(nest: Iterable[Any]) -> bool:
    return any(
        isinstance(x, (Tensor, Dim))
        or hasattr(x, "__pronghorn_tensor__")
        or (isinstance(x, (list, tuple)) and _has_tensor(x))
        for x in nest
    )


def _stack_nested(parts: Sequence[Any], dtype: str | None) -> Tensor:
    tensors = [_stack_nested(p, None) if isinstance(p, (list, tuple)) and _has_tensor(p) else p for p in parts]
    common = dtype or result_dtype(*tensors)
    tensors = [convert(t, common) for t in tensors]
    tensors = [P.reshape(t, shape=(1, *t.shape)) for t in tensors]
    return P.concatenate(*tensors, axis=0)


# -- element types ----------------------------------------------------------------------------------------------------
def weak_name(x: Any) -> str:
    """The name under which ``x`` takes part in promotion: its type, or "int" and "float" for Python's numbers."""
    kind = type(x)
    if kind in (int, float):
        return kind.__name__
    if kind is bool:
        return "bool"
    if kind is Dim:
        return "int"
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        return convert(x).dtype
    if isinstance(dtype, str):
        return dtype
    name = dtypes.name_of(dtype)
    return config.floatx() if name == "float64" and isinstance(x, (np.ndarray, np.generic)) else name


def result_dtype(*xs: Any) -> str:
    """The type to which arrays and Python numbers promote together; 64 bits wide only if one of them is."""
    names = tuple(map(weak_name, xs))
    common = strong(dtypes.promote(*names))
    return "int32" if common == "int64" and not {"int64", "uint64"}.intersection(names) else common


def strong(name: str) -> str:
    """A weak name's own type: int32 for "int", the default float type for "float"."""
    return {"int": "int32", "float": config.floatx()}.get(name, name)


def float_dtype(*names: str) -> str:
    """The inexact type in which functions of these types are computed; integers and bools give the default type."""
    return strong(dtypes.promote(*(n if n not in ("int64", "uint64") else "int32" for n in names), "float"))


def to_float(x: Any) -> Tensor:
    """``x`` in its inexact type."""
    x = convert(x)
    dtype = x.dtype
    return x if dtypes.is_float(dtype) or dtype in dtypes.COMPLEX else P.cast(x, dtype=config.floatx())


def cast(x: Any, dtype: str) -> Tensor:
    """``x`` with elements of type ``dtype``; complex to real takes the real part."""
    if not isinstance(x, Tensor):
        x = convert(x, None if _is_complex(x) else dtype)  # at once: float64 must not go through float32
    if x.dtype == dtype:
        return x
    if x.dtype in dtypes.COMPLEX and dtype not in dtypes.COMPLEX:
        x = P.ne(x, zeros_like(x)) if dtype == "bool" else P.real(x)
        return x if x.dtype == dtype else P.cast(x, dtype=dtype)
    return P.cast(x, dtype=dtype)


class BadIndex(IndexError, ValueError):
    """An index that does not fit the array: an IndexError as in NumPy, and a ValueError as in Keras."""


def _is_complex(x: Any) -> bool:
    return str(getattr(x, "dtype", "")) in dtypes.COMPLEX


# -- shapes -----------------------------------------------------------------------------------------------------------
def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape to which all of ``shapes`` broadcast.

    Raises:
        ValueError: if they do not.
        SymbolicDimError: if that depends on extents that are not known yet.
    """
    rank = max(map(len, shapes))
    out: list[Extent] = []
    for axis in range(-rank, 0):
        extents = [s[axis] for s in shapes if len(s) >= -axis]
        extents = [e for e in extents if not (isinstance(e, int) and e == 1)] or [1]
        first = extents[0]
        for other in extents[1:]:
            if not equal_extents(first, other):
                raise ValueError(
                    f"Shapes {' and '.join(map(str, shapes))} cannot be broadcast together: counted from the end, "
                    f"extents must be equal or 1, and axis {axis} has {first} and {other}."
                )
        out.append(first)
    return tuple(out)


def broadcast_to(x: Tensor, shape: Shape) -> Tensor:
    """``x`` repeated to ``shape`` by NumPy's rule."""
    if identical(x.shape, shape):
        return x
    offset = len(shape) - len(x.shape)
    return P.broadcast_in_dim(x, shape=shape, dims=tuple(range(offset, len(shape))))


def broadcast(*xs: Tensor) -> list[Tensor]:
    """``xs`` in their common shape."""
    first = xs[0].shape
    if all(identical(x.shape, first) for x in xs[1:]):
        return list(xs)
    shape = broadcast_shapes(*(x.shape for x in xs))
    return [broadcast_to(x, shape) for x in xs]


def operands(*xs: Any, dtype: str | None = None) -> list[Tensor]:
    """``xs`` as Tensors of one type (their promoted type by default) and one shape."""
    if dtype is None and len(xs) == 2 and (alike := _alike(*xs)) is not None:
        return alike
    dtype = dtype or result_dtype(*xs)
    return broadcast(*(cast(x, dtype) for x in xs))


def _alike(x: Any, y: Any) -> list[Tensor] | None:
    """Two operands that need no promotion: arrays of one type and shape, or an array and a number that takes its type.

    None for all others, and while a function is traced, whose graph shows what becomes of a number.
    """
    if isinstance(x, Tensor) and type(x.data) is np.ndarray:
        array, other = x.data, y
    elif isinstance(y, Tensor) and type(y.data) is np.ndarray:
        array, other = y.data, x
    else:
        return None
    if isinstance(other, Tensor):
        same = type(other.data) is np.ndarray and other.data.dtype == array.dtype and other.data.shape == array.shape
        return [x, y] if same else None
    if state.traces or array.dtype not in _TAKEN.get(type(other), ()):
        return None
    filled = np.empty(array.shape, array.dtype)
    filled[...] = np.asarray(other).astype(array.dtype)
    return [x, tensor_of(filled)] if other is y else [tensor_of(filled), y]


def full(shape: Shape, value: Any, dtype: str) -> Tensor:
    """An array filled with the Python number ``value``."""
    scalar = tensor_of(np.asarray(value).astype(dtypes.to_numpy(dtype)))
    return P.broadcast_in_dim(scalar, shape=tuple(shape), dims=()) if len(shape) else scalar


def full_like(x: Tensor, value: Any) -> Tensor:
    """An array of ``x``'s shape and type filled with the Python number ``value``."""
    return full(x.shape, value, x.dtype)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of ``x``'s shape and type."""
    return full(x.shape, 0, x.dtype)


def polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """``c[0] + c[1] * x + c[2] * x**2 + ...`` by Horner's rule."""
    total = full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = P.add(P.mul(total, x), full_like(x, c))
    return total


def extent_scalar(extent: Extent, dtype: str) -> Any:
    """An extent as a number to compute with: a Python number, or a scalar Tensor where it is symbolic."""
    if isinstance(extent, Dim):
        return P.cast(P.extent(dim=extent), dtype=dtype)
    return extent


# -- axes -------------------------------------------------------------------------------------------------------------
def axis_of(axis: Any, rank: int, name: str = "axis") -> int:
    """A non-negative axis.

    Raises:
        ValueError: if it is outside of the array.
    """
    try:
        index = axis.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{name} must be one integer, got {axis!r} of type {type(axis).__name__}.") from None
    if not -rank <= index < rank:
        argument = "" if name == "axis" else f" (of the argument {name})"
        raise ValueError(
            f"axis {axis} is out of bounds{argument}: an array with {counted(rank, 'axis', 'axes')} has the axes "
            f"{-rank} to {rank - 1}."
        )
    return index % rank


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Non-negative axes, each once; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    if isinstance(axis, (list, tuple)):
        axes = tuple(axis_of(a, rank) for a in axis)
        if len(set(axes)) != len(axes):
            raise ValueError(f"axis={tuple(axis)} names an axis twice.")
        return axes
    return (axis_of(axis, rank),)


def keep_dims(x: Tensor, axes: Sequence[int], rank: int) -> Tensor:
    """Put back, with extent 1, the ``axes`` that a reduction took out of ``rank``."""
    rest = iter(x.shape)
    return P.reshape(x, shape=tuple(1 if i in axes else next(rest) for i in range(rank)))


def standardize_dtype(dtype: Any) -> str:
    """The name of an element type given as a name, a NumPy type or a Python type; the default float type for None."""
    if dtype is None:
        return config.floatx()
    if dtype is float:
        return config.floatx()
    return dtypes.name_of(getattr(dtype, "name", dtype) if not isinstance(dtype, (str, type)) else dtype)
