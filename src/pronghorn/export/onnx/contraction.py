"""Products and convolutions. ONNX's convolutions have channels in front of the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, Shape, product
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.registry import REFUSED, NotExpressible, lowers
from pronghorn.export.onnx.structure import lying, padded, reshaped

REFUSED.update(conv_filter_grad="a gradient; an exported model computes none")

Ints = tuple[int, ...]


# -- dot_general ------------------------------------------------------------------------------------------------------
@lowers("dot_general")
def dot_general(b: Lowering, node: Node) -> Held:
    """MatMul of ``[batch, rows, k]`` and ``[batch, k, columns]``, with axes moved and joined where that is needed."""
    x, y = node.inputs
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    x_free = [i for i in range(len(x.shape)) if i not in xc and i not in xb]
    y_free = [i for i in range(len(y.shape)) if i not in yc and i not in yb]
    columns = _in(y, y_free)
    inner = product(_in(x, xc))
    right = _right(b, y, (*yb, *yc, *y_free), (*_in(y, yb), inner, product(columns)))
    if x_free and not xb:  # MatMul takes any number of axes in front, if the other has two
        rows = _rows_as_they_lie(b, x, xc) or tuple(x_free)
        order = (*rows, *xc)
        left = reshaped(b, b.in_layout(x, order), _in(x, order), (*_in(x, rows), inner))
        result = _matmul(b, x.dtype, left, right)
        result = reshaped(b, result, (*_in(x, rows), product(columns)), (*_in(x, rows), *columns))
        places = (*(x_free.index(i) for i in rows), *range(len(rows), len(rows) + len(columns)))
        return lying(result, node.outputs[0].shape, places)
    order = (*xb, *x_free, *xc)
    lead = (*_in(x, xb), product(_in(x, x_free)))
    left = reshaped(b, b.in_layout(x, order), _in(x, order), (*lead, inner))
    result = _matmul(b, x.dtype, left, right)
    out = node.outputs[0].shape
    return Held(reshaped(b, result, (*lead, product(columns)), out), out)


def _rows_as_they_lie(b: Lowering, x: Value, contracted: Ints) -> Ints | None:
    """The order of the other axes, where the tensor that holds a value has the contracted axes last already."""
    perm = b.held(x).perm
    if perm is None or perm[-len(contracted) :] != tuple(contracted):
        return None
    return perm[: -len(contracted)]


def _in(value: Value, order: Sequence[int]) -> Shape:
    return tuple(value.shape[i] for i in order)


def _right(b: Lowering, value: Value, order: tuple[int, ...], shape: Shape) -> str:
    """The right operand; a weight is put into shape now."""
    array = b.constant(value)
    if array is not None and b.size_of(value) == array.size and not any(isinstance(n, Dim) for n in shape):
        if order == tuple(range(len(order))) and array.shape == shape:
            return b.full(value)
        return b.stored(array.transpose(order).reshape(shape), b.label_of(value))
    return reshaped(b, b.in_layout(value, order), _in(value, order), shape)


def _matmul(b: Lowering, dtype: str, left: str, right: str) -> str:
    held = held_type(dtype)
    if dtypes.is_float(held):
        return b.rounded(b.op("MatMul", left, right), dtype)
    wide = held if held in ("int32", "int64", "uint32", "uint64") else "int32"
    result = b.op("MatMul", *(n if wide == held else b.cast(n, wide) for n in (left, right)))
    return result if wide == held else b.cast(result, held)


# -- convolutions -----------------------------------------------------------------------------------------------------
def channels_first(rank: int) -> Ints:
    """The order of axes in which ONNX takes images of ``[n, *spatial, c]``."""
    return (0, rank - 1, *range(1, rank - 1))


def _kernel(b: Lowering, w: Value) -> str:
    """``[*k, cin / groups, cout]`` as ``[cout, cin / groups, *k]``, for both kinds of convolution."""
    rank = len(w.shape)
    return b.in_layout(w, (rank - 1, rank - 2, *range(rank - 2)))


def _attributes(node: Node, kernel: Shape, pads: Sequence[int]) -> dict[str, Any]:
    return {
        "kernel_shape": tuple(int(n) for n in kernel), "strides": node.params["strides"],
        "dilations": node.params["dilation"], "group": node.params["groups"], "pads": tuple(pads),
    }  # fmt: skip


def _floats_only(node: Node) -> None:
    if not dtypes.is_float(node.inputs[0].dtype):
        raise NotExpressible("ONNX convolves floats only; cast to float32 in front of the layer")


@lowers("conv")
def conv(b: Lowering, node: Node) -> Held:
    _floats_only(node)
    x, w = node.inputs
    rank = len(x.shape)
    order = channels_first(rank)
    low, high = ([pair[k] for pair in node.params["padding"]] for k in (0, 1))
    name = b.in_layout(x, order)
    if min(*low, *high) < 0:
        name = padded(b, name, [0, 0, *low], [0, 0, *high], b.scalar(0, x.dtype))
        low = high = [0] * (rank - 2)
    result = b.op("Conv", name, _kernel(b, w), **_attributes(node, w.shape[:-2], [*low, *high]))
    return lying(b.rounded(result, x.dtype), node.outputs[0].shape, order)


@lowers("conv_input_grad")
def conv_input_grad(b: Lowering, node: Node) -> Held:
    """A transposed convolution."""
    _floats_only(node)
    g, w = node.inputs
    rank = len(g.shape)
    order, p = channels_first(rank), node.params
    spatial = range(rank - 2)
    reach = [(g.shape[i + 1] - 1) * p["strides"][i] + (int(w.shape[i]) - 1) * p["dilation"][i] + 1 for i in spatial]
    low = [pair[0] for pair in p["padding"]]
    # Elements that are missing behind the reach of the last tap, once its padding is taken away.
    behind: list[Extent] = [p["input_shape"][i + 1] + low[i] - reach[i] for i in spatial]
    settled = all(isinstance(n, int) for n in behind) and min(low) >= 0
    numbers = [int(n) for n in behind if isinstance(n, int)]
    name = b.in_layout(g, order)
    if settled and all(n < s for n, s in zip(numbers, p["strides"])):
        high = [max(-n, 0) for n in numbers]
        extra = {"output_padding": tuple(max(n, 0) for n in numbers)} if any(n > 0 for n in numbers) else {}
        attributes = {**_attributes(node, w.shape[:-2], [*low, *high]), **extra}
        result = b.op("ConvTranspose", name, _kernel(b, w), **attributes)
    else:
        whole = b.op("ConvTranspose", name, _kernel(b, w), **_attributes(node, w.shape[:-2], [0] * (2 * rank - 4)))
        result = padded(b, whole, [0, 0, *(-n for n in low)], [0, 0, *behind], b.scalar(0, g.dtype))
    return lying(b.rounded(result, g.dtype), node.outputs[0].shape, order)
