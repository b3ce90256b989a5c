"""The instructions of AMX, and the same as functions over memory for machines that lack them.

Tiles are registers of 16 rows of 64 bytes. What the machine's instructions do is in Intel's "64 and IA-32 Architectures
Software Developer's Manual", volume 2, under LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE and TDPBF16PS; the
functions here do the same to eight tiles in the kernel's own memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.codegen.contraction.pairs.unit import LINES, PAIRS, TILE_BYTES

__all__ = ["EmulatedTiles", "Tiles", "tiles_for"]

TILES = 8
ROW_BYTES = 64
_FLOATS, _DOUBLES = vec("float", LINES), vec("double", LINES)


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

    def _call(self, name: str, arguments: list[tuple[str, Operand]]) -> None:
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
        self._function("tile.zero", ["tile"], _write_zero, [("ptr", self._tile(tile))])

    def load(self, tile: int, pointer: str, stride: Operand) -> None:
        places: list[tuple[str, Operand]] = [("ptr", self._tile(tile)), ("i64", ROW_BYTES)]
        self._move([("ptr", pointer), ("i64", stride), *places])

    def store(self, tile: int, pointer: str, stride: Operand) -> None:
        places: list[tuple[str, Operand]] = [("ptr", self._tile(tile)), ("i64", ROW_BYTES)]
        self._move([*places, ("ptr", pointer), ("i64", stride)])

    def multiply(self, total: int, a: int, b: int) -> None:
        tiles: list[tuple[str, Operand]] = [("ptr", self._tile(tile)) for tile in (total, a, b)]
        self._function("tile.multiply", ["total", "a", "b"], _write_multiply, tiles)

    def _move(self, arguments: list[tuple[str, Operand]]) -> None:
        self._function("tile.move", ["from", "from_stride", "to", "to_stride"], _write_move, arguments)

    def _tile(self, number: int) -> str:
        return self.fb.gep("i8", self._memory, number * TILE_BYTES)

    def _function(
        self,
        name: str,
        parameters: list[str],
        write: Callable[[FunctionBuilder], None],
        arguments: list[tuple[str, Operand]],
    ) -> None:
        """Calls a function, written into the module the first time."""
        module: ModuleBuilder = self.fb.module
        if not module.defines(name):
            types = [ty for ty, _ in arguments]
            fb = module.function(
                name, list(zip(types, parameters, strict=True)), linkage="internal", attributes="noinline nounwind"
            )
            write(fb)
            fb.ret()
        self.fb.call(name, "void", arguments)


def tiles_for(fb: FunctionBuilder, name: str) -> Tiles:
    """The instructions of a :class:`.unit.PairUnit`, by its name."""
    return EmulatedTiles(fb) if name == "emulated" else Tiles(fb)


def _write_zero(fb: FunctionBuilder) -> None:
    with fb.loop(0, LINES) as row:
        fb.store(_FLOATS, "zeroinitializer", fb.gep("i8", "%tile", fb.mul(row, ROW_BYTES)))


def _write_move(fb: FunctionBuilder) -> None:
    with fb.loop(0, LINES) as row:
        value = fb.load(_FLOATS, fb.gep("i8", "%from", fb.mul(row, "%from_stride")))
        fb.store(_FLOATS, value, fb.gep("i8", "%to", fb.mul(row, "%to_stride")))


def _write_multiply(fb: FunctionBuilder) -> None:
    """TDPBF16PS as its definition says.

    The products of the first elements of all pairs are one sum, from 0, those of the second another; the two are added,
    and their sum to what was there. Each step is a float32 multiply-add or addition, rounded to nearest even;
    denormals, going in or coming out, are zeros with their sign, and MXCSR plays no part.

    All of it is done in doubles and rounded after each step: a product of bfloat16 is exact in a double, and a sum of
    that and a float32, rounded to 53 bits and then to 24, is what rounding once would give (where bits are lost the
    first time, the smaller number is too small to make a tie of the second).
    """
    with fb.loop(0, LINES) as row:
        a_row = fb.gep("i8", "%a", fb.mul(row, ROW_BYTES))
        zeros: list[tuple[str, Operand]] = [(_FLOATS, "zeroinitializer"), (_FLOATS, "zeroinitializer")]
        with fb.loop_carry(0, PAIRS, zeros) as loop:
            b_row = fb.load(vec("i16", 2 * LINES), fb.gep("i8", "%b", fb.mul(loop.index, ROW_BYTES)))
            for half, total in enumerate(loop.carried):
                x = fb.load("i16", fb.gep("i16", a_row, fb.add(fb.mul(loop.index, 2), half)))
                y = fb.shuffle(vec("i16", 2 * LINES), b_row, "poison", range(half, 2 * LINES, 2))
                product = fb.op("fmul", _DOUBLES, _wide(fb, fb.splat(x, "i16", LINES)), _wide(fb, y))
                loop.following.append(_sum(fb, fb.cast("fpext", total, _FLOATS, _DOUBLES), product))
        first, second = (fb.cast("fpext", total, _FLOATS, _DOUBLES) for total in loop.results)
        both = fb.cast("fpext", _sum(fb, first, second), _FLOATS, _DOUBLES)
        place = fb.gep("i8", "%total", fb.mul(row, ROW_BYTES))
        before = _without_denormals(fb, fb.cast("fpext", fb.load(_FLOATS, place), _FLOATS, _DOUBLES), 2.0**-126)
        fb.store(_FLOATS, _sum(fb, before, both), place)


def _wide(fb: FunctionBuilder, bits: str) -> str:
    """bfloat16 as doubles."""
    whole = vec("i32", LINES)
    value = fb.op("shl", whole, fb.cast("zext", bits, vec("i16", LINES), whole), literal(16, whole))
    real = fb.cast("bitcast", value, whole, _FLOATS)
    return _without_denormals(fb, fb.cast("fpext", real, _FLOATS, _DOUBLES), 2.0**-126)


def _sum(fb: FunctionBuilder, x: str, y: str) -> str:
    """The sum of doubles as floats: a result counts as a denormal if it is one after rounding to 24 bits."""
    total = fb.op("fadd", _DOUBLES, x, y)
    least = 2.0**-126 * (1 - 2.0**-25)  # which ties to the even 2**-126
    return fb.cast("fptrunc", _without_denormals(fb, total, least), _DOUBLES, _FLOATS)


def _without_denormals(fb: FunctionBuilder, value: str, least: float) -> str:
    tiny = fb.cmp("olt", _DOUBLES, fb.intrinsic("llvm.fabs", _DOUBLES, value), literal(least, _DOUBLES))
    zero = fb.intrinsic("llvm.copysign", _DOUBLES, literal(0.0, _DOUBLES), value)
    return fb.select(tiny, _DOUBLES, zero, value)
