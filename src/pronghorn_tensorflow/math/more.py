"""More of TensorFlow's arithmetic and linear algebra, over `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.math.basic import in_empty_segments, turned, unsorted_segment_mean

# -- of one array or two ----------------------------------------------------------------------------------------------


def cumulative_logsumexp(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """`tf.math.cumulative_logsumexp`."""
    x = ops.moveaxis(ops.convert_to_tensor(x), axis, 0)
    x = ops.flip(x, axis=0) if reverse else x
    found = ops.associative_scan(ops.logaddexp, x, axis=0)
    if exclusive:
        nothing = ops.full((1, *x.shape[1:]), -np.inf, dtype=x.dtype)
        found = ops.concatenate([nothing, found[:-1]], axis=0)
    return ops.moveaxis(ops.flip(found, axis=0) if reverse else found, 0, axis)


def erfcinv(x: Any, name: str | None = None) -> Any:
    """`tf.math.erfcinv`."""
    return ops.erfinv(1.0 - ops.convert_to_tensor(x))


def ndtri(x: Any, name: str | None = None) -> Any:
    """`tf.math.ndtri`: the quantile of the normal distribution."""
    return np.float32(np.sqrt(2.0)) * ops.erfinv(2.0 * ops.convert_to_tensor(x) - 1.0)


def invert_permutation(x: Any, name: str | None = None) -> Any:
    """`tf.math.invert_permutation`."""
    return ops.cast(ops.argsort(x), ops.convert_to_tensor(x).dtype)


def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """`tf.math.is_non_decreasing`."""
    x = ops.reshape(ops.convert_to_tensor(x), (-1,))
    return ops.all(x[1:] >= x[:-1])


def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """`tf.math.is_strictly_increasing`."""
    x = ops.reshape(ops.convert_to_tensor(x), (-1,))
    return ops.all(x[1:] > x[:-1])


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Any:
    """`tf.math.polyval`: of coefficients with the highest power first."""
    total: Any = 0
    for c in coeffs:
        total = total * x + c
    return ops.convert_to_tensor(total)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """`tf.math.reciprocal_no_nan`: 0 where `x` is."""
    x = ops.convert_to_tensor(x)
    return ops.divide_no_nan(ops.ones_like(x), x)


def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """`tf.math.reduce_euclidean_norm`."""
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis=axis, keepdims=keepdims))


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`tf.math.scalar_mul`."""
    return ops.multiply(scalar, x)


def _no_nan(of: Callable[[Any], Any]) -> Callable[..., Any]:
    """`x` times a function of `y`, which is 0 where `x` is."""

    def function(x: Any, y: Any, name: str | None = None) -> Any:
        x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        zero = ops.equal(x, 0)
        safe = ops.where(zero, ops.ones_like(y), y)
        return ops.where(zero, ops.zeros_like(x * y), x * of(safe))

    return function


xlogy = _no_nan(ops.log)
xlog1py = _no_nan(ops.log1p)
xdivy = _no_nan(lambda y: 1.0 / y)


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """`tf.nn.zero_fraction`: the share of zeros."""
    return ops.mean(ops.cast(ops.equal(ops.convert_to_tensor(value), 0), "float32"))


def complex_of(real: Any, imag: Any, name: str | None = None) -> Any:
    """`tf.complex`."""
    return ops.view_as_complex(ops.stack([ops.convert_to_tensor(real), ops.convert_to_tensor(imag)], axis=-1))


