"""COFF object files of Windows on x86-64 and ARM: what one asks others for, and one that holds nothing but bytes.

Source: Microsoft, "PE Format", its part on object files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MACHINES = (0x8664, 0xAA64)  # x86-64, ARM of 64 bits

_HEADER = struct.Struct("<HHIIIHH")  # machine, sections, time, place and number of symbols, two that are for programs
_SECTION = struct.Struct("<8sIIIIIIHHI")  # name, two for programs, size, place, relocations and lines, flags
_SYMBOL = struct.Struct("<8sIhHBB")  # name, value, section, type, storage class, further entries
_EXTERNAL, _STATIC = 2, 3  # storage classes
_FUNCTION = 0x20  # a symbol's type
_CODE, _READ_ONLY = 0x60000020, 0x40000040  # sections' flags: code that is run and read, data that is read
_ALIGNED_64 = 0x00700000
_REMOVED, _DISCARDED, _INFORMATION = 0x800, 0x2000000, 0x200  # sections' flags: a program has nothing of them


def is_coff(data: bytes) -> bool:
    """Whether bytes look like an object file of Windows."""
    return len(data) >= _HEADER.size and struct.unpack_from("<H", data)[0] in MACHINES


def symbols(data: bytes) -> Iterator[tuple[str, bool]]:
    """The symbols that files share: their names, and whether this file defines them."""
    _, _, _, place, count, _, _ = _HEADER.unpack_from(data)
    strings = place + count * _SYMBOL.size
    index = 0
    while index < count:
        raw, value, section, _, storage, further = _SYMBOL.unpack_from(data, place + index * _SYMBOL.size)
        if storage == _EXTERNAL:
            yield _name(raw, data, strings), section != 0 or value != 0  # a value without a section is a size
        index += 1 + further


def _name(raw: bytes, data: bytes, strings: int) -> str:
    if raw[:4] != bytes(4):
        return raw.rstrip(b"\0").decode()
    begin = strings + struct.unpack_from("<I", raw, 4)[0]
    return data[begin : data.index(b"\0", begin)].decode()


def loaded_size(data: bytes) -> int:
    """How many bytes of an object file are in memory while a program runs: its code and its constants."""
    _, count, _, _, _, optional, _ = _HEADER.unpack_from(data)
    start = _HEADER.size + optional
    sections = (_SECTION.unpack_from(data, start + i * _SECTION.size) for i in range(count))
    return sum(s[3] for s in sections if not s[-1] & (_REMOVED | _DISCARDED | _INFORMATION))


def of_bytes(symbol: str, content: bytes, like: bytes, is_code: bool) -> bytes:
    """An object file whose one symbol is constant bytes; see `objects.of_bytes`."""
    (machine,) = struct.unpack_from("<H", like)
    name, flags = (b".text", _CODE) if is_code else (b".rdata", _READ_ONLY)
    place = _HEADER.size + _SECTION.size
    table = place + len(content)
    header = _HEADER.pack(machine, 1, 0, table, 1, 0, 0)
    section = _SECTION.pack(name, 0, 0, len(content), place, 0, 0, 0, 0, flags | _ALIGNED_64)
    strings = symbol.encode() + b"\0"
    entry = _SYMBOL.pack(struct.pack("<II", 0, 4), 0, 1, _FUNCTION if is_code else 0, _EXTERNAL, 0)
    return b"".join([header, section, content, entry, struct.pack("<I", 4 + len(strings)), strings])
