"""A module cut into parts that cores compile at the same time, and the objects that come of them.

Kernels are functions that only the step's table of functions refers to, so that any of them may be in a module of its
own. What is not (constants, declarations and `internal` functions, none of which keeps a state) is in each part that
uses it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

PART = 1 << 17  # the least text that is worth a thread: LLVM takes about 50 ms for it

_LOCAL = re.compile(r"define (internal|private)\b")
_NAME = re.compile(r"@([-\w.$]+)\(")
_USED = re.compile(r"@([-\w.$]+)")


@dataclass
class Part:
    """A part of a module.

    Attributes:
        text: its LLVM IR.
        elsewhere: the functions that it declares and other parts define.
    """

    text: str
    elsewhere: frozenset[str] = frozenset()


class Definitions:
    """What a module defines and declares, by name, so that a part of it gets what it uses."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}  # constants, declarations and internal functions
        self._heads: dict[str, str] = {}  # of the functions that other modules can call, as declarations have them
        self._unnamed: dict[str, None] = {}  # what has no name is in every part

    def add(self, text: str) -> list[str]:
        """Take in some of the module's text, as the code generator writes it.

        Args:
            text: LLVM IR in which every function, constant and declaration begins on a line of its own. What has been
                taken in before may come again.

        Returns:
            The functions in it that other modules can call.
        """
        functions, end = [], 0
        while end < len(text):
            start, end = end, text.find("\n", end) + 1 or len(text)
            if text.startswith("define ", start):
                end = text.index("\n}", start) + 3
                function = text[start:end].rstrip("\n") + "\n"
                name, head = _head(function)
                if _LOCAL.match(function):
                    self._shared[name] = function
                else:
                    self._heads[name] = head
                    functions.append(function)
            elif text[start:end].strip():
                line = text[start:end].rstrip("\n") + "\n"
                used = _USED.search(line)
                if used is None:
                    self._unnamed[line] = None
                else:
                    self._shared.setdefault(used[1], line)
        return functions

    def part(self, functions: Sequence[str]) -> Part:
        """The part that has these functions of the module, and what they use."""
        own = {_head(function)[0] for function in functions}
        needed: dict[str, str] = {}
        elsewhere = set()
        unread = [*functions, *self._unnamed]
        while unread:
            for name in dict.fromkeys(_USED.findall(unread.pop())):
                if name in own or name in needed:
                    continue
                if name in self._heads:
                    needed[name] = f"declare {self._heads[name]}\n"
                    elsewhere.add(name)
                elif name in self._shared:
                    needed[name] = self._shared[name]
                    unread.append(needed[name])
        return Part("".join([*self._unnamed, *needed.values(), *functions]), frozenset(elsewhere))


def cut(text: str, most: int) -> list[Part]:
    """Cut a module's text into parts of about equal size.

    Args:
        text: LLVM IR, as `Definitions.add` takes it.
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
    definitions = Definitions()
    bins: list[list[str]] = [[] for _ in range(count)]
    sizes = [0] * count
    for function in sorted(definitions.add(text), key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        bins[smallest].append(function)
        sizes[smallest] += len(function)
    return [definitions.part(functions) for functions in bins if functions]


def declarations(text: str) -> str:
    """Declare what a module defines for others.

    >>> print(declarations("define i64 @next(i64 %x) nounwind {\\n  ret i64 %x\\n}\\n"), end="")
    declare i64 @next(i64 %x)
    """
    return "".join(f"declare {_head(function)[1]}\n" for function in Definitions().add(text))


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
