"""A traced function whose weights stay as they are: what depends on them alone is computed once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.scales import merge_scales, weight_values
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, product
from pronghorn.engine.graph.fingerprint import NotPlain, fingerprint
from pronghorn.engine.graph.ir import Graph, Node, Value, needed
from pronghorn.engine.graph.rewrite import Rewriter
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.engine.runtime.arena import aligned_copy


class FrozenWeights:
    """The values that variables have now, and what programs make of them alone.

    Args:
        variables: the variables.
    """

    def __init__(self, variables: Sequence[GraphVariable]) -> None:
        self._values = {v: GraphVariable(aligned_copy(v.readable()), v.path, trainable=False) for v in variables}
        self._made: dict[Hashable, GraphVariable] = {}  # of graphs and their variables

    def freeze(self, traced: Traced) -> Traced:
        """The function with the values of now.

        Raises:
            ValueError: it assigns variables, or reads one that came later.
        """
        if traced.updated:
            names = ", ".join(v.path for v in traced.updated[:3])
            raise ValueError(
                f"{traced.graph.name} assigns {names} when it is called, so its weights cannot be frozen. Call the "
                "model itself, or give its layers settings with which a prediction leaves them as they are (such as "
                "stateful=False)."
            )
        later = [v.path for v in traced.variables if v not in self._values]
        if later:
            raise ValueError(
                f"{traced.graph.name} reads {', '.join(later[:3])}, which came after the model was frozen. Freeze the "
                "model again."
            )
        graph = simplify(traced.graph)  # products that are there twice are one
        graph = merge_scales(graph, graph.inputs[traced.num_args :])
        held = [self._values[v] for v in traced.variables]
        graph, variables = self._folded(simplify(graph), held, traced.num_args)
        return replace(traced, graph=graph, variables=variables)

    def _folded(self, graph: Graph, held: list[GraphVariable], args: int) -> tuple[Graph, list[GraphVariable]]:
        """The graph with values that depend on weights alone as inputs, where that takes no more memory; and them."""
        weights = graph.inputs[args:]
        given = dict(zip(weights, held))
        known = weight_values(graph, weights)
        sizes = {v: (_bytes(v), dtypes.itemsize(v.dtype)) for v in weights}
        for node in graph.nodes:
            for v in node.outputs:
                if v in known:
                    below = [sizes[u] for u in node.inputs]
                    sizes[v] = sum(s for s, _ in below), min((i for _, i in below), default=1 << 10)
        folder = _Folder(graph, args, {v: self._variable(graph, v, given) for v in _wanted(graph, known, sizes)})
        folded = folder.run()
        return folded, folder.variables

    def _variable(self, graph: Graph, v: Value, given: dict[Value, GraphVariable]) -> GraphVariable:
        """What holds a value; the same for programs that make it alike."""
        if v in given:
            return given[v]
        nodes = needed(graph.nodes, [v], given)
        read = [w for w in given if any(w in node.inputs for node in nodes)]
        own = Graph(graph.name)
        places = {w: own.add_input(w.aval) for w in read}
        for node in nodes:
            places.update(zip(node.outputs, own.copy_node(node, [places[u] for u in node.inputs], node.params)))
        own.outputs = [places[v]]
        try:
            key: Hashable = (fingerprint(own), *(id(given[w]) for w in read))
        except NotPlain:
            key = object()
        if key not in self._made:
            (array,) = run(own, [given[w].readable() for w in read])
            path = "+".join(given[w].path for w in read[:3]) or "constant"
            self._made[key] = GraphVariable(aligned_copy(np.asarray(array)), path, trainable=False)
        return self._made[key]


def _wanted(graph: Graph, known: set[Value], sizes: dict[Value, tuple[int, int]]) -> list[Value]:
    """The values to be kept: those that others need, or what they are made of where that is smaller."""
    wanted: dict[Value, None] = {}

    def want(v: Value) -> None:
        node = v.node
        if node is None:
            wanted[v] = None
        elif node.prim.name == "constant":
            return
        elif node.prim.name != "broadcast_in_dim" and _is_small(v, *sizes[v]):
            wanted[v] = None
        else:
            for u in node.inputs:
                want(u)

    for node in graph.nodes:
        if not all(v in known for v in node.outputs):
            for v in node.inputs:
                if v in known:
                    want(v)
    for v in graph.outputs:
        if v in known:
            want(v)
    return list(wanted)


def _is_small(v: Value, below: int, narrowest: int) -> bool:
    """Whether a value takes no more memory than the weights it is made of; those of few bits stay as they are."""
    if any(isinstance(extent, Dim) for extent in v.shape):
        return False
    return _bytes(v) <= below and dtypes.itemsize(v.dtype) <= narrowest


def _bytes(v: Value) -> int:
    size = product(v.shape) * dtypes.itemsize(v.dtype)
    return size if isinstance(size, int) else 0


class _Folder(Rewriter):
    """Copies a graph, with variables in the places of some values."""

    def __init__(self, graph: Graph, args: int, held: dict[Value, GraphVariable]) -> None:
        super().__init__(graph, {})
        self._args, self._held = args, held
        self.variables: list[GraphVariable] = []

    def run(self) -> Graph:
        for v in self.old.inputs[: self._args]:
            self.map[v] = self.graph.add_input(v.aval)
        places: dict[int, Value] = {}
        for v, variable in self._held.items():
            if id(variable) not in places:
                places[id(variable)] = self.graph.add_input(v.aval)
                self.variables.append(variable)
            self.map[v] = places[id(variable)]
        for node in needed(self.old.nodes, self.old.outputs, self.map):
            self._copy(node)
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph

    def _copy(self, node: Node) -> None:
        new = self.graph.copy_node(node, [self.map[v] for v in node.inputs], node.params)
        self.map.update(zip(node.outputs, new))
