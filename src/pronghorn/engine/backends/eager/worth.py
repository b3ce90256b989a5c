"""Which eager calls are compiled: one table, by what NumPy takes for them.

Measured on two cores, an eager call of a kernel costs some 20 us more than one of NumPy does, and a kernel that has
never been compiled on this machine some 10 ms (elementwise) to 100 ms (a convolution). So a call is compiled where
NumPy would take more than about a tenth of a millisecond. The decision depends on the primitive, the element type and
the extents alone: the same call gives the same bits, the first time and ever after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Shape

Work = Callable[[Sequence[np.ndarray], Shape, dict[str, Any]], int]


def _elements(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return math.prod(result)


def _operand(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return arrays[0].size


def _updates(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return arrays[2].size


def _dot(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return math.prod(result) * math.prod(arrays[0].shape[i] for i in params["contract"][0])


def _conv(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return math.prod(result) * math.prod(arrays[1].shape[:-1])


def _conv_input_grad(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return arrays[0].size * math.prod(arrays[1].shape[:-1])


def _conv_filter_grad(arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> int:
    return arrays[1].size * math.prod(result[:-1])


_CHEAP = [
    *("add", "sub", "mul", "div", "max", "min", "neg", "abs", "sqrt", "select", "is_finite", "cast", "bitcast"),
    *("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "not", "shift_left", "shift_right"),
]
_COSTLY = [
    *("exp", "expm1", "log", "log1p", "rsqrt", "pow", "logistic", "rem", "sign", "floor", "ceil", "round", "atan2"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
]
_DEAR = ["erf", "erfc", "erfinv", "lgamma", "digamma"]
_REDUCTIONS = ["reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "argmax", "argmin"]
_WINDOWS = ["window_sum", "window_max", "window_argmax", "window_sum_grad", "unpool", "pool_gather"]

#: Primitive to (its work, from how much of it on it is compiled).
RULES: dict[str, tuple[Work, int]] = {
    **dict.fromkeys(_CHEAP, (_elements, 1 << 18)),
    **dict.fromkeys(_COSTLY, (_elements, 1 << 16)),
    **dict.fromkeys(_DEAR, (_elements, 1 << 13)),
    "random_bits": (_elements, 1 << 14),
    **dict.fromkeys(_REDUCTIONS, (_operand, 1 << 18)),
    **dict.fromkeys(_WINDOWS, (_operand, 1 << 15)),
    "take": (_elements, 1 << 18),
    "scatter": (_updates, 1 << 15),
    "dot_general": (_dot, 1 << 20),
    "conv": (_conv, 1 << 20),
    "conv_input_grad": (_conv_input_grad, 1 << 20),
    "conv_filter_grad": (_conv_filter_grad, 1 << 20),
}

#: Where fewer elements are drawn than this, NumPy draws them.
DRAWN_FROM = 1 << 14

#: Elementwise calls whose operands have fewer elements are never compiled.
LEAST = min(least for work, least in RULES.values() if work is _elements) // 4

_NARROW = frozenset(map(dtypes.to_numpy, ("float16", "bfloat16")))
_TYPES = _NARROW | frozenset(map(dtypes.to_numpy, ("bool", "float32", "float64", *dtypes.INTEGER)))


def is_worth_it(name: str, arrays: Sequence[np.ndarray], result: Shape, params: dict[str, Any]) -> bool:
    """Whether to compile a primitive's call on ``arrays`` whose first output has the shape ``result``."""
    rule = RULES.get(name)
    if rule is None:
        return False
    work, least = rule
    amount = work(arrays, result, params)
    if amount < least // 4 or 0 in result:
        return False
    types = {a.dtype for a in arrays}
    # NumPy computes 16-bit floats by way of float32.
    return types <= _TYPES and (amount >= least or not types.isdisjoint(_NARROW))
