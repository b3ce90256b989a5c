"""The main kernel of products with a matrix whose elements are halves of bytes, a zero and a scale.

A vector of 32-bit words holds eight numbers a lane: those of eight neighbouring columns, a sum for each of which is in a
register. They come back into the columns' order when a group of steps is done, and then have the group's zero and scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.few_filters.folding import fold
from pronghorn.engine.codegen.contraction.few_rows.kernels import LOCALITY, Row, Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import HALVES, Halves, halves_at_once
from pronghorn.engine.codegen.contraction.few_rows.quads import HasQuads
from pronghorn.engine.codegen.contraction.nest import ask_for, base_of
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.compiler.costs import LINE_BYTES

__all__ = ["Coefficients", "HalvesUnit", "halves_of"]

STEPS = 16  # rows of the matrix that are read side by side


class Coefficients(Protocol):
    """Writes the zeros and scales of a matrix."""

    def changes_inputs(self) -> bool:
        """Whether inputs have factors of their own."""

    def has_zero(self) -> bool:
        """Whether anything is subtracted from the integers."""

    def end_of_group(self, fb: FunctionBuilder, slots: Slots, begin: Operand, stop: Operand) -> Operand:
        """The first step from ``begin`` on, up to ``stop``, that has other zeros and scales."""

    def at(
        self, fb: FunctionBuilder, slots: Slots, step: Operand, column: Operand, lanes: int, mask: Operand | None
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """Of a step and ``lanes`` columns: the zeros, and what to multiply (``"fmul"``) and divide by (``"fdiv"``)."""


def halves_of(fb: FunctionBuilder, words: str, number: int, lanes: int, is_signed: bool, machine: HasQuads) -> str:
    """One of the eight numbers of each word, as floats; number 0 is in the lowest bits."""
    ty, floats = vec("i32", lanes), vec("float", lanes)
    shift = 4 * number
    if lanes == 16 and machine.has("avx512f") and not machine.emulated_on:
        words = fb.op("lshr", ty, words, literal(shift, ty)) if number else words
        table = [float(n - 16 if is_signed and n > 7 else n) for n in range(16)]
        held = "<" + ", ".join(f"float {n}" for n in table) + ">"
        # It looks at the lowest four bits of each index alone.
        return fb.call("llvm.x86.avx512.permvar.sf.512", floats, [(floats, held), (ty, words)])
    if is_signed:
        words = fb.op("shl", ty, words, literal(28 - shift, ty)) if number < 7 else words
        words = fb.op("ashr", ty, words, literal(28, ty))
    else:
        words = fb.op("lshr", ty, words, literal(shift, ty)) if number else words
        words = fb.op("and", ty, words, literal(15, ty))
    return fb.cast("sitofp", words, ty, floats)


@dataclass(slots=True)
class HalvesUnit(Unit):
    """Writes the main kernel where elements of the matrix are made where they are used."""

    group: str = field(init=False)
    """The buffer of a group's sums, which have no scale yet."""
    inputs: str = field(init=False)
    """The buffer of the sums of each row's inputs in a group."""

    def __post_init__(self) -> None:
        Unit.__post_init__(self)
        self.group = self.fb.alloca("float", self.plan.places * self.plan.columns, align=64)
        self.inputs = self.fb.alloca("float", self.plan.places, align=64)

    @property
    def halves(self) -> Halves:
        """How the matrix lies."""
        assert self.plan.halves is not None
        return self.plan.halves

    def sum(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        fb = self.fb
        b = fb.gep("i8", base_of(fb, self.slots, self.halves.array), fb.div(first, 2))
        self.clear(self.sums)
        with fb.loop_carry(start, stop, []) as run:
            end = self.halves.coefficients.end_of_group(fb, self.slots, run.index, stop)
            self.clear(self.group)
            self._add_steps(a, b, columns, run.index, end)
            self._put_in_order(a, columns, run.index, end)
            self._add_group(a, first, columns, run.index, end)
            run.onward = str(end)

    def _add_steps(self, a: str, b: str, columns: Operand, start: Operand, stop: Operand) -> None:
        """Adds up a group, some rows of the matrix at a time, from the first column to the last."""
        fb, plan = self.fb, self.plan
        whole = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), STEPS), STEPS))
        for begin, end, steps in ((start, whole, STEPS), (whole, stop, 1)):
            with fb.loop(begin, end, steps) as step:
                a_here = self.at(plan.spec.a, a, [(step, plan.depth.a)])
                b_here = fb.gep("i8", b, fb.mul(step, self.halves.step))
                for first, left in self._parts(columns):
                    self._add_words(a_here, b_here, steps, first, left)

    @property
    def width(self) -> int:
        """Columns of a vector of words."""
        return HALVES * self.plan.lanes

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

    def _add_words(self, a: str, b: str, steps: int, first: Operand, left: Operand | None) -> None:
        """Adds some steps' products to the sums of a vector of words."""
        fb, plan = self.fb, self.plan
        b = fb.gep("i8", b, fb.div(first, 2))
        for group, asks in self.groups():
            share = halves_at_once(len(group), self.machine)  # type: ignore[arg-type]
            for begin in range(0, HALVES, share):
                numbers = range(begin, begin + share)
                places = [[self._sum_at(row, number, first) for number in numbers] for row in group]
                sums = [[fb.load(self.ty, place, self.align) for place in row] for row in places]
                for step in range(steps):
                    here = fb.gep("i8", b, fb.mul(step, self.halves.step))
                    if asks and not begin and left is None:
                        self._ask_for(b, step + steps)
                    matrix = self._numbers(self._words(here, left), numbers)
                    for i, row in enumerate(group):
                        pointer = self.at(plan.spec.a, a, [(step, plan.depth.a)])
                        x = fb.splat(self.load(plan.spec.a, pointer, row.start, 1, None), "float", plan.lanes)
                        sums[i] = [fb.fma(self.ty, x, y, total) for y, total in zip(matrix, sums[i], strict=True)]
                for row_places, row_sums in zip(places, sums, strict=True):
                    for place, total in zip(row_places, row_sums, strict=True):
                        fb.store(self.ty, total, place, self.align)

    def _sum_at(self, row: Row, number: int, first: Operand) -> str:
        return self.fb.gep("float", self.group, self.fb.add(self.fb.add(row.sums, number * self.plan.lanes), first))

    def _numbers(self, words: str, numbers: Sequence[int]) -> list[str]:
        is_signed, lanes = self.halves.is_signed, self.plan.lanes
        return [halves_of(self.fb, words, number, lanes, is_signed, self.machine) for number in numbers]  # type: ignore[arg-type]

    def _ask_for(self, b: str, step: int) -> None:
        there = self.fb.gep("i8", b, step * self.halves.step, inbounds=False)
        for line in range(0, 4 * self.plan.lanes, LINE_BYTES):
            ask_for(self.fb, self.fb.gep("i8", there, line, inbounds=False), locality=LOCALITY)

    def _words(self, pointer: str, left: Operand | None) -> str:
        """A vector of words, of which ``left`` columns are there."""
        fb, lanes = self.fb, self.plan.lanes
        ty = vec("i32", lanes)
        if left is None:
            return fb.load(ty, pointer, 1)
        count = fb.ceil_div(left, 2)
        whole, rest = fb.div(count, 4), fb.rem(count, 4)
        words = fb.masked_load(ty, pointer, fb.mask_first(whole, lanes))
        if int(self.plan.vector.extent) % HALVES == 0:  # type: ignore[arg-type]
            return words
        behind = fb.gep("i8", pointer, fb.mul(whole, 4))
        with fb.loop_carry(0, rest, [("i32", "0")]) as loop:  # the last byte first
            byte = fb.load("i8", fb.gep("i8", behind, fb.sub(fb.sub(rest, 1), loop.index)))
            higher = fb.op("shl", "i32", loop.carried[0], 8)
            loop.following.append(fb.op("or", "i32", higher, fb.cast("zext", byte, "i8", "i32")))
        lane = fb.min(whole, lanes - 1)
        last = fb.select(fb.cmp("sgt", "i64", rest, 0), "i32", loop.results[0], fb.extract(ty, words, lane))
        return fb.insert(ty, words, last, lane)

    def _put_in_order(self, a: str, columns: Operand, start: Operand, stop: Operand) -> None:
        """A group's sums in the order of the columns."""
        fb, lanes = self.fb, self.plan.lanes
        for _, sums in self.each_row():
            with fb.loop(0, columns, self.width) as first:
                places = [self._sum_at(Row(0, sums), number, first) for number in range(HALVES)]
                found = [fb.load(self.ty, place, self.align) for place in places]
                for distance in (4, 2, 1):  # neighbours are brought together, from the farthest to the nearest
                    found = self._interleaved(found, distance)
                for place, total in zip(places, found, strict=True):
                    fb.store(self.ty, total, place, self.align)
        assert lanes > 1

    def _interleaved(self, vectors: Sequence[str], distance: int) -> list[str]:
        """Vector ``i`` and the one ``distance`` behind as the two halves of all of their elements in turn."""
        fb, lanes = self.fb, self.plan.lanes
        found = [""] * HALVES
        for i in (i for i in range(HALVES) if not i & distance):
            for upper in (0, 1):
                picked = [
                    n + which for n in range(upper * lanes // 2, (upper + 1) * lanes // 2) for which in (0, lanes)
                ]
                found[i + upper * distance] = fb.shuffle(self.ty, vectors[i], vectors[i + distance], picked)
        return found

    def _add_group(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        """Adds a group's sums, with its zeros and scales, to those of the groups before."""
        fb, plan, coefficients = self.fb, self.plan, self.halves.coefficients
        if coefficients.has_zero():
            for number, pointer in self._row_inputs(a):
                fb.store("float", self._sum_of_inputs(pointer, start, stop), fb.gep("float", self.inputs, number))
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
                        added = fb.load("float", fb.gep("float", self.inputs, fb.div(sums, plan.columns)))
                        total = fb.fma(self.ty, fb.fneg(self.ty, zero), fb.splat(added, "float", plan.lanes), total)
                    for opcode, factor in factors:
                        total = fb.op(opcode, self.ty, total, factor)
                    place = fb.gep("float", self.sums, offset)
                    fb.store(
                        self.ty, fb.op("fadd", self.ty, fb.load(self.ty, place, self.align), total), place, self.align
                    )

    def _row_inputs(self, a: str) -> Iterator[tuple[Operand, str]]:
        """The number of each row, and where it is in A."""
        fb, plan = self.fb, self.plan
        for values, sums in self.each_row():
            terms = [(values[axis.name], axis.a) for axis in plan.rows]
            yield fb.div(sums, plan.columns), self.at(plan.spec.a, a, terms)

    def _sum_of_inputs(self, row: str, start: Operand, stop: Operand) -> str:
        fb, lanes, array = self.fb, self.plan.lanes, self.plan.spec.a
        whole = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), lanes), lanes))
        with fb.loop_carry(start, whole, [(self.ty, "zeroinitializer")], lanes) as loop:
            loop.following.append(
                fb.op("fadd", self.ty, loop.carried[0], str(self.load(array, row, loop.index, lanes, None)))
            )
        mask = fb.mask_first(fb.sub(stop, whole), lanes)
        rest = self.load(array, row, whole, lanes, mask)
        total = fb.op("fadd", self.ty, loop.results[0], str(rest))
        return fold(fb, [total], lanes, 1)
