"""The kernels of a Winograd plan: one transforms the filters, the other takes blocks of tiles from input to result.

A block's tiles are transformed into a buffer on the stack, multiplied with the transformed filters by the
register-tiled contraction, sixteen matrices at once, and transformed back in registers, where the epilogue takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pronghorn.codegen.arguments import base_pointer, start_kernel
from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.codegen.contraction.nest import (
    Place,
    linear,
    load_elements,
    split_unit,
)
from pronghorn.codegen.contraction.tile import Epilogue, TileEpilogue, TileResult
from pronghorn.codegen.contraction.winograd.inputs import position, store_planes, transform_inputs
from pronghorn.codegen.contraction.winograd.places import place_at
from pronghorn.codegen.contraction.winograd.plan import WinogradPlan
from pronghorn.codegen.contraction.winograd.shape import POINTS, STEP, TAPS, WINDOW, static
from pronghorn.codegen.contraction.winograd.transforms import Arithmetic, Vectors, along_both
from pronghorn.codegen.convert import HasFeatures, storage_type
from pronghorn.codegen.slots import Slots, Tables
from pronghorn.codegen.units import Count

__all__ = ["emit_filters", "emit_tiles"]


def emit_filters(
    module: ModuleBuilder, name: str, plan: WinogradPlan, machine: HasFeatures, tables: Tables, slot: int
) -> None:
    """Writes the kernel that transforms the filters into ``slot``: [points, channels, filters]; a unit is a channel."""
    fb = start_kernel(module, name)
    spec, lanes = plan.spec, plan.lanes
    slots = Slots(fb, tables)
    scalar, ty = storage_type(spec.b.dtype), vec("float", lanes)
    source = fb.gep(scalar, base_pointer(fb, spec.b.slot), slots.extent(spec.b.offset))
    target = base_pointer(fb, slot)
    extent, stride = slots.extent(plan.vector.extent), slots.extent(plan.vector.b)
    arithmetic = Arithmetic(fb, ty)
    with fb.loop("%begin", "%end") as channel:
        origin = fb.gep(scalar, source, fb.mul(channel, slots.extent(plan.channels.b)))
        row = fb.gep("float", target, fb.mul(channel, plan.filters))
        with fb.loop(0, plan.filters, lanes) as first:
            valid = fb.max(fb.min(fb.sub(extent, first), lanes), 0)
            here = fb.gep(scalar, origin, fb.mul(first, stride))
            taps = [[_taps_offset(plan, i, j) for j in range(TAPS)] for i in range(TAPS)]
            grid = [
                [_lanes(fb, fb.gep(scalar, here, at), spec.b.dtype, stride, valid, plan, machine) for at in line]
                for line in taps
            ]
            out = fb.gep("float", row, first)
            store_planes(fb, arithmetic, along_both(arithmetic.filters, grid), out, plan.filter_plane)
    fb.ret()


def _taps_offset(plan: WinogradPlan, i: int, j: int) -> int:
    """Elements from the first tap in B to the one that meets the tile's input row i and column j."""
    total = 0
    for pair, number in ((plan.rows, i), (plan.columns, j)):
        total += (TAPS - 1 - number if pair.backward else number) * static(pair.taps.b)
    return total


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
    slot: int,
    product: str,
    epilogue: Epilogue | None,
    tile_epilogue: TileEpilogue | None,
) -> None:
    """Writes the main kernel. ``product`` is the name of the kernel of ``plan.product``; ``slot`` has the filters."""
    _Tiles(module, name, plan, machine, tables, slot, product, epilogue, tile_epilogue).write()


