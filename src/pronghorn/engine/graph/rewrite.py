"""Rewriting graphs: copy a graph node by node, with rules that replace some of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.primitives.registry import Primitive

SMALL = 64  # elements up to which arrays in parameters are told apart by what is in them
RewriteRule = Callable[["Rewriter", Node, list[Value]], "list[Value] | None"]


class Rewriter:
    """Copies ``graph`` (and its subgraphs); a node with a rule becomes what the rule returns.

    ``rules[name](rewriter, node, inputs)``: values for the node's outputs, made with `add` or taken from ``inputs``, or
    None to keep the node.
    """

    def __init__(self, graph: Graph, rules: Mapping[str, RewriteRule]):
        self.old, self.rules = graph, rules
        self.graph = Graph(graph.name)
        self.map: dict[Value, Value] = {}
        self._scope = ""

    def add(self, prim: Primitive, inputs: list[Value], params: dict[str, Any]) -> list[Value]:
        """A node in the new graph."""
        return self.graph.add_node(prim, inputs, params, self._scope)

    def again(self, node: Node, inputs: list[Value], params: dict[str, Any]) -> list[Value]:
        """What ``node`` of the old graph does, of ``inputs``; where these have the types that its own had, so have the
        results, and nothing is worked out anew."""
        alike = all(a.dtype == b.dtype and a.shape == b.shape for a, b in zip(inputs, node.inputs))
        if alike and params is node.params:
            return self.graph.copy_node(node, inputs, params)
        return self.add(node.prim, inputs, params)

    def run(self) -> Graph:
        """The new graph."""
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.old.nodes:
            self._scope = node.scope
            inputs = [self.map[v] for v in node.inputs]
            rule = self.rules.get(node.prim.name)
            new = rule(self, node, inputs) if rule else None
            if new is None:
                new = self.again(node, inputs, self._params(node))
            self.map.update(zip(node.outputs, new))
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph

    def _params(self, node: Node) -> dict[str, Any]:
        if node.prim.name == "custom_vjp" or not any(isinstance(p, Graph) for p in node.params.values()):
            return node.params
        return with_graphs(node.params, self.subgraph)

    def subgraph(self, graph: Graph) -> Graph:
        """A loop's body or a branch, rewritten alike. A subclass whose rules keep state makes a new one of itself."""
        return Rewriter(graph, self.rules).run()


def with_graphs(params: Mapping[str, Any], change: Callable[[Graph], Graph]) -> dict[str, Any]:
    """Parameters with other graphs in the places of those among them; one that stands in two places stays one."""
    done: dict[int, Graph] = {}

    def changed(graph: Graph) -> Graph:
        if id(graph) not in done:
            done[id(graph)] = change(graph)
        return done[id(graph)]

    return {k: changed(p) if isinstance(p, Graph) else p for k, p in params.items()}


def node_key(prim: Primitive, inputs: Sequence[Value], params: Mapping[str, Any]) -> Hashable:
    """What is equal for nodes that compute the same; for subgraphs and large arrays, for the same ones.

    Args:
        prim: the node's primitive.
        inputs: its operands.
        params: its parameters.
    """
    return prim.name, tuple(inputs), tuple(sorted((k, _param_key(v)) for k, v in params.items()))


def _param_key(param: Any) -> Any:
    if isinstance(param, np.ndarray | np.generic):  # numbers of different types, and 0.0 and -0.0, are equal in Python
        return (param.shape, str(param.dtype), param.tobytes()) if param.size <= SMALL else id(param)
    return id(param) if isinstance(param, Graph) else param
