"""A walk through a graph that says of each value where it is, and writes the graph of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.distribution.partition.places import (
    WHOLE,
    Place,
    of_total_params,
    rows,
    share_of,
    steps_of_row,
)
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.primitives.registry import Primitive

Rule = Callable[..., "list[Value]"]
"""``rule(walk, node, operands, **params)`` gives the results, written with `Walk.emit`; the operands are of the new
graph, and not all of them whole. Where they do not suit it, it calls `Walk.as_whole`."""

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of primitives."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Walk:
    """Writes the graph that a process runs, node by node.

    Args:
        graph: the new graph.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.places: dict[Value, Place] = {}
        self._shared: dict[tuple[Value, int], Value] = {}
        self._scope = ""

    # -- what a subclass says -----------------------------------------------------------------------------------------
    def start(self) -> Value:
        """The number of this process's first row, an int32 scalar."""
        raise NotImplementedError

    def collected(self, value: Value) -> Value:
        """The whole of a value of which each process has rows or a term."""
        raise NotImplementedError

    def may_be_term(self, value: Value) -> bool:
        """Whether a whole value may be added to a term as one: where it is zeros."""
        return self.is_zero(value)

    # -- through a graph ----------------------------------------------------------------------------------------------
    def through(self, graph: Graph, inputs: Sequence[Value]) -> list[Value]:
        """Write the nodes of a graph, given what stands for its inputs; what stands for its outputs."""
        known: dict[Value, Value] = dict(zip(graph.inputs, inputs))
        for node in graph.nodes:
            self._scope = node.scope
            operands = [known[v] for v in node.inputs]
            known.update(zip(node.outputs, self._node(node, operands)))
        return [known[v] for v in graph.outputs]

    def _node(self, node: Node, operands: list[Value]) -> list[Value]:
        if all(self.places[v].is_whole for v in operands):
            return self.as_whole(node, operands)
        name = "elementwise" if node.prim.elementwise else node.prim.name
        if name not in RULES:
            return self.as_whole(node, operands)
        return RULES[name](self, node, operands, **node.params)

    def as_whole(self, node: Node, operands: Sequence[Value]) -> list[Value]:
        """The node's results as every process computes them from whole operands."""
        return self.emit(node.prim, [self.whole(v) for v in operands], of_total_params(node.params), WHOLE)

    def emit(self, prim: Primitive, operands: Sequence[Value], params: dict[str, Any], place: Place) -> list[Value]:
        """A node in the new graph, whose results are at one place."""
        values = self.graph.add_node(prim, list(operands), params, self._scope)
        self.places.update(dict.fromkeys(values, place))
        return values

    # -- from place to place ------------------------------------------------------------------------------------------
    def place(self, value: Value) -> Place:
        """Where a value is."""
        return self.places[value]

    def axis(self, value: Value) -> int | None:
        """The axis along which each process has its rows alone."""
        return self.places[value].axis

    def whole(self, value: Value) -> Value:
        """The value on every process."""
        return value if self.places[value].is_whole else self.collected(value)

    def terms_collected(self, operands: Sequence[Value]) -> list[Value]:
        """Operands of which none is a term any more."""
        return [self.collected(v) if self.places[v].is_term else v for v in operands]

    def share(self, value: Value, axis: int) -> Value:
        """The process's rows of a value, along an axis whose extent goes with the rows."""
        if self.places[value] == rows(axis):
            return value
        key = value, axis
        if key not in self._shared:
            self._shared[key] = self._share(self.whole(value), axis)
        return self._shared[key]

    def _share(self, value: Value, axis: int) -> Value:
        """Written anew with fewer rows where that is easy, and else cut out."""
        node, place = value.node, rows(axis)
        shape = share_of(value.shape, axis)
        if node is not None:
            name = node.prim.name
            if node.prim.elementwise:
                return self.emit(node.prim, [self.share(v, axis) for v in node.inputs], node.params, place)[0]
            if name == "broadcast_in_dim":
                (x,), dims = node.inputs, node.params["dims"]
                at = dims.index(axis) if axis in dims else None
                if at is not None and x.shape[at] != 1:
                    x = self.share(x, at)
                return self.emit(node.prim, [x], {"shape": shape, "dims": dims}, place)[0]
            if name == "iota" and node.params["axis"] != axis:
                return self.emit(node.prim, [], {**node.params, "shape": shape}, place)[0]
        starts = [self._number(0)] * len(shape)
        starts[axis] = self._times(self.start(), steps_of_row(shape[axis]))
        return self.emit(P.dynamic_slice, [value, *starts], {"sizes": shape}, place)[0]

    def _number(self, number: int) -> Value:
        return self.emit(P.constant, [], {"value": np.asarray(number, "int32")}, WHOLE)[0]

    def _times(self, value: Value, factor: int) -> Value:
        return value if factor == 1 else self.emit(P.mul, [value, self._number(factor)], {}, WHOLE)[0]

    def is_zero(self, value: Value) -> bool:
        """Whether a value is known to be zeros."""
        node = value.node
        while node is not None and node.prim.name in ("broadcast_in_dim", "reshape", "cast", "transpose"):
            node = node.inputs[0].node
        return node is not None and node.prim.name == "constant" and not np.any(node.params["value"])
