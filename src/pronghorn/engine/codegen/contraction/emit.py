"""The kernels of a contraction, and the loops of the main one around its register tile.

The loops are written from the outside in. Where a tile does not divide its axis, everything inside is written again for
the remaining, smaller tile, so that whole tiles carry no test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial, reduce

from pronghorn.engine.codegen.arguments import base_pointer
from pronghorn.engine.codegen.builder import ModuleBuilder, Operand
from pronghorn.engine.codegen.contraction.channelwise import ChannelwiseGradient, ChannelwisePlan
from pronghorn.engine.codegen.contraction.channelwise import gradient_kernels as channelwise_gradient
from pronghorn.engine.codegen.contraction.channelwise.kernels import emit_results
from pronghorn.engine.codegen.contraction.combine import emit_combine
from pronghorn.engine.codegen.contraction.few_filters import FewFiltersPlan
from pronghorn.engine.codegen.contraction.few_filters.kernels import emit_few_filters
from pronghorn.engine.codegen.contraction.few_rows import FewRowsPlan
from pronghorn.engine.codegen.contraction.few_rows.emit import emit_few_rows
from pronghorn.engine.codegen.contraction.nest import split_unit
from pronghorn.engine.codegen.contraction.pack import emit_pack
from pronghorn.engine.codegen.contraction.pairs import PairPlan, emit_pairs
from pronghorn.engine.codegen.contraction.plan import Level, Plan
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.contraction.tile import Context, Epilogue, State, TileEpilogue, TileWriter
from pronghorn.engine.codegen.contraction.tiling import REMAINDER_ROWS
from pronghorn.engine.codegen.contraction.unit_rows import RowSums, units_in_groups
from pronghorn.engine.codegen.contraction.winograd import FilterGradientPlan, WidePlan, WinogradPlan
from pronghorn.engine.codegen.contraction.winograd.gaps import emit_gaps
from pronghorn.engine.codegen.contraction.winograd.gradient_kernels import accumulate, emit_chunk_sums, emit_sums
from pronghorn.engine.codegen.contraction.winograd.kernels import emit_filters, emit_tiles
from pronghorn.engine.codegen.contraction.winograd.wide_kernels import emit_all_tiles, emit_wide
from pronghorn.engine.codegen.contraction.zero_rows import emit_runs
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.codegen.units import Count

__all__ = ["AnyPlan", "emit"]

AnyPlan = (
    Plan
    | PairPlan
    | WinogradPlan
    | WidePlan
    | FilterGradientPlan
    | ChannelwisePlan
    | ChannelwiseGradient
    | FewFiltersPlan
    | FewRowsPlan
)


def emit(
    module: ModuleBuilder,
    name: str,
    plan: AnyPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None = None,
    tile_epilogue: TileEpilogue | None = None,
    scratch_slots: Sequence[int] = (),
    epilogue_code: int = 0,
    beside: Sequence[tuple[int, str, bool]] = (),
    row_sums: RowSums | None = None,
) -> list[str]:
    """Writes a plan's kernels into a module; returns their names, in the order of ``plan.kernels``.

    Each is ``void @name(ptr %bufs, ptr %dims, i64 %begin, i64 %end)`` and computes units ``begin`` to ``end``; they run
    one after another, each when all units of the one before are done. Run-time extents are in the slots that ``tables``
    give them; ``scratch_slots`` are the slots of ``plan.scratch``.
    Without an epilogue the sums are stored to C; ``epilogue_code`` says about how much code it takes, in additions, and
    ``beside`` which arrays it touches where C has the same element: slots, dtypes, and whether they are written.
    ``row_sums`` is told of each group of units before its results come to the epilogue, where a plan has ``unit_rows``.
    Raises ValueError for missing scratch slots, or a tile epilogue on a plan that was not made for one.
    """
    if len(scratch_slots) != len(plan.scratch):
        raise ValueError(f"The plan needs {len(plan.scratch)} scratch slots ({plan.scratch}), got {scratch_slots}.")
    if isinstance(plan, ChannelwisePlan):
        emit_results(module, name, plan, machine, tables, epilogue, epilogue_code, beside, row_sums)
        return [name]
    if isinstance(plan, ChannelwiseGradient):
        return _emit_channelwise_gradient(module, name, plan, machine, tables, epilogue, scratch_slots[0])
    if isinstance(plan, FewFiltersPlan):
        return emit_few_filters(module, name, plan, machine, tables, epilogue, scratch_slots)
    if isinstance(plan, FewRowsPlan):
        return emit_few_rows(module, name, plan, machine, tables, epilogue, scratch_slots)
    if isinstance(plan, FilterGradientPlan):
        return _emit_filter_gradient(module, name, plan, machine, tables, epilogue, scratch_slots[0])
    if isinstance(plan, WidePlan):
        return _emit_wide(module, name, plan, machine, tables, epilogue, scratch_slots, row_sums)
    if isinstance(plan, WinogradPlan):
        return _emit_winograd(module, name, plan, machine, tables, epilogue, tile_epilogue, scratch_slots, row_sums)
    if tile_epilogue and (isinstance(plan, PairPlan) or not plan.multiples or plan.chunks):
        raise ValueError("An epilogue over whole tiles needs a plan made with `multiples`.")
    scratch = {buffer.purpose: slot for buffer, slot in zip(plan.scratch, scratch_slots, strict=True)}
    if isinstance(plan, PairPlan):
        return emit_pairs(module, name, plan, machine, tables, epilogue, scratch)
    names = []
    for kernel in plan.kernels:
        kernel_name = f"{name}.{kernel.role}" if len(plan.kernels) > 1 else name
        if kernel.role == "pack":
            emit_pack(module, kernel_name, plan, machine, tables, scratch["packed B"])
        elif kernel.role == "pack_a":
            emit_pack(module, kernel_name, plan.of_rows(), machine, tables, scratch["packed A"])
        elif kernel.role == "runs":
            emit_runs(module, kernel_name, plan, tables, scratch["runs"])
        elif kernel.role == "combine":
            emit_combine(module, kernel_name, plan, machine, tables, scratch["partial sums"], epilogue)
        else:
            _Main(module, kernel_name, plan, machine, tables, scratch).write(
                epilogue, tile_epilogue, epilogue_code, beside, row_sums
            )
        names.append(kernel_name)
    return names


def _emit_channelwise_gradient(
    module: ModuleBuilder,
    name: str,
    plan: ChannelwiseGradient,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    slot: int,
) -> list[str]:
    names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
    channelwise_gradient.emit_sums(module, names[0], plan, machine, tables, slot)
    channelwise_gradient.emit_chunk_sums(module, names[1], plan, machine, tables, slot, epilogue)
    return names


def _emit_winograd(
    module: ModuleBuilder,
    name: str,
    plan: WinogradPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    tile_epilogue: TileEpilogue | None,
    scratch: Sequence[int],
    row_sums: RowSums | None,
) -> list[str]:
    (product,) = emit(module, f"{name}.product", plan.product, machine, tables)
    names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
    emit_gaps(module, names[0], plan, tables, scratch[0])
    emit_filters(module, names[1], plan, machine, tables, scratch)
    emit_tiles(module, names[2], plan, machine, tables, scratch, product, epilogue, tile_epilogue, row_sums)
    return names


def _emit_wide(
    module: ModuleBuilder,
    name: str,
    plan: WidePlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    scratch: Sequence[int],
    row_sums: RowSums | None,
) -> list[str]:
    (product,) = emit(module, f"{name}.product", plan.product, machine, tables, accumulate)
    names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
    emit_gaps(module, names[0], plan, tables, scratch[0])
    emit_all_tiles(module, names[1], plan, machine, tables, scratch)
    emit_wide(module, names[2], plan, machine, tables, scratch, product, epilogue, row_sums)
    return names


def _emit_filter_gradient(
    module: ModuleBuilder,
    name: str,
    plan: FilterGradientPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    slot: int,
) -> list[str]:
    (product,) = emit(module, f"{name}.product", plan.product, machine, tables, accumulate)
    names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
    emit_sums(module, names[0], plan, machine, tables, slot, product)
    emit_chunk_sums(module, names[1], plan, machine, tables, slot, epilogue)
    return names


class _Main:
    """Writes the main kernel."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: Plan,
        machine: HasFeatures,
        tables: Tables,
        scratch: dict[str, int],
    ) -> None:
        self.plan = plan
        self.context = Context(module, name, plan, machine, tables, scratch)
        self.fb = self.context.fb

    def write(
        self,
        epilogue: Epilogue | None,
        tile_epilogue: TileEpilogue | None,
        epilogue_code: int,
        beside: Sequence[tuple[int, str, bool]],
        row_sums: RowSums | None,
    ) -> None:
        self.context.epilogue = None if self.plan.chunks else epilogue
        self.context.epilogue_code = epilogue_code
        self.context.tile_epilogue = tile_epilogue
        self.context.find_past()
        self.context.row_sums = None if self.plan.chunks else row_sums
        if beside and not self.plan.chunks:
            self.context.beside = tuple(
                (base_pointer(self.fb, slot), dtype, written) for slot, dtype, written in beside
            )
        fb, plan = self.fb, self.plan
        outer = plan.levels[: plan.unit_levels]
        counts = [self._count(level) for level in outer]
        if row_sums is not None and row_sums.together == 1 and plan.vector in [level.axis for level in outer]:
            with fb.loop("%begin", "%end") as unit:
                indices = split_unit(fb, unit, counts)
                self._begin(row_sums, outer, counts, indices)
                self._level(0, indices, State())
        else:
            total = partial(reduce, fb.mul, counts, 1)
            with units_in_groups(fb, row_sums, total, self.context.extent[plan.vector.name]) as unit:
                self._level(0, split_unit(fb, unit, counts), State())
        fb.ret()

    def _begin(
        self, row_sums: RowSums, outer: Sequence[Level], counts: Sequence[Operand], indices: Sequence[Operand]
    ) -> None:
        """Tells which rows and columns of C a unit has, if not all columns."""
        fb, extent = self.fb, self.context.extent[self.plan.vector.name]
        row: Operand = 0
        first: Operand = 0
        last = extent
        for level, count, index in zip(outer, counts, indices, strict=True):
            if level.axis is self.plan.vector:
                first = fb.mul(index, level.step)
                last = fb.min(fb.add(first, level.step), extent)
            else:
                row = fb.add(fb.mul(row, count), index)
        row_sums.begin(fb, row, first, last)

    def _count(self, level: Level) -> Operand:
        if level.axis is None:
            return self.context.chunk_count
        return self.context.slots.count(Count(level.axis.extent, level.step))

    def _level(self, number: int, unit: list[Operand], state: State) -> None:
        """Writes the loop of one level, or its share of the unit, with everything inside it."""
        if number == len(self.plan.levels):
            TileWriter(self.context, state).write()
            return
        level = self.plan.levels[number]
        index = unit[number] if number < self.plan.unit_levels else None
        if level.axis is None:
            if index is None:
                with self.fb.loop(0, self.context.chunk_count) as chunk:
                    self._level(number + 1, unit, replace(state, chunk=chunk))
            else:
                self._level(number + 1, unit, replace(state, chunk=index))
            return
        if level.axis.reduced:
            self._block(level.axis, level.step, lambda inside: self._level(number + 1, unit, inside), state)
            return
        self._along(level, level.axis, index, lambda inside: self._level(number + 1, unit, inside), state)

    def _block(self, axis: Axis, step: int, inside: Callable[[State], None], state: State) -> None:
        """A loop over a summed axis: each block adds to the sums of those before. The first is there even if empty."""
        fb = self.fb
        start, stop = self.context.range_of(axis, state.chunk)
        surely = isinstance(start, int) and isinstance(stop, int) and start < stop
        with fb.loop(start, stop if surely else fb.max(stop, fb.add(start, 1)), step) as here:
            first = fb.cmp("eq", "i64", here, start)
            if surely and step == 1:
                inside(state.at(fb, axis, here, first))
            else:
                inside(state.within(fb, axis, (here, fb.min(fb.add(here, step), stop)), first))

    def _along(
        self, level: Level, axis: Axis, index: Operand | None, inside: Callable[[State], None], state: State
    ) -> None:
        fb, extent, step = self.fb, self.context.extent[axis.name], level.step
        if axis.name in state.ranges:
            self._of_block(level, axis, inside, state)
            return
        if level.step > self.plan.tile.factor(axis.name) and axis is not self.plan.vector:
            blocks = fb.ceil_div(extent, step)
            with ExitStack() as stack:
                block = stack.enter_context(fb.loop(0, blocks)) if index is None else index
                start = fb.mul(block, step)
                inside(state.within_block(axis, (start, fb.min(fb.add(start, step), extent))))
            return
        whole = fb.mul(fb.div(extent, step), step)
        divides = whole == extent or step == 1
        if index is None:
            if whole != 0:
                with fb.loop(0, whole, step) as start:
                    inside(state.along(axis, start, step))
            if not divides:
                self._rest(axis, whole, step, inside, state)
            return
        start = fb.mul(index, step)
        if divides:
            inside(state.along(axis, start, step))
        elif whole == 0:
            self._rest(axis, 0, step, inside, state)
        else:
            with fb.if_else(fb.cmp("slt", "i64", start, whole)) as (yes, no):
                with yes:
                    inside(state.along(axis, start, step))
                with no:
                    self._rest(axis, whole, step, inside, state)

    def _of_block(self, level: Level, axis: Axis, inside: Callable[[State], None], state: State) -> None:
        """The steps of an axis that belong to a block of it."""
        fb, step, extent = self.fb, level.step, self.context.extent[axis.name]
        begin, end = state.ranges[axis.name]
        whole = fb.add(begin, fb.mul(fb.div(fb.sub(end, begin), step), step))
        if self.plan.pack_near:
            inside(state.along(axis, begin, step).packing())
            begin = fb.add(begin, step)
        with fb.loop(begin, whole, step) as start:
            inside(state.along(axis, start, step))
        if isinstance(extent, int):
            if extent % step:
                left = extent % step
                with fb.if_(fb.cmp("slt", "i64", whole, end)):
                    inside(state.along(axis, extent - left, left))
            return
        small = min(step, REMAINDER_ROWS)
        with fb.loop(whole, end, small) as start:
            inside(state.along(axis, start, small, fb.sub(extent, start)))

    def _rest(self, axis: Axis, whole: Operand, step: int, inside: Callable[[State], None], state: State) -> None:
        """What whole tiles leave of an axis: an exact tile if that is known now, else small tiles cut to fit."""
        fb, extent = self.fb, self.context.extent[axis.name]
        if isinstance(extent, int) and isinstance(whole, int):
            inside(state.along(axis, whole, extent - whole))
            return
        small = self.context.lanes if axis is self.plan.vector else min(step, REMAINDER_ROWS)
        with fb.loop(whole, extent, small) as start:
            inside(state.along(axis, start, small, fb.sub(extent, start)))
