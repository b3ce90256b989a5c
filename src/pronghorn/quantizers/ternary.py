"""Numbers that are -1, 0 or 1: five in a byte, and how weights become such numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes

#: How much each of the five numbers in a byte counts: 3 ** 5 is 243, so that they fit.
_PLACES = (1, 3, 9, 27, 81)
#: The five numbers of each byte; those above 242 are never written.
_NUMBERS = (np.arange(256)[:, None] // np.array(_PLACES) % 3 - 1).astype(np.int8)
#: The byte of five zeros.
ZEROS = sum(_PLACES)


def pack_ternary(arr: Any, axis: int = 0) -> tuple[Any, tuple[int, ...], int]:
    """Put each five neighbours of an array of -1, 0 and 1 into one byte, of Keras 3.16.

    Args:
        arr: numbers of any type; they are rounded, and count as -1 below that and as 1 above.
        axis: along which neighbours are taken; the last byte is filled up with zeros.

    Returns:
        The bytes (uint8), their shape, and the extent of the axis before.

    Raises:
        ValueError: if there is a NaN.

    Example:

    >>> packed, shape, count = pack_ternary(np.array([1, 0, -1, 1, 1, -1, 0]))
    >>> packed.tolist(), shape, count  # 221 is 2 + 1 * 3 + 0 * 9 + 2 * 27 + 2 * 81
    ([221, 120], (2,), 7)
    """
    values = np.moveaxis(np.asarray(ops.convert_to_numpy(arr)), axis, 0)
    if np.isnan(values).any():
        raise ValueError(
            "pack_ternary: arr has a NaN, which is none of -1, 0 and 1. Look at where it comes from, or replace it by "
            "np.nan_to_num."
        )
    count = len(values)
    digits = np.ones((-(-count // 5) * 5, *values.shape[1:]), np.uint8)  # -1, 0 and 1 are written as 0, 1 and 2
    digits[:count] += values > 0.5
    digits[:count] -= values < -0.5
    packed = np.zeros((len(digits) // 5, *values.shape[1:]), np.uint8)
    for i, place in enumerate(_PLACES):
        packed += digits[i::5] * np.uint8(place)
    packed = np.moveaxis(packed, 0, axis)
    return ops.convert_to_tensor(packed), packed.shape, count


def unpack_ternary(packed: Any, orig_len: int, axis: int = 0) -> Any:
    """Take apart what `pack_ternary` put together, of Keras 3.16.

    Args:
        packed: bytes, uint8 or int8.
        orig_len: the extent of the axis before it was packed.
        axis: along which neighbours were packed.

    Returns:
        The numbers -1, 0 and 1, as int8.

    Raises:
        TypeError: if the array is none of bytes.

    Example:

    >>> unpack_ternary(np.array([221, 120], "uint8"), 7).tolist()
    [1, 0, -1, 1, 1, -1, 0]
    """
    if dtypes.name_of(packed.dtype) not in ("int8", "uint8"):
        raise TypeError(
            f"unpack_ternary: packed is {packed.dtype}; bytes that hold five numbers each are uint8 or int8."
        )
    packed = ops.convert_to_tensor(packed)
    axis %= packed.ndim
    codes = ops.bitwise_and(ops.cast(packed, "int32"), 255)
    numbers = ops.moveaxis(ops.take(_NUMBERS, codes, axis=0), -1, axis + 1)
    before, after = tuple(packed.shape[:axis]), tuple(packed.shape[axis + 1 :])
    numbers = ops.reshape(numbers, (*before, 5 * packed.shape[axis], *after))
    return numbers[(*(slice(None),) * axis, slice(orig_len))]


def ternary(weights: Any, threshold: float | None = None) -> tuple[Any, Any]:
    """What weights count as in ternary, and what a product with that is scaled by, found in float32 at least.

    After `BitNet b1.58 <https://arxiv.org/abs/2402.17764>`_, section 2.

    Args:
        weights: floats.
        threshold: sizes above it count by their sign, others as 0; half of the mean size if None.

    Returns:
        -1, 0 and 1 in the type of the weights; and the mean size, or None where there is a threshold.

    Example:

    >>> counted, scale = ternary(ops.array([4.0, -0.5, -3.5, 0.0]))
    >>> counted.tolist(), scale.tolist()
    ([1.0, 0.0, -1.0, 0.0], 2.0)
    """
    weights = ops.convert_to_tensor(weights)
    sizes = ops.abs(ops.cast(weights, dtypes.promote(dtypes.name_of(weights.dtype), "float32")))
    scale = ops.mean(sizes) if threshold is None else None
    least = threshold if scale is None else 0.5 * scale
    return ops.where(ops.greater(sizes, least), ops.sign(weights), ops.zeros_like(weights)), scale
