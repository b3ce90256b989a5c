"""The kernel of convolutions whose channels stay apart, and of their gradients by the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, size_of, vec
from pronghorn.engine.codegen.contraction.channelwise.parts import InTiles, Parts, known
from pronghorn.engine.codegen.contraction.channelwise.plan import ChannelwisePlan
from pronghorn.engine.codegen.contraction.nest import (
    Place,
    ask_for,
    base_of,
    linear,
    load_elements,
    past_of,
    split_unit,
)
from pronghorn.engine.codegen.contraction.spec import Array, Axis
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.unit_rows import RowSums, finish, finishes_in_a_loop, units_in_groups
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["LOCALITY", "ask_for_row", "counts_of", "emit_results", "over_tiles", "over_unit", "valid_lanes"]

LOCALITY = 2  # the second-level cache, until the next row comes to it


def emit_results(
    module: ModuleBuilder,
    name: str,
    plan: ChannelwisePlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    epilogue_code: int,
    beside: Sequence[tuple[int, str, bool]],
    row_sums: RowSums | None,
) -> None:
    """Writes the kernel; the arguments are those of :func:`..emit.emit`."""
    fb = start_kernel(module, name)
    read = [(base_pointer(fb, slot), dtype) for slot, dtype, written in beside if not written]
    _Results(fb, plan, machine, Slots(fb, tables), epilogue, epilogue_code, read, row_sums).write()


@dataclass(slots=True)
class _Results:
    """Writes the kernel; ``read`` are the arrays that the epilogue reads where C has the same element."""

    fb: FunctionBuilder
    plan: ChannelwisePlan
    machine: HasFeatures
    slots: Slots
    epilogue: Epilogue | None
    epilogue_code: int
    read: list[tuple[str, str]]
    row_sums: RowSums | None
    a_base: str = field(init=False)
    b_base: str = field(init=False)
    c_base: str = field(init=False)
    past: str | None = field(init=False)  # where C goes past the caches

    def __post_init__(self) -> None:
        spec = self.plan.spec
        self.past = past_of(self.fb, self.slots, spec, self.plan.vector, self.plan.lanes)
        self.a_base, self.b_base = (base_of(self.fb, self.slots, array) for array in (spec.a, spec.b))
        self.c_base = base_pointer(self.fb, spec.c.slot)

    def write(self) -> None:
        fb, plan, slots = self.fb, self.plan, self.slots
        counts = counts_of(slots, plan)
        total = partial(reduce, fb.mul, counts, 1)
        with units_in_groups(fb, self.row_sums, total, known(plan.vector.extent)) as unit:
            over_unit(fb, slots, plan, counts, unit, self._tile)
        fb.ret()

    def _tile(self, start: dict[str, Operand], many: int) -> None:
        """A tile of ``many`` columns, a vector of channels after the other."""
        fb, plan, slots, spec = self.fb, self.plan, self.slots, self.plan.spec
        axes = {axis.name: axis for axis in spec.axes}
        origins = [
            linear(fb, [(index, slots.extent(getattr(axes[name], of))) for name, index in start.items()])
            for of in ("a", "c")
        ]
        extent = known(plan.vector.extent)
        with fb.loop(0, extent, plan.lanes) as channel:
            valid = valid_lanes(fb, extent, channel, plan.lanes)
            a = fb.opaque(fb.gep(storage_type(spec.a.dtype), self.a_base, fb.add(origins[0], channel)))
            b = fb.opaque(fb.gep(storage_type(spec.b.dtype), self.b_base, channel))
            self._ask(a, fb.add(origins[1], channel), many)
            sums = self._sums(a, b, many, None if valid == plan.lanes else fb.mask_first(valid, plan.lanes))
            self._finish({**start, plan.vector.name: channel}, sums, valid)

    def _sums(self, a: str, b: str, many: int, mask: Operand | None) -> list[str]:
        return self._loops(self.plan.parts.outer, a, b, ["zeroinitializer"] * many, mask)

    def _loops(self, outer: Sequence[Axis], a: str, b: str, sums: list[str], mask: Operand | None) -> list[str]:
        """The loops over the outer taps, which carry the sums. (As one piece of code, LLVM would load all ahead.)"""
        if not outer:
            return self._add(a, b, sums, mask)
        fb, axis = self.fb, outer[0]
        with fb.loop_carry(0, known(axis.extent), [(vec("float", self.plan.lanes), value) for value in sums]) as loop:
            a_here, b_here = (
                fb.opaque(fb.gep(storage_type(array.dtype), base, fb.mul(loop.index, self.slots.extent(stride))))
                for array, base, stride in ((self.plan.spec.a, a, axis.a), (self.plan.spec.b, b, axis.b))
            )
            loop.following.extend(self._loops(outer[1:], a_here, b_here, loop.carried, mask))
        return loop.results

    def _add(self, a: str, b: str, sums: Sequence[str], mask: Operand | None) -> list[str]:
        """What the inner taps add, each input loaded once."""
        fb, plan, parts = self.fb, self.plan, self.plan.parts
        ty, sums = vec("float", plan.lanes), list(sums)
        across = self.slots.extent(parts.inner.b) if parts.inner is not None else 0
        filters = [self._load(plan.spec.b, b, fb.mul(n, across), mask) for n in range(parts.width)]
        for offset, meets in parts.shared(len(sums)):
            value = self._load(plan.spec.a, a, offset, mask)
            for n, column in meets:
                sums[column] = fb.fma(ty, value, filters[n], sums[column])
        return sums

    def _load(self, array: Array, pointer: str, offset: Operand, mask: Operand | None) -> str:
        pointer = self.fb.gep(storage_type(array.dtype), pointer, offset)
        return str(load_elements(self.fb, pointer, array.dtype, "float32", self.plan.lanes, self.machine, mask))

    def _ask(self, a: str, place: Operand, many: int) -> None:
        """Asks for what the epilogue reads of this tile, and for what the row behind it reads of A and this one not."""
        fb, parts = self.fb, self.plan.parts
        ask_for_row(fb, self.plan.spec.a, a, parts, many)
        for base, dtype in self.read:
            scalar = storage_type(dtype)
            here = fb.opaque(fb.gep(scalar, base, fb.add(self.slots.extent(self.plan.spec.c.offset), place)))
            for column in range(many):
                ask_for(fb, fb.gep(scalar, here, column * known(parts.columns.c)))

    def _finish(self, values: dict[str, Operand], sums: list[str], valid: Operand) -> None:
        fb, plan, ty = self.fb, self.plan, vec("float", self.plan.lanes)
        values = {name: fb.opaque_number(value) for name, value in values.items()}
        first = values[plan.parts.columns.name]

        totals: list[str] = []
        in_a_loop = len(sums) > 1 and finishes_in_a_loop(self.epilogue, self.epilogue_code, len(sums), self.past)

        def at(column: Operand, value: str, total: list[str]) -> list[str]:
            here = {**values, plan.parts.columns.name: fb.add(first, column)}
            place = self._placed(here, valid, in_a_loop)
            return finish(fb, self.epilogue, self.row_sums, value, ty, place, total)

        if not in_a_loop:
            for number, value in enumerate(sums):
                totals = at(number, value, totals)
        else:
            slot = fb.alloca(ty, len(sums), align=size_of(ty))
            for number, value in enumerate(sums):
                fb.store(ty, value, fb.gep(ty, slot, number))
            types = self.row_sums.types(plan.lanes) if self.row_sums is not None else []
            with fb.loop_carry(0, len(sums), [(each, "zeroinitializer") for each in types]) as loop:
                value = fb.load(ty, fb.gep(ty, slot, loop.index))
                loop.following.extend(at(loop.index, value, loop.carried))
            totals = loop.results
        if self.row_sums is not None:
            mask = None if valid == plan.lanes else fb.mask_first(valid, plan.lanes)
            self.row_sums.add(fb, totals, values[plan.vector.name], plan.lanes, mask)

    def _placed(self, values: dict[str, Operand], valid: Operand, streams: bool) -> Place:
        plan = self.plan
        return place_at(
            self.fb, plan.spec, self.slots, values, plan.vector, plan.lanes, valid, self.c_base, self.machine, streams
        )


def valid_lanes(fb: FunctionBuilder, extent: int, channel: Operand, lanes: int) -> Operand:
    """How many lanes of the vector at a channel are channels."""
    return lanes if extent % lanes == 0 else fb.min(fb.sub(extent, channel), lanes)


def counts_of(slots: Slots, plan: InTiles) -> list[Operand]:
    """The loops that make a plan's units: rows, and the blocks of a row."""
    return [*(slots.divisor(axis.extent) for axis in plan.parts.rows), slots.count(plan.block)]


