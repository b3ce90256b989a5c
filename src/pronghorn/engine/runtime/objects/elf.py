"""ELF object files of Linux and others: what one asks others for, and one that holds nothing but bytes.

Source: System V ABI, "Object Files".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = b"\x7fELF"
_BITS_32, _BITS_64 = 1, 2
_LITTLE = 1
_SYMBOLS, _STRINGS, _BYTES = 2, 3, 1  # types of sections
_ALLOCATED, _EXECUTED = 2, 4  # a section's flags: it is in memory while the program runs, or is code
_GLOBAL, _OBJECT, _FUNCTION = 1, 1, 2  # a symbol's binding, and types
_ALIGNMENT = 64
_HIDDEN = 2  # other shared libraries do not see the symbol
_RELOCATABLE = 1  # a file's type


@dataclass(frozen=True)
class _Layout:
    """How the structures of a file are packed: by the width of its addresses."""

    header: str
    section: str
    symbol: str
    is_wide: bool

    def pack_symbol(self, name: int, value: int, size: int, info: int, other: int, section: int) -> bytes:
        if self.is_wide:
            return struct.pack(self.symbol, name, info, other, section, value, size)
        return struct.pack(self.symbol, name, value, size, info, other, section)

    def unpack_symbol(self, data: bytes, at: int) -> tuple[int, int, int]:
        """(name, binding and type, section) of a symbol."""
        fields = struct.unpack_from(self.symbol, data, at)
        return (fields[0], fields[1], fields[3]) if self.is_wide else (fields[0], fields[3], fields[5])


_LAYOUTS = {
    _BITS_32: _Layout("<16sHHIIIIIHHHHHH", "<10I", "<IIIBBH", False),
    _BITS_64: _Layout("<16sHHIQQQIHHHHHH", "<IIQQQQIIQQ", "<IBBHQQ", True),
}


def is_elf(data: bytes) -> bool:
    """Whether bytes look like an ELF file of a little-endian machine."""
    return data[:4] == _MAGIC and len(data) >= 64 and data[4] in _LAYOUTS and data[5] == _LITTLE


def symbols(data: bytes) -> Iterator[tuple[str, bool]]:
    """The symbols that files share: their names, and whether this file defines them."""
    layout = _LAYOUTS[data[4]]
    header = struct.unpack_from(layout.header, data)
    start, size, count = header[6], header[11], header[12]
    sections = [struct.unpack_from(layout.section, data, start + i * size) for i in range(count)]
    for section in sections:
        if section[1] != _SYMBOLS:
            continue
        strings = sections[section[6]][4]
        # The first that others see stands behind all local ones.
        for at in range(section[4] + section[7] * section[9], section[4] + section[5], section[9]):
            name, info, place = layout.unpack_symbol(data, at)
            if not place or info >> 4 == _GLOBAL:
                begin = strings + name
                yield data[begin : data.index(b"\0", begin)].decode(), bool(place)


def loaded_size(data: bytes) -> int:
    """How many bytes of an object file are in memory while a program runs: its code and its constants."""
    layout = _LAYOUTS[data[4]]
    header = struct.unpack_from(layout.header, data)
    sections = (struct.unpack_from(layout.section, data, header[6] + i * header[11]) for i in range(header[12]))
    return sum(section[5] for section in sections if section[2] & _ALLOCATED)


def of_bytes(symbol: str, content: bytes, like: bytes, is_code: bool) -> bytes:
    """An object file whose one symbol is constant bytes; see `objects.of_bytes`."""
    layout = _LAYOUTS[like[4]]
    given = struct.unpack_from(layout.header, like)
    section, kind, flags = (b".text", _FUNCTION, _EXECUTED) if is_code else (b".rodata", _OBJECT, 0)
    names = b"\0" + section + b"\0.note.GNU-stack\0.symtab\0.strtab\0.shstrtab\0"
    strings = b"\0" + symbol.encode() + b"\0"
    symbols = layout.pack_symbol(0, 0, 0, 0, 0, 0) + layout.pack_symbol(
        1, 0, len(content), _GLOBAL << 4 | kind, _HIDDEN, 1
    )
    one = struct.calcsize(layout.symbol)
    # name, type, flags, content, other section, first global symbol, alignment, size of an entry
    sections = [
        (section, _BYTES, _ALLOCATED | flags, content, 0, 0, _ALIGNMENT, 0),
        (b".note.GNU-stack", _BYTES, 0, b"", 0, 0, 1, 0),  # says that the stack need not be executable
        (b".symtab", _SYMBOLS, 0, symbols, 4, 1, 8, one),
        (b".strtab", _STRINGS, 0, strings, 0, 0, 1, 0),
        (b".shstrtab", _STRINGS, 0, names, 0, 0, 1, 0),
    ]
    parts = [bytes(struct.calcsize(layout.header))]
    table = [struct.pack(layout.section, *([0] * 10))]
    at = len(parts[0])
    for name, kind, flags, data, link, info, alignment, entry in sections:
        parts.append(bytes(-at % alignment))
        at += len(parts[-1])
        place = names.index(name + b"\0")
        table.append(struct.pack(layout.section, place, kind, flags, 0, at, len(data), link, info, alignment, entry))
        parts.append(data)
        at += len(data)
    parts.append(bytes(-at % 8))
    at += len(parts[-1])
    identity, machine, version, flags = given[0], given[2], given[3], given[7]
    sizes = struct.calcsize(layout.header), 0, 0, struct.calcsize(layout.section), len(table), len(sections)
    parts[0] = struct.pack(layout.header, identity, _RELOCATABLE, machine, version, 0, 0, at, flags, *sizes)
    return b"".join([*parts, *table])
