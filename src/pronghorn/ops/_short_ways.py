"""The short ways of ops that are called with small arrays: to NumPy's functions, past promotion, checks and dispatch.

Programs that run op by op call the same few ops on the same few kinds of arrays again and again. What such a call comes
to is found once, by tracing the op; later calls look into a dictionary. Where a function is traced, a tape records or
another library computes, calls go the long way.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from pronghorn.engine.backends.eager.worth import LEAST
from pronghorn.engine.backends.engine import Met
from pronghorn.engine.backends.foreign_calls import TRACING, as_it_is, on_its_engine, traced_by
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import NUMPY_2, state
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives.registry import UFUNCS
from pronghorn.engine.graph.tensor import Tensor, may_change, tensor_of
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.user_code import times_warned
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.ops._plans import Plan, plan_of
from pronghorn.ops._symbolic import applied

F = TypeVar("F", bound=Callable[..., Any])

#: Plans of an op, for so many kinds of calls: others would be traced for a call or two.
MOST_PLANS = 64

#: The types beside which NumPy takes a Python float for a number of that type, as promotion does.
_WITH_FLOAT = frozenset(map(np.dtype, ("float32", "float64"))) if NUMPY_2 else frozenset()


_modules, _ndarray, _asarray = sys.modules, np.ndarray, np.asarray


class _Ufuncs(dict[np.dtype, "np.ufunc | None"]):
    """By element type, NumPy's function that an op is on arrays of this type; None where it is more than one."""

    def __init__(self, fn: Callable[..., Any], operands: int) -> None:
        super().__init__()
        self.fn, self.operands = fn, operands

    def __missing__(self, dtype: np.dtype) -> np.ufunc | None:
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

    The short way is for arrays of one type, or such an array and a float.
    """
    compute = on_its_engine(fn)
    operands = fn.__code__.co_argcount
    quick = (_unary if operands == 1 else _binary)(_Ufuncs(fn, operands))

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        if (
            len(args) == operands
            and not (kwargs or state.traces or state.tapes)
            and len(_modules) == Met.modules
            and (not TRACING or traced_by() is None)
            and (found := quick(*args)) is not None
        ):
            return found
        return applied(op, compute, args, kwargs)

    return as_it_is(op)  # type: ignore[return-value]


def value_of(x: Any) -> Any:
    """An operand, and the present value in the place of a variable."""
    return x.__pronghorn_tensor__() if isinstance(x, GraphVariable) else x


def _unary(ufuncs: _Ufuncs) -> Callable[[Any], Tensor | None]:
    def quick(x: Any) -> Tensor | None:
        if not isinstance(x, Tensor):
            return quick(value_of(x)) if isinstance(x, GraphVariable) else None
        a = x.data
        if type(a) is not _ndarray or a.size >= LEAST or (ufunc := ufuncs[a.dtype]) is None:
            return None
        out = state.silently(ufunc, a)
        return tensor_of(out if type(out) is _ndarray else _asarray(out))

    return quick


def _binary(ufuncs: _Ufuncs) -> Callable[[Any, Any], Tensor | None]:
    def quick(x: Any, y: Any) -> Tensor | None:
        a = x.data if isinstance(x, Tensor) else x
        b = y.data if isinstance(y, Tensor) else y
        if type(a) is _ndarray and x is not a:
            dtype = a.dtype
            if type(b) is _ndarray and y is not b:
                if dtype is not b.dtype or not (a.size * b.size < LEAST or (a.size < LEAST and a.shape == b.shape)):
                    return None
            elif type(b) is float:
                if dtype not in _WITH_FLOAT or a.size >= LEAST:
                    return None
            else:
                return quick(x, value_of(y)) if isinstance(y, GraphVariable) else None
        elif isinstance(x, GraphVariable):
            return quick(value_of(x), y)
        elif type(b) is _ndarray and y is not b and type(a) is float and b.dtype in _WITH_FLOAT and b.size < LEAST:
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
        return tensor_of(out if type(out) is _ndarray else _asarray(out))

    return quick


_SETTINGS = frozenset((int, bool, str, type(None)))


def by_shapes(fn: F) -> F:
    """`symbolic_aware` for an op with one result, of which the shapes and types of arrays, and its settings, say what
    is computed: no value does, and nothing is drawn.

    The short way is for arrays of floats of 32 or 64 bits, which all that is computed on the way has few elements of.
    """
    compute = on_its_engine(fn)
    plans: dict[Hashable, Plan | None] = {}

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        if (
            not (state.traces or state.tapes)
            and len(_modules) == Met.modules
            and (not TRACING or traced_by() is None)
            and (taken := _kind_of_call(args, kwargs)) is not None
        ):
            kind, arrays = taken
            if kind not in plans and len(plans) < MOST_PLANS:
                warned = times_warned()
                found = applied(op, compute, args, kwargs)
                # A call that is warned of has no plan: each one is.
                plans[kind] = plan_of(fn, args, kwargs) if times_warned() == warned else None
                return found
            plan = plans.get(kind)
            if plan is not None:
                return tensor_of(plan(*arrays))
        return applied(op, compute, args, kwargs)

    return as_it_is(op)  # type: ignore[return-value]


def _kind_of_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Hashable, list[np.ndarray]] | None:
    """What a plan holds for, and the arrays of the call; None where an array is large or an argument is something else.

    That is the types and shapes of arrays, and settings.
    """
    arrays: list[np.ndarray] = []
    key: list[Any] = []
    for x in (*args, *kwargs, *kwargs.values()) if kwargs else args:
        if isinstance(x, GraphVariable):
            x = x.__pronghorn_tensor__()
        kind = type(x)
        if isinstance(x, Tensor):
            array = x.data
            if type(array) is not _ndarray or array.size >= LEAST:
                return None
            arrays.append(array)
            key += (array.dtype, array.shape)
        elif kind in _SETTINGS or (kind is tuple and all(type(item) is int for item in x)):
            key += (kind, x)
        else:
            return None
    return tuple(key), arrays


_NUMBERS = frozenset(map(np.dtype, ("bool", "int32", "uint8", "float16", "float32")))


def converting(fn: F) -> F:
    """`symbolic_aware` for a conversion to a Tensor, by default of its own element type.

    The short way is for NumPy's arrays of types that stay as they are.
    """
    compute = on_its_engine(fn)

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        if (
            len(args) == 1
            and type(args[0]) is _ndarray
            and args[0].dtype in _NUMBERS
            and not (kwargs or state.traces or state.tapes)
            and len(_modules) == Met.modules
            and (not TRACING or traced_by() is None)
        ):
            array = args[0]
            return tensor_of(array.copy() if may_change(array) else array)
        return applied(op, compute, args, kwargs)

    return as_it_is(op)  # type: ignore[return-value]
