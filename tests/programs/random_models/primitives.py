"""JAX's operations on arrays of NumPy, all floats of float64: without a compiler, which would take most of the time.

The operations that most programs are made of are written here; others are JAX's own, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.extend import core

WIDE = np.dtype("float64")
PLAIN: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "exp": np.exp, "log": np.log, "log1p": np.log1p,
    "expm1": np.expm1, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "sqrt": np.sqrt, "square": np.square,
    "floor": np.floor, "ceil": np.ceil, "is_finite": np.isfinite, "not": np.logical_not, "erf": scipy.special.erf,
    "logistic": scipy.special.expit, "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply,
    "max": np.maximum, "min": np.minimum, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "pow": np.power,
}  # fmt: skip
REDUCTIONS = {"reduce_sum": np.sum, "reduce_max": np.max, "reduce_min": np.min, "reduce_or": np.any,
              "reduce_and": np.all, "reduce_prod": np.prod}  # fmt: skip


def is_float(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def is_key(value: Any) -> bool:
    """Whether this is one of JAX's keys of random numbers, which NumPy does not know."""
    return jnp.issubdtype(jnp.result_type(value), jax.dtypes.prng_key)


def widened(value: Any) -> np.ndarray:
    """An array of floats as float64; others as they are."""
    value = np.asarray(value)
    return value.astype(WIDE) if is_float(value.dtype) else value


def evaluated(eqn: Any, inputs: list[Any]) -> list[Any]:
    """The results of one operation of a traced program."""
    name, params = eqn.primitive.name, eqn.params
    if name in PLAIN and (name != "not" or inputs[0].dtype == bool):
        return [PLAIN[name](*inputs)]
    if name in REDUCTIONS and inputs[0].size:
        dtype = {} if name != "reduce_sum" else {"dtype": inputs[0].dtype}
        return [REDUCTIONS[name](inputs[0], axis=tuple(params["axes"]), **dtype)]
    function = WRITTEN.get(name)
    result = None if function is None else function(params, *inputs)
    return by_jax(eqn, inputs) if result is None else [result]


def by_jax(eqn: Any, inputs: list[Any]) -> list[Any]:
    """By JAX's own operation, on numbers of float64; what looks at bits sees those of the traced type."""
    params = {
        k: WIDE if k in ("new_dtype", "preferred_element_type", "dtype") and v is not None and is_float(v) else v
        for k, v in eqn.params.items()
    }
    if eqn.primitive.name == "bitcast_convert_type":
        params = eqn.params
        inputs = [x.astype(v.aval.dtype) for x, v in zip(inputs, eqn.invars)]
    with jax.enable_x64(True):
        if params.get("update_jaxpr") is not None:  # of a scatter, traced in the old types
            combined = core.jaxpr_as_fun(core.ClosedJaxpr(params["update_jaxpr"], params["update_consts"]))
            params["update_jaxpr"] = jax.make_jaxpr(combined)(*[jnp.zeros((), inputs[0].dtype)] * 2).jaxpr
        results = eqn.primitive.bind(*(x if is_key(x) else jnp.asarray(x) for x in inputs), **params)
        results = list(results) if eqn.primitive.multiple_results else [results]
        return [r if is_key(r) else widened(r) for r in results]


# -- written for NumPy; None: not in this form -------------------------------------------------------------------------
def integer_pow(p: Any, x: Any) -> Any:
    return x ** float(p["y"]) if is_float(x.dtype) else None


def div(p: Any, x: Any, y: Any) -> Any:
    return x / y if is_float(x.dtype) else None


def rsqrt(p: Any, x: Any) -> Any:
    return 1 / np.sqrt(x)


def same(p: Any, x: Any) -> Any:
    return x


def convert(p: Any, x: Any) -> Any:
    return x.astype(WIDE if is_float(p["new_dtype"]) else p["new_dtype"])


def select_n(p: Any, which: Any, *cases: Any) -> Any:
    return np.where(which, cases[1], cases[0]) if which.dtype == bool else None


