"""From which call on a model is compiled: from when calls op by op have taken as long as compiling is expected to take.

Both times are estimated from the graph of a call; no clock is read. So the same calls of a program are compiled in each
of its runs, and give the same bits. The numbers are of two cores of an Intel Xeon (AVX-512, AMX): of the nineteen
workloads of `bench/` 18 have both times within a factor of 2.1 of the estimates; a U-Net compiles in 2.4 times its own.
"""

from __future__ import annotations

import math

from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Graph, Node

#: So many calls at the most run op by op: code that was compiled before is read from the disk in a few milliseconds.
MOST_OP_BY_OP = 10

# Seconds that compiling takes.
_PROGRAM = 0.1
_NODE = 0.001
_CONVOLUTION = 0.06  # each that differs from the others

# Seconds that a call takes op by op.
_OPERATION = 25e-6
_PRODUCT = 1e-10
_ELEMENT = 1e-9


def calls_op_by_op(graph: Graph) -> int:
    """How many calls that come to a graph, whose extents are numbers, run op by op before they are compiled.

    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph.primitives import add
    >>> from pronghorn.engine.graph.trace import trace
    >>> calls_op_by_op(trace(lambda x: [add(x, x)], [Aval((3,), "float32")]).graph)
    10
    """
    return max(1, min(MOST_OP_BY_OP, math.ceil(compiling(graph) / op_by_op(graph))))


def compiling(graph: Graph) -> float:
    """Seconds that compiling a graph is expected to take."""
    nodes = list(_all_nodes(graph))
    convolutions = {_kind(node) for node in nodes if node.prim.name.startswith("conv")}
    return _PROGRAM + _NODE * len(nodes) + _CONVOLUTION * len(convolutions)


def op_by_op(graph: Graph) -> float:
    """Seconds that running a graph's nodes one by one is expected to take."""
    return sum(map(_seconds, graph.nodes)) or _OPERATION


def _all_nodes(graph: Graph) -> list[Node]:
    return [*graph.nodes, *(node for inner in graph.subgraphs() for node in _all_nodes(inner))]


def _kind(node: Node) -> tuple[object, ...]:
    return node.prim.name, tuple([v.shape for v in node.inputs]), repr(sorted(node.params.items()))


def _seconds(node: Node) -> float:
    inner = [p for p in node.params.values() if isinstance(p, Graph)]
    if inner:  # the branch that is taken is not known, nor how often a loop without a length runs
        return node.params.get("length", 1) * max(map(op_by_op, inner))
    elements = sum(product(v.shape) for v in node.outputs)
    products = 0
    if node.prim.name == "dot_general":
        products = elements * math.prod(node.inputs[0].shape[i] for i in node.params["contract"][0])
    elif node.prim.name.startswith("conv"):
        products = elements * math.prod(node.inputs[1].shape[:-1])
    return _OPERATION + _PRODUCT * products + _ELEMENT * elements
