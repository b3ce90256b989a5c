"""Gather and scatter along one axis."""

from __future__ import annotations

import numpy as np

from pronghorn.engine.graph.dim import Extent, identical, product
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.export.onnx.elementwise import where
from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.registry import lowers
from pronghorn.export.onnx.structure import padded, reshaped


def _inside(b: Lowering, indices: Value, extent: Extent) -> bool:
    """Whether all indices are known to be inside of an axis."""
    known = b.constant(indices)
    return known is not None and isinstance(extent, int) and bool(np.all((known >= 0) & (known < extent)))


def _as_index(b: Lowering, indices: Value) -> str:
    """Indices in a type that ONNX takes."""
    name = b.full(indices)
    return name if indices.dtype in ("int32", "int64") else b.cast(name, "int64")


@lowers("take")
def take(b: Lowering, node: Node) -> Held:
    """Gather; indices outside take the nearest."""
    (x, indices), axis = node.inputs, node.params["axis"]
    at = _as_index(b, indices)
    extent = x.shape[axis]
    if not _inside(b, indices, extent):
        wide = "int64" if indices.dtype not in ("int32", "int64") else indices.dtype
        if isinstance(extent, int):
            last = b.scalar(extent - 1, wide)
        else:
            last = b.cast(b.op("Squeeze", b.file.extent(extent - 1), b.ints(0)), wide)
        at = b.op("Clip", at, b.scalar(0, wide), last)
    return Held(b.op("Gather", b.full(x), at, axis=axis), node.outputs[0].shape)


#: Types that ScatterND does not combine.
_SCATTERED_AS = {
    **dict.fromkeys(("bool", "int8", "uint8", "int16", "uint16"), "int32"),
    "float16": "float32",
}


@lowers("scatter")
def scatter(b: Lowering, node: Node) -> Held:
    """ScatterND; what goes outside is written to a row more, which is cut off again."""
    x, indices, updates = node.inputs
    rows, rank = x.shape[0], len(x.shape)
    if identical(product(indices.shape), 0):
        return b.held(x)
    inside = _inside(b, indices, rows)
    at = _rows_to_write(b, indices, rows, inside)
    if node.params["mode"] == "set":
        return Held(_last_written(b, node, at, inside), x.shape)
    held = held_type(x.dtype)
    wide = _SCATTERED_AS.get(held, held)
    name, new = (n if wide == held else b.cast(n, wide) for n in (b.full(x), b.full(updates)))
    if not inside:
        name = padded(b, name, [0] * rank, [1] + [0] * (rank - 1), b.scalar(0, wide))
    at = b.op("Unsqueeze", at, b.ints(len(indices.shape)))
    name = b.op("ScatterND", name, at, new, reduction=node.params["mode"])
    if not inside:
        name = _first_rows(b, name, rows)
    return Held(b.rounded(name if wide == held else b.cast(name, held), x.dtype), x.shape)


def _rows_to_write(b: Lowering, indices: Value, rows: Extent, inside: bool) -> str:
    """Indices as int64; those outside become the row behind the last."""
    at = b.full(indices) if indices.dtype == "int64" else b.cast(b.full(indices), "int64")
    if inside:
        return at
    count = b.file.extent(rows)
    outside = b.op("Or", b.op("Less", at, b.ints(0)), b.op("GreaterOrEqual", at, count))
    return b.op("Where", outside, count, at)


def _first_rows(b: Lowering, name: str, rows: Extent) -> str:
    return b.op("Slice", name, b.ints(0), b.file.extent(rows), b.ints(0))


def _last_written(b: Lowering, node: Node, at: str, inside: bool) -> str:
    """Where several updates are for one row, ONNX leaves open which of them stays: here it is the one of the greatest
    number."""
    x, indices, updates = node.inputs
    rows, count = x.shape[0], product(indices.shape)
    flat = reshaped(b, at, indices.shape, (count,))
    new = reshaped(b, b.full(updates), updates.shape, (count, *x.shape[1:]))
    none, zero, one = (b.scalar(n, "int64") for n in (-1, 0, 1))
    start = b.op("Expand", none, b.file.vector([rows if inside else rows + 1]))
    numbers = b.op("Range", zero, b.op("Squeeze", b.file.extent(count), b.ints(0)), one)
    last = b.op("ScatterND", start, b.op("Unsqueeze", flat, b.ints(1)), numbers, reduction="max")
    if not inside:
        last = _first_rows(b, last, rows)
    written = b.op("GreaterOrEqual", last, zero)
    if len(x.shape) > 1:
        written = b.op("Unsqueeze", written, b.ints(*range(1, len(x.shape))))
    return where(b, x.dtype, written, b.op("Gather", new, b.op("Max", last, zero), axis=0), b.full(x))
