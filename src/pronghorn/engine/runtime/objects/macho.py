"""Mach-O object files of macOS: what one asks others for.

Source: Apple, "Mach-O File Format Reference", and the headers `mach-o/loader.h` and `mach-o/nlist.h`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MAGIC = 0xFEEDFACF  # of 64 bits, little-endian
_HEADER_BYTES = 32
_SYMBOLS = 2  # the command that says where symbols are
_COMMAND = struct.Struct("<II")  # kind, size
_TABLE = struct.Struct("<IIIIII")  # kind, size, place and number of symbols, place and size of their names
_SYMBOL = struct.Struct("<IBBHQ")  # name, type, section, description, value
_EXTERNAL, _TYPE = 0x01, 0x0E  # bits of a symbol's type


def is_macho(data: bytes) -> bool:
    """Whether bytes look like an object file of macOS."""
    return len(data) >= _HEADER_BYTES and struct.unpack_from("<I", data)[0] == _MAGIC


def symbols(data: bytes) -> Iterator[tuple[str, bool]]:
    """The symbols that files share: their names as C has them, and whether this file defines them."""
    at = _HEADER_BYTES
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        kind, size = _COMMAND.unpack_from(data, at)
        if kind == _SYMBOLS:
            _, _, place, count, strings, _ = _TABLE.unpack_from(data, at)
            for index in range(count):
                name, what, _, _, value = _SYMBOL.unpack_from(data, place + index * _SYMBOL.size)
                if what & _EXTERNAL:
                    begin = strings + name
                    text = data[begin : data.index(b"\0", begin)].decode()
                    yield text.removeprefix("_"), bool(what & _TYPE or value)
        at += size
