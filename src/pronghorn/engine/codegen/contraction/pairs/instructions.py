"""The instructions of AMX, AVX-512 BF16, VNNI and ARM, and calls of functions that do the same on machines without.

AMX's tiles are registers of 16 rows of 64 bytes. What they are for is in Intel's "64 and IA-32 Architectures Software
Developer's Manual", volume 2, under LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE, TDPBF16PS and TDPBSSD;
where there are none, eight tiles lie in the kernel's own memory. VDPBF16PS multiplies the pairs of two vectors, lane by
lane, VPDPBUSD four unsigned bytes by four signed ones, ARM's SDOT four signed bytes, PMADDWD two signed numbers of 16
bits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.builder import lanes as lanes_of
from pronghorn.engine.codegen.contraction.pairs.emulation import (
    write_dot,
    write_dot_bytes,
    write_dot_signed_bytes,
    write_move,
    write_multiply,
    write_multiply_bytes,
    write_zero,
)
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, TILE_BYTES, PairUnit

__all__ = ["EmulatedTiles", "Tiles", "dot", "tiles_for"]

TILES = 8

_Arguments = list[tuple[str, Operand]]


class Tiles:
    """The instructions, in one kernel: written between :meth:`begin` and :meth:`end`, once each.

    A thread that goes on with tiles in use has 8 KB more to save whenever it loses its core, hence the end.
    """

    def __init__(self, fb: FunctionBuilder, unit: PairUnit) -> None:
        self.fb, self.unit = fb, unit

    def begin(self) -> None:
        """All tiles whole: 16 rows of 64 bytes, palette 1."""
        rows = [LINES] * TILES + [0] * (16 - TILES)
        widths = [ROW_BYTES] * TILES + [0] * (16 - TILES)
        table = [1, 0, *[0] * 14, *struct.pack("<16H", *widths), *rows]
        self._call("ldtilecfg", [("ptr", self.fb.module.constant("i8", table))])

    def end(self) -> None:
        self._call("tilerelease", [])

    def zero(self, tile: int) -> None:
        self._call("tilezero", [("i8", tile)])

    def load(self, tile: int, pointer: str, stride: Operand) -> None:
        """Rows ``stride`` bytes apart."""
        self._call("tileloadd64", [("i8", tile), ("ptr", pointer), ("i64", stride)])

    def store(self, tile: int, pointer: str, stride: Operand) -> None:
        self._call("tilestored64", [("i8", tile), ("ptr", pointer), ("i64", stride)])

    def multiply(self, total: int, a: int, b: int) -> None:
        """Adds to the sums in ``total`` the products of words of ``a``'s rows and ``b``'s columns."""
        self._call("tdpbf16ps" if self.unit.dtype == "bfloat16" else "tdpbssd", [("i8", total), ("i8", a), ("i8", b)])

    def _call(self, name: str, arguments: _Arguments) -> None:
        self.fb.call(f"llvm.x86.{name}", "void", arguments)


class EmulatedTiles(Tiles):
    """The same by functions; every tile has all of its rows."""

    def __init__(self, fb: FunctionBuilder, unit: PairUnit) -> None:
        super().__init__(fb, unit)
        self._memory = fb.alloca("i8", TILES * TILE_BYTES, align=ROW_BYTES)

    def begin(self) -> None:
        for tile in range(TILES):
            self.zero(tile)

    def end(self) -> None:
        pass

    def zero(self, tile: int) -> None:
        self._function("tile.zero", ["tile"], write_zero, [("ptr", self._tile(tile))])

    def load(self, tile: int, pointer: str, stride: Operand) -> None:
        places: _Arguments = [("ptr", self._tile(tile)), ("i64", ROW_BYTES)]
        self._move([("ptr", pointer), ("i64", stride), *places])

    def store(self, tile: int, pointer: str, stride: Operand) -> None:
        places: _Arguments = [("ptr", self._tile(tile)), ("i64", ROW_BYTES)]
        self._move([*places, ("ptr", pointer), ("i64", stride)])

    def multiply(self, total: int, a: int, b: int) -> None:
        tiles: _Arguments = [("ptr", self._tile(tile)) for tile in (total, a, b)]
        names = ["total", "a", "b"]
        if self.unit.dtype == "bfloat16":
            self._function("tile.multiply", names, write_multiply, tiles)
        else:
            self._function("tile.multiply.bytes", names, write_multiply_bytes, tiles)

    def _move(self, arguments: _Arguments) -> None:
        self._function("tile.move", ["from", "from_stride", "to", "to_stride"], write_move, arguments)

    def _tile(self, number: int) -> str:
        return self.fb.gep("i8", self._memory, number * TILE_BYTES)

    def _function(
        self, name: str, parameters: list[str], write: Callable[[FunctionBuilder], None], arguments: _Arguments
    ) -> None:
        def whole(fb: FunctionBuilder) -> None:
            write(fb)
            fb.ret()

        _call(self.fb, name, "void", parameters, whole, arguments)


def tiles_for(fb: FunctionBuilder, unit: PairUnit) -> Tiles:
    """AMX's instructions, or those that stand in for them."""
    return EmulatedTiles(fb, unit) if unit.is_emulated else Tiles(fb, unit)


