"""Looks at rows of A and B at run time, and leaves out what their zeros make superfluous; :mod:`.zeros` says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, mangle, size_of, vec
from pronghorn.engine.codegen.contraction.nest import base_of
from pronghorn.engine.codegen.contraction.plan import Plan
from pronghorn.engine.codegen.contraction.spec import Array
from pronghorn.engine.codegen.contraction.zeros import RUN_BLOCK, RUN_STEPS
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.slots import MOST_WRITTEN, Slots, Tables

__all__ = ["Bits", "any_nonzero", "emit_runs", "run_at"]

_INFINITY = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF0000000000000}


@dataclass(frozen=True, slots=True)
class Bits:
    """Vectors of floats without their signs, as integers: a zero is 0, no number is as large as infinities and NaNs."""

    fb: FunctionBuilder
    dtype: str
    lanes: int

    @property
    def element(self) -> str:
        return storage_type(self.dtype)

    @property
    def scalar(self) -> str:
        return f"i{8 * size_of(self.element)}"

    @property
    def ty(self) -> str:
        return vec(self.scalar, self.lanes)

    def load(self, pointer: str, mask: Operand | None = None) -> str:
        """Of adjacent floats; zeros where the mask fails."""
        fb, size = self.fb, size_of(self.scalar)
        found = fb.load(self.ty, pointer, size) if mask is None else fb.masked_load(self.ty, pointer, mask)
        but_sign = fb.splat(literal((1 << 8 * size - 1) - 1, self.scalar), self.scalar, self.lanes)
        return fb.op("and", self.ty, found, but_sign)

    def larger(self, a: Operand, b: Operand) -> str:
        """Lane by lane."""
        return self.fb.intrinsic("llvm.umax", self.ty, a, b)

    def smaller(self, a: Operand, b: Operand) -> str:
        """Lane by lane."""
        return self.fb.intrinsic("llvm.umin", self.ty, a, b)

    def across(self, pointer: str, rows: Sequence[Operand], columns: tuple[Operand, Operand], before: str) -> str:
        """The largest lane by lane, of what was found before and of some columns of rows that start so far behind a
        pointer."""
        fb, lanes, (start, stop) = self.fb, self.lanes, columns
        length = fb.max(fb.sub(stop, start), 0)
        whole = fb.add(start, fb.mul(fb.div(length, lanes), lanes))
        with fb.loop_carry(start, whole, [(self.ty, before)], lanes) as loop:
            loop.following.append(self._of_rows(pointer, rows, loop.index, loop.carried[0]))
        return self._of_rows(pointer, rows, whole, loop.results[0], fb.mask_first(fb.rem(length, lanes), lanes))

    def _of_rows(
        self, pointer: str, rows: Sequence[Operand], column: Operand, before: str, mask: Operand | None = None
    ) -> str:
        here = self.fb.gep(self.element, pointer, column)
        for row in dict.fromkeys(rows):
            before = self.larger(before, self.load(self.fb.gep(self.element, here, row), mask))
        return before

    def first(self, pointer: str, length: Operand) -> str:
        """The largest of the first few of a row of some length."""
        return self.largest(self.load(pointer, self.fb.mask_first(length, self.lanes)))

    def largest(self, values: str) -> str:
        """Of all lanes."""
        if self.lanes == 1:
            return values
        return self.fb.call(f"llvm.vector.reduce.umax.{mangle(self.ty)}", self.scalar, [(self.ty, values)])

    def is_nonzero(self, value: str) -> str:
        return self.fb.cmp("ne", self.scalar, value, 0)


def any_nonzero(
    fb: FunctionBuilder,
    pointer: str,
    dtype: str,
    rows: Sequence[Operand],
    columns: tuple[Operand, Operand],
    lanes: int,
) -> str:
    """Whether some columns of rows of floats have others than zeros, as an i1; as a rule the first few say so.

    Args:
        fb: the function.
        pointer: to the first of the rows.
        dtype: the floats'.
        rows: where each starts, in elements from there.
        columns: the first, and that behind the last; none is an answer, too.
        lanes: how many are looked at at a time.
    """
    bits = Bits(fb, dtype, lanes)
    start, stop = columns
    row = fb.gep(bits.element, fb.gep(bits.element, pointer, rows[0]), start)
    quick = bits.is_nonzero(bits.first(row, fb.max(fb.sub(stop, start), 0)))
    with fb.if_else(quick) as (yes, no), no:
        some = bits.is_nonzero(bits.largest(bits.across(pointer, rows, columns, "zeroinitializer")))
    return fb.phi("i1", [("true", yes.end), (some, no.end)])


def run_at(fb: FunctionBuilder, runs: str, index: Operand, stop: Operand) -> tuple[Operand, Operand]:
    """Where the run of steps ends that ``index`` is in, at ``stop`` at the latest, and whether it adds anything.

    ``runs`` points to what :func:`emit_runs` has written.
    """
    entry = fb.load("i64", fb.gep("i64", runs, fb.div(index, RUN_STEPS)))
    return fb.min(fb.div(entry, 2), stop), fb.cmp("ne", "i64", fb.rem(entry, 2), 0)


def emit_runs(module: ModuleBuilder, name: str, plan: Plan, tables: Tables, slot: int) -> None:
    """Writes the kernel that finds, for each :data:`RUN_STEPS` steps of a sum, whether they add anything.

    The buffer in ``slot`` has a number for each: twice the step where the run of such ends that they belong to, within
    :data:`RUN_BLOCK` steps, and 1 more if they add something.
    """
    fb = start_kernel(module, name)
    slots = Slots(fb, tables, MOST_WRITTEN)
    (step,) = plan.depth
    extent = slots.extent(step.extent)
    operands = [_Operand.of(fb, plan, slots, which) for which in "ab"]
    runs = base_pointer(fb, slot)
    with fb.loop("%begin", "%end") as unit:
        start = fb.mul(unit, RUN_BLOCK)
        stop = fb.min(fb.add(start, RUN_BLOCK), extent)
        count = fb.ceil_div(fb.sub(stop, start), RUN_STEPS)
        with fb.loop_carry(0, count, [("i64", stop), ("i64", 2)]) as loop:
            end, kind = loop.carried
            here = fb.add(start, fb.mul(fb.sub(fb.sub(count, 1), loop.index), RUN_STEPS))
            behind = fb.min(fb.add(here, RUN_STEPS), stop)
            own = fb.cast("zext", _add_anything(fb, operands, here, behind), "i1", "i64")
            end = fb.select(fb.cmp("eq", "i64", own, kind), "i64", end, behind)
            fb.store("i64", fb.add(fb.mul(end, 2), own), fb.gep("i64", runs, fb.div(here, RUN_STEPS)))
            loop.following += [end, own]
    fb.ret()


@dataclass(frozen=True, slots=True)
class _Operand:
    """A or B, as rows of adjacent elements: its first, how far rows are apart, and how long they are."""

    bits: Bits
    base: str
    stride: Operand
    length: Operand

    @staticmethod
    def of(fb: FunctionBuilder, plan: Plan, slots: Slots, which: str) -> _Operand:
        spec = plan.spec
        array: Array = getattr(spec, which)
        (row,) = (axis for axis in spec.axes if not axis.reduced and getattr(axis, which) != 0)
        bits, base = Bits(fb, array.dtype, plan.tile.lanes), base_of(fb, slots, array)
        (step,) = plan.depth
        return _Operand(bits, base, slots.extent(getattr(step, which)), slots.extent(row.extent))

    def first(self, row: Operand) -> str:
        """The largest of the first few of a row."""
        return self.bits.first(self._at(row), self.length)

    def all(self, rows: tuple[Operand, Operand]) -> str:
        """The largest of some rows."""
        bits = self.bits
        with bits.fb.loop_carry(*rows, [(bits.ty, "zeroinitializer")]) as loop:
            loop.following.append(bits.across(self._at(loop.index), [0], (0, self.length), loop.carried[0]))
        return bits.largest(loop.results[0])

    def _at(self, row: Operand) -> str:
        fb = self.bits.fb
        return fb.gep(self.bits.element, self.base, fb.mul(row, self.stride))


def _add_anything(fb: FunctionBuilder, operands: Sequence[_Operand], begin: Operand, end: Operand) -> Operand:
    """Whether steps of a sum add anything: both operands have others than zeros, or one has an infinity or a NaN."""
    quick = [operand.bits.is_nonzero(operand.first(begin)) for operand in operands]
    with fb.if_else(fb.op("and", "i1", *quick)) as (yes, no), no:
        largest = [(operand.bits, operand.all((begin, end))) for operand in operands]
        both = fb.op("and", "i1", *(bits.is_nonzero(value) for bits, value in largest))
        endless = [fb.cmp("uge", bits.scalar, value, _INFINITY[bits.dtype]) for bits, value in largest]
        adds = fb.op("or", "i1", both, fb.op("or", "i1", *endless))
    return fb.phi("i1", [("true", yes.end), (adds, no.end)])
