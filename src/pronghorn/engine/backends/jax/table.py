"""The table from primitive to a function of JAX. What each means is said by `pronghorn.engine.backends.numpy`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.complex_order import also_of_complex_numbers
from pronghorn.engine.backends.formulas import Formulas, greatest, least
from pronghorn.engine.backends.interpreter import Bound, empty_results, is_region
from pronghorn.engine.backends.substitution import sums_plainly
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL, WORDS

Ints = tuple[int, ...]
Body = Graph | Bound

TABLE: dict[str, Callable[..., Any]] = {}
formulas = Formulas(TABLE, lambda x: x.shape, lambda x: dtypes.name_of(x.dtype))
widened = formulas.widened


def _implements(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function under its own name."""
    TABLE[fn.__name__.rstrip("_")] = fn
    return fn


def _name(x: Any) -> str:
    return dtypes.name_of(x.dtype)


def _is_integer(x: Any) -> bool:
    return x.dtype.kind in "iu"


# -- elementwise ------------------------------------------------------------------------------------------------------
_FLOATS: dict[str, Callable[..., Any]] = {
    "floor": jnp.floor, "ceil": jnp.ceil, "round": jnp.rint, "exp": jnp.exp, "expm1": jnp.expm1, "log": jnp.log,
    "log1p": jnp.log1p, "sqrt": jnp.sqrt, "rsqrt": lax.rsqrt, "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan,
    "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "sinh": jnp.sinh, "cosh": jnp.cosh, "tanh": jnp.tanh,
    "asinh": jnp.arcsinh, "acosh": jnp.arccosh, "atanh": jnp.arctanh, "logistic": lambda x: 1 / (1 + jnp.exp(-x)),
    "erf": lax.erf, "erfc": lax.erfc, "erfinv": lax.erf_inv, "lgamma": lax.lgamma, "digamma": lax.digamma,
    "add": lax.add, "sub": lax.sub, "mul": lax.mul, "atan2": lax.atan2,
}  # fmt: skip
_EXACT: dict[str, Callable[..., Any]] = {
    "neg": jnp.negative, "abs": jnp.abs, "stop_gradient": lax.stop_gradient, "real": jnp.real, "imag": jnp.imag,
    "conj": jnp.conj, "complex": lax.complex, "max": jnp.maximum, "min": jnp.minimum, "nextafter": jnp.nextafter,
    "eq": lax.eq, "ne": lax.ne, "lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal,
    "not": jnp.invert, "and": jnp.bitwise_and, "or": jnp.bitwise_or, "xor": jnp.bitwise_xor, "select": jnp.where,
}  # fmt: skip
TABLE.update({name: widened(fn) for name, fn in _FLOATS.items()})
TABLE.update(_EXACT)


@_implements
def sign(x: Any) -> Any:
    return formulas.complex_sign(x) if x.dtype.kind == "c" else jnp.sign(x)


@_implements
def is_finite(x: Any) -> Any:
    return jnp.isfinite(x)


TABLE.update(
    div=formulas.quotient(jnp.floor_divide, lax.div),
    rem=formulas.quotient(lax.rem, lax.rem),
    pow=formulas.power(jnp.power, jnp.power),
)


@_implements
def shift_left(x: Any, count: Any) -> Any:
    return formulas.shifted(lax.shift_left, x, count, fills_with_sign=False)


@_implements
def shift_right(x: Any, count: Any) -> Any:
    fn = lax.shift_right_arithmetic if x.dtype.kind == "i" else lax.shift_right_logical
    return formulas.shifted(fn, x, count, fills_with_sign=True)


@_implements
def cast(x: Any, *, dtype: str) -> Any:
    target = dtypes.to_numpy(dtype)
    if x.dtype == target:
        return x
    if dtype == "bool":
        return x != jnp.zeros((), x.dtype)
    if x.dtype.kind == "c" and target.kind != "c":
        x = jnp.real(x)
    if target.kind in "iu" and x.dtype.kind not in "iub":
        wide = x if x.dtype.itemsize >= 4 else x.astype(jnp.float32)
        return formulas.saturated(wide, dtype, lambda y, to: y.astype(to))
    return x.astype(target)


