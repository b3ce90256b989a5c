"""Terse arithmetic on float and double registers, for writing out mathematical functions."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec

__all__ = ["RealMath"]


class RealMath:
    """Operations on ``lanes`` values of type ``float`` or ``double``; Python floats stand for constants.

    Attributes:
        fb: where the code goes.
        lanes: how many values a register holds.
        scalar: ``"float"`` or ``"double"``.
        ty: the type of a register, ``bits_ty`` the integer type of the same width, ``mask_ty`` that of comparisons.
        is_single: whether the values are floats.
        mantissa: the bits of a significand, ``bias`` the offset of exponents.
    """

    def __init__(self, fb: FunctionBuilder, scalar: str, lanes: int) -> None:
        self.fb, self.scalar, self.lanes = fb, scalar, lanes
        self.ty = vec(scalar, lanes)
        self.mask_ty = vec("i1", lanes)
        self.is_single = scalar == "float"
        self.bits_ty = vec("i32" if self.is_single else "i64", lanes)
        self.mantissa, self.bias = (23, 127) if self.is_single else (52, 1023)

    def __call__(self, value: Operand | float) -> str:
        """A constant, or the value itself."""
        return literal(value, self.ty) if isinstance(value, int | float) else value

    def add(self, a: Operand | float, b: Operand | float) -> str:
        """a + b"""
        return self.fb.op("fadd", self.ty, self(a), self(b))

    def sub(self, a: Operand | float, b: Operand | float) -> str:
        """a - b"""
        return self.fb.op("fsub", self.ty, self(a), self(b))

    def mul(self, a: Operand | float, b: Operand | float) -> str:
        """a * b"""
        return self.fb.op("fmul", self.ty, self(a), self(b))

    def div(self, a: Operand | float, b: Operand | float) -> str:
        """a / b"""
        return self.fb.op("fdiv", self.ty, self(a), self(b))

    def fma(self, a: Operand | float, b: Operand | float, c: Operand | float) -> str:
        """a * b + c, fused where the machine can."""
        return self.fb.fma(self.ty, self(a), self(b), self(c))

    def neg(self, a: str) -> str:
        """-a"""
        return self.fb.fneg(self.ty, a)

    def sqrt(self, a: str) -> str:
        """The square root."""
        return self.fb.intrinsic("llvm.sqrt", self.ty, a)

    def abs(self, a: str) -> str:
        """|a|"""
        return self.fb.intrinsic("llvm.fabs", self.ty, a)

    def copysign(self, a: str, sign: str) -> str:
        """|a| with the sign of the other."""
        return self.fb.intrinsic("llvm.copysign", self.ty, a, sign)

    def cmp(self, predicate: str, a: Operand | float, b: Operand | float) -> str:
        """A comparison, with LLVM's predicates (``olt``, ``uno``, ...)."""
        return self.fb.cmp(predicate, self.ty, self(a), self(b))

    def select(self, condition: str, a: Operand | float, b: Operand | float) -> str:
        """a where the condition holds, else b."""
        return self.fb.select(condition, self.ty, self(a), self(b))

    def clamp(self, a: str, low: float, high: float) -> str:
        """a within bounds; NaN stays NaN."""
        a = self.select(self.cmp("ogt", low, a), low, a)
        return self.select(self.cmp("olt", high, a), high, a)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """``c[0] + c[1] x + c[2] x**2 + ...`` by Horner's rule."""
        total = self(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, coefficient)
        return total

    # -- bits --------------------------------------------------------------------------------------------------------

    def to_bits(self, a: str) -> str:
        """The bits as integers."""
        return self.fb.cast("bitcast", a, self.ty, self.bits_ty)

    def from_bits(self, bits: str) -> str:
        """The floats with these bits."""
        return self.fb.cast("bitcast", bits, self.bits_ty, self.ty)

    def bit_op(self, opcode: str, a: Operand, b: Operand) -> str:
        """An integer operation on bits; Python ints stand for constants."""
        a = literal(a, self.bits_ty) if isinstance(a, int) else a
        b = literal(b, self.bits_ty) if isinstance(b, int) else b
        return self.fb.op(opcode, self.bits_ty, a, b)

    def at_least(self, a: str, least: int) -> str:
        """The greater of an integer of the bits' type and a number."""
        return self.fb.intrinsic("llvm.smax", self.bits_ty, a, literal(least, self.bits_ty))

    def nearest(self, a: str) -> tuple[str, str]:
        """The nearest whole number, ties to even, as a float and as an integer; |a| must be below 2**21 (2**50).

        Works on any machine, and gives garbage rather than undefined behaviour for NaN.
        """
        magic = 1.5 * 2.0**self.mantissa
        raised = self.add(a, magic)
        whole = self.bit_op("sub", self.to_bits(raised), self._magic_bits())
        return self.sub(raised, magic), whole

    def _magic_bits(self) -> int:
        return ((self.bias + self.mantissa) << self.mantissa) | (1 << (self.mantissa - 1))

    def power_of_two(self, whole: str) -> str:
        """2**n for integers n within the exponents of normal numbers."""
        biased = self.bit_op("add", whole, self.bias)
        return self.from_bits(self.bit_op("shl", biased, self.mantissa))

    def scale(self, a: str, whole: str) -> str:
        """a * 2**n, rounding once where it becomes subnormal, for |n| up to twice the largest exponent."""
        # Two steps, as 2**n itself may be out of range; the detour over unsigned spares an arithmetic shift.
        offset = 4 * (self.bias + 1)
        raised = self.bit_op("lshr", self.bit_op("add", whole, offset), 1)
        first = self.bit_op("sub", raised, offset // 2)
        second = self.bit_op("sub", whole, first)
        return self.mul(self.mul(a, self.power_of_two(first)), self.power_of_two(second))

    def whole_to_real(self, whole: str) -> str:
        """Small integers (|n| < 2**21) as floats."""
        raised = self.from_bits(self.bit_op("add", whole, self._magic_bits()))
        return self.sub(raised, 1.5 * 2.0**self.mantissa)
