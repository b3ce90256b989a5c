"""What the kernels have in common that multiply by a matrix of half bytes, less zeros, times scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.few_filters.folding import fold
from pronghorn.engine.codegen.contraction.few_rows.kernels import Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import Halves
from pronghorn.engine.codegen.contraction.few_rows.quads import HasQuads
from pronghorn.engine.codegen.slots import Slots

__all__ = ["Coefficients", "HalvesUnit", "halves_of"]


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
    """What the main kernels have in common."""

    @property
    def halves(self) -> Halves:
        """How the matrix lies."""
        assert self.plan.halves is not None
        return self.plan.halves

    def numbers(self, words: str, numbers: Sequence[int]) -> list[str]:
        is_signed, lanes = self.halves.is_signed, self.plan.lanes
        return [halves_of(self.fb, words, number, lanes, is_signed, self.machine) for number in numbers]  # type: ignore[arg-type]

    def words(self, pointer: str, count: Operand | None, is_whole: bool = False) -> str:
        """A vector of words, of which ``count`` bytes are there, or all; ``is_whole``: bytes make whole words."""
        fb, lanes = self.fb, self.plan.lanes
        ty = vec("i32", lanes)
        if count is None:
            return fb.load(ty, pointer, 1)
        whole, rest = fb.div(count, 4), fb.rem(count, 4)
        words = fb.masked_load(ty, pointer, fb.mask_first(whole, lanes))
        if is_whole:
            return words
        behind = fb.gep("i8", pointer, fb.mul(whole, 4))
        with fb.loop_carry(0, rest, [("i32", "0")]) as loop:  # the last byte first
            byte = fb.load("i8", fb.gep("i8", behind, fb.sub(fb.sub(rest, 1), loop.index)))
            higher = fb.op("shl", "i32", loop.carried[0], 8)
            loop.following.append(fb.op("or", "i32", higher, fb.cast("zext", byte, "i8", "i32")))
        lane = fb.min(whole, lanes - 1)
        last = fb.select(fb.cmp("sgt", "i64", rest, 0), "i32", loop.results[0], fb.extract(ty, words, lane))
        return fb.insert(ty, words, last, lane)

    def row_inputs(self, a: str) -> Iterator[tuple[Operand, str]]:
        """The number of each row, and where it is in A."""
        fb, plan = self.fb, self.plan
        for values, sums in self.each_row():
            terms = [(values[axis.name], axis.a) for axis in plan.rows]
            yield fb.div(sums, plan.columns), self.at(plan.spec.a, a, terms)

    def sum_of_inputs(self, row: str, start: Operand, stop: Operand) -> str:
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