@_implements
def bitcast(x: Any, *, dtype: str) -> Any:
    return x if _name(x) == dtype else lax.bitcast_convert_type(x, dtypes.to_numpy(dtype))


# -- structure --------------------------------------------------------------------------------------------------------
@_implements
def constant(*, value: np.ndarray) -> Any:
    return jnp.asarray(value)


@_implements
def iota(*, shape: Ints, dtype: str, axis: int) -> Any:
    is_long = isinstance(shape[axis], int) and shape[axis] >= 2**31
    counts = lax.broadcasted_iota("int64" if is_long else "int32", shape, axis)
    return counts.astype(dtypes.to_numpy(dtype))


@_implements
def extent(*, dim: int) -> Any:
    return jnp.asarray(dim, jnp.int32)


@_implements
def broadcast_in_dim(x: Any, *, shape: Ints, dims: Ints) -> Any:
    return lax.broadcast_in_dim(x, shape, dims)


@_implements
def reshape(x: Any, *, shape: Ints) -> Any:
    return jnp.reshape(x, shape)


@_implements
def transpose(x: Any, *, perm: Ints) -> Any:
    return jnp.transpose(x, perm)


@_implements
def reverse(x: Any, *, axes: Ints) -> Any:
    return lax.rev(x, axes)


@_implements
def slice_(x: Any, *, start: Ints, limit: Ints, stride: Ints) -> Any:
    return lax.slice(x, start, limit, stride)


@_implements
def pad(x: Any, fill: Any, *, low: Ints, high: Ints, interior: Ints) -> Any:
    if x.size == 0:
        spread = [size + (size - 1) * hole + lo + hi for size, hole, lo, hi in zip(x.shape, interior, low, high)]
        return jnp.broadcast_to(fill, spread)
    return lax.pad(x, fill, list(zip(low, high, interior)))


@_implements
def concatenate(*xs: Any, axis: int) -> Any:
    return lax.concatenate(xs, axis)


def _starts(x: Any, starts: tuple[Any, ...], sizes: Ints) -> list[Any]:
    """Starts of a part, moved inside. (JAX counts negative ones from the end.)"""
    return [jnp.clip(at, 0, extent - size) for at, size, extent in zip(starts, sizes, x.shape)]


@_implements
def dynamic_slice(x: Any, *starts: Any, sizes: Ints) -> Any:
    return lax.dynamic_slice(x, _starts(x, starts, sizes), sizes)


@_implements
def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
    return lax.dynamic_update_slice(x, update, _starts(x, starts, update.shape))


# -- reductions -------------------------------------------------------------------------------------------------------
@_implements
@widened
def reduce_sum(x: Any, *, axes: Ints) -> Any:
    return jnp.sum(x, axes, dtype=x.dtype)


@_implements
@widened
def reduce_prod(x: Any, *, axes: Ints) -> Any:
    return jnp.prod(x, axes, dtype=x.dtype)


@_implements
@widened
def reduce_max(x: Any, *, axes: Ints) -> Any:
    return jnp.max(x, axes, initial=least(x.dtype))


@_implements
@widened
def reduce_min(x: Any, *, axes: Ints) -> Any:
    return jnp.min(x, axes, initial=greatest(x.dtype))


@_implements
def reduce_and(x: Any, *, axes: Ints) -> Any:
    return lax.reduce(x, np.asarray(-1 if x.dtype.kind == "i" else greatest(x.dtype), x.dtype), lax.bitwise_and, axes)


@_implements
def reduce_or(x: Any, *, axes: Ints) -> Any:
    return lax.reduce(x, np.zeros((), x.dtype), lax.bitwise_or, axes)


