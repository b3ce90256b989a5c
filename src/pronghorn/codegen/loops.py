"""Kernels that are loop nests: elementwise stores and reductions.

Adjacent loops that every access walks through with one stride are run as one. The innermost loop (or the innermost
reduced one) runs in vectors; what does not fill a vector is done under a mask. Results never depend on how the units of
a kernel are shared out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from pronghorn.codegen.arguments import start_kernel
from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.codegen.elementwise import emit_elementwise
from pronghorn.codegen.evaluator import Evaluator
from pronghorn.codegen.math_functions import FUNCTIONS
from pronghorn.codegen.slots import MOST_WRITTEN, Slots, Tables
from pronghorn.codegen.values import value_type
from pronghorn.compiler.costs import MOST_COLUMNS, typical
from pronghorn.compiler.expr import Apply, Index, Load, LoopVar, all_indices, walk
from pronghorn.compiler.kernels import LoopKernel, Reduction
from pronghorn.compiler.virtual import linear
from pronghorn.graph import dtypes
from pronghorn.graph.dim import Extent, product
from pronghorn.runtime.host import Target

BLOCK = 4096  # elements of a unit where a kernel is one long loop
MANY_UNITS = 32
MANY_BYTES = 256 * 1024  # that are read once are read in order
SLOW = FUNCTIONS - {"sqrt", "rsqrt"}  # take some ten times as long as an addition
Body = Callable[[], None]


@dataclass
class Loop:
    """One loop of the nest: ``var`` counts, the variables in ``zero`` are merged into it."""

    var: LoopVar
    extent: Extent
    zero: tuple[LoopVar, ...] = ()


@dataclass
class Units:
    """How the work of a kernel is counted: ``count`` units of ``cost`` (rough cycles) each."""

    count: Extent
    cost: float


def merge_loops(vars: Sequence[LoopVar], indices: Sequence[Index]) -> list[Loop]:
    """``vars`` with adjacent ones merged where every index moves through both with one stride."""
    loops: list[Loop] = []
    for var in vars:
        if isinstance(var.extent, int) and var.extent == 1:
            loops.append(Loop(var, 1))
            continue
        last = loops[-1] if loops else None
        if last is not None and last.extent != 1 and _one_stride(last, var, indices):
            loops[-1] = Loop(var, last.extent * var.extent, (*last.zero, last.var))
        else:
            loops.append(Loop(var, var.extent))
    real = [loop for loop in loops if loop.extent != 1]
    return real or loops[:1]


def _one_stride(outer: Loop, inner: LoopVar, indices: Sequence[Index]) -> bool:
    for index in indices:
        a, b = index.coefficient(outer.var), index.coefficient(inner)
        if a is None or b is None or a != b * inner.extent:
            return False
    return True


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
        chunked = list(dict.fromkeys(r.chunk[0] for r in kernel.reductions if r.chunk))
        vars = [v for v in kernel.vars if v not in chunked]
        self.loops = [Loop(v, v.extent) for v in chunked] + merge_loops(vars, indices)
        if chunked and len(self.loops) > 1 and self.loops[-1].extent == 1:
            self.loops.pop()
        self.bound_zero = [v for v in kernel.vars if v.extent == 1 and all(v is not loop.var for loop in self.loops)]
        self.reduced: list[Loop] = []
        if kernel.reductions:
            r = kernel.reductions[0]
            first = [Loop(r.vars[0], r.vars[0].extent)] if r.chunk else []
            rest = r.vars[1:] if r.chunk else r.vars
            self.reduced = first + (merge_loops(rest, indices) if rest else [])
            if len(self.reduced) > 1:
                self.reduced = [x for x in self.reduced if x.extent != 1] or self.reduced[:1]
            ones = [v for v in r.vars if v.extent == 1 and all(v is not loop.var for loop in self.reduced)]
            self.bound_zero += ones

    # -- shape of the nest ------------------------------------------------------------------------------------------
    def write(self) -> Units:
        """The whole function."""
        along_reduced = bool(self.kernel.reductions) and self._reduce_in_lanes()
        if along_reduced and self.kernel.reductions[0].chunk:
            self.loops = [*self.loops[1:], self.loops[0]]  # so that a row's chunks are read one after the other
        nest = self.reduced if along_reduced else self.loops
        vector = nest[-1].var if nest else None
        self.evaluator = Evaluator(self.fb, self.slots, self.roots, vector)
        self.lanes = self._lanes(along_reduced)
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
        if outer is None or outer.extent == 1 or (self.kernel.reductions[0].chunk and len(self.loops) == 1):
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

    def _shared_out(self, loops: Sequence[Loop]) -> tuple[Sequence[Loop], Sequence[Loop]]:
        """The outer of some loops, which are flattened into units, and those inside of a unit."""
        taken, units = 0, 1
        for loop in loops:
            if units >= MANY_UNITS:
                break
            units *= typical(loop.extent)
            taken += 1
        return loops[:taken], loops[taken:]

    # -- results in lanes -------------------------------------------------------------------------------------------
    def _nest_mapped(self) -> Units:
        last = self.loops[-1] if self.loops else None
        if last is None:
            return self._single()
        per_element = self._cost() * float(_count(self.reduced))
        if len(self.loops) == 1:
            return self._one_long_loop(last, per_element)
        united, inside = self._shared_out(self.loops[:-1])
        with self._unit_loop(united):
            along = self._by_rows if self._sums_many_columns(last) else self._by_columns
            self._inner_loops(inside, partial(along, last))
        size = product(tuple(x.extent for x in (*inside, last)))
        return Units(product(tuple(x.extent for x in united)), per_element * typical(size))

    def _by_columns(self, last: Loop) -> None:
        self._mapped(last, 0, self._across(last))

    def _across(self, loop: Loop) -> Operand:
        """The extent of the loop that runs in vectors: written where one vector is all, which needs no loop."""
        return int(loop.extent) if self._is_written(loop) else self.slots.extent(loop.extent)

    def _is_written(self, loop: Loop) -> bool:
        return isinstance(loop.extent, int) and loop.extent <= self.width

    def _single(self) -> Units:
        with self.fb.loop("%begin", "%end"):
            self._element(1)
        return Units(1, self._cost() * _count(self.reduced))

    def _one_long_loop(self, loop: Loop, per_element: float) -> Units:
        fb = self.fb
        extent = self.slots.extent(loop.extent)
        block = max(self.lanes, min(BLOCK, BLOCK // max(1, int(per_element)) // self.lanes * self.lanes or self.lanes))
        start = fb.mul("%begin", block)
        stop = fb.min(fb.mul("%end", block), extent)
        self._mapped(loop, start, stop)
        count = (loop.extent + (block - 1)) // block
        return Units(count, per_element * min(block, typical(loop.extent)))

    @contextmanager
    def _unit_loop(self, united: Sequence[Loop]) -> Iterator[None]:
        """The loop over units, whose number is taken apart into the united loops' variables."""
        fb = self.fb
        with fb.loop("%begin", "%end") as unit, ExitStack() as stack:
            rest: Operand = unit
            values: list[Operand] = []
            for loop in reversed(united[1:]):
                extent = self.slots.extent(loop.extent)
                values.append(fb.rem(rest, extent))
                rest = fb.div(rest, extent)
            values.append(rest)
            for loop, value in zip(united, reversed(values)):
                self._enter(stack, loop, value)
            self.evaluator.hoist()
            yield

    def _enter(self, stack: ExitStack, loop: Loop, value: Operand, hoist: bool = False) -> None:
        for var in loop.zero:
            stack.enter_context(self.evaluator.bind(var, 0, hoist=False))
        stack.enter_context(self.evaluator.bind(loop.var, value, hoist=hoist))

    def _inner_loops(self, loops: Sequence[Loop], body: Body) -> None:
        if not loops:
            body()
            return
        with self.fb.loop(0, self.slots.extent(loops[0].extent)) as i, ExitStack() as stack:
            self._enter(stack, loops[0], i, hoist=True)
            self._inner_loops(loops[1:], body)

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
                with fb.loop(start, whole, lanes) as i, ExitStack() as stack:
                    self._enter(stack, loop, i)
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
            with fb.loop(start, stop) as i, ExitStack() as stack:
                self._enter(stack, loop, i)
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
        with self.fb.loop(start, stop) as i, ExitStack() as stack:
            self._enter(stack, loops[depth], i, hoist=True)
            self._reduction_loops(depth + 1, body, last)

    def _range(self, depth: int, extent: Operand) -> tuple[Operand, Operand]:
        """The part of a reduced loop that is done here: the chunk's of the outermost, if it is in chunks."""
        fb, chunk = self.fb, self.kernel.reductions[0].chunk
        if depth or chunk is None:
            return 0, extent
        number, size = chunk
        start = fb.mul(self.evaluator.bound[number], self.slots.extent(size))
        return start, fb.min(fb.add(start, self.slots.extent(size)), extent)

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
        return in_order and 4 * columns.extent * _count(self.reduced) >= MANY_BYTES

    def _by_rows(self, columns: Loop) -> None:
        """All results of a chunk, each row adding to sums in memory: what is read is read in the order in which it
        lies, so that the processor fetches it ahead. Column by column takes three times as long, beyond the caches."""
        fb, reductions, extent = self.fb, self.kernel.reductions, columns.extent
        assert isinstance(extent, int)
        sums = [fb.alloca(value_type(r.element.dtype), MOST_COLUMNS + self.lanes, align=64) for r in reductions]

        def columnwise(body: Callable[[list[State]], None], first: bool = False) -> None:
            def here(lanes: int) -> None:
                at = self.evaluator.bound[columns.var]
                with self.evaluator.level():
                    body([State(fb, r, lanes, kept=(array, at, first)) for r, array in zip(reductions, sums)])

            self._mapped(columns, 0, self._across(columns), here, min(self.lanes, 2 * self.width))

        columnwise(_keep, first=True)
        self._reduction_loops(0, lambda: columnwise(self._take_and_keep))
        columnwise(lambda states: self._finish(states, states[0].lanes))

    def _take_and_keep(self, states: list[State]) -> None:
        self._take(states)
        _keep(states)

    # -- the reduction in lanes -------------------------------------------------------------------------------------
    def _nest_reduced(self) -> Units:
        per_result = self._cost() * float(_count(self.reduced)) / 2
        if not self.loops:
            with self.fb.loop("%begin", "%end"):
                self._reduce_in_vectors()
            return Units(1, per_result)
        chunked = self.kernel.reductions[0].chunk is not None
        united, inside = (self.loops, ()) if chunked else self._shared_out(self.loops)
        with self._unit_loop(united):
            self._inner_loops(inside, self._reduce_in_vectors)
        size = product(tuple(x.extent for x in inside))
        return Units(product(tuple(x.extent for x in united)), per_result * typical(size))

    def _reduce_in_vectors(self) -> None:
        with self.evaluator.level():
            states = [State(self.fb, r, self.lanes, along_lanes=True) for r in self.kernel.reductions]
            self._reduction_loops(0, partial(self._row, states), len(self.reduced) - 1)
            for number, state in enumerate(states):
                self.evaluator.set_accumulated(number, state.finish_lanes(), 1)
            self.evaluator.stores(self.kernel.stores, self.offset, 1)

    def _row(self, states: list[State]) -> None:
        """The innermost reduced loop."""
        loop, ev, chunk = self.reduced[-1], self.evaluator, self.kernel.reductions[0].chunk

        def element(lanes: int) -> None:
            with ev.level():
                for state in states:
                    value = ev.value(state.reduction.element, lanes)
                    state.update(value, self._place(state.reduction, state), ev.mask)

        number = len(self.reduced) - 1
        surely = number > 0 or chunk is None or _left(chunk[1], self.lanes) == 0
        start, stop = self._range(number, self._across(loop))
        self._in_vectors(loop, start, stop, element, self.lanes, surely)


