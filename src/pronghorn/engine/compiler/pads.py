"""Stage *pads*: a sum of arrays that are padded with zeros, each where the others are, is one concatenation.

The gradients of the parts of an array, such as the gates of a recurrent layer, are padded and added. Libraries that run
graphs read all of the arrays for every element of such a sum; for one of a concatenation they read one. Our own
compiler has one loop compute all parts of a concatenation that have one shape (`placing.py`).

    add(pad(a, 0, high=n), pad(b, 0, low=m)) = concatenate(a, b)       a has m elements along the axis, b has n

-0.0 stays so, where the sum of it and 0.0 is 0.0.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from pronghorn.engine.compiler.costs import MOST_PADDED_PARTS
from pronghorn.engine.compiler.simplify import eliminate_dead, scalar_constant
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter


@dataclass(frozen=True)
class _Part:
    """An array that is padded with zeros along one axis.

    Attributes:
        value: the array.
        axis: the axis.
        start: how many zeros come before it.
        end: where it ends.
    """

    value: Value
    axis: int
    start: int
    end: int


def join_pads(graph: Graph) -> Graph:
    """``graph`` with concatenations in place of sums of padded arrays; the graph itself where there are none."""
    return eliminate_dead(Rewriter(graph, {"add": _joined}).run()) if _may_have(graph) else graph


def _may_have(graph: Graph) -> bool:
    return any(node.prim is P.add and _in_a_row(node.inputs) for node in graph.nodes) or any(
        map(_may_have, graph.subgraphs())
    )


def _joined(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    """The concatenation that a sum is, padded where it does not fill the whole; None where it is none."""
    parts = _in_a_row(inputs)
    if not parts:
        return None
    axis, low, extent = parts[0].axis, parts[0].start, node.outputs[0].shape[parts[0].axis]
    [found] = rw.add(P.concatenate, [part.value for part in parts], {"axis": axis})
    if found.shape[axis] == extent:
        return [found]
    zero = rw.add(P.constant, [], {"value": np.zeros((), dtypes.to_numpy(found.dtype))})
    none, after = (0,) * len(found.shape), (0,) * (len(found.shape) - axis - 1)
    ends = {"low": (*none[:axis], low, *after), "high": (*none[:axis], extent - parts[-1].end, *after)}
    return rw.add(P.pad, [found, *zero], {**ends, "interior": none})


def _in_a_row(values: list[Value]) -> list[_Part]:
    """The arrays that are padded and added to a sum of ``values``, where each begins where another ends; else none."""
    parts = sorted(_parts(values), key=lambda part: part.start)
    if len({part.axis for part in parts}) > 1 or any(a.end != b.start for a, b in itertools.pairwise(parts)):
        return []
    return parts


def _parts(values: list[Value]) -> list[_Part]:
    """The arrays that are padded and added to a sum of ``values``; none where something else is added, too."""
    found: list[_Part] = []
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        node = value.node
        if node is not None and node.prim is P.add:
            waiting += node.inputs
            parts = []
        else:
            parts = _padded(value)
            if not parts:
                return []
        found += parts
        if len(found) + len(waiting) > MOST_PADDED_PARTS:
            return []
    return found


def _padded(value: Value) -> list[_Part]:
    """The parts of an array that is padded with zeros along one axis; none for others."""
    node = value.node
    if node is None or node.prim is not P.pad or any(node.params["interior"]) or scalar_constant(node.inputs[1]) != 0:
        return []
    inner, low, high = node.inputs[0], node.params["low"], node.params["high"]
    axes = [i for i, ends in enumerate(zip(low, high)) if any(n != 0 for n in ends)]
    if len(axes) != 1:
        return []
    axis = axes[0]
    pieces = [inner]
    if inner.node is not None and inner.node.prim is P.concatenate and inner.node.params["axis"] == axis:
        pieces = inner.node.inputs
    extents = [low[axis], high[axis], *(piece.shape[axis] for piece in pieces)]
    if not all(isinstance(n, int) and n >= 0 for n in extents):
        return []
    parts, start = [], low[axis]
    for piece in pieces:
        parts.append(_Part(piece, axis, start, start + piece.shape[axis]))
        start = parts[-1].end
    return parts
