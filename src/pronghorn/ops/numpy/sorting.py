"""Order: sorting, searching, sets, order statistics."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable, product
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.creation import linspace
from pronghorn.ops.numpy.indexing import needs_values, take_along_axis
from pronghorn.ops.numpy.reductions import LOW_PRECISION
from pronghorn.ops.numpy.shaping import permute, ravel
from pronghorn.symbolic.describing import is_described, unknown_extent


def _axis(x: Tensor, axis: Any) -> tuple[Tensor, int]:
    """The array, flattened for None, and a non-negative axis."""
    return (ravel(x), 0) if axis is None else (x, B.axis_of(axis, x.ndim))


@symbolic_aware
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """``x`` in ascending order along ``axis``; NaN comes last.

    >>> sort([3, 1, 2]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    x, axis = _axis(B.convert(x), axis)
    return P.sort(x, axis=axis, num_keys=1)[0]


@symbolic_aware
def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The int32 indices that put ``x`` in ascending order along ``axis``; equals keep their order.

    >>> argsort([3, 1, 2]).numpy()
    array([1, 2, 0], dtype=int32)
    """
    x = B.convert(x)
    if x.ndim == 0:
        return B.full((), 0, "int32") if axis is not None else B.full((1,), 0, "int32")
    x, axis = _axis(x, axis)
    return P.sort(x, P.iota(shape=x.shape, dtype="int32", axis=axis), axis=axis, num_keys=1)[1]


@symbolic_aware
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Tensor:
    """Indices that put the ``kth`` element of the sorted order in its place, with none greater before it.

    They put everything in order, which is one of the orders that satisfy this.

    >>> int(argpartition([7, 1, 5, 3], 0)[0])
    1
    """
    x = B.convert(x)
    size = x.size if axis is None else x.shape[B.axis_of(axis, x.ndim)]
    if comparable(size) and not -size <= kth < size:
        raise ValueError(f"argpartition: kth={kth} is outside of an axis of {size}.")
    return argsort(x, axis)


@symbolic_aware
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """The places at which ``values`` would go into a sorted vector, as int32.

    Args:
        sorted_sequence: ``[n]``, in ascending order.
        values: what to look for, of any shape.
        side: "left" (before equals) or "right" (after them).

    >>> searchsorted([1, 3, 5], [3, 4]).numpy()
    array([1, 2], dtype=int32)
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side={side!r}; it must be 'left' or 'right'.")
    line, wanted = B.convert(sorted_sequence), B.convert(values)
    if line.ndim != 1:
        raise ValueError(f"searchsorted: sorted_sequence must have one axis, got shape {line.shape}.")
    dtype = B.result_dtype(line, wanted)
    line, wanted = B.cast(line, dtype), B.cast(wanted, dtype)
    return _bisect(line, wanted, side)


def _bisect(line: Tensor, wanted: Tensor, side: str) -> Tensor:
    """Halve the range of possible places until one is left; NaN counts as greater than every number."""
    size = int(line.shape[0])
    before = P.lt if side == "left" else P.le
    low = B.full(wanted.shape, 0, "int32")
    width = 1 << size.bit_length()
    while width > 1:
        width //= 2
        probe = P.add(low, B.full_like(low, width))
        inside = P.le(probe, B.full_like(low, size))
        element = P.take(line, P.sub(probe, B.full_like(low, 1)), axis=0)
        smaller = before(element, wanted)
        if dtypes.is_float(line.dtype):
            smaller = P.or_(smaller, P.and_(P.ne(wanted, wanted), P.eq(element, element)))
            if side == "right":
                smaller = P.or_(smaller, P.ne(wanted, wanted))
        low = P.select(P.and_(inside, smaller), probe, low)
    return low


@symbolic_aware
def digitize(x: Any, bins: Any) -> Tensor:
    """The int32 number of the bin in which each element lies; bin ``i`` is ``bins[i - 1] <= x < bins[i]``.

    >>> digitize([0.5, 1.5, 9.0], [1.0, 2.0]).numpy()
    array([0, 1, 2], dtype=int32)
    """
    edges = B.convert(bins)
    if edges.ndim != 1:
        raise ValueError(f"digitize: bins must have one axis, got shape {edges.shape}.")
    if edges.shape[0] > 1 and not edges.is_traced and edges.numpy()[0] > edges.numpy()[-1]:
        count = searchsorted(P.reverse(edges, axes=(0,)), x, side="left")
        return P.sub(B.full_like(count, int(edges.shape[0])), count)
    return searchsorted(edges, x, side="right")


@symbolic_aware
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of ``x1`` is an element of ``x2``.

    Args:
        x1: the elements.
        x2: the set, of any shape.
        assume_unique: accepted for compatibility.
        invert: whether to return the opposite.

    >>> isin([1, 2, 3], [2, 5]).numpy()
    array([False,  True, False])
    """
    dtype = B.result_dtype(x1, x2)
    x, line = B.cast(x1, dtype), ravel(B.cast(x2, dtype))
    shape = (*x.shape, line.shape[0])
    wide = P.broadcast_in_dim(x, shape=shape, dims=tuple(range(x.ndim)))
    found = P.reduce_or(P.eq(wide, B.broadcast_to(line, shape)), axes=(x.ndim,))
    return P.not_(found) if invert else found


# -- sets -------------------------------------------------------------------------------------------------------------
@symbolic_aware
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements of ``x``, in order; each NaN is another one.

    Args:
        x: the array; it must have known values.
        sorted: accepted for compatibility; the result is always in order.
        return_index: whether to return the place of the first of each.
        return_inverse: whether to return, for each element, its place in the result.
        return_counts: whether to return how often each occurs.
        axis: find different slices along this axis instead of elements.
        size: cut or pad the result to this extent.
        fill_value: what to pad with; the least element by default.

    Raises:
        TraceError: while a function is traced.

    >>> unique([2, 1, 2]).numpy()
    array([1, 2], dtype=int32)
    """
    x = B.convert(x)
    if is_described(x):
        wanted = (return_index, return_inverse, return_counts)
        return _described_unique(x, wanted, axis, size)
    array = needs_values("unique", x, "Compute it outside of the traced function.")
    kind = array.dtype
    if x.dtype in LOW_PRECISION:  # NumPy does not know the order of NaN in all of these
        array = array.astype(np.float32)
    values, first, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    values = values.astype(kind, copy=False)
    inverse = inverse.reshape(array.shape) if axis is None else inverse.reshape(-1)
    along = 0 if axis is None else axis
    if size is not None:
        values = _to_size(values, size, along, fill_value)
        first, counts = _to_size(first, size, 0, None), _to_size(counts, size, 0, 0)
    out = [tensor_of(values)]
    chosen = ((return_index, first), (return_inverse, inverse), (return_counts, counts))
    out += [tensor_of(np.asarray(a, np.int32)) for wanted, a in chosen if wanted]
    return out[0] if len(out) == 1 else tuple(out)


def _described_unique(x: Tensor, wanted: tuple[bool, bool, bool], axis: int | None, size: int | None) -> Any:
    """The shapes of what `unique` gives for a symbolic array."""
    count = unknown_extent() if size is None else size
    if axis is None:
        shape, inverse = (count,), x.shape
    else:
        axis = B.axis_of(axis, x.ndim)
        shape, inverse = (*x.shape[:axis], count, *x.shape[axis + 1 :]), (x.shape[axis],)
    places = zip(wanted, ((count,), inverse, (count,)))
    out = [B.full(shape, 0, x.dtype), *(B.full(s, 0, "int32") for is_wanted, s in places if is_wanted)]
    return out[0] if len(out) == 1 else tuple(out)


def _to_size(values: np.ndarray, size: int, axis: int, fill: Any) -> np.ndarray:
    count = values.shape[axis]
    if count >= size:
        return np.take(values, np.arange(size), axis=axis)
    shape = list(values.shape)
    shape[axis] = size - count
    pad = np.take(values, [0], axis=axis) if fill is None else np.asarray(fill, values.dtype)
    return np.concatenate([values, np.broadcast_to(pad, shape)], axis=axis)


# -- order statistics -------------------------------------------------------------------------------------------------
_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@symbolic_aware
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The value below which a share ``q`` of the elements along ``axis`` lies.

    Args:
        x: the array.
        q: a share between 0 and 1, or a vector of them, which becomes the first axis.
        axis: an axis, several, or None for all elements.
        method: between two elements "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether the axes stay, with extent 1.

    >>> quantile([1.0, 2.0, 4.0], 0.5).numpy()
    np.float32(2.0)
    """
    return _quantile(B.to_float(x), q, axis, method, keepdims, skip_nan=False)


@symbolic_aware
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` with ``q`` in hundredths, from 0 to 100.

    >>> float(percentile([1.0, 2.0, 4.0], 50))
    2.0
    """
    return _quantile(B.to_float(x), _percent(q), axis, method, keepdims, skip_nan=False)


def _percent(q: Any) -> Tensor:
    q = B.to_float(q)
    return P.div(q, B.full_like(q, 100))


@symbolic_aware
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle element along ``axis``; of an even number, the mean of both.

    >>> float(median([3.0, 1.0, 10.0]))
    3.0
    >>> float(median([3.0, 1.0, 10.0, 4.0]))
    3.5
    """
    return _quantile(B.to_float(x), 0.5, axis, "midpoint", keepdims, skip_nan=False)


@symbolic_aware
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` of what is not NaN.

    >>> float(nanquantile([1.0, float("nan"), 3.0], 0.5))
    2.0
    """
    return _quantile(B.to_float(x), q, axis, method, keepdims, skip_nan=True)


@symbolic_aware
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`percentile` of what is not NaN.

    >>> float(nanpercentile([1.0, float("nan"), 3.0], 50))
    2.0
    """
    return _quantile(B.to_float(x), _percent(q), axis, method, keepdims, skip_nan=True)


@symbolic_aware
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`median` of what is not NaN.

    >>> nanmedian([1.0, float("nan"), 3.0]).numpy()
    np.float32(2.0)
    """
    return _quantile(B.to_float(x), 0.5, axis, "midpoint", keepdims, skip_nan=True)


def _quantile(x: Tensor, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool) -> Tensor:
    if method not in _METHODS:
        raise ValueError(f"method={method!r}; it must be one of {', '.join(map(repr, _METHODS))}.")
    if x.dtype in dtypes.COMPLEX:
        raise ValueError(f"Complex numbers have no order, so there are no quantiles of {x.dtype}.")
    dtype, rank = x.dtype, x.ndim
    if dtype in ("float16", "bfloat16"):
        x = P.cast(x, dtype="float32")
    q = B.cast(q, x.dtype)
    if q.ndim > 1:
        raise ValueError(f"q must be a number or a vector, got shape {q.shape}.")
    axes = B.axes_of(axis, rank)
    rest = [i for i in range(rank) if i not in axes]
    kept = tuple(x.shape[i] for i in rest)
    lines = P.reshape(permute(x, rest + list(axes)), shape=(*kept, _product(x, axes)))
    out = _along_last(lines, P.reshape(q, shape=(q.size,)), method, skip_nan)  # [q, *kept]
    if keepdims:
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return B.cast(P.reshape(out, shape=(*q.shape, *kept)), dtype)


def _product(x: Tensor, axes: tuple[int, ...]) -> Any:
    return product(tuple(x.shape[a] for a in axes))


def _along_last(lines: Tensor, q: Tensor, method: str, skip_nan: bool) -> Tensor:
    """Quantiles of the last axis: ``[q, *lines.shape[:-1]]``."""
    axis = lines.ndim - 1
    ordered = P.sort(lines, axis=axis, num_keys=1)[0]
    kept, shape = lines.shape[:-1], (q.shape[0], *lines.shape[:-1])
    is_nan = P.ne(lines, lines)
    if skip_nan:
        count = P.reduce_sum(P.cast(P.not_(is_nan), dtype=lines.dtype), axes=(axis,))
    else:
        size = B.convert(B.extent_scalar(lines.shape[-1], lines.dtype), lines.dtype)
        count = B.broadcast_to(size, kept)
    shares = P.broadcast_in_dim(q, shape=shape, dims=(0,))
    last = B.broadcast_to(P.max(P.sub(count, B.full_like(count, 1)), B.zeros_like(count)), shape)
    position = P.mul(shares, last)
    low = P.floor(position)
    high = P.ceil(position)
    below, above = (_pick(ordered, P.cast(i, dtype="int32")) for i in (low, high))
    weight = P.sub(position, low)
    if method == "lower":
        out = below
    elif method == "higher":
        out = above
    elif method == "midpoint":
        out = P.mul(P.add(below, above), B.full_like(below, 0.5))
    elif method == "nearest":
        out = P.select(P.le(weight, B.full_like(weight, 0.5)), below, above)
    else:
        mixed = P.add(P.mul(below, P.sub(B.full_like(weight, 1), weight)), P.mul(above, weight))
        out = P.select(P.eq(low, high), below, mixed)
    hopeless = P.reduce_and(is_nan, axes=(axis,)) if skip_nan else P.reduce_or(is_nan, axes=(axis,))
    return P.select(B.broadcast_to(hopeless, shape), B.full_like(out, float("nan")), out)


def _pick(ordered: Tensor, places: Tensor) -> Tensor:
    """Elements of the last axis of ``[*kept, n]`` at ``[q, *kept]``."""
    rank = ordered.ndim
    columns = permute(places, [*range(1, rank), 0]) if rank > 1 else places
    picked = take_along_axis(ordered, columns, -1)
    return permute(picked, [rank - 1, *range(rank - 1)]) if rank > 1 else picked


# -- counting ---------------------------------------------------------------------------------------------------------
@symbolic_aware
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number from 0 to the greatest occurs in the last axis of ``x``, or the sums of their weights.

    Args:
        x: integers, none negative, ``[n]`` or ``[batch, n]``; their values must be known.
        weights: of the shape of ``x``, or None.
        minlength: the least extent of the result.
        sparse: accepted as in Keras; the result is the same, in a dense array.

    >>> bincount([1, 2, 2]).numpy()
    array([0, 1, 2], dtype=int32)
    """
    x = B.convert(x)
    if not dtypes.is_integer(x.dtype) and x.dtype != "bool":
        raise TypeError(f"bincount: integers are needed, got {x.dtype}.")
    if is_described(x):
        dtype = "int32" if weights is None else B.convert(weights).dtype
        return B.full((*x.shape[:-1], unknown_extent()), 0, "int32" if dtype == "bool" else dtype)
    known = needs_values("bincount", x, "Use ops.segment_sum(ones, x, num_segments).")
    x = B.cast(x, "int32")
    length = builtins.max(int(known.max()) + 1 if known.size else 0, int(minlength))
    if weights is None:
        marks = B.full(x.shape, 1, "int32")
    else:
        marks = B.convert(weights)
        marks = B.cast(marks, "int32") if marks.dtype == "bool" else marks
    return _count(x, marks, length)


def _count(x: Tensor, marks: Tensor, length: int) -> Tensor:
    lead = x.shape[:-1]
    if not lead:
        return P.scatter(B.full((length,), 0, marks.dtype), x, marks, mode="add")
    rows = int(np.prod(lead))
    flat = P.reshape(x, shape=(rows, x.shape[-1]))
    row = P.iota(shape=flat.shape, dtype="int32", axis=0)
    places = P.add(P.mul(row, B.full_like(row, length)), flat)
    base = B.full((rows * length,), 0, marks.dtype)
    out = P.scatter(base, ravel(places), ravel(marks), mode="add")
    return P.reshape(out, shape=(*lead, length))


@symbolic_aware
def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements lie in each of ``bins`` intervals of one width, and the intervals' edges.

    Args:
        x: a vector.
        bins: how many intervals.
        range: the first and the last edge; the least and the greatest element by default.

    >>> counts, edges = histogram([1.0, 2.0, 3.0], bins=2)
    >>> counts.tolist(), edges.tolist()
    ([1.0, 2.0], [1.0, 2.0, 3.0])
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"histogram: bins must be a positive integer, got {bins!r}.")
    if range is not None and (not isinstance(range, (tuple, list)) or len(range) != 2 or range[1] < range[0]):
        raise ValueError(f"histogram: range must be a pair (low, high) with low <= high, got {range!r}.")
    x = B.convert(x)
    if x.ndim > 1:
        raise ValueError(f"histogram: a vector is needed, got shape {x.shape}; use ops.ravel(x).")
    x = ravel(x)
    inner = B.to_float(x)
    if range is None:
        low, high = (P.reduce_min(inner, axes=(0,)), P.reduce_max(inner, axes=(0,))) if x.size else (0.0, 1.0)
    else:
        low, high = range
    low, high = B.operands(low, high, dtype=inner.dtype)
    same = P.eq(low, high)
    half = B.full_like(low, 0.5)
    low, high = P.select(same, P.sub(low, half), low), P.select(same, P.add(high, half), high)
    edges = linspace(low, high, bins + 1, dtype=inner.dtype)
    place = P.sub(_bisect(edges, inner, "right"), B.full(inner.shape, 1, "int32"))
    last = P.eq(inner, B.broadcast_to(high, inner.shape))
    place = P.select(last, B.full_like(place, bins - 1), place)
    outside = P.or_(P.lt(place, B.zeros_like(place)), P.ge(place, B.full_like(place, bins)))
    place = P.select(outside, B.full_like(place, bins), place)  # beyond the end: left out
    ones = B.full(place.shape, 1, inner.dtype)
    counts = P.scatter(B.full((bins,), 0, inner.dtype), place, ones, mode="add")
    return counts, edges
