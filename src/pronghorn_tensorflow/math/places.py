"""TensorFlow's counts, places and parts of arrays, and choices of functions, over `pronghorn.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops


def invert_permutation(x: Any, name: str | None = None) -> Any:
    """`tf.math.invert_permutation`."""
    return ops.cast(ops.argsort(x), ops.convert_to_tensor(x).dtype)


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
