"""Primitives that need no kernel of their own: one rule each says what one element of the output is.

``rule(lowering, node, index) -> Expr``: ``index`` holds one `Index` for each axis of the output; ``lowering.element(v,
i)`` is element ``i`` of an operand, whether it lies in memory or is itself virtual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pronghorn.engine.compiler.expr import Apply, Bits, Bound, Const, Expr, Index, IndexValue, guard
from pronghorn.engine.graph.dim import Extent, Shape, may_be_positive
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.primitives import PRIMITIVES

if TYPE_CHECKING:
    from pronghorn.engine.compiler.lowering import Lowering

Indices = tuple[Index, ...]
Rule = Callable[["Lowering", Node, Indices], Expr]
VIRTUAL: dict[str, Rule] = {}


def virtual(name: str) -> Callable[[Rule], Rule]:
    """Register the rule of a primitive."""

    def register(rule: Rule) -> Rule:
        VIRTUAL[name] = rule
        return rule

    return register


def linear(index: Indices, shape: Shape) -> Index:
    """The row-major offset of an element."""
    offset = Index()
    stride: Extent = 1
    for i, extent in zip(reversed(index), reversed(shape)):
        offset = offset + i * stride
        stride = stride * extent
    return offset


def _elementwise(lowering: Lowering, node: Node, index: Indices) -> Expr:
    args = tuple(lowering.element(v, index) for v in node.inputs)
    return lowering.apply(node.prim.name, args, node.outputs[0].dtype, node.params)


for _name, _prim in PRIMITIVES.items():
    if _prim.elementwise:
        VIRTUAL[_name] = _elementwise


@virtual("stop_gradient")
def _stop_gradient(lowering: Lowering, node: Node, index: Indices) -> Expr:
    return lowering.element(node.inputs[0], index)


@virtual("constant")
def _constant(lowering: Lowering, node: Node, index: Indices) -> Expr:
    value: np.ndarray = node.params["value"]
    return Const(value.reshape(-1)[0].item() if value.size else 0, node.outputs[0].dtype)


@virtual("iota")
def _iota(lowering: Lowering, node: Node, index: Indices) -> Expr:
    return IndexValue(index[node.params["axis"]], node.outputs[0].dtype)


@virtual("extent")
def _extent(lowering: Lowering, node: Node, index: Indices) -> Expr:
    return IndexValue(Index(node.params["dim"]), "int32")


@virtual("broadcast_in_dim")
def _broadcast(lowering: Lowering, node: Node, index: Indices) -> Expr:
    (x,) = node.inputs
    inner = (Index() if _is_one(extent) else index[d] for extent, d in zip(x.shape, node.params["dims"]))
    return lowering.element(x, tuple(inner))


def _is_one(extent: Extent) -> bool:
    return isinstance(extent, int) and extent == 1


def reshape_index(index: Indices, shape: Shape, into: Shape) -> Indices:
    """Indices of an array of shape ``shape`` in terms of those of its reshape ``into``'s source, axis group by group.

    ``index`` are the indices in ``shape`` (the reshaped array); the result are those in ``into`` (the array before).
    Where the axes cannot be told apart into groups, all of them are one group.
    """
    result: list[Index] = []
    i = j = 0
    while i < len(shape) or j < len(into):
        # the smallest groups of axes with equal products
        a, b = i, j
        p: Extent = 1
        q: Extent = 1
        first = True
        while first or p != q:
            first = False
            if i < len(shape) and (p == q or _divides(p, q) or j == len(into)):
                p, i = p * shape[i], i + 1
            elif j < len(into):
                q, j = q * into[j], j + 1
            else:
                return tuple(_regroup(index, shape, into))
        result.extend(_regroup(index[a:i], shape[a:i], into[b:j]))
    return tuple(result)


def _divides(p: Extent, q: Extent) -> bool:
    """Whether the group of p still has to grow to reach q."""
    if isinstance(p, int) and isinstance(q, int):
        return p < q
    try:
        return bool(p < q)
    except TypeError:
        return isinstance(q, int) is False and isinstance(p, int)


def _regroup(index: Indices, shape: Shape, into: Shape) -> list[Index]:
    if not into:
        return []
    if len(into) == 1:
        return [linear(index, shape)]
    rest = linear(index, shape)
    result: list[Index] = []
    for extent in reversed(into[1:]):
        result.append(rest.mod(extent))
        rest = rest.floor_div(extent)
    return [rest, *reversed(result)]


@virtual("reshape")
def _reshape(lowering: Lowering, node: Node, index: Indices) -> Expr:
    (x,) = node.inputs
    return lowering.element(x, reshape_index(index, node.outputs[0].shape, x.shape))


@virtual("transpose")
def _transpose(lowering: Lowering, node: Node, index: Indices) -> Expr:
    perm = node.params["perm"]
    inner = [Index()] * len(perm)
    for axis, source in enumerate(perm):
        inner[source] = index[axis]
    return lowering.element(node.inputs[0], tuple(inner))


@virtual("reverse")
def _reverse(lowering: Lowering, node: Node, index: Indices) -> Expr:
    shape = node.outputs[0].shape
    inner = tuple(Index(shape[a] - 1) - i if a in node.params["axes"] else i for a, i in enumerate(index))
    return lowering.element(node.inputs[0], inner)


@virtual("slice")
def _slice(lowering: Lowering, node: Node, index: Indices) -> Expr:
    inner = tuple(i * step + start for i, start, step in zip(index, node.params["start"], node.params["stride"]))
    return lowering.element(node.inputs[0], inner)


@virtual("pad")
def _pad(lowering: Lowering, node: Node, index: Indices) -> Expr:
    x, fill = node.inputs
    bounds, inner = [], []
    axes = zip(index, x.shape, node.params["low"], node.params["high"], node.params["interior"])
    for i, size, low, high, interior in axes:
        if may_be_positive(low) or may_be_positive(high) or interior:
            span = (size - 1) * (interior + 1) + 1
            bounds.append(Bound(i, low, low + span, interior + 1))
        moved = i - low
        inner.append(moved.floor_div(interior + 1) if interior else moved)
    value = lowering.element(x, tuple(inner))
    return guard(bounds, value, lowering.element(fill, ())) if bounds else value


@virtual("concatenate")
def _concatenate(lowering: Lowering, node: Node, index: Indices) -> Expr:
    axis = node.params["axis"]
    starts: list[Extent] = [0]
    for x in node.inputs[:-1]:
        starts.append(starts[-1] + x.shape[axis])

    def piece(k: int) -> Expr:
        inner = (*index[:axis], index[axis] - starts[k], *index[axis + 1 :])
        return lowering.element(node.inputs[k], inner)

    result = piece(len(starts) - 1)
    if len(starts) > 1:  # the last piece must not be read before its start
        end = starts[-1] + node.inputs[-1].shape[axis]
        zero = Const(0, node.outputs[0].dtype)
        result = guard([Bound(index[axis], starts[-1], end)], result, zero)
    for k in range(len(starts) - 2, -1, -1):
        result = guard([Bound(index[axis], starts[k], starts[k + 1])], piece(k), result)
    return result


def _clamped_start(lowering: Lowering, start: Value, last: Extent) -> Index:
    """A run-time start, clamped to ``[0, last]``."""
    if last == 0:
        return Index(0)
    return Index.of(lowering.loaded(lowering.element(start, ()), last + 1))


@virtual("dynamic_slice")
def _dynamic_slice(lowering: Lowering, node: Node, index: Indices) -> Expr:
    x, *starts = node.inputs
    sizes = node.params["sizes"]
    inner = (i + _clamped_start(lowering, s, n - size) for i, s, n, size in zip(index, starts, x.shape, sizes))
    return lowering.element(x, tuple(inner))


@virtual("dynamic_update_slice")
def _dynamic_update_slice(lowering: Lowering, node: Node, index: Indices) -> Expr:
    x, update, *starts = node.inputs
    inner, bounds = [], []
    for i, s, n, size in zip(index, starts, x.shape, update.shape):
        moved = i - _clamped_start(lowering, s, n - size)
        inner.append(moved)
        bounds.append(Bound(moved, 0, size))
    return guard(bounds, lowering.element(update, tuple(inner)), lowering.element(x, index))


@virtual("take")
def _take(lowering: Lowering, node: Node, index: Indices) -> Expr:
    x, indices = node.inputs
    axis, rank = node.params["axis"], len(indices.shape)
    where = lowering.element(indices, index[axis : axis + rank])
    row = Index.of(lowering.loaded(where, x.shape[axis]))
    return lowering.element(x, (*index[:axis], row, *index[axis + rank :]))


@virtual("random_bits")
def _random_bits(lowering: Lowering, node: Node, index: Indices) -> Expr:
    (key,) = node.inputs
    words = (lowering.element(key, (Index(0),)), lowering.element(key, (Index(1),)))
    return Bits(words, linear(index, node.outputs[0].shape))


def window_position(index: Index, low: int, window: int, stride: int) -> tuple[Index, Index]:
    """(window, position inside it) of an element where windows do not overlap."""
    return (index + low).floor_div(stride), (index + low).mod(stride)


@virtual("unpool")
def _unpool(lowering: Lowering, node: Node, index: Indices) -> Expr:
    """Windows that do not overlap: each element belongs to one window at most."""
    g, argmax = node.inputs
    p = node.params
    where, position, bounds = [], Index(), []
    for i, window, stride, (low, _), count in zip(index, p["window"], p["strides"], p["padding"], g.shape):
        if window == 1 and stride == 1:
            where.append(i)
            continue
        w, inside = window_position(i, low, window, stride)
        where.append(w)
        position = position * window + inside
        bounds.append(Bound(w, 0, count))
        if stride > window:
            bounds.append(Bound(inside, 0, window))
    place = tuple(where)
    zero = Const(0, g.dtype)
    chosen = Apply("eq", (lowering.element(argmax, place), IndexValue(position, "int32")), "bool", {})
    return guard(bounds, Apply("select", (chosen, lowering.element(g, place), zero), g.dtype, {}), zero)


def windows_overlap(node: Node) -> bool:
    """Whether an element can belong to several windows (or windows have holes)."""
    p = node.params
    return any(w > s or d != 1 for w, s, d in zip(p["window"], p["strides"], p["dilation"]))


@virtual("pool_gather")
def _pool_gather(lowering: Lowering, node: Node, index: Indices) -> Expr:
    x, argmax = node.inputs
    p = node.params
    position = Index.of(lowering.loaded(lowering.element(argmax, index), int(np.prod(p["window"]))))
    inner, bounds = [], []
    for i, window, stride, (low, high), dilation, n in reversed(
        list(zip(index, p["window"], p["strides"], p["padding"], p["dilation"], x.shape))
    ):
        moved = i * stride - low
        if window != 1:
            moved += position.mod(window) * dilation
            position = position.floor_div(window)
        inner.append(moved)
        if may_be_positive(low) or may_be_positive(high):
            bounds.append(Bound(moved, 0, n))
    value = lowering.element(x, tuple(reversed(inner)))
    return guard(bounds, value, Const(0, x.dtype))
