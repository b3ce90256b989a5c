"""`tf.train.Example` and its parts: protocol buffers of that one kind, read and written by hand, for `pronghorn run`.

They print as protocol buffers do, features in the order of their names.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from pronghorn.callbacks.event_file import bytes_field, varint
from pronghorn.data.element import as_text, encoded
from pronghorn_tensorflow.files.wire import FOUR, LENGTH, VARINT, fields, read_varint


class Message:
    """What all messages can; subclasses say how they are written, read, and shown line by line."""

    def write(self) -> bytes:
        """The message as bytes."""
        raise NotImplementedError

    def read(self, data: bytes) -> None:
        """Add what bytes hold."""
        raise NotImplementedError

    def clear(self) -> None:
        """Become empty."""
        raise NotImplementedError

    def lines(self) -> Iterator[str]:
        """The message as text, line by line."""
        raise NotImplementedError

    def SerializeToString(self) -> bytes:
        """Return the message as bytes."""
        return self.write()

    def ByteSize(self) -> int:
        """Return how many bytes it takes."""
        return len(self.write())

    def ParseFromString(self, serialized: Any) -> int:
        """Become the message that bytes hold, and return how many they are.

        Raises:
            ValueError: if they hold none.
        """
        data = as_text(serialized).item()
        self.clear()
        try:
            self.read(data)
        except ValueError as error:
            raise ValueError(f"tf.train.{type(self).__name__}: {error}") from None
        return len(data)

    @classmethod
    def FromString(cls, serialized: Any) -> Self:
        """Return the message that bytes hold."""
        found = cls()
        found.ParseFromString(serialized)
        return found

    def CopyFrom(self, other: Self) -> None:
        """Become like another message."""
        self.ParseFromString(other.write())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.write() == other.write()  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(f"{line}\n" for line in self.lines())


def inside(name: str, message: Message) -> Iterator[str]:
    """A message as a field of another."""
    yield f"{name} {{"
    yield from (f"  {line}" for line in message.lines())
    yield "}"


def checked(kind: type[Message], owner: str, message: Any) -> Any:
    """A message that is to be of a kind.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(message, kind):
        raise TypeError(f"tf.train.{owner} takes a tf.train.{kind.__name__}; got {message!r}.")
    return message


class _Values(list):
    """The values of a list, each checked when it comes."""

    def __init__(self, of: _List, values: Any = ()) -> None:
        self._one = of.one
        super().__init__(map(self._one, values))

    def append(self, value: Any) -> None:
        super().append(self._one(value))

    def extend(self, values: Any) -> None:
        super().extend(map(self._one, values))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, map(self._one, value) if isinstance(key, slice) else self._one(value))


class _List(Message):
    """A list of values; subclasses say what they are."""

    number = 0

    def __init__(self, value: Any = ()) -> None:
        self.value = _Values(self, value)

    def one(self, value: Any) -> Any:
        """A value as the list has it."""
        raise NotImplementedError

    def clear(self) -> None:
        self.value.clear()

    def lines(self) -> Iterator[str]:
        return (f"value: {self.shown(x)}" for x in self.value)

    def shown(self, value: Any) -> str:
        """A value as text."""
        return str(value)


class BytesList(_List):
    """`tf.train.BytesList`.

    >>> BytesList(value=[b"caf\\xc3\\xa9"])
    value: "caf\\303\\251"
    <BLANKLINE>
    """

    number = 1

    def one(self, value: Any) -> bytes:
        if isinstance(value, str):
            raise TypeError(f"tf.train.BytesList: values are bytes; got {value!r}. Write {value!r}.encode().")
        if isinstance(value, bool | int | float):
            raise TypeError(f"tf.train.BytesList: values are bytes, in a list; got {value!r}.")
        return as_text(value).item()

    def write(self) -> bytes:
        return b"".join(bytes_field(1, x) for x in self.value)

    def read(self, data: bytes) -> None:
        self.value.extend(value for number, kind, value in fields(data) if number == 1 and kind == LENGTH)

    def shown(self, value: Any) -> str:
        return '"' + "".join(_ESCAPED.get(byte) or chr(byte) for byte in value) + '"'


_ESCAPED = {byte: f"\\{byte:03o}" for byte in (*range(32), *range(127, 256))}
_ESCAPED |= {ord(found): written for found, written in zip("\n\r\t\"'\\", ("\\n", "\\r", "\\t", '\\"', "\\'", "\\\\"))}


