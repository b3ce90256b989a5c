"""ELF object files: what one asks others for, and one that holds nothing but bytes.

The format is that of the System V ABI, "Object Files".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pronghorn.engine.runtime.compile import CompilationError

_MAGIC = b"\x7fELF"
_BITS_32, _BITS_64 = 1, 2
_LITTLE = 1
_SYMBOLS, _STRINGS, _BYTES = 2, 3, 1  # types of sections
_ALLOCATED, _EXECUTED = 2, 4  # a section's flags: it is in memory while the program runs, or is code
_GLOBAL, _OBJECT, _FUNCTION = 1, 1, 2  # a symbol's binding, and types
_HIDDEN = 2  # other shared libraries do not see the symbol
_RELOCATABLE = 1  # a file's type
ALIGNMENT = 64


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


def _layout(data: bytes) -> _Layout:
    if data[:4] != _MAGIC or len(data) < 64 or data[4] not in _LAYOUTS or data[5] != _LITTLE:
        raise CompilationError("the object file is no ELF file of a little-endian machine")
    return _LAYOUTS[data[4]]


def undefined(data: bytes) -> list[str]:
    """The names that an object file asks other files for.

    Args:
        data: the object file.

    Raises:
        CompilationError: it is no ELF file.
    """
    return [name for name, info, section in _symbols(data) if not section and name]


def defined(data: bytes) -> list[str]:
    """The names that an object file has for other files.

    Raises:
        CompilationError: it is no ELF file.
    """
    return [name for name, info, section in _symbols(data) if section and info >> 4 == _GLOBAL]


def _symbols(data: bytes) -> Iterator[tuple[str, int, int]]:
    """(name, binding and type, section) of each symbol."""
    layout = _layout(data)
    header = struct.unpack_from(layout.header, data)
    start, size, count = header[6], header[11], header[12]
    sections = [struct.unpack_from(layout.section, data, start + i * size) for i in range(count)]
    for section in sections:
        if section[1] != _SYMBOLS:
            continue
        strings = sections[section[6]][4]
        for at in range(section[4] + section[9], section[4] + section[5], section[9]):  # the first stands for none
            name, info, place = layout.unpack_symbol(data, at)
            begin = strings + name
            yield data[begin : data.index(b"\0", begin)].decode(), info, place


def loaded_size(data: bytes) -> int:
    """How many bytes of an object file are in memory while a program runs: its code and its constants.

    Raises:
        CompilationError: it is no ELF file.
    """
    layout = _layout(data)
    header = struct.unpack_from(layout.header, data)
    sections = (struct.unpack_from(layout.section, data, header[6] + i * header[11]) for i in range(header[12]))
    return sum(section[5] for section in sections if section[2] & _ALLOCATED)


def of_bytes(symbol: str, content: bytes, like: bytes, is_code: bool = False) -> bytes:
    """An object file whose one symbol is constant bytes, which other files of the same library see.

    Args:
        symbol: its name.
        content: the bytes, which lie at a multiple of 64.
        like: another object file for the same machine.
        is_code: whether the bytes are a function.

    Raises:
        CompilationError: ``like`` is no ELF file.
    """
    layout = _layout(like)
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
        (section, _BYTES, _ALLOCATED | flags, content, 0, 0, ALIGNMENT, 0),
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
