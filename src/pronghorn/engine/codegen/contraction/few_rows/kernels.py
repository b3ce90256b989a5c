"""The main kernel of products of few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import (
    FunctionBuilder,
    ModuleBuilder,
    Operand,
    literal,
    llvm_type,
    mangle,
    size_of,
    vec,
)
from pronghorn.engine.codegen.contraction.combine import partial_strides
from pronghorn.engine.codegen.contraction.few_filters.folding import fold
from pronghorn.engine.codegen.contraction.few_rows.plan import FewRowsPlan
from pronghorn.engine.codegen.contraction.few_rows.quads import OFFSET, QUAD, dot, in_order, side_by_side
from pronghorn.engine.codegen.contraction.nest import ask_for, base_of, linear, load_elements, split_unit
from pronghorn.engine.codegen.contraction.spec import Array
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.compiler.costs import LINE_BYTES
from pronghorn.engine.graph.dim import Extent

__all__ = ["LOCALITY", "Row", "Unit"]

STEPS_BYTES = 32  # of the rows of the matrix that are read side by side, for each column

LOCALITY = 2  # where what is asked for comes: to the second-level cache


@dataclass(frozen=True, slots=True)
class Row:
    """Where a row starts in A, and where its sums start in the buffer."""

    start: Operand
    sums: Operand


@dataclass(slots=True)
class Unit:
    """Writes the main kernel; ``partials`` is the slot of the chunks' sums, if there are chunks."""

    module: ModuleBuilder
    name: str
    plan: FewRowsPlan
    machine: HasFeatures
    tables: Tables
    epilogue: Epilogue | None
    partials: int | None = None
    fb: FunctionBuilder = field(init=False)
    slots: Slots = field(init=False)
    scalar: str = field(init=False)
    ty: str = field(init=False)
    align: int = field(init=False)
    sums: str = field(init=False)
    """The buffer: for each row the sums of the unit's columns."""
    panel: str = field(init=False)
    """The buffer of a part of the matrix that was made ready for several groups of rows."""
    strides: list[Operand] = field(init=False)
    """Of the rows' axes in A."""
    places: list[tuple[int, ...]] = field(init=False)
    """Of each row along these axes, if their number is known."""
    count: Operand = field(init=False)
    """How many rows there are."""

    def __post_init__(self) -> None:
        fb = self.fb = start_kernel(self.module, self.name)
        self.slots = Slots(fb, self.tables)
        plan = self.plan
        self.scalar = llvm_type(plan.spec.sum_dtype)
        self.ty = vec(self.scalar, plan.lanes)
        self.align = size_of(self.ty)
        self.sums = fb.alloca(self.scalar, plan.places * plan.pitch, align=64)
        self.panel = fb.alloca(self.scalar, self.panel_size(), align=64)
        self.strides = [self.slots.extent(axis.a) for axis in plan.rows]
        if plan.counts_rows:
            self.count, self.places = self.slots.extent(plan.row_count), []
        else:
            self.places = list(product(*(range(int(axis.extent)) for axis in plan.rows)))  # type: ignore[arg-type]
            self.count = len(self.places)

    def panel_size(self) -> int:
        """Elements of the `panel`."""
        return STEPS_BYTES * self.plan.lanes if self.plan.quads else 1

    def write(self) -> None:
        fb, plan, spec = self.fb, self.plan, self.plan.spec
        a = base_of(fb, self.slots, spec.a)
        extent, steps = int(plan.vector.extent), int(plan.depth.extent)  # type: ignore[arg-type]
        parts = plan.chunks.count.evaluate({}) if plan.chunks else 1
        length = -(-steps // parts)
        with fb.loop("%begin", "%end") as unit:
            chunk, strip = split_unit(fb, unit, [parts, plan.strips.evaluate({})])
            first = fb.mul(strip, plan.columns)
            columns = fb.min(fb.sub(extent, first), plan.columns)
            start = fb.min(fb.mul(chunk, length), steps)
            stop = fb.min(fb.add(start, length), steps)
            self.sum(a, first, columns, start, stop)
            self._finish(chunk, first, columns)
        fb.ret()

    def sum(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        """Fills the buffer with the sums of some columns, from ``first`` on, over the steps from ``start`` on."""
        array = self.plan.spec.b
        b = self.at(array, base_of(self.fb, self.slots, array), [(first, self.plan.vector.b)])
        if self.plan.along:
            self._along(a, b, columns)
        else:
            self._across(a, b, columns, start, stop)

    def at(self, array: Array, pointer: str, steps: Sequence[tuple[Operand, Extent]], inbounds: bool = True) -> str:
        offsets = [(index, self.slots.extent(stride)) for index, stride in steps]
        return self.fb.gep(storage_type(array.dtype), pointer, linear(self.fb, offsets), inbounds)

    def groups(self) -> Iterator[tuple[list[Row], bool]]:
        """The rows whose sums are in registers at a time, and whether they are the first.

        Where the number of rows is not known, a group may have some beyond the last: these repeat it.
        """
        for rows in self.all_rows():
            if rows is not None:
                yield rows, True
                continue
            for number, group in enumerate(self.shares()):
                yield group, number == 0

    def all_rows(self) -> Iterator[list[Row] | None]:
        """All rows, if their sums are in registers at a time; None where they are not, and `shares` are taken.

        Where the number of rows shows at run time, code is written for some numbers, under a condition each.
        """
        share = self.plan.tile[0]
        if self.plan.counts_rows:
            yield from self._up_to([n for n in (1, 2) if n < share] + [share])
        else:
            yield next(self.shares()) if len(self.places) <= share else None

    def _up_to(self, numbers: Sequence[int]) -> Iterator[list[Row] | None]:
        """Code for each of so many rows, and for more."""
        if not numbers:
            yield None
            return
        with self.fb.if_else(self.fb.cmp("sle", "i64", self.count, numbers[0])) as (few, more):
            with few:
                yield self._rows_from(0, numbers[0])
            with more:
                yield from self._up_to(numbers[1:])

    def shares(self) -> Iterator[list[Row]]:
        """The rows in groups, the sums of each of which are in registers at a time."""
        fb, plan, share = self.fb, self.plan, self.plan.tile[0]
        if plan.counts_rows:
            with fb.loop(0, self.count, share) as begin:
                yield self._rows_from(begin, share)
            return
        rows = [
            Row(linear(fb, list(zip(place, self.strides, strict=True))), number * plan.pitch)
            for number, place in enumerate(self.places)
        ]
        for first in range(0, len(rows), share):
            yield rows[first : first + share]

    def _rows_from(self, begin: Operand, many: int) -> list[Row]:
        """Some rows of which only the first need be there."""
        fb, (stride,) = self.fb, self.strides
        numbers, last = [fb.add(begin, i) for i in range(many)], fb.sub(self.count, 1)
        return [Row(fb.mul(fb.min(n, last), stride), fb.mul(n, self.plan.pitch)) for n in numbers]

    # -- a matrix whose elements are adjacent along the columns --------------------------------------------------------

    def _across(self, a: str, b: str, columns: Operand, start: Operand, stop: Operand) -> None:
        """Some rows of the matrix at a time, from the first column to the last."""
        fb, plan = self.fb, self.plan
        self.clear(self.sums)
        many = STEPS_BYTES // size_of(storage_type(plan.spec.b.dtype))
        whole = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), many), many))
        for begin, end, steps in ((start, whole, many), (whole, stop, 1)):
            with fb.loop(begin, end, steps) as step:
                a_here = self.at(plan.spec.a, a, [(step, plan.depth.a)])
                b_here = self.at(plan.spec.b, b, [(step, plan.depth.b)])
                for first, vectors, mask in self._tiles(columns):
                    if plan.quads and mask is None:
                        self._add_quads(a_here, b_here, steps, first)
                    else:
                        self._add(a_here, b_here, steps, first, vectors, mask)
        if plan.quads:
            self._put_in_order(a, columns, start, stop)

    def clear(self, buffer: str) -> None:
        """Fills a buffer of sums with zeros, those of rows included that a group repeats."""
        fb, plan = self.fb, self.plan
        rows = fb.mul(fb.ceil_div(self.count, plan.tile[0]), plan.tile[0]) if plan.counts_rows else plan.places
        with fb.loop(0, fb.mul(rows, plan.pitch), plan.lanes) as place:
            fb.store(self.ty, "zeroinitializer", fb.gep(self.scalar, buffer, place), self.align)

    def _tiles(self, columns: Operand) -> Iterator[tuple[Operand, int, Operand | None]]:
        """Loops over whole tiles, then over single vectors under a mask: first column, vectors, mask."""
        fb, lanes, vectors = self.fb, self.plan.lanes, self.plan.tile[1]
        whole = fb.mul(fb.div(columns, vectors * lanes), vectors * lanes)
        with fb.loop(0, whole, vectors * lanes) as first:
            yield first, vectors, None
        with fb.loop(whole, columns, lanes) as first:
            yield first, 1, fb.mask_first(fb.min(fb.sub(columns, first), lanes), lanes)

    def _add(self, a: str, b: str, steps: int, first: Operand, vectors: int, mask: Operand | None) -> None:
        """Adds some steps' products to the sums of a tile's columns."""
        fb, plan = self.fb, self.plan
        b = fb.gep(storage_type(plan.spec.b.dtype), b, first)
        for group, asks in self.groups():
            places = [
                [
                    fb.gep(self.scalar, self.sums, fb.add(fb.add(row.sums, v * plan.lanes), first))
                    for v in range(vectors)
                ]
                for row in group
            ]
            sums = [[fb.load(self.ty, place, self.align) for place in row] for row in places]
            for step in range(steps):
                matrix = [self._matrix(b, step, v, mask) for v in range(vectors)]
                if asks and mask is None:
                    self._ask(self.at(plan.spec.b, b, [(step + steps, plan.depth.b)], False), vectors)
                for i, row in enumerate(group):
                    pointer = self.at(plan.spec.a, a, [(step, plan.depth.a)])
                    value = self.load(plan.spec.a, pointer, row.start, 1, None)
                    x = fb.splat(value, self.scalar, plan.lanes)
                    sums[i] = [self._multiply_add(x, y, total) for y, total in zip(matrix, sums[i], strict=True)]
            for row_places, row_sums in zip(places, sums, strict=True):
                for place, total in zip(row_places, row_sums, strict=True):
                    fb.store(self.ty, total, place, self.align)

    def _add_quads(self, a: str, b: str, steps: int, first: Operand) -> None:
        """The same for bytes: four steps at a time, and 64 columns, whose sums are in an order of their own.

        Groups of rows share the bytes that were brought side by side, which wait in the first-level cache.
        """
        fb, quads = self.fb, range(0, steps, QUAD)
        b = fb.gep("i8", b, first)
        for rows in self.all_rows():
            if rows is not None:
                self._with_quads(a, rows, first, steps, lambda step: self._quad(b, step, steps))
                continue
            for step in quads:
                for v, bytes_of in enumerate(self._quad(b, step, steps)):
                    fb.store(self.ty, bytes_of, fb.gep("i32", self.panel, (step + v) * self.plan.lanes), self.align)
            ready = partial(self.from_panel, fb.opaque(self.panel), many=QUAD)
            for group in self.shares():
                self._with_quads(a, group, first, steps, ready)

    def _quad(self, b: str, step: int, steps: int) -> list[str]:
        """The bytes of four steps, or of the last one, side by side; those of later steps are asked for."""
        fb, plan, many = self.fb, self.plan, min(QUAD, steps - step)
        rows = [fb.load("<64 x i8>", self.at(plan.spec.b, b, [(step + i, plan.depth.b)])) for i in range(many)]
        for i in range(many):
            self._ask(self.at(plan.spec.b, b, [(step + i + steps, plan.depth.b)], False), QUAD)
        return side_by_side(fb, rows + ["zeroinitializer"] * (QUAD - many))

    def from_panel(self, panel: str, first: int, many: int) -> list[str]:
        """Some vectors of the part of the matrix that was made ready."""
        fb, lanes = self.fb, self.plan.lanes
        return [fb.load(self.ty, fb.gep(self.scalar, panel, (first + v) * lanes), self.align) for v in range(many)]

    def _with_quads(
        self, a: str, group: Sequence[Row], first: Operand, steps: int, quad: Callable[[int], list[str]]
    ) -> None:
        """Adds some steps' products to the sums of some rows, given the bytes from each step on."""
        fb = self.fb
        places = [[self._sum_at(row, v, first) for v in range(QUAD)] for row in group]
        sums = [[fb.load(self.ty, place, self.align) for place in row] for row in places]
        for step in range(0, steps, QUAD):
            matrix = quad(step)
            for i, row in enumerate(group):
                pointer = fb.gep("i8", fb.gep("i8", a, step), row.start)
                four = (
                    fb.load("i32", pointer, 1)
                    if steps - step >= QUAD
                    else fb.cast("zext", fb.load("i8", pointer), "i8", "i32")
                )
                numbers = fb.splat(four, "i32", self.plan.lanes)
                sums[i] = [dot(fb, total, y, numbers) for y, total in zip(matrix, sums[i], strict=True)]
        for row_places, row_sums in zip(places, sums, strict=True):
            for place, total in zip(row_places, row_sums, strict=True):
                fb.store(self.ty, total, place, self.align)

    def _sum_at(self, row: Row, v: int, first: Operand) -> str:
        offset = self.fb.add(self.fb.add(row.sums, v * self.plan.lanes), first)
        return self.fb.gep(self.scalar, self.sums, offset)

    def _put_in_order(self, a: str, columns: Operand, start: Operand, stop: Operand) -> None:
        """Sums of whole tiles in the columns' order, without what was added to the matrix's bytes."""
        fb, plan = self.fb, self.plan
        width = QUAD * plan.lanes
        whole = fb.mul(fb.div(columns, width), width)
        for values, sums in self.each_row():
            offset = linear(fb, [(values[axis.name], self.slots.extent(axis.a)) for axis in plan.rows])
            row = fb.gep("i8", a, offset)
            with fb.loop_carry(start, stop, [(self.ty, "zeroinitializer")], QUAD * plan.lanes) as steps:
                mask = fb.mask_first(fb.min(fb.sub(stop, steps.index), QUAD * plan.lanes), QUAD * plan.lanes)
                numbers = fb.masked_load("<64 x i8>", fb.gep("i8", row, steps.index), mask)
                numbers = fb.cast("bitcast", numbers, "<64 x i8>", self.ty)
                steps.following.append(dot(fb, steps.carried[0], literal(0x01010101, self.ty), numbers))
            total = self._folded(steps.results)
            added = fb.splat(fb.op("mul", "i32", total, OFFSET), "i32", plan.lanes)
            with fb.loop(0, whole, width) as first:
                places = [self._sum_at(Row(0, sums), v, first) for v in range(QUAD)]
                found = [fb.load(self.ty, place, self.align) for place in places]
                for place, total in zip(places, in_order(fb, found), strict=True):
                    fb.store(self.ty, fb.op("sub", self.ty, total, added), place, self.align)

    def _matrix(self, b: str, step: int, v: int, mask: Operand | None) -> Operand:
        pointer = self.at(self.plan.spec.b, b, [(step, self.plan.depth.b)])
        return self.load(self.plan.spec.b, pointer, v * self.plan.lanes, self.plan.lanes, mask)

    def _ask(self, pointer: str, vectors: int) -> None:
        """Asks for the lines of some vectors of the matrix that are needed soon."""
        width = size_of(storage_type(self.plan.spec.b.dtype))
        for first in range(0, vectors * self.plan.lanes * width, LINE_BYTES):
            line = self.fb.gep(storage_type(self.plan.spec.b.dtype), pointer, first // width, inbounds=False)
            ask_for(self.fb, line, locality=LOCALITY)

    def load(self, array: Array, pointer: str, offset: Operand, lanes: int, mask: Operand | None) -> Operand:
        pointer = self.fb.gep(storage_type(array.dtype), pointer, offset)
        return load_elements(self.fb, pointer, array.dtype, self.plan.spec.sum_dtype, lanes, self.machine, mask)

    # -- a matrix whose elements are adjacent along the sum ------------------------------------------------------------

    def _along(self, a: str, b: str, columns: Operand) -> None:
        """Some columns at a time, from the first step to the last.

        Each group of rows goes through all of the unit's columns, since its rows stay in the first-level cache.
        """
        fb, plan = self.fb, self.plan
        whole = fb.mul(fb.div(columns, plan.tile[1]), plan.tile[1])
        for group, asks in self.groups():
            for begin, end, many in dict.fromkeys([(0, whole, plan.tile[1]), (whole, columns, 1)]):
                with fb.loop(begin, end, many) as first:
                    b_here = self.at(plan.spec.b, b, [(first, plan.vector.b)])
                    self._fold(group, many, first, self._dots(a, b_here, group, many, asks))

    def _dots(self, a: str, b: str, group: Sequence[Row], many: int, asks: bool) -> list[str]:
        """The sums of some rows with some columns, whose lanes are not added up yet."""
        fb, plan = self.fb, self.plan
        steps = int(plan.depth.extent)  # type: ignore[arg-type]
        whole = steps // plan.lanes * plan.lanes
        sums = ["zeroinitializer"] * (len(group) * many)
        with fb.loop_carry(0, whole, [(self.ty, total) for total in sums], plan.lanes) as loop:
            loop.following.extend(self._multiplied(a, b, group, many, asks, loop.index, None, loop.carried))
        sums = loop.results
        if steps > whole:
            mask = fb.mask_first(steps - whole, plan.lanes)
            sums = self._multiplied(a, b, group, many, asks, whole, mask, sums)
        return sums

    def _multiplied(
        self,
        a: str,
        b: str,
        group: Sequence[Row],
        many: int,
        asks: bool,
        step: Operand,
        mask: Operand | None,
        sums: Sequence[str],
    ) -> list[str]:
        fb, plan, spec = self.fb, self.plan, self.plan.spec
        a, b = (fb.gep(storage_type(array.dtype), here, step) for array, here in ((spec.a, a), (spec.b, b)))
        stride = self.slots.extent(plan.vector.b)
        matrix = [self.load(spec.b, b, fb.mul(column, stride), plan.lanes, mask) for column in range(many)]
        if asks and mask is None:
            for column in range(many):
                self._ask(fb.gep(storage_type(spec.b.dtype), b, fb.mul(column + many, stride), inbounds=False), 1)
        values = [self.load(spec.a, a, row.start, plan.lanes, mask) for row in group]
        pairs = product(values, matrix)
        return [self._multiply_add(x, y, total) for (x, y), total in zip(pairs, sums, strict=True)]

    def _fold(self, group: Sequence[Row], many: int, first: Operand, sums: Sequence[str]) -> None:
        """Adds up the lanes of the sums and puts them into the buffer."""
        fb = self.fb
        for i, row in enumerate(group):
            total = self._folded(sums[i * many : (i + 1) * many])
            place = fb.gep(self.scalar, self.sums, fb.add(row.sums, first))
            fb.store(vec(self.scalar, many), total, place, 4)

    def _folded(self, sums: Sequence[str]) -> str:
        """A vector with the sum of the lanes of each."""
        fb, plan = self.fb, self.plan
        if self.scalar == "float":
            return fold(fb, sums, plan.lanes, len(sums))
        totals = [fb.call(f"llvm.vector.reduce.add.{mangle(self.ty)}", self.scalar, [(self.ty, v)]) for v in sums]
        if len(totals) == 1:
            return totals[0]
        vector = "poison"
        for lane, total in enumerate(totals):
            vector = fb.insert(vec(self.scalar, len(totals)), vector, total, lane)
        return vector

    def _multiply_add(self, x: Operand, y: Operand, total: str) -> str:
        fb = self.fb
        if self.scalar == "float":
            return fb.fma(self.ty, x, y, total)
        return fb.op("add", self.ty, fb.op("mul", self.ty, x, y), total)

    # -- the results -------------------------------------------------------------------------------------------------

    def _finish(self, chunk: Operand, first: Operand, columns: Operand) -> None:
        """What becomes of the sums in the buffer, a vector of columns of all rows at a time."""
        fb, plan = self.fb, self.plan
        whole = fb.mul(fb.div(columns, plan.lanes), plan.lanes)
        if self.partials is not None:
            self._keep(chunk, first, columns)
            return
        c_base = base_pointer(fb, plan.spec.c.slot)
        with fb.loop(0, whole, plan.lanes) as column:
            self._store(first, column, plan.lanes, c_base)
        with fb.if_(fb.cmp("slt", "i64", whole, columns)):
            self._store(first, whole, fb.sub(columns, whole), c_base)

    def each_row(self) -> Iterator[tuple[dict[str, Operand], Operand]]:
        """The rows' coordinates, and where their sums start in the buffer."""
        if self.plan.counts_rows:
            with self.fb.loop(0, self.count) as row:
                yield {self.plan.rows[0].name: row}, self.fb.mul(row, self.plan.pitch)
            return
        for number, place in enumerate(self.places):
            values: dict[str, Operand] = {axis.name: step for axis, step in zip(self.plan.rows, place, strict=True)}
            yield values, number * self.plan.pitch

    def _store(self, first: Operand, column: Operand, valid: Operand, c_base: str) -> None:
        fb, plan = self.fb, self.plan
        column = fb.opaque_number(column)
        for values, sums in self.each_row():
            total = fb.load(self.ty, fb.gep(self.scalar, self.sums, fb.add(sums, column)), self.align)
            values[plan.vector.name] = fb.add(first, column)
            place = place_at(
                fb, plan.spec, self.slots, values, plan.vector, plan.lanes, valid, c_base, self.machine, streams=False
            )
            if self.epilogue is not None:
                self.epilogue(fb, total, self.ty, place)
            else:
                place.store(total)

    def _keep(self, chunk: Operand, first: Operand, columns: Operand) -> None:
        """Copy the sums to those of the other chunks, which are padded to whole vectors."""
        assert self.partials is not None
        fb, plan = self.fb, self.plan
        strides, chunk_stride = partial_strides(fb, self.slots, plan.partial())
        base = fb.gep(self.scalar, base_pointer(fb, self.partials), fb.mul(chunk, chunk_stride))
        with fb.loop(0, columns, plan.lanes) as column:
            for values, sums in self.each_row():
                row = linear(fb, [(step, strides[name]) for name, step in values.items()])
                there = fb.gep(self.scalar, base, fb.add(row, fb.add(first, column)))
                total = fb.load(self.ty, fb.gep(self.scalar, self.sums, fb.add(sums, column)), self.align)
                fb.store(self.ty, total, there, self.align)
