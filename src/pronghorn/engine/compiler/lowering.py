"""Graph to kernels, first half: which values lie in memory, and what an element of any value is.

A value is *stored* (a buffer holds it), a *view* (the reshape of a stored value: the same buffer) or *virtual*
(computed where it is used).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.compiler.expr import Apply, Const, Expr, Index, Load, Loaded
from pronghorn.engine.compiler.storage import Storage
from pronghorn.engine.compiler.virtual import VIRTUAL, linear, reshape_index, windows_overlap
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Graph, Node, Value

# Reductions: kernels of their own, computed by a loop nest over the operand's elements.
REDUCTIONS = frozenset(
    {"reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "argmax", "argmin"}
    | {"window_sum", "window_max", "window_argmax", "window_sum_grad"}
)
CONTRACTIONS = frozenset({"dot_general", "conv", "conv_input_grad", "conv_filter_grad"})
# Elementwise primitives that cost so much more than a load that they are computed once and stored.


def is_virtual(node: Node) -> bool:
    """Whether the node's output can be computed where it is used."""
    name = node.prim.name
    if name == "constant":
        return node.params["value"].size == 1
    if name == "unpool":
        return not windows_overlap(node)
    return name in VIRTUAL


class Lowering:
    """The state of lowering one graph."""

    def __init__(self, graph: Graph, stored: Storage):
        self.graph = graph
        self.stored = stored
        self._memo: dict[tuple, Expr] = {}
        self._applied: dict[tuple, Expr] = {}
        self.computed: dict[Value, tuple[tuple[Index, ...], Expr]] = {}  # values this kernel has in registers

    def start_kernel(self) -> None:
        """Forget shared expressions: each kernel has its own."""
        self._memo, self._applied, self.computed = {}, {}, {}

    def element(self, value: Value, index: tuple[Index, ...]) -> Expr:
        """The element of ``value`` at ``index``."""
        key = (value, index)
        expr = self._memo.get(key)
        if expr is None:
            expr = self._memo[key] = self._element(value, index)
        return expr

    def _element(self, value: Value, index: tuple[Index, ...]) -> Expr:
        known = self.computed.get(value)
        if known is not None and known[0] == index:
            return known[1]
        if value in self.stored or value.node is None:
            return self._load(value, self.stored.offset(value, index))
        node = value.node
        if node.prim.name == "reshape":
            source = view_of(value, self.stored)
            if source is not None:
                known = self.computed.get(source)
                if known is not None and known[0] == reshape_index(index, value.shape, source.shape):
                    return known[1]
                return self._load(source, linear(index, value.shape))  # what is reshaped lies in no other's buffer
        return VIRTUAL[node.prim.name](self, node, index)

    def _load(self, value: Value, offset: Index) -> Expr:
        key = ("load", value, offset)
        if key not in self._applied:
            self._applied[key] = Load(value, offset)
        return self._applied[key]

    def apply(self, name: str, args: tuple[Expr, ...], dtype: str, params: Any) -> Expr:
        """An elementwise primitive of expressions, shared with an equal one."""
        if name == "cast" and args[0].dtype == dtype:
            return args[0]
        if name == "stop_gradient":
            return args[0]
        key = (name, tuple(map(id, args)), dtype, tuple(params.values()))
        known = self._applied.get(key)
        if known is None:
            if all(isinstance(a, Const) for a in args) and name == "cast":
                known = _cast_const(args[0], dtype)
            else:
                known = Apply(name, args, dtype, params)
            self._applied[key] = known
        return known

    def loaded(self, expr: Expr, extent: Extent) -> Any:
        """An integer expression as an index term, the same object for the same expression."""
        key = ("index", id(expr), extent)
        if key not in self._applied:
            self._applied[key] = Loaded(expr, extent)  # type: ignore[assignment]
        return self._applied[key]


def _cast_const(const: Expr, dtype: str) -> Expr:
    assert isinstance(const, Const)
    with np.errstate(all="ignore"):
        number = np.asarray(const.number, dtypes.to_numpy(const.dtype)).astype(dtypes.to_numpy(dtype)).item()
    return Const(number, dtype)


def view_of(value: Value, stored: set[Value]) -> Value | None:
    """The stored value whose buffer a chain of reshapes of it is, if it is one."""
    while value not in stored and value.node is not None:
        if value.node.prim.name not in ("reshape", "stop_gradient"):
            return None
        value = value.node.inputs[0]
    return value