def clamp(p: Any, low: Any, x: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def broadcast(p: Any, x: Any, *dynamic: Any) -> Any:
    shape = [1] * len(p["shape"])
    for n, axis in zip(x.shape, p["broadcast_dimensions"]):
        shape[axis] = n
    return np.broadcast_to(x.reshape(shape), p["shape"])


def cut(p: Any, x: Any) -> Any:
    strides = p["strides"] or [1] * x.ndim
    return x[tuple(slice(*part) for part in zip(p["start_indices"], p["limit_indices"], strides))]


def pad(p: Any, x: Any, value: Any) -> Any:
    return padded(x, p["padding_config"], value)


def padded(x: Any, config: Any, value: Any = 0.0) -> Any:
    """With numbers between those of an axis, and around them; a negative amount cuts off."""
    spread = [max(0, n + (n - 1) * inner) for n, (_, _, inner) in zip(x.shape, config)]
    whole = np.full([n + max(a, 0) + max(b, 0) for n, (a, b, _) in zip(spread, config)], value, x.dtype)
    places = [slice(max(a, 0), max(a, 0) + n, inner + 1) for n, (a, _, inner) in zip(spread, config)]
    whole[tuple(places)] = x
    return whole[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b, _) in zip(whole.shape, config))]


def cumsum(p: Any, x: Any) -> Any:
    y = np.flip(x, p["axis"]) if p["reverse"] else x
    y = np.cumsum(y, p["axis"], dtype=x.dtype)
    return np.flip(y, p["axis"]) if p["reverse"] else y


def dot_general(p: Any, x: Any, y: Any) -> Any:
    (summed_x, summed_y), (batch_x, batch_y) = p["dimension_numbers"]
    free_x = [i for i in range(x.ndim) if i not in summed_x and i not in batch_x]
    free_y = [i for i in range(y.ndim) if i not in summed_y and i not in batch_y]
    batch, m = [x.shape[i] for i in batch_x], [x.shape[i] for i in free_x]
    n, k = [y.shape[i] for i in free_y], prod(x.shape[i] for i in summed_x)
    left = x.transpose(*batch_x, *free_x, *summed_x).reshape(*batch, prod(m), k)
    right = y.transpose(*batch_y, *summed_y, *free_y).reshape(*batch, k, prod(n))
    return (left @ right).reshape(*batch, *m, *n) if is_float(x.dtype) else None


def conv(p: Any, x: Any, k: Any) -> Any:
    if p["feature_group_count"] > 1 or p["batch_group_count"] > 1:
        return None
    numbers, rank = p["dimension_numbers"], x.ndim - 2
    x, k = x.transpose(numbers.lhs_spec), k.transpose(numbers.rhs_spec)
    around = [(a, b, d - 1) for (a, b), d in zip(p["padding"], p["lhs_dilation"])]
    x = padded(x, [(0, 0, 0), (0, 0, 0), *around])
    k = padded(k, [(0, 0, 0), (0, 0, 0), *((0, 0, d - 1) for d in p["rhs_dilation"])])
    windows = np.lib.stride_tricks.sliding_window_view(x, k.shape[2:], axis=tuple(range(2, 2 + rank)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in p["window_strides"]))]
    last = tuple(range(2 + rank, 2 + 2 * rank))
    y = np.tensordot(windows, k, axes=((1, *last), (1, *range(2, 2 + rank))))  # batch, places, filters
    return np.moveaxis(y, -1, 1).transpose(np.argsort(numbers.out_spec))


WRITTEN: dict[str, Callable[..., Any]] = {
    "integer_pow": integer_pow, "div": div, "rsqrt": rsqrt, "convert_element_type": convert, "select_n": select_n,
    "clamp": clamp, "broadcast_in_dim": broadcast, "slice": cut, "pad": pad, "cumsum": cumsum,
    "dot_general": dot_general, "conv_general_dilated": conv, "stop_gradient": same, "copy": same, "copy_p": same,
    "reduce_precision": same, "optimization_barrier": lambda p, *x: x[0] if len(x) == 1 else None,
    "reshape": lambda p, x, *d: x.reshape(p["new_sizes"]) if p["dimensions"] is None else None,
    "transpose": lambda p, x: x.transpose(p["permutation"]),
    "squeeze": lambda p, x: np.squeeze(x, tuple(p["dimensions"])),
    "concatenate": lambda p, *x: np.concatenate(x, p["dimension"]),
    "rev": lambda p, x: np.flip(x, p["dimensions"]),
    "argmax": lambda p, x: np.argmax(x, p["axes"][0]).astype(p["index_dtype"]),
}  # fmt: skip
