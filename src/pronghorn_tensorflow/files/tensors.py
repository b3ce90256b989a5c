"""TensorFlow's message of a tensor, as `tf.io.serialize_tensor` and `parse_tensor` write and read it."""

from __future__ import annotations

import struct

import numpy as np

from pronghorn.callbacks.event_file import bytes_field, varint
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.files.wire import LENGTH, VARINT, fields

_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_NUMBERS = {name: number for number, name in _DTYPES.items()}


def write_tensor(array: np.ndarray, dtype: str) -> bytes:
    """An array as TensorFlow's message of a tensor."""
    shape = b"".join(bytes_field(2, varint(1 << 3) + varint(extent)) for extent in array.shape)
    if dtype not in _NUMBERS:
        raise ValueError(f"tf.io.serialize_tensor: tensors of type {dtype} cannot be written.")
    head = varint(1 << 3) + varint(_NUMBERS[dtype]) + bytes_field(2, shape)
    if dtype == "string":
        return head + b"".join(bytes_field(8, x) for x in array.ravel().tolist())
    return head + bytes_field(4, array.astype(_in_order(dtype)).tobytes())


def _in_order(dtype: str) -> np.dtype:
    """A type of numbers, its lowest byte first; those that NumPy does not know are as the machine has them."""
    kind = np.dtype(dtypes.to_numpy(dtype))
    return kind if kind.isbuiltin == 2 else kind.newbyteorder("<")


def read_tensor(data: bytes) -> tuple[np.ndarray, str]:
    """The array in TensorFlow's message of a tensor, and its type.

    Raises:
        ValueError: for other data.
    """
    dtype, shape, content, strings = "", [], b"", []
    for number, kind, value in fields(data):
        if number == 1 and kind == VARINT:
            dtype = _DTYPES.get(value, str(value))
        elif number == 2 and kind == LENGTH:
            for n, k, extent in fields(value):
                if n == 2 and k == LENGTH:
                    shape.append(next((v for m, j, v in fields(extent) if m == 1 and j == VARINT), 0))
        elif number == 4 and kind == LENGTH:
            content = value
        elif number == 8 and kind == LENGTH:
            strings.append(value)
    try:
        if dtype == "string":
            array = np.empty(len(strings), object)
            array[:] = strings
            return array.reshape(shape), dtype
        return np.frombuffer(content, _in_order(dtype)).astype(dtypes.to_numpy(dtype)).reshape(shape), dtype
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise ValueError(f"tf.io.parse_tensor: the data holds no tensor of a known kind: {error}.") from None
