"""The error function, its complement and its inverse, digamma, and powers with real exponents."""

from __future__ import annotations

import math

from pronghorn.engine.codegen.exponentials import emit_exp, emit_exp_reduced, emit_log
from pronghorn.engine.codegen.libm import emit_libm
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.rounding import emit_rounding

__all__ = ["emit_digamma", "emit_erf", "emit_erfc", "emit_erfinv", "emit_pow"]

# erf(x)/x - 1 in powers of x**2 for |x| <= 1.1
_ERF_NEAR = (
    0.12837916224095683, -0.37612600583221095, 0.11283292175434637, -0.02684145393901091, 0.005164879584630435,
    -0.000780589961681146, 7.188268299451889e-05,
)  # fmt: skip
# The fourth root of erfc(x) for 1.1 <= x <= 4, beyond which erf rounds to 1; its fourth power is good to 2e-9. It needs
# no exponential, as erfc's logarithm would, and with it the longest chain of operations.
_ERF_FAR = (
    1.000792958397662, -0.2856840390230643, -0.11283046332725893, 0.009866278871966849, 0.019772744720680635,
    0.0009764870457674387, -0.004315884282433603, 0.0013611790208279935, -0.00017858097449654337,
    8.945372974509953e-06,
)  # fmt: skip

# exp(x**2) * erfc(x) / t for 0 <= x <= 9.37, beyond which erfc is no normal number of a float, in powers of
# t = 2 / (2 + x), which is brought to -1 to 1 before; interpolated at Chebyshev's nodes, good to 4e-8
_ERFC_END = 9.37
_ERFC = (
    0.575639653048468, 0.32484581147710456, 0.09996994917976813, 0.005502014476893935, -0.005914062679955734,
    -0.0005478185219063292, 0.0005476265721355845, -2.0771149479514875e-06, -4.812721842171186e-05,
    7.025877215482978e-06,
)  # fmt: skip

# erfinv(x)/x with w = -log(1 - x**2): in powers of w - 2.5 for w <= 5
_ERFINV_NEAR = (
    1.5014093592186308, 0.2466402845207633, -0.004177386445436278, -0.0012527388071553159, 0.00021834417260151832,
    -4.964980084038256e-06, -3.4626363714954643e-06, 4.6649942776667915e-07, 2.3227119602149957e-08,
    -8.81342660776302e-09,
)  # fmt: skip
# ... and in powers of sqrt(w) - 3 beyond: up to where a float, and where a double is closest to 1
_ERFINV_FAR = {
    "float": (
        2.8329770070516713, 1.0016740530298425, 0.009434939601387391, -0.007623838281692982, 0.0057654082734879325,
        -0.00366498689095099, 0.001295716787271009, 9.122133938487301e-05, -0.00016548312914072455,
    ),
    "double": (
        2.8329763898502445, 1.001690548999774, 0.00945847510850231, -0.007777913494578081, 0.005705902852845582,
        -0.0032462507356867203, 0.001212969081275794, -0.00026651497112401993, 2.9646630164979948e-05,
        -1.1430405814546213e-06,
    ),
}  # fmt: skip

# B(2k) / (2k) of digamma's asymptotic series, Abramowitz and Stegun 6.3.18
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def emit_erf(m: RealMath, x: str) -> str:
    """The error function of float values"""
    size = m.abs(x)
    square = m.mul(x, x)
    near = m.fma(m.polynomial(square, _ERF_NEAR), x, x)
    bounded = m.select(m.cmp("olt", 4.0, size), 4.0, size)
    root = m.polynomial(bounded, _ERF_FAR)
    half = m.mul(root, root)
    far = m.copysign(m.fma(m.neg(half), half, 1.0), x)
    return m.select(m.cmp("olt", size, 1.1), near, far)


def emit_erfc(m: RealMath, x: str) -> str:
    """1 - erf(x) of float values, with all digits where that is tiny; zero below the smallest normal numbers"""
    size = m.abs(x)
    size = m.select(m.cmp("olt", 10.0, size), 10.0, size)
    t = m.div(2.0, m.add(size, 2.0))
    low = 2 / (2 + _ERFC_END)
    even = m.fma(t, 2 / (1 - low), -(1 + low) / (1 - low))
    # exp(-x**2) by the square of the upper digits, which is exact, and what that leaves
    upper = m.from_bits(m.bit_op("and", m.to_bits(size), -1 << 12))
    rest = m.mul(m.sub(upper, size), m.add(upper, size))
    _, minus_one, whole = emit_exp_reduced(m, m.neg(m.mul(upper, upper)), rest)
    power = m.mul(m.power_of_two(m.at_least(whole, -m.bias)), t)  # zero where there is no normal number
    tail = m.mul(m.fma(minus_one, power, power), m.polynomial(even, _ERFC))
    return m.select(m.cmp("olt", x, 0.0), m.sub(2.0, tail), tail)


