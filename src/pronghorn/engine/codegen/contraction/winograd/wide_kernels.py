"""The kernels of a wide plan: one transforms all tiles; a unit of the other takes a group of them and some filters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import linear, load_elements, split_unit
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.unit_rows import RowSums
from pronghorn.engine.codegen.contraction.winograd.filters import taps_offset, transform_filters, transform_turned
from pronghorn.engine.codegen.contraction.winograd.gaps import has_gaps, negate
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import sums_of
from pronghorn.engine.codegen.contraction.winograd.inputs import position, transform_inputs
from pronghorn.engine.codegen.contraction.winograd.results import ResultWriter
from pronghorn.engine.codegen.contraction.winograd.shape import Phase, rows_of, static
from pronghorn.engine.codegen.contraction.winograd.wide_plan import ROWS, WidePlan
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.units import Count

__all__ = ["emit_all_tiles", "emit_wide"]


def emit_all_tiles(
    module: ModuleBuilder, name: str, plan: WidePlan, machine: HasFeatures, tables: Tables, scratch: Sequence[int]
) -> None:
    """Writes the kernel that transforms the tiles: [group, channel block, point, tile, channel].

    A unit is a tile. ``scratch`` are the slots of the plan's.
    """
    fb = start_kernel(module, name)
    gaps, slot = scratch
    gap = has_gaps(fb, plan, gaps)
    slots, spec = Slots(fb, tables), plan.spec
    scalar = storage_type(spec.a.dtype)
    origin = fb.gep(scalar, base_pointer(fb, spec.a.slot), slots.extent(spec.a.offset))
    out = base_pointer(fb, slot)
    counts = [*(slots.count(Count(axis.extent)) for axis in plan.images), plan.tiles_of_image]
    with fb.loop("%begin", "%end") as unit:
        *images, tile = split_unit(fb, unit, counts)
        terms = [(index, slots.extent(axis.a)) for axis, index in zip(plan.images, images, strict=True)]
        image, at = fb.gep(scalar, origin, linear(fb, terms)), position(fb, plan, tile)
        group, inside = fb.div(unit, plan.tiles), fb.rem(unit, plan.tiles)
        with fb.loop(0, plan.channel_blocks) as block:
            number = fb.add(fb.mul(group, plan.channel_blocks), block)
            where = fb.add(fb.mul(number, plan.points * plan.input_plane), fb.mul(inside, plan.depth))
            source = fb.gep(scalar, image, fb.mul(block, plan.depth))
            transform_inputs(fb, plan, machine, source, at, fb.gep("float", out, where), gap=gap)
    fb.ret()


def emit_wide(
    module: ModuleBuilder,
    name: str,
    plan: WidePlan,
    machine: HasFeatures,
    tables: Tables,
    scratch: Sequence[int],
    product: str,
    epilogue: Epilogue | None,
    row_sums: RowSums | None,
) -> None:
    """Writes the main kernel. ``product`` is the name of that of ``plan.product``; ``scratch`` are the plan's slots."""
    _Wide(module, name, plan, machine, tables, scratch, product, epilogue, row_sums).write()