class FloatList(_List):
    """`tf.train.FloatList`: float32."""

    number = 2

    def one(self, value: Any) -> float:
        if isinstance(value, str | bytes):
            raise TypeError(f"tf.train.FloatList: values are numbers; got {value!r}.")
        return float(np.float32(value))

    def write(self) -> bytes:
        return bytes_field(1, np.asarray(self.value, "<f4").tobytes()) if self.value else b""

    def read(self, data: bytes) -> None:
        for number, kind, value in fields(data):
            if number == 1 and kind in (FOUR, LENGTH):
                self.value.extend(np.frombuffer(value[: len(value) // 4 * 4], "<f4").tolist())

    def shown(self, value: Any) -> str:
        """As few of six and nine digits as tell the value from its neighbours."""
        short = f"{value:.6g}"
        return short if value != value or np.float32(short) == np.float32(value) else f"{value:.9g}"


class Int64List(_List):
    """`tf.train.Int64List`."""

    number = 3

    def one(self, value: Any) -> int:
        try:
            found = int(value) if isinstance(value, np.bool_) else operator.index(value)
        except TypeError:
            raise TypeError(f"tf.train.Int64List: values are whole numbers; got {value!r}.") from None
        if not -(1 << 63) <= found < 1 << 63:
            raise ValueError(f"tf.train.Int64List: {value} is beyond the range of int64.")
        return found

    def write(self) -> bytes:
        return bytes_field(1, b"".join(map(varint, self.value))) if self.value else b""

    def read(self, data: bytes) -> None:
        found: list[int] = []
        for number, kind, value in fields(data):
            if number == 1 and kind == VARINT:
                found.append(value)
            elif number == 1 and kind == LENGTH:
                at = 0
                while at < len(value):
                    one, at = read_varint(value, at)
                    found.append(one)
        self.value.extend(x - (1 << 64) if x >> 63 else x for x in found)


_KINDS: dict[int, Any] = {kind.number: kind for kind in (BytesList, FloatList, Int64List)}
_NAMES: dict[Any, str] = {BytesList: "bytes_list", FloatList: "float_list", Int64List: "int64_list"}


class Feature(Message):
    """`tf.train.Feature`: one of the three kinds of lists.

    >>> Feature(int64_list=Int64List(value=[3]))
    int64_list {
      value: 3
    }
    <BLANKLINE>
    """

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        self._set: Any = None
        self._asked_for: dict[Any, Any] = {}  # lists that are there once they have values
        for kind, given in zip(_NAMES, (bytes_list, float_list, int64_list)):
            if given is not None:
                self._set = checked(kind, f"Feature: {_NAMES[kind]}", given)

    @property
    def list(self) -> Any:
        """The list that is there, or None."""
        return next((x for x in self._asked_for.values() if x.value), self._set)

    def _of(self, kind: Any) -> Any:
        found = self.list
        return found if isinstance(found, kind) else self._asked_for.setdefault(kind, kind())

    @property
    def bytes_list(self) -> BytesList:
        """The list of bytes; an empty one if another is there."""
        return self._of(BytesList)

    @property
    def float_list(self) -> FloatList:
        """The list of floats; an empty one if another is there."""
        return self._of(FloatList)

    @property
    def int64_list(self) -> Int64List:
        """The list of integers; an empty one if another is there."""
        return self._of(Int64List)

    def WhichOneof(self, group: str) -> str | None:
        """Return the name of the list that is there, or None."""
        return _NAMES.get(type(self.list))

    def HasField(self, name: str) -> bool:
        """Return whether the list of this name is there."""
        return self.WhichOneof("kind") == name

    def clear(self) -> None:
        self._set, self._asked_for = None, {}

    def write(self) -> bytes:
        return b"" if self.list is None else bytes_field(self.list.number, self.list.write())

    def read(self, data: bytes) -> None:
        for number, kind, value in fields(data):
            if number in _KINDS and kind == LENGTH:
                self._set = _KINDS[number]()
                self._set.read(value)

    def lines(self) -> Iterator[str]:
        return iter(()) if self.list is None else inside(_NAMES[type(self.list)], self.list)


class _ByName(dict[str, Feature]):
    """Features by name, made when they are first asked for."""

    def __missing__(self, name: str) -> Feature:
        self[name] = found = Feature()
        return found

    def __setitem__(self, name: str, feature: Any) -> None:
        super().__setitem__(name, checked(Feature, f"Features: {name!r}", feature))


class Features(Message):
    """`tf.train.Features`: features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = _ByName()
        for name, value in (feature or {}).items():
            self.feature[name] = value

    def clear(self) -> None:
        self.feature.clear()

    def write(self) -> bytes:
        pairs = ((encoded(name), feature.write()) for name, feature in sorted(self.feature.items()))
        return b"".join(bytes_field(1, bytes_field(1, name) + bytes_field(2, feature)) for name, feature in pairs)

    def read(self, data: bytes) -> None:
        for number, kind, entry in fields(data):
            if number == 1 and kind == LENGTH:
                parts = {n: value for n, k, value in fields(entry) if k == LENGTH}
                feature = self.feature[parts.get(1, b"").decode("utf-8", "replace")] = Feature()
                feature.read(parts.get(2, b""))

    def lines(self) -> Iterator[str]:
        for name, feature in sorted(self.feature.items()):
            yield "feature {"
            yield f"  key: {BytesList().shown(encoded(name))}"
            yield from (f"  {line}" for line in inside("value", feature))
            yield "}"


class Example(Message):
    """`tf.train.Example`.

    >>> example = Example(features=Features(feature={"n": Feature(int64_list=Int64List(value=[-1, 300]))}))
    >>> Example.FromString(example.SerializeToString()).features.feature["n"].int64_list.value
    [-1, 300]
    """

    def __init__(self, features: Features | None = None) -> None:
        self._is_empty = features is None
        self.features = Features() if features is None else checked(Features, "Example: features", features)

    def clear(self) -> None:
        self._is_empty = True
        self.features.clear()

    def write(self) -> bytes:
        return b"" if self._is_empty and not self.features.feature else bytes_field(1, self.features.write())

    def read(self, data: bytes) -> None:
        for number, kind, value in fields(data):
            if number == 1 and kind == LENGTH:
                self._is_empty = False
                self.features.read(value)

    def lines(self) -> Iterator[str]:
        return iter(()) if self._is_empty and not self.features.feature else inside("features", self.features)
