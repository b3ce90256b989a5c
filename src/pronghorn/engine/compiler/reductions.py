"""Reductions as loop nests: over axes, over windows, and the contractions that no tiled kernel serves."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from pronghorn.engine.compiler.costs import MANY_ROWS, MOST_COLUMNS, SPLIT_LENGTH, chunks_of, typical
from pronghorn.engine.compiler.expr import (
    Accumulated,
    Apply,
    Bound,
    Const,
    Expr,
    Index,
    IndexValue,
    Load,
    LoopVar,
    guard,
    walk,
)
from pronghorn.engine.compiler.kernels import LoopKernel, Reduction, Store
from pronghorn.engine.compiler.lowering import Lowering
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import may_be_positive
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Aval, Node, Value


def reduction_of(lowering: Lowering, node: Node, index: tuple[Index, ...]) -> Reduction:
    """The reduction that a node is, for the element of its output at ``index``."""
    name = node.prim.name
    if is_axis_reduction(node) or name in ("argmax", "argmin"):
        return _over_axes(lowering, node, index)
    return _OTHERS[name](lowering, node, index)


def chosen_element(lowering: Lowering, node: Node, index: tuple[Index, ...], reduction: Reduction) -> Expr | None:
    """The element of a sum's output at ``index`` where all that is added is zero but one element, which one knows.

    Such is the sum over an axis of ``where(labels == iota, x, 0)``, by which a cross-entropy takes the probability of
    the label. In place of the sum, ``where(labels == i, x[i], 0)`` at ``i = labels``, clamped to the axis: beyond it
    the two differ, and nothing is chosen. None for other sums.

    Args:
        lowering: of the sum's kernel.
        node: the sum, or another reduction.
        index: of the element.
        reduction: what `reduction_of` gives for them.
    """
    if node.prim.name != "reduce_sum" or len(node.params["axes"]) != 1:
        return None
    (x,), (axis,), (along,) = node.inputs, node.params["axes"], reduction.vars
    position = _position_of(reduction.element, along)
    if position is None or not isinstance(along.extent, int) or along.extent < 1:
        return None
    place = Index.of(lowering.loaded(position, along.extent))
    element = lowering.element(x, (*index[:axis], place, *index[axis:]))
    return lowering.apply("add", (element, Const(0, x.dtype)), x.dtype, {})  # a sum is never -0.0


def _position_of(element: Expr, along: LoopVar) -> Expr | None:
    """Where along an axis an element may differ from zero, if that is one place."""
    while isinstance(element, Apply) and element.name in ("neg", "cast"):
        (element,) = element.args
    if not isinstance(element, Apply) or element.name != "select":
        return None
    chosen, _, other = element.args
    if not (isinstance(other, Const) and other.number == 0 and isinstance(chosen, Apply) and chosen.name == "eq"):
        return None
    for position, own in (chosen.args, chosen.args[::-1]):
        is_own = isinstance(own, IndexValue) and own.index == Index.of(along)
        if is_own and dtypes.is_integer(position.dtype) and not position.depends_on(along):
            return position
    return None


def is_axis_reduction(node: Node) -> bool:
    """Whether a node reduces one array along axes; an argument's place, a window or a product is another matter."""
    return node.prim.name.startswith("reduce_")


def joined_reduction(lowering: Lowering, node: Node, index: tuple[Index, ...], beside: Reduction) -> Reduction | None:
    """The reduction that a node is, along the loops of another over the same elements; None where it has others.

    Args:
        lowering: of the other's kernel.
        node: the reduction, `is_axis_reduction`.
        index: of the element of its output.
        beside: the other, of a kernel over elements of the same shape.
    """
    (x,), axes = node.inputs, sorted(node.params["axes"])
    if [(f"r{a}", x.shape[a]) for a in axes] != [(var.name, var.extent) for var in beside.vars]:
        return None
    joined = _over_axes(lowering, node, index, beside.vars)
    return replace(joined, chunk=beside.chunk, dtype=_partial_dtype(joined))


