"""Ops that are about arrays as such: conversion, casts, shapes, slices that start anywhere, scatter.

Control flow (`cond`, `scan`, ...) is in `pronghorn.ops.control`.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.engine import engine
from pronghorn.engine.backends.foreign_calls import engine_of, gives_ours, is_of_chosen_engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape, comparable, identical, product
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import converting
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.symbolic.describing import is_described, unknown_extent
from pronghorn.symbolic.keras_tensor import is_keras_tensor

_MODES = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "mul"}


@converting
@gives_ours
def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Tensor:
    """``x`` as a Tensor.

    NumPy's arrays are copied, since their owner may write into them again. Of another library's array with values it is
    made too, with no copy where the memory can be shared. An array of the library that is the engine, and one that its
    library traces or differentiates, stays an array of that library.

    Args:
        x: an array, a number, a Variable, or a nest of lists of these.
        dtype: element type of the result. By default Python numbers become int32, the default float type or bool,
            NumPy's float64 becomes the default float type, and everything else keeps its type.
        sparse: accepted as in Keras; the result is a dense array.
        ragged: whether a `data.RaggedTensor` stays one; with False it becomes an array, padded with zeros.

    Raises:
        ValueError: for what is no array of numbers.

    >>> convert_to_tensor([1, 2]).dtype
    'int32'
    """
    if _is_rows(x):
        x = _rows(x, dtype, ragged)
        if _is_rows(x):
            return x
    return B.convert(x) if dtype is None else B.cast(x, B.standardize_dtype(dtype))


def _is_rows(x: Any) -> bool:
    """Whether this is rows of different lengths, ours or another library's."""
    return hasattr(x, "ragged_rank") and hasattr(x, "row_lengths")


def _rows(x: Any, dtype: Any, ragged: bool | None) -> Any:
    """Rows of different lengths, of a type, or as an array."""
    if ragged is False:
        return x.to_tensor()
    if dtype is None or not hasattr(x, "mapped"):
        return x
    return x.mapped(lambda values: B.cast(values, B.standardize_dtype(dtype)))


