"""Sums, products, extrema and what is made of them along axes; cumulative sums and products."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import by_shapes
from pronghorn.ops._symbolic import symbolic_aware

Axis = int | Sequence[int] | None

_SUM_TYPES = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
"""Narrow integers are summed in 32 bits."""

LOW_PRECISION = ("bfloat16", "float16", *dtypes.FLOAT8)


def _reduce(prim: Any, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = B.axes_of(axis, x.ndim)
    out = prim(x, axes=axes)
    return B.keep_dims(out, axes, x.ndim) if keepdims else out


@by_shapes
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum along ``axis``, or of all elements.

    Args:
        x: the array. Bools and integers of 8 or 16 bits are summed in 32 bits.
        axis: an axis, several, or None for all.
        keepdims: whether the summed axes stay, with extent 1.

    >>> sum([[1, 2], [3, 4]], axis=0).numpy()
    array([4, 6], dtype=int32)
    """
    x = B.convert(x)
    return _reduce(P.reduce_sum, B.cast(x, _SUM_TYPES.get(x.dtype, x.dtype)), axis, keepdims)


@symbolic_aware
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product along ``axis``, or of all elements; computed in ``dtype`` if it is given.

    >>> prod([[1, 2], [3, 4]], axis=0).numpy()
    array([3, 8], dtype=int32)
    """
    x = B.convert(x)
    target = _SUM_TYPES.get(x.dtype, x.dtype) if dtype is None else B.standardize_dtype(dtype)
    return _reduce(P.reduce_prod, B.cast(x, target), axis, keepdims)


def count(x: Tensor, axes: Sequence[int]) -> Extent:
    """How many elements a reduction over ``axes`` takes together."""
    return product(tuple(x.shape[a] for a in axes))


def mean_of(x: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """The mean of floats over non-negative ``axes``, accumulated in float32 at least."""
    wide = P.cast(x, dtype="float32") if x.dtype in LOW_PRECISION else x
    total = P.reduce_sum(wide, axes=axes)
    number = B.convert(B.extent_scalar(count(x, axes), total.dtype), total.dtype)
    out = P.div(total, B.broadcast_to(number, total.shape))
    out = B.keep_dims(out, axes, x.ndim) if keepdims else out
    return B.cast(out, x.dtype)


@by_shapes
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean along ``axis``, or of all elements; integers give floats.

    >>> mean([1, 2, 4]).numpy()
    np.float32(2.3333333)
    """
    x = B.to_float(x)
    return mean_of(x, B.axes_of(axis, x.ndim), keepdims)


