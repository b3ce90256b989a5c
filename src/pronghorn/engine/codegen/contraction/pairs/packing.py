"""The kernels that bring an operand into tiles ahead, and where its tiles lie then."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand
from pronghorn.engine.codegen.contraction.nest import linear, split_unit
from pronghorn.engine.codegen.contraction.pairs.panels import Depth, Lines, Steps, fill_tile, strides_of
from pronghorn.engine.codegen.contraction.pairs.plan import PACK_TILES, Packed, PairPlan
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, TILE_BYTES
from pronghorn.engine.codegen.contraction.spec import Array, Axis
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["Panels", "emit_packing", "fill_columns", "fill_rows", "origin_of", "split_units", "write_offsets"]


def split_units(fb: FunctionBuilder, unit: Operand, counts: Sequence[Operand]) -> list[Operand]:
    """The index along each of the loops of the units, 0 where there is one only."""
    indices = split_unit(fb, unit, counts)
    return [0 if count == 1 else index for index, count in zip(indices, counts, strict=True)]


def origin_of(
    fb: FunctionBuilder, slots: Slots, plan: PairPlan, which: str, axes: Sequence[Axis], indices: Sequence[Operand]
) -> str:
    """The address of an operand's first element at some coordinates."""
    offset = linear(fb, zip(indices, strides_of(slots, axes, which), strict=True))
    array: Array = plan.spec.a if which == "a" else plan.spec.b
    start = fb.gep(plan.unit.element, base_pointer(fb, array.slot), slots.extent(array.offset))
    return fb.gep(plan.unit.element, start, offset)


def write_offsets(fb: FunctionBuilder, slots: Slots, plan: PairPlan, row: Operand, count: int, table: str) -> None:
    """Writes, for some rows of A from one on, how many elements from the first row they lie (beyond the last: its)."""
    rows, strides = slots.extent(plan.row_count()), strides_of(slots, plan.rows, "a")
    extents = [slots.extent(axis.extent) for axis in plan.rows]
    with fb.loop(0, count) as line:
        at = split_unit(fb, fb.min(fb.add(row, line), fb.sub(rows, 1)), extents)
        fb.store("i64", linear(fb, zip(at, strides, strict=True)), fb.gep("i64", table, line))


def fill_rows(
    fb: FunctionBuilder, target: str, origin: str, table: str, left: Operand, steps: Steps, plan: PairPlan
) -> None:
    """Fills the tiles of a block of rows of A at one tile of steps; ``table`` has the rows' offsets, ``left`` exist."""
    with fb.loop(0, plan.unit.rows) as number:
        first = fb.mul(number, LINES)

        def offset(line: Operand, first: Operand = first) -> Operand:
            return fb.load("i64", fb.gep("i64", table, fb.add(first, line)))

        lines = Lines(origin, fb.min(fb.max(fb.sub(left, first), 0), LINES), offset)
        fill_tile(fb, fb.gep("i8", target, fb.mul(number, TILE_BYTES)), lines, steps, plan.fill_a, True, plan.unit)


def fill_columns(
    fb: FunctionBuilder, slots: Slots, target: str, origin: str, block: Operand, steps: Steps, plan: PairPlan
) -> None:
    """Fills the tiles of a block of columns of B at one tile of steps."""
    columns, stride = slots.extent(plan.vector.extent), slots.extent(plan.vector.b)
    with fb.loop(0, plan.unit.columns) as number:
        first = fb.add(fb.mul(block, plan.block_columns), fb.mul(number, LINES))

        def offset(line: Operand, first: Operand = first) -> Operand:
            return fb.mul(fb.min(fb.add(first, line), fb.sub(columns, 1)), stride)

        lines = Lines(origin, fb.min(fb.max(fb.sub(columns, first), 0), LINES), offset)
        fill_tile(fb, fb.gep("i8", target, fb.mul(number, TILE_BYTES)), lines, steps, plan.fill_b, False, plan.unit)