def dot(fb: FunctionBuilder, unit: PairUnit, total: str, x: str, y: str) -> str:
    """Sums with the products of all elements of each word added; ``x`` is unsigned where the unit is biased."""
    if unit.is_emulated:
        return _emulated_dot(fb, unit, total, x, y)
    lanes = unit.bits // 32
    sums, words = vec(unit.sum_element, lanes), vec(unit.kept, lanes * unit.group)
    real = {"bfloat16": vec("bfloat", lanes * 2)}.get(unit.dtype, sums if unit.is_biased else words)
    parts = []
    for first in range(0, LINES, lanes):
        begun = _part(fb, unit.sums, total, first, lanes)
        given: _Arguments = [
            (real, part if real == words else fb.cast("bitcast", part, words, real))
            for part in (_part(fb, unit.line, value, first * unit.group, lanes * unit.group) for value in (x, y))
        ]
        if unit.is_widened:
            parts.append(fb.op("add", sums, begun, fb.call(f"llvm.{unit.instruction}", sums, given)))
        else:
            parts.append(fb.call(f"llvm.{unit.instruction}", sums, [(sums, begun), *given]))
    while len(parts) > 1:
        lanes *= 2
        half, neighbours = vec(unit.sum_element, lanes // 2), zip(parts[::2], parts[1::2], strict=True)
        parts = [fb.shuffle(half, low, high, range(lanes)) for low, high in neighbours]
    return parts[0]


def _part(fb: FunctionBuilder, ty: str, value: str, first: int, count: int) -> str:
    """Neighbouring elements of a vector."""
    return value if count == lanes_of(ty) else fb.shuffle(ty, value, "poison", range(first, first + count))


def _emulated_dot(fb: FunctionBuilder, unit: PairUnit, total: str, x: str, y: str) -> str:
    if unit.dtype == "bfloat16":
        name, write = "pairs.dot", write_dot
    else:
        name, write = ("bytes.dot", write_dot_bytes) if unit.is_biased else ("bytes.dot.signed", write_dot_signed_bytes)
    given: _Arguments = [(unit.sums, total), (unit.line, x), (unit.line, y)]
    return _call(fb, name, unit.sums, ["total", "x", "y"], write, given)


def _call(
    fb: FunctionBuilder,
    name: str,
    result: str,
    parameters: list[str],
    write: Callable[[FunctionBuilder], None],
    arguments: _Arguments,
) -> str:
    """Calls a function, written into the module the first time."""
    if not fb.module.defines(name):
        given = [(ty, parameter) for (ty, _), parameter in zip(arguments, parameters, strict=True)]
        write(fb.module.function(name, given, result, linkage="internal", attributes="noinline nounwind"))
    return fb.call(name, result, arguments)