def _over_axes(
    lowering: Lowering, node: Node, index: tuple[Index, ...], vars: tuple[LoopVar, ...] | None = None
) -> Reduction:
    (x,) = node.inputs
    name = node.prim.name
    axes = node.params["axes"] if is_axis_reduction(node) else (node.params["axis"],)
    vars = vars or tuple(LoopVar(f"r{a}", x.shape[a]) for a in sorted(axes))
    by_axis = dict(zip(sorted(axes), vars))
    rest = iter(index)
    inner = tuple(Index.of(by_axis[a]) if a in by_axis else next(rest) for a in range(len(x.shape)))
    return _reduction(lowering, name.removeprefix("reduce_"), lowering.element(x, inner), vars, node.outputs[0].dtype)


def _reduction(lowering: Lowering, op: str, element: Expr, vars: tuple[LoopVar, ...], dtype: str) -> Reduction:
    """Sums of low precision are taken in float32. Windows of one element have no loop; they are given one."""
    vars = vars or (LoopVar("r0", 1),)
    if op in ("sum", "prod") and dtype in LOW_PRECISION:
        element = lowering.apply("cast", (element,), "float32", {"dtype": "float32"})
    return Reduction(op, element, vars, dtype)


def _window_axes(node: Node) -> list[tuple[int, int, int, int, int]]:
    p = node.params
    return list(zip(p["window"], p["strides"], (lo for lo, _ in p["padding"]), p["dilation"], range(99)))


def _window(lowering: Lowering, node: Node, index: tuple[Index, ...]) -> Reduction:
    """``x[i * stride + k * dilation - low]`` over the window k; what lies in the padding is neutral."""
    (x,) = node.inputs
    name = node.prim.name
    inner, vars, bounds, position = [], [], [], Index()
    for window, stride, low, dilation, a in _window_axes(node):
        if window == 1:
            moved = index[a] * stride - low
        else:
            var = LoopVar(f"w{a}", window)
            vars.append(var)
            position = position * window + Index.of(var)
            moved = index[a] * stride + Index.of(var) * dilation - low
        inner.append(moved)
        if may_be_positive(low) or may_be_positive(node.params["padding"][a][1]):
            bounds.append(Bound(moved, 0, x.shape[a]))
    op = {"window_sum": "sum", "window_max": "max", "window_argmax": "argmax"}[name]
    element = lowering.element(x, tuple(inner))
    if bounds:
        neutral = Const(0 if op == "sum" else _lowest(x.dtype), x.dtype)
        element = guard(bounds, element, neutral)
    reduction = _reduction(lowering, op, element, tuple(vars), node.outputs[0].dtype)
    if bounds and op == "argmax":  # padding is never chosen, not even among infinities
        reduction.position = guard(bounds, IndexValue(position, "int32"), Const(-1, "int32"))
    return reduction


def _lowest(dtype: str) -> float | int:
    if dtype == "bool":
        return 0
    if dtypes.is_integer(dtype):
        return int(np.iinfo(dtype).min)
    return float("-inf")


def _window_gradient(lowering: Lowering, node: Node, index: tuple[Index, ...]) -> Reduction:
    """Element i of the input gets g of every window (i + low - k * dilation) / stride that is a whole number."""
    g = node.inputs[0]
    scattered = node.prim.name == "unpool"
    where, vars, bounds, position = [], [], [], Index()
    for window, stride, low, dilation, a in _window_axes(node):
        if window == 1 and stride == 1:
            where.append(index[a] + low)
            if low or node.params["padding"][a][1]:
                bounds.append(Bound(index[a] + low, 0, g.shape[a]))
            continue
        var = LoopVar(f"w{a}", window)
        vars.append(var)
        position = position * window + Index.of(var)
        reach = index[a] + low - Index.of(var) * dilation
        bounds.append(Bound(reach, 0, (g.shape[a] - 1) * stride + 1, stride))
        where.append(reach.floor_div(stride))
    place = tuple(where)
    element: Expr = lowering.element(g, place)
    if scattered:
        chosen = Apply("eq", (lowering.element(node.inputs[1], place), IndexValue(position, "int32")), "bool", {})
        element = Apply("select", (chosen, element, Const(0, g.dtype)), g.dtype, {})
    element = guard(bounds, element, Const(0, g.dtype))
    return _reduction(lowering, "sum", element, tuple(vars), node.outputs[0].dtype)