def truncatediv(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.truncatediv`: integer division towards zero."""
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    return ops.sign(x) * ops.sign(y) * ops.floor_divide(ops.abs(x), ops.abs(y))


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Any:
    """`tf.unravel_index`: the coordinates of places."""
    return ops.stack(ops.unravel_index(indices, tuple(int(n) for n in dims)))


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Any:
    """`tf.math.bincount`: how often each integer comes, in all or, with `axis=-1`, in each row.

    >>> bincount([[1, 1], [0, 2]]).tolist(), bincount([[1, 1], [0, 2]], axis=-1).tolist()
    ([1, 2, 1], [[0, 2, 0], [1, 0, 1]])

    Raises:
        ValueError: for another axis.
    """
    if axis not in (None, 0, -1):
        raise ValueError(f"tf.math.bincount: axis={axis}; it must be 0, for all, or -1, for each row.")
    x, weights = ops.convert_to_tensor(arr), None if weights is None else ops.convert_to_tensor(weights)
    if axis != -1:
        x, weights = ops.reshape(x, (-1,)), None if weights is None else ops.reshape(weights, (-1,))
    least = 0 if minlength is None else int(minlength)
    found = ops.bincount(x, weights=weights, minlength=least)
    found = found if maxlength is None else found[..., : int(maxlength)]
    if binary_output:
        found = ops.not_equal(found, 0)
    return found if weights is not None and not binary_output else ops.cast(found, dtype)


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32", name: str | None = None
) -> Any:
    """`tf.searchsorted`: of values of each row, the places in the same row of the sorted ones."""
    x, values = ops.convert_to_tensor(sorted_sequence), ops.convert_to_tensor(values)
    if x.ndim == 1:
        return ops.cast(ops.searchsorted(x, values, side=side), out_type)
    if side not in ("left", "right"):
        raise ValueError(f"tf.searchsorted: side={side!r}; it must be 'left' or 'right'.")
    x, values = ops.expand_dims(x, -2), ops.expand_dims(values, -1)
    return ops.sum(ops.cast(x < values if side == "left" else x <= values, out_type), axis=-1)


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32", name: str | None = None
) -> Any:
    """`tf.histogram_fixed_width`: counts; what lies beyond the range is in the outer bins."""
    low, high = (ops.cast(x, "float32") for x in value_range)
    place = ops.floor((ops.cast(values, "float32") - low) / (high - low) * nbins)
    place = ops.cast(ops.clip(ops.reshape(place, (-1,)), 0, nbins - 1), "int32")
    return ops.segment_sum(ops.ones_like(place, dtype=dtype), place, nbins)


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """`tf.tensor_scatter_nd_sub`."""
    return ops.scatter_update(tensor, indices, -ops.convert_to_tensor(updates), reduction="add")


def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """`tf.bitcast`, between types of one size."""
    return ops.view(input, dtypes.name_of(type))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Any]:
    """`tf.dynamic_partition`: the rows of each part; how many there are depends on the values."""
    data, partitions = ops.convert_to_tensor(data), np.asarray(partitions)
    return [data[np.flatnonzero(partitions == i).astype("int32")] for i in range(int(num_partitions))]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """`tf.dynamic_stitch`: rows put in their places; of those for one place the last counts."""
    places = np.concatenate([np.asarray(i).reshape(-1) for i in indices])
    rows = [ops.convert_to_tensor(x) for x in data]
    axes = [np.asarray(i).ndim for i in indices]
    joined = ops.concatenate([ops.reshape(x, (-1, *x.shape[n:])) for x, n in zip(rows, axes)], axis=0)
    last = np.zeros(int(places.max(initial=-1)) + 1, "int32")
    last[places] = np.arange(len(places))
    return ops.take(joined, last, axis=0)


def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: int = 1, batch_axis: int = 0, name: str | None = None
) -> Any:
    """`tf.reverse_sequence`: the first entries of each row turned round."""
    x = ops.moveaxis(ops.convert_to_tensor(input), (batch_axis, seq_axis), (0, 1))
    steps = ops.arange(x.shape[1])
    lengths = ops.expand_dims(ops.cast(seq_lengths, "int32"), -1)
    places = ops.where(steps < lengths, lengths - 1 - steps, steps)
    places = ops.reshape(places, (*places.shape, *[1] * (x.ndim - 2)))
    found = ops.take_along_axis(x, ops.broadcast_to(places, x.shape), axis=1)
    return ops.moveaxis(found, (0, 1), (batch_axis, seq_axis))


def switch_case(branch_index: Any, branch_fns: Any, default: Any = None, name: str | None = None) -> Any:
    """`tf.switch_case`: what one of several functions gives."""
    functions = [f for _, f in sorted(branch_fns.items())] if isinstance(branch_fns, dict) else list(branch_fns)
    if isinstance(functions[0], tuple):
        functions = [f for _, f in sorted(functions)]
    if default is not None:
        functions.append(default)
    index = ops.convert_to_tensor(branch_index)
    return ops.switch(ops.where((index < 0) | (index >= len(functions)), len(functions) - 1, index), functions)


def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, **ignored: Any) -> Any:
    """`tf.case`: what the function of the first condition that is true gives."""
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else list(pred_fn_pairs)
    condition, function = pairs[0]
    rest = pairs[1:]
    if not rest and default is None:
        return function()
    return ops.cond(condition, function, (lambda: case(rest, default)) if rest else default)


# -- segments ---------------------------------------------------------------------------------------------------------
def _count(segment_ids: Any) -> int:
    ids = np.asarray(segment_ids)
    if (ids[1:] < ids[:-1]).any():
        raise ValueError(f"tf.math.segment_sum and its like: segment_ids must not decrease, got {ids.tolist()[:20]}.")
    return int(ids[-1]) + 1 if ids.size else 0


def _ordered(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of segments in order, of which the last number says how many there are."""
    return lambda data, segment_ids, name=None: op(data, segment_ids, _count(segment_ids))


def _or_zero(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of segments in order that is 0 where there are no elements."""
    return _ordered(lambda data, ids, count: in_empty_segments(op(data, ids, count), ids, 0))


segment_max = _or_zero(ops.segment_max)
segment_mean = _ordered(unsorted_segment_mean)
segment_min = _or_zero(ops.segment_min)
segment_prod = _ordered(ops.segment_prod)
segment_sum = _ordered(ops.segment_sum)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_min`; a segment without elements is the greatest number of the type."""
    found = ops.segment_min(data, segment_ids, num_segments)
    return in_empty_segments(found, segment_ids, dtypes.limits(found.dtype)[1])


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_prod`."""
    return ops.segment_prod(data, segment_ids, num_segments)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_sqrt_n`: sums over the square roots of the counts."""
    data = ops.convert_to_tensor(data)
    count = ops.segment_sum(ops.ones_like(data), segment_ids, num_segments)
    return ops.segment_sum(data, segment_ids, num_segments) / ops.sqrt(ops.maximum(count, 1))


# -- linear algebra ---------------------------------------------------------------------------------------------------
class LogDeterminant(NamedTuple):
    """What `tf.linalg.slogdet` returns."""

    sign: Any
    log_abs_determinant: Any


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """`tf.linalg.adjoint`."""
    return turned(matrix, False, True)


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Any:
    """`tf.linalg.matrix_transpose`."""
    return turned(a, True, conjugate)


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.triangular_solve`."""
    matrix = ops.convert_to_tensor(matrix)
    if adjoint:
        matrix, lower = matrix_transpose(matrix), not lower
    return ops.linalg.solve_triangular(matrix, rhs, lower=lower)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """`tf.linalg.cholesky_solve`."""
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


def slogdet(input: Any, name: str | None = None) -> LogDeterminant:
    """`tf.linalg.slogdet`."""
    return LogDeterminant(*ops.slogdet(input))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """`tf.linalg.logdet`, of matrices that are positive definite."""
    return ops.slogdet(matrix)[1]


def eigvalsh(tensor: Any, name: str | None = None) -> Any:
    """`tf.linalg.eigvalsh`."""
    return ops.eigh(tensor)[0]


def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """`tf.linalg.cross`."""
    return ops.cross(a, b)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple[Any, Any]:
    """`tf.linalg.normalize`: an array of length 1, and the length that it had; by the euclidean norm."""
    x = ops.convert_to_tensor(tensor)
    if ord not in ("euclidean", 2):
        raise ValueError(f"tf.linalg.normalize: ord={ord!r}; 'euclidean' is there.")
    length = ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))
    return x / length, length


# -- bits -------------------------------------------------------------------------------------------------------------
def invert(x: Any, name: str | None = None) -> Any:
    """`tf.bitwise.invert`."""
    return ops.bitwise_not(x)
