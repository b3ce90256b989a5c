"""Primitives that create arrays or move elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pronghorn.engine.graph.dim import Dim, Extent, Shape, identical
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.export.onnx.elementwise import through
from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.registry import lowers

_LEAST = -(2**63)  # what a slice to the left takes for the front of an axis


@lowers("iota")
def iota(b: Lowering, node: Node) -> Held:
    """Numbers along one axis; the others repeat."""
    shape, axis, dtype = (node.params[k] for k in ("shape", "axis", "dtype"))
    zero, one = (b.file.initializer(np.array(n, np.int64), "step") for n in (0, 1))
    end = b.op("Squeeze", b.file.extent(shape[axis]), b.ints(0))
    counts = b.cast(b.op("Range", zero, end, one), held_type(dtype))
    after = len(shape) - axis - 1
    if after:
        counts = b.op("Unsqueeze", counts, b.ints(*range(1, after + 1)))
    return Held(counts, (shape[axis], *((1,) * after)))


@lowers("extent")
def extent(b: Lowering, node: Node) -> Held:
    return Held(b.cast(b.op("Squeeze", b.file.extent(node.params["dim"]), b.ints(0)), "int32"), ())


@lowers("broadcast_in_dim")
def broadcast_in_dim(b: Lowering, node: Node) -> Held:
    """Nothing but axes of extent 1 where there are new ones: what reads the value repeats it."""
    (x,), dims = node.inputs, node.params["dims"]
    part = b.part(x)
    if part is not None:
        sizes = [1] * len(node.params["shape"])
        for axis, size in zip(dims[len(dims) - part.ndim :], part.shape):
            sizes[axis] = size
        placed = part.reshape(sizes[next((i for i, n in enumerate(sizes) if n != 1), len(sizes)) :])
        b.know_part(node.outputs[0], placed, b.label_of(x))
        return b.held(node.outputs[0])
    held = b.plain(x)
    missing = len(dims) - len(held.shape)
    places = dims[missing:]
    if not places:
        return held
    new = [axis - places[0] for axis in range(places[0], len(node.params["shape"])) if axis not in places]
    shape: list[Extent] = [1] * (len(node.params["shape"]) - places[0])
    for axis, size in zip(places, held.shape):
        shape[axis - places[0]] = size
    return Held(b.op("Unsqueeze", held.name, b.ints(*new)) if new else held.name, tuple(shape))


@lowers("reshape")
def reshape(b: Lowering, node: Node) -> Held:
    (x,), shape = node.inputs, node.params["shape"]
    return Held(reshaped(b, b.full(x), x.shape, shape), shape)


def reshaped(b: Lowering, name: str, old: Shape, new: Shape) -> str:
    """A tensor of the shape ``old`` in another shape of as many elements."""
    if identical(old, new):
        return name
    if (axes := _only_ones_between(old, new)) is not None:
        return b.op("Unsqueeze", name, b.ints(*axes))
    if (axes := _only_ones_between(new, old)) is not None:
        return b.op("Squeeze", name, b.ints(*axes))
    if any(n == 0 for n in new if isinstance(n, int)):
        return b.op("Reshape", name, b.file.vector(new), allowzero=1)
    # 0 stands for the extent at the same place, -1 for what is left
    plan: list[Extent | None] = [
        0 if isinstance(n, Dim) and i < len(old) and identical(n, old[i]) else (None if isinstance(n, Dim) else n)
        for i, n in enumerate(new)
    ]
    if plan.count(None) > 1:
        return b.op("Reshape", name, b.file.vector(new))
    return b.op("Reshape", name, b.ints(*(-1 if n is None else int(n) for n in plan)))


def _only_ones_between(few: Shape, many: Shape) -> list[int] | None:
    """Where ``many`` has extents of 1 that ``few`` has not, if that is all that tells them apart."""
    if len(many) <= len(few):
        return None
    axes, at = [], 0
    for axis, n in enumerate(many):
        if at < len(few) and identical(few[at], n):
            at += 1
        elif identical(n, 1):
            axes.append(axis)
        else:
            return None
    return axes if at == len(few) else None


@lowers("transpose")
def transpose(b: Lowering, node: Node) -> Held:
    """The same tensor, seen in another order."""
    (x,), perm = node.inputs, node.params["perm"]
    held = b.ranked(x)
    order = held.perm or tuple(range(len(perm)))
    seen = tuple(perm.index(axis) for axis in order)
    return Held(held.name, held.shape, None if seen == tuple(range(len(seen))) else seen)


def whole_in_any_order(b: Lowering, value: Value) -> tuple[str, tuple[int, ...]]:
    """The whole value as it lies, and which of its axes lies where."""
    held = b.held(value)
    if held.perm is not None and identical(held.shape, tuple(value.shape[p] for p in held.perm)):
        return held.name, held.perm
    return b.full(value), tuple(range(len(value.shape)))


def lying(name: str, shape: Shape, order: tuple[int, ...]) -> Held:
    """A tensor whose axes lie in an order, of a value of this shape."""
    in_order = order == tuple(range(len(order)))
    return Held(name, tuple(shape[p] for p in order), None if in_order else order)


@lowers("reverse")
def reverse(b: Lowering, node: Node) -> Held:
    (x,), axes = node.inputs, node.params["axes"]
    name, order = whole_in_any_order(b, x)
    places = [order.index(a) for a in axes]
    return lying(flipped(b, name, places), x.shape, order)


def flipped(b: Lowering, name: str, axes: Sequence[int]) -> str:
    """A tensor backwards along some axes."""
    count = len(axes)
    back = [b.ints(*([n] * count)) for n in (-1, _LEAST, -1)]
    return b.op("Slice", name, back[0], back[1], b.ints(*axes), back[2])


@lowers("slice")
def slice_(b: Lowering, node: Node) -> Held:
    (x,) = node.inputs
    name, order = whole_in_any_order(b, x)
    start, limit, stride = (tuple(node.params[k][p] for p in order) for k in ("start", "limit", "stride"))
    shape = tuple(x.shape[p] for p in order)
    return lying(sliced(b, name, shape, start, limit, stride), node.outputs[0].shape, order)


def sliced(b: Lowering, name: str, shape: Shape, start: Shape, limit: Shape, stride: Sequence[int]) -> str:
    """Part of a tensor; axes that stay whole are not mentioned."""
    axes = [
        i for i, (n, lo, hi, step) in enumerate(zip(shape, start, limit, stride))
        if step != 1 or not identical(lo, 0) or not identical(hi, n)
    ]  # fmt: skip
    if not axes:
        return name
    vectors = [b.file.vector([bound[i] for i in axes]) for bound in (start, limit)]
    steps = [b.ints(*(stride[i] for i in axes))] if any(stride[i] != 1 for i in axes) else []
    return b.op("Slice", name, *vectors, b.ints(*axes), *steps)


@lowers("pad")
def pad(b: Lowering, node: Node) -> Held:
    x, fill = node.inputs
    name, order = whole_in_any_order(b, x)
    low, high, interior = ([node.params[k][p] for p in order] for k in ("low", "high", "interior"))
    shape = [x.shape[p] for p in order]
    filler = b.full(fill)

    def write(names: list[str]) -> str:
        tensor, number = names
        extents = list(shape)
        for axis, holes in enumerate(interior):
            if holes:
                tensor = _spread(b, tensor, extents, axis, holes, number)
                extents[axis] = extents[axis] + (extents[axis] - 1) * holes
        return padded(b, tensor, low, high, number)

    takes = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")
    return lying(through(b, x.dtype, takes, [name, filler], write), node.outputs[0].shape, order)


def padded(b: Lowering, name: str, low: Sequence[Extent], high: Sequence[Extent], fill: str) -> str:
    """A tensor with elements added at the ends of its axes, or removed."""
    if all(identical(n, 0) for n in (*low, *high)):
        return name
    return b.op("Pad", name, b.file.vector([*low, *high]), fill)


def _spread(b: Lowering, name: str, shape: list[Extent], axis: int, holes: int, fill: str) -> str:
    """A tensor with holes between the elements of an axis: one of them behind each, without those behind the last."""
    apart = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
    behind = [0] * len(apart)
    behind[axis + 1] = holes
    wide = padded(b, b.op("Unsqueeze", name, b.ints(axis + 1)), [0] * len(apart), behind, fill)
    apart[axis + 1] = 1 + holes
    joined = [*shape[:axis], shape[axis] * (1 + holes), *shape[axis + 1 :]]
    whole = reshaped(b, wide, tuple(apart), tuple(joined))
    limit = list(joined)
    limit[axis] = shape[axis] + (shape[axis] - 1) * holes
    return sliced(b, whole, tuple(joined), (0,) * len(joined), tuple(limit), (1,) * len(joined))


@lowers("concatenate")
def concatenate(b: Lowering, node: Node) -> Held:
    _, order = whole_in_any_order(b, node.inputs[0])
    names = [b.in_layout(v, order) for v in node.inputs]
    joined = b.op("Concat", *names, axis=order.index(node.params["axis"]))
    return lying(joined, node.outputs[0].shape, order)


# -- parts at computed places -----------------------------------------------------------------------------------------
def _moving(x: Value, sizes: Shape) -> list[int]:
    """The axes along which a part is shorter than the whole."""
    return [i for i, (n, m) in enumerate(zip(x.shape, sizes)) if not identical(n, m)]


def _start(b: Lowering, value: Value, most: Extent) -> str:
    """A start as an int64[1], moved inside of the array."""
    known = b.constant(value)
    if known is not None and isinstance(most, int):
        return b.ints(min(max(int(known), 0), most))
    at = b.cast(b.op("Unsqueeze", b.full(value), b.ints(0)), "int64")
    return b.op("Max", b.op("Min", at, b.file.extent(most)), b.ints(0))


@lowers("dynamic_slice")
def dynamic_slice(b: Lowering, node: Node) -> Held:
    x, *starts = node.inputs
    sizes = node.params["sizes"]
    name = b.full(x)
    for axis in _moving(x, sizes):
        at = _start(b, starts[axis], x.shape[axis] - sizes[axis])
        end = b.op("Add", at, b.file.extent(sizes[axis]))
        name = b.op("Slice", name, at, end, b.ints(axis))
    return Held(name, sizes)


@lowers("dynamic_update_slice")
def dynamic_update_slice(b: Lowering, node: Node) -> Held:
    """Along each axis in turn: what lies before, the part, what lies behind."""
    x, update, *starts = node.inputs
    axes = _moving(x, update.shape)
    places = {a: _start(b, starts[a], x.shape[a] - update.shape[a]) for a in axes}

    def replaced(whole: str, axes: list[int]) -> str:
        if not axes:
            return b.full(update)
        axis, *rest = axes
        at = places[axis]
        end = b.op("Add", at, b.file.extent(update.shape[axis]))
        where = b.ints(axis)
        before = b.op("Slice", whole, b.ints(0), at, where)
        within = replaced(b.op("Slice", whole, at, end, where) if rest else "", rest)
        behind = b.op("Slice", whole, end, b.file.extent(x.shape[axis]), where)
        return b.op("Concat", before, within, behind, axis=axis)

    return Held(replaced(b.full(x), axes), x.shape)
