"""The remainder of a division of floats, which LLVM leaves to the C library's `fmod`: the same, bit by bit, as code.

The remainder is exact. It is found as by hand: the divisor is taken off the dividend, shifted by one bit a step.
"""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder

_NAMES = {"float": ("fmodf", 32, 23), "double": ("fmod", 64, 52)}


NAMES = frozenset(name for name, _, _ in _NAMES.values())
"""The functions that LLVM calls."""


def write(module: ModuleBuilder, name: str) -> None:
    """Write one of `NAMES`."""
    for ty, (own, bits, mantissa) in _NAMES.items():
        if own == name:
            fb = module.function(name, [(ty, "x"), (ty, "y")], ty, linkage="internal", attributes="noinline nounwind")
            _Remainder(fb, ty, bits, mantissa).write()


class _Remainder:
    """Writes the function of one type."""

    def __init__(self, fb: FunctionBuilder, ty: str, bits: int, mantissa: int) -> None:
        self._fb, self._ty, self._bits, self._mantissa = fb, ty, f"i{bits}", mantissa
        self._width = bits

    def _op(self, opcode: str, a: str | int, b: str | int) -> str:
        return self._fb.op(opcode, self._bits, a, b)

    def write(self) -> None:
        """The function."""
        fb, ty, integer = self._fb, self._ty, self._bits
        infinity = ((1 << (self._width - 1 - self._mantissa)) - 1) << self._mantissa
        of_x = fb.cast("bitcast", "%x", ty, integer)
        ux, uy = (
            self._op("and", v, (1 << (self._width - 1)) - 1) for v in (of_x, fb.cast("bitcast", "%y", ty, integer))
        )
        sign = self._op("xor", of_x, ux)
        fits = fb.op("and", "i1", fb.cmp("ne", integer, uy, 0), fb.cmp("ule", integer, uy, infinity))
        fits = fb.op("and", "i1", fits, fb.cmp("ult", integer, ux, infinity))
        none, some, small, large = (fb.label(word) for word in ("none", "some", "small", "large"))
        fb.branch_if(fits, some, none)
        fb.place(none)  # by zero, of an infinity, or of what is no number
        product = fb.op("fmul", ty, "%x", "%y")
        fb.ret(ty, fb.op("fdiv", ty, product, product))
        fb.place(some)
        fb.branch_if(fb.cmp("ult", integer, ux, uy), small, large)
        fb.place(small)
        fb.ret(ty, "%x")
        fb.place(large)
        (mx, ex), (my, ey) = self._parts(ux), self._parts(uy)
        count = self._op("sub", ex, ey)
        steps = count if integer == "i64" else fb.cast("zext", count, integer, "i64")
        with fb.loop_carry(0, steps, [(integer, mx)]) as loop:
            loop.following.append(self._op("shl", self._less(loop.carried[0], my), 1))
        rest = self._less(loop.results[0], my)
        fb.ret(ty, fb.cast("bitcast", self._op("or", self._joined(rest, ey), sign), integer, ty))

    def _parts(self, u: str) -> tuple[str, str]:
        """The digits of a positive number, the first of which is in front of the mantissa, and its exponent."""
        fb, integer, first = self._fb, self._bits, 1 << self._mantissa
        shift = self._op("sub", self._leading_zeros(u), self._width - 1 - self._mantissa)
        is_tiny = fb.cmp("ult", integer, u, first)
        usual = self._op("or", self._op("and", u, first - 1), first)
        digits = fb.select(is_tiny, integer, self._op("shl", u, fb.select(is_tiny, integer, shift, 0)), usual)
        exponent = fb.select(is_tiny, integer, self._op("sub", 1, shift), self._op("lshr", u, self._mantissa))
        return digits, exponent

    def _less(self, digits: str, divisor: str) -> str:
        """The digits less the divisor's, where there are as many."""
        fb, integer = self._fb, self._bits
        return fb.select(fb.cmp("uge", integer, digits, divisor), integer, self._op("sub", digits, divisor), digits)

    def _joined(self, digits: str, exponent: str) -> str:
        """The bits of a number: what has no digit left is zero, what is below the least exponent is shifted."""
        fb, integer, first = self._fb, self._bits, 1 << self._mantissa
        shift = self._op("sub", self._leading_zeros(digits), self._width - 1 - self._mantissa)
        is_zero = fb.cmp("eq", integer, digits, 0)
        shift = fb.select(is_zero, integer, 0, shift)
        digits, exponent = self._op("shl", digits, shift), self._op("sub", exponent, shift)
        is_usual = fb.cmp("sgt", integer, exponent, 0)
        usual = self._op("or", self._op("and", digits, first - 1), self._op("shl", exponent, self._mantissa))
        down = fb.select(is_usual, integer, 0, self._op("sub", 1, exponent))
        found = fb.select(is_usual, integer, usual, self._op("lshr", digits, down))
        return fb.select(is_zero, integer, 0, found)

    def _leading_zeros(self, u: str) -> str:
        return self._fb.call(f"llvm.ctlz.{self._bits}", self._bits, [(self._bits, u), ("i1", "false")])
