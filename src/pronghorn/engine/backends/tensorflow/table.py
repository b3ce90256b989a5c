"""Elementwise primitives, structure, reductions and indexing. `backends.numpy` says what each means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pronghorn.engine.backends.complex_order import also_of_complex_numbers
from pronghorn.engine.backends.formulas import NARROW, greatest, least
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.backends.tensorflow.extents import declared, extent, extents, is_empty, shape_of
from pronghorn.engine.backends.tensorflow.registry import (
    TABLE,
    Function,
    Ints,
    elementwise_on_host,
    formulas,
    implements,
    is_integer,
    moved,
    ordered,
    signed,
    widened,
)
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, identical, product


def _with_nan(fn: Function) -> Function:
    """An extreme, NaN where an operand is: XLA's on the processor leaves that out."""

    def extreme(x: Any, y: Any) -> Any:
        out = fn(x, y)
        return tf.where((x == x) & (y == y), out, x + y) if x.dtype.is_floating else out

    return extreme


# -- elementwise ------------------------------------------------------------------------------------------------------
_FLOATS: dict[str, Function] = {
    "floor": tf.floor, "ceil": tf.math.ceil, "round": tf.round, "exp": tf.exp, "expm1": tf.math.expm1,
    "log": tf.math.log, "log1p": tf.math.log1p, "sqrt": tf.sqrt, "rsqrt": tf.math.rsqrt, "sin": tf.sin, "cos": tf.cos,
    "tan": tf.tan, "asin": tf.asin, "acos": tf.acos, "atan": tf.atan, "sinh": tf.sinh, "cosh": tf.cosh,
    "tanh": tf.tanh, "asinh": tf.asinh, "acosh": tf.acosh, "atanh": tf.atanh, "logistic": tf.sigmoid,
    "erf": tf.math.erf, "erfc": tf.math.erfc, "erfinv": tf.math.erfinv, "lgamma": tf.math.lgamma,
    "digamma": tf.math.digamma, "atan2": tf.atan2,
}  # fmt: skip
_ARITHMETIC: dict[str, Function] = {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "neg": tf.negative}
_ORDERED: dict[str, Function] = {
    "max": _with_nan(tf.maximum), "min": _with_nan(tf.minimum), "eq": tf.equal, "ne": tf.not_equal,
    "lt": tf.less, "le": tf.less_equal, "gt": tf.greater, "ge": tf.greater_equal,
}  # fmt: skip
TABLE.update({name: widened(fn) for name, fn in _FLOATS.items()})
TABLE.update({name: widened(signed(fn)) for name, fn in _ARITHMETIC.items()})


def _of_bools_too(fn: Function) -> Function:
    """``fn``, which has an order of bools: False is before True."""

    def each(x: Any, y: Any) -> Any:
        if x.dtype != tf.bool:
            return fn(x, y)
        out = fn(tf.cast(x, tf.int32), tf.cast(y, tf.int32))
        return tf.cast(out, tf.bool)

    return each


def _of_complex_numbers_too(fn: Function, name: str) -> Function:
    """A comparison, of complex numbers by their real parts first, as NumPy compares them."""
    if name not in ("lt", "le", "gt", "ge"):
        return fn
    strict = tf.less if name in ("lt", "le") else tf.greater

    def compare(x: Any, y: Any) -> Any:
        if not x.dtype.is_complex:
            return fn(x, y)
        xr, xi, yr, yi = tf.math.real(x), tf.math.imag(x), tf.math.real(y), tf.math.imag(y)
        known = ~(tf.math.is_nan(xi) | tf.math.is_nan(yi))
        return (strict(xr, yr) & known) | ((xr == yr) & fn(xi, yi))

    return compare


TABLE.update(
    {name: widened(ordered(_of_bools_too(_of_complex_numbers_too(fn, name)))) for name, fn in _ORDERED.items()}
)
TABLE.update(
    real=tf.math.real, imag=tf.math.imag, conj=tf.math.conj, complex=tf.complex, stop_gradient=tf.stop_gradient
)
_chosen = moved(lambda x, y, *, pred: tf.where(pred, x, y))
TABLE.update(select=lambda pred, x, y: _chosen(x, y, pred=pred))


def _bitwise(fn: Function, of_bools: Function) -> Function:
    wide = signed(fn)
    return lambda *xs: of_bools(*xs) if xs[0].dtype == tf.bool else wide(*xs)


