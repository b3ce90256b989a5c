"""Stage *repeats*: a product with one row for each matrix of a batch does not repeat the matrices.

Attention with fewer heads of keys than of queries repeats the keys: heads 0 and 1 of the queries look at head 0 of the
keys. While a text is written, each head has a single query. With R queries to a head of the keys, the stage makes one
product of R rows and a matrix out of R products of a row and a copy of that matrix:

    [batch, G * R] queries x repeated [batch, G * R, ...] keys  ->  [batch, G] x R queries x [batch, G, ...] keys

The keys are then read once, and no copies are written.
"""

from __future__ import annotations

from typing import NamedTuple

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter


def share_repeats(graph: Graph) -> Graph:
    """``graph`` with such products."""
    return Rewriter(graph, {"dot_general": _shared}).run()


class _Repeated(NamedTuple):
    """An array whose elements along an axis each stand several times, one after the other."""

    source: Value  # where they stand once
    axis: int
    times: int


def _shared(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    for rows, matrix in ((0, 1), (1, 0)):
        found = _repeated(inputs[matrix])
        contract, batch = (node.params[key] for key in ("contract", "batch"))
        if found is None or not batch[matrix] or found.axis != batch[matrix][-1]:
            continue
        x, axis = inputs[rows], batch[rows][-1]
        if _has_one_row(x.shape, (*contract[rows], *batch[rows])):
            (x,) = rw.add(P.reshape, [x], {"shape": _divided(x.shape, axis, found.times)})
            (y,) = rw.add(P.reshape, [found.source], {"shape": _once(inputs[matrix].shape, found)})
            summed, shared = (tuple(a + (a > axis) for a in axes[rows]) for axes in (contract, batch))
            params = {"contract": (summed, contract[matrix]), "batch": (shared, batch[matrix])}
            (product,) = rw.add(node.prim, [x, y], {**node.params, **params})
            return rw.add(P.reshape, [product], {"shape": node.outputs[0].shape})
    return None


def _repeated(value: Value) -> _Repeated | None:
    """How ``value`` repeats another array, if it does: by a new axis that is broadcast and joined to the one before."""
    joined = value.node
    spread = joined.inputs[0].node if joined is not None and joined.prim is P.reshape else None
    if spread is None or spread.prim is not P.broadcast_in_dim:
        return None
    source, shape, dims = spread.inputs[0], spread.params["shape"], spread.params["dims"]
    extents = dict(zip(dims, source.shape, strict=True))
    new = [axis for axis, extent in enumerate(shape) if extents.get(axis, 1) != extent]
    if len(new) != 1 or new[0] == 0 or not isinstance(shape[new[0]], int):
        return None
    axis, times = new[0] - 1, shape[new[0]]
    if not isinstance(shape[axis], int) or value.shape != (*shape[:axis], shape[axis] * times, *shape[axis + 2 :]):
        return None
    return _Repeated(source, axis, times)


def _has_one_row(shape: Shape, taken: tuple[int, ...]) -> bool:
    return all(extent == 1 for axis, extent in enumerate(shape) if axis not in taken)


def _divided(shape: Shape, axis: int, times: int) -> Shape:
    return (*shape[:axis], shape[axis] // times, times, *shape[axis + 1 :])


def _once(shape: Shape, found: _Repeated) -> Shape:
    return (*shape[: found.axis], shape[found.axis] // found.times, *shape[found.axis + 1 :])
