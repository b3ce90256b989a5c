"""Comparisons, logic, and operations on bits."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import elementwise
from pronghorn.ops._symbolic import symbolic_aware


@elementwise
def equal(x1: Any, x2: Any) -> Tensor:
    """Whether each two elements are equal.

    >>> equal([1, 2], [1, 3]).numpy()
    array([ True, False])
    """
    return P.eq(*B.operands(x1, x2))


@elementwise
def not_equal(x1: Any, x2: Any) -> Tensor:
    """Whether each two elements differ.

    >>> not_equal([1, 2, 3], 2).numpy()
    array([ True, False,  True])
    """
    return P.ne(*B.operands(x1, x2))


@elementwise
def less(x1: Any, x2: Any) -> Tensor:
    """Whether ``x1 < x2``; complex numbers are ordered by their real, then by their imaginary parts.

    >>> less([1, 2, 3], 2).numpy()
    array([ True, False, False])
    """
    return _ordered("lt", x1, x2)


@elementwise
def less_equal(x1: Any, x2: Any) -> Tensor:
    """Whether ``x1 <= x2``.

    >>> less_equal([1, 2, 3], 2).numpy()
    array([ True,  True, False])
    """
    return _ordered("le", x1, x2)


@elementwise
def greater(x1: Any, x2: Any) -> Tensor:
    """Whether ``x1 > x2``.

    >>> greater([1, 2, 3], 2).numpy()
    array([False, False,  True])
    """
    return _ordered("gt", x1, x2)


@elementwise
def greater_equal(x1: Any, x2: Any) -> Tensor:
    """Whether ``x1 >= x2``.

    >>> greater_equal([1, 2, 3], 2).numpy()
    array([False,  True,  True])
    """
    return _ordered("ge", x1, x2)


def _ordered(name: str, x1: Any, x2: Any) -> Tensor:
    x, y = B.operands(x1, x2)
    return complex_order(name, x, y) if x.dtype in dtypes.COMPLEX else P.PRIMITIVES[name](x, y)


def complex_order(name: str, x: Tensor, y: Tensor) -> Tensor:
    """``x < y`` and the like for complex numbers."""
    by_real = P.PRIMITIVES[name[0] + "t"](P.real(x), P.real(y))
    by_imag = P.PRIMITIVES[name](P.imag(x), P.imag(y))
    return P.select(P.eq(P.real(x), P.real(y)), by_imag, by_real)


@symbolic_aware
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``.

    >>> isclose([1.0, 2.0], [1.0, 2.1]).numpy()
    array([ True, False])
    """
    x, y = B.operands(x1, x2, dtype=B.float_dtype(B.weak_name(x1), B.weak_name(x2)))
    bound = P.add(P.mul(P.abs(y), float(rtol)), float(atol))
    near = P.and_(P.le(P.abs(P.sub(x, y)), bound), P.and_(P.is_finite(x), P.is_finite(y)))
    near = P.or_(near, P.eq(x, y))
    return P.or_(near, P.and_(P.ne(x, x), P.ne(y, y))) if equal_nan else near


@symbolic_aware
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close; see `isclose`. A bool scalar.

    >>> bool(allclose([1.0, 2.0], [1.0, 2.000001]))
    True
    """
    near = isclose(x1, x2, rtol, atol, equal_nan)
    return P.reduce_and(near, axes=tuple(range(near.ndim)))


@elementwise
def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both elements are true (not zero).

    >>> logical_and([True, True, False], [True, False, False]).numpy()
    array([ True, False, False])
    """
    return P.and_(*_bools(x1, x2))


@elementwise
def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether at least one of the elements is true (not zero).

    >>> logical_or([True, True, False], [True, False, False]).numpy()
    array([ True,  True, False])
    """
    return P.or_(*_bools(x1, x2))


@elementwise
def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Whether exactly one of the elements is true (not zero).

    >>> logical_xor([True, True, False], [True, False, False]).numpy()
    array([False,  True, False])
    """
    return P.xor(*_bools(x1, x2))


@elementwise
def logical_not(x: Any) -> Tensor:
    """Whether the element is false (zero).

    >>> logical_not([True, False]).numpy()
    array([False,  True])
    """
    return P.not_(B.cast(x, "bool"))


def _bools(*xs: Any) -> list[Tensor]:
    return B.broadcast(*(B.cast(x, "bool") for x in xs))


@elementwise
def isfinite(x: Any) -> Tensor:
    """Whether each element is a number: neither infinite nor NaN.

    >>> isfinite([1.0, float("inf"), float("nan")]).numpy()
    array([ True, False, False])
    """
    x = B.convert(x)
    return P.is_finite(x) if dtypes.is_float(x.dtype) or x.dtype in dtypes.COMPLEX else B.full(x.shape, True, "bool")


@symbolic_aware
def isnan(x: Any) -> Tensor:
    """Whether each element is NaN.

    >>> isnan([1.0, float("nan")]).numpy()
    array([False,  True])
    """
    x = B.convert(x)
    return P.ne(x, x) if dtypes.is_float(x.dtype) or x.dtype in dtypes.COMPLEX else B.full(x.shape, False, "bool")


@symbolic_aware
def isinf(x: Any) -> Tensor:
    """Whether each element is infinite.

    >>> isinf([1.0, float("-inf"), float("nan")]).numpy()
    array([False,  True, False])
    """
    x = B.convert(x)
    if x.dtype in dtypes.COMPLEX:
        return P.or_(isinf(P.real(x)), isinf(P.imag(x)))
    if not dtypes.is_float(x.dtype):
        return B.full(x.shape, False, "bool")
    return P.eq(P.abs(x), B.full_like(x, float("inf")))


