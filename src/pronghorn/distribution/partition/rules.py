"""How each primitive is computed by processes that have some of the rows each: one rule a primitive.

Along which axes rows pass where a primitive does the same to all of them, `compiler.axes` says. A primitive without a
rule is computed from whole operands, by every process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from pronghorn.engine.compiler.axes import OperandAxes, operand_axes, result_axis, summed_axes
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, Shape, identical, product
from pronghorn.engine.graph.ir import Node, Value

#: Sums and what goes through a sum: of terms they give terms, and the sum is left for later.
_LINEAR = frozenset({"add", "sub", "neg", "stop_gradient"})
_LINEAR_ALONG_AXES = frozenset({"transpose", "reverse", "slice", "concatenate", "reduce_sum"})


@rule("elementwise")
def _elementwise(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    places = [walk.place(x) for x in xs]
    if any(place.is_term for place in places) and _stays_term(walk, node, xs, places):
        return walk.emit(node.prim, xs, params, TERM)
    return _along_rows(walk, node, xs, lambda own: True)


def _along_rows(walk: Walk, node: Node, xs: list[Value], is_free: Callable[[int], bool]) -> list[Value]:
    """The node's results where operands and results have their rows along one axis, if it does nothing along that."""
    xs = walk.terms_collected(xs)
    own = next((a for a in map(walk.axis, xs) if a is not None), None)
    if own is None or not is_free(own):
        return walk.as_whole(node, xs)
    return walk.emit(node.prim, [walk.share(x, own) for x in xs], _with_rows(node, own), rows(own))


def _with_rows(node: Node, axis: int) -> dict[str, Any]:
    """Parameters of a node whose operands and results have their rows along an axis."""
    params = of_total_params(node.params)
    if "input_shape" in params:
        params["input_shape"] = of_share(node.params["input_shape"], axis)
    return params


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