def convert_to_numpy(x: Any) -> np.ndarray:
    """``x`` as a NumPy array.

    Raises:
        ValueError: for a symbolic tensor, which has no values.

    >>> convert_to_numpy(convert_to_tensor([1.0, 2.0]))
    array([1., 2.], dtype=float32)
    """
    if type(x) is np.ndarray:
        return x
    if is_keras_tensor(x):
        return np.asarray(x)  # says why not
    return np.asarray(B.convert(x.to_tensor() if _is_rows(x) else x).numpy())  # which is a copy


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a Tensor of Pronghorn, or of the library whose engine is chosen.

    >>> is_tensor(convert_to_tensor(1.0)), is_tensor(1.0)
    (True, False)
    """
    return isinstance(x, Tensor) or is_of_chosen_engine(x)


@symbolic_aware
def cast(x: Any, dtype: Any) -> Tensor:
    """``x`` with elements of another type.

    >>> cast([0.5, 1.5], "int32").numpy()
    array([0, 1], dtype=int32)
    """
    return B.cast(x, B.standardize_dtype(dtype))


@symbolic_aware
def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """``x`` with elements of another type; what does not fit becomes the type's nearest value.

    >>> saturate_cast([-5.0, 300.0], "uint8").numpy()
    array([  0, 255], dtype=uint8)
    """
    x, target = B.convert(x), B.standardize_dtype(dtype)
    if x.dtype == "bool" or target in dtypes.COMPLEX or x.dtype in dtypes.COMPLEX:
        return B.cast(x, target)
    low, high = dtypes.limits(target)
    own_low, own_high = dtypes.limits(x.dtype)
    if low > own_low:
        x = P.max(x, B.full_like(x, _representable(low, x.dtype)))
    if high < own_high:
        x = P.min(x, B.full_like(x, _representable(high, x.dtype)))
    return B.cast(x, target)


def _representable(limit: float, dtype: str) -> Any:
    """``limit``, rounded towards zero to a value of the type."""
    if dtypes.is_integer(dtype):
        return int(limit)
    numpy_type = dtypes.to_numpy(dtype)
    value = np.asarray(limit).astype(numpy_type)
    if abs(float(value)) > abs(limit):
        value = np.nextafter(value.astype(np.float64) if numpy_type.itemsize < 4 else value, 0).astype(numpy_type)
    return value


def dtype(x: Any) -> str:
    """The name of the element type of ``x``.

    >>> dtype([1.0])
    'float32'
    """
    own = getattr(x, "dtype", None)
    if isinstance(own, str):
        return own
    engine_name = engine_of([x])  # an array of another library says it, also where it has no values yet
    return B.convert(x).dtype if engine_name is None else engine(engine_name).dtype_of(x)


def shape(x: Any) -> Shape:
    """The shape of ``x``: a tuple of numbers; an extent that is not known yet is a symbolic extent, or None.

    >>> shape([[1, 2, 3]])
    (1, 3)
    """
    own = getattr(x, "shape", None)
    return tuple(own) if own is not None else B.convert(x).shape


@symbolic_aware
def slice(inputs: Any, start_indices: Any, shape: Sequence[Any]) -> Tensor:
    """The part of ``inputs`` of shape ``shape`` that starts at ``start_indices``, which may be computed values.

    A negative start counts from the end; one from which the part would reach beyond the end is moved back.

    >>> slice([1, 2, 3, 4], [1], [2]).numpy()
    array([2, 3], dtype=int32)
    """
    x = B.convert(inputs)
    starts, target = _starts(start_indices, x.ndim, "slice"), _target_shape(shape)
    if len(target) != x.ndim:
        raise ValueError(
            f"slice: dimensions in `inputs` must match those of the result, dimensions in `shape`: inputs of shape "
            f"{x.shape} have {x.ndim}, shape={target} has {len(target)}."
        )
    sizes = _to_the_end(x.shape, starts, target)
    if all(isinstance(s, int) for s in starts):
        start = tuple(_moved_back(*a) for a in zip(starts, sizes, x.shape))
        limit = tuple(s + k for s, k in zip(start, sizes))
        return P.slice(x, start=start, limit=limit, stride=(1,) * x.ndim)
    return P.dynamic_slice(x, *map(_index_scalar, starts, x.shape), sizes=sizes)


@symbolic_aware
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A copy of ``inputs`` in which the part that starts at ``start_indices`` is ``updates``.

    >>> slice_update([1, 2, 3, 4], [1], [8, 9]).numpy()
    array([1, 8, 9, 4], dtype=int32)
    """
    x = B.convert(inputs)
    updates = B.cast(updates, x.dtype)
    starts = _starts(start_indices, x.ndim, "slice_update")
    return P.dynamic_update_slice(x, updates, *map(_index_scalar, starts, x.shape))


def _moved_back(start: Extent, size: Extent, extent: Extent) -> Extent:
    """Where a part begins that would reach beyond the end of its axis from ``start``, or is as long as it."""
    if identical(start, 0) and identical(size, extent):
        return 0
    if not comparable(start, size, extent):  # nobody will run it
        return extent - size
    if size > extent:
        raise ValueError(f"slice: a part of {size} is larger than its axis of {extent}.")
    start = max(start + extent if start < 0 else start, 0)
    return start if start + size <= extent else extent - size


def _to_the_end(extents: Shape, starts: Sequence[Any], sizes: Shape) -> Shape:
    """Sizes in which -1 means: all that comes after the start."""
    out = []
    for n, start, size in zip(extents, starts, sizes):
        if isinstance(size, int) and size == -1:
            if is_described(start):
                out.append(unknown_extent())
                continue
            if isinstance(start, Tensor):
                raise ValueError("slice: an extent of -1 needs a start that is known while a function is traced.")
            size = n - start
        out.append(size)
    return tuple(out)


