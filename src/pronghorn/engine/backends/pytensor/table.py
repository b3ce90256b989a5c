"""Elementwise primitives, structure, reductions, windows and indexing. `pronghorn.engine.backends.numpy` says what each
means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.tensor.extra_ops import CumOp

from pronghorn.engine.backends.formulas import greatest, least
from pronghorn.engine.backends.pytensor.registry import (
    TABLE,
    Function,
    Ints,
    by_meaning,
    constant_of,
    formulas,
    implements,
    is_integer,
    shape_of,
    shaped,
    widened,
)
from pronghorn.engine.graph import dtypes


# -- elementwise ------------------------------------------------------------------------------------------------------
def _logistic(x: Any) -> Any:
    return 1 / (1 + pt.exp(-x)) if x.dtype.startswith("complex") else pt.sigmoid(x)


_FLOATS: dict[str, Function] = {
    "floor": pt.floor, "ceil": pt.ceil, "round": pt.round, "exp": pt.exp, "expm1": pt.expm1, "log": pt.log,
    "log1p": pt.log1p, "sqrt": pt.sqrt, "rsqrt": lambda x: pt.reciprocal(pt.sqrt(x)), "sin": pt.sin, "cos": pt.cos,
    "tan": pt.tan, "asin": pt.arcsin, "acos": pt.arccos, "atan": pt.arctan, "sinh": pt.sinh, "cosh": pt.cosh,
    "tanh": pt.tanh, "asinh": pt.arcsinh, "acosh": pt.arccosh, "atanh": pt.arctanh, "logistic": _logistic,
    "erf": pt.erf, "erfc": pt.erfc, "erfinv": pt.erfinv, "lgamma": pt.gammaln, "digamma": pt.psi, "atan2": pt.arctan2,
    "add": pt.add, "sub": pt.sub, "mul": pt.mul, "max": pt.maximum, "min": pt.minimum,
}  # fmt: skip
_EXACT: dict[str, Function] = {
    "neg": pt.neg, "real": pt.real, "imag": pt.imag, "stop_gradient": disconnected_grad, "select": pt.switch,
    "lt": pt.lt, "le": pt.le, "gt": pt.gt, "ge": pt.ge,
    "not": pt.invert, "and": pt.bitwise_and, "or": pt.bitwise_or, "xor": pt.bitwise_xor,
}  # fmt: skip
TABLE.update({name: widened(fn) for name, fn in _FLOATS.items()})
TABLE.update(_EXACT)
for _name in ("complex", "nextafter", "shift_left", "shift_right", "bitcast", "rem", "sort", "argmin", "random_bits"):
    TABLE[_name] = by_meaning(_name)  # PyTensor has none, or none of every type
for _name in ("cholesky", "triangular_solve", "lu", "qr", "svd", "eigh", "eig"):
    TABLE[_name] = by_meaning(_name)  # PyTensor's raise where a matrix has none


@implements
def ne(x: Any, y: Any) -> Any:
    """Whether elements differ. (PyTensor takes ``x != x`` for false, NaN or not.)"""
    return pt.isnan(x) if x is y and np.dtype(x.type.dtype).kind == "f" else pt.neq(x, y)


@implements
def eq(x: Any, y: Any) -> Any:
    """Whether elements are the same; see `ne`."""
    return pt.invert(ne(x, y)) if x is y else pt.eq(x, y)


@implements
@widened
def abs_(x: Any) -> Any:
    return x if x.type.dtype in dtypes.UNSIGNED else pt.abs(x)


@implements
def conj(x: Any) -> Any:
    return pt.conj(x) if x.type.dtype in dtypes.COMPLEX else x


@implements
@widened
def sign(x: Any) -> Any:
    """-1, 0 of either sign, 1 or NaN."""
    if x.type.dtype in dtypes.COMPLEX:
        return formulas.complex_sign(x)
    return pt.sign(x) if is_integer(x) else pt.switch(pt.eq(x, formulas.like(x, 0)), x, pt.sign(x))


@implements
def is_finite(x: Any) -> Any:
    if np.dtype(x.type.dtype).kind in "iub":
        return formulas.full(shape_of(x), True, "bool")
    return pt.invert(pt.or_(pt.isnan(x), pt.isinf(x)))


TABLE.update(div=formulas.quotient(pt.int_div, pt.true_div), pow=formulas.power(pt.pow, pt.pow))


_cast = by_meaning("cast")


@implements
def cast(x: Any, *, dtype: str) -> Any:
    return x if x.type.dtype == dtype else _cast(x, dtype=dtype)


# -- structure --------------------------------------------------------------------------------------------------------
@implements
def constant(*, value: np.ndarray) -> Any:
    return constant_of(value)


@implements
def iota(*, shape: Ints, dtype: str, axis: int) -> Any:
    counts = constant_of(np.arange(shape[axis]).astype(dtypes.to_numpy(dtype)))
    return TABLE["broadcast_in_dim"](counts, shape=shape, dims=(axis,))


@implements
def extent(*, dim: int) -> Any:
    return constant_of(dim, "int32")


@implements
def broadcast_in_dim(x: Any, *, shape: Ints, dims: Ints) -> Any:
    places = dict(zip(dims, range(x.type.ndim)))
    x = x.dimshuffle([places.get(axis, "x") for axis in range(len(shape))])
    return x if x.type.shape == tuple(shape) else pt.alloc(x, *shape)


@implements
def reshape(x: Any, *, shape: Ints) -> Any:
    return shaped(pt.reshape(x, shape, ndim=len(shape)), shape)


@implements
def transpose(x: Any, *, perm: Ints) -> Any:
    return x.dimshuffle(perm)


@implements
def reverse(x: Any, *, axes: Ints) -> Any:
    return shaped(x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(x.type.ndim))], shape_of(x))


@implements
def slice_(x: Any, *, start: Ints, limit: Ints, stride: Ints) -> Any:
    if not start:
        return x
    shape = [len(range(*each)) for each in zip(start, limit, stride)]
    return shaped(x[tuple(map(slice, start, limit, stride))], shape)


@implements
def pad(x: Any, fill: Any, *, low: Ints, high: Ints, interior: Ints) -> Any:
    """``x`` put into an array of ``fill``, of which is taken what negative padding leaves."""
    shape = shape_of(x)
    if not shape:
        return x
    spread = [n + (n - 1) * hole for n, hole in zip(shape, interior)]
    if 0 in shape:
        return pt.alloc(fill, *(n + lo + hi for n, lo, hi in zip(spread, low, high)))
    grown = [max(lo, 0) + n + max(hi, 0) for lo, n, hi in zip(low, spread, high)]
    places = (slice(max(lo, 0), max(lo, 0) + n, hole + 1) for lo, n, hole in zip(low, spread, interior))
    out = x if tuple(grown) == shape else pt.set_subtensor(pt.alloc(fill, *grown)[tuple(places)], x)
    start = tuple(max(-lo, 0) for lo in low)
    limit = tuple(n - max(-hi, 0) for n, hi in zip(grown, high))
    return slice_(out, start=start, limit=limit, stride=(1,) * len(shape))


@implements
def concatenate(*xs: Any, axis: int) -> Any:
    shape = list(shape_of(xs[0]))
    shape[axis] = sum(shape_of(x)[axis] for x in xs)
    return shaped(pt.join(axis, *xs), shape) if len(xs) > 1 else xs[0]


def _part(x: Any, starts: tuple[Any, ...], sizes: Ints) -> tuple[slice, ...]:
    """The slices of ``sizes`` at ``starts``, moved inside where they would reach outside."""
    at = (pt.clip(s.astype("int64"), np.int64(0), np.int64(n - k)) for s, n, k in zip(starts, shape_of(x), sizes))
    return tuple(slice(s, s + k) for s, k in zip(at, sizes))


@implements
def dynamic_slice(x: Any, *starts: Any, sizes: Ints) -> Any:
    return shaped(x[_part(x, starts, sizes)], sizes) if sizes else x


@implements
def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
    return shaped(pt.set_subtensor(x[_part(x, starts, shape_of(update))], update), shape_of(x)) if starts else update


# -- reductions -------------------------------------------------------------------------------------------------------
@implements
@widened
def reduce_sum(x: Any, *, axes: Ints) -> Any:
    return pt.sum(x, axis=axes, dtype=x.type.dtype, acc_dtype=x.type.dtype) if axes else x


@implements
@widened
def reduce_prod(x: Any, *, axes: Ints) -> Any:
    return pt.prod(x, axis=axes, dtype=x.type.dtype, acc_dtype=x.type.dtype) if axes else x


def _extreme(fn: Function, of_bools: Function, edge: Function) -> Function:
    """The extremes over axes; of nothing, the type's own."""

    def extreme(x: Any, *, axes: Ints) -> Any:
        shape, dtype = shape_of(x), x.type.dtype
        if not axes:
            return x
        if not all(shape[a] for a in axes):
            rest = [n for i, n in enumerate(shape) if i not in axes]
            return formulas.full(rest, edge(dtypes.to_numpy(dtype)), dtype)
        return of_bools(x, axis=axes) if dtype == "bool" else fn(x, axis=axes)

    return extreme


