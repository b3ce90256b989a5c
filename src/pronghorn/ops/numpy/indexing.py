"""Elements by their places: NumPy's indexing, gathers, diagonals, conditions."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import TraceError
from pronghorn.engine.graph.concrete import at_line
from pronghorn.engine.graph.dim import Dim, Extent, Shape, comparable, identical, product
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.core import extent_like, linear_index, wrap_index
from pronghorn.ops.numpy.reductions import sum as sum_
from pronghorn.ops.numpy.shaping import permute, ravel
from pronghorn.symbolic.describing import is_described, unknown_extent


def needs_values(name: str, x: Tensor, instead: str) -> np.ndarray:
    """The values of ``x``, for ops whose result's shape depends on them.

    Raises:
        TraceError: while a function is traced.
    """
    if x.is_traced:
        raise TraceError(
            f"{name}{at_line()}: the shape of the result depends on the values of {x.data.aval}, which are not known "
            f"while a function is traced (as in a compiled training step). {instead}"
        )
    return x.numpy()


# -- x[key] -----------------------------------------------------------------------------------------------------------
@symbolic_aware
def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]`` with NumPy's indexing: numbers, slices, None, ``...``, arrays of integers, masks of known values.

    Raises:
        IndexError: if there are more indices than axes, or a known index is out of range.

    >>> get_item([[1, 2], [3, 4]], (..., 1)).numpy()
    array([2, 4], dtype=int32)
    """
    x = B.convert(x)
    keys = _expanded(key, x)
    if not any(isinstance(k, (Tensor, np.ndarray)) for k in keys):
        return _basic(x, keys)
    return _advanced(x, keys)


def _expanded(key: Any, x: Tensor) -> list[Any]:
    """One entry an axis (and None for new ones): int, slice, None or integer array."""
    if isinstance(key, list) and any(k is None or k is Ellipsis or isinstance(k, slice) for k in key):
        key = tuple(key)  # no array of indices; so a tuple comes back from JSON
    raw = [_entry(k) for k in (key if isinstance(key, tuple) else (key,))]
    keys: list[Any] = []
    for k in raw:
        if isinstance(k, (Tensor, np.ndarray)) and B.weak_name(k) == "bool":
            if k.ndim == 0:
                raise IndexError("A single bool is no index; use where() or a Python `if`.")
            if is_described(k):
                keys.extend(_places(k))
                continue
            mask = k if isinstance(k, np.ndarray) else needs_values("x[mask]", k, "Use where(mask, x, other).")
            keys.extend(i.astype(np.int32) for i in np.nonzero(mask))
        else:
            keys.append(k)
    used = builtins.sum(1 for k in keys if k is not None and k is not Ellipsis)
    if used > x.ndim:
        raise B.BadIndex(f"Too many indices: an array of shape {x.shape} was given {used}.")
    if builtins.sum(1 for k in keys if k is Ellipsis) > 1:
        raise B.BadIndex("An index can have one `...` only.")
    fill = [builtins.slice(None)] * (x.ndim - used)
    place = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    return keys[:place] + fill + keys[place + 1 :]


def _entry(k: Any) -> Any:
    if k is None or k is Ellipsis or isinstance(k, builtins.slice):
        return k
    if isinstance(k, (int, np.integer)) and not isinstance(k, bool):
        return int(k)
    if isinstance(k, Dim):
        return k
    k = B.convert(k, "int32") if isinstance(k, (list, tuple)) and not len(k) else B.convert(k)
    if not k.is_traced:
        array = np.asarray(k)
        if dtypes.is_float(k.dtype):
            raise IndexError(f"Indices must be integers, slices, None, ... or masks; got an array of {k.dtype}.")
        return int(array) if array.ndim == 0 and array.dtype != bool else array
    return k


