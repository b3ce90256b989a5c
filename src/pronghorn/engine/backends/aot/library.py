"""Steps compiled ahead of time into the object files of a C library that needs no runtime."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pronghorn.engine.backends.aot import dispatch, probes, sequential, walking
from pronghorn.engine.backends.aot.entry import Entry, EntryWriter
from pronghorn.engine.backends.aot.modules import needed
from pronghorn.engine.backends.aot.sizes import grain_function
from pronghorn.engine.backends.aot.standins import compiled
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.machines import Machine

ALLOWED = frozenset(("memcpy", "memset", "memmove"))
"""What a library may ask the C library for."""

_TABLE = "_GLOBAL_OFFSET_TABLE_"  # which linkers make

_DEFINED = re.compile(r"^(?:define [^@\n]*@([-\w.$]+)\(|@([-\w.$]+) =)", re.MULTILINE)
_USED = re.compile(r"@([-\w.$]+)")


class Data:
    """Constant bytes of a library, at multiples of 64; what is added twice is there once.

    Args:
        symbol: its name.

    Attributes:
        size: how many bytes there are.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.size = 0
        self._places: dict[bytes, int] = {}

    def add(self, array: np.ndarray) -> int:
        """Take in an array; returns its offset."""
        content = np.ascontiguousarray(array).tobytes()
        if content not in self._places:
            self._places[content] = self.size
            self.size += len(content) + -len(content) % objects.ALIGNMENT
        return self._places[content]

    def content(self) -> bytes:
        """All of it."""
        return b"".join(part + bytes(-len(part) % objects.ALIGNMENT) for part in self._places)


@dataclass
class Compiled:
    """A library that has been compiled.

    Attributes:
        files: object files by name: the code, and the data if there is any.
        arena: how many bytes a call needs; 0 where that depends on sizes.
    """

    files: dict[str, bytes]
    arena: int = 0


def compile_library(
    name: str, entries: Sequence[Entry], data: Data, machine: Machine, others: str = "", exported: Iterable[str] = ()
) -> Compiled:
    """Compile a library.

    Args:
        name: what its functions' names begin with.
        entries: the functions that run steps.
        data: what variables of `Block`s with a symbol lie in; the steps' constants are added.
        machine: the machine.
        others: LLVM IR of more functions.
        exported: which of these can be called from outside.

    Raises:
        CompilationError: a step cannot be compiled, as `build` says.
    """
    made = Compiled({})
    if machine.levels:
        codes = {level: _code(name, entries, data, each, made) for level, each in machine.levels.items()}
        made.files |= dispatch.chosen(name, codes, machine, others + _external(data), set(exported))
    else:
        text = _code(name, entries, data, machine, made) + others
        text = needed(text, {arena_size(name), *exported, *(each for entry in entries for each in entry.names)})
        made.files[f"{name}.o"] = compiled(text, machine, name)
    if any(probes.NAME in objects.undefined(content) for content in made.files.values()):
        code = made.files[f"{name}.o"]
        made.files[f"{name}_stack.o"] = objects.of_bytes(probes.NAME, probes.CODE, code, is_code=True)
    if data.size:
        made.files[f"{name}_data.o"] = objects.of_bytes(data.symbol, data.content(), made.files[f"{name}.o"])
    return made


def arena_size(name: str) -> str:
    """The name of the function that says how large an arena is."""
    return f"{name}_arena_size"


def _code(name: str, entries: Sequence[Entry], data: Data, machine: Machine, made: Compiled) -> str:
    """The LLVM IR of the functions that run steps, and of the one that says how large an arena they need.

    Where that is a number, ``made`` learns it.
    """
    is_parallel = any(entry.is_parallel for entry in entries)
    texts = [sequential.RUNTIME_IR, walking.walkers(is_parallel)]
    for number, entry in enumerate(entries):
        writer = _written(entry, data, machine)
        made.arena = max(made.arena, writer.arena)
        texts.append(_own_names(writer.text, f"f{number}.", entry))
    return "".join([*texts, _common(arena_size(name), entries, machine), _external(data)])


def _external(data: Data) -> str:
    return f"@{data.symbol} = external hidden constant i8, align {objects.ALIGNMENT}\n"


def calls_outside(files: Iterable[bytes]) -> list[str]:
    """The functions that object files of a library call and nobody has to have."""
    contents = list(files)
    own = {name for content in contents for name in objects.defined(content)}
    names = dict.fromkeys(name for content in contents for name in objects.undefined(content))
    return [name for name in names if name not in ALLOWED and name not in own and name != _TABLE]


def _written(entry: Entry, data: Data, machine: Machine) -> EntryWriter:
    """An entry and its step as LLVM IR."""
    built = build(entry.traced, (), machine.target, False)
    offsets = {slot: data.add(array) for slot, array in built.plan.constants.items()}
    writer = EntryWriter(entry, built, (data.symbol, offsets), machine)
    writer.write()
    return writer


def _own_names(text: str, prefix: str, entry: Entry) -> str:
    """The text with a prefix before the name of all that it defines, but for the functions of the entry itself."""
    names = {a or b for a, b in _DEFINED.findall(text)}
    own = {name for name in names.difference(entry.names) if not name.startswith(f"{entry.name}.")}
    return _USED.sub(lambda match: f"@{prefix}{match[1]}" if match[1] in own else match[0], text)


def _common(arena: str, entries: Sequence[Entry], machine: Machine) -> str:
    """``size_t NAME_arena_size(int64_t sizes...)``, which suits every entry, and what entries call."""
    module = ModuleBuilder()
    parameters = [("ptr", "row"), *(("i64", name) for name in ("count", "least", "most"))]
    grain_function(module.function("grain", parameters, linkage="internal", attributes="noinline nounwind"))
    count = max((len(entry.sizes) for entry in entries), default=0)
    fb = module.function(arena, [("i64", f"size{i}") for i in range(count)], machine.size_type, attributes="nounwind")
    most: str | int = 0
    for entry in entries:
        given = [("i64", f"%size{i}") for i in range(len(entry.sizes))]
        most = fb.max(most, fb.call(f"{entry.name}.bytes", "i64", given))
    if machine.pointer_bits < 64:
        most = fb.cast("trunc", most, "i64", machine.size_type)
    fb.ret(machine.size_type, most)
    return module.text()
