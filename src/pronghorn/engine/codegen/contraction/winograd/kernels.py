"""The kernels of a Winograd plan: one transforms the filters, the other takes blocks of tiles from input to result.

A block's tiles are transformed into a buffer on the stack, multiplied with the transformed filters by the
register-tiled contraction, all matrices at once, and transformed back in registers, where the epilogue takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import (
    linear,
    load_elements,
    split_unit,
)
from pronghorn.engine.codegen.contraction.tile import Epilogue, TileEpilogue
from pronghorn.engine.codegen.contraction.unit_rows import RowSums
from pronghorn.engine.codegen.contraction.winograd.ahead import ask_for_inputs, multiply
from pronghorn.engine.codegen.contraction.winograd.filters import taps_offset, transform_filters, transform_turned
from pronghorn.engine.codegen.contraction.winograd.gaps import clear, has_gaps, negate
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import sums_of
from pronghorn.engine.codegen.contraction.winograd.inputs import position, transform_inputs
from pronghorn.engine.codegen.contraction.winograd.plan import WinogradPlan
from pronghorn.engine.codegen.contraction.winograd.results import ResultWriter
from pronghorn.engine.codegen.contraction.winograd.shape import static
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.units import Count

__all__ = ["emit_filters", "emit_tiles"]


def emit_filters(
    module: ModuleBuilder,
    name: str,
    plan: WinogradPlan,
    machine: HasFeatures,
    tables: Tables,
    scratch: Sequence[int],
) -> None:
    """Writes the kernel that transforms the filters: [points, channels, filters].

    A unit is a channel, or a vector of them if the filters are turned. ``scratch`` are the slots of the plan's.
    """
    fb = start_kernel(module, name)
    gaps, slot = scratch
    gap = has_gaps(fb, plan, gaps)
    spec, lanes = plan.spec, plan.lanes
    slots = Slots(fb, tables)
    scalar, ty = storage_type(spec.b.dtype), vec("float", lanes)
    source = fb.gep(scalar, base_pointer(fb, spec.b.slot), slots.extent(spec.b.offset))
    target = base_pointer(fb, slot)
    extent, stride = slots.extent(plan.vector.extent), slots.extent(plan.vector.b)
    room = fb.alloca(ty, plan.taps * lanes, align=64) if plan.turned else ""
    with fb.loop("%begin", "%end") as unit:
        channel = fb.mul(unit, lanes if plan.turned else 1)
        origin = fb.gep(scalar, source, fb.mul(channel, slots.extent(plan.channels.b)))
        row = fb.gep("float", target, fb.mul(channel, plan.filters))
        with fb.loop(0, extent if plan.turned else plan.filters, lanes) as first:
            here, out = fb.gep(scalar, origin, fb.mul(first, stride)), fb.gep("float", row, first)
            if plan.turned:
                at = lambda n, out=out: fb.gep("float", out, fb.mul(n, plan.filters))  # noqa: E731
                transform_turned(fb, plan, machine, gap, here, stride, room, at, plan.filter_plane)
            else:
                valid = fb.max(fb.min(fb.sub(extent, first), lanes), 0)
                load = partial(_tap, fb, here, stride, valid, plan, machine)
                transform_filters(fb, plan, gap, load, out, plan.filter_plane)
    fb.ret()


def _tap(
    fb: FunctionBuilder,
    here: str,
    stride: Operand,
    valid: Operand,
    plan: WinogradPlan,
    machine: HasFeatures,
    i: int,
    j: int,
) -> str:
    dtype = plan.spec.b.dtype
    pointer = fb.gep(storage_type(dtype), here, taps_offset(plan, i, j))
    return _lanes(fb, pointer, dtype, stride, valid, plan, machine)


def _lanes(
    fb: FunctionBuilder,
    pointer: str,
    dtype: str,
    stride: Operand,
    valid: Operand,
    plan: WinogradPlan,
    machine: HasFeatures,
) -> str:
    """The first ``valid`` of a vector of elements ``stride`` apart, zeros behind them."""
    lanes = plan.lanes
    ty = vec("float", lanes)
    if stride == 1:
        return str(load_elements(fb, pointer, dtype, "float32", lanes, machine, fb.mask_first(valid, lanes)))
    slot = fb.alloca(ty, align=4 * lanes)
    fb.store(ty, literal(0.0, ty), slot)
    with fb.loop(0, valid) as lane:
        at = fb.gep(storage_type(dtype), pointer, fb.mul(lane, stride))
        fb.store("float", load_elements(fb, at, dtype, "float32", 1, machine, None), fb.gep("float", slot, lane))
    return fb.load(ty, slot)


def emit_tiles(
    module: ModuleBuilder,
    name: str,
    plan: WinogradPlan,
    machine: HasFeatures,
    tables: Tables,
    scratch: Sequence[int],
    product: str,
    epilogue: Epilogue | None,
    tile_epilogue: TileEpilogue | None,
    row_sums: RowSums | None,
) -> None:
    """Writes the main kernel. ``product`` is the name of that of ``plan.product``; ``scratch`` are the plan's slots."""
    _Tiles(module, name, plan, machine, tables, scratch, product, epilogue, tile_epilogue, row_sums).write()


