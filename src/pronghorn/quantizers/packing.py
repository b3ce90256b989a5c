"""Integers of four or two bits, two or four in a byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes

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
        ValueError: for another ``dtype``, or integers that need more bits.
        TypeError: if the array is not of that type.

    Example:

    >>> packed, shape, count = pack_int4(np.array([1, 2, -1], "int8"))
    >>> packed.tolist(), shape, count  # 33 is 1 + 2 * 16
    ([33, 15], (2,), 3)
    """
    return _packed("pack_int4", 4, arr, axis, dtype)


def pack_int2(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Put each four neighbours of an array into one byte, the first into its lowest two bits; of Keras 3.16.

    Args:
        arr: int8 from -2 to 1, or uint8 from 0 to 3.
        axis: along which neighbours are taken; the last byte is filled up with zeros.
        dtype: the type of the array and of the result, ``"int8"`` or ``"uint8"``.

    Returns:
        The bytes, their shape, and the extent of the axis before.

    Raises:
        ValueError: for another ``dtype``, or integers that need more bits.
        TypeError: if the array is not of that type.

    Example:

    >>> packed, shape, count = pack_int2(np.array([1, -2, 0, 0, -1], "int8"))
    >>> packed.tolist(), shape, count  # 9 is 1 + 2 * 4
    ([9, 3], (2,), 5)
    """
    return _packed("pack_int2", 2, arr, axis, dtype)


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
    return _apart("unpack_int4", 4, packed, orig_len, axis, dtype)


def unpack_int2(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Take apart what `pack_int2` put together, of Keras 3.16.

    Args:
        packed: bytes.
        orig_len: the extent of the axis before it was packed.
        axis: along which neighbours were packed.
        dtype: ``"int8"`` for integers from -2 to 1, ``"uint8"`` for 0 to 3.

    Raises:
        ValueError: for another ``dtype``.
        TypeError: if the array is none of bytes.

    Example:

    >>> unpack_int2(np.array([9, 3], "int8"), 5).tolist()
    [1, -2, 0, 0, -1]
    """
    return _apart("unpack_int2", 2, packed, orig_len, axis, dtype)


def _packed(name: str, bits: int, arr: Any, axis: int, dtype: str) -> tuple[Any, tuple[int, ...], int]:
    """The bytes, their shape, and the extent before, of integers of so many bits."""
    _check_type(name, dtype)
    if dtypes.name_of(arr.dtype) != dtype:
        raise TypeError(f"{name}: arr is {dtypes.name_of(arr.dtype)}, but dtype={dtype!r}; cast it before.")
    given = ops.convert_to_numpy(arr)
    low, high = (0, 2**bits - 1) if dtype == "uint8" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if given.size and (given.min() < low or given.max() > high):
        raise ValueError(
            f"{name}: {bits} bits hold the integers from {low} to {high} of {dtype}, but arr has some from "
            f"{given.min()} to {given.max()}; scale or clip it before."
        )
    values = np.moveaxis(given, axis, 0).view(np.uint8)
    count, each = len(values), 8 // bits
    full = np.zeros((-(-count // each) * each, *values.shape[1:]), np.uint8)
    full[:count] = values & 2**bits - 1
    packed = np.zeros((len(full) // each, *values.shape[1:]), np.uint8)
    for i in range(each):
        packed |= full[i::each] << bits * i
    packed = np.moveaxis(packed, 0, axis).view(dtype)
    return ops.convert_to_tensor(packed), packed.shape, count


def _apart(name: str, bits: int, packed: Any, orig_len: int, axis: int, dtype: str) -> Any:
    """The integers of so many bits in bytes."""
    _check_type(name, dtype)
    if dtypes.name_of(packed.dtype) not in _BYTES:
        raise TypeError(
            f"{name}: packed is {packed.dtype}; bytes that hold {8 // bits} integers each are int8 or uint8."
        )
    packed = ops.convert_to_tensor(packed)
    axis %= packed.ndim

    def number(shift: int) -> Any:
        shifted = ops.right_shift(packed, ops.cast(shift, packed.dtype)) if shift else packed
        few = ops.cast(ops.bitwise_and(shifted, ops.cast(2**bits - 1, packed.dtype)), dtype)
        if dtype == "uint8":
            return few
        highest = ops.bitwise_and(few, ops.cast(2 ** (bits - 1), dtype))  # counts as so much less than nothing
        return few - highest - highest

    parts = ops.stack([number(shift) for shift in range(0, 8, bits)], axis=axis + 1)
    before, after = tuple(packed.shape[:axis]), tuple(packed.shape[axis + 1 :])
    numbers = ops.reshape(parts, (*before, 8 // bits * packed.shape[axis], *after))
    return numbers[(*(slice(None),) * axis, slice(orig_len))]


def _check_type(name: str, dtype: str) -> None:
    if dtype not in _BYTES:
        raise ValueError(f"{name}: dtype={dtype!r} is no type of a byte; take 'int8' or 'uint8'.")
