"""Functions of one array, element by element."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import elementwise
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import custom_gradient


def _is_inexact(x: Tensor) -> bool:
    return dtypes.is_float(x.dtype) or x.dtype in dtypes.COMPLEX


# -- sign and rounding ------------------------------------------------------------------------------------------------
@elementwise
def abs(x: Any) -> Tensor:
    """The absolute value; the modulus of complex numbers.

    >>> abs([-2, 3]).numpy()
    array([2, 3], dtype=int32)
    """
    x = B.convert(x)
    return x if x.dtype in dtypes.UNSIGNED or x.dtype == "bool" else P.abs(x)


@elementwise
def absolute(x: Any) -> Tensor:
    """The same as `abs`.

    >>> absolute([-2, 3]).numpy()
    array([2, 3], dtype=int32)
    """
    x = B.convert(x)
    return x if x.dtype in dtypes.UNSIGNED or x.dtype == "bool" else P.abs(x)


@symbolic_aware
def fabs(x: Any) -> Tensor:
    """The absolute value, as a float.

    >>> fabs([-2, 3]).numpy()
    array([2., 3.], dtype=float32)
    """
    return P.abs(B.to_float(x))


@elementwise
def negative(x: Any) -> Tensor:
    """``-x``.

    Raises:
        TypeError: for bools.

    Example:

    >>> negative([1, -2]).numpy()
    array([-1,  2], dtype=int32)
    """
    x = B.convert(x)
    if x.dtype == "bool":
        raise TypeError("negative: bools have no negative; use logical_not, or cast them first.")
    return P.neg(x)


@symbolic_aware
def sign(x: Any) -> Tensor:
    """-1, 0 or 1, as ``x`` is negative, zero or positive.

    >>> sign([-3.0, 0.0, 2.0]).numpy()
    array([-1.,  0.,  1.], dtype=float32)
    """
    x = B.convert(x)
    return P.sign(P.cast(x, dtype="int32") if x.dtype == "bool" else x)


@elementwise
def floor(x: Any) -> Tensor:
    """The greatest whole number not above ``x``, as a float.

    >>> floor([1.8, -1.2]).numpy()
    array([ 1., -2.], dtype=float32)
    """
    return P.floor(B.to_float(x))


@elementwise
def ceil(x: Any) -> Tensor:
    """The least whole number not below ``x``, as a float.

    >>> ceil([1.2, -1.2]).numpy()
    array([ 2., -1.], dtype=float32)
    """
    return P.ceil(B.to_float(x))


@symbolic_aware
def trunc(x: Any) -> Tensor:
    """``x`` without its fraction.

    >>> trunc([1.8, -1.8]).numpy()
    array([ 1., -1.], dtype=float32)
    """
    x = B.convert(x)
    if not dtypes.is_float(x.dtype):
        return x
    return P.select(P.lt(x, B.zeros_like(x)), P.ceil(x), P.floor(x))


@symbolic_aware
def round(x: Any, decimals: int = 0) -> Tensor:
    """``x`` rounded to ``decimals`` digits; halves go to the even neighbour.

    >>> round([0.5, 1.5, 2.25]).numpy()
    array([0., 2., 2.], dtype=float32)
    """
    x = B.convert(x)
    if x.dtype == "bool":
        raise ValueError("round is not defined for bools.")
    if not _is_inexact(x):
        return x if decimals >= 0 else B.cast(round(P.cast(x, dtype="float64"), decimals), x.dtype)
    if x.dtype in dtypes.COMPLEX:
        return P.complex(round(P.real(x), decimals), round(P.imag(x), decimals))
    if decimals == 0:
        return P.round(x)
    factor = float(10 ** builtins.abs(decimals))
    if decimals > 0:
        return P.div(P.round(P.mul(x, factor)), factor)
    return P.mul(P.round(P.div(x, factor)), factor)


# -- exponentials and logarithms --------------------------------------------------------------------------------------
@elementwise
def exp(x: Any) -> Tensor:
    """e to the power of ``x``.

    >>> exp([0, 0]).numpy()
    array([1., 1.], dtype=float32)
    """
    return P.exp(B.to_float(x))


@symbolic_aware
def exp2(x: Any) -> Tensor:
    """2 to the power of ``x``.

    >>> exp2([0.0, 3.0]).numpy()
    array([1., 8.], dtype=float32)
    """
    return P.exp(_times(B.to_float(x), math.log(2)))


@elementwise
def expm1(x: Any) -> Tensor:
    """``exp(x) - 1``, exact near 0.

    >>> expm1([0.0, 1e-3]).numpy().round(4)
    array([0.   , 0.001], dtype=float32)
    """
    return P.expm1(B.to_float(x))


@elementwise
def log(x: Any) -> Tensor:
    """The natural logarithm.

    >>> log([1.0, 10.0]).numpy().round(4)
    array([0.    , 2.3026], dtype=float32)
    """
    return P.log(B.to_float(x))


@elementwise
def log1p(x: Any) -> Tensor:
    """``log(1 + x)``, exact near 0.

    >>> log1p([0.0, 1e-3]).numpy().round(4)
    array([0.   , 0.001], dtype=float32)
    """
    return P.log1p(B.to_float(x))


@symbolic_aware
def log2(x: Any) -> Tensor:
    """The logarithm with base 2.

    >>> log2([1.0, 8.0]).numpy()
    array([0., 3.], dtype=float32)
    """
    return _times(P.log(B.to_float(x)), 1 / math.log(2))


@symbolic_aware
def log10(x: Any) -> Tensor:
    """The logarithm with base 10.

    >>> log10([1.0, 1000.0]).numpy()
    array([0., 3.], dtype=float32)
    """
    return _times(P.log(B.to_float(x)), 1 / math.log(10))


def _times(x: Tensor, factor: float) -> Tensor:
    return P.mul(x, B.full_like(x, factor))


# -- roots ------------------------------------------------------------------------------------------------------------
@elementwise
def sqrt(x: Any) -> Tensor:
    """The square root.

    >>> sqrt([4, 9]).numpy()
    array([2., 3.], dtype=float32)
    """
    return P.sqrt(B.to_float(x))


@symbolic_aware
def rsqrt(x: Any) -> Tensor:
    """``1 / sqrt(x)``.

    >>> rsqrt([4.0, 16.0]).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    return P.rsqrt(B.to_float(x))