class _Wide:
    """Writes the main kernel; a unit is a group of tiles and a block of filters."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: WidePlan,
        machine: HasFeatures,
        tables: Tables,
        scratch: Sequence[int],
        product: str,
        epilogue: Epilogue | None,
        row_sums: RowSums | None,
    ) -> None:
        self.plan, self.machine, self.product = plan, machine, product
        fb = self.fb = start_kernel(module, name)
        self.slots = Slots(fb, tables)
        self.ty = vec("float", plan.lanes)
        self.results = ResultWriter(fb, self.slots, plan, plan.vector, machine, epilogue, row_sums=row_sums)
        gaps, slot = scratch
        self.gap = has_gaps(fb, plan, gaps)
        self.inputs = base_pointer(fb, slot)
        self.filters = fb.alloca("float", plan.points_at_a_time * plan.filter_plane, align=64)
        self.products = fb.alloca("float", plan.points_at_a_time * plan.product_plane, align=64)
        kept = plan.rows.step * plan.columns.step * plan.kept_plane if len(plan.phases) > 1 else 1
        self.kept = fb.alloca("float", kept, align=64)
        self.room = fb.alloca(self.ty, plan.taps * plan.lanes, align=64)
        self.table = fb.alloca("ptr", 3, align=8)

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        groups, all_tiles = self.slots.count(plan.groups), self.slots.extent(plan.all_tiles)
        with fb.loop("%begin", "%end") as unit:
            block, group = fb.div(unit, groups), fb.rem(unit, groups)
            first, column = fb.mul(group, plan.tiles), fb.mul(block, plan.width)
            last = fb.min(fb.sub(all_tiles, first), plan.tiles)
            if self.results.row_sums is not None:
                self.results.row_sums.begin(fb, group, column, fb.add(column, plan.width))
            for phase in plan.phases:
                self._phase(phase, group, last, column)
                with fb.loop(0, last) as number:
                    self._finish(phase, fb.add(first, number), number, column)
        fb.ret()

    def _phase(self, phase: Phase, group: Operand, last: Operand, column: Operand) -> None:
        """The products of the group's tiles up to ``last`` at some points."""
        fb, plan = self.fb, self.plan
        with fb.loop(0, phase.points * plan.product_plane, plan.lanes) as at:
            fb.store(self.ty, literal(0.0, self.ty), fb.gep("float", self.products, at))
        with fb.loop(0, plan.channel_blocks) as channels:
            self._transform(phase, fb.mul(channels, plan.depth), column)
            inputs = fb.mul(fb.add(fb.mul(group, plan.channel_blocks), channels), plan.points * plan.input_plane)
            with fb.if_else(self.gap) as (yes, no):
                with yes:
                    self._add_up(phase, inputs, last)
                with no:
                    inputs = fb.add(inputs, phase.first * plan.input_plane)
                    with fb.loop(0, phase.points) as point, fb.loop(0, last, ROWS) as number:
                        self._multiply(inputs, number, point, point, point)
        with fb.if_(self.gap):
            sums = sums_of(plan, phase.groups.start or 0)
            negate(fb, self.ty, self.products, sums, plan.product_plane, plan.tiles * plan.width, plan.lanes)

    def _add_up(self, phase: Phase, inputs: Operand, last: Operand) -> None:
        """The products where filters have a gap: plain sums over the taps of the phase's rows."""
        fb, plan = self.fb, self.plan
        sums, rows = sums_of(plan, phase.groups.start or 0), rows_of(plan.rows, phase.groups)
        for row, column in sums.places():
            with fb.loop(0, len(rows)) as i, fb.loop(0, plan.columns.size) as j:
                at = fb.add(fb.mul(i, rows.step), rows.start)
                read = sums.read(fb, plan, (row, column), (at, j))
                tap = fb.add(fb.mul(i, plan.columns.size), j)
                with fb.loop(0, last, ROWS) as number:
                    self._multiply(inputs, number, read, tap, sums.plane(row, column))

    def _multiply(self, inputs: Operand, number: Operand, read: Operand, factor: Operand, into: Operand) -> None:
        """Adds a block of channels, from ``inputs`` on, to products of some tiles from ``number`` on.

        The planes are those of the inputs that are ``read``, of the filters and of the products.
        """
        fb, plan = self.fb, self.plan
        source = fb.add(fb.add(inputs, fb.mul(read, plan.input_plane)), fb.mul(number, plan.depth))
        target = fb.add(fb.mul(into, plan.product_plane), fb.mul(number, plan.width))
        filters = fb.mul(factor, plan.filter_plane)
        operands = (self.inputs, source), (self.filters, filters), (self.products, target)
        for place, (base, offset) in enumerate(operands):
            fb.store("ptr", fb.gep("float", base, offset), fb.gep("ptr", self.table, place))
        units = plan.product.kernels[0].units.evaluate({})
        fb.call(self.product, "void", [("ptr", self.table), ("ptr", "%dims"), ("i64", 0), ("i64", units)])

    def _transform(self, phase: Phase, channel: Operand, column: Operand) -> None:
        """A block of filters, of a block of channels, to the buffer: [points, channels, filters]."""
        fb, plan, spec = self.fb, self.plan, self.plan.spec
        scalar, lanes = storage_type(spec.b.dtype), plan.lanes
        along, across = self.slots.extent(plan.channels.b), self.slots.extent(plan.vector.b)
        base = fb.gep(scalar, base_pointer(fb, spec.b.slot), self.slots.extent(spec.b.offset))
        base = fb.gep(scalar, base, fb.add(fb.mul(channel, along), fb.mul(column, across)))
        turned = across != 1 and along == 1
        with fb.loop(0, plan.depth, lanes if turned else 1) as i, fb.loop(0, plan.width, lanes) as j:
            here = fb.gep(scalar, base, fb.add(fb.mul(i, along), fb.mul(j, across)))
            out = fb.gep("float", self.filters, fb.add(fb.mul(i, plan.width), j))
            if turned:

                def target(channel: Operand, out: str = out) -> str:
                    return fb.gep("float", out, fb.mul(channel, plan.width))

                plane, groups = plan.filter_plane, phase.groups
                transform_turned(fb, plan, self.machine, self.gap, here, across, self.room, target, plane, groups)
            else:
                transform_filters(fb, plan, self.gap, partial(self._tap, here), out, plan.filter_plane, phase.groups)

    def _tap(self, here: str, i: int, j: int) -> str:
        fb, dtype = self.fb, self.plan.spec.b.dtype
        pointer = fb.gep(storage_type(dtype), here, taps_offset(self.plan, i, j))
        return str(load_elements(fb, pointer, dtype, "float32", self.plan.lanes, self.machine, None))

    def _finish(self, phase: Phase, tile: Operand, number: Operand, column: Operand) -> None:
        """The results of the group's tile ``number``, for the block of filters from ``column`` on.

        What the points before the last turn give is kept until then.
        """
        fb, plan = self.fb, self.plan
        counts = [*(self.slots.count(Count(axis.extent)) for axis in plan.images), plan.tiles_of_image]
        *images, inside = split_unit(fb, tile, counts)
        start = {axis.name: index for axis, index in zip(plan.images, images, strict=True)}
        source, several = fb.mul(number, plan.width), len(plan.phases) > 1
        with fb.loop(0, static(plan.vector.extent), plan.lanes) as first:
            here = fb.add(source, first)
            results = self.results.read(fb.gep("float", self.products, here), plan.product_plane, phase.groups)
            kept = fb.opaque(fb.gep("float", self.kept, here)) if several else ""
            for i, line in enumerate(results):
                for j, value in enumerate(line):
                    place = (i * plan.columns.step + j) * plan.kept_plane
                    if phase != plan.phases[0]:
                        before = fb.load(self.ty, fb.gep("float", kept, place))
                        line[j] = value = fb.op("fadd", self.ty, before, value)
                    if phase != plan.phases[-1]:
                        fb.store(self.ty, value, fb.gep("float", kept, place))
            if phase == plan.phases[-1]:
                values = {**start, plan.vector.name: fb.add(column, first)}
                self.results.give(results, position(fb, plan, inside), values, plan.lanes)