class _Tiles:
    """Writes the main kernel; a unit is a block of tiles of one image."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: WinogradPlan,
        machine: HasFeatures,
        tables: Tables,
        slot: int,
        product: str,
        epilogue: Epilogue | None,
        tile_epilogue: TileEpilogue | None,
    ) -> None:
        self.plan, self.spec, self.machine, self.product = plan, plan.spec, machine, product
        self.epilogue, self.tile_epilogue = epilogue, tile_epilogue
        fb = self.fb = start_kernel(module, name)
        self.slots = Slots(fb, tables)
        self.ty = vec("float", plan.lanes)
        self.arithmetic = Arithmetic(fb, self.ty)
        spec = plan.spec
        self.a_base = fb.gep(
            storage_type(spec.a.dtype), base_pointer(fb, spec.a.slot), self.slots.extent(spec.a.offset)
        )
        self.b_base = base_pointer(fb, slot)
        self.c_base = base_pointer(fb, spec.c.slot)
        self.inputs = fb.alloca("float", POINTS * plan.input_plane, align=64)
        self.products = fb.alloca("float", POINTS * plan.product_plane, align=64)
        self.tables = [self._table(block) for block in range(plan.filters // plan.width)]

    def _table(self, block: int) -> str:
        """What the product's kernel gets: its buffers, for one block of filters."""
        fb = self.fb
        table = fb.alloca("ptr", 3, align=8)
        filters = fb.gep("float", self.b_base, block * self.plan.width)
        for number, pointer in enumerate((self.inputs, filters, self.products)):
            fb.store("ptr", pointer, fb.gep("ptr", table, number))
        return table

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        counts = [*(self.slots.count(Count(axis.extent)) for axis in plan.images), plan.blocks]
        with fb.loop("%begin", "%end") as unit:
            *images, block = split_unit(fb, unit, counts)
            start = {axis.name: index for axis, index in zip(plan.images, images, strict=True)}
            first = fb.mul(block, plan.tiles)
            with fb.loop(0, plan.tiles) as number:
                self._transform(start, number, fb.min(fb.add(first, number), plan.tiles_of_image - 1))
            for index, table in enumerate(self.tables):
                units = plan.product.kernels[0].units.evaluate({})
                fb.call(self.product, "void", [("ptr", table), ("ptr", "%dims"), ("i64", 0), ("i64", units)])
                last = fb.min(fb.sub(plan.tiles_of_image, first), plan.tiles)
                with fb.loop(0, last) as number:
                    self._finish(start, number, fb.add(first, number), index * plan.width)
        fb.ret()

    def _transform(self, start: dict[str, Operand], number: Operand, tile: Operand) -> None:
        """One tile of the input, all channels, into the buffer."""
        fb, plan = self.fb, self.plan
        terms = [(index, self.slots.extent(axis.a)) for axis, index in zip(plan.images, start.values(), strict=True)]
        image = fb.gep(storage_type(self.spec.a.dtype), self.a_base, linear(fb, terms))
        target = fb.gep("float", self.inputs, fb.mul(number, plan.depth))
        transform_inputs(fb, plan, self.machine, image, position(fb, plan, tile), target)

    def _finish(self, start: dict[str, Operand], number: Operand, tile: Operand, column: int) -> None:
        """One tile's results, from their sixteen products, for one block of filters."""
        fb, plan, lanes = self.fb, self.plan, self.plan.lanes
        row, across = position(fb, plan, tile)
        source = fb.gep("float", self.products, fb.mul(number, plan.width))
        extent = static(plan.vector.extent)
        with fb.loop(0, min(plan.width, extent - column), lanes) as first:
            here = fb.gep("float", source, first)
            grid = [
                [fb.load(self.ty, fb.gep("float", here, (WINDOW * i + j) * plan.product_plane)) for j in range(WINDOW)]
                for i in range(WINDOW)
            ]
            channel = fb.add(first, column)
            valid: Operand = lanes if extent % lanes == 0 else fb.min(fb.sub(extent, channel), lanes)
            values = {**start, plan.vector.name: channel}
            self._give(along_both(self.arithmetic.results, grid), (row, across), values, valid)

    def _give(self, results: list[Vectors], at: Sequence[Operand], values: dict[str, Operand], valid: Operand) -> None:
        """Hands 2x2 results to the epilogue, or stores them; those beyond an odd extent are dropped."""
        fb, pairs = self.fb, (self.plan.rows, self.plan.columns)

        def place(i: int, j: int, _: int = 0) -> Place:
            here = dict(values)
            for pair, first, step in zip(pairs, at, (i, j), strict=True):
                here[pair.results.name] = fb.add(first, step)
            return place_at(
                fb, self.spec, self.slots, here, self.plan.vector, self.plan.lanes, valid, self.c_base, self.machine
            )

        if self.tile_epilogue is not None:
            sums = {(i, j, 0): results[i][j] for i in range(STEP) for j in range(STEP)}
            axes = (pairs[0].results, pairs[1].results)
            self.tile_epilogue(fb, TileResult(axes, (STEP, STEP, 1), sums, self.ty, place))
            return
        for i in range(STEP):
            for j in range(STEP):
                with ExitStack() as stack:
                    for pair, first, step in zip(pairs, at, (i, j), strict=True):
                        if step and pair.extent % STEP:
                            inside = fb.cmp("slt", "i64", fb.add(first, step), pair.extent)
                            stack.enter_context(fb.if_(inside))
                    here = place(i, j)
                    if self.epilogue is not None:
                        self.epilogue(fb, results[i][j], self.ty, here)
                    else:
                        here.store(results[i][j])
