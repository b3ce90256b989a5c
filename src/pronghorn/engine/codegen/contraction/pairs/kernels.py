"""The kernels of a plan for products of pairs: B into tiles, then rows of A into tiles, products, and the epilogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand
from pronghorn.engine.codegen.contraction.combine import emit_combine, partial_strides
from pronghorn.engine.codegen.contraction.nest import Coordinates, Place, linear, split_unit, store_elements
from pronghorn.engine.codegen.contraction.pairs.packing import (
    Panels,
    emit_packing,
    fill_columns,
    fill_rows,
    origin_of,
    split_units,
    write_offsets,
)
from pronghorn.engine.codegen.contraction.pairs.panels import Depth, Run, Steps, strides_of
from pronghorn.engine.codegen.contraction.pairs.plan import BLOCK, PACKED, STEPWISE, PairPlan
from pronghorn.engine.codegen.contraction.pairs.products import Block, products_for
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, TILE_BYTES
from pronghorn.engine.codegen.contraction.spec import Array
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["emit_pairs"]

Epilogue = Callable[[FunctionBuilder, str, str, Place], None]


def emit_pairs(
    module: ModuleBuilder,
    name: str,
    plan: PairPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    scratch: dict[str, int],
) -> list[str]:
    """Writes a plan's kernels; returns their names. ``scratch`` has the slot of each buffer by its purpose."""
    names = []
    for kernel in plan.kernels:
        names.append(f"{name}.{kernel.role}" if len(plan.kernels) > 1 else name)
        if kernel.role in PACKED:
            emit_packing(module, names[-1], plan, tables, kernel.role, scratch[PACKED[kernel.role]])
        elif kernel.role == "combine":
            emit_combine(module, names[-1], plan.partial(), machine, tables, scratch["partial sums"], epilogue)
        else:
            _Main(module, names[-1], plan, machine, tables, scratch, None if plan.chunks else epilogue).write()
    return names


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of results of a unit: its coordinates, where its sums begin, and its offset in C."""

    values: dict[str, Operand]
    sums: str
    offset: Operand


class _Main:
    """Writes the main kernel: a unit is a block of rows by some columns, in a chunk of the sum.

    Its sums lie on the stack as tiles, those of one block of rows after those of another, in each one block of columns
    after another, in each the tiles of the first 16 rows first.
    """

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: PairPlan,
        machine: HasFeatures,
        tables: Tables,
        scratch: dict[str, int],
        epilogue: Epilogue | None,
    ) -> None:
        fb, spec = start_kernel(module, name), plan.spec
        self.fb, self.plan, self.machine, self.epilogue = fb, plan, machine, epilogue
        self.slots = Slots(fb, tables)
        self.depth = Depth(fb, self.slots, plan)
        self.columns = self.slots.extent(plan.vector.extent)
        self.b_packed = None
        if plan.fresh:
            self.b_panel = fb.alloca("i8", plan.unit.columns * BLOCK * TILE_BYTES, align=64)
        else:
            self.b_packed = Panels(fb, self.slots, plan.packed("b"), self.depth.total, scratch[PACKED["pack"]])
        self.rows = self.slots.extent(plan.row_count())
        self.row_extents = [self.slots.extent(axis.extent) for axis in plan.rows]
        self.products = products_for(fb, plan.unit)
        self.c = {axis.name: self.slots.extent(axis.c) for axis in spec.axes}
        self.c_origin: Operand = self.slots.extent(spec.c.offset)
        self.array = spec.c
        if plan.chunks:
            strides, self.chunk_stride = partial_strides(fb, self.slots, plan.partial())
            self.c |= strides
            self.c_origin = 0
            self.array = Array(scratch["partial sums"], spec.sum_dtype)
        self.c_base = base_pointer(fb, self.array.slot)
        self.a_packed = self.run = None
        if plan.ahead:
            self.a_packed = Panels(fb, self.slots, plan.packed("a"), self.depth.total, scratch[PACKED["pack_a"]])
        else:
            self.row_table = fb.alloca("i64", plan.blocks * plan.block_rows, align=64)
            self.panel_bytes = plan.unit.rows * BLOCK * TILE_BYTES
            self.a_panels = fb.alloca("i8", plan.blocks * self.panel_bytes, align=64)
            self.run = Run(fb, self.depth, BLOCK) if plan.fill_a == STEPWISE else None
        self.sum_bytes = plan.unit.rows * plan.columns // LINES * TILE_BYTES
        self.sums = fb.alloca("i8", plan.blocks * self.sum_bytes, align=64)

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        counts = [self.slots.count(count) for count in plan.unit_counts()]
        self.products.begin()
        with fb.loop("%begin", "%end") as unit:
            indices = split_units(fb, unit, counts)
            chunk: Operand = 0
            start: Operand = 0
            stop = self.depth.total
            if plan.chunks:
                chunk, indices = indices[0], indices[1:]
                length = fb.ceil_div(self.depth.total, fb.max(counts[0], 1))
                start = fb.mul(chunk, length)
                stop = fb.min(fb.add(start, length), self.depth.total)
            *outer, share, block = indices
            row, column = fb.mul(block, plan.blocks * plan.block_rows), fb.mul(share, plan.columns)
            self._sum(outer, row, column, start, stop)
            self._finish(chunk, outer, row, column)
        self.products.end()
        fb.ret()

    # -- sums --------------------------------------------------------------------------------------------------------

    def _sum(self, outer: Sequence[Operand], row: Operand, column: Operand, start: Operand, stop: Operand) -> None:
        """The sums of a unit over the tiles of steps from ``start`` to ``stop``."""
        fb, plan = self.fb, self.plan
        fill = None if self.a_packed else self._filler(outer, row)
        outer_a, outer_b = (
            [index for axis, index in zip(plan.outer, outer, strict=True) if getattr(axis, which) != 0]
            for which in "ab"
        )
        first_rows, first_columns = fb.div(row, plan.block_rows), fb.div(column, plan.block_columns)
        many = fb.ceil_div(fb.min(fb.sub(self.columns, column), plan.columns), plan.block_columns)
        blocks = fb.min(fb.ceil_div(fb.sub(self.rows, row), plan.block_rows), plan.blocks) if plan.blocks > 1 else 1
        surely = isinstance(start, int) and isinstance(stop, int) and start < stop
        with fb.loop(start, stop if surely else fb.max(stop, fb.add(start, 1)), BLOCK) as here:
            count = fb.min(fb.max(fb.sub(stop, here), 0), BLOCK)
            if fill:
                fill(blocks, here, count)
            with fb.loop(0, many) as column_block:
                at = fb.add(first_columns, column_block)
                if self.b_packed:
                    b = self.b_packed.at(outer_b, at, here)
                else:
                    b = self._columns(outer_b, at, here, count)
                with fb.loop(0, blocks) as block:
                    if self.a_packed:
                        a = self.a_packed.at(outer_a, fb.add(first_rows, block), here)
                    else:
                        a = fb.gep("i8", self.a_panels, fb.mul(block, self.panel_bytes))
                    self._multiply(row, block, column_block, a, b, count, fb.cmp("eq", "i64", here, start))

    def _filler(self, outer: Sequence[Operand], row: Operand) -> Callable[[Operand, Operand, Operand], None]:
        """What fills tiles of A of a unit: of some blocks of rows, from some tile of steps on, so many."""
        fb, plan = self.fb, self.plan
        origin = origin_of(fb, self.slots, plan, "a", plan.outer, outer)
        write_offsets(fb, self.slots, plan, row, plan.blocks * plan.block_rows, self.row_table)
        return lambda blocks, first, count: self._fill(origin, row, blocks, first, count)

    def _fill(self, origin: str, row: Operand, blocks: Operand, first: Operand, count: Operand) -> None:
        """The tiles of A of some blocks of rows at some tiles of steps."""
        fb, plan = self.fb, self.plan
        strides = strides_of(self.slots, plan.depth, "a")
        if self.run is None:
            with fb.loop(0, count) as tile:
                steps = self.depth.tile(fb.add(first, tile), strides, "a")
                with fb.loop(0, blocks) as block:
                    self._fill_tiles(origin, row, block, steps, tile)
            return
        self.run.find(first, count, strides)
        with fb.loop(0, fb.min(fb.sub(self.rows, row), plan.blocks * plan.block_rows)) as line:
            block, number, inside = split_unit(fb, line, (plan.blocks, plan.unit.rows, LINES))
            place = fb.add(fb.mul(number, TILE_BYTES), fb.mul(inside, ROW_BYTES))
            place = fb.add(place, fb.mul(block, self.panel_bytes)) if plan.blocks > 1 else place
            source = fb.gep(plan.unit.element, origin, fb.load("i64", fb.gep("i64", self.row_table, line)))
            self.run.fill(fb.gep("i8", self.a_panels, place), plan.unit.rows * TILE_BYTES, source, count)

    def _columns(self, outer: Sequence[Operand], block: Operand, first: Operand, count: Operand) -> str:
        """Fills the tiles of a block of columns at some tiles of steps; their address."""
        fb, plan = self.fb, self.plan
        origin = origin_of(fb, self.slots, plan, "b", plan.packed("b").outer, outer)
        strides = strides_of(self.slots, plan.depth, "b")
        with fb.loop(0, count) as tile:
            steps = self.depth.tile(fb.add(first, tile), strides, "b")
            target = fb.gep("i8", self.b_panel, fb.mul(tile, plan.unit.columns * TILE_BYTES))
            fill_columns(fb, self.slots, target, origin, block, steps, plan)
        return self.b_panel

    def _fill_tiles(self, origin: str, row: Operand, block: Operand, steps: Steps, place: Operand) -> None:
        """The tiles of A of a block of rows at one tile of steps."""
        fb, plan = self.fb, self.plan
        panel = fb.gep("i8", self.a_panels, fb.mul(block, self.panel_bytes))
        target = fb.gep("i8", panel, fb.mul(place, plan.unit.rows * TILE_BYTES))
        first = fb.mul(block, plan.block_rows)
        table = fb.gep("i64", self.row_table, first)
        fill_rows(fb, target, origin, table, fb.sub(self.rows, fb.add(row, first)), steps, plan)

    def _multiply(
        self, row: Operand, block: Operand, column_block: Operand, a: str, b: str, count: Operand, first: str
    ) -> None:
        """Adds some tiles of steps to the sums of a block of rows by one of columns."""
        fb, plan = self.fb, self.plan
        sums = fb.gep("i8", self.sums, fb.mul(block, self.sum_bytes))
        sums = fb.gep("i8", sums, fb.mul(column_block, plan.unit.rows * plan.unit.columns * TILE_BYTES))
        left = fb.sub(self.rows, fb.add(row, fb.mul(block, plan.block_rows)))
        self.products.add(Block(a, b, count, sums, first, left))

    # -- what becomes of them ----------------------------------------------------------------------------------------

    def _finish(self, chunk: Operand, outer: Sequence[Operand], row: Operand, column: Operand) -> None:
        fb, plan = self.fb, self.plan
        columns = fb.min(fb.sub(self.columns, column), plan.columns)
        with fb.loop(0, fb.min(fb.sub(self.rows, row), plan.blocks * plan.block_rows)) as number:
            line = self._line(chunk, outer, row, number)
            padded = plan.chunks is not None  # partial sums are, to whole vectors
            whole = columns if padded else fb.mul(fb.div(columns, LINES), LINES)
            with fb.loop(0, whole, LINES) as start:
                self._result(line, column, start, LINES)
            if padded or (isinstance(self.columns, int) and self.columns % LINES == 0):
                return
            left = fb.sub(columns, whole)
            with fb.if_(fb.cmp("sgt", "i64", left, 0)):
                # A number that is known must show: LLVM 20 takes a mask of one 16-bit lane, found out late, for two.
                known = self.columns % LINES if isinstance(self.columns, int) else left
                self._result(line, column, whole, known)

    def _line(self, chunk: Operand, outer: Sequence[Operand], row: Operand, number: Operand) -> _Line:
        fb, plan, unit = self.fb, self.plan, self.plan.unit
        at = split_unit(fb, fb.add(row, number), self.row_extents)
        indices = zip((*plan.outer, *plan.rows), (*outer, *at), strict=True)
        values = {axis.name: index for axis, index in indices}
        origin = fb.mul(chunk, self.chunk_stride) if plan.chunks else self.c_origin
        offset = fb.add(origin, linear(fb, [(value, self.c[name]) for name, value in values.items()]))
        rows, i, inside = split_unit(fb, number, (plan.blocks, unit.rows, LINES))
        place = fb.add(fb.mul(i, unit.columns * TILE_BYTES), fb.mul(inside, LINES * 4))
        place = fb.add(fb.mul(rows, self.sum_bytes), place) if plan.blocks > 1 else place
        return _Line(values, fb.gep("i8", self.sums, place), offset)

    def _result(self, line: _Line, column: Operand, start: Operand, valid: Operand) -> None:
        """What becomes of one vector of sums, ``start`` columns behind the first of the unit."""
        fb, unit = self.fb, self.plan.unit
        tile = fb.div(start, LINES)
        block, j = fb.div(tile, unit.columns), fb.rem(tile, unit.columns)
        behind = fb.add(fb.mul(block, unit.rows * unit.columns * TILE_BYTES), fb.mul(j, TILE_BYTES))
        total = fb.load(unit.sums, fb.gep("i8", line.sums, behind), ROW_BYTES)
        place = self._place(line, fb.add(column, start), valid)
        if self.epilogue:
            self.epilogue(fb, total, unit.sums, place)
        else:
            place.store(total)

    def _place(self, line: _Line, column: Operand, valid: Operand) -> Place:
        fb, plan, vector = self.fb, self.plan, self.plan.vector
        place = Place(
            coords=Coordinates(fb, self.slots, plan.spec.axes, line.values | {vector.name: column}),
            offset=fb.add(line.offset, fb.mul(column, self.c[vector.name])),
            lanes=LINES,
            valid=valid,
            mask=None if valid == LINES else fb.mask_first(valid, LINES),
            stride=self.c[vector.name],
            axis=vector.whole,
            store=lambda value: store_elements(
                fb, value, self.c_base, place, self.array, plan.spec.sum_dtype, self.machine
            ),
        )
        return place