class _Tiles:
    """Writes the main kernel; a unit is a block of tiles of one image, with all of the result's channels or a part."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: WinogradPlan,
        machine: HasFeatures,
        tables: Tables,
        scratch: Sequence[int],
        product: str,
        epilogue: Epilogue | None,
        tile_epilogue: TileEpilogue | None,
        row_sums: RowSums | None,
    ) -> None:
        self.plan, self.spec, self.machine, self.product = plan, plan.spec, machine, product
        fb = self.fb = start_kernel(module, name)
        self.slots = Slots(fb, tables)
        self.results = ResultWriter(fb, self.slots, plan, plan.vector, machine, epilogue, tile_epilogue, row_sums)
        spec = plan.spec
        self.a_base = fb.gep(
            storage_type(spec.a.dtype), base_pointer(fb, spec.a.slot), self.slots.extent(spec.a.offset)
        )
        gaps, slot = scratch
        self.gap = has_gaps(fb, plan, gaps)
        self.b_base = base_pointer(fb, slot)
        self.inputs = fb.alloca("float", plan.points * plan.input_plane, align=64)
        self.products = fb.alloca("float", plan.points * plan.product_plane, align=64)
        self.table = self._table(self.inputs, self.b_base, self.products)
        self.one = self._table(self.inputs, self.b_base, self.products)  # of a product that is asked for alone

    def _table(self, *pointers: str) -> str:
        """What the product's kernel gets: its buffers."""
        table = self.fb.alloca("ptr", len(pointers), align=8)
        self._fill(table, *pointers)
        return table

    def _fill(self, table: str, *pointers: str) -> None:
        for number, pointer in enumerate(pointers):
            self.fb.store("ptr", pointer, self.fb.gep("ptr", table, number))

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        counts = [*(self.slots.count(Count(axis.extent)) for axis in plan.images), plan.blocks]
        parts, extent = plan.parts, static(plan.vector.extent)
        shares = plan.filters // plan.width // parts
        last_block = fb.div(fb.sub("%end", 1), parts)
        held = fb.alloca("i64")
        fb.store("i64", -1, held)
        with fb.loop("%begin", "%end") as unit:
            block, part = fb.div(unit, parts), fb.rem(unit, parts)
            column = fb.mul(part, shares * plan.width)
            if self.results.row_sums is not None:
                behind = fb.min(fb.add(column, shares * plan.width), extent)
                self.results.row_sums.begin(fb, block, column, behind)
            start, first = self._place(block, counts)
            following, next_first = self._place(fb.min(fb.add(block, 1), last_block), counts)

            def ask(number: Operand, start: dict[str, Operand] = following, first: Operand = next_first) -> None:
                tile = fb.min(fb.add(first, number), plan.tiles_of_image - 1)
                ask_for_inputs(fb, plan, self._image(start), position(fb, plan, tile))

            with fb.if_(fb.cmp("ne", "i64", block, fb.load("i64", held))):  # the unit before had another one
                fb.store("i64", block, held)
                with fb.loop(0, plan.tiles) as number:
                    self._transform(start, number, fb.min(fb.add(first, number), plan.tiles_of_image - 1))
            for index in range(shares):
                self._columns(start, first, fb.add(column, index * plan.width), None if index else ask)
        fb.ret()

    def _columns(
        self, start: dict[str, Operand], first: Operand, column: Operand, ask: Callable[[Operand], None] | None
    ) -> None:
        """The results of a block of tiles, of as many channels as are taken at a time."""
        fb, plan = self.fb, self.plan
        filters = fb.gep("float", self.b_base, column)
        with fb.if_else(self.gap) as (yes, no):
            with yes:
                self._add_up(filters)
            with no:
                self._fill(self.table, self.inputs, filters, self.products)
                multiply(fb, plan, self.product, self.table, ask)
        last = fb.min(fb.sub(plan.tiles_of_image, first), plan.tiles)
        with fb.loop(0, last) as number:
            self._finish(start, number, fb.add(first, number), column)

    def _place(self, unit: Operand, counts: list[Operand]) -> tuple[dict[str, Operand], Operand]:
        """The image of a unit, and its first tile."""
        *images, block = split_unit(self.fb, unit, counts)
        start = {axis.name: index for axis, index in zip(self.plan.images, images, strict=True)}
        return start, self.fb.mul(block, self.plan.tiles)

    def _image(self, start: dict[str, Operand]) -> str:
        """Where an image of the input begins."""
        fb, axes = self.fb, self.plan.images
        terms = [(index, self.slots.extent(axis.a)) for axis, index in zip(axes, start.values(), strict=True)]
        return fb.gep(storage_type(self.spec.a.dtype), self.a_base, linear(fb, terms))

    def _transform(self, start: dict[str, Operand], number: Operand, tile: Operand) -> None:
        """One tile of the input, all channels, into the buffer."""
        fb, plan = self.fb, self.plan
        target = fb.gep("float", self.inputs, fb.mul(number, plan.depth))
        image, at = self._image(start), position(fb, plan, tile)
        transform_inputs(fb, plan, self.machine, image, at, target, gap=self.gap)

    def _add_up(self, filters: str) -> None:
        """The products where filters have a gap: plain sums over their taps, one after another.

        A plane that no sum lies in takes the product of a tap.
        """
        fb, plan, lanes = self.fb, self.plan, self.plan.lanes
        sums, ty = sums_of(plan), vec("float", plan.lanes)
        free = next(n for n in range(plan.points) if n not in [sums.plane(*place) for place in sums.places()])
        extent, units = plan.tiles * plan.width, plan.product.kernels[0].units.evaluate({}) // plan.points
        room = fb.gep("float", self.products, free * plan.product_plane)
        clear(fb, ty, self.products, plan.points * plan.product_plane, lanes)
        for row, column in sums.places():
            total = fb.gep("float", self.products, sums.plane(row, column) * plan.product_plane)
            with fb.loop(0, plan.rows.size) as i, fb.loop(0, plan.columns.size) as j:
                read = sums.read(fb, plan, (row, column), (i, j))
                inputs = fb.gep("float", self.inputs, fb.mul(read, plan.input_plane))
                tap = fb.mul(fb.add(fb.mul(i, plan.columns.size), j), plan.filter_plane)
                self._fill(self.one, inputs, fb.gep("float", filters, tap), room)
                fb.call(self.product, "void", [("ptr", self.one), ("ptr", "%dims"), ("i64", 0), ("i64", units)])
                with fb.loop(0, extent, lanes) as at:
                    here = fb.gep("float", total, at)
                    one = fb.load(ty, fb.gep("float", room, at))
                    fb.store(ty, fb.op("fadd", ty, fb.load(ty, here), one), here)
        clear(fb, ty, room, extent, lanes)
        negate(fb, ty, self.products, sums, plan.product_plane, extent, lanes)

    def _finish(self, start: dict[str, Operand], number: Operand, tile: Operand, column: Operand) -> None:
        """One tile's results, from their products, for one block of filters."""
        fb, plan, lanes = self.fb, self.plan, self.plan.lanes
        source = fb.gep("float", self.products, fb.mul(number, plan.width))
        extent = static(plan.vector.extent)
        with fb.loop(0, fb.min(fb.sub(extent, column), plan.width), lanes) as first:
            channel = fb.add(first, column)
            valid: Operand = lanes if extent % lanes == 0 else fb.min(fb.sub(extent, channel), lanes)
            values = {**start, plan.vector.name: channel}
            here = fb.gep("float", source, first)
            self.results.write(here, plan.product_plane, position(fb, plan, tile), values, valid)