def _product(lowering: Lowering, a: Expr, b: Expr, dtype: str) -> Expr:
    if dtype in LOW_PRECISION:
        a = lowering.apply("cast", (a,), "float32", {"dtype": "float32"})
        b = lowering.apply("cast", (b,), "float32", {"dtype": "float32"})
        dtype = "float32"
    return lowering.apply("mul", (a, b), dtype, {})


def _dot(lowering: Lowering, node: Node, index: tuple[Index, ...]) -> Reduction:
    x, y = node.inputs
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    vars = tuple(LoopVar(f"r{i}", x.shape[a]) for i, a in enumerate(xc))
    nb = len(xb)
    free_x = [a for a in range(len(x.shape)) if a not in xc and a not in xb]
    free_y = [a for a in range(len(y.shape)) if a not in yc and a not in yb]
    at_x = dict(zip(xb, index)) | dict(zip(xc, map(Index.of, vars))) | dict(zip(free_x, index[nb:]))
    at_y = dict(zip(yb, index)) | dict(zip(yc, map(Index.of, vars)))
    at_y |= dict(zip(free_y, index[nb + len(free_x) :]))
    a = lowering.element(x, tuple(at_x[i] for i in range(len(x.shape))))
    b = lowering.element(y, tuple(at_y[i] for i in range(len(y.shape))))
    dtype = node.outputs[0].dtype
    return Reduction("sum", _product(lowering, a, b, dtype), vars, dtype)


_OTHERS = {
    "window_sum": _window,
    "window_max": _window,
    "window_argmax": _window,
    "window_sum_grad": _window_gradient,
    "unpool": _window_gradient,
    "dot_general": _dot,
}


# -- splitting -------------------------------------------------------------------------------------------------------
def split_reduction(reduction: Reduction, vars: tuple[LoopVar, ...], value: Value) -> tuple[LoopKernel, Value] | None:
    """The first kernel of a reduction split into chunks and the value of its partial results, where that pays.

    Long reductions with few results would otherwise run on one thread. The chunks depend on the extents alone.
    """
    if reduction.op in ("argmax", "argmin") or not reduction.vars:
        return None
    length = prod(typical(v.extent) for v in reduction.vars)
    results = prod(typical(v.extent) for v in vars)
    if length < SPLIT_LENGTH // 8 or length * results < 4 * SPLIT_LENGTH or results > MOST_COLUMNS:
        return None
    if results >= MANY_ROWS and _along_rows(reduction, vars):
        return None
    chunk = LoopVar("chunk", chunks_of(length, results))
    dtype = _partial_dtype(reduction)
    partial = Value(Aval((chunk.extent, *(v.extent for v in vars)), dtype), value.graph)
    first = Reduction(reduction.op, reduction.element, reduction.vars, dtype, chunk)
    kernel = LoopKernel(vars=(chunk, *vars), reductions=[first], node=value.node)
    kernel.stores.append(Store(partial, Accumulated(0, dtype, kernel.vars)))
    kernel.scope = value.node.scope if value.node else ""
    return kernel, partial


def _along_rows(reduction: Reduction, vars: tuple[LoopVar, ...]) -> bool:
    """Whether each result reads elements that lie side by side, and not beside those of the next result."""
    inner = reduction.vars[-1]
    reads = [e.offset for e in walk(reduction.element) if isinstance(e, Load) and e.offset.coefficient(inner) != 0]
    beside = any(offset.coefficient(vars[-1]) == 1 for offset in reads)
    return not beside and any(offset.coefficient(inner) == 1 for offset in reads)


def _partial_dtype(reduction: Reduction) -> str:
    """The dtype of a chunk's result."""
    return "float32" if reduction.dtype in LOW_PRECISION else reduction.dtype