def _basic(x: Tensor, keys: list[Any]) -> Tensor:
    """Numbers, slices and new axes: one slice, perhaps a reverse, and a reshape."""
    start, limit, stride, flipped, shape = [], [], [], [], []
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        if isinstance(k, builtins.slice):
            lo, hi, step, backwards = _bounds(k, size)
            if backwards:
                flipped.append(axis)
            shape.append(-((lo - hi) // step))
        else:
            lo = _position(k, size, x.shape)
            hi, step = lo + 1, 1
        start.append(lo)
        limit.append(hi)
        stride.append(step)
        axis += 1
    whole = all(identical(a, 0) for a in start) and identical(tuple(limit), x.shape)
    if not (whole and all(s == 1 for s in stride)):
        x = P.slice(x, start=tuple(start), limit=tuple(limit), stride=tuple(stride))
    if flipped:
        x = P.reverse(x, axes=tuple(flipped))
    return x if identical(x.shape, tuple(shape)) else P.reshape(x, shape=tuple(shape))


def _position(k: Any, size: Extent, shape: Shape) -> Extent:
    position = k + size if comparable(k) and k < 0 else k
    if comparable(size, position) and not 0 <= position < size:
        raise B.BadIndex(f"Index {k} is out of range for an axis of {size} in an array of shape {shape}.")
    return position


def _bounds(k: builtins.slice, size: Extent) -> tuple[Extent, Extent, int, bool]:
    """Start, limit, positive stride of a slice, and whether its elements come in reverse order."""
    step = 1 if k.step is None else int(k.step)
    if step == 0:
        raise ValueError("A slice's step must not be 0.")
    lo, hi = (_known_bound(b) for b in (k.start, k.stop))
    if step < 0:
        if lo is None and hi is None and step == -1:
            return 0, size, 1, True
        first = _placed(lo, size, size - 1, -1, size - 1)
        count = (first - _placed(hi, size, -1, -1, size - 1) - step - 1) // -step
        if comparable(count) and count <= 0:
            return 0, 0, -step, True
        return first + (count - 1) * step, first + 1, -step, True
    first, last = _placed(lo, size, 0, 0, size), _placed(hi, size, size, 0, size)
    return first, (last if identical(first, 0) or identical(last, size) else max(first, last)), step, False


def _placed(bound: Any, size: Extent, default: Extent, least: Extent, most: Extent) -> Extent:
    """Where a bound of a slice falls. What cannot be decided raises SymbolicDimError, and is traced with numbers."""
    if bound is None:
        return default
    at = bound + size if bound < 0 else bound
    return most if at > most else least if at < least else at


def _known_bound(bound: Any) -> Any:
    if bound is None or isinstance(bound, (int, Dim)):
        return bound
    if isinstance(bound, Tensor) and bound.is_traced:
        raise TraceError(
            f"A slice x[a:b] needs bounds that are known while a function is traced{at_line()}. For a start that is "
            "computed use ops.slice(x, start_indices, shape)."
        )
    return int(bound)


def _advanced(x: Tensor, keys: list[Any]) -> Tensor:
    """Arrays among the indices: what is basic first, then one gather along the arrays' axes made one."""
    is_array = [isinstance(k, (Tensor, np.ndarray)) for k in keys]
    # numbers between arrays count as arrays, as in NumPy
    arrays = [i for i, k in enumerate(keys) if is_array[i] or (isinstance(k, (int, Dim)) and k is not None)]
    adjacent = arrays == list(range(arrays[0], arrays[-1] + 1))
    basic = [builtins.slice(None) if i in arrays else k for i, k in enumerate(keys)]
    x = _basic(x, basic)
    indices = [_as_index(keys[i], x.shape[i], x.shape) for i in arrays]
    indices = B.broadcast(*indices)
    if len(arrays) == 1:
        return P.take(x, indices[0], axis=arrays[0])
    front = 0 if not adjacent else arrays[0]
    others = [i for i in range(x.ndim) if i not in arrays]
    x = permute(x, others[:front] + arrays + others[front:])
    extents = x.shape[front : front + len(arrays)]
    rows = linear_index([*map(_inside, indices, extents)], extents)  # what is outside would be a point of another row
    flat = P.reshape(x, shape=(*x.shape[:front], product(extents), *x.shape[front + len(arrays) :]))
    return P.take(flat, rows, axis=front)


def _inside(index: Tensor, size: Extent) -> Tensor:
    """Places along an axis, the nearest for those outside, as Keras on JAX takes them."""
    if not index.is_traced and isinstance(size, int):
        array = np.asarray(index)
        if array.size == 0 or (array.min() >= 0 and array.max() < size):
            return index
    last = P.sub(extent_like(size, index), B.full_like(index, 1))
    return P.max(P.min(index, last), B.zeros_like(index))


def _as_index(k: Any, size: Extent, shape: Shape) -> Tensor:
    if isinstance(k, (int, Dim)):
        position = _position(k, size, shape)
        return B.convert(B.extent_scalar(position, "int32"), "int32")
    if isinstance(k, np.ndarray):
        if comparable(size) and k.size and (int(k.min()) < -size or int(k.max()) >= size):
            worst = k.max() if k.max() >= size else k.min()
            raise B.BadIndex(f"Index {worst} is out of range for an axis of {size} in an array of shape {shape}.")
        k = tensor_of(k)
    return wrap_index(k, size)


# -- gathers ----------------------------------------------------------------------------------------------------------
@symbolic_aware
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The elements, or slices along ``axis``, of ``x`` at ``indices``; negative indices count from the end.

    >>> take([10, 20, 30], [2, 0]).numpy()
    array([30, 10], dtype=int32)
    """
    x, indices = B.convert(x), _index_array("take", indices)
    if axis is None:
        x, axis = ravel(x), 0
    axis = B.axis_of(axis, x.ndim)
    return P.take(x, wrap_index(indices, x.shape[axis]), axis=axis)


def _index_array(name: str, indices: Any) -> Tensor:
    tensor = B.convert(indices)
    if tensor.dtype == "bool" or tensor.size == 0:
        return B.cast(tensor, "int32")
    if not dtypes.is_integer(tensor.dtype):
        return B.cast(tensor, "int32")
    return tensor


@symbolic_aware
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """For each line along ``axis`` the elements at that line's own ``indices``.

    >>> take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).numpy()
    array([[20],
           [30]], dtype=int32)
    """
    x, indices = B.convert(x), _index_array("take_along_axis", indices)
    if axis is None:
        return P.take(ravel(x), wrap_index(ravel(indices), x.size), axis=0)
    axis = B.axis_of(axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ValueError(
            f"take_along_axis: x has {counted(x.ndim, 'axis', 'axes')} and indices {indices.ndim}; they need the "
            "same number."
        )
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    back = list(np.argsort(order))
    x, indices = permute(x, order), permute(indices, order)
    lines = B.broadcast_shapes(x.shape[:-1], indices.shape[:-1])
    x = B.broadcast_to(x, (*lines, x.shape[-1]))
    indices = wrap_index(B.broadcast_to(indices, (*lines, indices.shape[-1])), x.shape[-1])
    count = product(lines)
    columns = P.reshape(B.cast(indices, "int32"), shape=(count, indices.shape[-1]))
    last = B.convert(B.extent_scalar(x.shape[-1] - 1, "int32"), "int32")
    columns = P.min(P.max(columns, B.zeros_like(columns)), B.broadcast_to(last, columns.shape))
    row = P.iota(shape=columns.shape, dtype="int32", axis=0)
    width = B.convert(B.extent_scalar(x.shape[-1], "int32"), "int32")
    flat = P.take(P.reshape(x, shape=(x.size,)), P.add(P.mul(row, B.broadcast_to(width, row.shape)), columns), axis=0)
    return permute(P.reshape(flat, shape=indices.shape), back)


@symbolic_aware
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """``x1`` where the condition is true (not zero), else ``x2``; with the condition alone, the same as `nonzero`.

    >>> where([True, False], [1, 2], 0).numpy()
    array([1, 0], dtype=int32)
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where: give both x1 and x2, or neither.")
    if x1 is None:
        return nonzero(condition)
    x, y = B.operands(x1, x2)
    pred = B.cast(condition, "bool")
    shape = B.broadcast_shapes(pred.shape, x.shape)
    return P.select(*(B.broadcast_to(t, shape) for t in (pred, x, y)))


@symbolic_aware
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """For each element the choice that goes with the first true condition, or ``default``.

    >>> select([[True, False], [True, True]], [[1, 2], [3, 4]]).numpy()
    array([1, 4], dtype=int32)
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"select: as many choices as conditions, and at least one, are needed; got {len(condlist)} conditions "
            f"and {len(choicelist)} choices."
        )
    dtype = B.result_dtype(*choicelist, default)
    out = B.convert(default, dtype)
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        out = where(condition, B.convert(choice, dtype), out)
    return out


@symbolic_aware
def nonzero(x: Any) -> Any:
    """The places of the elements that are not zero: one int32 array of indices an axis.

    Raises:
        TraceError: while a function is traced, since the number of places depends on the values.

    >>> [places.tolist() for places in nonzero([0, 5, 7])]
    [[1, 2]]
    """
    x = B.convert(x)
    if is_described(x):
        return _places(x)
    array = needs_values("nonzero", x, "Use where(condition, a, b), which keeps the shape.")
    return tuple(tensor_of(i.astype(np.int32)) for i in np.nonzero(array))


def _places(x: Tensor) -> tuple[Tensor, ...]:
    """What `nonzero` gives for a symbolic array: indices, nobody knows how many."""
    count = unknown_extent()
    return tuple(B.full((count,), 0, "int32") for _ in x.shape)


@symbolic_aware
def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in an array of ``shape``, of places in the flattened array.

    >>> [int(t) for t in unravel_index(5, (2, 3))]
    [1, 2]
    """
    index = B.convert(indices)
    if not dtypes.is_integer(index.dtype):
        raise TypeError(f"unravel_index: indices must be integers, got {index.dtype}.")
    shape = tuple(int(n) for n in shape)
    total, dtype = product(shape), index.dtype
    index = P.cast(index, dtype="int32") if dtypes.itemsize(dtype) < 4 else index
    rest = (
        index
        if dtype in dtypes.UNSIGNED
        else P.min(P.max(index, B.full_like(index, -total)), B.full_like(index, total - 1))
    )
    rest = wrap_index(rest, total)
    out = []
    for n in reversed(shape):
        size = B.full_like(rest, n)
        out.append(B.cast(P.rem(rest, size), dtype))
        rest = P.div(rest, size)
    return tuple(reversed(out))


# -- diagonals --------------------------------------------------------------------------------------------------------
@symbolic_aware
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The ``offset``-th diagonal of the matrices in two axes; it becomes the last axis.

    >>> diagonal([[1, 2], [3, 4]]).numpy()
    array([1, 4], dtype=int32)
    """
    x = B.convert(x)
    if x.ndim < 2:
        raise ValueError(f"diagonal: an array with two axes or more is needed, got shape {x.shape}.")
    a, b = B.axis_of(axis1, x.ndim, "axis1"), B.axis_of(axis2, x.ndim, "axis2")
    if a == b:
        raise ValueError(f"diagonal: axis1 and axis2 must differ, both are {axis1}.")
    x = permute(x, [i for i in range(x.ndim) if i not in (a, b)] + [a, b])
    rows, columns = int(x.shape[-2]), int(x.shape[-1])
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    first = offset if offset >= 0 else -offset * columns
    flat = P.reshape(x, shape=(*x.shape[:-2], rows * columns))
    if length == 0:
        return B.full((*x.shape[:-2], 0), 0, x.dtype)
    axis = flat.ndim - 1
    limit = first + (length - 1) * (columns + 1) + 1
    return P.slice(
        flat,
        start=(*(0,) * axis, first),
        limit=(*flat.shape[:-1], limit),
        stride=(*(1,) * axis, columns + 1),
    )


@symbolic_aware
def diag(x: Any, k: int = 0) -> Tensor:
    """The ``k``-th diagonal of a matrix; for a vector, the matrix that has it there and zeros elsewhere.

    >>> diag([1, 2]).numpy()
    array([[1, 0],
           [0, 2]], dtype=int32)
    >>> diag([[1, 2], [3, 4]]).numpy()
    array([1, 4], dtype=int32)
    """
    x = B.convert(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag: a vector or a matrix is needed, got shape {x.shape}.")
    return place_diagonal(x, k)


def place_diagonal(x: Tensor, k: int = 0) -> Tensor:
    """Matrices of zeros with the last axis of ``x`` on their ``k``-th diagonal."""
    length = x.shape[-1]
    size = length + builtins.abs(k)
    shape = (*x.shape[:-1], size, size)
    low, high = (builtins.abs(k), 0) if k >= 0 else (0, builtins.abs(k))
    # along the columns, element i of the diagonal is in column i + k
    pads = ((0,) * (x.ndim - 1) + (low,), (0,) * (x.ndim - 1) + (high,), (0,) * x.ndim)
    row = P.pad(x, B.full((), 0, x.dtype), low=pads[0], high=pads[1], interior=pads[2])
    dims = (*range(x.ndim - 1), x.ndim)
    wide = P.broadcast_in_dim(row, shape=shape, dims=dims)
    rows = P.iota(shape=shape, dtype="int32", axis=x.ndim - 1)
    columns = P.iota(shape=shape, dtype="int32", axis=x.ndim)
    return P.select(P.eq(P.add(rows, B.full_like(rows, k)), columns), wide, B.zeros_like(wide))


@symbolic_aware
def diagflat(x: Any, k: int = 0) -> Tensor:
    """The matrix with the flattened ``x`` on its ``k``-th diagonal and zeros elsewhere.

    >>> diagflat([1, 2], k=1).numpy()
    array([[0, 1, 0],
           [0, 0, 2],
           [0, 0, 0]], dtype=int32)
    """
    return place_diagonal(ravel(x), k)


@symbolic_aware
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the ``offset``-th diagonal of the matrices in two axes.

    >>> int(trace([[1, 2], [3, 4]]))
    5
    """
    return sum_(diagonal(x, offset, axis1, axis2), -1)


@symbolic_aware
def size(x: Any) -> Any:
    """The number of elements of ``x``; an int, or a scalar where it is not known yet or ``x`` is symbolic.

    >>> size([[1, 2], [3, 4]])
    4
    """
    count = B.extent_scalar(product(_shape(x)), "int32")
    return B.convert(count) if is_described(x) else count


@symbolic_aware
def ndim(x: Any) -> int:
    """The number of axes of ``x``.

    >>> ndim([[1, 2], [3, 4]])
    2
    """
    return len(_shape(x))


def _shape(x: Any) -> Shape:
    own = getattr(x, "shape", None)
    return own if own is not None else B.convert(x).shape
