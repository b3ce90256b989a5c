"""The exponential, the logarithm and what is made of them, on float and double registers: branch-free polynomials.

The coefficients are least-squares fits at Chebyshev nodes, reweighted towards the smallest largest error. Results are
good to two units in the last place, with or without a fused multiply-add, and right at zero, infinity and NaN.
"""

from __future__ import annotations

import math

from pronghorn.engine.codegen.real_math import RealMath

__all__ = [
    "emit_exp",
    "emit_exp_negative",
    "emit_expm1",
    "emit_log",
    "emit_log1p",
    "emit_logistic",
    "emit_rsqrt",
    "emit_tanh",
]

_INF = math.inf
_NAN = math.nan

# ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
_LN2 = {"float": (0.693359375, -2.12194440054690581e-4), "double": (0.6931471803691238, 1.9082149292705877e-10)}

# (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2
_EXP = {
    "float": (0.49999998323408723, 0.16666537562990716, 0.04166714036490469, 0.0083672256157362, 0.0013887090349989314),
    "double": (
        0.5, 0.16666666666666677, 0.041666666666666484, 0.008333333333320717, 0.0013888888888969881,
        0.0001984126988876779, 2.4801587165206422e-05, 2.7557241277613447e-06, 2.7557404241803323e-07,
        2.5110139789344222e-08, 2.0876001947263896e-09,
    ),
}  # fmt: skip

# (log(1 + f) - f + f**2 / 2) / f**3 for sqrt(1/2) <= 1 + f <= sqrt(2)
_LOG_SINGLE = (
    0.3333333047928033, -0.25000821021418296, 0.20001302606206137, -0.16623413151049302, 0.1420062379603155,
    -0.1315869762580356, 0.12766338073125422, -0.07642480244877242,
)  # fmt: skip
# (2 atanh(s) - 2 s) / s**3 in powers of s**2, for |s| <= 0.1716
_LOG_DOUBLE = (
    0.6666666666666735, 0.3999999999940971, 0.2857142874335256, 0.2222219848271313, 0.18183568756818508,
    0.153139415488864, 0.14797012839837256,
)  # fmt: skip


def emit_exp_reduced(m: RealMath, x: str, rest: str | None = None) -> tuple[str, str, str]:
    """r, exp(r) - 1 and n with x = n ln 2 + r, for x not too large to be so split; of x + rest, if there is one."""
    high, low = _LN2[m.scalar]
    real, whole = m.nearest(m.mul(x if rest is None else m.add(x, rest), 1 / math.log(2)))
    r = m.fma(real, -high, x)
    r = m.fma(real, -low, r if rest is None else m.add(r, rest))
    square = m.mul(r, r)
    return r, m.fma(m.polynomial(r, _EXP[m.scalar]), square, r), whole


def emit_exp(m: RealMath, x: str) -> str:
    """e**x"""
    x = m.clamp(x, -110.0, 90.0) if m.is_single else m.clamp(x, -760.0, 720.0)
    _, minus_one, whole = emit_exp_reduced(m, x)
    return m.scale(m.add(minus_one, 1.0), whole)


def emit_exp_negative(m: RealMath, x: str) -> str:
    """e**x for x <= 0, cheaper; zero below the smallest normal number."""
    lowest = -87.336 if m.is_single else -708.396
    _, minus_one, whole = emit_exp_reduced(m, m.select(m.cmp("ogt", lowest, x), lowest, x))
    power = m.power_of_two(whole)
    result = m.fma(minus_one, power, power)
    return m.select(m.cmp("olt", x, lowest), 0.0, result)


def emit_expm1_negative(m: RealMath, x: str) -> str:
    """e**x - 1 for x <= 0"""
    lowest = -18.0 if m.is_single else -40.0  # from here on it rounds to -1
    _, minus_one, whole = emit_exp_reduced(m, m.select(m.cmp("ogt", lowest, x), lowest, x))
    power = m.power_of_two(whole)
    return m.fma(minus_one, power, m.sub(power, 1.0))


def emit_expm1(m: RealMath, x: str) -> str:
    """e**x - 1, exact to rounding near zero"""
    bounded = m.clamp(x, -18.0, 90.0) if m.is_single else m.clamp(x, -40.0, 720.0)
    _, minus_one, whole = emit_exp_reduced(m, bounded)
    # Half of the result, doubled: 2**n itself may overflow where the result does not.
    power = m.power_of_two(m.bit_op("sub", whole, 1))
    result = m.mul(m.fma(minus_one, power, m.sub(power, 0.5)), 2.0)
    limit = 89.0 if m.is_single else 710.0
    result = m.select(m.cmp("ogt", x, limit), _INF, result)
    return m.select(m.cmp("oeq", x, 0.0), x, result)  # keeps the sign of zero


