"""What the kernels have in common that multiply by a matrix of half bytes, less zeros, times scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.contraction.few_filters.folding import fold
from pronghorn.engine.codegen.contraction.few_rows.kernels import Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import Halves
from pronghorn.engine.codegen.contraction.few_rows.words import halves_of, words_at
from pronghorn.engine.codegen.slots import Slots

__all__ = ["Coefficients", "HalvesUnit"]


class Coefficients(Protocol):
    """Writes the zeros and scales of a matrix."""

    def changes_inputs(self) -> bool:
        """Whether inputs have factors of their own."""

    def has_zero(self) -> bool:
        """Whether anything is subtracted from the integers."""

    def has_groups(self) -> bool:
        """Whether zeros and scales change along the sum."""

    def of_inputs(
        self, fb: FunctionBuilder, slots: Slots, step: Operand, lanes: int, mask: Operand | None
    ) -> list[tuple[str, str]]:
        """What the inputs of ``lanes`` steps are multiplied (``"fmul"``) and divided by (``"fdiv"``)."""

    def end_of_group(self, fb: FunctionBuilder, slots: Slots, begin: Operand, stop: Operand) -> Operand:
        """The first step from ``begin`` on, up to ``stop``, that has other zeros and scales."""

    def at(
        self, fb: FunctionBuilder, slots: Slots, step: Operand, column: Operand, lanes: int, mask: Operand | None
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """Of a step and ``lanes`` columns: the zeros, and what to multiply (``"fmul"``) and divide by (``"fdiv"``)."""


@dataclass(slots=True)
class HalvesUnit(Unit):
    """What the main kernels have in common."""

    @property
    def halves(self) -> Halves:
        """How the matrix lies."""
        assert self.plan.halves is not None
        return self.plan.halves

    def numbers(self, words: str, numbers: Sequence[int]) -> list[str]:
        """Some of the eight numbers of each word, as floats."""
        is_signed, lanes, from_table = self.halves.is_signed, self.plan.lanes, self.plan.from_table
        return [halves_of(self.fb, words, number, lanes, is_signed, from_table) for number in numbers]

    def words(self, pointer: str, count: Operand | None, is_whole: bool = False) -> str:
        """See :func:`.words.words_at`."""
        return words_at(self.fb, pointer, count, self.plan.lanes, is_whole)

    def row_inputs(self, a: str) -> Iterator[tuple[Operand, str]]:
        """The number of each row, and where it is in A."""
        fb, plan = self.fb, self.plan
        for values, sums in self.each_row():
            terms = [(values[axis.name], axis.a) for axis in plan.rows]
            yield fb.div(sums, plan.pitch), self.at(plan.spec.a, a, terms)

    def sum_of_inputs(self, row: str, start: Operand, stop: Operand) -> str:
        """The sum of some inputs of a row."""
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