def _starts(indices: Any, rank: int, name: str) -> list[Any]:
    """One start an axis: a Python number where it is known, else an int32 scalar."""
    if isinstance(indices, (list, tuple)):
        starts = [_known_scalar(i) for i in indices]
    else:
        indices = B.convert(indices)
        if not indices.is_traced:
            starts = [int(i) for i in indices.numpy().reshape(-1)]
        else:
            starts = [P.reshape(_row(indices, i), shape=()) for i in range(int(indices.shape[0]))]
    if len(starts) != rank:
        raise ValueError(
            f"{name}: an array with {rank} axes needs {rank} numbers in `start_indices`, one for each axis; got "
            f"{len(starts)}."
        )
    return starts


def _row(x: Tensor, i: int) -> Tensor:
    return P.slice(x, start=(i,), limit=(i + 1,), stride=(1,))


def _known_scalar(i: Any) -> Any:
    if isinstance(i, int):
        return i
    tensor = B.convert(i)
    return tensor if tensor.is_traced else int(tensor.numpy())


def _index_scalar(i: Any, extent: Extent) -> Tensor:
    """A start as an int32 scalar, counted from the end where it is negative."""
    return wrap_index(B.cast(P.reshape(B.convert(i), shape=()), "int32"), extent)


def _target_shape(shape: Any) -> Shape:
    if isinstance(shape, Tensor):
        return tuple(int(n) for n in shape.numpy().reshape(-1))
    return tuple(n if not isinstance(n, (Tensor, np.generic)) else int(n) for n in shape)


@symbolic_aware
def scatter(indices: Any, values: Any, shape: Sequence[Any]) -> Tensor:
    """Zeros of shape ``shape`` to which ``values`` are added at ``indices``.

    Args:
        indices: ``[n..., k]``; each row points at an element, or a part, by its first ``k`` coordinates.
        values: ``[n..., *shape[k:]]``.
        shape: the result's shape.

    >>> scatter([[0], [2]], [1, 5], (4,)).numpy()
    array([1, 0, 5, 0], dtype=int32)
    """
    values = B.convert(values)
    return _scatter(B.full(_target_shape(shape), 0, values.dtype), indices, values, "add")


