"""Where a call may write its result over an operand that nobody needs any more.

New memory is dear: the system gives large arrays pages that are touched for the first time, step after step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from pronghorn.engine.backends.torch.fusions import Call
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.primitives import PRIMITIVES

# Elementwise primitives that may give (a view of) their operand.
_MAY_ALIAS = frozenset({"stop_gradient", "real", "imag", "conj", "cast", "bitcast", "abs"})

_FRESH = frozenset({name for name, prim in PRIMITIVES.items() if prim.elementwise} - _MAY_ALIAS) | {
    "joined", "dot_general", "conv", "conv_input_grad", "conv_filter_grad", "take", "argmax", "argmin",
}  # fmt: skip
"""Calls whose results are in memory of their own."""

_REDUCTIONS = frozenset({"reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or"})

_WRITE_INTO = frozenset(
    {
        torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum, torch.neg, torch.exp, torch.expm1,
        torch.log, torch.log1p, torch.sqrt, torch.rsqrt, torch.tanh, torch.sigmoid, torch.erf, torch.sin, torch.cos,
    }
)  # fmt: skip


def _is_fresh(call: Call) -> bool:
    return call.name in _FRESH or (call.name in _REDUCTIONS and bool(call.params["axes"]))


def own_memory(calls: Sequence[Call]) -> frozenset[Value]:
    """Values that share their memory with no other, whatever is made of them."""
    owned = {v for call in calls if _is_fresh(call) for v in call.outputs}
    return frozenset(owned.difference(*(call.inputs for call in calls if not _is_fresh(call))))


class Into(NamedTuple):
    """A function that writes into the memory of ``value``, which it takes behind ``keyword`` as its last argument."""

    function: Callable[..., Any]
    keyword: str
    value: Value


def written_into(call: Call, free: Sequence[Value]) -> Into | None:
    """How a call writes over one of its operands that are not needed afterwards; None where it cannot."""
    (result, *more), fn = call.outputs, call.fn
    free = [v for v in free if v.dtype == result.dtype and v.shape == result.shape]
    if more or not free:
        return None
    if fn in _WRITE_INTO:
        return Into(fn, "out=", free[0])
    if fn is torch.threshold:
        return Into(functools.partial(torch.ops.aten.threshold.out, **call.params), "out=", free[0])
    if fn is torch.ops.aten.threshold_backward and free[0] is call.inputs[0]:
        return Into(functools.partial(fn.grad_input, **call.params), "grad_input=", free[0])
    return None