class Panels:
    """Where the tiles of a packed operand lie: block of rows or columns after block, tile of steps after tile."""

    def __init__(self, fb: FunctionBuilder, slots: Slots, packed: Packed, tiles: Operand, slot: int) -> None:
        self.fb = fb
        self.base = base_pointer(fb, slot)
        self.outer = [slots.extent(axis.extent) for axis in packed.outer]
        self.blocks, self.tiles, self.bytes = slots.count(packed.blocks), tiles, packed.tiles * TILE_BYTES

    def at(self, outer: Sequence[Operand], block: Operand, tile: Operand) -> str:
        """The address of a block's tiles at a tile of steps."""
        fb = self.fb
        number: Operand = 0
        counts = (*self.outer, self.blocks, self.tiles)
        for index, count in zip((*outer, block, tile), counts, strict=True):
            number = fb.add(fb.mul(number, count), index)
        return fb.gep("i8", self.base, fb.mul(number, self.bytes))


def emit_packing(module: ModuleBuilder, name: str, plan: PairPlan, tables: Tables, role: str, slot: int) -> None:
    """Writes the kernel of this role; ``slot`` is that of the tiles."""
    (_RowPacker if role == "pack_a" else _ColumnPacker)(module, name, plan, tables, slot).write()


class _Packer:
    """Writes the kernel: a unit is some tiles of steps of one block."""

    which: str

    def __init__(self, module: ModuleBuilder, name: str, plan: PairPlan, tables: Tables, slot: int) -> None:
        fb = self.fb = start_kernel(module, name)
        self.plan, self.packed = plan, plan.packed(self.which)
        slots = self.slots = Slots(fb, tables)
        self.depth = Depth(fb, slots, plan)
        self.panels = Panels(fb, slots, self.packed, self.depth.total, slot)

    def write(self) -> None:
        fb, plan, which = self.fb, self.plan, self.which
        counts = [self.slots.count(count) for count in plan.pack_counts(which)]
        axes = self.packed.outer
        strides = strides_of(self.slots, plan.depth, which)
        with fb.loop("%begin", "%end") as unit:
            indices = split_units(fb, unit, counts)
            outer, block, tiles = indices[: len(axes)], indices[len(axes)], indices[len(axes) + 1 :]
            first = fb.mul(tiles[-1], PACK_TILES)
            stop = fb.min(fb.add(first, PACK_TILES), self.depth.counts[-1])
            origin = origin_of(fb, self.slots, plan, which, axes, outer)
            self.begin(block)
            with fb.loop(first, stop) as last:
                tile: Operand = 0
                for index, count in zip((*tiles[:-1], last), self.depth.counts, strict=True):
                    tile = fb.add(fb.mul(tile, count), index)
                self.fill(self.panels.at(outer, block, tile), origin, block, self.depth.tile(tile, strides, which))
        fb.ret()

    def begin(self, block: Operand) -> None:
        """What is the same for all tiles of a block."""

    def fill(self, target: str, origin: str, block: Operand, steps: Steps) -> None:
        """A block's tiles at one tile of steps."""
        raise NotImplementedError


class _ColumnPacker(_Packer):
    """B."""

    which = "b"

    def fill(self, target: str, origin: str, block: Operand, steps: Steps) -> None:
        fill_columns(self.fb, self.slots, target, origin, block, steps, self.plan)


class _RowPacker(_Packer):
    """A, where its elements are not adjacent along the steps."""

    which = "a"

    def __init__(self, module: ModuleBuilder, name: str, plan: PairPlan, tables: Tables, slot: int) -> None:
        super().__init__(module, name, plan, tables, slot)
        self.table = self.fb.alloca("i64", plan.block_rows, align=64)

    def begin(self, block: Operand) -> None:
        row = self.fb.mul(block, self.plan.block_rows)
        write_offsets(self.fb, self.slots, self.plan, row, self.plan.block_rows, self.table)

    def fill(self, target: str, origin: str, block: Operand, steps: Steps) -> None:
        left = self.fb.sub(self.slots.extent(self.plan.row_count()), self.fb.mul(block, self.plan.block_rows))
        fill_rows(self.fb, target, origin, self.table, left, steps, self.plan)
