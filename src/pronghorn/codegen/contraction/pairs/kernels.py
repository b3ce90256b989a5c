"""The kernels of a plan for products of pairs: B into tiles, then rows of A into tiles, products, and the epilogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pronghorn.codegen.arguments import base_pointer, start_kernel
from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, vec
from pronghorn.codegen.contraction.combine import emit_combine, partial_strides
from pronghorn.codegen.contraction.nest import Coordinates, Place, linear, split_unit, store_elements
from pronghorn.codegen.contraction.pairs.panels import Depth, Lines, Run, Steps, fill_tile, strides_of
from pronghorn.codegen.contraction.pairs.plan import BLOCK, PACK_TILES, STEPWISE, PairPlan
from pronghorn.codegen.contraction.pairs.products import Block, products_for
from pronghorn.codegen.contraction.pairs.unit import LINES, ROW_BYTES, TILE_BYTES
from pronghorn.codegen.contraction.spec import Array, Axis
from pronghorn.codegen.convert import HasFeatures
from pronghorn.codegen.slots import Slots, Tables

__all__ = ["emit_pairs"]

_SUMS = vec("float", LINES)
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
    names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
    _Packer(module, names[0], plan, tables, scratch["packed B"]).write()
    _Main(module, names[1], plan, machine, tables, scratch, None if plan.chunks else epilogue).write()
    if plan.chunks:
        emit_combine(module, names[2], plan.partial(), machine, tables, scratch["partial sums"], epilogue)
    return names


def _split(fb: FunctionBuilder, unit: Operand, counts: Sequence[Operand]) -> list[Operand]:
    """The index along each of the loops of the units, 0 where there is one only."""
    indices = split_unit(fb, unit, counts)
    return [0 if count == 1 else index for index, count in zip(indices, counts, strict=True)]


class _Kernel:
    """What both kernels know: extents, strides, and where a tile of B lies among the packed ones."""

    def __init__(self, module: ModuleBuilder, name: str, plan: PairPlan, tables: Tables, panels: int) -> None:
        fb = self.fb = start_kernel(module, name)
        self.plan = plan
        slots = self.slots = Slots(fb, tables)
        self.depth = Depth(fb, slots, plan)
        self.columns = slots.extent(plan.vector.extent)
        self.panels = base_pointer(fb, panels)
        self.blocks = fb.ceil_div(self.columns, plan.block_columns)

    def origin(self, array: Array, which: str, axes: Sequence[Axis], indices: Sequence[Operand]) -> str:
        """The address of an operand's first element at some coordinates."""
        offset = linear(self.fb, zip(indices, strides_of(self.slots, axes, which), strict=True))
        start = self.fb.gep("i16", base_pointer(self.fb, array.slot), self.slots.extent(array.offset))
        return self.fb.gep("i16", start, offset)

    def panel(self, outer: Sequence[Operand], block: Operand, tile: Operand) -> str:
        """The address of the tiles of B at a block of columns and a tile of steps."""
        fb = self.fb
        number: Operand = 0
        for axis, index in zip(self.plan.outer_b, outer, strict=True):
            number = fb.add(fb.mul(number, self.slots.extent(axis.extent)), index)
        number = fb.add(fb.mul(number, self.blocks), block)
        number = fb.add(fb.mul(number, self.depth.total), tile)
        return fb.gep("i8", self.panels, fb.mul(number, self.plan.unit.columns * TILE_BYTES))


