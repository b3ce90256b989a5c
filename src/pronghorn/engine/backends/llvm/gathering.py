"""Batches as rows of whole arrays: the step gathers its rows itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.rewrite import Rewriter


def gather_rows(graph: Graph, gathered: Collection[int]) -> Graph:
    """The graph with each argument in ``gathered`` replaced by a whole array and the numbers of the rows to take."""
    return _Gatherer(graph, frozenset(gathered)).run()


def gathered_avals(inputs: Sequence[Value], gathered: Collection[int]) -> list[Aval]:
    """The types of a graph's ``inputs`` once those in ``gathered`` are replaced."""
    avals: list[Aval] = []
    for i, value in enumerate(inputs):
        avals += _whole_and_rows(i, value) if i in gathered else [value.aval]
    return avals


def _whole_and_rows(number: int, value: Value) -> list[Aval]:
    whole = Aval((Dim.symbol(f"rows{number}"), *value.shape[1:]), value.dtype)
    return [whole, Aval((value.shape[0],), "int64")]


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
            whole, rows = map(new.add_input, _whole_and_rows(i, old))
            (self.map[old],) = new.add_node(P.take, [whole, rows], {"axis": 0})
        for node in self.old.nodes:
            inputs = [self.map[v] for v in node.inputs]
            self.map.update(zip(node.outputs, new.add_node(node.prim, inputs, node.params, node.scope)))
        new.outputs = [self.map[v] for v in self.old.outputs]
        return new
