"""The instructions of AMX, AVX-512 BF16 and VNNI, and calls of functions that do the same on machines without them.

AMX's tiles are registers of 16 rows of 64 bytes. What they are for is in Intel's "64 and IA-32 Architectures Software
Developer's Manual", volume 2, under LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE, TDPBF16PS and TDPBSSD;
where there are none, eight tiles lie in the kernel's own memory. VDPBF16PS multiplies the pairs of two vectors, lane by
lane, VPDPBUSD four unsigned bytes by four signed ones.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.pairs.emulation import (
    write_dot,
    write_dot_bytes,
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
    """Sums with the products of all elements of each word added: VDPBF16PS, or VPDPBUSD with ``x`` unsigned."""
    given: _Arguments = [(unit.sums, total), (unit.line, x), (unit.line, y)]
    is_pairs = unit.dtype == "bfloat16"
    if unit.is_emulated:
        name, write = ("pairs.dot", write_dot) if is_pairs else ("bytes.dot", write_dot_bytes)
        return _call(fb, name, unit.sums, ["total", "x", "y"], write, given)
    name, real = ("avx512bf16.dpbf16ps", vec("bfloat", unit.steps)) if is_pairs else ("avx512.vpdpbusd", unit.sums)
    words: _Arguments = [(real, fb.cast("bitcast", value, unit.line, real)) for value in (x, y)]
    return fb.call(f"llvm.x86.{name}.512", unit.sums, [(unit.sums, total), *words])


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
