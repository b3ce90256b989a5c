"""Transforming filters: vectors of them, or blocks whose lanes lie apart and are turned first."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.nest import load_elements
from pronghorn.engine.codegen.contraction.pack import transposed
from pronghorn.engine.codegen.contraction.winograd.inputs import store_planes
from pronghorn.engine.codegen.contraction.winograd.shape import Taps, Tiled, rows_of, static
from pronghorn.engine.codegen.contraction.winograd.transforms import ALL, Transforms
from pronghorn.engine.codegen.convert import HasFeatures, storage_type

__all__ = ["taps_offset", "transform_filters", "transform_turned"]


def taps_offset(plan: Tiled, i: int, j: int) -> int:
    """Elements from the first tap in B to the one that meets the tile's input row i and column j."""
    total = 0
    numbered: tuple[tuple[Taps, int], ...] = ((plan.rows, i), (plan.columns, j))
    for pair, number in numbered:
        total += (pair.size - 1 - number if pair.backward else number) * static(pair.taps.b)
    return total


def transform_filters(
    fb: FunctionBuilder,
    plan: Tiled,
    gap: Operand,
    load: Callable[[int, int], str],
    out: str,
    plane: int,
    groups: slice = ALL,
) -> None:
    """Transforms a vector of filters, whose taps ``load`` gives, into planes: those of some ``groups``' points.

    Where there is a ``gap``, the taps of these groups' rows are stored as they are, in order.
    """
    ty = vec("float", plan.lanes)
    with fb.if_else(gap) as (yes, no):
        with yes:
            rows, columns = rows_of(plan.rows, groups), range(plan.columns.size)
            store_planes(fb, ty, ([load(i, j) for j in columns] for i in rows), out, plane)
        with no:
            store_planes(fb, ty, Transforms(fb, ty, plan.pairs).filters(load, groups), out, plane)


def transform_turned(
    fb: FunctionBuilder,
    plan: Tiled,
    machine: HasFeatures,
    gap: Operand,
    pointer: str,
    stride: Operand,
    room: str,
    target: Callable[[Operand], str],
    plane: int,
    groups: slice = ALL,
) -> None:
    """Transforms as many filters as a vector has lanes, of as many channels, where the channels are adjacent in memory.

    Args:
        fb: the function being written.
        plan: the plan.
        machine: for which.
        gap: whether the taps are stored as they are.
        pointer: the first channel of the first filter.
        stride: from one filter to the next.
        room: a buffer for a block of each tap.
        target: where the filters of a channel go.
        plane: from one of their planes to the next.
        groups: of the rows' taps.
    """
    lanes, dtype = plan.lanes, plan.spec.b.dtype
    scalar, ty = storage_type(dtype), vec("float", plan.lanes)
    first = fb.gep(scalar, pointer, taps_offset(plan, 0, 0))
    down, across = (taps_offset(plan, *tap) - taps_offset(plan, 0, 0) for tap in ((1, 0), (0, 1)))
    height, width = plan.rows.size, plan.columns.size
    with fb.loop(0, height) as i, fb.loop(0, width) as j:
        here = fb.opaque(fb.gep(scalar, first, fb.add(fb.mul(i, down), fb.mul(j, across))))
        rows = []
        for lane in range(lanes):
            row = fb.gep(scalar, here, fb.mul(stride, lane))
            rows.append(str(load_elements(fb, row, dtype, "float32", lanes, machine, None)))
        block = fb.gep(ty, room, fb.add(fb.mul(i, width), j))
        for number, column in enumerate(transposed(fb, ty, rows)):
            fb.store(ty, column, fb.gep(ty, block, number * plan.taps))
    with fb.loop(0, lanes) as channel:
        taps = fb.opaque(fb.gep(ty, room, fb.mul(channel, plan.taps)))

        def load(i: int, j: int, taps: str = taps) -> str:
            return fb.load(ty, fb.gep(ty, taps, width * i + j))

        transform_filters(fb, plan, gap, load, target(channel), plane, groups)
