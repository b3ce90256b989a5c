"""Regions: parts of a graph that are computed again in the backward pass instead of being kept.

A region is a `cond` both of whose branches are one and the same graph, so that its condition decides nothing. Nothing
else is needed to say it: a branch is a graph of its own, what it uses from around are its operands, and the gradient of
a `cond` runs the branch again. An engine that can keep the two runs apart does (JAX's `checkpoint`, say); for our own,
regions are opened before anything else, and the compiler decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.graph import primitives as P
from pronghorn.graph.ir import Graph, Node, Value
from pronghorn.graph.rewrite import Rewriter
from pronghorn.graph.tensor import Tensor


def region(body: Graph, operands: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What a graph gives for operands, as a region."""
    return P.cond(Tensor(np.asarray(True)), *operands, true=body, false=body)


def is_region(params: dict[str, Any]) -> bool:
    """Whether a `cond` with these parameters is a region."""
    return params["true"] is params["false"]


def open_regions(graph: Graph) -> Graph:
    """The graph with what is in regions in their places; where there are none, the graph itself."""
    return Rewriter(graph, {"cond": _opened}).run() if _has_regions(graph) else graph


def _has_regions(graph: Graph) -> bool:
    return any(
        (node.prim.name == "cond" and is_region(node.params))
        or any(_has_regions(p) for p in node.params.values() if isinstance(p, Graph))
        for node in graph.nodes
    )


def _opened(rewriter: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    if not is_region(node.params):
        return None
    body = open_regions(node.params["true"])
    values = dict(zip(body.inputs, inputs[1:]))
    for inner in body.nodes:
        outputs = rewriter.graph.copy_node(inner, [values[v] for v in inner.inputs], inner.params)
        values.update(zip(inner.outputs, outputs))
    return [values[v] for v in body.outputs]
