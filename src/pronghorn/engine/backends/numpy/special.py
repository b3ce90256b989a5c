"""Special functions that NumPy lacks, in float32 and float64."""

from __future__ import annotations

import functools
import math

import numpy as np

_SPACING = 1 / 64
_LIMIT = 6.0  # erf(6) rounds to 1
_LIMIT_OF_TAIL = 28.0  # erfc(28) to 0
_TERMS = 11


@functools.lru_cache(None)
def _erf_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """erf and erfc at multiples of the spacing, and the Taylor coefficients of erf about them (from order 1 on).

    The derivatives of ``exp(-x**2)`` obey a recurrence: with ``c[k]`` the coefficient of ``d**k`` of
    ``exp(-(x+d)**2)``, ``k c[k] = -2 x c[k-1] - 2 c[k-2]``; integrating divides by the order.
    """
    nodes = np.arange(0, _LIMIT_OF_TAIL + 2 * _SPACING, _SPACING)
    slope = np.empty((_TERMS, nodes.size))
    slope[0] = 2 / math.sqrt(math.pi) * np.exp(-(nodes**2))
    slope[1] = -2 * nodes * slope[0]
    for k in range(2, _TERMS):
        slope[k] = (-2 * nodes * slope[k - 1] - 2 * slope[k - 2]) / k
    series = slope / np.arange(1, _TERMS + 1)[:, None]
    return np.array([math.erf(v) for v in nodes]), np.array([math.erfc(v) for v in nodes]), series


def _difference_from_node(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For ``0 <= x <= 28``: the index of the nearest node, and ``erf(x) - erf(node)``."""
    index = np.rint(x / _SPACING).astype(np.intp)
    d = x - index * _SPACING
    series = _erf_tables()[2]
    total = series[-1][index]
    for coefficients in series[-2::-1]:
        total = coefficients[index] + d * total
    return index, d * total


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, to the last bits of float64."""
    size = np.minimum(np.abs(x.astype(np.float64)), _LIMIT)
    size = np.where(np.isnan(size), 0, size)
    index, difference = _difference_from_node(size)
    value = np.copysign(_erf_tables()[0][index] + difference, x)
    return np.where(np.isnan(x), x, value).astype(x.dtype)


def erfc(x: np.ndarray) -> np.ndarray:
    """``1 - erf(x)``, to the last digits of float64 also where that is tiny."""
    size = np.minimum(np.abs(x.astype(np.float64)), _LIMIT_OF_TAIL)
    size = np.where(np.isnan(size), 0, size)
    index, difference = _difference_from_node(size)
    tail = np.maximum(_erf_tables()[1][index] - difference, 0)
    value = np.where(x < 0, 2 - tail, tail)
    with np.errstate(under="ignore"):
        return np.where(np.isnan(x), x, value).astype(x.dtype)


def erfinv(x: np.ndarray) -> np.ndarray:
    """The inverse of erf: a closed first guess and Halley's iteration, on erfc where erf is close to 1."""
    size = np.abs(x.astype(np.float64))
    inside = size < 1
    s = np.where(inside, size, 0)
    # Winitzki's approximation of erf, solved for its argument
    tail = np.log1p(-s * s)
    a = 0.147
    half = 2 / (math.pi * a) + tail / 2
    y = np.sqrt(np.maximum(np.sqrt(half * half - tail / a) - half, 0))
    nodes, tails, _ = _erf_tables()
    for _ in range(3):
        y = np.minimum(y, _LIMIT)
        index, difference = _difference_from_node(y)
        error = np.where(s < 0.5, nodes[index] + difference - s, (1 - s) - (tails[index] - difference))
        step = error / (2 / math.sqrt(math.pi) * np.exp(-y * y))
        y = y - step / (1 + y * step)
    y = np.where(inside, y, np.where(size == 1, np.inf, np.nan))
    return np.copysign(y, x).astype(x.dtype)


def _lgamma(value: float) -> float:
    if math.isinf(value) or (value <= 0 and value == math.floor(value)):
        return math.inf  # at the poles as well
    try:
        return math.lgamma(value)
    except OverflowError:
        return math.inf


_lgamma_each = np.frompyfunc(_lgamma, 1, 1)


def lgamma(x: np.ndarray) -> np.ndarray:
    """The logarithm of the absolute value of the gamma function, from the C library."""
    return np.asarray(_lgamma_each(x)).astype(x.dtype)


# B(2k) / (2k) of the asymptotic series of digamma, Abramowitz and Stegun 6.3.18
_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of `lgamma`: reflection below 1/2, recurrence up to 8, then the asymptotic series."""
    v = x.astype(np.float64)
    reflect = v < 0.5
    y = np.where(reflect, 1 - v, v)
    shifted = np.zeros_like(y)
    for _ in range(8):
        below = y < 8
        shifted += np.where(below, 1 / y, 0)
        y = np.where(below, y + 1, y)
    inverse = 1 / (y * y)
    series = np.zeros_like(y)
    for coefficient in reversed(_DIGAMMA_SERIES):
        series = (series + coefficient) * inverse
    value = np.log(y) - 0.5 / y - series - shifted
    # The fraction of a period first: tan(pi v) loses digits for large v.
    value = np.where(reflect, value - math.pi / np.tan(math.pi * (v - np.rint(v))), value)
    pole = (v <= 0) & (v == np.floor(v))
    return np.where(pole, np.nan, value).astype(x.dtype)
