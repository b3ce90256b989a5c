"""Regions: parts of a graph that are computed again in the backward pass instead of being kept.

A region is a `cond` both of whose branches are one and the same graph, so that its condition decides nothing. Nothing
else is needed to say it: a branch is a graph of its own, what it uses from around are its operands, and the gradient of
a `cond` runs the branch again. A region and its gradient have one condition, which tells that they belong together.

An engine that can keep the two runs apart does (JAX's `checkpoint`, say). For our own, regions are opened before
anything else; where one runs again, it reads what it reads through a `stop_gradient` of its own, which no stage looks
through for what is computed already, and in front of which none of it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter
from pronghorn.engine.graph.tensor import Tensor, tensor_of

_LONG = frozenset({"contraction", "control", "linalg", "foreign"})


def region(body: Graph, operands: Sequence[Tensor], condition: Tensor | None = None) -> tuple[Tensor, ...]:
    """What a graph gives for operands, as a region.

    Args:
        body: the graph.
        operands: one for each of its inputs.
        condition: of the region whose gradient it is; None if it is not one.
    """
    return P.cond(tensor_of(np.asarray(True)) if condition is None else condition, *operands, true=body, false=body)


def is_region(params: dict[str, Any]) -> bool:
    """Whether a `cond` with these parameters is a region."""
    return params["true"] is params["false"]


def starts_again(node: Node) -> bool:
    """Whether what is made of the node's result is computed again, whatever is there already."""
    return node.prim is P.stop_gradient and bool(node.params)


def open_regions(graph: Graph) -> Graph:
    """The graph with what is in regions in their places; where there are none, the graph itself."""
    return _Opener(graph).run() if _has_regions(graph) else graph


def _has_regions(graph: Graph) -> bool:
    return any(
        (node.prim.name == "cond" and is_region(node.params))
        or any(_has_regions(p) for p in node.params.values() if isinstance(p, Graph))
        for node in graph.nodes
    )


class _Opener(Rewriter):
    """Opens the regions of a graph, those within them first."""

    def __init__(self, graph: Graph):
        super().__init__(graph, {"cond": _opened})
        self.runs = 0  # how often what a region computes is computed again
        self.read: dict[Value, set[Value]] = {}  # by their condition: what regions that are open have read
        self.ended: dict[Value, int] = {}  # and how much had been done when the last of them was
        self.work = dict(zip(graph.nodes, accumulate(map(_takes_long, graph.nodes))))

    def open(self, node: Node, inputs: list[Value]) -> list[Value]:
        """The nodes of a region; its outputs."""
        body, (condition, *operands) = open_regions(node.params["true"]), inputs
        values = dict(zip(body.inputs, self._operands(node, condition, operands)))
        within = self.runs
        for inner in body.nodes:
            params = inner.params
            if starts_again(inner):
                params = {"again": within + params["again"]}
                self.runs = max(self.runs, params["again"])
            outputs = self.graph.copy_node(inner, [values[v] for v in inner.inputs], params)
            values.update(zip(inner.outputs, outputs))
        self.ended[condition] = self.work[node]
        return [values[v] for v in body.outputs]

    def _operands(self, node: Node, condition: Value, operands: list[Value]) -> list[Value]:
        """A region's operands; where an earlier one has read them as well, such that nothing comes of its results.

        What is needed again at once, with nothing that takes long in between, is kept.
        """
        read = self.read.setdefault(condition, set())
        common = [v for v in dict.fromkeys(operands) if v in read]
        read.update(operands)
        if not common or self.work[node] - _takes_long(node) == self.ended[condition]:
            return operands
        self.runs += 1
        fresh = {v: self.add(P.stop_gradient, [v], {"again": self.runs})[0] for v in common}
        return [fresh.get(v, v) for v in operands]

    def subgraph(self, graph: Graph) -> Graph:
        return open_regions(graph)


def _opened(rewriter: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    assert isinstance(rewriter, _Opener)
    return rewriter.open(node, inputs) if is_region(node.params) else None


def _takes_long(node: Node) -> bool:
    """Whether a node is much more than a pass over its operands."""
    if node.prim.name == "cond" and is_region(node.params):
        return any(map(_takes_long, node.params["true"].nodes))
    return node.prim.family in _LONG
