"""Batches as rows of whole arrays: the step gathers its rows itself."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.graph import primitives as P
from pronghorn.graph.dim import Dim
from pronghorn.graph.ir import Aval, Graph
from pronghorn.graph.rewrite import Rewriter


def gather_rows(graph: Graph, gathered: Sequence[int]) -> Graph:
    """The graph with each argument in ``gathered`` replaced by a whole array and the numbers of the rows to take."""
    return _Gatherer(graph, frozenset(gathered)).run()


class _Gatherer(Rewriter):
    def __init__(self, graph: Graph, gathered: frozenset[int]):
        super().__init__(graph, {})
        self.gathered = gathered

    def run(self) -> Graph:
        new = self.graph
        for i, old in enumerate(self.old.inputs):
            if i not in self.gathered:
                self.map[old] = new.add_input(old.aval)
                continue
            whole = new.add_input(Aval((Dim.symbol(f"rows{i}"), *old.shape[1:]), old.dtype))
            rows = new.add_input(Aval((old.shape[0],), "int64"))
            (self.map[old],) = new.add_node(P.take, [whole, rows], {"axis": 0})
        for node in self.old.nodes:
            inputs = [self.map[v] for v in node.inputs]
            self.map.update(zip(node.outputs, new.add_node(node.prim, inputs, node.params, node.scope)))
        new.outputs = [self.map[v] for v in self.old.outputs]
        return new
