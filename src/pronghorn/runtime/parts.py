"""A module cut into parts that cores compile at the same time, and the objects that come of them.

Kernels are functions that only the step's table of functions refers to, so that any of them may be in a module of its
own. What is not (constants, declarations and `internal` functions, none of which keeps a state) is in each part; LLVM
drops what a part does not use.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

PART = 1 << 17  # the least text that is worth a thread: LLVM takes about 50 ms for it

_DEFINITION = re.compile(r"^define ", re.MULTILINE)
_LOCAL = re.compile(r"(internal|private)\b")
_NAME = re.compile(r"@([-\w.$]+)\(")


@dataclass
class Part:
    """A part of a module.

    Attributes:
        text: its LLVM IR.
        elsewhere: the functions that it declares and other parts define.
    """

    text: str
    elsewhere: frozenset[str] = frozenset()


@dataclass
class _Bin:
    functions: list[str] = field(default_factory=list)
    size: int = 0


def cut(text: str, most: int) -> list[Part]:
    """Cut a module's text, as the code generator writes it, into parts of about equal size.

    Args:
        text: LLVM IR in which every function begins and ends on a line of its own.
        most: how many parts there may be.

    Returns:
        The parts; one for a short text.

    >>> module = "".join(f"define void @k{i}() {{\\n  ret void\\n}}\\n" for i in range(3))
    >>> [part.elsewhere for part in cut(module, 2)]
    [frozenset()]
    """
    count = min(most, len(text) // PART)
    if count < 2:
        return [Part(text)]
    common, functions = _apart(text)
    heads = {function: _head(function) for function in functions}
    bins = [_Bin() for _ in range(count)]
    for function in sorted(functions, key=len, reverse=True):
        smallest = min(bins, key=lambda each: each.size)
        smallest.functions.append(function)
        smallest.size += len(function)
    parts = []
    for each in filter(lambda each: each.functions, bins):
        others = heads.keys() - set(each.functions)
        declared = [f"declare {head}\n" for function, (_, head) in heads.items() if function in others]
        parts.append(Part("".join([common, *each.functions, *declared]), frozenset(heads[f][0] for f in others)))
    return parts


def declarations(text: str) -> str:
    """Declare what a module defines for others.

    >>> print(declarations("define i64 @next(i64 %x) nounwind {\\n  ret i64 %x\\n}\\n"), end="")
    declare i64 @next(i64 %x)
    """
    return "".join(f"declare {_head(function)[1]}\n" for function in _apart(text)[1])


def _apart(text: str) -> tuple[str, list[str]]:
    """What all parts need, and the functions that other modules can call."""
    common, functions, end = [], [], 0
    for match in _DEFINITION.finditer(text):
        if match.start() >= end and not _LOCAL.match(text, match.end()):
            stop = text.index("\n}\n", match.end()) + 3
            common.append(text[end : match.start()])
            functions.append(text[match.start() : stop])
            end = stop
    return "".join([*common, text[end:]]), functions


def _head(function: str) -> tuple[str, str]:
    """A function's name, and its result, name and parameters, as a declaration has them."""
    line = function[len("define ") : function.index("\n")]
    match = _NAME.search(line)
    assert match is not None, line
    depth, end = 1, match.end()
    while depth:
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        end += 1
    return match[1], line[:end]


def pack(objects: Sequence[bytes]) -> bytes:
    """Object files as one string of bytes.

    >>> unpack(pack([b"one", b"", b"three"]))
    [b'one', b'', b'three']
    """
    return b"".join([struct.pack("<Q", len(objects)), *(struct.pack("<Q", len(each)) + each for each in objects)])


def unpack(data: bytes) -> list[bytes]:
    """The object files that `pack` put together.

    Raises:
        ValueError: these are others' bytes.
    """
    try:
        (count,) = struct.unpack_from("<Q", data)
        objects, place = [], 8
        for _ in range(count):
            (size,) = struct.unpack_from("<Q", data, place)
            objects.append(data[place + 8 : place + 8 + size])
            place += 8 + size
    except struct.error as error:
        raise ValueError(f"these are no object files: {error}") from None
    if place != len(data):
        raise ValueError(f"object files of {place} bytes are kept in {len(data)}")
    return objects
