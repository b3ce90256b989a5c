"""What 32-bit ARM leaves to a compiler's library: arithmetic on doubles in integers, conversions of 64-bit integers.

The functions are those of the run-time ABI for the ARM architecture. Each result is rounded once, to the nearest
number, and to the even one of two.

A number that is taken apart is its sign (bit 63 alone), its exponent with the bias of doubles, and its digits, of which
the first is bit 62. Zero has no digits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand

_CONVENTION = "internal arm_aapcscc"  # that of the ABI's functions: numbers are passed in integer registers
_ATTRIBUTES = "noinline nounwind"
_TOP = 62  # where the first digit is
_BIAS = 1023
_SIGN = -(1 << 63)
_LOW = 0xFFFFFFFF


@dataclass(frozen=True)
class _Format:
    """A type of floats: its name here, and how many bits it and its fraction have."""

    name: str
    bits: int
    fraction: int

    @property
    def most(self) -> int:
        """The largest exponent as it is stored: that of infinities and of what is no number."""
        return (1 << (self.bits - 1 - self.fraction)) - 1

    @property
    def infinity(self) -> int:
        return self.most << self.fraction

    @property
    def apart(self) -> int:
        """By how much the bias of doubles is larger."""
        return _BIAS - self.most // 2


_DOUBLE, _SINGLE = _Format("double", 64, 52), _Format("single", 32, 23)
_NONE = _DOUBLE.infinity | 1 << 51  # no number


class _Writer:
    """Writes functions, whose numbers are all 64-bit integers."""

    def __init__(self, fb: FunctionBuilder) -> None:
        self.fb = fb

    def op(self, opcode: str, a: Operand, b: Operand) -> str:
        return self.fb.op(opcode, "i64", a, b)

    def less(self, a: Operand, b: Operand) -> str:
        """Whether a is less than b, both with a sign."""
        return self.fb.cmp("slt", "i64", a, b)

    def select(self, condition: Operand, a: Operand, b: Operand) -> str:
        return self.fb.select(condition, "i64", a, b)

    def bit(self, condition: str) -> str:
        return self.fb.cast("zext", condition, "i1", "i64")

    def clz(self, x: Operand) -> str:
        return self.fb.call("llvm.ctlz.i64", "i64", [("i64", x), ("i1", "false")])

    def size(self, x: Operand) -> str:
        """Without the sign."""
        return self.op("and", x, ~_SIGN)

    def shifted(self, digits: Operand, by: Operand) -> str:
        """Digits shifted down by 0 to 63 places; the last one is 1 if any 1 went out."""
        down = self.op("lshr", digits, by)
        lost = self.fb.cmp("ne", "i64", self.op("shl", down, by), digits)
        return self.op("or", down, self.bit(lost))

    def apart(self, x: Operand, of: _Format) -> tuple[str, str, str]:
        """Sign, exponent and digits of a number that is finite."""
        stored = self.op("and", self.op("lshr", x, of.fraction), of.most)
        fraction = self.op("and", x, (1 << of.fraction) - 1)
        usual = self.fb.cmp("ne", "i64", stored, 0)
        digits = self.op("or", fraction, self.op("shl", self.bit(usual), of.fraction))
        digits = self.op("shl", digits, _TOP - of.fraction)
        shift = self.op("sub", self.clz(digits), 1)
        exponent = self.op("sub", self.select(usual, stored, 1), shift)
        sign = self.op("and", self.op("shl", x, 64 - of.bits), _SIGN)
        return sign, self.op("add", exponent, of.apart), self.op("shl", digits, shift)

    def any(self, *conditions: str) -> str:
        found = conditions[0]
        for condition in conditions[1:]:
            found = self.fb.op("or", "i1", found, condition)
        return found

    def is_zero(self, x: Operand) -> str:
        return self.fb.cmp("eq", "i64", self.size(x), 0)

    def is_special(self, x: Operand) -> str:
        """Whether a double is infinite or no number."""
        return self.fb.cmp("sge", "i64", self.size(x), _DOUBLE.infinity)

    def is_none(self, x: Operand) -> str:
        """Whether a double is no number."""
        return self.fb.cmp("sgt", "i64", self.size(x), _DOUBLE.infinity)

    def packed(self, of: _Format, sign: Operand, exponent: Operand, digits: Operand) -> str:
        return self.fb.call(f"ph_packed_{of.name}", "i64", [("i64", v) for v in (sign, exponent, digits)])


def _write_packed(w: _Writer, of: _Format) -> None:
    """The number of a sign, an exponent and digits, rounded."""
    exponent = w.op("sub", "%exponent", of.apart)
    tiny = w.less(exponent, 1)
    down = w.op("sub", 1, exponent)
    down = w.select(w.less(down, 63), down, 63)
    digits = w.shifted("%digits", w.select(tiny, down, 0))
    exponent = w.select(tiny, 1, exponent)
    exponent = w.select(w.less(exponent, of.most), exponent, of.most)
    drop = _TOP - of.fraction
    odd = w.op("and", w.op("lshr", digits, drop), 1)
    digits = w.op("lshr", w.op("add", w.op("add", digits, (1 << (drop - 1)) - 1), odd), drop)
    found = w.op("add", w.op("shl", w.op("sub", exponent, 1), of.fraction), digits)
    found = w.select(w.fb.cmp("ult", "i64", found, of.infinity), found, of.infinity)
    found = w.select(w.fb.cmp("eq", "i64", "%digits", 0), 0, found)
    w.fb.ret("i64", w.op("or", found, w.op("lshr", "%sign", 64 - of.bits)))


def _add(w: _Writer, a: Operand, b: Operand) -> str:
    fb = w.fb
    swap = fb.cmp("ult", "i64", w.size(a), w.size(b))
    a, b = w.select(swap, b, a), w.select(swap, a, b)
    (sign, exponent, large), (other, low, small) = w.apart(a, _DOUBLE), w.apart(b, _DOUBLE)
    differ = fb.cmp("ne", "i64", sign, other)
    by = w.op("sub", exponent, low)
    by = w.select(fb.cmp("ult", "i64", by, 63), by, 63)
    large, small = w.op("lshr", large, 1), w.shifted(w.op("lshr", small, 1), by)
    total = w.select(differ, w.op("sub", large, small), w.op("add", large, small))
    shift = w.op("sub", w.clz(total), 1)
    nothing = fb.op("and", "i1", differ, fb.cmp("eq", "i64", total, 0))
    exponent = w.op("sub", w.op("add", exponent, 1), shift)
    found = w.packed(_DOUBLE, w.select(nothing, 0, sign), exponent, w.op("shl", total, shift))
    against = fb.op("and", "i1", fb.cmp("eq", "i64", w.size(b), _DOUBLE.infinity), differ)
    special = w.select(w.any(against, w.is_none(a)), _NONE, a)
    return w.select(w.is_special(a), special, found)


def _subtract(w: _Writer, a: Operand, b: Operand) -> str:
    return _add(w, a, w.op("xor", b, _SIGN))


def _multiply(w: _Writer, a: Operand, b: Operand) -> str:
    fb = w.fb
    (one, e, m), (other, f, n) = w.apart(a, _DOUBLE), w.apart(b, _DOUBLE)
    sign = w.op("xor", one, other)
    (mh, ml), (nh, nl) = ((w.op("lshr", v, 31), w.op("and", w.op("shl", v, 1), _LOW)) for v in (m, n))
    low, first, second = w.op("mul", ml, nl), w.op("mul", mh, nl), w.op("mul", ml, nh)
    middle = w.op("add", w.op("lshr", low, 32), w.op("and", first, _LOW))
    middle = w.op("add", middle, w.op("and", second, _LOW))
    high = w.op("mul", mh, nh)
    for part in (first, second, middle):
        high = w.op("add", high, w.op("lshr", part, 32))
    rest = w.op("or", w.op("and", low, _LOW), w.op("shl", middle, 32))
    carry = w.bit(w.less(high, 0))
    digits = w.op("or", w.shifted(high, carry), w.bit(fb.cmp("ne", "i64", rest, 0)))
    exponent = w.op("add", w.op("sub", w.op("add", e, f), _BIAS), carry)
    found = w.packed(_DOUBLE, sign, exponent, digits)
    none = w.any(w.is_none(a), w.is_none(b), w.is_zero(a), w.is_zero(b))
    special = w.select(none, _NONE, w.op("or", sign, _DOUBLE.infinity))
    return w.select(w.any(w.is_special(a), w.is_special(b)), special, found)


def _divide(w: _Writer, a: Operand, b: Operand) -> str:
    fb = w.fb
    (one, e, m), (other, f, n) = w.apart(a, _DOUBLE), w.apart(b, _DOUBLE)
    sign = w.op("xor", one, other)
    less = w.bit(fb.cmp("ult", "i64", m, n))
    with fb.loop_carry(0, _TOP + 1, [("i64", w.op("shl", m, less)), ("i64", 0)]) as loop:
        rest, quotient = loop.carried
        goes = fb.cmp("uge", "i64", rest, n)
        rest = w.op("shl", w.op("sub", rest, w.select(goes, n, 0)), 1)
        loop.following += [rest, w.op("or", w.op("shl", quotient, 1), w.bit(goes))]
    rest, quotient = loop.results
    digits = w.op("or", quotient, w.bit(fb.cmp("ne", "i64", rest, 0)))
    exponent = w.op("sub", w.op("add", w.op("sub", e, f), _BIAS), less)
    found = w.packed(_DOUBLE, sign, exponent, digits)
    found = w.select(w.any(w.is_zero(a), w.is_special(b)), sign, found)
    found = w.select(w.any(w.is_zero(b), w.is_special(a)), w.op("or", sign, _DOUBLE.infinity), found)
    zeros = fb.op("and", "i1", w.is_zero(a), w.is_zero(b))
    infinities = fb.op("and", "i1", w.is_special(a), w.is_special(b))
    return w.select(w.any(zeros, infinities, w.is_none(a), w.is_none(b)), _NONE, found)


def _converted(w: _Writer, a: Operand, source: _Format, target: _Format) -> str:
    sign, exponent, digits = w.apart(a, source)
    found = w.packed(target, sign, exponent, digits)
    size = w.op("and", a, (1 << (source.bits - 1)) - 1)
    is_none = w.bit(w.fb.cmp("sgt", "i64", size, source.infinity))
    special = w.op("or", w.op("shl", is_none, target.fraction - 1), target.infinity)
    special = w.op("or", special, w.op("lshr", sign, 64 - target.bits))
    return w.select(w.fb.cmp("sge", "i64", size, source.infinity), special, found)


def _from_integer(w: _Writer, a: Operand, target: _Format, is_signed: bool) -> str:
    sign: Operand = w.op("and", a, _SIGN) if is_signed else 0
    size = w.select(w.less(a, 0), w.op("sub", 0, a), a) if is_signed else a
    zeros = w.clz(size)
    digits = w.shifted(size, w.bit(w.less(size, 0)))
    up = w.select(w.fb.cmp("eq", "i64", zeros, 0), 0, w.op("sub", zeros, 1))
    return w.packed(target, sign, w.op("sub", _BIAS + 63, zeros), w.op("shl", digits, up))


def _to_integer(w: _Writer, a: Operand, source: _Format) -> str:
    """Without the fraction; what no integer holds is anything."""
    sign, exponent, digits = w.apart(a, source)
    down = w.op("sub", _BIAS + _TOP, exponent)
    up = w.bit(w.less(down, 0))
    down = w.select(w.less(down, 0), 0, w.select(w.less(down, 63), down, 63))
    size = w.op("shl", w.op("lshr", digits, down), up)
    return w.select(w.less(sign, 0), w.op("sub", 0, size), size)


def _compare(w: _Writer, a: Operand, b: Operand, predicate: str) -> str:
    none = w.any(w.is_none(a), w.is_none(b))
    if predicate == "none":
        return w.bit(none)
    keys = [w.select(w.less(x, 0), w.op("sub", 0, w.size(x)), x) for x in (a, b)]
    return w.select(none, 0, w.bit(w.fb.cmp(predicate, "i64", *keys)))


@dataclass(frozen=True)
class _Function:
    """A function of the ABI.

    Attributes:
        arguments: how each is given: the type, and for integers how it becomes one of 64 bits.
        bits: the width of the result.
        write: writes it.
    """

    arguments: tuple[tuple[str, str], ...]
    bits: int
    write: Callable[..., str]


_WIDE, _NARROW, _INTEGER = ("i64", ""), ("i32", "zext"), ("i32", "sext")
_TWO = (_WIDE, _WIDE)


def _made(argument: tuple[str, str], target: _Format, is_signed: bool) -> _Function:
    return _Function((argument,), target.bits, functools.partial(_from_integer, target=target, is_signed=is_signed))


def _whole(argument: tuple[str, str], source: _Format, bits: int) -> _Function:
    return _Function((argument,), bits, functools.partial(_to_integer, source=source))


_FUNCTIONS: dict[str, _Function] = {
    "__aeabi_dadd": _Function(_TWO, 64, _add),
    "__aeabi_dsub": _Function(_TWO, 64, _subtract),
    "__aeabi_dmul": _Function(_TWO, 64, _multiply),
    "__aeabi_ddiv": _Function(_TWO, 64, _divide),
    "__aeabi_f2d": _Function((_NARROW,), 64, functools.partial(_converted, source=_SINGLE, target=_DOUBLE)),
    "__aeabi_d2f": _Function((_WIDE,), 32, functools.partial(_converted, source=_DOUBLE, target=_SINGLE)),
    "__aeabi_i2d": _made(_INTEGER, _DOUBLE, True),
    "__aeabi_ui2d": _made(_NARROW, _DOUBLE, False),
    "__aeabi_l2d": _made(_WIDE, _DOUBLE, True),
    "__aeabi_ul2d": _made(_WIDE, _DOUBLE, False),
    "__aeabi_l2f": _made(_WIDE, _SINGLE, True),
    "__aeabi_ul2f": _made(_WIDE, _SINGLE, False),
    "__aeabi_d2iz": _whole(_WIDE, _DOUBLE, 32),
    "__aeabi_d2uiz": _whole(_WIDE, _DOUBLE, 32),
    "__aeabi_d2lz": _whole(_WIDE, _DOUBLE, 64),
    "__aeabi_d2ulz": _whole(_WIDE, _DOUBLE, 64),
    "__aeabi_f2lz": _whole(_NARROW, _SINGLE, 64),
    "__aeabi_f2ulz": _whole(_NARROW, _SINGLE, 64),
    **{
        f"__aeabi_dcmp{name}": _Function(_TWO, 32, functools.partial(_compare, predicate=predicate))
        for name, predicate in (
            ("eq", "eq"),
            ("lt", "slt"),
            ("le", "sle"),
            ("ge", "sge"),
            ("gt", "sgt"),
            ("un", "none"),
        )
    },
}
NAMES = frozenset(_FUNCTIONS)
"""The functions that LLVM calls."""


def definitions(names: Collection[str]) -> str:
    """LLVM IR of some of `NAMES`."""
    if not names:
        return ""
    module = ModuleBuilder()
    for of in (_DOUBLE, _SINGLE):
        given = [("i64", name) for name in ("sign", "exponent", "digits")]
        _write_packed(_Writer(module.function(f"ph_packed_{of.name}", given, "i64", "internal", _ATTRIBUTES)), of)
    for name in names:
        _write(module, name, _FUNCTIONS[name])
    return module.text()


def _write(module: ModuleBuilder, name: str, function: _Function) -> None:
    kinds = [kind for kind, _ in function.arguments]
    fb = module.function(
        name, [(kind, f"x{i}") for i, kind in enumerate(kinds)], f"i{function.bits}", _CONVENTION, _ATTRIBUTES
    )
    given = [
        fb.cast(widened, f"%x{i}", kind, "i64") if widened else f"%x{i}"
        for i, (kind, widened) in enumerate(function.arguments)
    ]
    found = function.write(_Writer(fb), *given)
    fb.ret(f"i{function.bits}", found if function.bits == 64 else fb.cast("trunc", found, "i64", "i32"))