def over_unit(
    fb: FunctionBuilder,
    slots: Slots,
    plan: InTiles,
    counts: Sequence[Operand],
    unit: Operand,
    body: Callable[[dict[str, Operand], int], None],
) -> None:
    """Writes ``body`` for the tiles of a unit: it is told where a tile starts, and how many columns it has."""
    columns = plan.parts.columns
    *indices, block = split_unit(fb, unit, counts)
    start = {axis.name: index for axis, index in zip(plan.parts.rows, indices, strict=True)}
    first = fb.mul(block, plan.columns * plan.tiles)
    last = fb.min(fb.add(first, plan.columns * plan.tiles), slots.extent(columns.extent))
    over_tiles(fb, columns, plan.columns, first, last, lambda at, many: body({**start, columns.name: at}, many))


def over_tiles(
    fb: FunctionBuilder,
    columns: Axis,
    many: int,
    first: Operand,
    last: Operand,
    body: Callable[[Operand, int], None],
) -> None:
    """Writes ``body`` for the tiles from one column to another: it is told a tile's first column, and how many it has.

    What whole tiles leave at the end of a known extent is one tile; else it is tiles of one column.
    """
    extent = columns.extent
    whole = fb.add(first, fb.mul(fb.div(fb.sub(last, first), many), many))
    if not isinstance(extent, int) or extent >= many:
        with fb.loop(first, whole, many) as column:
            body(column, many)
    if not isinstance(extent, int):
        with fb.loop(whole, last) as column:
            body(column, 1)
    elif extent % many:
        with fb.if_(fb.cmp("slt", "i64", whole, last)):
            body(whole, extent % many)


def ask_for_row(fb: FunctionBuilder, array: Array, a: str, parts: Parts, many: int) -> None:
    """Asks for the lines of A that a tile reads in the row behind, but not in its own."""
    scalar = storage_type(array.dtype)
    for line in parts.lines_ahead():
        for offset, _ in parts.shared(many):
            ask_for(fb, fb.gep(scalar, a, line + offset, inbounds=False), locality=LOCALITY)
