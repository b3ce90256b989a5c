"""Sine, cosine and tangent of floats of any size, where code leaves the enormous ones to the C library.

Of an enormous angle's quarter turns only the last few count. They are found in integers: the float's digits times those
of 2 / pi that are neither too large to matter nor too small.
"""

from __future__ import annotations

import itertools

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.trigonometric import emit_is_enormous, emit_reduced, emit_usual

_FUNCTIONS = {"sinf": "sin", "cosf": "cos", "tanf": "tan"}
NAMES = frozenset(_FUNCTIONS)
"""The functions that code calls."""

# The digits of 2 / pi behind the point, and 32 of those before it.
_TURNS = (0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB)
_LOW = 0xFFFFFFFF
_FIRST = 120  # an exponent, as a float has it, whose first digit that counts is the table's first
_QUARTER = 1.5707963267948966 * 2.0**-64  # of a turn, of which an integer counts the 2**64th parts


def write(module: ModuleBuilder, name: str) -> None:
    """Write one of `NAMES`."""
    fb = module.function(name, [("float", "x")], "float", linkage="internal", attributes="noinline nounwind")
    m = RealMath(fb, "float", 1)
    usual, enormous, infinite, finite = (fb.label(word) for word in ("usual", "enormous", "infinite", "finite"))
    fb.branch_if(emit_is_enormous(m, "%x"), enormous, usual)
    fb.place(usual)
    fb.ret("float", emit_usual(m, "%x", _FUNCTIONS[name]))
    fb.place(enormous)
    fb.branch_if(m.cmp("oeq", m.abs("%x"), float("inf")), infinite, finite)
    fb.place(infinite)
    fb.ret("float", m.sub("%x", "%x"))
    fb.place(finite)
    turns, count = _reduced(fb, fb.cast("zext", m.to_bits("%x"), "i32", "i64"))
    d = RealMath(fb, "double", 1)
    negative = m.cmp("olt", "%x", 0.0)
    r = d.mul(fb.cast("sitofp", turns, "i64", "double"), _QUARTER)
    r, count = d.select(negative, d.neg(r), r), fb.select(negative, "i64", fb.sub(0, count), count)
    fb.ret("float", fb.cast("fptrunc", emit_reduced(d, _FUNCTIONS[name], r, count), "double", "float"))


def _reduced(fb: FunctionBuilder, bits: str) -> tuple[str, str]:
    """What an angle has beyond whole quarter turns, in 2**64th parts of one, and how many these are, but for fours."""

    def op(opcode: str, a: Operand, b: Operand) -> str:
        return fb.op(opcode, "i64", a, b)

    exponent = op("and", op("lshr", bits, 23), 255)
    digits = op("or", op("and", bits, (1 << 23) - 1), 1 << 23)
    place = fb.sub(exponent, _FIRST)
    table = fb.module.constant("i32", _TURNS)
    first, shift = op("lshr", place, 5), op("and", place, 31)
    words = [fb.cast("zext", fb.load("i32", fb.gep("i32", table, fb.add(first, i))), "i32", "i64") for i in range(4)]
    taken = [
        op("and", op("lshr", op("or", op("shl", high, 32), low), op("sub", 32, shift)), _LOW)
        for high, low in itertools.pairwise(words)
    ]
    carry: Operand = 0
    products = []
    for word in reversed(taken):
        total = op("add", op("mul", digits, word), carry)
        products.append(op("and", total, _LOW))
        carry = op("lshr", total, 32)
    parts = op("or", op("shl", products[2], 32), products[1])
    count = op("lshr", op("add", parts, 1 << 61), 62)
    return op("shl", parts, 2), count
