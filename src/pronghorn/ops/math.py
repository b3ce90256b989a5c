"""Sums over segments, logarithms of sums, the greatest elements, distances and sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, comparable
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.core import unstack
from pronghorn.ops.numpy.arithmetic import subtract
from pronghorn.ops.numpy.indexing import needs_values, take_along_axis
from pronghorn.ops.numpy.joining import stack
from pronghorn.ops.numpy.shaping import expand_dims, part
from pronghorn.ops.numpy.unary import imag, real
from pronghorn.symbolic.describing import is_described, unknown_extent


@symbolic_aware
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` over ``axis``, without overflow.

    >>> logsumexp([0.0, 0.0]).numpy()
    np.float32(0.6931472)
    """
    x = B.to_float(x)
    axes = B.axes_of(axis, x.ndim)
    top = P.stop_gradient(P.reduce_max(P.real(x) if x.dtype in dtypes.COMPLEX else x, axes=axes))
    top = P.select(P.is_finite(top), top, B.zeros_like(top))  # all -inf: the sum is 0, not NaN
    top = B.cast(top, x.dtype)
    below = P.sub(x, B.broadcast_to(B.keep_dims(top, axes, x.ndim), x.shape))
    out = P.add(P.log(P.reduce_sum(P.exp(below), axes=axes)), top)
    return B.keep_dims(out, axes, x.ndim) if keepdims else out


# -- segments ---------------------------------------------------------------------------------------------------------
@symbolic_aware
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The sums of the rows of ``data`` that have the same segment number.

    Args:
        data: ``[n, ...]``.
        segment_ids: integers ``[n]``; rows with a number out of range are left out.
        num_segments: how many segments; by default one more than the greatest number, which must then be known.
        sorted: whether the numbers are in order; accepted for compatibility.

    Returns:
        ``[num_segments, ...]``; segments without rows are 0.

    >>> segment_sum([1, 2, 4], [0, 0, 2], num_segments=3).numpy()
    array([3, 0, 4], dtype=int32)
    """
    return _segments("segment_sum", data, segment_ids, num_segments, "add", lambda dtype: 0)


@symbolic_aware
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The products of the rows of a segment, 1 for none; see `segment_sum`.

    >>> segment_prod([1, 5, 2], [0, 0, 1]).numpy()
    array([5, 2], dtype=int32)
    """
    return _segments("segment_prod", data, segment_ids, num_segments, "mul", lambda dtype: 1)


@symbolic_aware
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The greatest elements of the rows of a segment, the type's least number for none; see `segment_sum`.

    Of bools it is whether any is true.

    >>> segment_max([1, 5, 2], [0, 0, 1]).numpy()
    array([5, 2], dtype=int32)
    """
    return _segments("segment_max", data, segment_ids, num_segments, "max", lambda dtype: lowest(dtype))


@symbolic_aware
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The least elements of the rows of a segment, the type's greatest number for none; see `segment_sum`.

    Of bools it is whether all are true.

    >>> segment_min([1, 5, 2], [0, 0, 1]).numpy()
    array([1, 2], dtype=int32)
    """
    return _segments("segment_min", data, segment_ids, num_segments, "min", lambda dtype: highest(dtype))


def lowest(dtype: str) -> Any:
    """Minus infinity, or the least integer of a type."""
    return float("-inf") if dtypes.is_float(dtype) else np.iinfo(dtypes.to_numpy(dtype)).min


def highest(dtype: str) -> Any:
    """Infinity, or the greatest integer of a type."""
    return float("inf") if dtypes.is_float(dtype) else np.iinfo(dtypes.to_numpy(dtype)).max


def _segments(name: str, data: Any, ids: Any, count: int | None, mode: str, start: Any) -> Tensor:
    data, ids = B.convert(data), B.convert(ids)
    if ids.ndim != 1:
        raise ValueError(f"{name}: segment_ids must have one axis, got shape {ids.shape}.")
    if data.ndim < 1 or not B.equal_extents(data.shape[0], ids.shape[0]):
        raise ValueError(
            f"{name}: segment_ids must have one number for each row of data, got shapes {ids.shape} and {data.shape}."
        )
    held = result = data.dtype
    if data.dtype == "bool":  # sums and products count; of the greatest and the least each is one of the elements
        held, result = ("uint8", "bool") if mode in ("max", "min") else ("int32", "int32")
    if count is None and is_described(ids):
        return B.full((unknown_extent(), *data.shape[1:]), 0, result)
    if count is None:
        known = needs_values(name, ids, "Pass num_segments=.")
        count = int(known.max()) + 1 if known.size else 0
    rows = count if isinstance(count, Dim) else int(count)
    base = B.full((rows, *data.shape[1:]), start(held), held)
    return B.cast(P.scatter(base, B.cast(ids, "int32"), B.cast(data, held), mode=mode), result)


# -- the greatest -----------------------------------------------------------------------------------------------------
@symbolic_aware
def top_k(x: Any, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Tensor, Tensor]:
    """The ``k`` greatest elements along the last axis and their int32 indices, the greatest first.

    Of elements that are equal the first comes first, whatever ``is_stable`` is.

    >>> values, indices = top_k([3, 1, 2], 2)
    >>> values.tolist(), indices.tolist()
    ([3, 2], [0, 2])
    """
    x = B.convert(x)
    axis = x.ndim - 1
    if axis < 0 or (comparable(x.shape[-1]) and k > x.shape[-1]):
        raise ValueError(f"top_k: the last axis of {x.shape} must have k={k} elements or more.")
    keys = _descending_key(x)
    places = P.iota(shape=x.shape, dtype="int32", axis=axis)
    if k == 1:
        first = B.keep_dims(P.argmax(P.cast(x, dtype="uint8") if x.dtype == "bool" else x, axis=axis), (axis,), x.ndim)
        return _gather_last(x, first), first
    _, places = P.sort(keys, places, axis=axis, num_keys=1)
    indices = part(places, axis, 0, k)
    return _gather_last(x, indices), indices