def _least_of(x: Any, axis: Ints) -> Any:
    """The minimum. (PyTensor's own is that of the negated numbers, which not every type has.)"""
    if is_integer(x):
        return pt.invert(pt.max(pt.invert(x), axis=axis))
    return pt.neg(pt.max(pt.neg(x), axis=axis))


TABLE.update(
    reduce_max=_extreme(pt.max, pt.any, least),
    reduce_min=_extreme(_least_of, pt.all, greatest),
)


def _bits(name: str, of_bools: Function, neutral: int) -> Function:
    def reduce(x: Any, *, axes: Ints) -> Any:
        if not axes:
            return x
        if x.type.dtype == "bool":
            return of_bools(x, axis=axes)
        return formulas.reduce_bits(x, axes, name, neutral and int(np.invert(np.zeros((), x.type.dtype))))

    return reduce


TABLE.update(reduce_and=_bits("and", pt.all, -1), reduce_or=_bits("or", pt.any, 0))


@implements
def argmax(x: Any, *, axis: int) -> Any:
    shape = shape_of(x)
    if 0 in shape:
        return formulas.full([n for i, n in enumerate(shape) if i != axis], 0, "int32")
    return formulas.cast(pt.argmax(x, axis=axis), dtype="int32")


def _cumulative(mode: str) -> Function:
    def cumulative(x: Any, *, axis: int, reverse: bool) -> Any:
        back = (lambda y: TABLE["reverse"](y, axes=(axis,))) if reverse else (lambda y: y)
        # In int64, as NumPy adds up narrower integers, of which the lower bits are the same.
        dtype = x.type.dtype
        wide = formulas.cast(x, dtype="int64") if is_integer(x) else x
        return formulas.cast(back(CumOp(axis=axis, mode=mode)(back(wide))), dtype=dtype)

    return widened(cumulative)