def emit_erfinv(m: RealMath, x: str) -> str:
    """The inverse of the error function: infinite at -1 and 1, NaN beyond"""
    size = m.abs(x)
    left = m.sub(1.0, size)
    w = m.neg(emit_log(m, m.mul(left, m.add(size, 1.0))))
    near = m.polynomial(m.sub(w, 2.5), _ERFINV_NEAR)
    root = m.sqrt(m.select(m.cmp("olt", w, 5.0), 5.0, w))
    far = m.polynomial(m.sub(root, 3.0), _ERFINV_FAR[m.scalar])
    y = m.mul(m.select(m.cmp("olt", w, 5.0), near, far), size)
    if not m.is_single:
        y = _improved_erfinv(m, size, left, y)
    y = m.select(m.cmp("oeq", size, 1.0), math.inf, y)
    return m.copysign(y, x)


def _improved_erfinv(m: RealMath, size: str, left: str, y: str) -> str:
    """One step of Halley's iteration, which triples the correct digits."""
    below = m.sub(emit_libm(m.fb, "erf", m.scalar, m.lanes, y), size)
    above = m.sub(left, emit_libm(m.fb, "erfc", m.scalar, m.lanes, y))
    error = m.select(m.cmp("olt", size, 0.5), below, above)
    slope = m.mul(emit_exp(m, m.neg(m.mul(y, y))), 2 / math.sqrt(math.pi))
    step = m.div(error, slope)
    return m.sub(y, m.div(step, m.fma(y, step, 1.0)))


def emit_digamma(m: RealMath, x: str) -> str:
    """The derivative of log gamma; NaN at its poles 0, -1, -2, ..."""
    d = RealMath(m.fb, "double", m.lanes)
    if not m.is_single:
        return _digamma(d, x)
    return m.fb.cast("fptrunc", _digamma(d, m.fb.cast("fpext", x, m.ty, d.ty)), d.ty, m.ty)


def _digamma(d: RealMath, x: str) -> str:
    reflect = d.cmp("olt", x, 0.5)
    y = d.select(reflect, d.sub(1.0, x), x)
    shifted = d(0.0)
    for _ in range(8):  # digamma(y) = digamma(y + 1) - 1/y until the series is good
        below = d.cmp("olt", y, 8.0)
        shifted = d.add(shifted, d.select(below, d.div(1.0, y), 0.0))
        y = d.select(below, d.add(y, 1.0), y)
    inverse = d.div(1.0, y)
    square = d.mul(inverse, inverse)
    series = d.mul(d.polynomial(square, _DIGAMMA), square)
    value = d.sub(d.sub(d.fma(inverse, -0.5, emit_log(d, y)), series), shifted)
    # Reflection: digamma(x) = digamma(1 - x) - pi / tan(pi x); the nearest whole number does not matter to tan.
    rest = d.sub(x, emit_rounding(d, "round", x))
    cotangent = d.div(math.pi, emit_libm(d.fb, "tan", d.scalar, d.lanes, d.mul(rest, math.pi)))
    value = d.select(reflect, d.sub(value, cotangent), value)
    whole = d.cmp("oeq", emit_rounding(d, "floor", x), x)
    pole = d.fb.op("and", d.mask_ty, whole, d.cmp("ole", x, 0.0))
    return d.select(pole, math.nan, value)


def emit_pow(m: RealMath, x: str, y: str) -> str:
    """x**y of float values, with the special cases of C's pow"""
    d = RealMath(m.fb, "double", m.lanes)
    size = m.abs(x)
    wide, exponent = (m.fb.cast("fpext", value, m.ty, d.ty) for value in (size, y))
    # A double's exp and log leave nothing of their errors to a float.
    result = m.fb.cast("fptrunc", emit_exp(d, d.mul(exponent, emit_log(d, wide))), d.ty, m.ty)
    whole = m.cmp("oeq", emit_rounding(m, "floor", y), y)
    halved = m.mul(y, 0.5)
    odd = m.fb.op("and", m.mask_ty, whole, m.cmp("one", emit_rounding(m, "floor", halved), halved))
    result = m.select(odd, m.copysign(result, x), result)
    finite_below = m.fb.op("and", m.mask_ty, m.cmp("olt", x, 0.0), m.cmp("ogt", x, -math.inf))
    undefined = m.fb.op("and", m.mask_ty, finite_below, m.cmp("one", emit_rounding(m, "floor", y), y))
    result = m.select(undefined, math.nan, result)
    sure = m.fb.op("or", m.mask_ty, m.cmp("oeq", x, 1.0), m.cmp("oeq", y, 0.0))
    minus_one = m.fb.op("and", m.mask_ty, m.cmp("oeq", size, 1.0), m.cmp("oeq", m.abs(y), math.inf))
    return m.select(m.fb.op("or", m.mask_ty, sure, minus_one), 1.0, result)
