"""The fields of protocol buffers, read by hand, for `pronghorn run`.

What is read is data from a stranger: lengths are checked against what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a place, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value & (1 << 64) - 1, at
    raise ValueError("The data is cut off within a number.")


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The number, the kind and the content of each field of a message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, kind, value
            continue
        if kind == LENGTH:
            size, at = read_varint(data, at)
        elif kind in (EIGHT, FOUR):
            size = 8 if kind == EIGHT else 4
        else:
            raise ValueError(f"The data is no message (a field of kind {kind}).")
        if at + size > len(data):
            raise ValueError("The data is cut off.")
        yield number, kind, data[at : at + size]
        at += size
