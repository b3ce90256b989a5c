"""The logarithm of the gamma function; the incomplete one, by its series and its continued fraction."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import custom_gradient, while_loop
from pronghorn.ops.numpy.reductions import any as any_of

_MOST_TERMS = 2000
_TINY = 1e-300
_CLOSE = 1e-15


@symbolic_aware
def lgamma(x: Any) -> Tensor:
    """The logarithm of the gamma function's absolute value.

    >>> lgamma([1.0, 3.0]).numpy()
    array([0.       , 0.6931472], dtype=float32)
    """
    return P.lgamma(B.to_float(x))


@symbolic_aware
def gammainc(x1: Any, x2: Any) -> Tensor:
    """The regularized lower incomplete gamma function ``P(x1, x2)``.

    It is the integral of ``t**(x1 - 1) * exp(-t)`` from 0 to ``x2``, over the gamma function of ``x1``: the share of a
    gamma distribution of shape ``x1`` below ``x2``. Computed in float64, by the series below ``x1 + 1`` and the
    continued fraction above (NIST's Digital Library of Mathematical Functions, 8.11.4 and 8.9.2).

    Args:
        x1: the shape, above 0; at 0 the result is 1.
        x2: where the integral ends, 0 or more; of a shape that broadcasts with ``x1``'s.

    Returns:
        Numbers of 0 to 1 of the broadcast shape; NaN where an argument is out of its range.

    >>> gammainc([1.0, 2.0, 3.0], [0.5, 1.0, 2.0]).numpy()
    array([0.39346933, 0.26424113, 0.32332358], dtype=float32)
    """
    dtype = B.float_dtype(B.weak_name(x1), B.weak_name(x2))
    shape, x = B.operands(x1, x2, dtype="float64")
    return B.cast(_gammainc(shape, x), dtype)


@custom_gradient
def _gammainc(a: Tensor, x: Tensor) -> Any:
    value, slope = _parts(a, x)

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        density = P.exp((a - 1.0) * P.log(x) - x - P.lgamma(a))
        return upstream * slope, upstream * density

    return value, gradient


def _parts(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The function, and its derivative to ``a``."""
    a, x = P.stop_gradient(a), P.stop_gradient(x)
    zero, one = B.zeros_like(a), B.full_like(a, 1)
    inside = P.and_(P.and_(P.gt(a, zero), P.gt(x, zero)), P.and_(P.is_finite(a), P.is_finite(x)))
    small = P.lt(x, a + 1.0)
    # Where another rule holds, the loops see numbers that end at once.
    low = P.and_(inside, small)
    high = P.and_(inside, P.not_(small))
    total, total_slope = _series(P.select(low, a, one), P.select(low, x, one * 1e-3))
    rest, rest_slope = _fraction(P.select(high, a, one), P.select(high, x, one * 100.0))
    log_x = P.log(P.select(inside, x, one))
    a_in, x_in = P.select(inside, a, one), P.select(inside, x, one)
    below = P.exp(a_in * log_x - x_in - P.lgamma(a_in + 1.0))
    above = P.exp(a_in * log_x - x_in - P.lgamma(a_in))
    from_series = below * total
    from_fraction = one - above * rest
    series_slope = from_series * (log_x - P.digamma(a_in + 1.0)) + below * total_slope
    fraction_slope = zero - above * (rest * (log_x - P.digamma(a_in)) + rest_slope)
    value = P.select(small, from_series, from_fraction)
    slope = P.select(small, series_slope, fraction_slope)
    return _at_edges(a, x, inside, value, slope)


def _at_edges(a: Tensor, x: Tensor, inside: Tensor, value: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """0 at ``x = 0`` and for an infinite ``a``; 1 at ``a = 0`` and for an infinite ``x``; NaN out of range."""
    zero, one = B.zeros_like(a), B.full_like(a, 1)
    infinite = B.full_like(a, float("inf"))
    nan = B.full_like(a, float("nan"))
    edge = nan
    edge = P.select(P.eq(a, infinite), zero, edge)
    edge = P.select(P.eq(x, infinite), one, edge)
    edge = P.select(P.eq(x, zero), zero, edge)
    edge = P.select(P.eq(a, zero), one, edge)
    both_ends = P.or_(P.and_(P.eq(a, zero), P.eq(x, zero)), P.and_(P.eq(a, infinite), P.eq(x, infinite)))
    wrong = P.or_(P.or_(P.ne(a, a), P.ne(x, x)), P.or_(P.lt(a, zero), P.lt(x, zero)))
    edge = P.select(P.or_(wrong, both_ends), nan, edge)
    return P.select(inside, value, edge), P.select(inside, slope, P.select(P.ne(edge, edge), nan, zero))


def _series(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of ``x**n / ((a + 1) ... (a + n))`` over n from 0, and its derivative to ``a``."""

    def going(n: Tensor, term: Tensor, slope: Tensor, total: Tensor, total_slope: Tensor) -> Tensor:
        left = P.or_(
            P.gt(term, total * _CLOSE), P.gt(P.abs(slope), P.max(P.abs(total_slope), B.full_like(a, 1e-30)) * _CLOSE)
        )
        return any_of(left)

    def step(n: Tensor, term: Tensor, slope: Tensor, total: Tensor, total_slope: Tensor) -> tuple[Tensor, ...]:
        n = n + 1.0
        by = a + n
        slope = (slope * x - term * x / by) / by
        term = term * x / by
        return n, term, slope, total + term, total_slope + slope

    one, zero = B.full_like(a, 1), B.zeros_like(a)
    start = (B.full((), 0, "float64"), one, zero, one, zero)
    found = while_loop(going, step, start, maximum_iterations=_MOST_TERMS)
    return found[3], found[4]


def _fraction(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The continued fraction ``1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...))`` and its derivative to ``a``.

    By Lentz's method; each quantity goes with its derivative.
    """

    def going(n: Tensor, moved: Tensor, *rest: Tensor) -> Tensor:
        return any_of(P.gt(moved, B.full_like(moved, _CLOSE)))

    def step(n: Tensor, moved: Tensor, b: Tensor, c: Tensor, dc: Tensor, d: Tensor, dd: Tensor, h: Tensor, dh: Tensor):  # type: ignore[no-untyped-def]
        n = n + 1.0
        numerator = (a - n) * n
        b = b + 2.0
        under = numerator * d + b
        d_under = n * d + numerator * dd - 1.0
        under = P.select(P.eq(under, B.zeros_like(under)), B.full_like(under, _TINY), under)
        dc = n / c - numerator * dc / (c * c) - 1.0
        c = b + numerator / c
        c = P.select(P.eq(c, B.zeros_like(c)), B.full_like(c, _TINY), c)
        d = B.full_like(under, 1) / under
        dd = B.zeros_like(under) - d_under * d * d
        change = c * d
        d_change = dc * d + c * dd
        dh = dh * change + h * d_change
        h = h * change
        moved = P.max(P.abs(change - 1.0), P.abs(d_change))
        return n, moved, b, c, dc, d, dd, h, dh

    one, zero = B.full_like(a, 1), B.zeros_like(a)
    b = x + 1.0 - a
    d = one / b
    dd = d * d
    start = (B.full((), 0, "float64"), one, b, b * 0.0 + 1 / _TINY, zero, d, dd, d, dd)
    found = while_loop(going, step, start, maximum_iterations=_MOST_TERMS)
    return found[7], found[8]
