"""The main kernel where the bytes of neighbouring steps of the sum are neighbours.

A byte has the numbers of two steps, or of two columns at one step. A vector of words so holds, at each of eight
places, a number of every fourth or every eighth step. The inputs are brought into that order first, with zeros behind
the end of a group of steps. Each such *piece* of the inputs meets one vector of words of each column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from pronghorn.engine.codegen.builder import Operand, vec
from pronghorn.engine.codegen.contraction.few_filters.folding import fold
from pronghorn.engine.codegen.contraction.few_rows.half_bytes import HalvesUnit
from pronghorn.engine.codegen.contraction.few_rows.kernels import LOCALITY, Row, Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import HALVES
from pronghorn.engine.codegen.contraction.nest import ask_for, base_of
from pronghorn.engine.compiler.costs import LINE_BYTES

__all__ = ["AlongHalves"]

Scale = tuple[str | None, list[tuple[str, str]]]
"""A zero, and what to multiply and divide by."""

PIECES_BYTES = 64 * 1024  # of the buffer of inputs


@dataclass(slots=True)
class AlongHalves(HalvesUnit):
    """Writes the main kernel."""

    steps: int = field(init=False)
    """Whose numbers a word holds, of one column."""
    most: int = field(init=False)
    """Pieces in the buffers."""
    inputs: str = field(init=False)
    """The buffer of inputs: by piece, row, step within a word, lane."""
    added: str = field(init=False)
    """The buffer of the sums of inputs, by piece and row."""
    begins: str = field(init=False)
    """The buffer of the first step of each piece."""

    def __post_init__(self) -> None:
        Unit.__post_init__(self)
        plan = self.plan
        self.steps = HALVES // 2 if self.halves.pairs_columns else HALVES
        self.most = max(1, PIECES_BYTES // (4 * plan.places * self.span))
        self.inputs = self.fb.alloca("float", self.most * plan.places * self.span, align=64)
        self.added = self.fb.alloca("float", self.most * plan.places, align=64)
        self.begins = self.fb.alloca("i64", self.most, align=64)

    @property
    def span(self) -> int:
        """Steps of a piece, at most."""
        return self.steps * self.plan.lanes

    def sum(self, a: str, first: Operand, columns: Operand, start: Operand, stop: Operand) -> None:
        fb = self.fb
        base = base_of(fb, self.slots, self.halves.array)
        self.clear(self.sums)
        with fb.loop_carry(start, stop, []) as part:
            count, end = self._pieces(a, part.index, stop)
            each = 2 if self.halves.pairs_columns else 1
            lines, together = fb.ceil_div(columns, each), self.plan.tile[1]
            whole = fb.mul(fb.div(lines, together), together)
            for group, asks in self.groups():
                for begin, upto, many in ((0, whole, together), (whole, lines, 1)):
                    with fb.loop(begin, upto, many) as line:
                        column = fb.mul(line, each)
                        there = fb.add(fb.div(first, each), line)
                        b = fb.gep("i8", base, fb.mul(there, self.halves.column))
                        self._add_lines(b, many, fb.add(first, column), column, group, count, asks)
            part.onward = end

    # -- the inputs --------------------------------------------------------------------------------------------------

    def _pieces(self, a: str, start: Operand, stop: Operand) -> tuple[str, str]:
        """Fills the buffers with as many pieces as they take: how many these are, and the first step behind them."""
        fb, coefficients = self.fb, self.halves.coefficients
        with fb.loop_carry(start, stop, [("i64", "0"), ("i64", start)]) as loop:
            begin, number = loop.index, loop.carried[0]
            base = self._word_start(begin)
            end = coefficients.end_of_group(fb, self.slots, begin, fb.min(fb.add(base, self.span), stop))
            fb.store("i64", begin, fb.gep("i64", self.begins, number))
            for row, pointer in self.row_inputs(a):
                self._spread(pointer, base, begin, end, fb.add(fb.mul(number, self.plan.places), row))
            loop.following.extend([str(fb.add(number, 1)), str(end)])
            is_full = fb.cmp("sge", "i64", fb.add(number, 1), self.most)
            loop.onward = fb.select(is_full, "i64", stop, end)
        return loop.results[0], loop.results[1]

    def _word_start(self, step: Operand) -> Operand:
        """The first step in the byte that has a step."""
        return step if self.halves.pairs_columns else self.fb.mul(self.fb.div(step, 2), 2)

    def _spread(self, row: str, base: Operand, begin: Operand, end: Operand, place: Operand) -> None:
        """A row's inputs of a piece, and their sum; zeros where a piece has none."""
        fb, lanes, coefficients = self.fb, self.plan.lanes, self.halves.coefficients
        found = []
        for i in range(self.steps):
            step = fb.add(base, i * lanes)
            mask = fb.mask_first(fb.max(fb.sub(end, step), 0), lanes)
            value = str(self.load(self.plan.spec.a, row, step, lanes, mask))
            factors = coefficients.of_inputs(fb, self.slots, step, lanes, mask)
            for opcode, factor in factors:
                value = fb.op(opcode, self.ty, value, factor)
            value = fb.select(mask, self.ty, value, "zeroinitializer") if factors else value
            if i == 0 and base is not begin:
                kept = fb.select(fb.cmp("eq", "i64", base, begin), "float", fb.extract(self.ty, value, 0), "0.0")
                value = fb.insert(self.ty, value, kept, 0)
            found.append(value)
        if coefficients.has_zero():
            total = found[0]
            for value in found[1:]:
                total = fb.op("fadd", self.ty, total, value)
            fb.store("float", fold(fb, [total], lanes, 1), fb.gep("float", self.added, place))
        distance = 1
        while distance < self.steps:
            found = self._taken_apart(found, distance)
            distance *= 2
        there = fb.gep("float", self.inputs, fb.mul(place, self.span))
        for i, value in enumerate(found):
            fb.store(self.ty, value, fb.gep("float", there, i * lanes), self.align)

    def _taken_apart(self, vectors: Sequence[str], distance: int) -> list[str]:
        """Of vector ``i`` and the one ``distance`` behind, every other element, and those between."""
        fb, lanes = self.fb, self.plan.lanes
        found = [""] * len(vectors)
        for i in (i for i in range(len(vectors)) if not i & distance):
            for odd in (0, 1):
                picked = range(odd, 2 * lanes, 2)
                found[i + odd * distance] = fb.shuffle(self.ty, vectors[i], vectors[i + distance], picked)
        return found

    # -- the matrix --------------------------------------------------------------------------------------------------

    def _add_lines(
        self,
        b: str,
        many: int,
        there: Operand,
        column: Operand,
        group: Sequence[Row],
        count: Operand,
        asks: bool,
    ) -> None:
        """Adds all pieces' products with some lines of bytes to the sums of their columns, the first of which is
        ``there`` in the matrix and ``column`` in the unit."""
        fb, coefficients = self.fb, self.halves.coefficients
        each = 2 if self.halves.pairs_columns else 1
        last = int(self.plan.vector.extent) - 1  # type: ignore[arg-type]
        columns = [fb.min(fb.add(there, i), last) for i in range(each * many)]
        pairs = len(group) * len(columns)
        starts = [(self.ty, "zeroinitializer")] * pairs + [("float", "0.0")] * pairs
        with fb.loop_carry(0, count, starts) as loop:
            totals, rests = loop.carried[:pairs], loop.carried[pairs:]
            begin = fb.load("i64", fb.gep("i64", self.begins, loop.index))
            sums: Sequence[str] = totals
            if coefficients.has_groups():
                sums = ["zeroinitializer"] * pairs
            sums = self._with_piece(b, many, begin, group, loop.index, sums, asks)
            if coefficients.has_groups():
                scales = [coefficients.at(fb, self.slots, begin, c, 1, None) for c in columns]
                products = [self._scaled(self.ty, total, scale, True) for total, scale in self._with(sums, scales)]
                totals = [fb.op("fadd", self.ty, x, y) for x, y in zip(totals, products, strict=True)]
                rests = self._rests(group, loop.index, rests, scales)
            else:
                totals = sums
                rests = self._rests(group, loop.index, rests, None)
            loop.following.extend([*totals, *rests])
        folded = [fold(fb, [total], self.plan.lanes, 1) for total in loop.results[:pairs]]
        rests = loop.results[pairs:]
        if not coefficients.has_groups():
            scales = [coefficients.at(fb, self.slots, 0, c, 1, None) for c in columns]
            if coefficients.has_zero():
                rests = [fb.fneg("float", fb.op("fmul", "float", x, str(s[0]))) for x, s in self._with(rests, scales)]
            folded = [fb.op("fadd", "float", x, y) for x, y in zip(folded, rests, strict=True)]
            folded = [self._scaled("float", x, s, False) for x, s in self._with(folded, scales)]
        else:
            folded = [fb.op("fadd", "float", x, y) for x, y in zip(folded, rests, strict=True)]
        for (row, i), total in zip(product(group, range(len(columns))), folded, strict=True):
            place = fb.gep("float", self.sums, fb.add(row.sums, fb.add(column, i)))
            fb.store("float", fb.op("fadd", "float", fb.load("float", place), total), place)

    def _with(self, sums: Sequence[str], scales: Sequence[Scale]) -> Iterator[tuple[str, Scale]]:
        """Sums of rows and columns, each with what belongs to its column."""
        for i, total in enumerate(sums):
            yield total, scales[i % len(scales)]

    def _scaled(self, ty: str, total: str, scale: Scale, spread: bool) -> str:
        _, factors = scale
        for opcode, factor in factors:
            factor = self.fb.splat(factor, "float", self.plan.lanes) if spread else factor
            total = self.fb.op(opcode, ty, total, factor)
        return total

    def _rests(
        self, group: Sequence[Row], piece: Operand, rests: Sequence[str], scales: Sequence[Scale] | None
    ) -> list[str]:
        """What zeros subtract, times scales; without scales the sums of the inputs, which zeros then multiply."""
        fb, found = self.fb, list(rests)
        if not self.halves.coefficients.has_zero():
            return found
        many = len(rests) // len(group)
        for number, row in enumerate(group):
            place = fb.add(fb.mul(piece, self.plan.places), fb.div(row.sums, self.plan.pitch))
            added = fb.load("float", fb.gep("float", self.added, place))
            for i in range(many):
                here = number * many + i
                if scales is None:
                    found[here] = fb.op("fadd", "float", found[here], added)
                else:
                    zero, _ = scales[i]
                    rest = self._scaled("float", fb.op("fmul", "float", added, str(zero)), scales[i], False)
                    found[here] = fb.op("fsub", "float", found[here], rest)
        return found

    def _with_piece(
        self, b: str, many: int, begin: Operand, group: Sequence[Row], piece: Operand, sums: Sequence[str], asks: bool
    ) -> list[str]:
        """Sums of rows and columns with a piece's products added."""
        fb, plan = self.fb, self.plan
        each = 2 if self.halves.pairs_columns else 1
        offset = begin if self.halves.pairs_columns else fb.div(begin, 2)
        steps = int(plan.depth.extent)  # type: ignore[arg-type]
        line = steps if self.halves.pairs_columns else -(-steps // 2)
        words = self._lines(fb.gep("i8", b, offset), many, fb.sub(line, offset), line)
        if asks:
            for i in range(many):
                behind = fb.add(offset, (i + many) * self.halves.column)
                for byte in range(0, 4 * plan.lanes, LINE_BYTES):
                    ask_for(fb, fb.gep("i8", b, fb.add(behind, byte), inbounds=False), locality=LOCALITY)
        found = list(sums)
        for half in range(HALVES):
            step, odd = (half // 2, half % 2) if each == 2 else (half, 0)
            matrix = [self.numbers(w, [half])[0] for w in words]
            for number, row in enumerate(group):
                place = fb.add(fb.mul(piece, plan.places), fb.div(row.sums, plan.pitch))
                there = fb.gep("float", self.inputs, fb.mul(place, self.span))
                x = fb.load(self.ty, fb.gep("float", there, step * plan.lanes), self.align)
                for i, y in enumerate(matrix):
                    at = (number * many + i) * each + odd
                    found[at] = fb.fma(self.ty, x, y, found[at])
        return found

    def _lines(self, b: str, many: int, left: Operand, line: int) -> list[str]:
        """A vector of words of each of some lines, zeros behind the lines' ends."""
        fb, ty = self.fb, vec("i32", self.plan.lanes)
        places = [fb.gep("i8", b, i * self.halves.column) for i in range(many)]
        is_whole = line % 4 == 0 and not self.halves.coefficients.has_groups()
        with fb.if_else(fb.cmp("sge", "i64", left, 4 * self.plan.lanes)) as (whole, part):
            with whole:
                found = [self.words(place, None) for place in places]
            with part:
                others = [self.words(place, left, is_whole) for place in places]
        return [fb.phi(ty, [(x, whole.end), (y, part.end)]) for x, y in zip(found, others, strict=True)]
