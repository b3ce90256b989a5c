"""Filling tiles: 16 rows of A, or columns of B, by 16 words of steps of the sum.

A tile of A has a row's 16 words in a line of 64 bytes; one of B has a line for each word, with that of 16 columns. What
there is no step for is zero in both. For rows and columns beyond the last, whose sums nobody reads, some that exist
stand in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import linear, split_unit
from pronghorn.engine.codegen.contraction.pack import transposed
from pronghorn.engine.codegen.contraction.pairs.plan import LINEWISE, STEPWISE, PairPlan
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, WORDS, PairUnit
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.graph.dim import product

__all__ = ["Depth", "Lines", "Run", "Steps", "fill_tile", "strides_of"]

_WORDS = vec("i32", LINES)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one tile, in one operand.

    Attributes:
        valid: how many there are, the first ones.
        offset: elements from the operand's origin to one of them; for those beyond, to the last that there is.
    """

    valid: Operand
    offset: Callable[[Operand], Operand]


@dataclass(frozen=True, slots=True)
class Lines:
    """The rows or columns of one tile.

    Attributes:
        origin: the address that offsets count from.
        valid: how many there are, the first ones.
        offset: elements from the origin to one of them; for those beyond, to one that there is.
    """

    origin: str
    valid: Operand
    offset: Callable[[Operand], Operand]


class Depth:
    """The steps of a sum in the order of their tiles."""

    def __init__(self, fb: FunctionBuilder, slots: Slots, plan: PairPlan) -> None:
        self.fb, self.plan = fb, plan
        self.extents = [slots.extent(axis.extent) for axis in plan.depth]
        self.counts = [slots.count(count) for count in plan.step_tiles()]
        self.total: Operand = 1
        for count in self.counts:
            self.total = fb.mul(self.total, count)
        self.steps = slots.extent(product(tuple(axis.extent for axis in plan.depth)))
        self._tables: dict[str, str] = {}

    def tile(self, number: Operand, strides: Sequence[Operand], table: str) -> Steps:
        """The steps of a tile, for an operand with these strides along the summed axes.

        Where they do not run on with one stride, their offsets are written to a table of that name, of which the kernel
        has one.
        """
        return self._in_run(number, strides) if self.plan.in_runs else self._listed(number, strides, table)

    def _in_run(self, number: Operand, strides: Sequence[Operand]) -> Steps:
        fb = self.fb
        *others, block = split_unit(fb, number, self.counts)
        first = fb.mul(block, self.plan.unit.steps)
        valid = fb.min(fb.sub(self.extents[-1], first), self.plan.unit.steps)
        origin = linear(fb, [*zip(others, strides, strict=False), (first, strides[-1])])
        return Steps(valid, lambda step: fb.add(origin, fb.mul(fb.min(step, fb.sub(valid, 1)), strides[-1])))

    def _listed(self, number: Operand, strides: Sequence[Operand], table: str) -> Steps:
        fb, most = self.fb, self.plan.unit.steps
        if table not in self._tables:
            self._tables[table] = fb.alloca("i64", most, align=64)
        places = self._tables[table]
        first = fb.mul(number, most)
        valid = fb.min(fb.sub(self.steps, first), most)
        with fb.loop(0, most) as step:
            at = split_unit(fb, fb.min(fb.add(first, step), fb.sub(self.steps, 1)), self.extents)
            fb.store("i64", linear(fb, zip(at, strides, strict=True)), fb.gep("i64", places, step))
        return Steps(valid, lambda step: fb.load("i64", fb.gep("i64", places, step)))


def fill_tile(
    fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, how: str, is_a: bool, unit: PairUnit
) -> None:
    """Fills the tile at ``target`` in a way of :mod:`.plan`; rows of A along the steps are filled by a :class:`Run`."""
    if how == STEPWISE:
        _fill_stepwise(fb, target, lines, steps, unit)
    elif how == LINEWISE:
        _fill_linewise(fb, target, lines, steps, is_a, unit)
    else:
        _fill_scattered(fb, target, lines, steps, is_a, unit)


def _biased(fb: FunctionBuilder, unit: PairUnit, ty: str, value: str) -> str:
    """Elements of A as their instruction takes them: bytes with 128 added to each, if they are to be unsigned."""
    if not unit.is_biased:
        return value
    if ty == _WORDS:
        return fb.op("xor", ty, value, literal(-0x7F7F7F80, ty))
    return fb.op("xor", ty, value, literal(-128, ty))


class _Neighbours:
    """Loads adjacent elements, as they lie in tiles, of which some may not be there: those are 0."""

    def __init__(self, fb: FunctionBuilder, unit: PairUnit, count: int, valid: Operand) -> None:
        self.fb, self.unit, self.count, self.valid = fb, unit, count, valid
        self._from, self._to = vec(unit.element, count), vec(unit.kept, count)
        self._mask = fb.mask_first(valid, count) if unit.has_masks else ""
        self._copy = "" if unit.has_masks or valid == count else fb.shared_alloca(self._from)

    def load(self, place: str) -> str:
        fb = self.fb
        if self._mask:
            value = fb.masked_load(self._from, place, self._mask)
        else:
            value = fb.load(self._from, self._whole(place) if self._copy else place, 1)
        return fb.cast("sext", value, self._from, self._to) if self.unit.is_widened else value

    def _whole(self, place: str) -> str:
        """Where all of them can be loaded: there, or from a copy of those that exist."""
        fb = self.fb
        lacks = fb.cmp("slt", "i64", self.valid, self.count)
        with fb.if_(lacks):
            fb.store(self._from, "zeroinitializer", self._copy)
            with fb.loop(0, self.valid) as number:
                fb.store("i8", fb.load("i8", fb.gep("i8", place, number)), fb.gep("i8", self._copy, number))
        return fb.select(lacks, "ptr", self._copy, place)


