"""Where a contraction's kernel is at a place of its result: the values of its loop variables."""

from __future__ import annotations

from itertools import pairwise

from pronghorn.codegen.builder import FunctionBuilder, Operand
from pronghorn.codegen.contraction import Place
from pronghorn.codegen.slots import Slots
from pronghorn.compiler.expr import LoopVar
from pronghorn.compiler.kernels import Axis, ContractionKernel, Part
from pronghorn.graph.dim import Extent


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
    kernel: ContractionKernel, part: Part, fb: FunctionBuilder, place: Place, slots: Slots
) -> list[tuple[LoopVar, Operand]]:
    """(loop variable, value) pairs. Where lanes run along merged axes, the outer ones count in the innermost."""
    merged = place.axis if place.lanes > 1 else ()
    counted = {outer.name for outer in merged[:-1]}
    values: dict[LoopVar, Operand] = dict.fromkeys(kernel.vars, 0)
    for axis in part.axes:
        if axis.output is None or axis.name in counted:
            continue
        var = variable_of(kernel, axis)
        value: Operand = 0
        if merged and axis.name == merged[-1].name:
            for outer, inner in pairwise(merged):
                value = fb.mul(fb.add(value, place.coords[outer.name]), slots.extent(inner.extent))
        if axis.name in place.coords:
            value = fb.add(value, place.coords[axis.name])
        apart = slots.extent(axis.c) if axis.group else axis.step
        values[var] = fb.add(values[var], fb.add(fb.mul(value, apart), axis.first))
    return list(values.items())
