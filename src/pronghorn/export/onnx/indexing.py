"""Gather and scatter along one axis."""

from __future__ import annotations

import numpy as np

from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.registry import lowers
from pronghorn.export.onnx.structure import padded, sliced
from pronghorn.graph import dtypes
from pronghorn.graph.dim import Extent
from pronghorn.graph.ir import Node, Value


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


_MODES = {"add": "add", "mul": "mul", "max": "max", "min": "min", "set": "none"}


@lowers("scatter")
def scatter(b: Lowering, node: Node) -> Held:
    """ScatterND; what goes outside is written to a row that is cut off again."""
    x, indices, updates = node.inputs
    rows = x.shape[0]
    at = _as_index(b, indices)
    at = at if indices.dtype == "int64" or indices.dtype not in ("int32",) else b.cast(at, "int64")
    name, new = b.full(x), b.full(updates)
    held = held_type(x.dtype)
    wide = held
    if held in ("bool", "int8", "uint8", "int16", "uint16"):
        wide = "int32"
    elif held == "float16":
        wide = "float32"
    if wide != held:
        name, new = b.cast(name, wide), b.cast(new, wide)
    inside = _inside(b, indices, rows)
    rank = len(x.shape)
    if not inside:
        count = b.file.extent(rows)
        outside = b.op("Or", b.op("Less", at, b.ints(0)), b.op("GreaterOrEqual", at, count))
        at = b.op("Where", outside, count, at)
        name = padded(b, name, [0] * rank, [1] + [0] * (rank - 1), b.scalar(0, wide))
    at = b.op("Unsqueeze", at, b.ints(len(indices.shape)))
    mode = _MODES[node.params["mode"]]
    name = b.op("ScatterND", name, at, new, **({} if mode == "none" else {"reduction": mode}))
    if not inside:
        whole = (rows + 1, *x.shape[1:])
        name = sliced(b, name, whole, (0,) * rank, x.shape, (1,) * rank)
    if wide != held:
        name = b.cast(name, held)
    return Held(b.rounded(name, x.dtype) if dtypes.is_float(x.dtype) else name, x.shape)