def _split_mantissa(m: RealMath, x: str) -> tuple[str, str]:
    """(f, e) with x = (1 + f) 2**e and 1 + f between sqrt(1/2) and sqrt(2), e as a float; x positive and finite."""
    smallest = 2.0 ** (1 - m.bias)
    tiny = m.cmp("olt", x, smallest)
    shift = m.mantissa + 2
    bits = m.to_bits(m.select(tiny, m.mul(x, 2.0**shift), x))
    root = 0x3F3504F3 if m.is_single else 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
    moved = m.bit_op("sub", bits, root)
    # The shift is arithmetic for single (numbers below sqrt(1/2) have e < 0); for double, where vectors lack one,
    # an offset makes the exponent positive first.
    offset = m.bias + 1
    raised = m.bit_op("add", moved, offset << m.mantissa) if not m.is_single else moved
    if m.is_single:
        exponent = m.whole_to_real(m.bit_op("ashr", moved, m.mantissa))
    else:
        exponent = m.sub(m.whole_to_real(m.bit_op("lshr", raised, m.mantissa)), float(offset))
    fraction = m.bit_op("add", m.bit_op("and", moved, (1 << m.mantissa) - 1), root)
    exponent = m.sub(exponent, m.select(tiny, float(shift), 0.0))
    return m.sub(m.from_bits(fraction), 1.0), exponent


def _log_positive(m: RealMath, x: str) -> str:
    """log x for positive finite x"""
    high, low = _LN2[m.scalar]
    f, exponent = _split_mantissa(m, x)
    square = m.mul(f, f)
    half = m.mul(square, 0.5)
    if m.is_single:
        rest = m.mul(m.mul(square, f), m.polynomial(f, _LOG_SINGLE))
        rest = m.sub(m.fma(exponent, low, rest), half)
        return m.fma(exponent, high, m.add(f, rest))
    s = m.div(f, m.add(f, 2.0))
    z = m.mul(s, s)
    tail = m.mul(z, m.polynomial(z, _LOG_DOUBLE))
    # log(1 + f) = f - (f**2/2 - s (f**2/2 + tail)): the large term f is exact.
    rest = m.sub(m.fma(s, m.add(half, tail), m.mul(exponent, low)), half)
    return m.fma(exponent, high, m.add(f, rest))


def _log_specials(m: RealMath, x: str, result: str) -> str:
    result = m.select(m.cmp("oeq", x, 0.0), -_INF, result)
    result = m.select(m.cmp("ult", x, 0.0), _NAN, result)  # NaN too
    return m.select(m.cmp("oeq", x, _INF), _INF, result)


def emit_log(m: RealMath, x: str) -> str:
    """The natural logarithm"""
    return _log_specials(m, x, _log_positive(m, x))


def emit_log1p(m: RealMath, x: str) -> str:
    """log(1 + x), exact to rounding near zero"""
    u = m.add(x, 1.0)
    # The rounding error of u, relative to it, is what log(u) lacks.
    lost = m.select(m.cmp("oge", m.abs(x), 1.0), m.sub(x, m.sub(u, 1.0)), m.sub(m.sub(1.0, u), m.neg(x)))
    result = m.add(_log_positive(m, u), m.div(lost, u))
    result = _log_specials(m, u, result)
    return m.select(m.cmp("olt", m.abs(x), 2.0 ** -(m.mantissa + 2)), x, result)


def emit_tanh(m: RealMath, x: str) -> str:
    """The hyperbolic tangent"""
    e = emit_expm1_negative(m, m.mul(m.abs(x), -2.0))
    return m.copysign(m.div(e, m.add(e, 2.0)), x)


def emit_logistic(m: RealMath, x: str) -> str:
    """1 / (1 + exp(-x))"""
    # exp of a negative number cannot overflow; where x < 0 the quotient is turned over.
    e = emit_exp_negative(m, m.neg(m.abs(x)))
    top = m.select(m.cmp("olt", x, 0.0), e, 1.0)
    return m.div(top, m.add(e, 1.0))


def emit_rsqrt(m: RealMath, x: str) -> str:
    """1 / sqrt(x)"""
    return m.div(1.0, m.sqrt(x))