TABLE.update(cumsum=_cumulative("add"), cumprod=_cumulative("mul"))
TABLE.update(cummax=formulas.cummax, cummin=formulas.cummin)


# -- windows ----------------------------------------------------------------------------------------------------------
for _fn in (
    formulas.window_sum, formulas.window_max, formulas.window_argmax, formulas.window_sum_grad, formulas.unpool,
    formulas.pool_gather,
):  # fmt: skip
    implements(_fn)


# -- indexing ---------------------------------------------------------------------------------------------------------
_scatter = by_meaning("scatter")


def _rows(indices: Any) -> Any:
    """Indices in int64, in which those beyond it stay outside."""
    if indices.type.dtype == "uint64":
        indices = pt.minimum(indices, constant_of(2**62, "uint64"))
    return formulas.cast(indices, dtype="int64")


@implements
def take(x: Any, indices: Any, *, axis: int) -> Any:
    shape = shape_of(x)
    out = (*shape[:axis], *shape_of(indices), *shape[axis + 1 :])
    if not shape[axis]:
        return formulas.full(out, 0, x.type.dtype)
    at = pt.clip(_rows(indices), np.int64(0), np.int64(shape[axis] - 1))
    return shaped(pt.take(x, at, axis=axis), out)


@implements
@widened
def scatter(x: Any, indices: Any, updates: Any, *, mode: str) -> Any:
    shape = shape_of(x)
    if mode != "add" or x.type.dtype == "bool" or 0 in (shape[0], *shape_of(indices)):
        return _scatter(x, indices, updates, mode=mode)
    at = reshape(_rows(indices), shape=(math.prod(shape_of(indices)),))
    rows = reshape(updates, shape=(shape_of(at)[0], *shape[1:]))
    inside = pt.and_(pt.ge(at, np.int64(0)), pt.lt(at, np.int64(shape[0])))
    at = pt.switch(inside, at, constant_of(shape[0], "int64"))  # a row more takes what is outside
    whole = pt.join(0, x, formulas.full((1, *shape[1:]), 0, x.type.dtype))
    return shaped(pt.inc_subtensor(whole[at], rows)[: shape[0]], shape)
