"""Cumulative sums, products, maxima and minima along one axis of ``[outer, n, inner]``."""

from __future__ import annotations

from functools import partial

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel, whole_or_masked
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, size_of
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.elementwise import emit_elementwise
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.values import load_value, round_to, store_value, value_type
from pronghorn.engine.compiler.costs import LINE_BYTES
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = ["block_lanes", "combine", "cumulative_units", "emit_cumulative"]

_STEP = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}


def block_lanes(dtype: str) -> int:
    """How many neighbouring elements one unit of work takes: a cache line of them, so that units share none."""
    return LINE_BYTES // size_of(storage_type(dtype))


def cumulative_units(outer: Extent, inner: Extent, dtype: str) -> Extent:
    """How many units of work there are; the extents may be ints or symbolic.

    >>> cumulative_units(10, 33, "float32")
    30
    """
    if isinstance(inner, int) and inner == 1:
        return outer
    lanes = block_lanes(dtype)
    return outer * ((inner + (lanes - 1)) // lanes)


def combine(fb: FunctionBuilder, op: str, a: str, b: str, dtype: str, lanes: int) -> str:
    """``add``, ``mul``, ``max`` or ``min`` of register values; of bools, "or" and "and"."""
    if dtype == "bool":
        op = "or" if op in ("add", "max") else "and"
    return emit_elementwise(fb, op, [a, b], [dtype, dtype], dtype, lanes, {})


def emit_cumulative(
    module: ModuleBuilder,
    name: str,
    tables: Tables,
    op: str,
    dtype: str,
    outer: Extent,
    n: Extent,
    inner: Extent,
    reverse: bool,
    source: int,
    target: int,
) -> None:
    """Writes the kernel of one cumulative primitive.

    Args:
        module: where the kernel goes.
        name: its name.
        tables: where the step has run-time extents.
        op: the primitive: ``"cumsum"``, ``"cumprod"``, ``"cummax"`` or ``"cummin"``.
        dtype: the element type; 16-bit floats accumulate in float32 and are rounded where they are stored.
        outer: the extent of all axes before the axis of accumulation, which is ``n`` long.
        n: the axis's extent.
        inner: the extent of all axes behind it.
        reverse: whether to start at the end.
        source: the operand's slot.
        target: the result's.
    """
    fb = start_kernel(module, name)
    extent = Slots(fb, tables).extent
    x, y = base_pointer(fb, source), base_pointer(fb, target)
    length, width = extent(n), extent(inner)
    flags = (_STEP[op], dtype, reverse)
    if width == 1:
        with fb.loop("%begin", "%end") as row:
            _run(fb, flags, x, y, fb.mul(row, length), length, 1, 1, None)
        fb.ret()
        return
    lanes = block_lanes(dtype)
    blocks = fb.ceil_div(width, lanes)
    with fb.loop("%begin", "%end") as unit:
        row, column = fb.div(unit, blocks), fb.mul(fb.rem(unit, blocks), lanes)
        first = fb.add(fb.mul(row, fb.mul(length, width)), column)
        run = partial(_run, fb, flags, x, y, first, length, width, lanes)
        whole_or_masked(fb, fb.sub(width, column), lanes, run)
    fb.ret()


def _run(
    fb: FunctionBuilder,
    flags: tuple[str, str, bool],
    x: str,
    y: str,
    first: Operand,
    length: Operand,
    stride: Operand,
    lanes: int,
    mask: str | None,
) -> None:
    """Accumulates ``length`` elements (or vectors of them) ``stride`` apart, from element ``first`` on."""
    op, dtype, reverse = flags
    memory = storage_type(dtype)
    inside = "float32" if dtype in LOW_PRECISION else dtype
    ty = value_type(inside, lanes)

    def address(base: str, position: Operand) -> str:
        return fb.gep(memory, base, fb.add(first, fb.mul(position, stride)))

    with fb.if_(fb.cmp("sgt", "i64", length, 0)):
        start = fb.sub(length, 1) if reverse else 0
        initial = load_value(fb, dtype, address(x, start), lanes, mask)
        if op == "add" and dtypes.is_float(dtype):  # a sum begins with 0.0, so that it is never -0.0
            initial = combine(fb, op, initial, literal(0.0, ty), inside, lanes)
        store_value(fb, dtype, initial, address(y, start), lanes, mask)
        with fb.loop_carry(1, length, [(ty, initial)]) as loop:
            position = fb.sub(start, loop.index) if reverse else loop.index
            item = load_value(fb, dtype, address(x, position), lanes, mask)
            total = combine(fb, op, loop.carried[0], item, inside, lanes)
            store_value(fb, dtype, round_to(fb, dtype, total, lanes), address(y, position), lanes, mask)
            loop.following.append(total)
