"""The verifier: what must hold of every graph, checked after each stage under ``PRONGHORN_DEBUG=verify``."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.primitives.registry import PRIMITIVES


class InvalidGraph(AssertionError):
    """A graph that breaks an invariant: a fault of Pronghorn, never of its user."""


def verify(graph: Graph, is_exempt: Callable[[Node], bool] = lambda node: False) -> Graph:
    """Check that values are defined before use and that every node's outputs are what its shape rule says.

    Args:
        graph: the graph.
        is_exempt: says of a node that its outputs are no longer what the shape rule says.

    Raises:
        InvalidGraph: naming the node.
    """
    known: set[Value] = set(graph.inputs)
    for node in graph.nodes:
        if PRIMITIVES.get(node.prim.name) is not node.prim:
            raise InvalidGraph(f"{node.prim.name} is not in the closed set of primitives.")
        for value in node.inputs:
            if value not in known:
                raise InvalidGraph(f"{node.prim.name} uses {value.aval} before it is defined.")
        got = [v.aval for v in node.outputs]
        expected = got if is_exempt(node) else node.prim.infer([v.aval for v in node.inputs], node.params)
        if expected != got:
            raise InvalidGraph(f"{node.prim.name} should give {expected}, the graph says {got}.")
        known.update(node.outputs)
    for value in graph.outputs:
        if value not in known:
            raise InvalidGraph(f"the output {value.aval} is not defined.")
    for sub in graph.subgraphs():
        verify(sub, is_exempt)
    return graph
