"""The kernels before and after the main one: B copied into panels, and partial sums added up.

A panel holds, for each step of the summed axes, the elements of B that a register tile's vectors take: adjacent,
padded with zeros to whole vectors, and one step after the other. Partial sums lie chunk after chunk, each a dense copy
of C with the vector axis innermost, padded to whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, llvm_type, vec
from pronghorn.codegen.contraction.nest import (
    Coordinates,
    Place,
    Sizes,
    base_pointer,
    begin_kernel,
    split_unit,
    store_elements,
    zero,
)
from pronghorn.codegen.contraction.plan import PACK_DEPTH, Plan, combine_counts, pack_counts
from pronghorn.codegen.contraction.spec import Count, Size
from pronghorn.codegen.convert import HasFeatures, storage_type

__all__ = ["emit_combine", "emit_pack", "packed_strides", "partial_strides"]


def packed_strides(fb: FunctionBuilder, sizes: Sizes, plan: Plan) -> dict[str, Operand]:
    """The strides of B's axes in its panels.

    That of the vector axis counts whole panels: it is to be multiplied with a coordinate at which a panel starts.
    """
    strides: dict[str, Operand] = {}
    stride: Operand = plan.panel
    if plan.dot:  # one panel: the vector axis runs innermost, padded
        stride = fb.mul(sizes.count(Count(plan.vector.extent, plan.panel)), plan.panel)
        strides[plan.vector.name] = 1
    for axis in reversed(plan.depth_b()):
        strides[axis.name] = stride
        stride = fb.mul(stride, sizes[axis.extent])
    if not plan.dot:
        strides[plan.vector.name] = sizes.product([axis.extent for axis in plan.depth_b()])
        stride = fb.mul(stride, sizes.count(Count(plan.vector.extent, plan.panel)))
    for axis in reversed(plan.outer_b()):
        strides[axis.name] = stride
        stride = fb.mul(stride, sizes[axis.extent])
    return strides


def partial_strides(fb: FunctionBuilder, sizes: Sizes, plan: Plan) -> tuple[dict[str, Operand], Operand]:
    """The strides of C's axes within a chunk's partial sums, and the stride from chunk to chunk."""
    strides: dict[str, Operand] = {plan.vector.name: 1}
    stride = fb.mul(sizes.count(Count(plan.vector.extent, plan.tile.lanes)), plan.tile.lanes)
    for axis in reversed(plan.free()[:-1]):
        strides[axis.name] = stride
        stride = fb.mul(stride, sizes[axis.extent])
    return strides, stride


def _all_sizes(plan: Plan) -> list[Size]:
    spec = plan.spec
    sizes: list[Size] = [spec.a.offset, spec.b.offset, spec.c.offset]
    for axis in spec.axes:
        sizes += [axis.extent, axis.a, axis.b, axis.c, *(extent for _, extent in axis.parts)]
    return sizes


def _dot(fb: FunctionBuilder, pairs: list[tuple[Operand, Operand]]) -> Operand:
    total: Operand = 0
    for index, stride in pairs:
        total = fb.add(total, fb.mul(index, stride))
    return total


# -- packing B ---------------------------------------------------------------------------------------------------------


def emit_pack(module: ModuleBuilder, name: str, plan: Plan, slot: int) -> None:
    """Writes the kernel that copies B into panels."""
    fb = begin_kernel(module, name)
    sizes = Sizes(fb, _all_sizes(plan))
    spec = plan.spec
    source = fb.gep(storage_type(spec.b.dtype), base_pointer(fb, spec.b.slot), sizes[spec.b.offset])
    target = base_pointer(fb, slot)
    strides = packed_strides(fb, sizes, plan)
    outer, depth = plan.outer_b(), plan.depth_b()
    counts = [sizes.count(count) for count in pack_counts(plan)]
    with fb.loop("%begin", "%end") as unit:
        indices = split_unit(fb, unit, counts)
        panel = indices[len(outer)]
        steps = indices[len(outer) + 1 :]
        inner = depth[-1] if depth and not plan.dot else None
        around = list(zip((*outer, *(depth[:-1] if inner else depth)), (*indices[: len(outer)], *steps), strict=False))
        from_here = _dot(fb, [(index, sizes[axis.b]) for axis, index in around])
        to_here = _dot(fb, [(index, strides[axis.name]) for axis, index in around])
        if plan.dot:
            width = fb.mul(sizes.count(Count(plan.vector.extent, plan.panel)), plan.panel)
            _copy(fb, plan, sizes, source, target, from_here, to_here, sizes[plan.vector.extent], width, (0, 1), None)
            continue_with = None
        else:
            first = fb.mul(panel, plan.panel)
            from_here = fb.add(from_here, fb.mul(first, sizes[plan.vector.b]))
            to_here = fb.add(to_here, fb.mul(first, strides[plan.vector.name]))
            valid = fb.min(fb.sub(sizes[plan.vector.extent], first), plan.panel)
            span: tuple[Operand, Operand] = (0, 1)
            if inner:
                begin = fb.mul(steps[-1], PACK_DEPTH)
                span = begin, fb.min(fb.add(begin, PACK_DEPTH), sizes[inner.extent])
            continue_with = inner
            _copy(fb, plan, sizes, source, target, from_here, to_here, valid, plan.panel, span, continue_with)
    fb.ret()


def _copy(
    fb: FunctionBuilder,
    plan: Plan,
    sizes: Sizes,
    source: str,
    target: str,
    from_here: Operand,
    to_here: Operand,
    valid: Operand,
    width: Operand,
    span: tuple[Operand, Operand],
    inner: object,
) -> None:
    """Copies ``valid`` elements along the vector axis, and zeros up to ``width``, for each step of ``span``."""
    scalar = storage_type(plan.spec.b.dtype)
    inner_stride: Operand = sizes[plan.depth_b()[-1].b] if inner else 0
    along: Operand = sizes[plan.vector.b]
    if along == 1 and not plan.dot:
        lanes = plan.tile.lanes
        ty = vec(scalar, lanes)
        with fb.loop(*span) as step:
            row = fb.gep(scalar, source, fb.add(from_here, fb.mul(step, inner_stride)))
            out = fb.gep(scalar, target, fb.add(to_here, fb.mul(step, width)))
            for v in range(plan.tile.vectors):
                left = fb.max(fb.sub(valid, v * lanes), 0)
                value = fb.masked_load(ty, fb.gep(scalar, row, v * lanes), fb.mask_first(left, lanes))
                fb.store(ty, value, fb.gep(scalar, out, v * lanes))
        return
    # Element by element, the summed axis innermost: where B is transposed, that one reads adjacent elements.
    with fb.loop(0, valid) as lane:
        row = fb.gep(scalar, source, fb.add(from_here, fb.mul(lane, along)))
        out = fb.gep(scalar, target, fb.add(to_here, lane))
        with fb.loop(*span) as step:
            value = fb.load(scalar, fb.gep(scalar, row, fb.mul(step, inner_stride)))
            fb.store(scalar, value, fb.gep(scalar, out, fb.mul(step, width)))
    with fb.loop(valid, width) as lane:
        out = fb.gep(scalar, target, fb.add(to_here, lane))
        with fb.loop(*span) as step:
            fb.store(scalar, zero_of(scalar), fb.gep(scalar, out, fb.mul(step, width)))


def zero_of(scalar: str) -> str:
    """Zero of a storage type."""
    return "0.0" if scalar in ("float", "double") else "0"


# -- adding up partial sums --------------------------------------------------------------------------------------------


def emit_combine(
    module: ModuleBuilder,
    name: str,
    plan: Plan,
    machine: HasFeatures,
    slot: int,
    epilogue: Callable[[FunctionBuilder, str, str, Place], None] | None,
) -> None:
    """Writes the kernel that adds the chunks' partial sums, in their order, and hands them to the epilogue."""
    fb = begin_kernel(module, name)
    sizes = Sizes(fb, _all_sizes(plan))
    spec, lanes = plan.spec, plan.tile.lanes
    strides, chunk_stride = partial_strides(fb, sizes, plan)
    partials, c_base = base_pointer(fb, slot), base_pointer(fb, spec.c.slot)
    scalar = llvm_type(spec.sum_dtype)
    ty = vec(scalar, lanes)
    chunks = sizes.count(plan.chunks.count) if plan.chunks else 1
    counts = [sizes.count(count) for count in combine_counts(plan)]
    free = plan.free()
    with fb.loop("%begin", "%end") as unit:
        indices = split_unit(fb, unit, counts)
        values = {axis.name: index for axis, index in zip(free, indices, strict=True)}
        values[plan.vector.name] = fb.mul(values[plan.vector.name], lanes)
        here = fb.gep(scalar, partials, _dot(fb, [(value, strides[key]) for key, value in values.items()]))
        with fb.loop_carry(0, chunks, [(ty, zero(spec.sum_dtype, lanes))]) as loop:
            part = fb.load(ty, fb.gep(scalar, here, fb.mul(loop.index, chunk_stride)))
            opcode = "fadd" if scalar in ("float", "double") else "add"
            loop.following.append(fb.op(opcode, ty, loop.carried[0], part))
        total = loop.results[0]
        place = _combined_place(fb, plan, sizes, values)
        place.store = lambda value, place=place: store_elements(
            fb, value, c_base, place, spec.c, spec.sum_dtype, machine
        )
        if epilogue:
            epilogue(fb, total, ty, place)
        else:
            place.store(total)
    fb.ret()


def _combined_place(fb: FunctionBuilder, plan: Plan, sizes: Sizes, values: dict[str, Operand]) -> Place:
    spec, lanes, vector = plan.spec, plan.tile.lanes, plan.vector
    offset = fb.add(
        sizes[spec.c.offset],
        _dot(fb, [(values[axis.name], sizes[axis.c]) for axis in plan.free()]),
    )
    valid: Operand = lanes
    mask = None
    if not isinstance(vector.extent, int) or vector.extent % lanes:
        valid = fb.min(fb.sub(sizes[vector.extent], values[vector.name]), lanes)
        mask = fb.mask_first(valid, lanes)
    return Place(
        coords=Coordinates(fb, sizes, spec.axes, values),
        offset=offset,
        lanes=lanes,
        valid=valid,
        mask=mask,
        stride=sizes[vector.c],
        axis=vector.names,
        store=lambda value: None,
    )
