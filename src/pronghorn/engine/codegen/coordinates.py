"""Where a contraction's kernel is at a place of its result: the values of its loop variables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.contraction import Place
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.compiler.expr import LoopVar
from pronghorn.engine.compiler.kernels import Axis, ContractionKernel, Part
from pronghorn.engine.graph.dim import Extent


def variable_of(kernel: ContractionKernel, axis: Axis) -> LoopVar:
    """The loop variable of an axis of the result."""
    assert axis.output is not None
    return kernel.vars[axis.output]


def lanes_along(kernel: ContractionKernel, place: Place) -> tuple[LoopVar | None, Extent]:
    """The loop variable that differs from lane to lane, and by how much: along groups, by a whole group's channels."""
    if not place.axis or place.lanes == 1:
        return None, 1
    axis = place.axis[-1]
    return variable_of(kernel, axis), axis.c if axis.group else axis.step


def coordinates(
    kernel: ContractionKernel,
    part: Part,
    fb: FunctionBuilder,
    place: Place,
    slots: Slots,
    is_one_stride: Callable[[Axis, Axis], bool] | None = None,
) -> list[tuple[LoopVar, Operand]]:
    """(loop variable, value) pairs.

    Where lanes run along merged axes, the outer ones count in the innermost; so do those of other merged axes, the
    outer and the inner, of which ``is_one_stride`` says that nothing tells them apart.
    """
    along = place.axis if place.lanes > 1 else ()
    counts_on = {(outer.name, inner.name) for outer, inner in pairwise(along)}
    if is_one_stride is not None:
        merged = place.coords.merged()
        counts_on |= {(outer.name, inner.name) for outer, inner in merged if is_one_stride(outer, inner)}
    values: dict[LoopVar, Operand] = dict.fromkeys(kernel.vars, 0)
    outermost = {outer for outer, _ in counts_on}
    for axis in part.axes:
        if axis.output is None or axis.name in outermost:
            continue
        var = variable_of(kernel, axis)
        value: Operand = place.coords.counted(axis.name, counts_on) if axis.name in place.coords else 0
        apart = slots.extent(axis.c) if axis.group else axis.step
        values[var] = fb.add(values[var], fb.add(fb.mul(value, apart), axis.first))
    return list(values.items())
