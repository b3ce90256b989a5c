"""Object files, of whatever system: what one asks others for, and one that holds nothing but bytes.

`elf` knows those of Linux and of what has no system, `coff` those of Windows, `macho` those of macOS.
"""

from __future__ import annotations

import struct
from types import ModuleType

from pronghorn.engine.runtime.objects import coff, elf, macho

ALIGNMENT = 64
"""Of the bytes that `of_bytes` writes."""


class ObjectFileError(RuntimeError):
    """Bytes are no object file that is known."""


def undefined(data: bytes) -> list[str]:
    """The names that an object file asks other files for.

    Args:
        data: the object file.

    Raises:
        ObjectFileError: it is none that is known.
    """
    return [name for name, is_here in _symbols(data) if not is_here]


def defined(data: bytes) -> list[str]:
    """The names that an object file has for other files.

    Args:
        data: the object file.

    Raises:
        ObjectFileError: it is none that is known.
    """
    return [name for name, is_here in _symbols(data) if is_here]


def _symbols(data: bytes) -> list[tuple[str, bool]]:
    for is_one, kind in ((elf.is_elf, elf), (coff.is_coff, coff), (macho.is_macho, macho)):
        if is_one(data):
            try:
                return list(kind.symbols(data))
            except (struct.error, ValueError) as error:
                raise ObjectFileError(f"the object file is damaged: {error}") from None
    raise ObjectFileError("this is no object file of a little-endian machine: neither ELF, COFF nor Mach-O of 64 bits")


def loaded_size(data: bytes) -> int:
    """How many bytes of an object file are in memory while a program runs: its code and its constants.

    Raises:
        ObjectFileError: it is neither ELF nor COFF.
    """
    size: int = _written(data).loaded_size(data)
    return size


def of_bytes(symbol: str, content: bytes, like: bytes, is_code: bool = False) -> bytes:
    """An object file whose one symbol is constant bytes, which other files of the same library see.

    Args:
        symbol: its name.
        content: the bytes, which lie at a multiple of `ALIGNMENT`.
        like: another object file for the same machine.
        is_code: whether the bytes are a function.

    Raises:
        ObjectFileError: ``like`` is neither ELF nor COFF.
    """
    made: bytes = _written(like).of_bytes(symbol, content, like, is_code)
    return made


def _written(data: bytes) -> ModuleType:
    if elf.is_elf(data):
        return elf
    if coff.is_coff(data):
        return coff
    raise ObjectFileError("the object file is neither ELF nor COFF")