@symbolic_aware
def cbrt(x: Any) -> Tensor:
    """The cube root, also of negative numbers.

    >>> cbrt([8.0, -27.0]).numpy()
    array([ 2., -3.], dtype=float32)
    """
    return _cube_root(B.to_float(x))


@custom_gradient
def _cube_root(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The root, and its gradient from itself: infinite at 0, and 0 at infinity."""
    size = P.abs(x)
    zero = P.eq(size, B.zeros_like(size))
    safe = P.select(zero, B.full_like(size, 1), size)
    root = P.exp(_times(P.log(safe), 1 / 3))
    # one step of Newton's method takes away the rounding error of exp and log
    better = P.sub(root, _times(P.sub(root, P.div(safe, P.mul(root, root))), 1 / 3))
    root = P.select(P.and_(P.is_finite(better), P.not_(zero)), better, size)
    return P.mul(P.sign(x), root), lambda upstream: P.div(upstream, _times(P.mul(root, root), 3.0))


# -- trigonometry -----------------------------------------------------------------------------------------------------
@elementwise
def sin(x: Any) -> Tensor:
    """The sine of ``x`` in radians.

    >>> sin([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8415], dtype=float32)
    """
    return P.sin(B.to_float(x))


@elementwise
def cos(x: Any) -> Tensor:
    """The cosine of ``x`` in radians.

    >>> cos([0.0, 1.0]).numpy().round(4)
    array([1.    , 0.5403], dtype=float32)
    """
    return P.cos(B.to_float(x))


@elementwise
def tan(x: Any) -> Tensor:
    """The tangent of ``x`` in radians.

    >>> tan([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.5574], dtype=float32)
    """
    return P.tan(B.to_float(x))


@elementwise
def arcsin(x: Any) -> Tensor:
    """The inverse of the sine.

    >>> arcsin([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.5708], dtype=float32)
    """
    return P.asin(B.to_float(x))


@elementwise
def arccos(x: Any) -> Tensor:
    """The inverse of the cosine.

    >>> arccos([1.0, 0.0, -1.0]).numpy().round(4)
    array([0.    , 1.5708, 3.1416], dtype=float32)
    """
    return P.acos(B.to_float(x))


@elementwise
def arctan(x: Any) -> Tensor:
    """The inverse of the tangent.

    >>> arctan([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7854], dtype=float32)
    """
    return P.atan(B.to_float(x))


@symbolic_aware
def arctan2(x1: Any, x2: Any) -> Tensor:
    """The angle of the point whose ordinate is ``x1`` and whose abscissa is ``x2``.

    >>> arctan2([1.0, 1.0], [1.0, -1.0]).numpy().round(4)
    array([0.7854, 2.3562], dtype=float32)
    """
    x1, x2 = B.convert(x1), B.convert(x2)
    return P.atan2(*B.operands(x1, x2, dtype=B.float_dtype(x1.dtype, x2.dtype)))


@elementwise
def sinh(x: Any) -> Tensor:
    """The hyperbolic sine.

    >>> sinh([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.1752], dtype=float32)
    """
    return P.sinh(B.to_float(x))


@elementwise
def cosh(x: Any) -> Tensor:
    """The hyperbolic cosine.

    >>> cosh([0.0, 1.0]).numpy().round(4)
    array([1.    , 1.5431], dtype=float32)
    """
    return P.cosh(B.to_float(x))


@elementwise
def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent.

    >>> tanh([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7616], dtype=float32)
    """
    return P.tanh(B.to_float(x))


@elementwise
def arcsinh(x: Any) -> Tensor:
    """The inverse of the hyperbolic sine.

    >>> arcsinh([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8814], dtype=float32)
    """
    return P.asinh(B.to_float(x))


@elementwise
def arccosh(x: Any) -> Tensor:
    """The inverse of the hyperbolic cosine.

    >>> arccosh([1.0, 2.0]).numpy().round(4)
    array([0.   , 1.317], dtype=float32)
    """
    return P.acosh(B.to_float(x))


@elementwise
def arctanh(x: Any) -> Tensor:
    """The inverse of the hyperbolic tangent.

    >>> arctanh([0.0, 0.5]).numpy().round(4)
    array([0.    , 0.5493], dtype=float32)
    """
    return P.atanh(B.to_float(x))


@symbolic_aware
def deg2rad(x: Any) -> Tensor:
    """Degrees to radians.

    >>> deg2rad([180.0, 90.0]).numpy().round(4)
    array([3.1416, 1.5708], dtype=float32)
    """
    return _times(B.to_float(x), math.pi / 180)


@symbolic_aware
def rad2deg(x: Any) -> Tensor:
    """Radians to degrees.

    >>> rad2deg([3.1415927, 0.0]).numpy()
    array([180.,   0.], dtype=float32)
    """
    return _times(B.to_float(x), 180 / math.pi)


@symbolic_aware
def sinc(x: Any) -> Tensor:
    """``sin(pi x) / (pi x)``, and 1 at 0.

    >>> sinc([0.0, 0.5]).numpy().round(4)
    array([1.    , 0.6366], dtype=float32)
    """
    x = _times(B.to_float(x), math.pi)
    zero = P.eq(x, B.zeros_like(x))
    one = B.full_like(x, 1)
    safe = P.select(zero, one, x)
    return P.select(zero, one, P.div(P.sin(safe), safe))


# -- complex numbers --------------------------------------------------------------------------------------------------
@symbolic_aware
def real(x: Any) -> Tensor:
    """The real part.

    >>> real([1 + 2j, 3]).numpy()
    array([1., 3.], dtype=float32)
    """
    x = B.convert(x)
    return P.real(x) if x.dtype in dtypes.COMPLEX else x


@symbolic_aware
def imag(x: Any) -> Tensor:
    """The imaginary part; zeros for real numbers.

    >>> imag([1 + 2j, 3]).numpy()
    array([2., 0.], dtype=float32)
    """
    x = B.convert(x)
    return P.imag(x) if x.dtype in dtypes.COMPLEX else B.zeros_like(x)


@symbolic_aware
def conjugate(x: Any) -> Tensor:
    """The complex conjugate.

    >>> conjugate([1 + 2j]).numpy()
    array([1.-2.j], dtype=complex64)
    """
    x = B.convert(x)
    return P.conj(x) if x.dtype in dtypes.COMPLEX else x


@symbolic_aware
def conj(x: Any) -> Tensor:
    """The same as `conjugate`.

    >>> conj([1 + 2j]).numpy()
    array([1.-2.j], dtype=complex64)
    """
    x = B.convert(x)
    return P.conj(x) if x.dtype in dtypes.COMPLEX else x


@symbolic_aware
def angle(x: Any) -> Tensor:
    """The argument of complex numbers, in radians.

    >>> angle([1.0, -1.0]).numpy()
    array([0.       , 3.1415927], dtype=float32)
    """
    x = B.to_float(x)
    if x.dtype in dtypes.COMPLEX:
        return P.atan2(P.imag(x), P.real(x))
    return P.atan2(B.zeros_like(x), x)


# -- what is not a number ---------------------------------------------------------------------------------------------
@symbolic_aware
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """``x`` with NaN and the infinities replaced; by 0 and the greatest and least numbers of the type by default.

    >>> nan_to_num([float("nan"), 1.0]).numpy()
    array([0., 1.], dtype=float32)
    """
    x = B.convert(x)
    if x.dtype in dtypes.COMPLEX:
        return P.complex(nan_to_num(P.real(x), nan, posinf, neginf), nan_to_num(P.imag(x), nan, posinf, neginf))
    if not dtypes.is_float(x.dtype):
        return x
    info = ml_dtypes.finfo(dtypes.to_numpy(x.dtype))
    infinity = float("inf")
    out = P.select(P.ne(x, x), B.full_like(x, nan), x)
    out = P.select(P.eq(x, B.full_like(x, infinity)), B.full_like(x, info.max if posinf is None else posinf), out)
    return P.select(P.eq(x, B.full_like(x, -infinity)), B.full_like(x, info.min if neginf is None else neginf), out)


@symbolic_aware
def copy(x: Any) -> Tensor:
    """A copy of ``x``.

    >>> copy([1, 2]).numpy()
    array([1, 2], dtype=int32)
    """
    x = B.convert(x)
    if x.is_traced:
        return x
    # A primitive that makes a new array, so that a tape sees it and nobody else writes into it.
    return P.select(B.full(x.shape, True, "bool"), x, x)


@symbolic_aware
def view(x: Any, dtype: Any = None) -> Tensor:
    """The bits of ``x`` as elements of another type; the last axis grows or shrinks where the widths differ.

    >>> view([1.0], "int32").numpy()
    array([1065353216], dtype=int32)
    """
    x = B.convert(x)
    target = x.dtype if dtype is None else B.standardize_dtype(dtype)
    old, new = dtypes.itemsize(x.dtype), dtypes.itemsize(target)
    if old == new:
        return x if target == x.dtype else P.bitcast(x, dtype=target)
    if x.ndim == 0 or (new > old and comparable(x.shape[-1]) and x.shape[-1] % (new // old) != 0):
        raise ValueError(f"view: an array of {x.dtype} of shape {x.shape} cannot be looked at as {target}.")
    return _narrower(x, target, old // new) if new < old else _wider(x, target, new // old)


def _unsigned(width: int) -> str:
    return f"uint{8 * width}"


def _narrower(x: Tensor, target: str, parts: int) -> Tensor:
    new, old = dtypes.itemsize(target), dtypes.itemsize(x.dtype)
    bits = P.bitcast(x, dtype=_unsigned(old)) if x.dtype != _unsigned(old) else x
    pieces = [P.cast(P.shift_right(bits, B.full_like(bits, 8 * new * i)), dtype=_unsigned(new)) for i in range(parts)]
    stacked = P.concatenate(*(P.reshape(p, shape=(*p.shape, 1)) for p in pieces), axis=x.ndim)
    out = P.reshape(stacked, shape=(*x.shape[:-1], x.shape[-1] * parts))
    return out if target == out.dtype else P.bitcast(out, dtype=target)


def _wider(x: Tensor, target: str, parts: int) -> Tensor:
    new, old = dtypes.itemsize(target), dtypes.itemsize(x.dtype)
    bits = P.bitcast(x, dtype=_unsigned(old)) if x.dtype != _unsigned(old) else x
    split = P.reshape(bits, shape=(*x.shape[:-1], x.shape[-1] // parts, parts))
    wide = P.cast(split, dtype=_unsigned(new))
    shifts = P.iota(shape=wide.shape, dtype=wide.dtype, axis=x.ndim)
    wide = P.shift_left(wide, P.mul(shifts, B.full_like(shifts, 8 * old)))
    out = P.reduce_sum(wide, axes=(x.ndim,))
    return out if target == out.dtype else P.bitcast(out, dtype=target)
