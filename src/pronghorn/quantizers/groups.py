"""Integers with a scale and a zero of their own for each few neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.quantizers.pieces import in_pieces, looked_at


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Integers of a matrix, with a scale and a zero for each ``block_size`` neighbours in a column.

    The lowest number of a group stands for the lowest integer, the highest for the highest. The zero is one of the
    integers, so, as in Keras, a group without one number on either side of 0 loses its largest sizes: take groups large
    enough to have both.

    Args:
        inputs: a matrix ``[rows, columns]``.
        block_size: how many rows share a scale and a zero; the last group is filled up with zeros.
        value_range: the lowest and the highest integer.
        dtype: the type of the integers.
        epsilon: added to the extent of a group's numbers.
        to_numpy: whether NumPy computes it, which takes bfloat16 as float32.

    Returns:
        The integers, and scales and zeros (int8) of shape ``[groups, columns]``: inputs are about
        ``(integers - zeros) * scales``.

    Example:

    >>> values, scale, zero = abs_max_quantize_grouped_with_zero_point(ops.array([[0.0], [1.5], [-1.0], [2.0]]), 2)
    >>> values.tolist(), zero.tolist()
    ([[-8], [7], [-8], [7]], [[-8], [-3]])
    """
    options = (block_size, value_range, dtype, epsilon)
    if to_numpy:
        found = in_pieces(lambda x: _quantized(np, x, *options), looked_at(inputs), axis=1)
        return found  # type: ignore[return-value]
    return _quantized(ops, ops.convert_to_tensor(inputs), *options)


def _quantized(
    library: Any, x: Any, block_size: int, value_range: tuple[int, int], dtype: str, epsilon: float
) -> tuple[Any, Any, Any]:
    """The same by NumPy or by our operations."""
    low, high = value_range
    own = x.dtype
    rows, columns = x.shape
    groups = -(-rows // block_size)
    full = library.pad(x, ((0, groups * block_size - rows), (0, 0)))
    full = library.reshape(full, (groups, block_size, columns))
    lowest = library.min(full, axis=1, keepdims=True)
    highest = library.max(full, axis=1, keepdims=True)
    # Numbers that are all the same would have no extent to be a multiple of: that from 0 is taken.
    same, nothing = lowest == highest, library.zeros_like(lowest)
    lowest, highest = (
        library.where(same & (lowest > 0), nothing, lowest),
        library.where(same & (highest < 0), nothing, highest),
    )
    scale = library.divide(highest - lowest + epsilon, high - low)
    zero = library.clip(library.round(library.divide(-lowest, scale)) + low, low, high)
    values = library.clip(library.round(library.divide(full, scale)) + zero, low, high)
    values = library.reshape(values, (groups * block_size, columns))[:rows]
    return ops.cast(values, dtype), ops.cast(scale[:, 0], own), ops.cast(zero[:, 0], "int8")


def dequantize_with_sz_map(weights_matrix: Any, scale: Any, zero: Any, g_idx: Any, group_axis: int = -1) -> Any:
    """The floats that integers stand for, ``(integers - zeros) * scales``, with scales and zeros by group.

    Args:
        weights_matrix: the integers.
        scale: along ``group_axis`` by group, along the others as the integers.
        zero: the same.
        g_idx: the number of the group for each place along ``group_axis``.
        group_axis: the axis along which groups lie.

    Example:

    >>> dequantize_with_sz_map(ops.array([[1, 2, 3]]), ops.array([[0.5, 2.0]]), ops.array([[0, 1]]), [0, 0, 1]).tolist()
    [[0.5, 1.0, 4.0]]
    """
    groups = ops.cast(g_idx, "int32")
    scales, zeros = ops.take(scale, groups, axis=group_axis), ops.take(zero, groups, axis=group_axis)
    return ops.multiply(ops.subtract(weights_matrix, ops.cast(zeros, scales.dtype)), scales)