@symbolic_aware
def isposinf(x: Any) -> Tensor:
    """Whether each element is plus infinity.

    >>> isposinf([1.0, float("-inf"), float("inf")]).numpy()
    array([False, False,  True])
    """
    return _is_infinity("isposinf", x, float("inf"))


@symbolic_aware
def isneginf(x: Any) -> Tensor:
    """Whether each element is minus infinity.

    >>> isneginf([1.0, float("-inf"), float("inf")]).numpy()
    array([False,  True, False])
    """
    return _is_infinity("isneginf", x, float("-inf"))


def _is_infinity(name: str, x: Any, infinity: float) -> Tensor:
    x = B.convert(x)
    if x.dtype in dtypes.COMPLEX:
        raise ValueError(f"{name} is not defined for {x.dtype}.")
    return P.eq(x, B.full_like(x, infinity)) if dtypes.is_float(x.dtype) else B.full(x.shape, False, "bool")


@symbolic_aware
def isreal(x: Any) -> Tensor:
    """Whether each element has no imaginary part.

    >>> isreal([1 + 2j, 3]).numpy()
    array([False,  True])
    """
    x = B.convert(x)
    if x.dtype not in dtypes.COMPLEX:
        return B.full(x.shape, True, "bool")
    part = P.imag(x)
    return P.eq(part, B.zeros_like(part))


@symbolic_aware
def signbit(x: Any) -> Tensor:
    """Whether the sign of each element is minus, also that of -0.0.

    >>> signbit([-1.0, 1.0]).numpy()
    array([ True, False])
    """
    x = B.convert(x)
    if x.dtype in dtypes.COMPLEX:
        raise ValueError(f"signbit is not defined for {x.dtype}.")
    if dtypes.is_float(x.dtype):
        x = P.bitcast(x, dtype=f"int{8 * dtypes.itemsize(x.dtype)}")
    return P.lt(x, B.zeros_like(x)) if x.dtype in dtypes.SIGNED else B.full(x.shape, False, "bool")


# -- bits -------------------------------------------------------------------------------------------------------------
def _bits(name: str, *xs: Any) -> list[Tensor]:
    out = B.operands(*xs)
    if out[0].dtype not in dtypes.INTEGER + ("bool",):
        raise TypeError(f"{name}: needs integers or bools, got {out[0].dtype}.")
    return out


@elementwise
def bitwise_and(x: Any, y: Any) -> Tensor:
    """``x & y``, bit by bit.

    >>> bitwise_and([6], [3]).numpy()
    array([2], dtype=int32)
    """
    return P.and_(*_bits("bitwise_and", x, y))


@elementwise
def bitwise_or(x: Any, y: Any) -> Tensor:
    """``x | y``, bit by bit.

    >>> bitwise_or([4, 5], 3).numpy()
    array([7, 7], dtype=int32)
    """
    return P.or_(*_bits("bitwise_or", x, y))


@elementwise
def bitwise_xor(x: Any, y: Any) -> Tensor:
    """``x ^ y``, bit by bit.

    >>> bitwise_xor([4, 5], 1).numpy()
    array([5, 4], dtype=int32)
    """
    return P.xor(*_bits("bitwise_xor", x, y))


@elementwise
def bitwise_not(x: Any) -> Tensor:
    """``~x``: every bit inverted; ``not`` for bools.

    >>> bitwise_not([0, 5]).numpy()
    array([-1, -6], dtype=int32)
    """
    return P.not_(*_bits("bitwise_not", x))


@elementwise
def bitwise_invert(x: Any) -> Tensor:
    """The same as `bitwise_not`.

    >>> bitwise_invert([0, 5]).numpy()
    array([-1, -6], dtype=int32)
    """
    return P.not_(*_bits("bitwise_invert", x))


@symbolic_aware
def left_shift(x: Any, y: Any) -> Tensor:
    """``x << y``.

    >>> left_shift([1, 5], 2).numpy()
    array([ 4, 20], dtype=int32)
    """
    return P.shift_left(*_shift("left_shift", x, y))


@symbolic_aware
def bitwise_left_shift(x: Any, y: Any) -> Tensor:
    """The same as `left_shift`.

    >>> bitwise_left_shift([1, 5], 2).numpy()
    array([ 4, 20], dtype=int32)
    """
    return P.shift_left(*_shift("bitwise_left_shift", x, y))


@symbolic_aware
def right_shift(x: Any, y: Any) -> Tensor:
    """``x >> y``; the sign of signed integers is kept.

    >>> right_shift([4, 21], 2).numpy()
    array([1, 5], dtype=int32)
    """
    return P.shift_right(*_shift("right_shift", x, y))


@symbolic_aware
def bitwise_right_shift(x: Any, y: Any) -> Tensor:
    """The same as `right_shift`.

    >>> bitwise_right_shift([4, 21], 2).numpy()
    array([1, 5], dtype=int32)
    """
    return P.shift_right(*_shift("bitwise_right_shift", x, y))


def _shift(name: str, x: Any, y: Any) -> list[Tensor]:
    pair = _bits(name, x, y)
    return [P.cast(t, dtype="int32") for t in pair] if pair[0].dtype == "bool" else pair
