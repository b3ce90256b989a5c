"""What stands in for instructions on bfloat16 pairs and on bytes: the same numbers, bit by bit.

Bytes are widened to 32 bits. Pairs of bfloat16 are widened to doubles. A product of bfloat16 is exact in a double, and
a sum of that and a float32, rounded to 53 bits and then to 24, is what rounding once would give (where bits are lost
the first time, the smaller number is too small to make a tie of the second). Denormals, going in or coming out, are
zeros with their sign; rounding is to the nearest even; MXCSR plays no part. So it is in Intel's "64 and IA-32
Architectures Software Developer's Manual", volume 2, under TDPBF16PS and VDPBF16PS.
"""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, WORDS

__all__ = [
    "write_dot",
    "write_dot_bytes",
    "write_dot_signed_bytes",
    "write_move",
    "write_multiply",
    "write_multiply_bytes",
    "write_zero",
]

_FLOATS, _DOUBLES, _LINE = vec("float", LINES), vec("double", LINES), vec("i16", 2 * LINES)
_INTEGERS, _BYTES = vec("i32", LINES), vec("i8", 4 * LINES)


def write_zero(fb: FunctionBuilder) -> None:
    with fb.loop(0, LINES) as row:
        fb.store(_FLOATS, "zeroinitializer", fb.gep("i8", "%tile", fb.mul(row, ROW_BYTES)))


def write_move(fb: FunctionBuilder) -> None:
    with fb.loop(0, LINES) as row:
        value = fb.load(_FLOATS, fb.gep("i8", "%from", fb.mul(row, "%from_stride")))
        fb.store(_FLOATS, value, fb.gep("i8", "%to", fb.mul(row, "%to_stride")))


def write_multiply(fb: FunctionBuilder) -> None:
    """TDPBF16PS as its definition says.

    The products of the first elements of all pairs are one sum, from 0, those of the second another; the two are added,
    and their sum to what was there. Each step is a float32 multiply-add, or an addition.
    """
    with fb.loop(0, LINES) as row:
        a_row = fb.gep("i8", "%a", fb.mul(row, ROW_BYTES))
        zeros: list[tuple[str, Operand]] = [(_FLOATS, "zeroinitializer"), (_FLOATS, "zeroinitializer")]
        with fb.loop_carry(0, WORDS, zeros) as loop:
            b_row = fb.load(_LINE, fb.gep("i8", "%b", fb.mul(loop.index, ROW_BYTES)))
            for half, total in enumerate(loop.carried):
                x = fb.load("i16", fb.gep("i16", a_row, fb.add(fb.mul(loop.index, 2), half)))
                y = fb.shuffle(_LINE, b_row, "poison", range(half, 2 * LINES, 2))
                product = fb.op("fmul", _DOUBLES, _wide(fb, fb.splat(x, "i16", LINES)), _wide(fb, y))
                loop.following.append(_sum(fb, fb.cast("fpext", total, _FLOATS, _DOUBLES), product))
        first, second = (fb.cast("fpext", total, _FLOATS, _DOUBLES) for total in loop.results)
        both = fb.cast("fpext", _sum(fb, first, second), _FLOATS, _DOUBLES)
        place = fb.gep("i8", "%total", fb.mul(row, ROW_BYTES))
        fb.store(_FLOATS, _sum(fb, _double(fb, fb.load(_FLOATS, place)), both), place)


def write_dot(fb: FunctionBuilder) -> None:
    """VDPBF16PS of whole vectors as its definition says: the product of the second elements is added first."""
    x, y = "%x", "%y"
    total = "%total"
    for half in (1, 0):
        lanes = range(half, 2 * LINES, 2)
        factors = (_wide(fb, fb.shuffle(_LINE, value, "poison", lanes)) for value in (x, y))
        total = _sum(fb, _double(fb, total), fb.op("fmul", _DOUBLES, *factors))
    fb.ret(_FLOATS, total)


def write_multiply_bytes(fb: FunctionBuilder) -> None:
    """TDPBSSD: four signed bytes of a row by four signed bytes of each column, word after word."""
    with fb.loop(0, LINES) as row:
        a_row = fb.gep("i8", "%a", fb.mul(row, ROW_BYTES))
        place = fb.gep("i8", "%total", fb.mul(row, ROW_BYTES))
        with fb.loop_carry(0, WORDS, [(_INTEGERS, fb.load(_INTEGERS, place))]) as loop:
            word = fb.splat(fb.load("i32", fb.gep("i32", a_row, loop.index)), "i32", LINES)
            b_row = fb.load(_BYTES, fb.gep("i8", "%b", fb.mul(loop.index, ROW_BYTES)))
            (total,) = loop.carried
            loop.following.append(_dot(fb, total, fb.cast("bitcast", word, _INTEGERS, _BYTES), b_row, "sext"))
        fb.store(_INTEGERS, loop.results[0], place)


def write_dot_bytes(fb: FunctionBuilder) -> None:
    """VPDPBUSD of whole vectors: unsigned bytes by signed ones."""
    fb.ret(_INTEGERS, _dot(fb, "%total", "%x", "%y", "zext"))


def write_dot_signed_bytes(fb: FunctionBuilder) -> None:
    """SDOT of a whole line: signed bytes by signed ones."""
    fb.ret(_INTEGERS, _dot(fb, "%total", "%x", "%y", "sext"))


def _dot(fb: FunctionBuilder, total: str, x: str, y: str, widening: str) -> str:
    """Sums with the products of the four bytes of each word added; ``widening`` says whether those of x are signed."""
    for byte in range(4):
        lanes = range(byte, 4 * LINES, 4)
        short = vec("i8", LINES)
        left = fb.cast(widening, fb.shuffle(_BYTES, x, "poison", lanes), short, _INTEGERS)
        right = fb.cast("sext", fb.shuffle(_BYTES, y, "poison", lanes), short, _INTEGERS)
        total = fb.op("add", _INTEGERS, total, fb.op("mul", _INTEGERS, left, right))
    return total


def _double(fb: FunctionBuilder, total: str) -> str:
    """A float32 as a double, zero if it is denormal."""
    return _without_denormals(fb, fb.cast("fpext", total, _FLOATS, _DOUBLES), 2.0**-126)


def _wide(fb: FunctionBuilder, bits: str) -> str:
    """bfloat16 as doubles."""
    whole = vec("i32", LINES)
    value = fb.op("shl", whole, fb.cast("zext", bits, vec("i16", LINES), whole), literal(16, whole))
    return _double(fb, fb.cast("bitcast", value, whole, _FLOATS))


def _sum(fb: FunctionBuilder, x: str, y: str) -> str:
    """The sum of doubles as floats: a result counts as a denormal if it is one after rounding to 24 bits."""
    total = fb.op("fadd", _DOUBLES, x, y)
    least = 2.0**-126 * (1 - 2.0**-25)  # which ties to the even 2**-126
    return fb.cast("fptrunc", _without_denormals(fb, total, least), _DOUBLES, _FLOATS)


def _without_denormals(fb: FunctionBuilder, value: str, least: float) -> str:
    tiny = fb.cmp("olt", _DOUBLES, fb.intrinsic("llvm.fabs", _DOUBLES, value), literal(least, _DOUBLES))
    zero = fb.intrinsic("llvm.copysign", _DOUBLES, literal(0.0, _DOUBLES), value)
    return fb.select(tiny, _DOUBLES, zero, value)
