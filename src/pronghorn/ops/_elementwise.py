"""The shortest way of an op that is computed element by element: from small arrays to one function of NumPy's.

Programs that run op by op call the same few ops on the same few element types again and again. What such a call comes
to is found once, by tracing the op; later calls look into a dictionary.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pronghorn.engine.backends.eager.worth import LEAST
from pronghorn.engine.backends.engine import Met
from pronghorn.engine.backends.foreign_calls import TRACING, as_it_is, on_its_engine, traced_by
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import NUMPY_2, state
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives.registry import UFUNCS
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace
from pronghorn.ops._symbolic import applied

F = TypeVar("F", bound=Callable[..., Any])

#: Calls of an op on an element type before it is traced, which takes as long as some of them.
FIRST_CALLS = 4

#: The types beside which NumPy takes a Python float for a number of that type, as promotion does.
_WITH_FLOAT = frozenset(map(np.dtype, ("float32", "float64"))) if NUMPY_2 else frozenset()


class _Ufuncs(dict[np.dtype, "np.ufunc | None"]):
    """By element type, NumPy's function that an op is on arrays of this type; None where it is more than one."""

    def __init__(self, fn: Callable[..., Any], operands: int) -> None:
        super().__init__()
        self.fn, self.operands = fn, operands
        self.calls: dict[np.dtype, int] = {}

    def __missing__(self, dtype: np.dtype) -> np.ufunc | None:
        self.calls[dtype] = self.calls.get(dtype, 0) + 1
        if self.calls[dtype] <= FIRST_CALLS:
            return None
        return self.setdefault(dtype, self._traced(dtype))

    def _traced(self, dtype: np.dtype) -> np.ufunc | None:
        avals = [Aval((2, 3), dtypes.name_of(dtype))] * self.operands
        try:
            graph = trace(lambda *xs: [self.fn(*xs)], avals, name="op").graph
        except (TypeError, ValueError):  # not for this type: the call says so itself
            return None
        if len(graph.nodes) != 1:
            return None
        (node,) = graph.nodes
        is_it = node.inputs == graph.inputs and node.outputs == graph.outputs and not node.params
        return UFUNCS.get((node.prim.name, dtype)) if is_it else None


def elementwise(fn: F) -> F:
    """`symbolic_aware` for an op of one or two operands that are promoted and broadcast, and whose result then follows
    element by element: no operand's value or shape decides what is computed, and of two operands NumPy rounds the
    result correctly, so that it has the same bits however they are repeated.

    Where no function is traced, no tape records and no other library computes, what is small goes to NumPy at once:
    arrays of one type, or such an array and a float.
    """
    compute, modules = on_its_engine(fn), sys.modules
    operands = fn.__code__.co_argcount
    quick = (_unary if operands == 1 else _binary)(_Ufuncs(fn, operands))

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        if (
            len(args) == operands
            and not (kwargs or state.traces or state.tapes)
            and len(modules) == Met.modules
            and (not TRACING or traced_by() is None)
        ):
            found = quick(*args)
            if found is not None:
                return found
        return applied(op, compute, args, kwargs)

    return as_it_is(op)  # type: ignore[return-value]


def _unary(ufuncs: _Ufuncs) -> Callable[[Any], Tensor | None]:
    ndarray, asarray = np.ndarray, np.asarray

    def quick(x: Any) -> Tensor | None:
        if type(x) is not Tensor:
            return None
        a = x.data
        if type(a) is not ndarray or a.size >= LEAST or (ufunc := ufuncs[a.dtype]) is None:
            return None
        out = state.silently(ufunc, a)
        return Tensor(out if type(out) is ndarray else asarray(out))

    return quick


def _binary(ufuncs: _Ufuncs) -> Callable[[Any, Any], Tensor | None]:
    ndarray, asarray = np.ndarray, np.asarray

    def quick(x: Any, y: Any) -> Tensor | None:
        a = x.data if type(x) is Tensor else x
        b = y.data if type(y) is Tensor else y
        if type(a) is ndarray and x is not a:
            dtype = a.dtype
            if type(b) is ndarray and y is not b:
                if dtype is not b.dtype or not (a.size * b.size < LEAST or (a.size < LEAST and a.shape == b.shape)):
                    return None
            elif type(b) is not float or dtype not in _WITH_FLOAT or a.size >= LEAST:
                return None
        elif type(b) is ndarray and y is not b and type(a) is float and b.dtype in _WITH_FLOAT and b.size < LEAST:
            dtype = b.dtype
        else:
            return None
        ufunc = ufuncs[dtype]
        if ufunc is None:
            return None
        try:
            out = state.silently(ufunc, a, b)
        except ValueError:  # shapes that do not fit: the long way says so
            return None
        return Tensor(out if type(out) is ndarray else asarray(out))

    return quick
