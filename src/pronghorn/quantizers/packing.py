"""Two integers of four bits in a byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.graph import dtypes

_BYTES = ("int8", "uint8")


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Put each two neighbours of an array into one byte: the first into its lower four bits.

    Args:
        arr: int8 from -8 to 7, or uint8 from 0 to 15.
        axis: along which neighbours are taken; an odd one out gets a zero beside it.
        dtype: the type of the array and of the result, ``"int8"`` or ``"uint8"``.

    Returns:
        The bytes, their shape, and the extent of the axis before.

    Raises:
        ValueError: for another ``dtype``.
        TypeError: if the array is not of that type.

    Example:

    >>> packed, shape, count = pack_int4(np.array([1, 2, -1], "int8"))
    >>> packed.tolist(), shape, count  # 33 is 1 + 2 * 16
    ([33, 15], (2,), 3)
    """
    _check_type(dtype)
    if dtypes.name_of(arr.dtype) != dtype:
        raise TypeError(f"pack_int4: arr is {dtypes.name_of(arr.dtype)}, but dtype={dtype!r}; cast it before.")
    values = np.moveaxis(ops.convert_to_numpy(arr), axis, 0).view(np.uint8)
    count = len(values)
    even = np.zeros((count + count % 2, *values.shape[1:]), np.uint8)
    even[:count] = values & 15
    packed = np.moveaxis(even[::2] | even[1::2] << 4, 0, axis).view(dtype)
    return ops.convert_to_tensor(packed), packed.shape, count


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Take apart what `pack_int4` put together.

    Args:
        packed: bytes.
        orig_len: the extent of the axis before it was packed.
        axis: along which neighbours were packed.
        dtype: ``"int8"`` for integers from -8 to 7, ``"uint8"`` for 0 to 15.

    Raises:
        ValueError: for another ``dtype``.
        TypeError: if the array is none of bytes.

    Example:

    >>> unpack_int4(np.array([33, 15], "int8"), 3).tolist()
    [1, 2, -1]
    """
    _check_type(dtype)
    if dtypes.name_of(packed.dtype) not in _BYTES:
        raise TypeError(f"unpack_int4: packed is {packed.dtype}; bytes that hold two integers each are int8 or uint8.")
    packed = ops.convert_to_tensor(packed)
    axis %= packed.ndim

    def number(bits: Any) -> Any:
        four = ops.cast(ops.bitwise_and(bits, ops.cast(15, packed.dtype)), dtype)
        if dtype == "uint8":
            return four
        highest = ops.bitwise_and(four, ops.cast(8, dtype))  # counts as -8
        return four - highest - highest

    pairs = ops.stack([number(packed), number(ops.right_shift(packed, ops.cast(4, packed.dtype)))], axis=axis + 1)
    before, after = tuple(packed.shape[:axis]), tuple(packed.shape[axis + 1 :])
    numbers = ops.reshape(pairs, (*before, 2 * packed.shape[axis], *after))
    return numbers[(*(slice(None),) * axis, slice(orig_len))]


def _check_type(dtype: str) -> None:
    if dtype not in _BYTES:
        raise ValueError(f"pack_int4, unpack_int4: dtype={dtype!r} is no type of a byte; take 'int8' or 'uint8'.")
