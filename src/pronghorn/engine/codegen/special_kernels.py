"""Kernels with an emitter of their own: cumulative operations, scatter, sort."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.cumulative import cumulative_units, emit_cumulative
from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.scattering import emit_scatter, scatter_units
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.codegen.sorting import emit_sort, sort_scratch, sort_units
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.compiler.costs import MOST_SELECTED, typical
from pronghorn.engine.compiler.kernels import NodeKernel
from pronghorn.engine.compiler.storing import is_zeros
from pronghorn.engine.graph.dim import Extent, Shape, product
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.runtime.host import Target


def emit_special(module: ModuleBuilder, kernel: NodeKernel, tables: Tables, target: Target) -> list[Launch]:
    """Write the functions of a special kernel and list what to launch."""
    return _EMITTERS[kernel.node.prim.name](module, kernel, kernel.node, tables)


def _around(shape: Shape, axis: int) -> tuple[Extent, Extent, Extent]:
    """(outer, n, inner): a row-major array seen around one axis."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def _launch(kernel: NodeKernel, units: Extent, cost: float, scratch: set[Value] | None = None) -> Launch:
    extra = scratch or set()
    return Launch(
        kernel.name,
        Units.of(units),
        cost,
        kernel.reads | extra,
        kernel.writes | extra,
        scope=kernel.scope,
    )


def _cumulative(module: ModuleBuilder, kernel: NodeKernel, node: Node, tables: Tables) -> list[Launch]:
    (x,), (y,) = node.inputs, node.outputs
    outer, n, inner = _around(x.shape, node.params["axis"])
    source, target = tables.buffer(x), tables.buffer(y)
    op, backwards = node.prim.name, node.params["reverse"]
    emit_cumulative(module, kernel.name, tables, op, x.dtype, outer, n, inner, backwards, source, target)
    return [_launch(kernel, cumulative_units(outer, inner, x.dtype), 4.0 * typical(n))]


def _scatter(module: ModuleBuilder, kernel: NodeKernel, node: Node, tables: Tables) -> list[Launch]:
    x, indices, updates = node.inputs
    (out,) = node.outputs
    rows, inner, count = x.shape[0], product(x.shape[1:]), product(indices.shape)
    emit_scatter(
        module,
        kernel.name,
        tables,
        node.params["mode"],
        x.dtype,
        indices.dtype,
        rows,
        inner,
        count,
        None if is_zeros(x) else tables.buffer(x),
        tables.buffer(indices),
        tables.buffer(updates),
        tables.buffer(out),
    )
    cost = 2.0 * typical(rows) + 4.0 * typical(count)
    return [_launch(kernel, scatter_units(inner, x.dtype), cost)]


def _sort(module: ModuleBuilder, kernel: NodeKernel, node: Node, tables: Tables) -> list[Launch]:
    first = node.inputs[0]
    outer, n, inner = _around(first.shape, node.params["axis"])
    units = sort_units(outer, inner)
    keys = [v.dtype for v in node.inputs[: node.params["num_keys"]]]
    few = kernel.leading if kernel.leading is not None and kernel.leading <= MOST_SELECTED else None
    scratch = Value(Aval((sort_scratch(keys, outer, n, inner, few),), "uint8"), Graph())
    emit_sort(
        module,
        kernel.name,
        tables,
        [v.dtype for v in node.inputs],
        node.params["num_keys"],
        outer,
        n,
        inner,
        [tables.buffer(v) for v in node.inputs],
        [tables.buffer(v) for v in node.outputs],
        tables.buffer(scratch),
        few,
    )
    return [_launch(kernel, units, (20.0 if few is None else 3.0) * typical(n), {scratch})]


_Emitter = Callable[[ModuleBuilder, NodeKernel, Node, Tables], "list[Launch]"]
_EMITTERS: dict[str, _Emitter] = {
    "cumsum": _cumulative,
    "cumprod": _cumulative,
    "cummax": _cumulative,
    "cummin": _cumulative,
    "scatter": _scatter,
    "sort": _sort,
}