def _arg(fn: Callable[..., Any]) -> Callable[..., Any]:
    def arg(x: Any, *, axis: int) -> Any:
        if x.size == 0:
            return jnp.zeros((*x.shape[:axis], *x.shape[axis + 1 :]), jnp.int32)
        return fn(x.astype(jnp.int8) if x.dtype == bool else x, axis).astype(jnp.int32)

    return widened(arg)


def _cumulative(fn: Callable[..., Any]) -> Callable[..., Any]:
    return widened(lambda x, *, axis, reverse: fn(x, axis, reverse))


TABLE.update(argmax=_arg(jnp.argmax), argmin=_arg(jnp.argmin))
TABLE.update(cumsum=_cumulative(lax.cumsum), cumprod=_cumulative(lax.cumprod))
TABLE.update(cummax=_cumulative(lax.cummax), cummin=_cumulative(lax.cummin))


@_implements
def sort(*xs: Any, axis: int, num_keys: int) -> tuple[Any, ...]:
    return tuple(lax.sort(xs, dimension=axis, is_stable=True, num_keys=num_keys))


# -- contractions -----------------------------------------------------------------------------------------------------
@_implements
@widened
def dot_general(x: Any, y: Any, *, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]) -> Any:
    if x.dtype == bool:
        return lax.dot_general(x.astype(jnp.int32), y.astype(jnp.int32), (contract, batch)) > 0
    return lax.dot_general(x, y, (contract, batch), precision=lax.Precision.HIGHEST)


def _conv(strides: Ints, padding: Any, dilation: Ints, groups: int) -> Callable[[Any, Any], Any]:
    spatial = "HWDABC"[: len(strides)]
    return functools.partial(
        lax.conv_general_dilated,
        window_strides=strides,
        padding=padding,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
        feature_group_count=groups,
        precision=lax.Precision.HIGHEST,
    )


@_implements
@widened
@sums_plainly
def conv(x: Any, w: Any, **how: Any) -> Any:
    if (
        how["groups"] > 1 and w.shape[-2] == 1
    ):  # XLA's depthwise convolutions are ten times slower than sums of products
        return formulas.conv(x, w, **how)
    return _conv(**how)(x, w)