# -- what the compiler knows of axes ----------------------------------------------------------------------------------
@rule("broadcast_in_dim", "transpose", "reverse", "slice", "concatenate", "argmax", "argmin", "dot_general")
@rule("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or")
@rule("cumsum", "cumprod", "cummax", "cummin")
def _as_axes_pass(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    """Along the axis of the result that the operands' rows belong to, or as a term where they are summed."""
    if node.prim.name in _LINEAR_ALONG_AXES and all(walk.place(x).is_term for x in xs):
        return walk.emit(node.prim, xs, of_total_params(node.params), TERM)
    xs = walk.terms_collected(xs)
    axes = [walk.axis(x) for x in xs]
    alone = [[a if i == j else None for j in range(len(xs))] for i, a in enumerate(axes) if a is not None]
    for wanted in [axes, *alone] if alone else []:  # rows of several operands, or those of one with the whole others
        if (summed := summed_axes(node, wanted)) is not None:
            return walk.emit(node.prim, _at(walk, xs, summed), of_total_params(node.params), TERM)
        if (axis := result_axis(node, wanted)) is not None:
            found = operand_axes(node, axis) or ()
            return walk.emit(node.prim, _at(walk, xs, found), _of_rows(node, axis, found), rows(axis))
    return walk.as_whole(node, xs)


def _at(walk: Walk, xs: Sequence[Value], axes: OperandAxes) -> list[Value]:
    """Operands with the process's rows along these axes; None: whole."""
    return [walk.whole(x) if axis is None else walk.share(x, axis) for x, axis in zip(xs, axes)]


def _of_rows(node: Node, axis: int, axes: OperandAxes) -> dict[str, Any]:
    """Parameters of a node with the process's rows, which lie along these axes of result and operands."""
    params = of_total_params(node.params)
    if "shape" in params:
        params["shape"] = of_share(node.params["shape"], axis)
    if "limit" in params:
        params["limit"] = of_share(node.params["limit"], axes[0])
    return params


# -- structure --------------------------------------------------------------------------------------------------------
@rule("reshape")
def _reshape(walk: Walk, node: Node, xs: list[Value], *, shape: Shape) -> list[Value]:
    axis = walk.axis(xs[0])
    if axis is None:
        return walk.emit(node.prim, xs, of_total_params(node.params), TERM)
    before = product(node.inputs[0].shape[:axis])
    for i, extent in enumerate(shape):
        if is_rows(extent) and identical(product(shape[:i]), before):
            return walk.emit(node.prim, xs, {"shape": of_share(shape, i)}, rows(i))
    return walk.as_whole(node, xs)


@rule("pad")
def _pad(walk: Walk, node: Node, xs: list[Value], *, low: Any, high: Any, interior: Any) -> list[Value]:
    if walk.place(xs[0]).is_term and walk.is_zero(xs[1]):  # as the gradient of a slice is
        return walk.emit(node.prim, xs, of_total_params(node.params), TERM)
    xs = walk.terms_collected(xs)
    axis, fill = walk.axis(xs[0]), walk.whole(xs[1])
    if axis is None or any(not identical(border[axis], 0) for border in (low, high, interior)):
        return walk.as_whole(node, [xs[0], fill])
    return walk.emit(node.prim, [xs[0], fill], of_total_params(node.params), rows(axis))


@rule("dynamic_slice")
def _dynamic_slice(walk: Walk, node: Node, xs: list[Value], *, sizes: Shape) -> list[Value]:
    x, *starts = walk.terms_collected(xs)
    axis = walk.axis(x)
    if axis is None or not identical(sizes[axis], node.inputs[0].shape[axis]):
        return walk.as_whole(node, [x, *starts])
    return walk.emit(node.prim, [x, *map(walk.whole, starts)], {"sizes": of_share(sizes, axis)}, rows(axis))


@rule("dynamic_update_slice")
def _dynamic_update_slice(walk: Walk, node: Node, xs: list[Value]) -> list[Value]:
    x, update, *starts = walk.terms_collected(xs)
    axis = next((a for a in (walk.axis(x), walk.axis(update)) if a is not None), None)
    if axis is None or not identical(node.inputs[0].shape[axis], node.inputs[1].shape[axis]):
        return walk.as_whole(node, [x, update, *starts])
    shares = [walk.share(x, axis), walk.share(update, axis)]
    return walk.emit(node.prim, [*shares, *map(walk.whole, starts)], {}, rows(axis))


# -- indexing ---------------------------------------------------------------------------------------------------------
@rule("take")
def _take(walk: Walk, node: Node, xs: list[Value], *, axis: int) -> list[Value]:
    x, indices = walk.terms_collected(xs)
    own = walk.axis(indices)
    if own is not None:
        return walk.emit(node.prim, [walk.whole(x), indices], node.params, rows(axis + own))
    own = walk.axis(x)
    if own is None or own == axis:
        return walk.as_whole(node, [x, indices])
    place = rows(own if own < axis else own - 1 + len(indices.shape))
    return walk.emit(node.prim, [x, indices], node.params, place)


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
    own = walk.axis(x)
    if own and walk.place(indices).is_whole:  # each row on its own
        share = walk.share(updates, own - 1 + len(indices.shape))
        return walk.emit(node.prim, [x, indices, share], node.params, rows(own))
    return walk.as_whole(node, [x, indices, updates])


# -- orders and products ----------------------------------------------------------------------------------------------
@rule("sort")
def _sort(walk: Walk, node: Node, xs: list[Value], *, axis: int, **params: Any) -> list[Value]:
    return _along_rows(walk, node, xs, lambda own: own != axis)


@rule("conv", "conv_input_grad")
def _conv(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    x, w = walk.terms_collected(xs)
    if walk.axis(x) != 0:
        return walk.as_whole(node, [x, w])
    return walk.emit(node.prim, [x, walk.whole(w)], _with_rows(node, 0), rows(0))


@rule("conv_filter_grad")
def _conv_filter_grad(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    x, g = walk.terms_collected(xs)
    if 0 not in (walk.axis(x), walk.axis(g)):
        return walk.as_whole(node, [x, g])
    return walk.emit(node.prim, [walk.share(x, 0), walk.share(g, 0)], of_total_params(node.params), TERM)


@rule("window_sum", "window_max", "window_argmax", "window_sum_grad", "unpool", "pool_gather")
def _window(
    walk: Walk, node: Node, xs: list[Value], *, window: tuple, strides: tuple, padding: tuple, **params: Any
) -> list[Value]:
    free = [of_axis == (1, 1, (0, 0)) for of_axis in zip(window, strides, padding)]
    return _along_rows(walk, node, xs, free.__getitem__)


@rule("cholesky", "triangular_solve", "lu", "qr", "svd", "eigh", "eig")
def _matrices(walk: Walk, node: Node, xs: list[Value], **params: Any) -> list[Value]:
    return _along_rows(walk, node, xs, lambda own: all(own < len(x.shape) - 2 for x in xs))


def depends_on_rows(extent: Any) -> bool:
    """Whether an extent has to do with the number of rows."""
    return isinstance(extent, Dim) and "batch" in extent.symbols