def variance_of(x: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """The variance of floats over non-negative ``axes``: the mean of the squared distances from the mean."""
    if x.dtype in LOW_PRECISION:
        return B.cast(variance_of(P.cast(x, dtype="float32"), axes, keepdims), x.dtype)
    apart = P.sub(x, B.broadcast_to(mean_of(x, axes, keepdims=True), x.shape))
    if x.dtype in dtypes.COMPLEX:
        size = P.abs(apart)
        return mean_of(P.mul(size, size), axes, keepdims)
    return mean_of(P.mul(apart, apart), axes, keepdims)


@by_shapes
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance along ``axis``, or of all elements: the mean of the squared distances from the mean.

    >>> float(var([1.0, 3.0]))
    1.0
    """
    x = B.to_float(x)
    return B.cast(variance_of(x, B.axes_of(axis, x.ndim), keepdims), x.dtype)


@by_shapes
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation along ``axis``, or of all elements.

    >>> float(std([1.0, 3.0]))
    1.0
    """
    x = B.to_float(x)
    return P.sqrt(variance_of(x, B.axes_of(axis, x.ndim), keepdims))


@by_shapes
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The greatest element along ``axis``, or of all; at least ``initial`` if it is given.

    >>> max([[1, 5], [3, 2]], axis=1).numpy()
    array([5, 3], dtype=int32)
    >>> int(max([1, 5], initial=7))
    7
    """
    return _extremum(P.reduce_max, P.max, "max", x, axis, keepdims, initial)


@symbolic_aware
def amax(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The same as `max`.

    >>> amax([[1, 5], [3, 2]], axis=0).numpy()
    array([3, 5], dtype=int32)
    """
    return _extremum(P.reduce_max, P.max, "amax", x, axis, keepdims, initial)


@by_shapes
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The least element along ``axis``, or of all; at most ``initial`` if it is given.

    >>> min([[1, 5], [3, 2]], axis=1).numpy()
    array([1, 2], dtype=int32)
    """
    return _extremum(P.reduce_min, P.min, "min", x, axis, keepdims, initial)


@symbolic_aware
def amin(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The same as `min`.

    >>> amin([[1, 5], [3, 2]], axis=0).numpy()
    array([1, 2], dtype=int32)
    """
    return _extremum(P.reduce_min, P.min, "amin", x, axis, keepdims, initial)


def _extremum(reduce: Any, pair: Any, name: str, x: Any, axis: Axis, keepdims: bool, initial: Any) -> Tensor:
    x = B.convert(x)
    axes = B.axes_of(axis, x.ndim)
    if builtins.any(x.shape[a] == 0 for a in axes):
        if initial is None:
            raise ValueError(f"{name}: an array of shape {x.shape} has no elements; pass initial=.")
        shape = tuple(1 if i in axes else d for i, d in enumerate(x.shape) if keepdims or i not in axes)
        return B.broadcast_to(B.cast(initial, x.dtype), shape)
    if x.dtype == "bool":
        out = _reduce(P.reduce_or if reduce is P.reduce_max else P.reduce_and, x, axis, keepdims)
    else:
        out = _reduce(reduce, x, axis, keepdims)
    return out if initial is None else pair(*B.broadcast(out, B.cast(initial, x.dtype)))


@symbolic_aware
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements along ``axis`` are true (not zero).

    >>> all([[True, False], [True, True]], axis=1).numpy()
    array([False,  True])
    """
    return _reduce(P.reduce_and, B.cast(x, "bool"), axis, keepdims)


@symbolic_aware
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether some element along ``axis`` is true (not zero).

    >>> any([[True, False], [False, False]], axis=1).numpy()
    array([ True, False])
    """
    return _reduce(P.reduce_or, B.cast(x, "bool"), axis, keepdims)


@symbolic_aware
def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many elements along ``axis`` are not zero, as int32.

    >>> count_nonzero([[0, 1], [2, 3]], axis=1).numpy()
    array([1, 2], dtype=int32)
    """
    return _reduce(P.reduce_sum, P.cast(B.cast(x, "bool"), dtype="int32"), axis, False)


@symbolic_aware
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest minus the least element along ``axis``.

    >>> ptp([[1, 5], [3, 2]], axis=1).numpy()
    array([4, 1], dtype=int32)
    """
    x = B.convert(x)
    if x.dtype == "bool":
        raise TypeError("ptp: bools cannot be subtracted; cast them first.")
    return P.sub(_reduce(P.reduce_max, x, axis, keepdims), _reduce(P.reduce_min, x, axis, keepdims))


@symbolic_aware
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the greatest element along ``axis``, or in the flattened array, as int32; the first of equals.

    >>> argmax([1, 5, 5]).numpy()
    np.int32(1)
    """
    return _arg(P.argmax, x, axis, keepdims)


@symbolic_aware
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the least element along ``axis``, or in the flattened array, as int32; the first of equals.

    >>> argmin([[3, 1], [2, 4]], axis=1).numpy()
    array([1, 0], dtype=int32)
    """
    return _arg(P.argmin, x, axis, keepdims)


def _arg(prim: Any, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = B.convert(x)
    if x.dtype == "bool":
        x = P.cast(x, dtype="uint8")
    rank = x.ndim
    if axis is None:
        out = prim(P.reshape(x, shape=(x.size,)), axis=0)
        return P.reshape(out, shape=(1,) * rank) if keepdims else out
    axis = B.axis_of(axis, rank)
    out = prim(x, axis=axis)
    return B.keep_dims(out, (axis,), rank) if keepdims else out


# -- cumulative -------------------------------------------------------------------------------------------------------
@symbolic_aware
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Cumulative sums along ``axis``, or over the flattened array.

    >>> cumsum([1, 2, 3]).numpy()
    array([1, 3, 6], dtype=int32)
    """
    return _cumulate(P.cumsum, x, axis, dtype)


@symbolic_aware
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Cumulative products along ``axis``, or over the flattened array.

    >>> cumprod([1, 2, 3, 4]).numpy()
    array([ 1,  2,  6, 24], dtype=int32)
    """
    return _cumulate(P.cumprod, x, axis, dtype)


def _cumulate(prim: Any, x: Any, axis: int | None, dtype: Any) -> Tensor:
    x = B.convert(x)
    target = x.dtype if dtype is None else B.standardize_dtype(dtype)
    x = B.cast(x, "int32" if target == "bool" else target)
    if isinstance(axis, (tuple, list)) and len(axis) == 1:
        axis = axis[0]
    if axis is None:
        x, axis = P.reshape(x, shape=(x.size,)), 0
    return prim(x, axis=B.axis_of(axis, x.ndim), reverse=False)


# -- leaving NaN out --------------------------------------------------------------------------------------------------
def replace_nan(x: Tensor, value: float) -> Tensor:
    """``x`` with a number in the place of NaN."""
    if not (dtypes.is_float(x.dtype) or x.dtype in dtypes.COMPLEX):
        return x
    return P.select(P.ne(x, x), B.full_like(x, value), x)


def _numbers(x: Tensor, dtype: str) -> Tensor:
    """1 where ``x`` is a number and 0 where it is NaN."""
    return P.cast(P.eq(x, x), dtype=dtype)


@symbolic_aware
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum along ``axis`` of what is not NaN.

    >>> float(nansum([1.0, float("nan"), 3.0]))
    4.0
    """
    return sum(replace_nan(B.convert(x), 0), axis, keepdims)


@symbolic_aware
def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product along ``axis`` of what is not NaN.

    >>> float(nanprod([2.0, float("nan"), 3.0]))
    6.0
    """
    return prod(replace_nan(B.convert(x), 1), axis, keepdims)


@symbolic_aware
def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest along ``axis`` of what is not NaN; NaN where nothing else is.

    >>> float(nanmax([1.0, float("nan"), 3.0]))
    3.0
    """
    x = B.convert(x)
    return _nan_if_all(x, max(replace_nan(x, -np.inf), axis, keepdims), axis, keepdims)


@symbolic_aware
def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The least along ``axis`` of what is not NaN; NaN where nothing else is.

    >>> float(nanmin([1.0, float("nan"), 3.0]))
    1.0
    """
    x = B.convert(x)
    return _nan_if_all(x, min(replace_nan(x, np.inf), axis, keepdims), axis, keepdims)


def _nan_if_all(x: Tensor, out: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if not dtypes.is_float(x.dtype):
        return out
    return P.select(_reduce(P.reduce_and, P.ne(x, x), axis, keepdims), B.full_like(out, np.nan), out)


@symbolic_aware
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean along ``axis`` of what is not NaN.

    >>> nanmean([1.0, float("nan"), 3.0]).numpy()
    np.float32(2.0)
    """
    x = B.to_float(x)
    return P.div(sum(replace_nan(x, 0), axis, keepdims), sum(_numbers(x, x.dtype), axis, keepdims))


@symbolic_aware
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance along ``axis`` of what is not NaN.

    >>> float(nanvar([1.0, float("nan"), 3.0]))
    1.0
    """
    x = B.to_float(x)
    axes = B.axes_of(axis, x.ndim)
    apart = P.sub(x, B.broadcast_to(nanmean(x, axes, keepdims=True), x.shape))
    if x.dtype in dtypes.COMPLEX:
        apart = P.abs(apart)
    squares = P.mul(apart, apart)
    total = sum(P.select(P.ne(x, x), B.zeros_like(squares), squares), axes, keepdims)
    return P.div(total, sum(_numbers(x, total.dtype), axes, keepdims))


@symbolic_aware
def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation along ``axis`` of what is not NaN.

    >>> float(nanstd([1.0, float("nan"), 3.0]))
    1.0
    """
    return P.sqrt(nanvar(x, axis, keepdims))


@symbolic_aware
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the greatest along ``axis`` of what is not NaN; -1 where nothing else is.

    >>> int(nanargmax([1.0, float("nan"), 3.0]))
    2
    """
    return _nanarg(argmax, -np.inf, x, axis, keepdims)


@symbolic_aware
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the least along ``axis`` of what is not NaN; -1 where nothing else is.

    >>> int(nanargmin([1.0, float("nan"), 3.0]))
    0
    """
    return _nanarg(argmin, np.inf, x, axis, keepdims)


def _nanarg(arg: Any, value: float, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = B.convert(x)
    out = arg(replace_nan(x, value), axis, keepdims)
    if not dtypes.is_float(x.dtype):
        return out
    return P.select(_reduce(P.reduce_and, P.ne(x, x), axis, keepdims), B.full_like(out, -1), out)


@symbolic_aware
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Cumulative sums along ``axis``; a NaN counts as 0.

    >>> nancumsum([2.0, float("nan"), 3.0]).numpy()
    array([2., 2., 5.], dtype=float32)
    """
    return _cumulate(P.cumsum, replace_nan(B.convert(x), 0), axis, dtype)


@symbolic_aware
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Cumulative products along ``axis``; a NaN counts as 1.

    >>> nancumprod([2.0, float("nan"), 3.0]).numpy()
    array([2., 2., 6.], dtype=float32)
    """
    return _cumulate(P.cumprod, replace_nan(B.convert(x), 1), axis, dtype)