@_implements
@widened
@sums_plainly
def conv_input_grad(g: Any, w: Any, *, input_shape: Ints, **how: Any) -> Any:
    if _is_integer(g) or (how["groups"] > 1 and w.shape[-2] == w.shape[-1] // how["groups"] == 1):
        return formulas.conv_input_grad(g, w, input_shape=input_shape, **how)
    forward = lambda x: _conv(**how)(x, w)  # noqa: E731
    (out,) = jax.linear_transpose(forward, jax.ShapeDtypeStruct(input_shape, g.dtype))(g)
    return out


@_implements
@widened
@sums_plainly
def conv_filter_grad(x: Any, g: Any, *, kernel_shape: Ints, **how: Any) -> Any:
    if _is_integer(g):
        return formulas.conv_filter_grad(x, g, kernel_shape=kernel_shape, **how)
    forward = lambda w: _conv(**how)(x, w)  # noqa: E731
    (out,) = jax.linear_transpose(forward, jax.ShapeDtypeStruct(kernel_shape, g.dtype))(g)
    return out


# -- random bits ------------------------------------------------------------------------------------------------------
def _product(x: Any, factor: int) -> tuple[Any, Any]:
    """The high and the low word of ``x * factor``, also where JAX has no integers of 64 bits."""
    if jax.config.jax_enable_x64:
        product = x.astype(jnp.uint64) * np.uint64(factor)
        return (product >> np.uint64(32)).astype(jnp.uint32), product.astype(jnp.uint32)
    low, high = x & 0xFFFF, x >> 16
    factor_low, factor_high = np.uint32(factor & 0xFFFF), np.uint32(factor >> 16)
    middle = high * factor_low + (low * factor_low >> 16)
    other = low * factor_high + (middle & 0xFFFF)
    return high * factor_high + (middle >> 16) + (other >> 16), x * np.uint32(factor)


@_implements
def random_bits(key: Any, *, shape: Ints) -> Any:
    size = math.prod(shape)
    blocks = (size + WORDS - 1) // WORDS
    c0 = lax.iota(jnp.uint32, blocks)  # XLA has no arrays of 2**32 elements, so that the counter's other words are 0
    c1 = c2 = c3 = jnp.zeros(blocks, jnp.uint32)
    k0, k1 = key[0], key[1]
    for _ in range(ROUNDS):
        (h0, l0), (h1, l1) = _product(c0, MULTIPLIERS[0]), _product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0, k1 = k0 + np.uint32(WEYL[0]), k1 + np.uint32(WEYL[1])
    return jnp.stack((c0, c1, c2, c3), axis=-1).reshape(WORDS * blocks)[:size].reshape(shape)


# -- windows ----------------------------------------------------------------------------------------------------------
for _fn in (
    formulas.window_sum, formulas.window_max, formulas.window_argmax, formulas.window_sum_grad, formulas.pool_gather,
):  # fmt: skip
    _implements(_fn)
TABLE["unpool"] = widened(formulas.unpool_at_once)


# -- indexing ---------------------------------------------------------------------------------------------------------
@_implements
def take(x: Any, indices: Any, *, axis: int) -> Any:
    if x.shape[axis] == 0:
        return jnp.zeros((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    last = x.shape[axis] - 1
    if isinstance(last, int):  # else an open extent of an exported program
        last = min(last, np.iinfo(indices.dtype).max)
    return jnp.take(x, jnp.clip(indices, 0, last), axis, mode="clip")


@_implements
@widened
def scatter(x: Any, indices: Any, updates: Any, *, mode: str) -> Any:
    size = x.shape[0]
    at = indices.reshape(-1)
    at = at.astype(jnp.int32) if at.dtype.itemsize < 4 else at  # so that it can hold what is beyond
    rows = updates.reshape(at.size, *x.shape[1:])
    at = jnp.where((at < 0) | (at >= size), size, at)  # JAX counts negative ones from the end
    if mode == "set":
        return formulas.scatter_set(x, at, rows)
    target = x.at[at]
    return {"add": target.add, "max": target.max, "min": target.min, "mul": target.multiply}[mode](rows, mode="drop")


# -- control ----------------------------------------------------------------------------------------------------------
def _run(body: Body, arrays: Any) -> list[Any]:
    return interpreter.run(body, arrays, TABLE)


@_implements
def scan(*xs: Any, body: Body, num_consts: int, num_carry: int, length: int, reverse: bool) -> tuple[Any, ...]:
    fixed = num_consts + num_carry
    if not length:
        stacked = [jnp.zeros(shape, dtypes.to_numpy(dtype)) for shape, dtype in empty_results(body, num_carry)]
        return (*xs[num_consts:fixed], *stacked)

    def step(carry: Any, slices: Any) -> tuple[Any, Any]:
        out = _run(body, [*xs[:num_consts], *carry, *slices])
        return tuple(out[:num_carry]), tuple(out[num_carry:])

    carry, sequences = tuple(xs[num_consts:fixed]), tuple(xs[fixed:])
    if not isinstance(length, int):
        return _scan_of_open_length(step, carry, sequences, empty_results(body, num_carry), length, reverse)
    carry, stacked = lax.scan(step, carry, sequences, length=length, reverse=reverse)
    return (*carry, *stacked)


def _scan_of_open_length(
    step: Any, carry: Any, sequences: Any, results: list[tuple[Ints, str]], length: Any, reverse: bool
) -> tuple[Any, ...]:
    """A loop that reads a row of each sequence and writes one of each result: `lax.scan` needs to know the length."""
    stacked = tuple(jnp.zeros((length, *shape[1:]), dtypes.to_numpy(dtype)) for shape, dtype in results)

    def at(i: Any, state: Any) -> Any:
        carry, stacked = state
        row = length - 1 - i if reverse else i
        carry, ys = step(carry, tuple(lax.dynamic_index_in_dim(x, row, keepdims=False) for x in sequences))
        return carry, tuple(lax.dynamic_update_index_in_dim(s, y, row, 0) for s, y in zip(stacked, ys))

    carry, stacked = lax.fori_loop(0, length, at, (carry, stacked))
    return (*carry, *stacked)


@_implements
def while_loop(*xs: Any, cond: Body, body: Body, num_cond_consts: int, num_body_consts: int) -> tuple[Any, ...]:
    first = num_cond_consts + num_body_consts
    return lax.while_loop(
        lambda carry: _run(cond, [*xs[:num_cond_consts], *carry])[0],
        lambda carry: tuple(_run(body, [*xs[num_cond_consts:first], *carry])),
        tuple(xs[first:]),
    )


@_implements
def cond(pred: Any, *xs: Any, true: Body, false: Body) -> tuple[Any, ...]:
    if is_region(true, false):
        # The barrier keeps XLA from taking what is computed again for the same as what was computed before.
        return jax.checkpoint(lambda *xs: tuple(_run(true, xs)))(*lax.optimization_barrier(xs))
    if not isinstance(pred, jax.core.Tracer) and getattr(pred, "is_fully_addressable", True):
        return tuple(_run(true if pred else false, xs))  # JAX would compile both branches, at each call anew
    return lax.cond(pred, lambda *xs: tuple(_run(true, xs)), lambda *xs: tuple(_run(false, xs)), *xs)


@_implements
def foreign_call(*xs: Any, call: Any) -> tuple[Any, ...]:
    return call(*xs)


@_implements
def custom_vjp(*xs: Any, num_args: int, num_outs: int, vjp: Body) -> tuple[Any, ...]:
    """The outs as they are. What JAX differentiates takes the gradient of the args from ``vjp``, and from it alone."""
    captures = xs[num_args + num_outs :]

    @jax.custom_vjp
    def outs_of(args: Any, outs: Any, captures: Any) -> Any:
        return outs

    def forward(args: Any, outs: Any, captures: Any) -> Any:
        return outs, captures

    def backward(saved: Any, cotangents: Any) -> Any:
        # None, and not zeros: these times what is infinite where the outs were computed would be NaN.
        return tuple(_run(vjp, [*cotangents, *saved])), None, None

    outs_of.defvjp(forward, backward)
    return outs_of(xs[:num_args], tuple(xs[num_args : num_args + num_outs]), captures)


# -- linear algebra ---------------------------------------------------------------------------------------------------
@_implements
@widened
def cholesky(x: Any) -> Any:
    return jnp.tril(lax.linalg.cholesky(x, symmetrize_input=False))


@_implements
@widened
def triangular_solve(a: Any, b: Any, *, lower: bool, transpose: bool) -> Any:
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=lower, transpose_a=transpose)


@_implements
@widened
def lu(x: Any) -> tuple[Any, ...]:
    return tuple(lax.linalg.lu(x)[:2])


@_implements
@widened
def qr(x: Any, *, mode: str) -> tuple[Any, ...]:
    return tuple(jnp.linalg.qr(x, mode))


@_implements
@widened
def svd(x: Any, *, full_matrices: bool, compute_uv: bool) -> tuple[Any, ...]:
    result = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else (result,)


@_implements
@widened
def eigh(x: Any) -> tuple[Any, ...]:
    vectors, values = lax.linalg.eigh(x, lower=True, symmetrize_input=False)
    return values, vectors


@_implements
def eig(x: Any) -> tuple[Any, ...]:
    return tuple(jnp.linalg.eig(x))


also_of_complex_numbers(TABLE, formulas)