TABLE.update(
    {
        "and": _bitwise(tf.bitwise.bitwise_and, tf.logical_and),
        "or": _bitwise(tf.bitwise.bitwise_or, tf.logical_or),
        "xor": _bitwise(tf.bitwise.bitwise_xor, tf.math.logical_xor),
        "not": _bitwise(tf.bitwise.invert, tf.logical_not),
    }
)


@implements
@widened
def abs_(x: Any) -> Any:
    return x if x.dtype.is_unsigned else signed(tf.abs)(x)


@implements
@widened
def sign(x: Any) -> Any:
    """-1, 0 of either sign, 1 or NaN."""
    if x.dtype.is_complex:
        return formulas.complex_sign(x)
    if is_integer(x):
        return tf.cast(x != 0, x.dtype) if x.dtype.is_unsigned else signed(tf.sign)(x)
    return tf.where((x == 0) | tf.math.is_nan(x), x, tf.sign(x))


@implements
@widened
def is_finite(x: Any) -> Any:
    if is_integer(x):
        return tf.ones_like(x, tf.bool)
    if x.dtype.is_complex:
        return tf.math.is_finite(tf.math.real(x)) & tf.math.is_finite(tf.math.imag(x))
    return tf.math.is_finite(x)


def _unsigned_quotient(x: Any, y: Any) -> Any:
    return formulas.unsigned_quotient(x, y, tf.math.floordiv)


def _unsigned_remainder(x: Any, y: Any) -> Any:
    return formulas.unsigned_remainder(x, y, tf.math.floordiv)


def _division(fn: Function, of_uint64: Function) -> Function:
    """A division of integers; that of uint64 needs its highest bit."""
    wide = signed(fn)
    return lambda x, y: (of_uint64 if x.dtype == tf.uint64 else wide)(x, y)


_quotient = _division(tf.math.floordiv, _unsigned_quotient)
_remainder = _division(tf.truncatemod, _unsigned_remainder)


def _power(x: Any, y: Any) -> Any:
    return _pow_of_uint64(x, y) if x.dtype == tf.uint64 else signed(tf.pow)(x, y)


_pow_of_uint64 = elementwise_on_host(IMPLEMENTATIONS["pow"])
TABLE.update(
    div=formulas.quotient(_quotient, tf.divide),
    rem=formulas.quotient(_remainder, tf.truncatemod),
    pow=formulas.power(_power, tf.pow),
)
TABLE["nextafter"] = elementwise_on_host(IMPLEMENTATIONS["nextafter"])


@implements
def shift_left(x: Any, count: Any) -> Any:
    return formulas.shifted(signed(tf.bitwise.left_shift), x, count, fills_with_sign=False)


def _right(x: Any, count: Any) -> Any:
    return tf.bitwise.right_shift(x, count) if x.dtype == tf.uint64 else signed(tf.bitwise.right_shift)(x, count)


@implements
def shift_right(x: Any, count: Any) -> Any:
    return formulas.shifted(_right, x, count, fills_with_sign=True)


@implements
def cast(x: Any, *, dtype: str) -> Any:
    target = tf.as_dtype(dtype)
    if x.dtype == target:
        return x
    if x.dtype.name in dtypes.FLOAT8:
        x = tf.cast(x, tf.float32)
    if target == tf.bool:
        return x != tf.zeros((), x.dtype)
    if x.dtype.is_complex and not target.is_complex:
        x = tf.math.real(x)
    if target.is_integer and x.dtype.is_floating:
        wide = tf.cast(x, tf.float32) if x.dtype.name in NARROW else x
        return formulas.saturated(wide, dtype, _unsaturated)
    return tf.cast(x, target)


def _unsaturated(x: Any, dtype: str) -> Any:
    """Floats as integers of a type that has them."""
    if dtype != "uint64":
        return tf.cast(tf.cast(x, tf.int64), dtype)
    high = x >= 2.0**63
    low = tf.cast(tf.where(high, x - 2.0**63, x), tf.int64)
    top = tf.constant(np.iinfo(np.int64).min, tf.int64)
    return tf.bitcast(tf.where(high, tf.bitwise.bitwise_xor(low, top), low), tf.uint64)


@implements
def bitcast(x: Any, *, dtype: str) -> Any:
    return x if x.dtype.name == dtype else tf.bitcast(x, dtype)


# -- structure --------------------------------------------------------------------------------------------------------
@implements
def constant(*, value: np.ndarray) -> Any:
    return tf.constant(np.asarray(value))


