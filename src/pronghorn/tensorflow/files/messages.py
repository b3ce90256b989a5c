"""`tf.train.Example` and its parts: protocol buffers of that one kind, read and written by hand, for `pronghorn run`.

What is read is data from a stranger: lengths are checked against what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pronghorn.callbacks.event_file import bytes_field, varint
from pronghorn.data.element import as_text, encoded
from pronghorn.graph import dtypes

_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value & (1 << 64) - 1, at
    raise ValueError("tf.train.Example: the data is cut off within a number.")


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The number, the kind and the content of each field of a message."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, kind, value
            continue
        if kind == _LENGTH:
            size, at = _read_varint(data, at)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"tf.train.Example: the data is no message (a field of kind {kind}).")
        if at + size > len(data):
            raise ValueError("tf.train.Example: the data is cut off.")
        yield number, kind, data[at : at + size]
        at += size


class _List:
    """A list of values; subclasses say how they are written."""

    number = 0

    def __init__(self, value: Any = ()) -> None:
        self.value = [self._one(x) for x in value]

    def _one(self, value: Any) -> Any:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.value == other.value  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(value={self.value!r})"


class BytesList(_List):
    """`tf.train.BytesList`."""

    number = 1

    def _one(self, value: Any) -> bytes:
        if isinstance(value, str):
            raise TypeError(f"tf.train.BytesList: values are bytes; got {value!r}. Write {value!r}.encode().")
        return as_text(value).item()

    def write(self) -> bytes:
        return b"".join(bytes_field(1, x) for x in self.value)

    @classmethod
    def read(cls, data: bytes) -> BytesList:
        return cls([value for number, kind, value in _fields(data) if number == 1 and kind == _LENGTH])


class FloatList(_List):
    """`tf.train.FloatList`: float32."""

    number = 2

    def _one(self, value: Any) -> float:
        return float(np.float32(value))

    def write(self) -> bytes:
        return bytes_field(1, np.asarray(self.value, "<f4").tobytes()) if self.value else b""

    @classmethod
    def read(cls, data: bytes) -> FloatList:
        found: list[float] = []
        for number, kind, value in _fields(data):
            if number == 1 and kind in (_FOUR, _LENGTH):
                found += np.frombuffer(value[: len(value) // 4 * 4], "<f4").tolist()
        return cls(found)


class Int64List(_List):
    """`tf.train.Int64List`."""

    number = 3

    def _one(self, value: Any) -> int:
        return int(value)

    def write(self) -> bytes:
        return bytes_field(1, b"".join(map(varint, self.value))) if self.value else b""

    @classmethod
    def read(cls, data: bytes) -> Int64List:
        found: list[int] = []
        for number, kind, value in _fields(data):
            if number == 1 and kind == _VARINT:
                found.append(value)
            elif number == 1 and kind == _LENGTH:
                at = 0
                while at < len(value):
                    one, at = _read_varint(value, at)
                    found.append(one)
        return cls([x - (1 << 64) if x >> 63 else x for x in found])


_KINDS: dict[int, Any] = {kind.number: kind for kind in (BytesList, FloatList, Int64List)}


class Feature:
    """`tf.train.Feature`: one of the three kinds of lists."""

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        given = [x for x in (bytes_list, float_list, int64_list) if x is not None]
        self.list: Any = given[-1] if given else None

    def _of(self, kind: Any) -> Any:
        return self.list if isinstance(self.list, kind) else kind()

    @property
    def bytes_list(self) -> BytesList:
        return self._of(BytesList)

    @property
    def float_list(self) -> FloatList:
        return self._of(FloatList)

    @property
    def int64_list(self) -> Int64List:
        return self._of(Int64List)

    def WhichOneof(self, group: str) -> str | None:
        """Return the name of the list that is there, or None."""
        names = {BytesList: "bytes_list", FloatList: "float_list", Int64List: "int64_list"}
        return names.get(type(self.list))

    def write(self) -> bytes:
        return b"" if self.list is None else bytes_field(self.list.number, self.list.write())

    @classmethod
    def read(cls, data: bytes) -> Feature:
        found = cls()
        for number, kind, value in _fields(data):
            if number in _KINDS and kind == _LENGTH:
                found.list = _KINDS[number].read(value)
        return found


class Features:
    """`tf.train.Features`: features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = dict(feature or {})

    def write(self) -> bytes:
        pairs = ((encoded(name), feature.write()) for name, feature in sorted(self.feature.items()))
        return b"".join(bytes_field(1, bytes_field(1, name) + bytes_field(2, feature)) for name, feature in pairs)

    @classmethod
    def read(cls, data: bytes) -> Features:
        found = cls()
        for number, kind, entry in _fields(data):
            if number == 1 and kind == _LENGTH:
                parts = {n: value for n, k, value in _fields(entry) if k == _LENGTH}
                found.feature[parts.get(1, b"").decode("utf-8", "replace")] = Feature.read(parts.get(2, b""))
        return found


class Example:
    """`tf.train.Example`.

    >>> example = Example(features=Features(feature={"n": Feature(int64_list=Int64List(value=[-1, 300]))}))
    >>> Example.FromString(example.SerializeToString()).features.feature["n"].int64_list.value
    [-1, 300]
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """Return the example as bytes."""
        return bytes_field(1, self.features.write())

    def ParseFromString(self, serialized: Any) -> int:
        """Become the example that bytes hold.

        Raises:
            ValueError: if they hold none.
        """
        data = as_text(serialized).item()
        self.features = Features()
        for number, kind, value in _fields(data):
            if number == 1 and kind == _LENGTH:
                self.features.feature.update(Features.read(value).feature)
        return len(data)

    @classmethod
    def FromString(cls, serialized: Any) -> Example:
        """Return the example that bytes hold."""
        found = cls()
        found.ParseFromString(serialized)
        return found

    def __repr__(self) -> str:
        return f"Example({ {name: feature.list for name, feature in sorted(self.features.feature.items())} })"


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
    for number, kind, value in _fields(data):
        if number == 1 and kind == _VARINT:
            dtype = _DTYPES.get(value, str(value))
        elif number == 2 and kind == _LENGTH:
            for n, k, extent in _fields(value):
                if n == 2 and k == _LENGTH:
                    shape.append(next((v for m, j, v in _fields(extent) if m == 1 and j == _VARINT), 0))
        elif number == 4 and kind == _LENGTH:
            content = value
        elif number == 8 and kind == _LENGTH:
            strings.append(value)
    try:
        if dtype == "string":
            array = np.empty(len(strings), object)
            array[:] = strings
            return array.reshape(shape), dtype
        return np.frombuffer(content, _in_order(dtype)).astype(dtypes.to_numpy(dtype)).reshape(shape), dtype
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise ValueError(f"tf.io.parse_tensor: the data holds no tensor of a known kind: {error}.") from None
