"""Window reductions: ONNX's pooling where it takes the windows, a slice for each place in the window otherwise."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Node
from pronghorn.export.onnx.contraction import Ints
from pronghorn.export.onnx.lowering import Held, Lowering
from pronghorn.export.onnx.registry import REFUSED, lowers
from pronghorn.export.onnx.structure import lying, padded, reshaped, sliced, whole_in_any_order

_GRADIENT = "a gradient; an exported model computes none"
REFUSED.update(foreign_call="a function of another library; write it with pronghorn.ops")
REFUSED.update(window_sum_grad=_GRADIENT, unpool=_GRADIENT, pool_gather=_GRADIENT, window_argmax=_GRADIENT)


@lowers("window_sum")
def window_sum(b: Lowering, node: Node) -> Held:
    dtype = node.inputs[0].dtype
    if not dtypes.is_float(dtype):
        return _by_places(b, node, "Add", 0)
    count = math.prod(node.params["window"])
    pooled = _pool(b, node, "AveragePool", 0, count_include_pad=1)
    b.averages[node.outputs[0]] = count, pooled
    total = b.op("Mul", pooled.name, b.scalar(count, dtype))
    return Held(b.rounded(total, dtype), pooled.shape, pooled.perm)


@lowers("window_max")
def window_max(b: Lowering, node: Node) -> Held:
    dtype = node.inputs[0].dtype
    if not dtypes.is_float(dtype) and dtype not in ("int8", "uint8"):
        return _by_places(b, node, "Max", False if dtype == "bool" else np.iinfo(dtypes.to_numpy(dtype)).min)
    return _pool(b, node, "MaxPool", -np.inf if dtypes.is_float(dtype) else np.iinfo(dtypes.to_numpy(dtype)).min)


def _pool(b: Lowering, node: Node, kind: str, fill: object, **attributes: Any) -> Held:
    (x,), (out,) = node.inputs, node.outputs
    window, strides, padding, dilation = (node.params[k] for k in ("window", "strides", "padding", "dilation"))
    rank = len(x.shape)
    pooled = [i for i in range(rank) if window[i] != 1 or strides[i] != 1 or padding[i] != (0, 0)] or [rank - 1]
    of_image = list(range(1, rank - 1))
    spatial = of_image if set(pooled) <= set(of_image) and rank <= 5 else pooled
    others = [i for i in range(rank) if i not in spatial]
    order = (*others, *spatial)
    name = b.in_layout(x, order)
    low, high = ([padding[i][k] for i in spatial] for k in (0, 1))
    reach = [(window[i] - 1) * dilation[i] + 1 for i in spatial]
    lead: list[Extent] = [x.shape[i] for i in others]
    if len(others) != 2:
        flat = (product(tuple(lead)), 1, *(x.shape[i] for i in spatial))
        name = reshaped(b, name, tuple(x.shape[i] for i in order), flat)
    if min(*low, *high) < 0 or any(n >= k for n, k in zip((*low, *high), (*reach, *reach))):
        name = padded(b, name, [0, 0, *low], [0, 0, *high], b.scalar(fill, x.dtype))
        low = high = [0] * len(spatial)
    name = b.op(
        kind, name, kernel_shape=tuple(window[i] for i in spatial), strides=tuple(strides[i] for i in spatial),
        dilations=tuple(dilation[i] for i in spatial), pads=(*low, *high), **attributes,
    )  # fmt: skip
    if len(others) != 2:
        shape = tuple(out.shape[i] for i in order)
        name = reshaped(b, name, (product(tuple(lead)), 1, *(out.shape[i] for i in spatial)), shape)
    return lying(name, out.shape, order)


def _places(b: Lowering, node: Node, fill: object) -> tuple[list[str], Ints]:
    """For each place in the window, what is there for all windows; and how the axes lie."""
    (x,), (out,) = node.inputs, node.outputs
    name, order = whole_in_any_order(b, x)
    window, strides, padding, dilation = (
        [node.params[k][i] for i in order] for k in ("window", "strides", "padding", "dilation")
    )
    low, high = ([pair[k] for pair in padding] for k in (0, 1))
    name = padded(b, name, low, high, b.scalar(fill, x.dtype))
    shape = [x.shape[a] + lo + hi for a, lo, hi in zip(order, low, high)]
    counts = [out.shape[a] for a in order]
    parts = []
    for place in itertools.product(*map(range, window)):
        start = [t * d for t, d in zip(place, dilation)]
        limit = [at + (n - 1) * s + 1 for at, n, s in zip(start, counts, strides)]
        parts.append(sliced(b, name, tuple(shape), tuple(start), tuple(limit), strides))
    return parts, order


def _by_places(b: Lowering, node: Node, kind: str, fill: object) -> Held:
    """Of integers, which ONNX does not pool."""
    dtype = node.inputs[0].dtype
    wide = dtype if dtype in ("int32", "int64", "uint32", "uint64") else "int32"
    parts, order = _places(b, node, fill)
    total = ""
    for name in parts:
        part = name if wide == dtype else b.cast(name, wide)
        total = b.op(kind, total, part) if total else part
    return lying(total if wide == dtype else b.cast(total, dtype), node.outputs[0].shape, order)