@implements
def iota(*, shape: Ints, dtype: str, axis: int) -> Any:
    counts = formulas.cast(tf.range(tf.cast(extent(shape[axis]), tf.int64), dtype=tf.int64), dtype=dtype)
    return tf.broadcast_to(tf.reshape(counts, [-1 if i == axis else 1 for i in range(len(shape))]), extents(shape))


def _extent(*, dim: Extent) -> Any:
    return tf.convert_to_tensor(extent(dim), tf.int32)


TABLE["extent"] = _extent


@implements
@moved
def broadcast_in_dim(x: Any, *, shape: Ints, dims: Ints) -> Any:
    if len(dims) != len(shape):
        placed: list[Extent] = [1] * len(shape)
        for axis, size in zip(dims, shape_of(x)):
            placed[axis] = size
        x = declared(tf.reshape(x, extents(placed)), tuple(placed))
    return x if identical(shape_of(x), tuple(shape)) else tf.broadcast_to(x, extents(shape))


@implements
def reshape(x: Any, *, shape: Ints) -> Any:
    return declared(tf.reshape(x, extents(shape)), shape)


@implements
def transpose(x: Any, *, perm: Ints) -> Any:
    return tf.transpose(x, perm)


@implements
@moved
def reverse(x: Any, *, axes: Ints) -> Any:
    return tf.reverse(x, axes)


@implements
@moved
def slice_(x: Any, *, start: Ints, limit: Ints, stride: Ints) -> Any:
    return _between(x, start, limit, stride)


def _between(x: Any, start: Sequence[Extent], limit: Sequence[Extent], stride: Sequence[int] | None = None) -> Any:
    """A part of a tensor; ends where it ends need no number."""
    ends = [None if identical(end, n) else extent(end) for end, n in zip(limit, shape_of(x))]
    return x[tuple(map(slice, extents(start), ends, stride or [1] * len(ends)))]


@implements
@moved
def pad(x: Any, fill: Any, *, low: Ints, high: Ints, interior: Ints) -> Any:
    if x.dtype == tf.bool:
        return tf.cast(pad(tf.cast(x, tf.int8), tf.cast(fill, tf.int8), low=low, high=high, interior=interior), tf.bool)
    shape = list(shape_of(x))
    for axis, hole in enumerate(interior):
        size = shape[axis]
        if hole and size != 0 and not identical(size, 1):
            # Holes behind each element, on an axis of their own, then the last one's cut off.
            lead, rest = shape[:axis], shape[axis + 1 :]
            apart = tf.pad(
                tf.reshape(x, extents([*lead, size, 1, *rest])),
                [(0, hole) if i == axis + 1 else (0, 0) for i in range(len(shape) + 1)],
                constant_values=fill,
            )
            shape[axis] = size + (size - 1) * hole
            whole = (*lead, size * (hole + 1), *rest)
            x = declared(tf.reshape(apart, extents(whole)), whole)
            x = declared(_between(x, [0] * len(shape), shape), tuple(shape))
        elif hole and size == 0:  # nothing between nothing takes an element away
            high = (*high[:axis], high[axis] - hole, *high[axis + 1 :])
    if any(lo > 0 or hi > 0 for lo, hi in zip(low, high)):
        added = [(max(lo, 0), max(hi, 0)) for lo, hi in zip(low, high)]
        shape = [lo + n + hi for n, (lo, hi) in zip(shape, added)]
        x = declared(tf.pad(x, [extents(pair) for pair in added], constant_values=fill), tuple(shape))
    if any(lo < 0 or hi < 0 for lo, hi in zip(low, high)):
        ends = [n - max(-hi, 0) for n, hi in zip(shape, high)]
        x = _between(x, [max(-lo, 0) for lo in low], ends)
    return x


@implements
def concatenate(*xs: Any, axis: int) -> Any:
    return tf.concat(xs, axis)


def _starts(x: Any, starts: tuple[Any, ...], sizes: Ints) -> Any:
    """Where a part begins, moved inside where it would reach outside."""
    rooms = [extent(n - size) for n, size in zip(shape_of(x), sizes)]
    places = [tf.clip_by_value(tf.cast(at, tf.int64), 0, tf.cast(n, tf.int64)) for at, n in zip(starts, rooms)]
    return tf.stack(places) if places else tf.zeros((0,), tf.int64)


