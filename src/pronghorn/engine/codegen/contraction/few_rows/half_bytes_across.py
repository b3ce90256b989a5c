"""The main kernel where the bytes of neighbouring columns are neighbours, and so share words.

A vector of words holds eight numbers a lane: those of eight neighbouring columns; or those of four, of two steps each.
A sum for each of these columns is in a register. Sums come back into the order of the columns when a group of steps is
done, and then have the group's zero and scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from pronghorn.engine.codegen.builder import Operand
from pronghorn.engine.codegen.contraction.few_rows.half_bytes import HalvesUnit
from pronghorn.engine.codegen.contraction.few_rows.kernels import LOCALITY, Row, Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import HALVES, halves_at_once
from pronghorn.engine.codegen.contraction.few_rows.words import in_order
from pronghorn.engine.codegen.contraction.nest import ask_for, base_of
from pronghorn.engine.compiler.costs import LINE_BYTES

__all__ = ["AcrossHalves"]

STEPS = 16  # of the sum, whose bytes are read side by side

Terms = tuple[tuple[int, int], ...]
"""Of what a row of bytes has for one column: which number of the first word, and which step after the row's first."""


@dataclass(slots=True)
class AcrossHalves(HalvesUnit):
    """Writes the main kernel."""

    group: str = field(init=False)
    """The buffer of a group's sums, which have no scale yet."""
    inputs: str = field(init=False)
    """The buffer of the sums of each row's inputs in a group."""

    def __post_init__(self) -> None:
        Unit.__post_init__(self)
        self.group = self.fb.alloca("float", self.plan.places * self.plan.pitch, align=64)
        self.inputs = self.fb.alloca("float", self.plan.places, align=64)

    def panel_size(self) -> int:
        return STEPS * self.halves.columns_of_word * self.plan.lanes

    def sum(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        fb = self.fb
        b = fb.gep("i8", base_of(fb, self.slots, self.halves.array), self._bytes_of(first))
        self.clear(self.sums)
        with fb.loop_carry(start, stop, []) as run:
            end = self.halves.coefficients.end_of_group(fb, self.slots, run.index, stop)
            self.clear(self.group)
            self._add_steps(a, b, columns, run.index, end)
            self._restore_order(columns)
            self._add_group(a, first, columns, run.index, end)
            run.onward = str(end)

    def _add_steps(self, a: str, b: str, columns: Operand, start: Operand, stop: Operand) -> None:
        """Adds up a group, some rows of bytes at a time, from the first column to the last."""
        fb = self.fb
        if self.halves.pairs_columns:
            self._add_rows(a, b, columns, start, stop, 1, ((0, 0),))
            return
        low, high = fb.div(start, 2), fb.div(stop, 2)  # of a byte that is cut by the group's ends, one half counts
        whole = fb.ceil_div(start, 2)
        self._add_rows(
            self.at(self.plan.spec.a, a, [(1, self.plan.depth.a)]), b, columns, low, whole, 2, ((1, 0),), at_once=1
        )
        self._add_rows(a, b, columns, whole, high, 2, ((0, 0), (1, 1)))
        self._add_rows(a, b, columns, high, fb.ceil_div(stop, 2), 2, ((0, 0),), at_once=1)

    def _add_rows(
        self,
        a: str,
        b: str,
        columns: Operand,
        start: Operand,
        stop: Operand,
        steps: int,
        terms: Terms,
        at_once: int = 0,
    ) -> None:
        """Adds up some rows of bytes, each of so many steps."""
        fb, plan = self.fb, self.plan
        at_once = at_once or STEPS // steps
        whole = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), at_once), at_once))
        for begin, end, rows in ((start, whole, at_once), (whole, stop, 1)) if at_once > 1 else ((start, stop, 1),):
            with fb.loop(begin, end, rows) as row:
                a_here = self.at(plan.spec.a, a, [(fb.mul(row, steps), plan.depth.a)])
                b_here = fb.gep("i8", b, fb.mul(row, self.halves.step))
                for first, left in self._parts(columns):
                    self._add_words(a_here, b_here, rows, steps, terms, first, left)

    @property
    def width(self) -> int:
        """Columns of a vector of words."""
        return self.halves.columns_of_word * self.plan.lanes

    def _bytes_of(self, columns: Operand) -> Operand:
        """How many bytes some columns are in a row of bytes."""
        return self.fb.ceil_div(columns, 2) if self.halves.pairs_columns else columns

    def _parts(self, columns: Operand) -> Iterator[tuple[Operand, Operand | None]]:
        """Loops over the vectors of words: the first column; and how many columns are left, where that is not a whole
        vector."""
        fb = self.fb
        whole = fb.mul(fb.div(columns, self.width), self.width)
        with fb.loop(0, whole, self.width) as first:
            yield first, None
        if int(self.plan.vector.extent) % self.width:  # type: ignore[arg-type]
            with fb.loop(whole, columns, self.width) as first:
                yield first, fb.sub(columns, first)

    def _add_words(
        self, a: str, b: str, rows: int, steps: int, terms: Terms, first: Operand, left: Operand | None
    ) -> None:
        """Adds the products of some rows of bytes to the sums of a vector of words.

        Groups of rows share the floats that halves of bytes become, which wait in the first-level cache.
        """
        fb = self.fb
        b = fb.gep("i8", b, self._bytes_of(first))
        part = [(row, half, row * steps + after) for row in range(rows) for half, after in terms]

        def read(number: int, numbers: range) -> list[str]:
            row, half, _ = part[number]
            if not numbers.start and not half and left is None:
                self._ask_for(b, row + rows)
            return self._floats(b, row, half, numbers, left)

        count = self.halves.columns_of_word
        for group in self.all_rows():
            if group is not None:
                self._with_part(a, [step for *_, step in part], group, first, read)
                continue
            for number in range(len(part)):
                for n, floats in enumerate(read(number, range(count))):
                    place = fb.gep("float", self.panel, (number * count + n) * self.plan.lanes)
                    fb.store(self.ty, floats, place, self.align)
            ready = partial(self._ready, fb.opaque(self.panel))
            for share in self.shares():
                self._with_part(a, [step for *_, step in part], share, first, ready)

    def _floats(self, b: str, row: int, half: int, numbers: range, left: Operand | None) -> list[str]:
        """Some columns' numbers of each word of a row of bytes."""
        words = self._words_of(self.fb.gep("i8", b, self.fb.mul(row, self.halves.step)), left)
        return self.numbers(words, [n * HALVES // self.halves.columns_of_word + half for n in numbers])

    def _ready(self, panel: str, number: int, numbers: range) -> list[str]:
        """The same from the panel."""
        return self.from_panel(panel, number * self.halves.columns_of_word + numbers.start, len(numbers))

    def _with_part(
        self,
        a: str,
        steps: Sequence[int],
        group: Sequence[Row],
        first: Operand,
        floats: Callable[[int, range], list[str]],
    ) -> None:
        """Adds the products of some steps, given vectors of the matrix, to the sums of some rows."""
        fb, plan, count = self.fb, self.plan, self.halves.columns_of_word
        share = min(count, halves_at_once(len(group), plan.tile[0] * plan.tile[1]))
        for numbers in (range(begin, begin + share) for begin in range(0, count, share)):
            places = [[self._group_at(row, n, first) for n in numbers] for row in group]
            sums = [[fb.load(self.ty, place, self.align) for place in row] for row in places]
            for number, step in enumerate(steps):
                sums = self._with_products(a, step, group, floats(number, numbers), sums)
            for row_places, row_sums in zip(places, sums, strict=True):
                for place, total in zip(row_places, row_sums, strict=True):
                    fb.store(self.ty, total, place, self.align)

    def _with_products(
        self, a: str, step: int, group: Sequence[Row], matrix: Sequence[str], sums: Sequence[Sequence[str]]
    ) -> list[list[str]]:
        """The sums of some rows with a step's products added."""
        fb, plan = self.fb, self.plan
        found = []
        for row, totals in zip(group, sums, strict=True):
            pointer = self.at(plan.spec.a, a, [(step, plan.depth.a)])
            x = fb.splat(self.load(plan.spec.a, pointer, row.start, 1, None), "float", plan.lanes)
            found.append([fb.fma(self.ty, x, y, total) for y, total in zip(matrix, totals, strict=True)])
        return found

    def _group_at(self, row: Row, number: int, first: Operand) -> str:
        return self.fb.gep("float", self.group, self.fb.add(self.fb.add(row.sums, number * self.plan.lanes), first))

    def _ask_for(self, b: str, step: int) -> None:
        there = self.fb.gep("i8", b, step * self.halves.step, inbounds=False)
        for line in range(0, 4 * self.plan.lanes, LINE_BYTES):
            ask_for(self.fb, self.fb.gep("i8", there, line, inbounds=False), locality=LOCALITY)

    def _restore_order(self, columns: Operand) -> None:
        """A group's sums in the order of the columns."""
        fb = self.fb
        for _, sums in self.each_row():
            with fb.loop(0, columns, self.width) as first:
                numbers = range(self.halves.columns_of_word)
                places = [self._group_at(Row(0, sums), number, first) for number in numbers]
                found = [fb.load(self.ty, place, self.align) for place in places]
                for place, total in zip(places, in_order(fb, found, self.plan.lanes), strict=True):
                    fb.store(self.ty, total, place, self.align)

    def _add_group(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        """Adds a group's sums, with its zeros and scales, to those of the groups before."""
        fb, plan, coefficients = self.fb, self.plan, self.halves.coefficients
        if coefficients.has_zero():
            for number, pointer in self.row_inputs(a):
                fb.store("float", self.sum_of_inputs(pointer, start, stop), fb.gep("float", self.inputs, number))
        whole = fb.mul(fb.div(columns, plan.lanes), plan.lanes)
        for begin, end in ((0, whole), (whole, columns)):
            with fb.loop(begin, end, plan.lanes) as column:
                mask = fb.mask_first(fb.sub(columns, column), plan.lanes) if begin is whole else None
                there = fb.add(first, column)
                zero, factors = coefficients.at(fb, self.slots, start, there, plan.lanes, mask)
                for _, sums in self.each_row():
                    offset = fb.add(sums, column)
                    total = fb.load(self.ty, fb.gep("float", self.group, offset), self.align)
                    if zero is not None:
                        added = fb.load("float", fb.gep("float", self.inputs, fb.div(sums, plan.pitch)))
                        total = fb.fma(self.ty, fb.fneg(self.ty, zero), fb.splat(added, "float", plan.lanes), total)
                    for opcode, factor in factors:
                        total = fb.op(opcode, self.ty, total, factor)
                    place = fb.gep("float", self.sums, offset)
                    fb.store(
                        self.ty, fb.op("fadd", self.ty, fb.load(self.ty, place, self.align), total), place, self.align
                    )

    def _words_of(self, pointer: str, left: Operand | None) -> str:
        """A vector of words, of which ``left`` columns are there."""
        is_whole = int(self.plan.vector.extent) % self.halves.columns_of_word == 0  # type: ignore[arg-type]
        return self.words(pointer, None if left is None else self._bytes_of(left), is_whole)
