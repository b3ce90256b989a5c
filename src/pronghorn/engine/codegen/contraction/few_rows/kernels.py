"""The main kernel of products of few rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, llvm_type, mangle, size_of, vec
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
        self.sums = fb.alloca(self.scalar, plan.places * plan.columns, align=64)
        self.strides = [self.slots.extent(axis.a) for axis in plan.rows]
        if plan.counts_rows:
            self.count, self.places = self.slots.extent(plan.row_count), []
        else:
            self.places = list(product(*(range(int(axis.extent)) for axis in plan.rows)))  # type: ignore[arg-type]
            self.count = len(self.places)

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
        fb, plan, share = self.fb, self.plan, self.plan.tile[0]
        if not plan.counts_rows:
            rows = [
                Row(linear(fb, list(zip(place, self.strides, strict=True))), number * plan.columns)
                for number, place in enumerate(self.places)
            ]
            for first in range(0, len(rows), share):
                yield rows[first : first + share], first == 0
            return
        (stride,) = self.strides
        with fb.if_else(fb.cmp("eq", "i64", self.count, 1)) as (one, more):
            with one:
                yield [Row(0, 0)], True
            with more, fb.loop(0, self.count, share) as begin:
                numbers = [fb.add(begin, i) for i in range(share)]
                last = fb.sub(self.count, 1)
                yield (
                    [Row(fb.mul(fb.min(n, last), stride), fb.mul(n, plan.columns)) for n in numbers],
                    True,
                )

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
        with fb.loop(0, fb.mul(rows, plan.columns), plan.lanes) as place:
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
        """The same for bytes: four steps at a time, and 64 columns, whose sums are in an order of their own."""
        fb, plan = self.fb, self.plan
        b = fb.gep("i8", b, first)
        for group, asks in self.groups():
            places = [[self._sum_at(row, v, first) for v in range(QUAD)] for row in group]
            sums = [[fb.load(self.ty, place, self.align) for place in row] for row in places]
            for step in range(0, steps, QUAD):
                many = min(QUAD, steps - step)
                rows = [fb.load("<64 x i8>", self.at(plan.spec.b, b, [(step + i, plan.depth.b)])) for i in range(many)]
                if asks:
                    for i in range(many):
                        self._ask(self.at(plan.spec.b, b, [(step + i + steps, plan.depth.b)], False), QUAD)
                matrix = side_by_side(fb, rows + ["zeroinitializer"] * (QUAD - many))
                for i, row in enumerate(group):
                    pointer = fb.gep("i8", fb.gep("i8", a, step), row.start)
                    four = (
                        fb.load("i32", pointer, 1)
                        if many == QUAD
                        else fb.cast("zext", fb.load("i8", pointer), "i8", "i32")
                    )
                    numbers = fb.splat(four, "i32", plan.lanes)
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
            with fb.loop_carry(start, stop, [("i32", "0")]) as steps:
                number = fb.cast("sext", fb.load("i8", fb.gep("i8", row, steps.index)), "i8", "i32")
                steps.following.append(fb.op("add", "i32", steps.carried[0], number))
            added = fb.splat(fb.op("mul", "i32", steps.results[0], OFFSET), "i32", plan.lanes)
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
                yield {self.plan.rows[0].name: row}, self.fb.mul(row, self.plan.columns)
            return
        for number, place in enumerate(self.places):
            values: dict[str, Operand] = {axis.name: step for axis, step in zip(self.plan.rows, place, strict=True)}
            yield values, number * self.plan.columns

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