@implements
def dynamic_slice(x: Any, *starts: Any, sizes: Ints) -> Any:
    part = tf.slice(x, _starts(x, starts, sizes), tf.cast(tf.stack(extents(sizes)), tf.int64) if sizes else [])
    return part if any(isinstance(n, Dim) for n in sizes) else tf.ensure_shape(part, sizes)


@implements
@moved
def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
    if is_empty(update):
        return x
    sizes = shape_of(update)
    at = _starts(x, starts, sizes)
    places = [tf.range(tf.cast(extent(n), tf.int64), dtype=tf.int64) for n in sizes]
    where = tf.stack(tf.meshgrid(*places, indexing="ij"), -1) + at
    return tf.tensor_scatter_nd_update(x, where, update) if x.shape.rank else update


# -- reductions -------------------------------------------------------------------------------------------------------
@implements
@widened
@signed
def reduce_sum(x: Any, *, axes: Ints) -> Any:
    return tf.reduce_sum(x, axes) if axes else x


@implements
@widened
@signed
def reduce_prod(x: Any, *, axes: Ints) -> Any:
    return tf.reduce_prod(x, axes) if axes else x


def _extreme(fn: Function, of_bools: Function, edge: Function) -> Function:
    """The extremes over axes; of nothing, the type's own."""
    in_order = ordered(lambda x, *, axes: fn(x, axes))

    def extreme(x: Any, *, axes: Ints) -> Any:
        if not axes:
            return x
        if x.dtype == tf.bool:
            return of_bools(x, axes)
        if any(x.shape[a] == 0 for a in axes):
            shape = [n for i, n in enumerate(shape_of(x)) if i not in axes]
            return formulas.full(shape, edge(dtypes.to_numpy(x.dtype.name)), x.dtype.name)
        out = in_order(x, axes=axes)
        if not x.dtype.is_floating:
            return out
        return tf.where(tf.reduce_all(x == x, axes), out, tf.constant(np.nan, out.dtype))  # XLA leaves NaN out

    return widened(extreme)


TABLE.update(
    reduce_max=_extreme(tf.reduce_max, tf.reduce_any, least),
    reduce_min=_extreme(tf.reduce_min, tf.reduce_all, greatest),
)


def _bits(name: str, of_bools: Function, neutral: int) -> Function:
    def reduce(x: Any, *, axes: Ints) -> Any:
        if x.dtype == tf.bool:
            return of_bools(x, axes) if axes else x
        return signed(lambda x: formulas.reduce_bits(x, axes, name, neutral))(x)

    return reduce


TABLE.update(reduce_and=_bits("and", tf.reduce_all, -1), reduce_or=_bits("or", tf.reduce_any, 0))


def _order(x: Any, nan_is_last: bool) -> Any:
    """Integers in the order of ``x``: equal where its elements are (zeros of both signs too), NaN last or first."""
    if not x.dtype.is_floating:
        return tf.cast(x, tf.int64)
    bits = {2: tf.int16, 4: tf.int32, 8: tf.int64}[x.dtype.size]
    place = tf.bitcast(tf.where(x == 0, tf.zeros_like(x), x), bits)
    place = tf.where(place < 0, tf.bitwise.bitwise_xor(place, bits.max), place)
    return tf.where(tf.math.is_nan(x), tf.constant(bits.max if nan_is_last else bits.min, bits), place)


def _arg(fn: Function, nan_is_last: bool) -> Function:
    def arg(x: Any, *, axis: int) -> Any:
        if is_empty(x):
            return tf.zeros(extents([n for i, n in enumerate(shape_of(x)) if i != axis]), tf.int32)
        return fn(_order(x, nan_is_last), axis, output_type=tf.int32)

    return widened(ordered(arg))


TABLE.update(argmax=_arg(tf.argmax, nan_is_last=True), argmin=_arg(tf.argmin, nan_is_last=False))


def _cumulative(fn: Function, of_type: Function) -> Function:
    return widened(of_type(lambda x, *, axis, reverse: fn(x, axis, reverse=reverse)))


TABLE.update(cumsum=_cumulative(tf.cumsum, signed), cumprod=_cumulative(tf.math.cumprod, signed))
TABLE.update(cummax=widened(formulas.cummax), cummin=widened(formulas.cummin))


