"""Sine, cosine and tangent of float registers.

The work is done in double: its 53 bits make the reduction by multiples of a quarter turn exact for all but enormous
arguments, which the C library takes over.
"""

from __future__ import annotations

from pronghorn.engine.codegen.builder import vec
from pronghorn.engine.codegen.libm import emit_libm
from pronghorn.engine.codegen.real_math import RealMath

__all__ = ["emit_cos", "emit_is_enormous", "emit_reduced", "emit_sin", "emit_tan", "emit_usual"]

# pi/2 in two parts, the first of 33 bits, so that its product with a count below 2**20 is exact.
_QUARTER = (1.5707963267341256, 6.077100506506192e-11)
_LIMIT = 2.0**20

# (sin(r)/r - 1) / r**2 and (cos(r) - 1 + r**2/2) / r**4 in powers of r**2, for |r| <= pi/4
_SIN = (-0.16666666641318562, 0.008333329356518492, -0.00019839327223688708, 2.7182514883825553e-06)
_COS = (0.04166666662295043, -0.0013888883771701454, 2.4799525865311746e-05, -2.721075837207334e-07)


def emit_sin(m: RealMath, x: str) -> str:
    """The sine of an angle in radians"""
    return _guarded(m, x, "sin")


def emit_cos(m: RealMath, x: str) -> str:
    """The cosine"""
    return _guarded(m, x, "cos")


def emit_tan(m: RealMath, x: str) -> str:
    """The tangent"""
    return _guarded(m, x, "tan")


def emit_reduced(d: RealMath, name: str, r: str, count: str) -> str:
    """The function of r, up to an eighth of a turn, plus a number of quarter turns, all in double."""
    square = d.mul(r, r)
    sine = d.fma(d.mul(square, r), d.polynomial(square, _SIN), r)
    cosine = d.fma(d.mul(square, square), d.polynomial(square, _COS), d.fma(square, -0.5, 1.0))
    if name == "tan":
        odd = _bit(d, count, 1)
        return d.div(d.select(odd, d.neg(cosine), sine), d.select(odd, sine, cosine))
    return _turned(d, sine, cosine, d.bit_op("add", count, 1) if name == "cos" else count)


def emit_usual(m: RealMath, x: str, name: str) -> str:
    """The function of arguments that are not enormous."""
    d = RealMath(m.fb, "double", m.lanes)
    wide = m.fb.cast("fpext", x, m.ty, d.ty)
    turns, count = d.nearest(d.mul(wide, 0.6366197723675814))
    r = d.fma(turns, -_QUARTER[1], d.fma(turns, -_QUARTER[0], wide))
    usual = m.fb.cast("fptrunc", emit_reduced(d, name, r, count), d.ty, m.ty)
    return m.select(m.cmp("oeq", x, 0.0), x if name != "cos" else 1.0, usual)  # keeps the sign of zero


def emit_is_enormous(m: RealMath, x: str) -> str:
    """Whether they are."""
    return m.cmp("ogt", m.abs(x), _LIMIT)


def _bit(d: RealMath, count: str, bit: int) -> str:
    return d.fb.cmp("ne", d.bits_ty, d.bit_op("and", count, bit), d.bit_op("and", count, 0))


def _turned(d: RealMath, sine: str, cosine: str, count: str) -> str:
    """The sine of r plus a number of quarter turns."""
    value = d.select(_bit(d, count, 1), cosine, sine)
    return d.select(_bit(d, count, 2), d.neg(value), value)


def _guarded(m: RealMath, x: str, name: str) -> str:
    """The result in the common case, and the C library's if any argument is too large for it."""
    fb = m.fb
    usual, huge = emit_usual(m, x, name), emit_is_enormous(m, x)
    if m.lanes > 1:
        huge = fb.call(f"llvm.vector.reduce.or.v{m.lanes}i1", "i1", [(vec("i1", m.lanes), huge)])
    rare, done, before = fb.label("huge"), fb.label("done"), fb.block
    fb.branch_if(huge, rare, done)
    fb.place(rare)
    exact = emit_libm(fb, name, m.scalar, m.lanes, x)
    fb.branch(done)
    fb.place(done)
    return fb.phi(m.ty, [(usual, before), (exact, rare)])
