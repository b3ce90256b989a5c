"""Filling tiles: 16 rows of A, or columns of B, by 32 steps of the sum.

A tile of A has a row's 32 elements in a line of 64 bytes; one of B has a line for each of 16 pairs of steps, with the
pair's elements of 16 columns. What there is no step for is zero in both. For rows and columns beyond the last, whose
sums nobody reads, some that exist stand in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.nest import linear, split_unit
from pronghorn.engine.codegen.contraction.pack import transposed
from pronghorn.engine.codegen.contraction.pairs.plan import LINEWISE, STEPWISE, PairPlan
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, PAIRS, STEPS
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.graph.dim import product

__all__ = ["Depth", "Lines", "Run", "Steps", "fill_tile", "strides_of"]

_WORDS, _LINE = vec("i32", LINES), vec("i16", STEPS)
_HALF = vec("i16", LINES)


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
        first = fb.mul(block, STEPS)
        valid = fb.min(fb.sub(self.extents[-1], first), STEPS)
        origin = linear(fb, [*zip(others, strides, strict=False), (first, strides[-1])])
        return Steps(valid, lambda step: fb.add(origin, fb.mul(fb.min(step, fb.sub(valid, 1)), strides[-1])))

    def _listed(self, number: Operand, strides: Sequence[Operand], table: str) -> Steps:
        fb = self.fb
        if table not in self._tables:
            self._tables[table] = fb.alloca("i64", STEPS, align=64)
        places = self._tables[table]
        first = fb.mul(number, STEPS)
        valid = fb.min(fb.sub(self.steps, first), STEPS)
        with fb.loop(0, STEPS) as step:
            at = split_unit(fb, fb.min(fb.add(first, step), fb.sub(self.steps, 1)), self.extents)
            fb.store("i64", linear(fb, zip(at, strides, strict=True)), fb.gep("i64", places, step))
        return Steps(valid, lambda step: fb.load("i64", fb.gep("i64", places, step)))


def fill_tile(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, how: str, is_a: bool) -> None:
    """Fills the tile at ``target`` in a way of :mod:`.plan`; rows of A along the steps are filled by a :class:`Run`."""
    if how == STEPWISE:
        _fill_stepwise(fb, target, lines, steps)
    elif how == LINEWISE:
        _fill_linewise(fb, target, lines, steps, is_a)
    else:
        _fill_scattered(fb, target, lines, steps, is_a)


def _fill_stepwise(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps) -> None:
    """A column's steps are adjacent: they are transposed, pair by pair."""
    mask = fb.mask_first(steps.valid, STEPS)
    first = steps.offset(0)
    rows = []
    for number in range(LINES):
        place = fb.gep("i16", lines.origin, fb.add(lines.offset(number), first))
        rows.append(fb.cast("bitcast", fb.masked_load(_LINE, place, mask), _LINE, _WORDS))
    _store_transposed(fb, target, rows)


class Run:
    """Some tiles of steps, for rows of A whose steps are adjacent: where each begins, and how many there are."""

    def __init__(self, fb: FunctionBuilder, depth: Depth, most: int) -> None:
        self.fb, self.depth = fb, depth
        self.offsets, self.valid = (fb.alloca("i64", most, align=64) for _ in range(2))
        run = depth.extents[-1]
        self.are_whole = isinstance(run, int) and run % STEPS == 0

    def find(self, first: Operand, count: Operand, strides: Sequence[Operand]) -> None:
        """Those from the tile ``first`` on."""
        fb = self.fb
        with fb.loop(0, count) as number:
            steps = self.depth.tile(fb.add(first, number), strides, "")
            fb.store("i64", steps.offset(0), fb.gep("i64", self.offsets, number))
            fb.store("i64", steps.valid, fb.gep("i64", self.valid, number))

    def fill(self, target: str, between: int, row: str, count: Operand) -> None:
        """Fills a row of tiles that are ``between`` bytes apart: one after the other, as memory likes it."""
        fb = self.fb
        with fb.loop(0, count) as number:
            place = fb.gep("i16", row, fb.load("i64", fb.gep("i64", self.offsets, number)))
            if self.are_whole:
                value = fb.load(_LINE, place)
            else:
                mask = fb.mask_first(fb.load("i64", fb.gep("i64", self.valid, number)), STEPS)
                value = fb.masked_load(_LINE, place, mask)
            fb.store(_LINE, value, fb.gep("i8", target, fb.mul(number, between)), 64)


def _fill_linewise(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, is_a: bool) -> None:
    """A step's lines are adjacent: for B two steps at a time, for A the same, transposed."""
    whole = fb.mask_first(lines.valid, LINES)
    first = lines.offset(0)

    def load(step: Operand) -> str:
        place = fb.gep("i16", lines.origin, fb.add(steps.offset(step), first))
        is_there = fb.cmp("slt", "i64", step, steps.valid)
        mask = fb.let(f"select i1 {is_there}, {vec('i1', LINES)} {whole}, {vec('i1', LINES)} zeroinitializer")
        return fb.masked_load(_HALF, place, mask)

    def pair(number: Operand) -> str:
        even, odd = (load(fb.add(fb.mul(number, 2), half)) for half in (0, 1))
        mixed = [lane + half * LINES for lane in range(LINES) for half in (0, 1)]
        return fb.shuffle(_HALF, even, odd, mixed)

    if not is_a:
        with fb.loop(0, PAIRS) as number:
            fb.store(_LINE, pair(number), fb.gep("i16", target, fb.mul(number, 2 * LINES)), 64)
        return
    _store_transposed(fb, target, [fb.cast("bitcast", pair(number), _LINE, _WORDS) for number in range(PAIRS)])


def _store_transposed(fb: FunctionBuilder, target: str, rows: list[str]) -> None:
    for number, row in enumerate(transposed(fb, _WORDS, rows)):
        fb.store(_WORDS, row, fb.gep("i32", target, number * LINES), 64)


def _fill_scattered(fb: FunctionBuilder, target: str, lines: Lines, steps: Steps, is_a: bool) -> None:
    """Element by element."""
    with fb.loop(0, STEPS) as step:
        along = steps.offset(step)
        is_there = fb.cmp("slt", "i64", step, steps.valid)
        with fb.loop(0, LINES) as line:
            value = fb.load("i16", fb.gep("i16", lines.origin, fb.add(lines.offset(line), along)))
            if is_a:
                place = fb.add(fb.mul(line, STEPS), step)
            else:
                pair, half = fb.div(step, 2), fb.rem(step, 2)
                place = fb.add(fb.add(fb.mul(pair, 2 * LINES), fb.mul(line, 2)), half)
            fb.store("i16", fb.select(is_there, "i16", value, 0), fb.gep("i16", target, place))


def strides_of(slots: Slots, axes: Sequence[Axis], which: str) -> list[Operand]:
    """The strides of axes in an operand."""
    return [slots.extent(getattr(axis, which)) for axis in axes]
