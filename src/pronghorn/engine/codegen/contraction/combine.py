"""The kernel after the main one where a reduction was split: the chunks' partial sums added up.

Partial sums lie chunk after chunk, each a dense copy of C with the vector axis innermost, padded to whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, llvm_type, vec
from pronghorn.engine.codegen.contraction.nest import (
    Coordinates,
    Place,
    linear,
    split_unit,
    store_elements,
    zero,
)
from pronghorn.engine.codegen.contraction.plan import Plan, combine_counts
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import MOST_WRITTEN, Slots, Tables
from pronghorn.engine.codegen.units import Count

__all__ = ["emit_combine", "partial_strides"]


def partial_strides(fb: FunctionBuilder, slots: Slots, plan: Plan) -> tuple[dict[str, Operand], Operand]:
    """The strides of C's axes within a chunk's partial sums, and the stride from chunk to chunk."""
    strides: dict[str, Operand] = {plan.vector.name: 1}
    stride = fb.mul(slots.count(Count(plan.vector.extent, plan.tile.lanes)), plan.tile.lanes)
    for axis in reversed(plan.free()[:-1]):
        strides[axis.name] = stride
        stride = fb.mul(stride, slots.extent(axis.extent))
    return strides, stride


def emit_combine(
    module: ModuleBuilder,
    name: str,
    plan: Plan,
    machine: HasFeatures,
    tables: Tables,
    slot: int,
    epilogue: Callable[[FunctionBuilder, str, str, Place], None] | None,
) -> None:
    """Writes the kernel: it adds the partial sums (in ``slot``) in the order of the chunks and calls the epilogue."""
    fb = start_kernel(module, name)
    spec, lanes = plan.spec, plan.tile.lanes
    slots = Slots(fb, tables, MOST_WRITTEN)
    strides, chunk_stride = partial_strides(fb, slots, plan)
    partials, c_base = base_pointer(fb, slot), base_pointer(fb, spec.c.slot)
    scalar = llvm_type(spec.sum_dtype)
    ty = vec(scalar, lanes)
    chunks = slots.count(plan.chunks.count) if plan.chunks else 1
    counts = [slots.count(count) for count in combine_counts(plan)]
    with fb.loop("%begin", "%end") as unit:
        indices = split_unit(fb, unit, counts)
        values = {axis.name: index for axis, index in zip(plan.free(), indices, strict=True)}
        values[plan.vector.name] = fb.mul(values[plan.vector.name], lanes)
        here = fb.gep(scalar, partials, linear(fb, [(value, strides[key]) for key, value in values.items()]))
        with fb.loop_carry(0, chunks, [(ty, zero(spec.sum_dtype, lanes))]) as loop:
            part = fb.load(ty, fb.gep(scalar, here, fb.mul(loop.index, chunk_stride)))
            opcode = "fadd" if scalar in ("float", "double") else "add"
            loop.following.append(fb.op(opcode, ty, loop.carried[0], part))
        place = _place(fb, plan, slots, values, c_base, machine)
        if epilogue:
            epilogue(fb, loop.results[0], ty, place)
        else:
            place.store(loop.results[0])
    fb.ret()


def _place(
    fb: FunctionBuilder, plan: Plan, slots: Slots, values: dict[str, Operand], c_base: str, machine: HasFeatures
) -> Place:
    spec, lanes, vector = plan.spec, plan.tile.lanes, plan.vector
    valid: Operand = lanes
    mask = None
    if not isinstance(vector.extent, int) or vector.extent % lanes:
        valid = fb.min(fb.sub(slots.extent(vector.extent), values[vector.name]), lanes)
        mask = fb.mask_first(valid, lanes)
    place = Place(
        coords=Coordinates(fb, slots, spec.axes, values),
        offset=fb.add(
            slots.extent(spec.c.offset), linear(fb, [(values[axis.name], slots.extent(axis.c)) for axis in plan.free()])
        ),
        lanes=lanes,
        valid=valid,
        mask=mask,
        stride=slots.extent(vector.c),
        axis=vector.whole if lanes > 1 else (),
        store=lambda value: store_elements(fb, value, c_base, place, spec.c, spec.sum_dtype, machine),
    )
    return place
