"""Arithmetic of two arrays, and what is arithmetic with a constant."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes

from pronghorn import config
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import by_shapes, elementwise
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import while_loop
from pronghorn.ops.numpy.comparison import complex_order, signbit
from pronghorn.ops.numpy.reductions import any as any_


@elementwise
def add(x1: Any, x2: Any) -> Tensor:
    """``x1 + x2``, element by element, broadcast and promoted as in NumPy; ``or`` for bools.

    >>> add([1, 2], 0.5).numpy()
    array([1.5, 2.5], dtype=float32)
    """
    x, y = B.operands(x1, x2)
    return P.or_(x, y) if x.dtype == "bool" else P.add(x, y)


@elementwise
def subtract(x1: Any, x2: Any) -> Tensor:
    """``x1 - x2``, element by element.

    Raises:
        TypeError: for two bools.

    Example:

    >>> subtract([1, 2], 0.5).numpy()
    array([0.5, 1.5], dtype=float32)
    """
    x, y = B.operands(x1, x2)
    if x.dtype == "bool":
        raise TypeError("subtract: bools cannot be subtracted; use logical_xor, or cast them first.")
    return P.sub(x, y)


@elementwise
def multiply(x1: Any, x2: Any) -> Tensor:
    """``x1 * x2``, element by element; ``and`` for bools.

    >>> multiply([1, 2], 0.5).numpy()
    array([0.5, 1. ], dtype=float32)
    """
    x, y = B.operands(x1, x2)
    return P.and_(x, y) if x.dtype == "bool" else P.mul(x, y)


@elementwise
def divide(x1: Any, x2: Any) -> Tensor:
    """``x1 / x2``, element by element; integers give floats.

    >>> divide(1, 4).numpy()
    np.float32(0.25)
    """
    return P.div(*B.operands(x1, x2, dtype=_float_result(x1, x2)))


@elementwise
def true_divide(x1: Any, x2: Any) -> Tensor:
    """The same as `divide`.

    >>> true_divide([1, 2], 4).numpy()
    array([0.25, 0.5 ], dtype=float32)
    """
    return P.div(*B.operands(x1, x2, dtype=_float_result(x1, x2)))


def _float_result(*xs: Any) -> str:
    return B.float_dtype(*map(B.weak_name, xs))


@by_shapes
def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """``x1 / x2``, and 0 where ``x2`` is 0.

    >>> divide_no_nan([1.0, 2.0], [0.0, 4.0]).numpy()
    array([0. , 0.5], dtype=float32)
    """
    x, y = B.operands(x1, x2, dtype=_float_result(x1, x2))
    zero = B.zeros_like(y)
    none = P.eq(y, zero)
    # the divisor is mended too, or the gradient of the branch not taken would be NaN
    return P.select(none, zero, P.div(x, P.select(none, B.full_like(y, 1), y)))


@symbolic_aware
def floor_divide(x1: Any, x2: Any) -> Tensor:
    """The greatest whole number not above ``x1 / x2``.

    >>> floor_divide([7, -7], 2).numpy()
    array([ 3, -4], dtype=int32)
    """
    x, y = B.operands(x1, x2, dtype=_no_bool(x1, x2))
    if dtypes.is_integer(x.dtype):
        return P.div(x, y)
    x, y = P.stop_gradient(x), P.stop_gradient(y)  # steps have no slope, where the quotient is infinite neither
    rest, zero = P.rem(x, y), B.zeros_like(y)
    quotient = P.round(P.div(P.sub(x, rest), y))  # floor(x / y) may be one off after rounding
    below = P.and_(P.ne(rest, zero), P.ne(P.lt(rest, zero), P.lt(y, zero)))
    quotient = P.select(below, P.sub(quotient, B.full_like(quotient, 1)), quotient)
    return P.select(P.eq(y, zero), P.div(x, y), quotient)


def _no_bool(*xs: Any) -> str:
    dtype = B.result_dtype(*xs)
    return "int32" if dtype == "bool" else dtype


@symbolic_aware
def mod(x1: Any, x2: Any) -> Tensor:
    """The rest of `floor_divide`; it has the sign of ``x2``, as in Python.

    >>> mod([-3, 3], 2).numpy()
    array([1, 1], dtype=int32)
    """
    return _python_mod(*B.operands(x1, x2, dtype=_no_bool(x1, x2)))


def _python_mod(x: Tensor, y: Tensor) -> Tensor:
    rest = P.rem(x, y)
    if x.dtype in dtypes.UNSIGNED:
        return rest
    zero = B.zeros_like(rest)
    other_sign = P.and_(P.ne(rest, zero), P.ne(P.lt(rest, zero), P.lt(y, zero)))
    return P.select(other_sign, P.add(rest, y), rest)


@symbolic_aware
def fmod(x1: Any, x2: Any) -> Tensor:
    """The rest of the division rounded towards zero; it has the sign of ``x1``, as in C.

    >>> fmod([7, -7], 3).numpy()
    array([ 1, -1], dtype=int32)
    """
    return P.rem(*B.operands(x1, x2, dtype=_no_bool(x1, x2)))


@symbolic_aware
def power(x1: Any, x2: Any) -> Tensor:
    """``x1`` to the power of ``x2``, element by element.

    >>> power([1.0, 2.0, 3.0], 2).numpy()
    array([1., 4., 9.], dtype=float32)
    """
    if type(x2) in (int, float) and x2 in _CHEAP_POWERS:
        x = B.cast(x1, _no_bool(x1, x2))
        if not dtypes.is_integer(x.dtype) or x2 > 0:
            return _CHEAP_POWERS[x2](x)
    return P.pow(*B.operands(x1, x2, dtype=_no_bool(x1, x2)))


def _radicand(x: Tensor) -> Tensor:
    """``x`` without the signs of -0.0 and of minus infinity, whose powers of a half are those of 0 and infinity; the
    root of -0.0 is -0.0."""
    if x.dtype in dtypes.COMPLEX:
        return x
    return P.select(P.and_(P.lt(x, B.zeros_like(x)), P.is_finite(x)), x, P.abs(x))


_CHEAP_POWERS = {
    1: lambda x: x,
    2: lambda x: P.mul(x, x),
    3: lambda x: P.mul(P.mul(x, x), x),
    0.5: lambda x: P.sqrt(_radicand(x)),
    -0.5: lambda x: P.rsqrt(_radicand(x)),
    -1: lambda x: P.div(B.full_like(x, 1), x),
}
"""Exponents that are a multiplication or a root away; a general power is a logarithm and an exponential."""


@by_shapes
def maximum(x1: Any, x2: Any) -> Tensor:
    """The greater of each two elements; NaN where either is NaN.

    >>> maximum([1.0, 5.0], 2.0).numpy()
    array([2., 5.], dtype=float32)
    """
    return _real_pair(P.max, "gt", x1, x2)


@by_shapes
def minimum(x1: Any, x2: Any) -> Tensor:
    """The lesser of each two elements; NaN where either is NaN.

    >>> minimum([1.0, 5.0], 2.0).numpy()
    array([1., 2.], dtype=float32)
    """
    return _real_pair(P.min, "lt", x1, x2)


def _real_pair(prim: Any, order: str, x1: Any, x2: Any) -> Tensor:
    x, y = B.operands(x1, x2)
    if x.dtype in dtypes.COMPLEX:
        return P.select(complex_order(order, x, y), x, y)
    return prim(x, y)


@symbolic_aware
def fmax(x1: Any, x2: Any) -> Tensor:
    """The greater of each two elements; where one is NaN, the other.

    >>> fmax([1.0, float("nan")], [0.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    return _ignoring_nan(P.max, P.gt, x1, x2)


@symbolic_aware
def fmin(x1: Any, x2: Any) -> Tensor:
    """The lesser of each two elements; where one is NaN, the other.

    >>> fmin([1.0, float("nan")], [0.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    return _ignoring_nan(P.min, P.lt, x1, x2)


def _ignoring_nan(prim: Any, wins: Any, x1: Any, x2: Any) -> Tensor:
    x, y = B.operands(x1, x2)
    if not dtypes.is_float(x.dtype):
        return prim(x, y)
    return P.select(P.or_(wins(x, y), P.ne(y, y)), x, y)  # of equal ones the second, with the gradient


@symbolic_aware
def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """``x`` with what is below ``x_min`` or above ``x_max`` replaced by these.

    >>> clip([-1.0, 0.5, 3.0], 0, 1).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    dtype = _no_bool(x)
    if dtypes.is_integer(dtype) and any(_is_real(b) for b in (x_min, x_max)):
        dtype = config.floatx()
    x = B.cast(x, dtype)
    low, high = (_bound(b, dtype) for b in (x_min, x_max))
    if low is not None:
        x = P.max(*B.broadcast(x, low))
    return P.min(*B.broadcast(x, high)) if high is not None else x


def _is_real(bound: Any) -> bool:
    return bound is not None and dtypes.is_float(B.convert(bound).dtype)


def _bound(bound: Any, dtype: str) -> Tensor | None:
    if bound is None:
        return None
    return B.cast(B.convert(bound, dtype), dtype)


@by_shapes
def square(x: Any) -> Tensor:
    """``x`` times itself.

    >>> square([-3, 2]).numpy()
    array([9, 4], dtype=int32)
    """
    x = B.cast(x, _no_bool(x))
    return P.mul(x, x)


@symbolic_aware
def reciprocal(x: Any) -> Tensor:
    """``1 / x``.

    >>> reciprocal([2.0, 4.0]).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    x = B.to_float(x)
    return P.div(B.full_like(x, 1), x)


@symbolic_aware
def hypot(x1: Any, x2: Any) -> Tensor:
    """The length of the vector ``(x1, x2)``, without overflow.

    >>> hypot(3.0, 4.0).numpy()
    np.float32(5.0)
    """
    x, y = (P.abs(t) for t in B.operands(x1, x2, dtype=_float_result(x1, x2)))
    long, short = P.max(x, y), P.min(x, y)
    zero = P.eq(long, B.zeros_like(long))
    ratio = P.div(short, P.select(zero, B.full_like(long, 1), long))
    length = P.mul(long, P.sqrt(P.add(P.mul(ratio, ratio), 1.0)))
    infinite = B.full_like(long, math.inf)  # whatever the other is
    beyond = P.select(P.or_(P.eq(x, infinite), P.eq(y, infinite)), infinite, _nan_of(x, y))
    return P.select(P.is_finite(long), length, beyond)


def _nan_of(x: Tensor, y: Tensor) -> Tensor:
    """NaN where either is, with gradients that are NaN too, and 0 elsewhere: `max` and `min` give NaNs no gradient."""
    nan = P.select(P.or_(P.ne(x, x), P.ne(y, y)), P.add(x, y), B.zeros_like(x))
    return P.mul(nan, nan)


def _minus_size(x: Tensor) -> Tensor:
    """``-abs(x)`` with the gradient 0 at 0, so that a symmetric function keeps equal gradients where both are equal."""
    return P.min(x, P.neg(x))


@symbolic_aware
def logaddexp(x1: Any, x2: Any) -> Tensor:
    """``log(exp(x1) + exp(x2))``, without overflow.

    >>> logaddexp([0.0, 3.0], [0.0, 3.0]).numpy().round(4)
    array([0.6931, 3.6931], dtype=float32)
    """
    x1, x2 = B.convert(x1), B.convert(x2)
    x, y = B.operands(x1, x2, dtype=_float_result(x1, x2))
    top, gap, total = P.max(x, y), P.sub(x, y), P.add(x, y)
    same = P.ne(gap, gap)  # both infinite alike, or NaN
    return P.select(same, P.add(total, _nan_of(x, y)), P.add(top, P.log1p(P.exp(_minus_size(gap)))))


@symbolic_aware
def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """``log2(2**x1 + 2**x2)``, without overflow.

    >>> logaddexp2([0.0, 3.0], [0.0, 3.0]).numpy()
    array([1., 4.], dtype=float32)
    """
    ln2 = 0.6931471805599453
    x, y = B.operands(x1, x2, dtype=_float_result(x1, x2))
    top, gap, total = P.max(x, y), P.sub(x, y), P.add(x, y)
    same = P.ne(gap, gap)
    tail = P.mul(P.log1p(P.exp(P.mul(_minus_size(gap), ln2))), 1 / ln2)
    return P.select(same, P.add(total, _nan_of(x, y)), P.add(top, tail))


@symbolic_aware
def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 where ``x1`` is negative, 1 where it is positive, ``x2`` where it is 0.

    >>> heaviside([-1.0, 0.0, 2.0], 0.5).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x, y = B.operands(x1, x2, dtype=_float_result(x1, x2))
    zero = B.zeros_like(x)
    step = P.select(P.lt(x, zero), zero, P.select(P.gt(x, zero), B.full_like(x, 1), y))
    return P.select(P.ne(x, x), x, step)


@symbolic_aware
def ldexp(x1: Any, x2: Any) -> Tensor:
    """``x1 * 2**x2``; the exponents ``x2`` are integers.

    Raises:
        TypeError: if they are not.

    Example:

    >>> ldexp([1.5, 3.0], [1, 2]).numpy()
    array([ 3., 12.], dtype=float32)
    """
    exponent = B.convert(x2)
    if not dtypes.is_integer(exponent.dtype):
        raise TypeError(f"ldexp: the exponents x2 must be integers, got {exponent.dtype}.")
    dtype = B.float_dtype(B.weak_name(x1), B.weak_name(x2))
    x = B.cast(x1, dtype)
    for factor in reversed(_powers_of_two(exponent, dtype)):
        x = P.mul(*B.broadcast(x, factor))
    return x


def _powers_of_two(exponent: Tensor, dtype: str) -> list[Tensor]:
    """``2**exponent`` as a product of three numbers that a float type has; the largest power first.

    Multiplied by from the last on, a number is rounded once at most: where a product is subnormal before the first
    factor, it is 0 behind it.
    """
    info = ml_dtypes.finfo(dtypes.to_numpy(dtype))
    most = 2 * (info.maxexp - info.minexp) + 2 * info.nmant  # brings any number to 0 or to infinity
    least, greatest = dtypes.limits(exponent.dtype)
    rest = P.cast(clip(exponent, max(-most, least), min(most, greatest)), dtype="int32")
    factors = []
    for _ in range(3):
        taken = clip(rest, info.minexp, info.maxexp - 1)
        rest = P.sub(rest, taken)
        power = P.cast(taken, dtype="float32" if dtype in dtypes.LOW_PRECISION else dtype)
        factors.append(P.cast(P.pow(B.full_like(power, 2), power), dtype=dtype))
    return factors


@symbolic_aware
def copysign(x1: Any, x2: Any) -> Tensor:
    """The size of ``x1`` with the sign of ``x2``, whose -0.0 counts as negative.

    >>> copysign([1.0, -2.0], [-0.0, 3.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    x, y = B.operands(x1, x2, dtype=_float_result(x1, x2))
    size = P.abs(x)
    return P.select(signbit(y), P.neg(size), size)


@symbolic_aware
def float_power(x1: Any, x2: Any) -> Tensor:
    """``x1`` to the power of ``x2`` in floats, also of integers.

    >>> float_power([1, 2], -1).numpy()
    array([1. , 0.5], dtype=float32)
    """
    return P.pow(*B.operands(x1, x2, dtype=_float_result(x1, x2)))


@symbolic_aware
def nextafter(x1: Any, x2: Any) -> Tensor:
    """The next number after ``x1`` in the direction of ``x2``.

    >>> float(nextafter(1.0, 2.0)) > 1.0
    True
    """
    return P.nextafter(*B.operands(x1, x2, dtype=_float_result(x1, x2)))


@symbolic_aware
def gcd(x1: Any, x2: Any) -> Tensor:
    """The greatest common divisor of each two integers.

    >>> gcd([12, 18], 8).numpy()
    array([4, 2], dtype=int32)
    """
    x, y = _integers("gcd", x1, x2)
    return _euclid(x, y)


@symbolic_aware
def lcm(x1: Any, x2: Any) -> Tensor:
    """The least common multiple of each two integers.

    >>> lcm([4, 6], 10).numpy()
    array([20, 30], dtype=int32)
    """
    x, y = _integers("lcm", x1, x2)
    divisor = _euclid(x, y)
    zero = P.eq(divisor, B.zeros_like(divisor))
    return P.abs(P.mul(P.div(x, P.select(zero, B.full_like(divisor, 1), divisor)), y))


def _integers(name: str, x1: Any, x2: Any) -> list[Tensor]:
    xs = B.operands(x1, x2, dtype=_no_bool(x1, x2))
    if not dtypes.is_integer(xs[0].dtype):
        raise TypeError(f"{name}: needs integers, got {xs[0].dtype}.")
    return [x if x.dtype in dtypes.UNSIGNED else P.abs(x) for x in xs]


def _euclid(x: Tensor, y: Tensor) -> Tensor:
    def step(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        zero = P.eq(b, B.zeros_like(b))
        rest = P.rem(a, P.select(zero, B.full_like(b, 1), b))
        return P.select(zero, a, b), P.select(zero, b, rest)

    return while_loop(lambda a, b: any_(P.ne(b, B.zeros_like(b))), step, (x, y))[0]
