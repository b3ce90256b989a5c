"""Reductions, cumulative operations and sorting."""

from __future__ import annotations

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Node
from pronghorn.export.onnx.elementwise import Names, through
from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.ops import Op, OpGraph, Tensor
from pronghorn.export.onnx.registry import NotExpressible, lowers
from pronghorn.export.onnx.structure import lying, whole_in_any_order

_REDUCTIONS = {
    "reduce_sum": ("ReduceSum", ("int32", "int64")), "reduce_prod": ("ReduceProd", ("int32", "int64")),
    "reduce_max": ("ReduceMax", ("int8", "uint8", "int32", "int64")),
    "reduce_min": ("ReduceMin", ("int8", "uint8", "int32", "int64")),
}  # fmt: skip
_OF_BOOLS = {
    "reduce_and": "reduce_min",
    "reduce_or": "reduce_max",
    "reduce_max": "reduce_max",
    "reduce_min": "reduce_min",
}


@lowers(*_REDUCTIONS, "reduce_and", "reduce_or")
def reduce(b: Lowering, node: Node) -> Held:
    (x,), (out,) = node.inputs, node.outputs
    name = node.prim.name
    if name in ("reduce_and", "reduce_or") and x.dtype != "bool":
        raise NotExpressible("ONNX does not reduce the bits of integers; compare them, and reduce bools")
    tensor, order = whole_in_any_order(b, x)
    axes = sorted(order.index(a) for a in node.params["axes"])
    kind, takes = _REDUCTIONS[_OF_BOOLS[name] if x.dtype == "bool" and name in _OF_BOOLS else name]

    def write(names: Names) -> str:
        return b.op(kind, *names, b.ints(*axes), keepdims=0)

    if x.dtype == "bool" and name in _OF_BOOLS:
        result = b.cast(write([b.cast(tensor, "uint8")]), "bool")
    else:
        result = b.rounded(through(b, x.dtype, takes, [tensor], write), x.dtype)
    left = [a for a in order if a not in node.params["axes"]]
    rank = sorted(left)
    return lying(result, out.shape, tuple(rank.index(a) for a in left))


@lowers("argmax", "argmin")
def arg_reduction(b: Lowering, node: Node) -> Held:
    (x,) = node.inputs
    kind = "ArgMax" if node.prim.name == "argmax" else "ArgMin"
    takes = ("int8", "uint8", "int32", "int64")
    name = b.full(x)
    if not dtypes.is_float(held_type(x.dtype)) and x.dtype not in takes:
        name = b.cast(name, "int64" if x.dtype in ("uint32", "uint64") else "int32")
    position = b.op(kind, name, axis=node.params["axis"], keepdims=0)
    return Held(b.cast(position, "int32"), node.outputs[0].shape)


@lowers("cumsum")
def cumsum(b: Lowering, node: Node) -> Held:
    (x,) = node.inputs
    axis = b.file.initializer(np.array(node.params["axis"], np.int64), "axis")
    reverse = int(node.params["reverse"])

    def write(names: Names) -> str:
        return b.op("CumSum", *names, axis, reverse=reverse)

    return Held(b.rounded(through(b, x.dtype, ("int32", "int64"), [b.full(x)], write), x.dtype), x.shape)


_STEPS = {"cumprod": "Mul", "cummax": "Max", "cummin": "Min"}


def _neutral(kind: str, dtype: str) -> object:
    """What a step leaves every number with as it is."""
    if kind == "Mul":
        return 1
    if dtypes.is_float(dtype):
        return -np.inf if kind == "Max" else np.inf
    limits = np.iinfo(dtypes.to_numpy(dtype))
    return limits.min if kind == "Max" else limits.max


@lowers(*_STEPS)
def cumulative(b: Lowering, node: Node) -> Held:
    """A scan along the axis whose step is one operator."""
    (x,), axis = node.inputs, node.params["axis"]
    kind, held = _STEPS[node.prim.name], held_type(x.dtype)
    wide = held if dtypes.is_float(held) else "int64" if held in ("int64", "uint32", "uint64") else "int32"
    name = b.full(x) if wide == held else b.cast(b.full(x), wide)
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    start = b.op("Expand", b.scalar(_neutral(kind, wide), wide), b.file.vector(shape))
    carry, part, total, copy = (b.file.names.fresh(f"{node.prim.name}/{n}") for n in ("carry", "part", "new", "y"))
    body = OpGraph([Tensor(carry, wide, shape), Tensor(part, wide, shape)])
    body.ops = [Op(kind, [carry, part], [total]), Op("Identity", [total], [copy])]
    body.outputs = [Tensor(total, wide, shape), Tensor(copy, wide, shape)]
    backwards = int(node.params["reverse"])
    _, result = b.ops_of(
        "Scan", [start, name], 2, body=body, num_scan_inputs=1, scan_input_axes=(axis,), scan_output_axes=(axis,),
        scan_input_directions=(backwards,), scan_output_directions=(backwards,),
    )  # fmt: skip
    result = result if wide == held else b.cast(result, held)
    return Held(b.rounded(result, x.dtype), x.shape)


@lowers("sort")
def sort(b: Lowering, node: Node) -> list[Held]:
    """By one key after the other, from the last to the first: TopK keeps the order of what is equal."""
    axis, count = node.params["axis"], node.params["num_keys"]
    names = [b.full(v) for v in node.inputs]
    length = b.file.extent(node.inputs[0].shape[axis])
    for place in range(count - 1, -1, -1):
        key, dtype = names[place], held_type(node.inputs[place].dtype)
        if dtype in ("bool", "uint16", "uint32", "uint64"):
            key = b.cast(key, "int32" if dtype in ("bool", "uint16") else "int64")
        _, where = b.ops_of("TopK", [key, length], 2, axis=axis, largest=0, sorted=1)
        names = [b.op("GatherElements", n, where, axis=axis) for n in names]
    return [Held(n, v.shape) for n, v in zip(names, node.outputs)]
