"""Values in the middle of a call that is traced for a library: what its own functions are given there.

A call with a library's arrays is traced, and its graph run afterwards (`foreign_calls`). Code in it may hand a traced
tensor to a function of that library, such as `jax.vjp`, which wants an array. It can be had: the library runs the graph
so far on the arrays that came. If these stand for values in a function that the library traces or differentiates, so
does the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn.engine.backends.engine import Engine
from pronghorn.engine.graph.ir import Graph, Value, needed


class Values:
    """The arrays that values of an unfinished graph stand for.

    Args:
        found: the engine that computes them.
        given: the array of an input of the graph.
    """

    def __init__(self, found: Engine, given: Callable[[Value], Any]):
        self._engine, self._given = found, given
        self._known: dict[Value, Any] = {}

    def of(self, value: Value, graph: Graph) -> Any:
        """The array of a value of a graph."""
        if value not in self._known:
            part = Graph(graph.name)
            part.nodes, part.outputs = needed(graph.nodes, [value], self._known), [value]
            made = {v for node in part.nodes for v in node.outputs}
            used = [v for node in part.nodes for v in node.inputs] + [value]
            part.inputs = [v for v in dict.fromkeys(used) if v not in made]
            self._engine.check(part)
            arrays = [self._known[v] if v in self._known else self._given(v) for v in part.inputs]
            (self._known[value],) = self._engine.run(part, arrays)
        return self._known[value]