def _left(extent: Extent, lanes: int) -> int | None:
    """How many elements whole vectors leave of an extent, where that is known.

    >>> from pronghorn.graph.dim import Dim
    >>> _left(100, 16), _left(64 * Dim.symbol("batch"), 16), _left(Dim.symbol("batch"), 16)
    (4, 0, None)
    """
    left = extent % lanes
    return left if isinstance(left, int) else None


def _count(loops: Sequence[Loop]) -> int:
    total = 1
    for loop in loops:
        total *= typical(loop.extent)
    return total


# -- accumulators ----------------------------------------------------------------------------------------------------
_COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "and": "and", "or": "or"}


def neutral(op: str, dtype: str) -> float | int | bool:
    """The value that changes nothing."""
    if op in ("sum", "or"):
        return 0
    if op == "prod":
        return 1
    if op == "and":
        return True if dtype == "bool" else -1 if dtype.startswith("int") else int(np.iinfo(dtype).max)
    lowest = op in ("max", "argmax")
    if dtype == "bool":
        return not lowest
    if dtypes.is_integer(dtype):
        info = np.iinfo(dtype)
        return int(info.min if lowest else info.max)
    return float("-inf") if lowest else float("inf")


class State:
    """The accumulator of one reduction: a stack slot that the optimiser turns into a register.

    Args:
        fb: the function being written.
        reduction: what is accumulated.
        lanes: how many of its elements at once.
        along_lanes: whether the lanes are elements of one result, to be combined in the end.
        kept: an array of accumulators, the place of the first lane in it, and whether there is nothing in it yet.
    """

    def __init__(
        self,
        fb: FunctionBuilder,
        reduction: Reduction,
        lanes: int,
        along_lanes: bool = False,
        kept: tuple[str, Operand, bool] | None = None,
    ):
        self.fb, self.lanes, self.op, self.along_lanes = fb, lanes, reduction.op, along_lanes
        self.reduction = reduction
        self.dtype = reduction.element.dtype
        self.result = reduction.dtype
        self.ty = value_type(self.dtype, lanes)
        self.slot = fb.alloca(self.ty)
        self.start = neutral(self.op, self.dtype)
        start = literal(self.start, self.ty)
        if kept is not None:
            array, at, empty = kept
            self.kept = fb.gep(value_type(self.dtype), array, at)
            start = start if empty else fb.load(self.ty, self.kept)
        fb.store(self.ty, start, self.slot)
        self.arg = self.op.startswith("arg")
        if self.arg:
            self.where_ty = vec("i32", lanes)
            self.where = fb.alloca(self.where_ty)
            fb.store(self.where_ty, literal(-1, self.where_ty), self.where)

    def keep(self) -> None:
        """Write it back to the array that it was taken from."""
        self.fb.store(self.ty, self.fb.load(self.ty, self.slot), self.kept)

    def update(self, value: str, index: str, mask: Operand | None = None) -> None:
        """Take in one element per lane; ``index`` is the number of each, for argmax."""
        fb = self.fb
        old = fb.load(self.ty, self.slot)
        if not self.arg:
            if mask is not None:
                value = fb.select(mask, self.ty, value, literal(self.start, self.ty))
            fb.store(self.ty, self._combined(self.lanes, old, value), self.slot)
            return
        where = fb.load(self.where_ty, self.where)
        better = self._better(self.lanes, value, index, old, where)
        if mask is not None:
            better = fb.op("and", vec("i1", self.lanes), better, mask)
        fb.store(self.ty, fb.select(better, self.ty, value, old), self.slot)
        fb.store(self.where_ty, fb.select(better, self.where_ty, index, where), self.where)

    def _combined(self, lanes: int, a: str, b: str) -> str:
        return emit_elementwise(self.fb, _COMBINE[self.op], [a, b], [self.dtype] * 2, self.dtype, lanes, {})

    def _better(self, lanes: int, value: str, index: str, old: str, where: str) -> str:
        """Whether (value, index) comes before (old, where): larger (or smaller), NaN first, then the lower index."""
        fb = self.fb
        ty, ity, b = value_type(self.dtype, lanes), vec("i32", lanes), vec("i1", lanes)
        compare = "gt" if self.op == "argmax" else "lt"

        def test(name: str, x: str, y: str) -> str:
            return emit_elementwise(fb, name, [x, y], [self.dtype] * 2, "bool", lanes, {})

        first = fb.cmp("ult", ity, index, where)  # -1, "none yet", is the largest unsigned number
        wins = fb.op("or", b, test(compare, value, old), fb.op("and", b, test("eq", value, old), first))
        if ty.endswith("float") or "float" in ty or "double" in ty:
            nan, was = fb.cmp("uno", ty, value, value), fb.cmp("uno", ty, old, old)
            keep = fb.op("xor", b, was, literal(True, b))
            wins = fb.op("and", b, wins, keep)
            earlier = fb.op("or", b, keep, first)
            wins = fb.op("or", b, wins, fb.op("and", b, nan, earlier))
        return wins

    def finish(self) -> str:
        """The result in each lane."""
        if self.arg:
            return self.fb.load(self.where_ty, self.where)
        return self._as_result(self.fb.load(self.ty, self.slot), self.lanes)

    def finish_lanes(self) -> str:
        """The one result over all lanes, combined in halves: an order that is always the same."""
        fb, lanes = self.fb, self.lanes
        value = fb.load(self.ty, self.slot)
        where = fb.load(self.where_ty, self.where) if self.arg else ""
        while lanes > 1:
            half = lanes // 2
            parts = self._halves(value_type(self.dtype), value, lanes)
            if self.arg:
                places = self._halves("i32", where, lanes)
                better = self._better(half, parts[1], places[1], parts[0], places[0])
                value = fb.select(better, value_type(self.dtype, half), parts[1], parts[0])
                where = fb.select(better, vec("i32", half), places[1], places[0])
            else:
                value = self._combined(half, parts[0], parts[1])
            lanes = half
        return where if self.arg else self._as_result(value, 1)

    def _halves(self, scalar: str, value: str, lanes: int) -> list[str]:
        ty = vec(scalar, lanes)
        if lanes == 2:
            return [self.fb.extract(ty, value, lane) for lane in (0, 1)]
        half = lanes // 2
        return [self.fb.shuffle(ty, value, "poison", range(start, start + half)) for start in (0, half)]

    def _as_result(self, value: str, lanes: int) -> str:
        if self.dtype == self.result:
            return value
        params = {"dtype": self.result}
        return emit_elementwise(self.fb, "cast", [value], [self.dtype], self.result, lanes, params)


def _keep(states: list[State]) -> None:
    for state in states:
        state.keep()


def emit_loops(module: ModuleBuilder, kernel: LoopKernel, tables: Tables, target: Target) -> Units:
    """Write a map or reduce kernel as the function ``kernel.name``; how its work is counted."""
    return LoopEmitter(module, kernel, tables, target).write()
