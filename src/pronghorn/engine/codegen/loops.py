"""Kernels that are loop nests: elementwise stores and reductions.

Adjacent loops that every access walks through with one stride are run as one. The innermost loop (or the innermost
reduced one) runs in vectors; what does not fill a vector is done under a mask. Results never depend on how the units of
a kernel are shared out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from pronghorn.engine.codegen.accumulators import State, keep_all
from pronghorn.engine.codegen.arguments import start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder, Operand
from pronghorn.engine.codegen.chains import pieces_of
from pronghorn.engine.codegen.cutting import Chunked, Cut, Loop, chunked, count_of, cut, merge_loops, turns_of
from pronghorn.engine.codegen.evaluator import Evaluator
from pronghorn.engine.codegen.launch import Pieces
from pronghorn.engine.codegen.math_functions import FUNCTIONS
from pronghorn.engine.codegen.slots import MOST_WRITTEN, Slots, Tables
from pronghorn.engine.codegen.values import value_type
from pronghorn.engine.compiler.costs import MANY_BYTES, MOST_COLUMNS, UNIT_ELEMENTS, typical
from pronghorn.engine.compiler.expr import Apply, Index, Load, all_indices, walk
from pronghorn.engine.compiler.kernels import LoopKernel, Reduction
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.runtime.host import Target

SLOW = FUNCTIONS - {"sqrt", "rsqrt"}  # take some ten times as long as an addition
Body = Callable[[], None]
Part = tuple[Operand, Operand]  # from where to where


@dataclass
class Units:
    """How the work of a kernel is counted: ``count`` units of ``cost`` (rough cycles) each, and what they touch."""

    count: Extent
    cost: float
    pieces: Pieces = field(default_factory=dict)

    @staticmethod
    def sharing(cycles: float, count: Extent, pieces: Pieces) -> Units:
        """Units that share rough cycles of all of them, at typical extents."""
        return Units(count, cycles / max(1, typical(count)), pieces)


class LoopEmitter:
    """Writes one map or reduce kernel."""

    def __init__(self, module: ModuleBuilder, kernel: LoopKernel, tables: Tables, target: Target):
        self.kernel, self.width = kernel, target.lanes("float32")
        self.fb = start_kernel(module, kernel.name)
        self.slots = Slots(self.fb, tables, MOST_WRITTEN)
        self.offset = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
        self.roots = [s.expr for s in kernel.stores] + [e for r in kernel.reductions for e in r.roots]
        indices = [*all_indices(*self.roots), *(s.offset or self.offset for s in kernel.stores)]
        # a chunk's own variable is not part of any index
        self.chunk = kernel.reductions[0].chunk if kernel.reductions else None
        vars = [v for v in kernel.vars if v is not self.chunk]
        self.loops = merge_loops(vars, indices)
        if self.chunk is not None:
            own = Loop(self.chunk, self.chunk.extent)
            self.loops = [own, *(loop for loop in self.loops if loop.extent != 1)]
        self.bound_zero = [v for v in kernel.vars if v.extent == 1 and all(v is not loop.var for loop in self.loops)]
        self.reduced: list[Loop] = []
        if kernel.reductions:
            r = kernel.reductions[0]
            self.reduced = merge_loops(r.vars, indices)
            ones = [v for v in r.vars if v.extent == 1 and all(v is not loop.var for loop in self.reduced)]
            self.bound_zero += ones

    # -- shape of the nest ------------------------------------------------------------------------------------------
    def write(self) -> Units:
        """The whole function."""
        along_reduced = bool(self.kernel.reductions) and self._reduce_in_lanes()
        if along_reduced and self.chunk is not None:
            self.loops = [*self.loops[1:], self.loops[0]]  # so that a row's chunks are read one after the other
        nest = self.reduced if along_reduced else self.loops
        vector = nest[-1].var if nest else None
        targets = [(s.value, s.offset or self.offset) for s in self.kernel.stores]
        self.evaluator = Evaluator(self.fb, self.slots, self.roots, vector, targets=targets)
        self.evaluator.streams = True
        self.lanes = self._lanes(along_reduced)
        self.chunks: Chunked | None = None
        if self.chunk is not None:
            assert isinstance(self.chunk.extent, int)
            self.chunks = chunked(self.reduced, self.chunk.extent, self.lanes if along_reduced else 1)
        with ExitStack() as stack:
            for var in self.bound_zero:
                stack.enter_context(self.evaluator.bind(var, 0, hoist=False))
            self.evaluator.hoist()
            units = self._nest_reduced() if along_reduced else self._nest_mapped()
        self.fb.ret()
        return units

    def _reduce_in_lanes(self) -> bool:
        """Whether vectors run along the reduction (else along the results)."""
        inner, outer = self.reduced[-1], self.loops[-1] if self.loops else None
        if outer is None or outer.extent == 1 or (self.chunk is not None and len(self.loops) == 1):
            return inner.extent != 1 or outer is None
        # Those that are the same for all elements of the sum, such as what the sum is divided by, are read once.
        loads = [e for e in walk(*self.roots) if isinstance(e, Load) and e.offset.coefficient(inner.var) != 0]

        def contiguous(loop: Loop) -> int:
            return sum(1 for e in loads if e.offset.coefficient(loop.var) == 1)

        if contiguous(outer) or typical(inner.extent) < 8:
            return False
        return contiguous(inner) > 0

    def _lanes(self, along_reduced: bool) -> int:
        """Lanes of a vector; several registers' worth for reductions, whose accumulators wait on one another."""
        width = self.width
        loop = self.reduced[-1] if along_reduced else self.loops[-1] if self.loops else None
        if loop is None:
            return 1
        length = typical(loop.extent)
        if self.kernel.reductions:
            wide = width * 4
            while wide > width and wide > length:
                wide //= 2
            return wide if length > 1 else 1
        return width if length > 1 else 1

    def _cost(self) -> float:
        """Rough cycles of one element."""
        work = 0.0
        for e in walk(*self.roots):
            kind = "Function" if isinstance(e, Apply) and e.name in SLOW else type(e).__name__
            work += {"Load": 0.3, "Apply": 0.15, "Function": 1.5, "Bits": 6.0, "Guard": 0.3}.get(kind, 0.05)
        return max(work, 0.3)

    def _length(self) -> float:
        """How many elements a result, or a chunk of one, is made of, at typical extents."""
        length = float(count_of(self.reduced))
        return max(1.0, length / self.chunks.count) if self.chunks is not None else length

    # -- results in lanes -------------------------------------------------------------------------------------------
    def _nest_mapped(self) -> Units:
        last = self.loops[-1] if self.loops else None
        if last is None:
            return self._single()
        per_element = self._cost() * self._length()
        if len(self.loops) == 1:
            return self._one_long_loop(last, per_element)
        along = self._by_rows if self._sums_many_columns(last) else self._by_columns
        row = per_element * typical(last.extent)
        made = cut(self.loops[:-1], row, last)
        with self.fb.loop("%begin", "%end") as unit:
            rows: Operand = unit
            columns: Part = 0, self._across(last)
            if made.columns:
                rows, columns = self._columns_of(unit, last, made.columns)
            self._unit(rows, made, partial(along, last, *columns))
        return Units.sharing(row * count_of(made.rows), made.count(last), self._pieces(made))

    def _by_columns(self, last: Loop, start: Operand, stop: Operand) -> None:
        self._mapped(last, start, stop)

    def _across(self, loop: Loop) -> Operand:
        """The extent of the loop that runs in vectors: written where one vector is all, which needs no loop."""
        return int(loop.extent) if self._is_written(loop) else self.slots.extent(loop.extent)

    def _is_written(self, loop: Loop) -> bool:
        return isinstance(loop.extent, int) and loop.extent <= self.width

    def _single(self) -> Units:
        with self.fb.loop("%begin", "%end"):
            self._element(1)
        return Units(1, self._cost() * count_of(self.reduced))

    def _one_long_loop(self, loop: Loop, per_element: float) -> Units:
        fb = self.fb
        extent = self.slots.extent(loop.extent)
        fitting = max(1, UNIT_ELEMENTS // max(1, int(per_element)))
        block = max(self.lanes, 1 << fitting.bit_length() - 1)
        start = fb.mul("%begin", block)
        stop = fb.min(fb.mul("%end", block), extent)
        self._mapped(loop, start, stop)
        count = (loop.extent + (block - 1)) // block
        cut_so = Cut((loop,), block)
        return Units(count, per_element * min(block, typical(loop.extent)), self._pieces(cut_so))

    def _columns_of(self, unit: Operand, last: Loop, columns: int) -> tuple[Operand, Part]:
        """The number of a unit's rows, and from where to where its columns are."""
        fb, extent, size = self.fb, self.slots.extent(last.extent), self.slots.loaded(columns)
        pieces = fb.ceil_div(extent, size)
        start = fb.mul(fb.rem(unit, pieces), size)
        return fb.div(unit, pieces), (start, fb.min(fb.add(start, size), extent))

    def _unit(self, number: Operand, made: Cut, body: Body) -> None:
        """``body`` for each row of a unit."""
        start = self.fb.mul(number, self.slots.loaded(made.size))
        self.evaluator.hoist()
        self._rows(made.rows, 0, (start, self.fb.add(start, self.slots.loaded(made.size))), body)

    def _rows(self, loops: Sequence[Loop], depth: int, part: Part, body: Body) -> None:
        """``body`` for a part of what loops are run through as one."""
        if depth == len(loops):
            body()
            return
        with self._inside(loops[depth], *self._part_of(loops, depth, part), hoist=True):
            self._rows(loops, depth + 1, part, body)

    def _part_of(self, loops: Sequence[Loop], depth: int, part: Part) -> Part:
        """From where to where the loop at a depth runs, for a part of what loops are run through as one.

        Those around it have been entered; ``part`` is counted in turns of the innermost.
        """
        fb, (start, stop) = self.fb, part
        for number, loop in enumerate(loops[:depth]):
            before = fb.mul(self.evaluator.bound[loop.var], self.slots.extent(turns_of(loops[number + 1 :])))
            start, stop = fb.sub(start, before), fb.sub(stop, before)
        start = fb.max(start, 0) if depth else start
        inside, extent = self.slots.extent(turns_of(loops[depth + 1 :])), self.slots.extent(loops[depth].extent)
        if inside == 1:
            return start, fb.max(start, fb.min(stop, extent))
        inside = fb.max(inside, 1)  # nothing is done where it is zero, but it is divided by
        return fb.div(start, inside), fb.min(fb.ceil_div(fb.max(stop, 0), inside), extent)

    @contextmanager
    def _inside(self, loop: Loop, start: Operand, stop: Operand, step: int = 1, hoist: bool = False) -> Iterator[None]:
        """Inside a loop's code, which goes on from the addresses known here."""
        with self.evaluator.level():
            self.evaluator.settle()
            with self.fb.loop(start, stop, step) as i, ExitStack() as stack:
                self._enter(stack, loop, i, hoist)
                yield

    def _enter(self, stack: ExitStack, loop: Loop, value: Operand, hoist: bool = False) -> None:
        for var in loop.zero:
            stack.enter_context(self.evaluator.bind(var, 0, hoist=False))
        stack.enter_context(self.evaluator.bind(loop.var, value, hoist=hoist))

    def _mapped(
        self, loop: Loop, start: Operand, stop: Operand, body: Callable[[int], None] | None = None, lanes: int = 0
    ) -> None:
        """Results along ``loop``, from a whole number of vectors on.

        ``body`` is told how many lanes to compute: ``lanes`` if given, else those of the kernel, and in the end fewer.
        """
        body, lanes = body or self._element, lanes or self.lanes
        if lanes > self.width:  # several registers at once, then single ones
            start = self._whole_vectors(loop, start, stop, body, lanes)
            lanes = self.width
        self._in_vectors(loop, start, stop, body, lanes)

    def _whole_vectors(
        self, loop: Loop, start: Operand, stop: Operand, body: Callable[[int], None], lanes: int
    ) -> Operand:
        """``body`` for each whole vector of a loop's elements; where what they leave starts."""
        fb, ev = self.fb, self.evaluator
        whole = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), lanes), lanes))
        if not (isinstance(whole, int) and isinstance(start, int) and whole <= start):
            with ev.level():
                ev.splats(lanes)
                with self._inside(loop, start, whole, lanes):
                    body(lanes)
        return whole

    def _in_vectors(
        self, loop: Loop, start: Operand, stop: Operand, body: Callable[[int], None], lanes: int, surely: bool = True
    ) -> None:
        """``body`` for each whole vector of a loop's elements, then once for the rest, under a mask.

        Args:
            loop: the loop.
            start: its first element.
            stop: the one behind its last.
            body: is told how many lanes to compute.
            lanes: of a vector.
            surely: whether an extent of whole vectors leaves no rest.
        """
        fb, ev = self.fb, self.evaluator
        if lanes == 1:
            with self._inside(loop, start, stop):
                body(1)
            return
        whole = self._whole_vectors(loop, start, stop, body, lanes)
        left = _left(loop.extent, lanes)
        if (left == 0 and surely) or (isinstance(whole, int) and isinstance(stop, int) and whole >= stop):
            return
        with ev.level(), fb.if_(fb.cmp("slt", "i64", whole, stop)), ExitStack() as stack:
            ev.splats(lanes)
            ev.mask = fb.mask_first(fb.sub(stop, whole), lanes)
            self._enter(stack, loop, whole)
            body(lanes)
            ev.mask = None

    def _element(self, lanes: int) -> None:
        """One vector of results: reductions, then stores."""
        with self.evaluator.level():
            states = [State(self.fb, reduction, lanes) for reduction in self.kernel.reductions]
            if states:
                self._reduction_loops(0, partial(self._take, states))
            self._finish(states, lanes)

    def _take(self, states: list[State]) -> None:
        """One element, or vector of elements, of each reduction; they share what they read."""
        for state in states:
            value = self.evaluator.value(state.reduction.element, state.lanes)
            state.update(value, self._place(state.reduction, state))

    def _finish(self, states: list[State], lanes: int) -> None:
        """What the reductions have come to, and what is made of it."""
        for number, state in enumerate(states):
            self.evaluator.set_accumulated(number, state.finish(), lanes)
        self.evaluator.stores(self.kernel.stores, self.offset, lanes)

    def _place(self, reduction: Reduction, state: State) -> str:
        """For argmax: the number of the reduced element in each lane."""
        if not state.arg:
            return ""
        if reduction.position is not None:
            return self.evaluator.value(reduction.position, state.lanes)
        position = self._position()
        narrow = str(position) if isinstance(position, int) else self.fb.let(f"trunc i64 {position} to i32")
        index = self.fb.splat(narrow, "i32", state.lanes)
        if state.lanes > 1 and state.along_lanes:
            index = self.fb.op("add", state.where_ty, index, self.fb.lane_ids("i32", state.lanes))
        return index

    def _reduction_loops(self, depth: int, body: Body, last: int | None = None) -> None:
        """The reduced loops from ``depth`` on (up to ``last``, exclusive), then ``body``."""
        loops = self.reduced[: last if last is not None else len(self.reduced)]
        if depth == len(loops):
            body()
            return
        start, stop = self._range(depth, self.slots.extent(loops[depth].extent))
        with self._inside(loops[depth], start, stop, hoist=True):
            self._reduction_loops(depth + 1, body, last)

    def _range(self, depth: int, extent: Operand) -> tuple[Operand, Operand]:
        """The part of a reduced loop that is done here: all of it, unless it is one of those that are in chunks."""
        fb = self.fb
        if self.chunks is None or depth >= len(self.chunks.rows):
            return 0, extent
        assert self.chunk is not None
        size = self.slots.extent(self.chunks.size)
        start = fb.mul(self.evaluator.bound[self.chunk], size)
        return self._part_of(self.chunks.rows, depth, (start, fb.add(start, size)))

    def _position(self) -> Operand:
        """The row-major number of the reduced element (for argmax)."""
        number: Operand = 0
        for loop in self.reduced:
            number = self.fb.mul(number, self.slots.extent(loop.extent))
            number = self.fb.add(number, self.evaluator.bound[loop.var])
        return number

    # -- sums of many columns ---------------------------------------------------------------------------------------
    def _sums_many_columns(self, columns: Loop) -> bool:
        """Whether many rows, beyond the nearest caches, are summed up to more columns than a vector has."""
        reductions, row = self.kernel.reductions, self.reduced[-1] if self.reduced else None
        if row is None or any(r.op.startswith("arg") or r.element.dtype == "bool" for r in reductions):
            return False
        if not isinstance(columns.extent, int) or not MOST_COLUMNS >= columns.extent > self.lanes > 1:
            return False
        loads = [e.offset for e in walk(*self.roots) if isinstance(e, Load) and e.offset.coefficient(row.var) != 0]
        in_order = any(offset.coefficient(columns.var) == 1 for offset in loads)
        return in_order and 4 * columns.extent * count_of(self.reduced) >= MANY_BYTES

    def _by_rows(self, columns: Loop, start: Operand, stop: Operand) -> None:
        """Some results of a chunk, each row adding to sums in memory: what is read is read in the order in which it
        lies, so that the processor fetches it ahead. Column by column takes three times as long, beyond the caches."""
        fb, reductions = self.fb, self.kernel.reductions
        sums = [fb.alloca(value_type(r.element.dtype), MOST_COLUMNS + self.lanes, align=64) for r in reductions]

        def columnwise(body: Callable[[list[State]], None], first: bool = False) -> None:
            def here(lanes: int) -> None:
                at = self.evaluator.bound[columns.var]
                with self.evaluator.level():
                    body([State(fb, r, lanes, kept=(array, at, first)) for r, array in zip(reductions, sums)])

            self._mapped(columns, start, stop, here, min(self.lanes, 2 * self.width))

        columnwise(keep_all, first=True)
        self._reduction_loops(0, lambda: columnwise(self._take_and_keep))
        columnwise(lambda states: self._finish(states, states[0].lanes))

    def _take_and_keep(self, states: list[State]) -> None:
        self._take(states)
        keep_all(states)

    # -- the reduction in lanes -------------------------------------------------------------------------------------
    def _nest_reduced(self) -> Units:
        per_result = self._cost() * self._length() / 2
        if not self.loops:
            with self.fb.loop("%begin", "%end"):
                self._reduce_in_vectors()
            return Units(1, per_result)
        made = cut(self.loops, per_result)
        with self.fb.loop("%begin", "%end") as unit:
            self._unit(unit, made, self._reduce_in_vectors)
        return Units.sharing(per_result * count_of(made.rows), made.count(), self._pieces(made))

    def _pieces(self, made: Cut) -> Pieces:
        """What units touch, where they are whole rows and a sum is in one of them."""
        return pieces_of(self.kernel, made.rows, made.size) if self.chunk is None and not made.columns else {}

    def _reduce_in_vectors(self) -> None:
        with self.evaluator.level():
            states = [State(self.fb, r, self.lanes, along_lanes=True) for r in self.kernel.reductions]
            self._reduction_loops(0, partial(self._row, states), len(self.reduced) - 1)
            for number, state in enumerate(states):
                self.evaluator.set_accumulated(number, state.finish_lanes(), 1)
            self.evaluator.stores(self.kernel.stores, self.offset, 1)

    def _row(self, states: list[State]) -> None:
        """The innermost reduced loop."""
        loop, ev, chunks = self.reduced[-1], self.evaluator, self.chunks

        def element(lanes: int) -> None:
            with ev.level():
                for state in states:
                    value = ev.value(state.reduction.element, lanes)
                    state.update(value, self._place(state.reduction, state), ev.mask)

        number = len(self.reduced) - 1
        surely = chunks is None or number >= len(chunks.rows) or _left(chunks.size, self.lanes) == 0
        start, stop = self._range(number, self._across(loop))
        self._in_vectors(loop, start, stop, element, self.lanes, surely)


def _left(extent: Extent, lanes: int) -> int | None:
    """How many elements whole vectors leave of an extent, where that is known.

    >>> from pronghorn.engine.graph.dim import Dim
    >>> _left(100, 16), _left(64 * Dim.symbol("batch"), 16), _left(Dim.symbol("batch"), 16)
    (4, 0, None)
    """
    left = extent % lanes
    return left if isinstance(left, int) else None


def emit_loops(module: ModuleBuilder, kernel: LoopKernel, tables: Tables, target: Target) -> Units:
    """Write a map or reduce kernel as the function ``kernel.name``; how its work is counted."""
    return LoopEmitter(module, kernel, tables, target).write()
