"""TensorFlow's arithmetic, reductions and linear algebra where `pronghorn.ops` differs, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.math import highest, lowest
from pronghorn_tensorflow.arrays.basic import renamed


class TopK(NamedTuple):
    """What `tf.math.top_k` returns."""

    values: Any
    indices: Any


class Unique(NamedTuple):
    """What `tf.unique` returns: the values in the order in which they came, and the place of each element in them."""

    y: Any
    idx: Any


def _reduction(op: Callable[..., Any]) -> Callable[..., Any]:
    return renamed(op, input_tensor="x")


def _keeping_type(op: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction whose results have the type of its inputs, where `ops` takes a wider one for small integers."""

    def function(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
        x = ops.convert_to_tensor(input_tensor)
        return ops.cast(op(x, axis=axis, keepdims=keepdims), x.dtype)

    return function


def _extreme(op: Callable[..., Any], of_nothing: Callable[[str], Any]) -> Callable[..., Any]:
    """`tf.reduce_max` and `tf.reduce_min`, of no elements too."""

    def function(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
        x = ops.convert_to_tensor(input_tensor)
        empty = any(isinstance(extent, int) and not extent for extent in x.shape)
        return op(x, axis=axis, keepdims=keepdims, **({"initial": of_nothing(x.dtype)} if empty else {}))

    return function


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    if not dtypes.is_integer(x.dtype):
        return ops.mean(x, axis=axis, keepdims=keepdims)
    total = ops.sum(ops.cast(x, "int64"), axis=axis, keepdims=keepdims)
    count = ops.sum(ops.ones_like(x, dtype="int64"), axis=axis, keepdims=keepdims)
    return ops.sign(total) * ops.floor_divide(ops.abs(total), count)  # integer division, towards zero


reduce_all = _reduction(ops.all)
reduce_any = _reduction(ops.any)
reduce_logsumexp = _reduction(ops.logsumexp)
reduce_max = _extreme(ops.max, lowest)
reduce_mean = _keeping_type(_mean)
reduce_min = _extreme(ops.min, highest)
reduce_prod = _keeping_type(ops.prod)
reduce_std = _reduction(ops.std)
reduce_sum = _keeping_type(ops.sum)
reduce_variance = _reduction(ops.var)


@symbolic_aware
def lgamma(x: Any, name: str | None = None) -> Any:
    """`tf.math.lgamma`: the logarithm of the gamma function's size."""
    return P.lgamma(B.to_float(x))


@symbolic_aware
def digamma(x: Any, name: str | None = None) -> Any:
    """`tf.math.digamma`: the derivative of `lgamma`."""
    return P.digamma(B.to_float(x))


def _cumulative(op: Callable[..., Any], neutral: int) -> Callable[..., Any]:
    """`tf.cumsum` and `tf.math.cumprod`: along the first axis unless told otherwise."""

    def function(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Any:
        x = ops.convert_to_tensor(x)
        if reverse:
            x = ops.flip(x, axis=axis)
        if exclusive:
            axis = axis % x.ndim
            before = [(1, 0) if i == axis else (0, 0) for i in range(x.ndim)]
            kept = tuple(slice(0, -1) if i == axis else slice(None) for i in range(x.ndim))
            x = ops.pad(x, before, constant_values=neutral)[kept]
        found = op(x, axis=axis)
        return ops.flip(found, axis=axis) if reverse else found

    return function


cumsum = _cumulative(ops.cumsum, 0)
cumprod = _cumulative(ops.cumprod, 1)


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    **ignored: Any,
) -> Any:
    """`tf.matmul`.

    >>> matmul(ops.ones((2, 3)), ops.ones((4, 3)), transpose_b=True).shape
    (2, 4)
    """
    return ops.matmul(turned(a, transpose_a, adjoint_a), turned(b, transpose_b, adjoint_b))


def turned(x: Any, transposed: bool, adjoint: bool) -> Any:
    """Matrices transposed, conjugated too, or as they are."""
    if not (transposed or adjoint):
        return x
    found = ops.swapaxes(ops.convert_to_tensor(x), -1, -2)
    return ops.conj(found) if adjoint else found


def add_n(inputs: Sequence[Any], name: str | None = None) -> Any:
    """`tf.add_n`."""
    total = ops.convert_to_tensor(inputs[0])
    for x in inputs[1:]:
        total = ops.add(total, x)
    return total


#: Integers whose quotients are float64 in TensorFlow; those of shorter ones are float32.
LONG = ("int32", "int64", "uint32", "uint64")


def _quotient(op: Callable[..., Any], x: Any, y: Any) -> Any:
    x, y = (v if isinstance(v, bool | int | float) else ops.convert_to_tensor(v) for v in (x, y))
    found = [v.dtype for v in (x, y) if hasattr(v, "dtype")] or ["int32"]
    if all(dtype in LONG for dtype in found) and not any(isinstance(v, float) for v in (x, y)):
        x, y = ops.cast(x, "float64"), ops.cast(y, "float64")
    return op(x, y)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.divide` and `tf.truediv`: quotients of integers of 32 bits or more are float64."""
    return _quotient(ops.true_divide, x, y)


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.math.divide_no_nan`."""
    return _quotient(ops.divide_no_nan, x, y)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.math.multiply_no_nan`: 0 wherever `y` is, whatever `x`."""
    y = ops.convert_to_tensor(y)
    product = ops.multiply(x, y)
    return ops.where(ops.equal(y, 0), ops.zeros_like(product), product)


def count_nonzero(input: Any, axis: Any = None, keepdims: bool = False, dtype: Any = "int64", name: Any = None) -> Any:
    """`tf.math.count_nonzero`."""
    return ops.sum(ops.cast(ops.not_equal(input, 0), dtype), axis=axis, keepdims=keepdims)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`tf.clip_by_norm`."""
    t = ops.convert_to_tensor(t)
    norm = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return t * (clip_norm / ops.maximum(norm, clip_norm))


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Any:
    """`tf.linalg.global_norm`: of all arrays together; None is skipped."""
    return ops.sqrt(add_n([ops.sum(ops.square(t)) for t in t_list if t is not None]))


def clip_by_global_norm(t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: Any = None) -> Any:
    """`tf.clip_by_global_norm`: the arrays, made smaller together, and the norm that they had."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    share = clip_norm / ops.maximum(norm, clip_norm)
    return [None if t is None else ops.multiply(t, share) for t in t_list], norm


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """`tf.norm`: of all elements as one vector, unless there are axes."""
    ord = 2 if ord == "euclidean" and not isinstance(axis, (tuple, list)) else {"euclidean": "fro"}.get(ord, ord)
    if axis is None:
        tensor = ops.convert_to_tensor(tensor)
        found = ops.norm(ops.reshape(tensor, (-1,)), ord=ord)
        return ops.reshape(found, (1,) * tensor.ndim) if keepdims else found
    return ops.norm(tensor, ord=ord, axis=axis, keepdims=keepdims)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """`tf.math.l2_normalize`: of all elements as one vector, unless there is an axis."""
    x = ops.convert_to_tensor(x)
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


def top_k(input: Any, k: int = 1, sorted: bool = True, index_type: Any = "int32", name: str | None = None) -> TopK:
    """`tf.math.top_k`."""
    values, indices = ops.top_k(input, k, sorted)
    return TopK(values, ops.cast(indices, index_type))


def in_top_k(targets: Any, predictions: Any, k: int, name: str | None = None) -> Any:
    """`tf.math.in_top_k`: as `ops.in_top_k`, but False where a prediction of the row is infinite or NaN."""
    finite = ops.all(ops.isfinite(predictions), axis=-1)
    return ops.logical_and(ops.in_top_k(targets, predictions, k), finite)


def unique(x: Any, out_idx: Any = "int32", name: str | None = None) -> Unique:
    """`tf.unique`, for values that are known."""
    x = ops.convert_to_tensor(x)
    values, first, places = np.unique(x.numpy(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    y = ops.convert_to_tensor(values[order], x.dtype)
    return Unique(y, ops.convert_to_tensor(rank[places.reshape(-1)], out_idx))


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: int, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_sum`."""
    return ops.segment_sum(data, segment_ids, num_segments)


def in_empty_segments(found: Any, segment_ids: Any, value: Any) -> Any:
    """Results of segments, with another value in those that have no elements."""
    count = ops.segment_sum(ops.ones_like(segment_ids), segment_ids, found.shape[0])
    empty = ops.reshape(ops.equal(count, 0), (found.shape[0], *[1] * (found.ndim - 1)))
    return ops.where(empty, ops.cast(value, found.dtype), found)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: int, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_max`; a segment without elements is the least number of the type."""
    found = ops.segment_max(data, segment_ids, num_segments)
    return in_empty_segments(found, segment_ids, dtypes.limits(found.dtype)[0])


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: int, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_mean`; a segment without elements is 0."""
    data = ops.convert_to_tensor(data)
    total = ops.segment_sum(data, segment_ids, num_segments)
    count = ops.segment_sum(ops.ones_like(data), segment_ids, num_segments)
    return total / ops.maximum(count, 1)


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """`tf.linalg.band_part`: what is not within so many diagonals becomes 0; -1 keeps a whole half."""
    x = ops.convert_to_tensor(input)
    if num_lower >= 0:
        x = ops.triu(x, -num_lower)
    return ops.tril(x, num_upper) if num_upper >= 0 else x


def diag_part(input: Any, name: str = "diag_part", k: int = 0) -> Any:
    """`tf.linalg.diag_part`."""
    return ops.diagonal(input, offset=k, axis1=-2, axis2=-1)


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None, **kw: Any
) -> Any:
    """`tf.math.confusion_matrix`: rows are labels, columns predictions."""
    labels, predictions = ops.cast(labels, "int32"), ops.cast(predictions, "int32")
    if num_classes is None:
        num_classes = 1 + int(ops.maximum(ops.max(labels), ops.max(predictions)))
    dtype = kw.get("dtype", "int32")
    values = ops.ones_like(labels, dtype=dtype) if weights is None else ops.cast(weights, dtype)
    return ops.scatter(ops.stack([labels, predictions], axis=-1), values, (num_classes, num_classes))
