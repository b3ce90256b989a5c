"""A graph in pieces: convolutions by TensorFlow's own code, and what lies between them compiled by XLA.

On a processor XLA's convolutions take a quarter longer than TensorFlow's, their gradients up to ten times as long where
they are depthwise; everything else is faster in one loop of XLA's than operation by operation. Each piece is all that
can run before the next convolution.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.interpreter import Bound, bind_extents
from pronghorn.engine.backends.tensorflow.registry import TABLE, Tracing, tracing_as
from pronghorn.engine.graph.ir import Graph, Node, Value

APART = frozenset({"conv", "conv_input_grad", "conv_filter_grad"})
"""Primitives that are left to TensorFlow. Those in loops are not: a loop is compiled as a whole."""


@dataclasses.dataclass
class Piece:
    """Nodes that run together.

    Attributes:
        graph: them, as a graph of what they need from outside.
        inputs: what that is, in the whole graph.
        outputs: what of it is needed elsewhere, in the whole graph.
        is_apart: whether it is left to TensorFlow.
    """

    graph: Graph
    inputs: list[Value]
    outputs: list[Value]
    is_apart: bool


def suits(graph: Graph) -> bool:
    """Whether a graph is to run in pieces."""
    return any(node.prim.name in APART for node in graph.nodes)


def run(graph: Graph, arrays: Sequence[Any]) -> list[Any]:
    """The graph's outputs for these tensors; to be called inside a `tf.function` that XLA does not compile.

    Raises:
        ValueError: if the tensors do not fit the inputs.
    """
    extents = bind_extents([v.shape for v in graph.inputs], [tuple(a.shape) for a in arrays])
    values: dict[Value, Any] = dict(zip(graph.inputs, arrays))
    for piece in split(graph):
        given = [values[v] for v in piece.inputs]
        call = functools.partial(interpreter.run, Bound(piece.graph, extents), table=TABLE)
        results = call(given) if piece.is_apart else tf.function(_fused(call), autograph=False, jit_compile=True)(given)
        values.update(zip(piece.outputs, results))
    return [values[v] for v in graph.outputs]


def _fused(call: Any) -> Any:
    def fused(given: list[Any]) -> list[Any]:
        with tracing_as(Tracing(is_fused=True)):
            return call(given)

    return fused


def split(graph: Graph) -> list[Piece]:
    """The pieces of a graph, in an order in which they can run.

    What depends on no input (constants and what is made of them) stands in every piece that uses it.
    """
    free = _free(graph)
    stages: dict[Value, int] = dict.fromkeys(graph.inputs, 0)  # of a value: the number of the piece that gives it
    rooms: dict[int, list[Node]] = {}
    for node in graph.nodes:
        if node in free:
            continue
        stage = max((stages[v] for v in node.inputs if v in stages), default=0)
        # Pieces of even numbers are compiled, those of odd ones are apart.
        stage += (stage + (node.prim.name in APART)) % 2
        if node.prim.name == "unpool" and stages.get(node.inputs[1]) == stage:
            stage += 2  # beside it, XLA would compute the positions anew for each element that may be there
        rooms.setdefault(stage, []).append(node)
        stages.update(dict.fromkeys(node.outputs, stage))
    needed = _needed_elsewhere(graph, stages, free)
    pieces = [_piece(rooms[stage], free, needed, stage % 2 == 1) for stage in sorted(rooms)]
    if rest := [v for v in graph.outputs if v.node in free]:
        pieces.append(_piece([], free, set(rest), False, rest))
    return pieces


def _free(graph: Graph) -> dict[Node, int]:
    """Nodes that depend on no input, with their places in the graph."""
    found: dict[Node, int] = {}
    for i, node in enumerate(graph.nodes):
        if node.prim.name not in APART and all(v.node in found for v in node.inputs):
            found[node] = i
    return found


def _needed_elsewhere(graph: Graph, stages: Mapping[Value, int], free: Mapping[Node, int]) -> set[Value]:
    """Values that are results of the graph, or operands of nodes in another piece than their own."""
    needed = {v for v in graph.outputs if v.node not in free}
    for node in graph.nodes:
        if node not in free:
            own = stages[node.outputs[0]]
            needed.update(v for v in node.inputs if v.node not in free and stages[v] != own)
    return needed


def _piece(
    nodes: Sequence[Node], free: Mapping[Node, int], needed: set[Value], is_apart: bool, more: Sequence[Value] = ()
) -> Piece:
    graph = Graph("piece")
    copies: dict[Value, Value] = {}
    inputs: list[Value] = []
    own = [*_behind([v for node in nodes for v in node.inputs] + [*more], free), *nodes]
    for node in own:
        for value in node.inputs:
            if value not in copies:
                copies[value] = graph.add_input(value.aval)
                inputs.append(value)
        copies.update(zip(node.outputs, graph.copy_node(node, [copies[v] for v in node.inputs], node.params)))
    outputs = [v for node in nodes for v in node.outputs if v in needed] + list(dict.fromkeys(more))
    graph.outputs = [copies[v] for v in outputs]
    return Piece(graph, inputs, outputs, is_apart)


def _behind(values: Iterable[Value], free: Mapping[Node, int]) -> list[Node]:
    """The nodes that depend on no input and give these values, in their order."""
    found: set[Node] = set()
    waiting = [v.node for v in values if v.node in free]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [v.node for v in node.inputs]
    return sorted(found, key=free.__getitem__)