def _descending_key(x: Tensor) -> Tensor:
    """Keys whose ascending order is the descending order of ``x``."""
    if x.dtype == "bool" or x.dtype in dtypes.UNSIGNED or x.dtype in dtypes.SIGNED:
        return P.not_(x)
    return P.select(P.ne(x, x), B.full_like(x, float("-inf")), P.neg(x))  # NaN comes first


def _gather_last(x: Tensor, indices: Tensor) -> Tensor:
    return take_along_axis(x, indices, -1)


@symbolic_aware
def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether each target class is among the ``k`` classes with the greatest predictions; ties count.

    A prediction that is NaN counts as the least. A target that is none of the classes is not among them.

    Args:
        targets: integers ``[n]``.
        predictions: ``[n, classes]``.
        k: how many.

    >>> in_top_k([1, 2], [[0.1, 0.9, 0.8], [0.1, 0.9, 0.8]], 1).numpy()
    array([ True, False])
    """
    t, p = B.cast(targets, "int32"), B.to_float(predictions)
    if t.ndim != p.ndim - 1:
        raise ValueError(f"in_top_k: targets {t.shape} must have one axis less than predictions {p.shape}.")
    axis = p.ndim - 1
    wide = P.broadcast_in_dim(t, shape=p.shape, dims=tuple(range(axis)))
    is_target = P.eq(wide, P.iota(shape=p.shape, dtype="int32", axis=axis))
    least = B.full_like(p, float("-inf"))
    own = P.reduce_max(P.select(P.and_(is_target, P.eq(p, p)), p, least), axes=(axis,))
    better = P.gt(p, P.broadcast_in_dim(own, shape=p.shape, dims=tuple(range(axis))))
    count = P.reduce_sum(P.cast(better, dtype="int32"), axes=(axis,))
    is_class = P.reduce_max(P.cast(is_target, dtype="int32"), axes=(axis,))
    return P.and_(P.lt(count, B.full_like(count, k)), P.cast(is_class, dtype="bool"))


# -- frames of a signal -----------------------------------------------------------------------------------------------
@symbolic_aware
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Tensor:
    """Overlapping pieces of the last axis.

    Args:
        x: ``[..., n]``.
        sequence_length: the pieces' length.
        sequence_stride: the step from one to the next.

    Returns:
        ``[..., pieces, sequence_length]``.

    >>> extract_sequences([1, 2, 3, 4], 2, 1).tolist()
    [[1, 2], [2, 3], [3, 4]]
    """
    x = B.convert(x)
    if x.ndim < 1:
        raise ValueError(f"extract_sequences: Input should have rank >= 1. Received: an array of shape {x.shape}.")
    size = int(x.shape[-1])
    count = 1 + (size - sequence_length) // sequence_stride
    if count < 1:
        raise ValueError(f"extract_sequences: an axis of {size} has no piece of length {sequence_length}.")
    places = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)[None, :]
    return P.take(x, tensor_of(places.astype(np.int32)), axis=x.ndim - 1)


# -- complex numbers as pairs -----------------------------------------------------------------------------------------
@symbolic_aware
def view_as_complex(x: Any) -> Tensor:
    """``[..., 2]`` pairs of real and imaginary part as complex numbers ``[...]``.

    >>> view_as_complex([[1.0, 2.0]]).numpy()
    array([1.+2.j], dtype=complex64)
    """
    x = B.to_float(x)
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex: the last axis must hold real and imaginary part, got shape {x.shape}.")
    if x.dtype not in ("float32", "float64"):
        x = P.cast(x, dtype="float32")
    return P.complex(*_halves(x))


def _halves(x: Tensor) -> list[Tensor]:
    return unstack(x, 2, axis=-1)


@symbolic_aware
def view_as_real(x: Any) -> Tensor:
    """Complex numbers ``[...]`` as pairs ``[..., 2]`` of real and imaginary part.

    >>> view_as_real([1 + 2j, 3 + 4j]).numpy()
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    x = B.convert(x)
    return stack([real(x), imag(x)], axis=-1)


# -- distances --------------------------------------------------------------------------------------------------------
@symbolic_aware
def cdist(x: Any, y: Any) -> Tensor:
    """The Euclidean distances between the rows of two matrices: ``[..., m, d]`` and ``[..., n, d]`` to ``[..., m, n]``.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]]).numpy()
    array([[5.]], dtype=float32)
    """
    dtype = B.float_dtype(B.weak_name(x), B.weak_name(y))
    a, b = B.cast(x, dtype), B.cast(y, dtype)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"cdist: rows must have one length, got shapes {a.shape} and {b.shape}.")
    apart = subtract(expand_dims(a, -2), expand_dims(b, -3))
    total = P.reduce_sum(P.mul(apart, apart), axes=(apart.ndim - 1,))
    zero = P.eq(total, B.zeros_like(total))
    # the root of the mended value has a finite gradient where the distance is 0
    return P.select(zero, total, P.sqrt(P.select(zero, B.full_like(total, 1), total)))