class _Packer(_Kernel):
    """Writes the kernel that brings B into tiles: block of columns after block, tile of steps after tile."""

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        counts = [self.slots.count(count) for count in plan.pack_counts()]
        outer = plan.outer_b
        with fb.loop("%begin", "%end") as unit:
            indices = _split(fb, unit, counts)
            block, tiles = indices[len(outer)], indices[len(outer) + 1 :]
            first = fb.mul(tiles[-1], PACK_TILES)
            stop = fb.min(fb.add(first, PACK_TILES), self.depth.counts[-1])
            origin = self.origin(plan.spec.b, "b", outer, indices[: len(outer)])
            with fb.loop(first, stop) as last:
                self._tiles(origin, indices[: len(outer)], block, self._number(tiles[:-1], last))
        fb.ret()

    def _number(self, others: Sequence[Operand], last: Operand) -> Operand:
        """A tile of steps among all of them."""
        fb = self.fb
        number: Operand = 0
        for index, count in zip((*others, last), self.depth.counts, strict=True):
            number = fb.add(fb.mul(number, count), index)
        return number

    def _tiles(self, origin: str, outer: Sequence[Operand], block: Operand, tile: Operand) -> None:
        fb, plan = self.fb, self.plan
        target = self.panel(outer, block, tile)
        steps = self.depth.tile(tile, strides_of(self.slots, plan.depth, "b"), "b")
        stride = self.slots.extent(plan.vector.b)
        with fb.loop(0, plan.unit.columns) as number:
            first = fb.add(fb.mul(block, plan.block_columns), fb.mul(number, LINES))
            left = fb.sub(self.columns, first)

            def offset(line: Operand, first: Operand = first) -> Operand:
                return fb.mul(fb.min(fb.add(first, line), fb.sub(self.columns, 1)), stride)

            lines = Lines(origin, fb.min(fb.max(left, 0), LINES), offset)
            fill_tile(fb, fb.gep("i8", target, fb.mul(number, TILE_BYTES)), lines, steps, plan.fill_b, False)


