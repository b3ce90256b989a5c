"""What a register tile asks for ahead: lines of memory that the processor itself sees too late that they are needed.

While its multiply-adds keep it busy, a tile has loads to spare. They ask for lines that the next steps of its sum meet,
that its results go to or are made of, and that the next tile starts with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from pronghorn.engine.codegen.builder import Operand, size_of
from pronghorn.engine.codegen.contraction.nest import ask_for, linear
from pronghorn.engine.codegen.contraction.spec import Axis, far
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.compiler.costs import LINE_BYTES, typical

if TYPE_CHECKING:
    from pronghorn.engine.codegen.contraction.tile import Context, State

STEPS_AHEAD = 12  # that lines are asked for
MOST_ASKING = 1024  # steps of a sum: of a longer one most would have nothing left to ask for
FEW_BEHIND = 4  # rows of A that follow where a sum along another ends

__all__ = ["Ahead"]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Asks for lines, in the innermost loop of a tile's sum.

    Attributes:
        main: what all tiles share.
        state: what is known of this one.
        row_axes, row_steps: the axes that it extends along, and how far.
        a_rows, b_rows: its rows' places in A and B, from the first.
        b_strides: those of the axes in B, as it reads it.
        vectors: how many it has of B.
        a_start, c_start: where it starts, in A and in C.
        before: of the loops around the innermost, outermost first, the index of each.
    """

    main: Context
    state: State
    row_axes: Sequence[Axis]
    row_steps: Sequence[int]
    a_rows: Sequence[Operand]
    b_rows: Sequence[Operand]
    b_strides: dict[str, Operand]
    vectors: int
    a_start: str
    c_start: Operand
    before: Sequence[Operand]

    def ask(self, axis: Axis, index: Operand, a: str, b: str) -> None:
        """At step ``index`` of the innermost ``axis``, where the pointers into A and B are."""
        asked = self._next_steps(axis, index, a, b)
        self._behind(axis, index, a, asked)

    # -- the steps that follow ---------------------------------------------------------------------------------------

    def _next_steps(self, axis: Axis, index: Operand, a: str, b: str) -> int:
        """Ask for the lines of A and B some steps ahead, where each step meets new ones of A, as in sums over the rows
        of an array. Not where loads are scarce. Returns for how many."""
        fb, main, (a_type, b_type) = self.main.fb, self.main, (self.main.a_dtype, self.main.b_dtype)
        a_size, b_size = (size_of(storage_type(dtype)) for dtype in (a_type, b_type))
        step = main.a[axis.name]
        if isinstance(step, int) and step * a_size < LINE_BYTES:
            return 0
        known = [row for row in self.a_rows if isinstance(row, int)]
        rows = sorted({row * a_size // LINE_BYTES * LINE_BYTES // a_size for row in known})
        columns = range(0, self.vectors * main.lanes, max(1, LINE_BYTES // b_size))
        lines = [(a, a_type, row) for row in dict.fromkeys((*rows, *known[-1:]))]
        if 8 * (self._loads() + len(lines) + len(columns)) > 7 * len(self.a_rows) * self.vectors:
            return 0
        a_ahead, b_ahead = (self._some_steps(axis, index, strides) for strides in (main.a, self.b_strides))
        for pointer, dtype, place in lines:
            self._ask_for(pointer, dtype, fb.add(place, a_ahead))
        for column in columns:
            self._ask_for(b, b_type, fb.add(column, b_ahead))
        return len(lines) + len(columns)

    def _some_steps(self, axis: Axis, index: Operand, strides: dict[str, Operand]) -> Operand:
        """How far `STEPS_AHEAD` steps lead: around the end of ``axis`` into the next turn of the loop around it, unless
        what lies behind the end is soon needed, too, by the many rows of a large filter."""
        fb, main, step = self.main.fb, self.main, strides[axis.name]
        onward, extent, chunks = fb.mul(STEPS_AHEAD, step), main.extent[axis.name], main.plan.chunks
        cut = axis.name in self.state.ranges or (chunks is not None and chunks.axis == axis.name)
        if not self.before or cut or not isinstance(extent, int) or extent <= STEPS_AHEAD:
            return onward
        turn = strides[main.plan.depth[-2].name]
        if turn == fb.mul(extent, step) or self._rows_behind(axis, extent) > FEW_BEHIND:
            return onward
        around = fb.add(turn, fb.mul(STEPS_AHEAD - extent, step))
        return fb.select(fb.cmp("slt", "i64", index, extent - STEPS_AHEAD), "i64", onward, around)

    def _rows_behind(self, axis: Axis, extent: int) -> int:
        """How many rows of A lie so far apart that one follows where a sum along ``axis`` ends."""
        free = (other for other in self.main.spec.axes if other.b == 0 and not other.reduced)
        return prod(typical(other.extent) for other in free if far(other.a) >= far(axis.a) * extent)

    def _loads(self) -> int:
        """Loads of a step, of operands."""
        return len(set(self.a_rows)) + self.vectors * len(set(self.b_rows))

    # -- what is needed behind the sum -------------------------------------------------------------------------------

    def _behind(self, axis: Axis, index: Operand, a: str, asked: int) -> None:
        """Ask, a few lines in each step of a sum, for what is needed behind it: the next tile's rows of A, where a sum
        goes along these, and the lines that results go to, or are made of. In time for a short sum, and not all at
        once, since a processor has places for few lines on their way. ``asked``: for how many a step asks as it is."""
        main, plan = self.main, self.main.plan
        number = self._number(axis, index)
        if number is None or not self.row_axes or self.state.limits:
            return
        along, steps = main.a[axis.name] == 1, main.extent[axis.name]
        if not along and not (isinstance(steps, int) and steps <= MOST_ASKING and not self.before):
            return
        room = 7 * len(self.a_rows) * self.vectors // 8 - self._loads() - asked
        # A tile of one vector loads for each multiply-add. It asks for rows all the same, or would wait longer.
        if along and plan.far_rows and (room > 0 or self.vectors == 1):
            room -= self._ask_for_rows(axis, index, a)
        if plan.far_results and main.c[plan.vector.name] == 1:
            whole = prod(typical(each.extent) for each in plan.depth)
            for pointer, dtype, written in main.beside:
                many = min(_in_a_step(len(self.a_rows) * self._across(dtype), whole), room)
                for line in self._numbers(number, many):
                    self._ask_for(pointer, dtype, self._line(dtype, line), written)
                room -= max(0, many)

    def _numbers(self, step: Operand, many: int) -> list[Operand]:
        """The numbers of the lines that a step asks for, ``many`` of them."""
        fb = self.main.fb
        return [fb.add(fb.mul(step, many), number) for number in range(many)]

    def _number(self, axis: Axis, index: Operand) -> Operand | None:
        """Which step of the whole sum this is; None where that is not told, or a sum is too long."""
        fb, plan = self.main.fb, self.main.plan
        if len(plan.depth) == 1:
            return index
        extents = [self.main.extent[outer.name] for outer in plan.depth]
        if plan.chunks or self.state.ranges or len(self.before) + 1 != len(plan.depth):
            return None
        total: Operand = 0
        steps = 1
        for extent, place in zip(extents, (*self.before, index), strict=True):
            if not isinstance(extent, int):
                return None
            total, steps = fb.add(fb.mul(total, extent), place), steps * extent
        return total if steps <= MOST_ASKING else None

    def _ask_for_rows(self, axis: Axis, index: Operand, a: str) -> int:
        """Ask for lines of the next tile's rows of A, if no row before shares them; returns for how many."""
        fb, main, count = self.main.fb, self.main, len(self.a_rows)
        extent, size = main.extent[axis.name], size_of(storage_type(main.a_dtype))
        if len(main.plan.depth) == 1 and len(self.row_axes) == 1:
            ((rows, steps),) = zip(self.row_axes, self.row_steps, strict=True)
            if main.a_rows[rows.name] == extent:  # which follow one another
                next_rows = fb.add(fb.mul(main.a_rows[rows.name], steps), fb.mul(index, steps))
                many = -(-steps * size // LINE_BYTES)
                for part in range(many):
                    self._ask_for(self.a_start, main.a_dtype, fb.add(next_rows, part * steps // many))
                return many
        move = self._to_next_tile()
        if move is None or not isinstance(extent, int) or self._shared():
            return 0
        lines = -(-extent * size // LINE_BYTES)
        many = _in_a_step(count * lines, extent)
        for line in self._numbers(index, many):
            number = fb.min(line, count * lines - 1)
            places = [self._row(fb.div(number, lines)), fb.mul(fb.rem(number, lines), LINE_BYTES // size)]
            here = fb.sub(fb.add(move, fb.add(*places)), index)
            self._ask_for(a, main.a_dtype, here)
        return many

    def _row(self, number: Operand) -> Operand:
        """Elements of A from the tile's first row to another."""
        fb = self.main.fb
        total: Operand = 0
        for axis, steps in zip(reversed(self.row_axes), reversed(self.row_steps), strict=True):
            total = fb.add(total, fb.mul(fb.rem(number, steps), self.main.a_rows[axis.name]))
            number = fb.div(number, steps)
        return total

    def _to_next_tile(self) -> Operand | None:
        """Elements of A from this tile to the one after it, of other rows."""
        fb, main = self.main.fb, self.main
        loops = [(level.axis, level.step) for level in main.plan.levels if level.axis is not None]
        moves = [
            (axis, step)
            for axis, step in loops
            if axis.a != 0 and axis.b == 0 and not axis.reduced and axis.extent != step
        ]
        if not moves:
            return None
        axis, step = moves[-1]
        onward = fb.mul(step, main.a[axis.name])
        if len(moves) < 2 or moves[-2][0] is axis:
            return onward
        start, (outer, far_step) = self.state.start[axis.name], moves[-2]
        around = fb.sub(fb.mul(far_step, main.a[outer.name]), fb.mul(start, main.a[axis.name]))
        inside = fb.cmp("slt", "i64", fb.add(start, step), main.extent[axis.name])
        return fb.select(inside, "i64", onward, around)

    def _shared(self) -> bool:
        """Whether the rows of a tile share elements of A, as windows that overlap do."""
        free = [axis for axis in self.main.spec.axes if axis.a != 0 and not axis.reduced]
        summed = [(axis.a, axis.extent) for axis in self.main.spec.axes if axis.a != 0 and axis.reduced]
        for row in (axis.a for axis in free if axis.b == 0):
            span = 1
            for stride, extent in summed:
                if not isinstance(row, int) or not isinstance(stride, int) or not isinstance(extent, int):
                    return True
                span += abs(stride) * (extent - 1) if abs(stride) < abs(row) else 0
            if isinstance(row, int) and span > abs(row):
                return True
        return False

    def _across(self, dtype: str) -> int:
        """How many lines a row of the tile's results has, in an array of some dtype."""
        return max(1, self.vectors * self.main.lanes * size_of(storage_type(dtype)) // LINE_BYTES)

    def _line(self, dtype: str, number: Operand) -> Operand:
        """Where a line of the tile's results starts, of arrays of some dtype; the last behind their number."""
        fb, size = self.main.fb, size_of(storage_type(dtype))
        across = self._across(dtype)
        number = fb.min(number, len(self.a_rows) * across - 1)
        row, steps = fb.div(number, across), []
        for axis, factor in zip(reversed(self.row_axes), reversed(self.row_steps), strict=True):
            steps.append((fb.rem(row, factor) if axis is not self.row_axes[0] else row, self.main.c[axis.name]))
            row = fb.div(row, factor)
        return fb.add(fb.add(self.c_start, linear(fb, steps)), fb.mul(fb.rem(number, across), LINE_BYTES // size))

    def _ask_for(self, pointer: str, dtype: str, place: Operand, to_write: bool = False) -> None:
        fb, main = self.main.fb, self.main
        line = fb.gep(storage_type(dtype), pointer, place, inbounds=False)
        if to_write and main.past is not None:  # what goes past the caches is not fetched into them
            line = fb.select(main.stays, "ptr", line, main.spare)
        ask_for(fb, line, to_write)


def _in_a_step(lines: int, steps: int) -> int:
    """How many lines each of some steps asks for, so that together they ask for all."""
    return -(-lines // max(1, steps))
