"""Arrays from numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.engine.backends.foreign_calls import gives_ours
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.shaping import UNKNOWN_EXTENT, known_extents, moveaxis, reshape


@symbolic_aware
@gives_ours
def array(x: Any, dtype: Any = None) -> Tensor:
    """``x`` as a Tensor; see `convert_to_tensor`.

    >>> array([1, 2]).numpy()
    array([1, 2], dtype=int32)
    """
    return B.convert(x) if dtype is None else B.cast(x, B.standardize_dtype(dtype))


@symbolic_aware
def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros, in the default float type unless ``dtype`` says otherwise.

    >>> zeros((2,)).numpy()
    array([0., 0.], dtype=float32)
    """
    return B.full(known_extents(shape, "zeros"), 0, B.standardize_dtype(dtype))


@symbolic_aware
def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones, in the default float type unless ``dtype`` says otherwise.

    >>> ones((2, 2)).numpy()
    array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    return B.full(known_extents(shape, "ones"), 1, B.standardize_dtype(dtype))


@symbolic_aware
def empty(shape: Any, dtype: Any = None) -> Tensor:
    """An array whose values do not matter; they are zeros.

    >>> empty((2, 3)).shape
    (2, 3)
    """
    return B.full(known_extents(shape, "empty"), 0, B.standardize_dtype(dtype))


@symbolic_aware
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """An array filled with a value, which is broadcast to ``shape``.

    >>> full((2, 2), 7).numpy()
    array([[7., 7.],
           [7., 7.]], dtype=float32)
    """
    value = B.cast(fill_value, config.floatx() if dtype is None else B.standardize_dtype(dtype))
    return B.broadcast_to(value, known_extents(shape, "full"))


@symbolic_aware
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape of ``x``, and of its type unless ``dtype`` says otherwise.

    >>> zeros_like([1, 2]).numpy()
    array([0, 0], dtype=int32)
    """
    return _like(x, 0, dtype)


@symbolic_aware
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape of ``x``, and of its type unless ``dtype`` says otherwise.

    >>> ones_like([1, 2]).numpy()
    array([1, 1], dtype=int32)
    """
    return _like(x, 1, dtype)


@symbolic_aware
def empty_like(x: Any, dtype: Any = None) -> Tensor:
    """An array of the shape of ``x`` whose values do not matter; they are zeros.

    >>> empty_like([[1, 2, 3]]).shape
    (1, 3)
    """
    return _like(x, 0, dtype)


def _like(x: Any, value: int, dtype: Any) -> Tensor:
    x = B.convert(x)
    return B.full(x.shape, value, x.dtype if dtype is None else B.standardize_dtype(dtype))


@symbolic_aware
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """An array of the shape of ``x`` filled with a value.

    >>> full_like([[1, 2]], 7).numpy()
    array([[7, 7]], dtype=int32)
    """
    x = B.convert(x)
    return B.broadcast_to(B.cast(fill_value, x.dtype if dtype is None else B.standardize_dtype(dtype)), x.shape)


def _check_known(op: str, name: str, value: Any) -> None:
    if value is None:
        raise ValueError(f"{op}: {name} must be a number, got None. {UNKNOWN_EXTENT}")


def _concrete(x: Any) -> Any:
    """A number given as a scalar array, as a Python number."""
    return x.item() if isinstance(x, (np.generic, np.ndarray, Tensor)) or hasattr(x, "eager_value") else x