class _Main(_Kernel):
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
        super().__init__(module, name, plan, tables, scratch["packed B"])
        fb, spec = self.fb, plan.spec
        self.machine, self.epilogue = machine, epilogue
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
            indices = _split(fb, unit, counts)
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
        origin = self.origin(plan.spec.a, "a", plan.outer, outer)
        strides = strides_of(self.slots, plan.rows, "a")
        with fb.loop(0, plan.blocks * plan.block_rows) as line:
            at = split_unit(fb, fb.min(fb.add(row, line), fb.sub(self.rows, 1)), self.row_extents)
            fb.store("i64", linear(fb, zip(at, strides, strict=True)), fb.gep("i64", self.row_table, line))
        outer_b = [index for axis, index in zip(plan.outer, outer, strict=True) if axis.b != 0]
        first_block = fb.div(column, plan.block_columns)
        many = fb.ceil_div(fb.min(fb.sub(self.columns, column), plan.columns), plan.block_columns)
        blocks = fb.min(fb.ceil_div(fb.sub(self.rows, row), plan.block_rows), plan.blocks) if plan.blocks > 1 else 1
        surely = isinstance(start, int) and isinstance(stop, int) and start < stop
        with fb.loop(start, stop if surely else fb.max(stop, fb.add(start, 1)), BLOCK) as here:
            count = fb.min(fb.max(fb.sub(stop, here), 0), BLOCK)
            self._fill(origin, row, blocks, here, count)
            with fb.loop(0, many) as column_block:
                b = self.panel(outer_b, fb.add(first_block, column_block), here)
                with fb.loop(0, blocks) as block:
                    self._multiply(row, block, column_block, b, count, fb.cmp("eq", "i64", here, start))

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
            source = fb.gep("i16", origin, fb.load("i64", fb.gep("i64", self.row_table, line)))
            self.run.fill(fb.gep("i8", self.a_panels, place), plan.unit.rows * TILE_BYTES, source, count)

    def _fill_tiles(self, origin: str, row: Operand, block: Operand, steps: Steps, place: Operand) -> None:
        """The tiles of A of a block of rows at one tile of steps."""
        fb, plan = self.fb, self.plan
        panel = fb.gep("i8", self.a_panels, fb.mul(block, self.panel_bytes))
        with fb.loop(0, plan.unit.rows) as number:
            first = fb.add(fb.mul(block, plan.block_rows), fb.mul(number, LINES))

            def offset(line: Operand, first: Operand = first) -> Operand:
                return fb.load("i64", fb.gep("i64", self.row_table, fb.add(first, line)))

            left = fb.sub(self.rows, fb.add(row, first))
            lines = Lines(origin, fb.min(fb.max(left, 0), LINES), offset)
            target = fb.gep("i8", panel, fb.mul(fb.add(fb.mul(place, plan.unit.rows), number), TILE_BYTES))
            fill_tile(fb, target, lines, steps, plan.fill_a, True)

    def _multiply(
        self, row: Operand, block: Operand, column_block: Operand, b: str, count: Operand, first: str
    ) -> None:
        """Adds some tiles of steps to the sums of a block of rows by one of columns."""
        fb, plan = self.fb, self.plan
        sums = fb.gep("i8", self.sums, fb.mul(block, self.sum_bytes))
        sums = fb.gep("i8", sums, fb.mul(column_block, plan.unit.rows * plan.unit.columns * TILE_BYTES))
        a = fb.gep("i8", self.a_panels, fb.mul(block, self.panel_bytes))
        left = fb.sub(self.rows, fb.add(row, fb.mul(block, plan.block_rows)))
        self.products.add(Block(a, b, count, sums, first, left))

    # -- what becomes of them ----------------------------------------------------------------------------------------

    def _finish(self, chunk: Operand, outer: Sequence[Operand], row: Operand, column: Operand) -> None:
        fb, plan = self.fb, self.plan
        others = {axis.name: index for axis, index in zip(plan.outer, outer, strict=True)}
        columns = fb.min(fb.sub(self.columns, column), plan.columns)
        with fb.loop(0, fb.min(fb.sub(self.rows, row), plan.blocks * plan.block_rows)) as line:
            at = split_unit(fb, fb.add(row, line), self.row_extents)
            values = others | {axis.name: index for axis, index in zip(plan.rows, at, strict=True)}
            padded = plan.chunks is not None  # partial sums are, to whole vectors
            whole = columns if padded else fb.mul(fb.div(columns, LINES), LINES)
            with fb.loop(0, whole, LINES) as start:
                self._result(chunk, values, line, column, start, LINES)
            if padded or (isinstance(self.columns, int) and self.columns % LINES == 0):
                return
            left = fb.sub(columns, whole)
            with fb.if_(fb.cmp("sgt", "i64", left, 0)):
                # A number that is known must show: LLVM 20 takes a mask of one 16-bit lane, found out late, for two.
                known = self.columns % LINES if isinstance(self.columns, int) else left
                self._result(chunk, values, line, column, whole, known)

    def _result(
        self,
        chunk: Operand,
        values: dict[str, Operand],
        line: Operand,
        column: Operand,
        start: Operand,
        valid: Operand,
    ) -> None:
        """What becomes of one vector of sums."""
        fb, plan, unit = self.fb, self.plan, self.plan.unit
        values = values | {plan.vector.name: fb.add(column, start)}
        tile = fb.div(start, LINES)
        block, j = fb.div(tile, unit.columns), fb.rem(tile, unit.columns)
        rows, i, inside = split_unit(fb, line, (plan.blocks, unit.rows, LINES))
        number = fb.add(fb.mul(fb.add(fb.mul(block, unit.rows), i), unit.columns), j)
        place = fb.add(fb.mul(number, TILE_BYTES), fb.mul(inside, LINES * 4))
        place = fb.add(fb.mul(rows, self.sum_bytes), place) if plan.blocks > 1 else place
        total = fb.load(_SUMS, fb.gep("i8", self.sums, place), 64)
        result = self._place(chunk, values, valid)
        if self.epilogue:
            self.epilogue(fb, total, _SUMS, result)
        else:
            result.store(total)

    def _place(self, chunk: Operand, values: dict[str, Operand], valid: Operand) -> Place:
        fb, plan = self.fb, self.plan
        origin = fb.mul(chunk, self.chunk_stride) if plan.chunks else self.c_origin
        place = Place(
            coords=Coordinates(fb, self.slots, plan.spec.axes, values),
            offset=fb.add(origin, linear(fb, [(value, self.c[name]) for name, value in values.items()])),
            lanes=LINES,
            valid=valid,
            mask=None if valid == LINES else fb.mask_first(valid, LINES),
            stride=self.c[plan.vector.name],
            axis=plan.vector.whole,
            store=lambda value: store_elements(
                fb, value, self.c_base, place, self.array, plan.spec.sum_dtype, self.machine
            ),
        )
        return place
