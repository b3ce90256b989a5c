"""Static libraries: archives of object files in the format of System V and GNU, with an index of their symbols."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

_MAGIC = b"!<arch>\n"
_MOST_NAME = 15  # a longer name is in a member of its own


def archive(files: Mapping[str, bytes], symbols: Mapping[str, Sequence[str]]) -> bytes:
    """An archive, the same for the same files whenever it is made.

    Args:
        files: object files by name.
        symbols: for each of them the symbols that it defines for others.

    >>> archive({"one.o": b"code"}, {"one.o": ["f"]})[:24]
    b'!<arch>\\n/               '
    """
    long_names = b"".join(name.encode() + b"/\n" for name in files if len(name) > _MOST_NAME)
    index_size = 4 + sum(4 + len(symbol) + 1 for names in symbols.values() for symbol in names)
    at = len(_MAGIC) + len(_member("/", bytes(index_size)))
    members = [_member("//", long_names)] if long_names else []
    at += sum(map(len, members))
    places, written = [], b""
    for name, content in files.items():
        places += [at] * len(symbols.get(name, ()))
        long_at = long_names.find(name.encode() + b"/\n") if len(name) > _MOST_NAME else -1
        member = _member(f"/{long_at}" if long_at >= 0 else f"{name}/", content)
        written += member
        at += len(member)
    names = b"".join(symbol.encode() + b"\0" for name in files for symbol in symbols.get(name, ()))
    index = struct.pack(f">{len(places) + 1}I", len(places), *places) + names
    return b"".join([_MAGIC, _member("/", index), *members, written])


def _member(name: str, content: bytes) -> bytes:
    """A member: no date, no owner."""
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n"
    return head.encode() + content + b"\n" * (len(content) % 2)
