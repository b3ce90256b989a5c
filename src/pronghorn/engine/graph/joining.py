"""Loops that run over the same operands and carry the same become one loop.

The gradient of a scan asks for more of what its steps compute by a scan of its own, since the one that is there stays
as it is (`pronghorn.engine.autodiff.loops`). Here the two become one, which stands where the first stood; and so do the
loops in their bodies.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.graph.rewrite import node_key, with_graphs


def join_loops(graph: Graph) -> Graph:
    """The graph with scans joined, there and in its subgraphs; where there are none to join, the graph itself."""
    return LoopJoiner(graph).graph if _may_have_alike(graph) else graph


def _may_have_alike(graph: Graph) -> bool:
    """Whether there are two scans in one graph, this one or one in it: most graphs have none."""
    scans = sum(node.prim.name == "scan" for node in graph.nodes)
    return scans > 1 or any(map(_may_have_alike, graph.subgraphs()))


class LoopJoiner:
    """Joins the scans of a graph.

    Attributes:
        graph: the new graph; the one that was given, where there are no scans to join.
        map: leads from the values of the graph that was given to those of the new one.
    """

    def __init__(self, given: Graph):
        body = _Body([v.aval for v in given.inputs], given.name)
        body.graph.outputs = body.take(given)
        self.graph, self.map = body.graph, body.map
        if not body.has_joined:
            self.graph, self.map = given, {v: v for v in body.map}


class _Body:
    """A graph that does what several do, each thing once.

    Attributes:
        graph: the graph, without outputs.
        map: leads from the values of the graph that was taken last to those of this one.
        has_joined: whether loops were joined in it.
    """

    def __init__(self, avals: Sequence[Aval], name: str):
        self.graph = Graph(name)
        self.map: dict[Value, Value] = {}
        self.has_joined = False
        self._inputs = [self.graph.add_input(aval) for aval in avals]
        self._known: dict[Hashable, list[Value]] = {}
        self._loops: dict[Hashable, list[_Loop]] = {}

    def take(self, graph: Graph) -> list[Value]:
        """Do what a graph does for the same inputs; its outputs."""
        self.map = dict(zip(graph.inputs, self._inputs))
        for node in graph.nodes:
            inputs = [self.map[v] for v in node.inputs]
            found = self._loop(node, inputs) if node.prim.name == "scan" else self._shared(node, inputs)
            self.map.update(zip(node.outputs, found))
        return [self.map[v] for v in graph.outputs]

    def _shared(self, node: Node, inputs: list[Value]) -> list[Value]:
        """A node's outputs, of an equal one that is there already where there is one."""
        key = node_key(node.prim, inputs, node.params)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.graph.copy_node(node, inputs, self._joined_within(node.params))
        return known

    def _joined_within(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters with loops joined in branches and the like."""
        new = with_graphs(params, join_loops)
        self.has_joined = self.has_joined or any(new[k] is not p for k, p in params.items())
        return new

    def _loop(self, node: Node, inputs: list[Value]) -> list[Value]:
        """A scan's outputs, of one over the same operands that is there already where it carries the same."""
        alike = self._loops.setdefault(node_key(node.prim, inputs, {**node.params, "body": None}), [])
        for loop in alike:
            places = loop.take(node.params["body"])
            if places is not None:
                self.has_joined = True
                return [loop.outputs[i] for i in places]
        loop = _Loop(self.graph, node, inputs)
        alike.append(loop)
        self.has_joined = self.has_joined or loop.has_joined_within
        return list(loop.outputs)


class _Loop:
    """A scan of a graph that is being made, which does what several do.

    Args:
        graph: that graph.
        node: the first that it does.
        inputs: its operands.
    """

    def __init__(self, graph: Graph, node: Node, inputs: list[Value]):
        body = node.params["body"]
        inner = join_loops(body)
        self.has_joined_within = inner is not body
        self._graph, self._bodies, self._num_carry = graph, [body], node.params["num_carry"]
        graph.copy_node(node, inputs, {**node.params, "body": inner})
        self._node = graph.nodes[-1]

    @property
    def outputs(self) -> list[Value]:
        return self._node.outputs

    def take(self, body: Graph) -> list[int] | None:
        """Do what a loop of another body does, too; which outputs are its own, or None if it carries something else."""
        whole = _Body([v.aval for v in body.inputs], self._bodies[0].name)
        found = [whole.take(each) for each in (*self._bodies, body)]
        carry = found[0][: self._num_carry]
        if any(outputs[: self._num_carry] != carry for outputs in found):
            return None
        outputs = list(found[0])
        places = {v: i for i, v in reversed([*enumerate(outputs)]) if i >= self._num_carry}
        for value in (v for each in found[1:] for v in each[self._num_carry :]):
            if value not in places:
                places[value] = len(outputs)
                outputs.append(value)
        whole.graph.outputs = outputs
        self._bodies.append(body)
        self._extend(whole.graph)
        return [*range(self._num_carry), *(places[v] for v in found[-1][self._num_carry :])]

    def _extend(self, body: Graph) -> None:
        """Have the new graph's loop run a body that gives more."""
        node = self._node
        node.params = {**node.params, "body": body}
        avals = node.prim.infer([v.aval for v in node.inputs], node.params)
        known = len(node.outputs)
        node.outputs += [Value(aval, self._graph, node, i) for i, aval in enumerate(avals) if i >= known]