@implements
def sort(*xs: Any, axis: int, num_keys: int) -> tuple[Any, ...]:
    """All operands in the order of the first ``num_keys``: ascending, stable, NaN last."""
    size = shape_of(xs[0])[axis]
    if not isinstance(size, Dim) and size < 2:
        return xs
    last = [*(i for i in range(xs[0].shape.rank) if i != axis), axis]
    ends = [tf.transpose(x, last) for x in xs]
    order = None
    for key in reversed(ends[:num_keys]):  # stable: the last key first
        place = widened(ordered(lambda x: _order(x, nan_is_last=True)))(key)
        place = tf.cast(place, tf.int64 if place.dtype == tf.int64 else tf.int32)
        if order is not None:
            place = _along_last(place, order)
        # The largest of the inverted bits are the least; of equals `top_k` takes the first one first.
        found = tf.math.top_k(tf.bitwise.invert(place), extent(size)).indices
        order = found if order is None else _along_last(order, found)
    back = list(np.argsort(last))
    return tuple(tf.transpose(_along_last(x, order), back) for x in ends)


def _along_last(x: Any, order: Any) -> Any:
    return tf.gather(x, order, axis=-1, batch_dims=x.shape.rank - 1)


# -- windows, random bits ---------------------------------------------------------------------------------------------
for _fn in (
    formulas.window_sum, formulas.window_max, formulas.window_argmax, formulas.window_sum_grad, formulas.pool_gather,
    formulas.unpool, formulas.random_bits,
):  # fmt: skip
    implements(_fn)


# -- indexing ---------------------------------------------------------------------------------------------------------
def _rows(indices: Any) -> Any:
    """Indices in int64. (Those beyond it are outside anyway.)"""
    if indices.dtype != tf.uint64:
        return tf.cast(indices, tf.int64)
    places = tf.bitcast(indices, tf.int64)
    return tf.where(places < 0, tf.constant(np.iinfo(np.int64).max, tf.int64), places)


@implements
def take(x: Any, indices: Any, *, axis: int) -> Any:
    shape = shape_of(x)
    if shape[axis] == 0:
        return tf.zeros(extents([*shape[:axis], *shape_of(indices), *shape[axis + 1 :]]), x.dtype)
    last = tf.cast(extent(shape[axis] - 1), tf.int64)
    return tf.gather(x, tf.clip_by_value(_rows(indices), 0, last), axis=axis)


@implements
@widened
def scatter(x: Any, indices: Any, updates: Any, *, mode: str) -> Any:
    size, *rest = shape_of(x)
    count = product(shape_of(indices))
    if size == 0 or count == 0:
        return x
    at = declared(tf.reshape(_rows(indices), [-1]), (count,))
    rows = declared(tf.reshape(updates, extents([count, *rest])), (count, *rest))
    if x.dtype == tf.bool:
        out = scatter(tf.cast(x, tf.int32), at, tf.cast(rows, tf.int32), mode=mode)
        return tf.cast(out, tf.bool)
    limit = tf.cast(extent(size), tf.int64)
    outside = (at < 0) | (at >= limit)
    if mode == "set":
        return formulas.scatter_set(x, declared(tf.where(outside, limit, at), (count,)), rows)
    return _SCATTERS[mode](x, rows, at=at, outside=outside)


def _by_segments(combine: Callable[..., Any], segments: Callable[..., Any]) -> Function:
    """Rows of one index combined first. Rows of a negative index are left out."""

    def scatter(x: Any, rows: Any, *, at: Any, outside: Any) -> Any:
        ids = tf.where(outside, tf.constant(-1, tf.int64), at)
        return combine(x, tf.ensure_shape(segments(rows, ids, extent(shape_of(x)[0])), x.shape))

    return signed(scatter)


def _by_rows(fn: Function) -> Function:
    """One row more takes what is outside."""

    def scatter(x: Any, rows: Any, *, at: Any, outside: Any) -> Any:
        size, *rest = shape_of(x)
        whole = tf.concat([x, tf.zeros(extents([1, *rest]), x.dtype)], 0)
        places = tf.where(outside, tf.cast(extent(size), tf.int64), at)[:, None]
        return fn(whole, places, rows)[: extent(size)]

    return ordered(scatter)


_SCATTERS = {
    "add": _by_segments(tf.add, tf.math.unsorted_segment_sum),
    "mul": _by_segments(tf.multiply, tf.math.unsorted_segment_prod),
    "max": _by_rows(tf.tensor_scatter_nd_max),
    "min": _by_rows(tf.tensor_scatter_nd_min),
}


also_of_complex_numbers(TABLE, formulas)