def _fill_stepwise(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, unit: PairUnit) -> None:
    """A column's steps are adjacent: they are transposed, word by word."""
    column = _Neighbours(fb, unit, unit.steps, steps.valid)
    first = steps.offset(0)
    rows = []
    for number in range(LINES):
        place = fb.gep(unit.element, lines.origin, fb.add(lines.offset(number), first))
        rows.append(fb.cast("bitcast", column.load(place), unit.line, _WORDS))
    _store_transposed(fb, target, rows)


class Run:
    """Some tiles of steps, for rows of A whose steps are adjacent: where each begins, and how many there are."""

    def __init__(self, fb: FunctionBuilder, depth: Depth, most: int) -> None:
        self.fb, self.depth = fb, depth
        self.offsets, self.valid = (fb.alloca("i64", most, align=64) for _ in range(2))
        run = depth.extents[-1]
        self.are_whole = isinstance(run, int) and run % depth.plan.unit.steps == 0

    def find(self, first: Operand, count: Operand, strides: Sequence[Operand]) -> None:
        """Those from the tile ``first`` on."""
        fb = self.fb
        with fb.loop(0, count) as number:
            steps = self.depth.tile(fb.add(first, number), strides, "")
            fb.store("i64", steps.offset(0), fb.gep("i64", self.offsets, number))
            fb.store("i64", steps.valid, fb.gep("i64", self.valid, number))

    def fill(self, target: str, between: int, row: str, count: Operand) -> None:
        """Fills a row of tiles that are ``between`` bytes apart: one after the other, as memory likes it."""
        fb, unit = self.fb, self.depth.plan.unit
        line = unit.line
        with fb.loop(0, count) as number:
            place = fb.gep(unit.element, row, fb.load("i64", fb.gep("i64", self.offsets, number)))
            valid = unit.steps if self.are_whole else fb.load("i64", fb.gep("i64", self.valid, number))
            value = _Neighbours(fb, unit, unit.steps, valid).load(place)
            fb.store(line, _biased(fb, unit, line, value), fb.gep("i8", target, fb.mul(number, between)), 64)


def _fill_linewise(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, is_a: bool, unit: PairUnit) -> None:
    """A step's lines are adjacent: for B a word's steps at a time, for A the same, transposed."""
    first = lines.offset(0)

    def load(step: Operand) -> str:
        place = fb.gep(unit.element, lines.origin, fb.add(steps.offset(step), first))
        valid = fb.select(fb.cmp("slt", "i64", step, steps.valid), "i64", lines.valid, 0)
        return _Neighbours(fb, unit, LINES, valid).load(place)

    def word(number: Operand) -> str:
        first = fb.mul(number, unit.group)
        parts, together = [load(fb.add(first, step)) for step in range(unit.group)], 1
        while len(parts) > 1:  # ones become twos, twos become fours
            parts = [_interleaved(fb, unit, x, y, together) for x, y in zip(parts[::2], parts[1::2], strict=True)]
            together *= 2
        return parts[0]

    if not is_a:
        with fb.loop(0, WORDS) as number:
            fb.store(unit.line, word(number), fb.gep("i8", target, fb.mul(number, ROW_BYTES)), 64)
        return
    words = [fb.cast("bitcast", word(number), unit.line, _WORDS) for number in range(WORDS)]
    _store_transposed(fb, target, [_biased(fb, unit, _WORDS, row) for row in words])


def _interleaved(fb: FunctionBuilder, unit: PairUnit, x: str, y: str, together: int) -> str:
    """So many elements of a vector, as many of another, and so on."""
    lanes = LINES * together
    mixed = [at + i for first in range(0, lanes, together) for at in (first, first + lanes) for i in range(together)]
    return fb.shuffle(vec(unit.kept, lanes), x, y, mixed)


def _store_transposed(fb: FunctionBuilder, target: str, rows: list[str]) -> None:
    for number, row in enumerate(transposed(fb, _WORDS, rows)):
        fb.store(_WORDS, row, fb.gep("i32", target, number * LINES), 64)


def _fill_scattered(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, is_a: bool, unit: PairUnit) -> None:
    """Element by element."""
    element, group = unit.element, unit.group
    with fb.loop(0, unit.steps) as step:
        along = steps.offset(step)
        is_there = fb.cmp("slt", "i64", step, steps.valid)
        with fb.loop(0, LINES) as line:
            value = fb.load(element, fb.gep(element, lines.origin, fb.add(lines.offset(line), along)))
            value = fb.select(is_there, element, value, 0)
            value = fb.cast("sext", value, element, unit.kept) if unit.is_widened else value
            if is_a:
                value = _biased(fb, unit, unit.kept, value)
                place = fb.add(fb.mul(line, unit.steps), step)
            else:
                word, inside = fb.div(step, group), fb.rem(step, group)
                place = fb.add(fb.add(fb.mul(word, group * LINES), fb.mul(line, group)), inside)
            fb.store(unit.kept, value, fb.gep(unit.kept, target, place))


def strides_of(slots: Slots, axes: Sequence[Axis], which: str) -> list[Operand]:
    """The strides of axes in an operand."""
    return [slots.extent(getattr(axis, which)) for axis in axes]