@symbolic_aware
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from ``start`` up to, but without, ``stop``; from 0 up to ``start`` if that is all that is given.

    >>> arange(3).numpy()
    array([0, 1, 2], dtype=int32)
    """
    _check_known("arange", "start", start)
    given = [v for v in (start, stop, step) if v is not None]
    target = B.standardize_dtype(dtype) if dtype is not None else _arange_dtype(given)
    if any(isinstance(v, Dim) for v in given):
        return _symbolic_range(start, stop, step, target)
    if stop is None:
        start, stop = 0, start
    start, stop, step = (_concrete(v) for v in (start, stop, 1 if step is None else step))
    if step == 0:
        raise ValueError("arange: step must not be 0.")
    length = max(0, math.ceil((stop - start) / step))
    values = np.asarray(start) + np.arange(length) * np.asarray(step)
    return tensor_of(values.astype(dtypes.to_numpy(target)))


def _arange_dtype(given: list[Any]) -> str:
    names = [B.weak_name(v) if not isinstance(v, Dim) else "int" for v in given]
    return B.strong(dtypes.promote(*names))


def _symbolic_range(start: Any, stop: Any, step: Any, dtype: str) -> Tensor:
    """A range whose ends are symbolic extents."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if not isinstance(step, int) or step < 1:
        raise ValueError(f"arange: between symbolic extents the step must be a positive integer, got {step!r}.")
    length = -((start - stop) // step)
    out = P.iota(shape=(length,), dtype=dtype, axis=0)
    if step != 1:
        out = P.mul(out, B.full_like(out, step))
    offset = B.convert(B.extent_scalar(start, dtype), dtype)
    return P.add(out, B.broadcast_to(offset, out.shape))


@symbolic_aware
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the ``k``-th diagonal of an ``[N, M]`` array of zeros.

    >>> eye(2).numpy()
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return B.cast(_diagonal_test(P.eq, N, M, k), B.standardize_dtype(dtype))


@symbolic_aware
def identity(n: Any, dtype: Any = None) -> Tensor:
    """The ``[n, n]`` identity matrix.

    >>> identity(2).numpy()
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return B.cast(_diagonal_test(P.eq, n, n, 0), B.standardize_dtype(dtype))


@symbolic_aware
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones at and below the ``k``-th diagonal of an ``[N, M]`` array of zeros.

    >>> tri(3).numpy()
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]], dtype=float32)
    """
    return B.cast(_diagonal_test(P.ge, N, M, k), B.standardize_dtype(dtype))


def _diagonal_test(compare: Any, rows: Any, columns: Any, k: Any) -> Tensor:
    """``compare(row + k, column)`` at each place of a matrix."""
    _check_known("A matrix", "N", rows)
    for name, value in (("N", rows), ("M", columns)):
        if isinstance(value, float) or dtypes.is_float(getattr(value, "dtype", "int32")):
            raise TypeError(f"{name} must be an integer, got {value!r}.")
    rows = rows if isinstance(rows, Dim) else int(rows)
    columns = rows if columns is None else columns if isinstance(columns, Dim) else int(columns)
    shape = (rows, columns)
    row = P.iota(shape=shape, dtype="int32", axis=0)
    row = P.add(row, B.broadcast_to(B.cast(k, "int32"), shape)) if isinstance(k, Tensor) or k != 0 else row
    return compare(row, P.iota(shape=shape, dtype="int32", axis=1))


@symbolic_aware
def tril(x: Any, k: int = 0) -> Tensor:
    """``x`` with zeros above the ``k``-th diagonal of its last two axes.

    >>> tril([[1, 2], [3, 4]]).numpy()
    array([[1, 0],
           [3, 4]], dtype=int32)
    """
    x = _matrix(x, "tril")
    return P.select(B.broadcast_to(_diagonal_test(P.ge, *x.shape[-2:], k), x.shape), x, B.zeros_like(x))


@symbolic_aware
def triu(x: Any, k: int = 0) -> Tensor:
    """``x`` with zeros below the ``k``-th diagonal of its last two axes.

    >>> triu([[1, 2], [3, 4]]).numpy()
    array([[1, 2],
           [0, 4]], dtype=int32)
    """
    x = _matrix(x, "triu")
    return P.select(B.broadcast_to(_diagonal_test(P.le, *x.shape[-2:], k), x.shape), x, B.zeros_like(x))


def _matrix(x: Any, name: str) -> Tensor:
    x = B.convert(x)
    if x.ndim < 2:
        raise ValueError(f"{name}: an array with two axes or more is needed, got shape {x.shape}.")
    return x


@symbolic_aware
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` numbers at equal distances from ``start`` to ``stop``.

    Args:
        start: the first; may be an array.
        stop: the last, or with ``endpoint=False`` the one after the last.
        num: how many.
        endpoint: whether ``stop`` is among them.
        retstep: whether the distance is returned too.
        dtype: the result's type.
        axis: where the new axis goes.

    >>> linspace(0, 1, 3).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    _check_known("linspace", "num", num)
    target = B.float_dtype(B.weak_name(start), B.weak_name(stop)) if dtype is None else B.standardize_dtype(dtype)
    inner = target if dtypes.is_float(target) or target in dtypes.COMPLEX else config.floatx()
    first, last = B.operands(start, stop, dtype=inner)
    gaps = num - 1 if endpoint else num
    span = P.sub(last, first)
    step = P.mul(span, 1 / gaps) if gaps > 0 else B.full_like(span, float("nan"))
    shape = (num, *first.shape)
    wide = (P.reshape(t, shape=(1, *first.shape)) for t in (first, last))
    first, last = (B.broadcast_to(t, shape) for t in wide)
    place = P.iota(shape=shape, dtype="int32", axis=0)
    share = P.div(P.cast(place, dtype=inner), B.full(shape, max(gaps, 1), inner))
    out = P.add(P.mul(first, P.sub(B.full_like(share, 1), share)), P.mul(last, share))
    if endpoint and num > 1:
        out = P.select(P.eq(place, B.full_like(place, num - 1)), last, out)
    if dtypes.is_integer(target):
        out = P.floor(out)
    out = B.cast(out, target)
    if axis != 0:
        out = moveaxis(out, 0, axis)
    return (out, step) if retstep else out


@symbolic_aware
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Tensor:
    """``base`` to the power of each number of a `linspace`.

    >>> logspace(0, 2, 3).numpy()
    array([  1.,  10., 100.], dtype=float32)
    """
    target = B.float_dtype(B.weak_name(start), B.weak_name(stop)) if dtype is None else B.standardize_dtype(dtype)
    inner = target if dtypes.is_float(target) else config.floatx()
    exponents = linspace(start, stop, num, endpoint, dtype=inner, axis=axis)
    return B.cast(P.pow(*B.operands(base, exponents, dtype=inner)), target)


@symbolic_aware
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Tensor:
    """``num`` numbers from ``start`` to ``stop``, each the same multiple of the one before it.

    >>> geomspace(1, 100, 3).numpy().round(3)
    array([  1.,  10., 100.], dtype=float32)
    """
    target = B.float_dtype(B.weak_name(start), B.weak_name(stop)) if dtype is None else B.standardize_dtype(dtype)
    inner = target if dtypes.is_float(target) else config.floatx()
    first, last = B.operands(start, stop, dtype=inner)
    sign = P.sign(first)
    logs = linspace(P.log(P.mul(first, sign)), P.log(P.mul(last, sign)), num, endpoint, dtype=inner, axis=axis)
    out = P.exp(logs)
    # the ends exactly as they were given
    place_axis = axis % out.ndim
    place = P.iota(shape=out.shape, dtype="int32", axis=place_axis)
    shape = tuple(1 if i == place_axis else n for i, n in enumerate(out.shape))
    ends = [B.broadcast_to(P.reshape(P.mul(t, sign), shape=shape), out.shape) for t in (first, last)]
    out = P.select(P.eq(place, B.full_like(place, 0)), ends[0], out)
    if endpoint and num > 1:
        out = P.select(P.eq(place, B.full_like(place, num - 1)), ends[1], out)
    out = P.mul(out, B.broadcast_to(P.reshape(sign, shape=shape), out.shape))
    return B.cast(out, target)


@symbolic_aware
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid, one array for each of the axes given.

    Args:
        *x: the coordinates along each axis.
        indexing: "xy" (the first two axes exchanged, as in plots) or "ij".

    >>> [t.shape for t in meshgrid([1, 2, 3], [4, 5])]
    [(2, 3), (2, 3)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r}; it must be 'xy' or 'ij'.")
    flat = [reshape(B.convert(v), (-1,)) for v in x]
    order = list(range(len(flat)))
    if indexing == "xy" and len(flat) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(flat)
    for axis, v in zip(order, flat):
        shape[axis] = v.shape[0]
    return [P.broadcast_in_dim(v, shape=tuple(shape), dims=(axis,)) for axis, v in zip(order, flat)]


@symbolic_aware
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of ``x``, from the highest to the zeroth or the other way round, in columns.

    >>> vander([1, 2, 3]).numpy()
    array([[1, 1, 1],
           [4, 2, 1],
           [9, 3, 1]], dtype=int32)
    """
    x = B.convert(x)
    if x.ndim != 1:
        raise ValueError(f"vander: an array with one axis is needed, got shape {x.shape}.")
    count = int(x.shape[0]) if N is None else N
    if count < 0:
        raise ValueError(f"vander: N must not be negative, got {N}.")
    if count == 0:
        return B.full((*x.shape, 0), 0, x.dtype)
    powers = [B.full_like(x, 1)]
    for _ in range(count - 1):
        powers.append(P.mul(powers[-1], x))
    columns = [P.reshape(p, shape=(*x.shape, 1)) for p in (powers if increasing else reversed(powers))]
    return P.concatenate(*columns, axis=1)