@symbolic_aware
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A copy of ``inputs`` with the elements at ``indices`` replaced by, or combined with, ``updates``.

    Args:
        inputs: the array.
        indices: ``[n..., k]``, see `scatter`.
        updates: ``[n..., *inputs.shape[k:]]``.
        reduction: None (replace), "add", "max", "min" or "mul".

    >>> scatter_update([1, 1, 1], [[1]], [7]).numpy()
    array([1, 7, 1], dtype=int32)
    """
    if reduction not in _MODES:
        known = ", ".join(map(repr, _MODES))
        raise ValueError(f"scatter_update: reduction={reduction!r}; it must be one of {known}.")
    x = B.convert(inputs)
    return _scatter(x, indices, B.cast(updates, x.dtype), _MODES[reduction])


def _scatter(x: Tensor, indices: Any, updates: Tensor, mode: str) -> Tensor:
    """Scatter along the first axes as one along axis 0 of the array with these axes made one."""
    indices = B.convert(indices)
    depth = int(indices.shape[-1])
    leading, rest = x.shape[:depth], x.shape[depth:]
    flat = P.reshape(x, shape=(product(leading), *rest))
    coordinates = [_coordinate(indices, i) for i in range(depth)]
    rows = _none_outside(linear_index(coordinates, leading), coordinates, leading)
    updates = B.broadcast_to(updates, (*rows.shape, *rest))
    rows, updates = _one_axis(rows, updates, rest)
    return P.reshape(P.scatter(flat, rows, updates, mode=mode), shape=x.shape)


def _none_outside(rows: Tensor, coordinates: Sequence[Tensor], extents: Shape) -> Tensor:
    """Places, and -1, which counts for nothing, for points outside along an axis behind the first."""
    for coordinate, extent in zip(coordinates[1:], extents[1:]):
        place = wrap_index(coordinate, extent)
        outside = P.or_(P.lt(place, B.zeros_like(place)), P.ge(place, extent_like(extent, place)))
        rows = P.select(outside, P.sub(B.zeros_like(rows), B.full_like(rows, 1)), rows)
    return rows


def _one_axis(rows: Tensor, updates: Tensor, rest: Shape) -> tuple[Tensor, Tensor]:
    count = product(rows.shape)
    return P.reshape(rows, shape=(count,)), P.reshape(updates, shape=(count, *rest))


def _coordinate(indices: Tensor, i: int) -> Tensor:
    rank = indices.ndim
    part = P.slice(
        indices,
        start=(0,) * (rank - 1) + (i,),
        limit=(*indices.shape[:-1], i + 1),
        stride=(1,) * rank,
    )
    return P.reshape(part, shape=indices.shape[:-1])


def linear_index(coordinates: Sequence[Tensor], extents: Shape) -> Tensor:
    """The position in a flattened array of each point given by its coordinates; negative ones count from the end."""
    if not coordinates:
        return B.full((), 0, "int32")
    total = wrap_index(coordinates[0], extents[0])
    for coordinate, extent in zip(coordinates[1:], extents[1:]):
        total = P.add(P.mul(total, extent_like(extent, total)), B.cast(wrap_index(coordinate, extent), total.dtype))
    return total


def wrap_index(index: Tensor, extent: Any) -> Tensor:
    """Indices with the negative ones counted from the end; of less than 32 bits, which extents outgrow, as int32."""
    if index.dtype == "bool" or dtypes.is_float(index.dtype):
        raise ValueError(f"Indices must be integers, got an array of {index.dtype}.")
    if dtypes.itemsize(index.dtype) < 4:
        index = P.cast(index, dtype="int32")
    if not index.is_traced and isinstance(extent, builtins.int):
        array = index.numpy()
        if array.size == 0 or array.min() >= 0:
            return index
    if index.dtype in dtypes.UNSIGNED:
        return index
    return P.select(P.lt(index, B.zeros_like(index)), P.add(index, extent_like(extent, index)), index)


def extent_like(extent: Any, index: Tensor) -> Tensor:
    """An extent in the type and shape of indices."""
    return B.broadcast_to(B.convert(B.extent_scalar(extent, index.dtype), index.dtype), index.shape)


@symbolic_aware
def stop_gradient(variable: Any) -> Tensor:
    """``variable`` as a constant: no gradient flows through it.

    >>> stop_gradient([1.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    return P.stop_gradient(B.convert(variable))


@symbolic_aware
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices of ``x`` along ``axis``, as a list.

    Args:
        x: an array.
        num: how many slices there are: needed only where the extent of the axis is not known.
        axis: the axis, which the slices do not have.

    Raises:
        ValueError: if ``num`` is not the extent of the axis, or if neither is known.

    >>> [t.tolist() for t in unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    x = B.convert(x)
    axis = B.axis_of(axis, x.ndim)
    extent = x.shape[axis]
    if num is None and not isinstance(extent, builtins.int):
        raise ValueError(
            f"unstack: the extent of axis {axis} of {x.shape} is not known; pass it as the argument `num`."
        )
    if num is not None and (num < 0 or (isinstance(extent, builtins.int) and num != extent)):
        raise ValueError(
            f"unstack: num={num!r} is not the extent of axis {axis} of an array of shape {x.shape}, which is {extent}. "
            "Leave `num` out, or pass that extent."
        )
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    parts = []
    for i in range(builtins.int(extent) if num is None else num):
        start = tuple(i if a == axis else 0 for a in range(x.ndim))
        limit = tuple(i + 1 if a == axis else n for a, n in enumerate(x.shape))
        parts.append(P.reshape(P.slice(x, start=start, limit=limit, stride=(1,) * x.ndim), shape=rest))
    return parts
