"""How each primitive is computed by processes that have some of the rows each.

Along which axes rows pass, `graph.axes` says; here stands what becomes of terms. Where no axis passes, every process
computes from whole operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.distribution.partition.places import (
    TERM,
    WHOLE,
    Place,
    is_rows,
    of_share,
    of_total_params,
    rows,
)
from pronghorn.distribution.partition.walk import Walk, rule
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.axes import EXTENTS, axis_maps, fits
from pronghorn.engine.graph.dim import BATCH, Dim
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.primitives.axes import AxisMap, of_graphs

#: Sums and what goes through a sum: of terms they give terms, and the sum is left for later.
_LINEAR = frozenset({"add", "sub", "neg", "stop_gradient"})
_LINEAR_ALONG_AXES = frozenset({"reshape", "transpose", "reverse", "slice", "concatenate", "reduce_sum"})


@rule("elementwise")
def _elementwise(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    places = [walk.place(x) for x in xs]
    if any(place.is_term for place in places) and _stays_term(walk, node, xs, places):
        return walk.emit(node.prim, xs, params, TERM)
    return _as_axes_pass(walk, node, xs, **params)


def _stays_term(walk: Walk, node: Node, xs: list[Value], places: list[Place]) -> bool:
    name = node.prim.name
    if name in _LINEAR:
        return all(place.is_term or (place.is_whole and walk.may_be_term(x)) for place, x in zip(places, xs))
    if name == "mul":
        return any(place.is_whole for place in places)
    if name == "div":
        return places[1].is_whole
    if name == "cast":
        old, new = node.inputs[0].dtype, node.params["dtype"]
        return dtypes.is_float(old) and dtypes.is_float(new) and dtypes.itemsize(new) >= dtypes.itemsize(old)
    return False


# -- what passes along axes -------------------------------------------------------------------------------------------
@rule(*(prim.name for prim in P.PRIMITIVES.values() if prim.axes is not of_graphs))
def _as_axes_pass(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    """Along the axis of the result that the operands' rows belong to, or as a term where they are summed."""
    if _is_linear(walk, node, xs):
        return walk.emit(node.prim, xs, of_total_params(node.params), TERM)
    xs = walk.terms_collected(xs)
    axes = [walk.axis(x) for x in xs]
    alone = [[a if i == j else None for j in range(len(xs))] for i, a in enumerate(axes) if a is not None]
    for wanted in [axes, *alone] if alone else []:  # rows of several operands, or those of one with the whole others
        for found in axis_maps(node):
            if not fits(found, wanted):
                continue
            if found.joined == "add":
                return walk.emit(node.prim, _at(walk, xs, found), of_total_params(node.params), TERM)
            if found.result is not None and is_rows(node.outputs[0].shape[found.result]):
                return walk.emit(node.prim, _at(walk, xs, found), _of_rows(node, found.result), rows(found.result))
    return walk.as_whole(node, xs)


def _is_linear(walk: Walk, node: Node, xs: Sequence[Value]) -> bool:
    """Whether the node moves and adds up terms, of which it makes terms."""
    if node.prim.name == "pad":  # as the gradient of a slice is
        return walk.place(xs[0]).is_term and walk.is_zero(xs[1])
    return node.prim.name in _LINEAR_ALONG_AXES and all(walk.place(x).is_term for x in xs)


def _at(walk: Walk, xs: Sequence[Value], found: AxisMap) -> list[Value]:
    """Operands with the process's rows along a map's axes; None: whole."""
    return [walk.whole(x) if axis is None else walk.share(x, axis) for x, axis in zip(xs, found.operands)]


def _of_rows(node: Node, axis: int) -> dict[str, Any]:
    """Parameters of a node of whose results the process has its rows along an axis."""
    params = of_total_params(node.params)
    params.update({name: of_share(node.params[name], axis) for name in EXTENTS & params.keys()})
    return params


# -- indexing ---------------------------------------------------------------------------------------------------------
@rule("scatter")
def _scatter(walk: Walk, node: Node, xs: list[Value], *, mode: str) -> list[Value]:
    """Rows that are added at places given by rows are a term of what they are added to."""
    x, indices, updates = walk.terms_collected(xs)
    own = next((a for a in (walk.axis(indices), walk.axis(updates)) if a is not None), None)
    if mode == "add" and own is not None and own < len(indices.shape) and walk.place(x).is_whole:
        (zero,) = walk.emit(P.constant, [], {"value": dtypes.to_numpy(x.dtype).type(0).reshape(())}, WHOLE)
        (zeros,) = walk.emit(P.broadcast_in_dim, [zero], {"shape": x.shape, "dims": ()}, WHOLE)
        operands = [zeros, walk.share(indices, own), walk.share(updates, own)]
        (term,) = walk.emit(node.prim, operands, node.params, TERM)
        if walk.is_zero(x):
            return [term]
        return walk.emit(P.add, [x, walk.collected(term)], {}, WHOLE)
    return _as_axes_pass(walk, node, [x, indices, updates], mode=mode)


def depends_on_rows(extent: Any) -> bool:
    """Whether an extent has to do with the number of rows."""
    return isinstance(extent, Dim) and BATCH in extent.symbols
