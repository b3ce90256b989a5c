"""The graph: values, nodes, and the graph that holds them in topological order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.engine.graph.dim import Shape

if TYPE_CHECKING:
    from pronghorn.engine.graph.primitives.registry import Primitive


class Aval:
    """What is known of an array before it exists: its shape and element type."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: str):
        self.shape, self.dtype = tuple(shape), dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aval) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


class Value:
    """One array in a graph: an input of the graph (``node`` is None) or output ``index`` of ``node``."""

    __slots__ = ("dtype", "graph", "index", "node", "shape")
    shape: Shape
    dtype: str

    def __init__(self, aval: Aval | Value, graph: Graph, node: Node | None = None, index: int = 0):
        self.shape, self.dtype = aval.shape, aval.dtype
        self.graph, self.node, self.index = graph, node, index

    @property
    def aval(self) -> Aval:
        """Shape and element type."""
        return Aval(self.shape, self.dtype)


class Node:
    """One application of a primitive. ``scope`` says which layer asked for it (for profiles and errors)."""

    __slots__ = ("inputs", "outputs", "params", "prim", "scope")

    def __init__(self, prim: Primitive, inputs: list[Value], params: dict[str, Any], scope: str = ""):
        self.prim, self.inputs, self.params, self.scope = prim, inputs, params, scope
        self.outputs: list[Value] = []


class Graph:
    """Nodes in topological order between ``inputs`` and ``outputs``."""

    def __init__(self, name: str = "graph"):
        self.name = name
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.outputs: list[Value] = []

    def add_input(self, aval: Aval) -> Value:
        """Append an input."""
        value = Value(aval, self)
        self.inputs.append(value)
        return value

    def add_node(self, prim: Primitive, inputs: list[Value], params: dict[str, Any], scope: str = "") -> list[Value]:
        """Append ``prim`` applied to ``inputs``; its outputs, typed by the primitive's shape rule."""
        avals = prim.infer([v.aval for v in inputs], params)
        node = Node(prim, inputs, params, scope)
        node.outputs = [Value(aval, self, node, i) for i, aval in enumerate(avals)]
        self.nodes.append(node)
        return node.outputs

    def copy_node(self, node: Node, inputs: list[Value], params: dict[str, Any]) -> list[Value]:
        """Append what another graph's node does, to ``inputs`` of the same types; its outputs."""
        new = Node(node.prim, inputs, params, node.scope)
        new.outputs = [Value(v, self, new, i) for i, v in enumerate(node.outputs)]
        self.nodes.append(new)
        return new.outputs

    def subgraphs(self) -> list[Graph]:
        """Graphs in the parameters of this graph's nodes (loop bodies and branches)."""
        return [p for node in self.nodes for p in node.params.values() if isinstance(p, Graph)]

    def __str__(self) -> str:
        return print_graph(self)


def users_of(graph: Graph) -> dict[Value, list[Node]]:
    """For each value that nodes of a graph take, these nodes; one that takes it twice is there once."""
    users: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in dict.fromkeys(node.inputs):
            users.setdefault(value, []).append(node)
    return users


def needed(nodes: Sequence[Node], wanted: Iterable[Value], known: Collection[Value] = ()) -> list[Node]:
    """Those of ``nodes`` from which the wanted values are made, in order; values that are known need not be made."""
    missing = {value for value in wanted if value not in known}
    kept = []
    for node in reversed(nodes):
        if not missing.isdisjoint(node.outputs):
            kept.append(node)
            missing.update(value for value in node.inputs if value not in known)
    return kept[::-1]


def print_graph(graph: Graph, indent: str = "") -> str:
    """``graph`` as text: inputs, a line per node, outputs; subgraphs indented below their node."""
    names: dict[Value, str] = {}

    def name(value: Value) -> str:
        return names.setdefault(value, f"%{len(names)}")

    def typed(value: Value) -> str:
        return f"{name(value)}:{value.aval}"

    lines = [f"{indent}{graph.name}({', '.join(typed(v) for v in graph.inputs)}):"]
    for node in graph.nodes:
        params = {k: _short(v) for k, v in node.params.items() if not isinstance(v, Graph)}
        shown = "".join(f" {k}={v}" for k, v in params.items())
        outs = ", ".join(typed(v) for v in node.outputs)
        scope = f"   # {node.scope}" if node.scope else ""
        lines.append(f"{indent}  {outs} = {node.prim.name}({', '.join(name(v) for v in node.inputs)}){shown}{scope}")
        for key, sub in node.params.items():
            if isinstance(sub, Graph):
                lines.append(f"{indent}    {key}:")
                lines.append(print_graph(sub, indent + "      "))
    lines.append(f"{indent}  return {', '.join(name(v) for v in graph.outputs)}")
    return "\n".join(lines)


def _short(param: object) -> str:
    if isinstance(param, np.ndarray):
        return str(param.item()) if param.size == 1 else f"<{param.dtype}{list(param.shape)}>"
    return str(param)
