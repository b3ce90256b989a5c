"""The instructions of AMX and of AVX-512 BF16, and calls of functions that do the same on machines that lack them.

AMX's tiles are registers of 16 rows of 64 bytes. What they are for is in Intel's "64 and IA-32 Architectures Software
Developer's Manual", volume 2, under LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE and TDPBF16PS; where there
are none, eight tiles lie in the kernel's own memory. VDPBF16PS multiplies the pairs of two vectors, lane by lane.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.pairs.emulation import write_dot, write_move, write_multiply, write_zero
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, TILE_BYTES, PairUnit

__all__ = ["EmulatedTiles", "Tiles", "dot", "tiles_for"]

TILES = 8
_FLOATS, _PAIRS = vec("float", LINES), vec("i16", 2 * LINES)

_Arguments = list[tuple[str, Operand]]


class Tiles:
    """The instructions, in one kernel: written between :meth:`begin` and :meth:`end`, once each.

    A thread that goes on with tiles in use has 8 KB more to save whenever it loses its core, hence the end.
    """

    def __init__(self, fb: FunctionBuilder) -> None:
        self.fb = fb

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
        """Adds to the floats of ``total`` the products of pairs of ``a``'s rows and ``b``'s columns."""
        self._call("tdpbf16ps", [("i8", total), ("i8", a), ("i8", b)])

    def _call(self, name: str, arguments: _Arguments) -> None:
        self.fb.call(f"llvm.x86.{name}", "void", arguments)


class EmulatedTiles(Tiles):
    """The same by functions; every tile has all of its rows."""

    def __init__(self, fb: FunctionBuilder) -> None:
        super().__init__(fb)
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
        self._function("tile.multiply", ["total", "a", "b"], write_multiply, tiles)

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
    return EmulatedTiles(fb) if unit.is_emulated else Tiles(fb)


def dot(fb: FunctionBuilder, unit: PairUnit, total: str, x: str, y: str) -> str:
    """VDPBF16PS: the products of both elements of each pair (32 lanes of ``i16``), added to 16 floats."""
    if unit.is_emulated:
        given: _Arguments = [(_FLOATS, total), (_PAIRS, x), (_PAIRS, y)]
        return _call(fb, "pairs.dot", _FLOATS, ["total", "x", "y"], write_dot, given)
    real = vec("bfloat", 2 * LINES)
    pairs: _Arguments = [(real, fb.cast("bitcast", value, _PAIRS, real)) for value in (x, y)]
    return fb.call("llvm.x86.avx512bf16.dpbf16ps.512", _FLOATS, [(_FLOATS, total), *pairs])


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
