"""The register tile of a contraction's main kernel: its sums, and what becomes of them.

The innermost loops run over the summed axes and carry the accumulators in SSA values; addresses are constant
displacements from one pointer into A and one into B. One :class:`TileWriter` writes one variant of the tile: whole, or
what is left at the end of an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import product

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, llvm_type, mangle, size_of, vec
from pronghorn.engine.codegen.contraction.ahead import Ahead
from pronghorn.engine.codegen.contraction.combine import partial_strides
from pronghorn.engine.codegen.contraction.nest import (
    Coordinates,
    Place,
    base_of,
    linear,
    load_elements,
    past_of,
    store_elements,
    zero,
)
from pronghorn.engine.codegen.contraction.pack import packed_strides
from pronghorn.engine.codegen.contraction.plan import Plan
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.contraction.unit_rows import RowSums, finish, finishes_in_a_loop
from pronghorn.engine.codegen.contraction.zero_rows import any_nonzero, run_at
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["Context", "Epilogue", "State", "TileEpilogue", "TileResult", "TileWriter"]

Epilogue = Callable[[FunctionBuilder, str, str, Place], None]
"""``epilogue(fb, sums, ty, place)``: what becomes of one accumulator, of type ``ty`` (a vector, or a scalar)."""


@dataclass(slots=True)
class TileResult:
    """The finished accumulators of a register tile.

    ``axes`` are the tile's row axes (two entries, None for none), ``sizes`` has their factors and how many vectors;
    ``sums[i, j, v]`` is the accumulator at steps ``i`` and ``j`` along them in vector ``v``, of type ``ty``, and
    ``place(i, j, v)`` says where it belongs.
    """

    axes: tuple[Axis | None, Axis | None]
    sizes: tuple[int, int, int]
    sums: dict[tuple[int, int, int], str]
    ty: str
    place: Callable[[int, int, int], Place]


TileEpilogue = Callable[[FunctionBuilder, TileResult], None]
"""``tile_epilogue(fb, tile)``: what becomes of a whole register tile (the plan was made with ``multiples``)."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known on the way in: start coordinates, steps along each axis, and what limits them.

    ``limits`` has, for an axis whose tile may reach beyond its end, how many steps are left. ``ranges`` has the part of
    an axis that is taken in a block, and ``first`` (an i1) says whether the block is the first of its chunk. ``packs``:
    the tile copies what it reads of B for those that follow.
    """

    start: dict[str, Operand] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    limits: dict[str, Operand] = field(default_factory=dict)
    chunk: Operand = 0
    ranges: dict[str, tuple[Operand, Operand]] = field(default_factory=dict)
    first: Operand | None = None
    packs: bool = False

    def packing(self) -> State:
        """Of the tile that copies B."""
        return replace(self, packs=True)

    def within(self, fb: FunctionBuilder, axis: Axis, block: tuple[Operand, Operand], first: Operand) -> State:
        """In a block of a summed axis; ``first``: whether it is the first."""
        return replace(self, ranges={**self.ranges, axis.name: block}, first=self._also(fb, first))

    def within_block(self, axis: Axis, block: tuple[Operand, Operand]) -> State:
        """In a block of rows."""
        return replace(self, ranges={**self.ranges, axis.name: block})

    def at(self, fb: FunctionBuilder, axis: Axis, place: Operand, first: Operand) -> State:
        """At one place of a summed axis; ``first``: whether it is the first."""
        return replace(self, start={**self.start, axis.name: place}, first=self._also(fb, first))

    def _also(self, fb: FunctionBuilder, first: Operand) -> Operand:
        return first if self.first is None else fb.op("and", "i1", self.first, first)

    def along(self, axis: Axis, start: Operand, steps: int, limit: Operand | None = None) -> State:
        limits = self.limits if limit is None else {**self.limits, axis.name: limit}
        return replace(
            self, start={**self.start, axis.name: start}, steps={**self.steps, axis.name: steps}, limits=limits
        )


class Context:
    """What all tiles of a main kernel share: its function, the strides and bases as operands, and the epilogues."""

    epilogue: Epilogue | None = None
    epilogue_code: int = 0  # in additions
    beside: tuple[tuple[str, str, bool], ...] = ()
    """What is touched where C has the same element: a pointer, the dtype, and whether it is written."""
    tile_epilogue: TileEpilogue | None = None
    row_sums: RowSums | None = None
    past: str | None = None
    """Where C goes past the caches, see `past_caches`. ``stays`` is then whether it does not, ``spare`` a line that is
    near."""
    stays: str = ""
    spare: str = ""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: Plan,
        machine: HasFeatures,
        tables: Tables,
        scratch: dict[str, int],
    ) -> None:
        self.plan, self.spec, self.machine = plan, plan.spec, machine
        fb = self.fb = start_kernel(module, name)
        spec = plan.spec
        slots = self.slots = Slots(fb, tables)
        self.extent = {axis.name: slots.extent(axis.extent) for axis in spec.axes}
        self.a = {axis.name: slots.extent(axis.a) for axis in spec.axes}
        self.b = {axis.name: slots.extent(axis.b) for axis in spec.axes}
        self.c = {axis.name: slots.extent(axis.c) for axis in spec.axes}
        self.b_dtype = plan.packed_dtype if plan.pack else spec.b.dtype
        self.a_dtype, self.a_rows = spec.a.dtype, self.a
        if plan.pack_rows:
            self._take_packed_rows(plan.of_rows(), scratch["packed A"])
        else:
            self.a_base = base_of(fb, slots, spec.a)
        if plan.pack_near:
            self._pack_near(plan)
        elif plan.pack:
            self.b |= packed_strides(fb, slots, plan)
            self.b_base = base_pointer(fb, scratch["packed B"])
        else:
            self.b_base = base_of(fb, slots, spec.b)
        self.c_base = base_pointer(fb, scratch["partial sums"] if plan.chunks else spec.c.slot)
        self.runs = base_pointer(fb, scratch["runs"]) if plan.zeros == "steps" else ""
        self.c_origin = 0 if plan.chunks else slots.extent(spec.c.offset)
        if plan.chunks:
            strides, self.chunk_stride = partial_strides(fb, slots, plan)
            self.c |= strides
            split = self.extent[plan.chunks.axis]
            self.chunk_count = slots.count(plan.chunks.count)
            # An extent of 0 has 0 chunks; max keeps the division defined.
            self.chunk_length = fb.ceil_div(split, fb.max(self.chunk_count, 1))
        self.lanes = plan.tile.lanes

    def find_past(self) -> None:
        """Have results stored past the caches if they are large."""
        plan = self.plan
        if plan.chunks or plan.dot or plan.vector.c != 1 or self.tile_epilogue is not None:
            return
        self.past = past_of(self.fb, self.slots, self.spec, plan.vector, self.lanes)
        if self.past is not None:
            self.stays, self.spare = self.fb.entry_let(f"icmp eq i64 {self.past}, -1"), self.fb.alloca("i64")

    def _take_packed_rows(self, rows: Plan, slot: int) -> None:
        """Read A from its panels, which all tiles start with: from row to row of a tile, elements are adjacent."""
        self.a_dtype, self.a_base = rows.packed_dtype, base_pointer(self.fb, slot)
        self.a = self.a | packed_strides(self.fb, self.slots, rows)
        self.a_rows = {**self.a, rows.vector.name: 1}

    def _pack_near(self, plan: Plan) -> None:
        """Read B from a buffer for one panel, into which the tile that packs copies it from where it lies."""
        element = storage_type(plan.spec.b.dtype)
        self.b_apart, self.b_origin = self.b, base_of(self.fb, self.slots, plan.spec.b)
        self.b = {name: plan.panel if name == plan.depth[0].name else 0 for name in self.b}
        self.b_base = self.fb.alloca(element, plan.pack_near * plan.panel, align=64)

    def range_of(self, axis: Axis, chunk: Operand) -> tuple[Operand, Operand]:
        """The steps of a summed axis that belong to a chunk."""
        fb, extent = self.fb, self.extent[axis.name]
        if self.plan.chunks is None or self.plan.chunks.axis != axis.name:
            return 0, extent
        start = fb.mul(chunk, self.chunk_length)
        return start, fb.min(fb.add(start, self.chunk_length), extent)


class TileWriter:
    """Writes one variant of the register tile: the sums, and what becomes of them."""

    def __init__(self, main: Context, state: State) -> None:
        self.main, self.fb, self.plan, self.spec, self.state = main, main.fb, main.plan, main.spec, state
        plan = self.plan
        by_name = {axis.name: axis for axis in self.spec.axes}
        self.row_axes = [by_name[name] for name, _ in plan.tile.rows]
        self.row_steps = [state.steps[axis.name] for axis in self.row_axes]
        self.rows = list(product(*(range(steps) for steps in self.row_steps)))
        self.scalar = llvm_type(self.spec.sum_dtype)
        self.lanes = main.lanes
        self.ty = vec(self.scalar, self.lanes)
        self.tail_valid: Operand = self.lanes
        self.tail_mask: Operand | None = None
        self.vectors = 1
        if not plan.dot:
            self._measure_vectors()

    def _measure_vectors(self) -> None:
        """How many vectors this variant has, and the mask of the last."""
        name = self.plan.vector.name
        steps = self.state.steps[name]
        self.vectors = -(-steps // self.lanes)
        self.tail_valid = steps - (self.vectors - 1) * self.lanes
        if name in self.state.limits:
            self.tail_valid = self.fb.min(self.state.limits[name], self.lanes)
        if self.tail_valid != self.lanes:
            self.tail_mask = self.fb.mask_first(self.tail_valid, self.lanes)

    def write(self) -> None:
        fb, main = self.fb, self.main
        self.a_rows = [self._row_offset(main.a_rows, row) for row in self.rows]
        self.b_rows = [self._row_offset(main.b, row) for row in self.rows]
        a = fb.gep(storage_type(main.a_dtype), main.a_base, self._offset(main.a))
        a, b = fb.opaque(a), fb.opaque(self._start_in_b())
        self.a_start = a
        self.c_start = fb.opaque_number(self._start_in_c())
        keys = [(row, v) for row in range(len(self.rows)) for v in range(self.vectors)]
        depth = [axis for axis in self.plan.depth if axis.name not in self.state.start]
        initial = self._initial(keys)
        if self.plan.zeros == "tiles" and self.state.first is None:
            sums = self._sum_unless_zero(depth[0], a, b, initial)
        else:
            sums = self._sum(depth, a, b, initial)
        if self.plan.dot:
            sums = [self._fold(value) for value in sums]
        self._finish(dict(zip(keys, sums, strict=True)))

    def _start_in_b(self) -> str:
        """Where the tile's vectors of B begin, had the sum no steps before its own."""
        fb, main, element = self.fb, self.main, storage_type(self.main.b_dtype)
        self.b_strides, self.copy = main.b, ""
        if not self.plan.pack_near:
            return fb.gep(element, main.b_base, self._offset(main.b))
        start, _ = self._range(self.plan.depth[0])
        panel = fb.gep(element, main.b_base, fb.mul(-self.plan.panel, start), inbounds=False)
        if not self.state.packs:
            return panel
        self.b_strides, self.copy = main.b_apart, fb.opaque(panel)
        return fb.gep(element, main.b_origin, self._offset(main.b_apart))

    def _offset(self, strides: dict[str, Operand]) -> Operand:
        """Elements from an array's origin to the tile's first element."""
        result: Operand = 0
        for name, start in self.state.start.items():
            inside: Operand = 0
            if (
                strides is self.main.b
                and name == self.plan.vector.name
                and name in self.state.limits
                and self.plan.pack
            ):
                # Single vectors within the last, unfinished panel: only to its start does the stride apply.
                inside = self.fb.rem(start, self.plan.panel)
                start = self.fb.sub(start, inside)
            result = self.fb.add(result, self.fb.add(inside, self.fb.mul(start, strides[name])))
        return result

    def _row_offset(self, strides: dict[str, Operand], row: Sequence[int]) -> Operand:
        """Elements from the tile's first row to another; rows beyond the end of the axis fall back on its last."""
        fb = self.fb
        result: Operand = 0
        for axis, step in zip(self.row_axes, row, strict=True):
            where: Operand = step
            if step and axis.name in self.state.limits and strides[axis.name] != 0:
                where = fb.min(step, fb.sub(self.state.limits[axis.name], 1))
            result = fb.add(result, fb.mul(where, strides[axis.name]))
        return result

    def _sum(self, depth: list[Axis], a: str, b: str, sums: list[str], before: tuple[Operand, ...] = ()) -> list[str]:
        """The loops over the summed axes; each carries the accumulators. ``before``: the indices of those around."""
        if not depth:
            return self._step(a, b, sums, None)
        axis, inner = depth[0], depth[1:]
        if self.plan.dot and not inner:
            return self._lanes_along(axis, a, b, sums)
        if self.plan.zeros == "steps":
            return self._sum_runs(axis, a, b, sums)
        return self._sum_steps(axis, self._range(axis), inner, a, b, sums, before)

    def _sum_steps(
        self,
        axis: Axis,
        steps: tuple[Operand, Operand],
        inner: list[Axis],
        a: str,
        b: str,
        sums: list[str],
        before: tuple[Operand, ...],
    ) -> list[str]:
        """The loop over some steps of a summed axis, with those of the ``inner`` ones inside."""
        with self.fb.loop_carry(*steps, [(self.ty, value) for value in sums]) as loop:
            a_here, b_here = self._advance(axis, loop.index, a, b)
            if self.copy:
                element = storage_type(self.main.b_dtype)
                self.copy_here = self.fb.gep(element, self.copy, self.fb.mul(loop.index, self.plan.panel))
            if not inner:
                self._ahead(before).ask(axis, loop.index, a_here, b_here)
            loop.following.extend(self._sum(inner, a_here, b_here, loop.carried, (*before, loop.index)))
        return loop.results

    def _sum_runs(self, axis: Axis, a: str, b: str, sums: list[str]) -> list[str]:
        """The sum over those steps of its one axis that add anything."""
        fb = self.fb
        start, stop = self._range(axis)
        with fb.loop_carry(start, stop, [(self.ty, value) for value in sums]) as runs:
            end, adds = run_at(fb, self.main.runs, runs.index, stop)
            runs.onward = end
            until = fb.select(adds, "i64", end, runs.index)
            runs.following.extend(self._sum_steps(axis, (runs.index, until), [], a, b, runs.carried, ()))
        return runs.results

    def _sum_unless_zero(self, axis: Axis, a: str, b: str, sums: list[str]) -> list[str]:
        """The sum along an axis, or, where the tile's rows of A are all zeros, what they give for one."""
        fb, steps = self.fb, self._range(axis)
        found = any_nonzero(fb, a, self.main.a_dtype, self.a_rows, steps, self.lanes)
        with fb.if_else(found) as (yes, no):
            with yes:
                usual = self._sum_steps(axis, steps, [], a, b, sums, ())
            with no:
                every = self._sums_of_zeros(axis, steps, b) * len(self.rows)
        return [fb.phi(self.ty, [(x, yes.end), (y, no.end)]) for x, y in zip(usual, every, strict=True)]

    def _sums_of_zeros(self, axis: Axis, steps: tuple[Operand, Operand], b: str) -> list[str]:
        """Sums of a row of zeros times B, which tell of infinities and NaNs there; a panel's are kept."""
        fb, nothing = self.fb, zero(self.spec.sum_dtype, self.lanes)
        kept, of = fb.alloca(self.ty, self.vectors, align=size_of(self.ty)), fb.alloca("ptr")
        fb.entry_store("ptr", "null", of)
        element, stride = storage_type(self.main.b_dtype), self.main.b[axis.name]
        first = fb.gep(element, b, fb.mul(steps[0], stride))
        with fb.if_(fb.cmp("ne", "ptr", fb.load("ptr", of), first)):
            fb.store("ptr", first, of)
            with fb.loop_carry(*steps, [(self.ty, nothing)] * self.vectors) as loop:
                here = fb.gep(element, b, fb.mul(loop.index, stride))
                loop.following += [
                    self._multiply_add(nothing, self._b_element(here, self.b_rows[0], v, None, {}), total)
                    for v, total in enumerate(loop.carried)
                ]
            for v, total in enumerate(loop.results):
                fb.store(self.ty, total, fb.gep(self.ty, kept, v))
        return [fb.load(self.ty, fb.gep(self.ty, kept, v)) for v in range(self.vectors)]

    def _ahead(self, before: tuple[Operand, ...]) -> Ahead:
        rows = self.row_axes, self.row_steps, self.a_rows, self.b_rows
        return Ahead(self.main, self.state, *rows, self.b_strides, self.vectors, self.a_start, self.c_start, before)

    def _range(self, axis: Axis) -> tuple[Operand, Operand]:
        return self.state.ranges.get(axis.name) or self.main.range_of(axis, self.state.chunk)

    def _initial(self, keys: list[tuple[int, int]]) -> list[str]:
        """What the sums start from: zero, or what the blocks before have left."""
        nothing = zero(self.spec.sum_dtype, self.lanes)
        if self.state.first is None:
            return [nothing] * len(keys)
        fb = self.fb
        with fb.if_else(self.state.first) as (first, other), other:
            left = [self._left(self.rows[row], v) for row, v in keys]
        return [fb.phi(self.ty, [(nothing, first.end), (value, other.end)]) for value in left]

    def _left(self, row: Sequence[int], v: int) -> str:
        """What the blocks before have left of a sum."""
        fb = self.fb
        inside = [
            fb.min(step, fb.sub(self.state.limits[axis.name], 1)) if axis.name in self.state.limits else step
            for axis, step in zip(self.row_axes, row, strict=True)
        ]
        return fb.load(self.ty, fb.gep(self.scalar, self.main.c_base, self._place_offset(inside, v)))

    def _advance(self, axis: Axis, index: Operand, a: str, b: str) -> tuple[str, str]:
        fb, main = self.fb, self.main
        a = fb.gep(storage_type(main.a_dtype), a, fb.mul(index, main.a[axis.name]))
        b = fb.gep(storage_type(main.b_dtype), b, fb.mul(index, self.b_strides[axis.name]))
        # Left to see through the sums of all loops' steps, LLVM's loop strength reduction takes as long as all the rest
        # of code generation, and needs more registers.
        return (a, b) if axis is self.plan.depth[-1] else (fb.opaque(a), fb.opaque(b))

    def _lanes_along(self, axis: Axis, a: str, b: str, sums: list[str]) -> list[str]:
        """The innermost loop of a dot product: whole vectors, then the rest under a mask."""
        fb, lanes, extent = self.fb, self.lanes, self.main.extent[axis.name]
        whole = fb.mul(fb.div(extent, lanes), lanes)
        if whole != 0:
            with fb.loop_carry(0, whole, [(self.ty, value) for value in sums], lanes) as loop:
                a_here, b_here = self._advance(axis, loop.index, a, b)
                loop.following.extend(self._step(a_here, b_here, loop.carried, None))
            sums = loop.results
        if isinstance(extent, int) and extent == whole:
            return sums
        mask = fb.mask_first(fb.sub(extent, whole), lanes)
        a_here, b_here = self._advance(axis, whole, a, b)
        return self._step(a_here, b_here, sums, mask)

    def _step(self, a: str, b: str, sums: Sequence[str], mask: Operand | None) -> list[str]:
        """One step of the reduction: the multiply-adds of the whole tile, each element loaded once."""
        loaded: dict[tuple, Operand] = {}
        result = []
        for number in range(len(self.rows)):
            for v in range(self.vectors):
                x = self._a_element(a, self.a_rows[number], v, mask, loaded)
                y = self._b_element(b, self.b_rows[number], v, mask, loaded)
                result.append(self._multiply_add(x, y, sums[number * self.vectors + v]))
        return result

    def _a_element(self, a: str, row: Operand, v: int, mask: Operand | None, loaded: dict[tuple, Operand]) -> Operand:
        """A vector of A: one element in all lanes, or adjacent ones where A moves along the vector axis."""
        spec, fb = self.spec, self.fb
        along = self.plan.dot or self.plan.vector.a != 0
        key = ("a", row, v if along else 0)
        if key not in loaded:
            dtype = self.main.a_dtype
            pointer = fb.gep(storage_type(dtype), a, row)
            if along:
                loaded[key] = self._vector(pointer, dtype, v, mask)
            else:
                value = load_elements(fb, pointer, dtype, spec.sum_dtype, 1, self.main.machine, None)
                loaded[key] = fb.splat(value, self.scalar, self.lanes)
        return loaded[key]

    def _b_element(self, b: str, row: Operand, v: int, mask: Operand | None, loaded: dict[tuple, Operand]) -> Operand:
        key = ("b", row, v)
        if key not in loaded:
            dtype = self.main.b_dtype
            # Panels are padded with zeros to whole vectors: no mask needed, except behind a sum of whole vectors whose
            # number only shows at run time, where nothing is left and a panel has ended.
            padded = self.plan.pack and not self.plan.dot and not self.copy
            loaded[key] = self._vector(self.fb.gep(storage_type(dtype), b, row), dtype, v, mask, padded)
            if self.copy:
                there = self.fb.gep(storage_type(dtype), self.copy_here, v * self.lanes)
                self.fb.store(self.ty, loaded[key], there)
        return loaded[key]

    def _vector(self, pointer: str, dtype: str, v: int, mask: Operand | None, padded: bool = False) -> Operand:
        if not self.plan.dot and v == self.vectors - 1:
            mask = self.tail_mask
        pointer = self.fb.gep(storage_type(dtype), pointer, v * self.lanes)
        mask = None if padded else mask
        return load_elements(self.fb, pointer, dtype, self.spec.sum_dtype, self.lanes, self.main.machine, mask)

    def _multiply_add(self, x: Operand, y: Operand, total: str) -> str:
        fb = self.fb
        if self.scalar in ("float", "double"):
            return fb.fma(self.ty, x, y, total)
        return fb.op("add", self.ty, fb.op("mul", self.ty, x, y), total)

    def _fold(self, value: str) -> str:
        """The sum of the lanes, as a tree."""
        if self.lanes == 1:
            return value
        fb = self.fb
        if self.scalar in ("float", "double"):
            arguments = [(self.scalar, fb.literal(-0.0, self.scalar)), (self.ty, value)]
            return fb.call(f"llvm.vector.reduce.fadd.{mangle(self.ty)}", self.scalar, arguments, "reassoc")
        return fb.call(f"llvm.vector.reduce.add.{mangle(self.ty)}", self.scalar, [(self.ty, value)])

    # -- what becomes of the sums ------------------------------------------------------------------------------------

    def _finish(self, sums: dict[tuple[int, int], str]) -> None:
        if self.main.epilogue or self.main.tile_epilogue:
            self.here = {name: self.fb.opaque_number(start) for name, start in self.state.start.items()}
        ty = self.scalar if self.plan.dot else self.ty
        if self.main.tile_epilogue:
            self.main.tile_epilogue(self.fb, self._result(sums, ty))
            return
        main, accumulators = self.main, len(self.rows) * self.vectors
        in_a_loop = finishes_in_a_loop(main.epilogue, main.epilogue_code, accumulators, main.past)
        if in_a_loop and len(self.rows) > 1:
            if self.main.row_sums is not None:
                self._sum_in_loops(self.main.row_sums, sums)
            else:
                self._finish_in_a_loop(sums, ty)
            return
        totals: dict[int, list[str]] = {}
        for number, row in enumerate(self.rows):
            limited = [
                (axis, step)
                for axis, step in zip(self.row_axes, row, strict=True)
                if step and axis.name in self.state.limits
            ]
            with ExitStack() as stack:
                for axis, step in limited:
                    inside = self.fb.cmp("slt", "i64", step, self.state.limits[axis.name])
                    stack.enter_context(self.fb.if_(inside))
                for v in range(self.vectors):
                    place, row_sums = self._place(row, v), None if limited else self.main.row_sums
                    value, total = sums[number, v], totals.get(v, [])
                    total = finish(self.fb, self.main.epilogue, row_sums, value, ty, place, total)
                    if row_sums is not None:
                        totals[v] = total
        if self.main.row_sums is not None:
            for v, total in totals.items():
                self._add_up(self.main.row_sums, total, v)

    def _add_up(self, row_sums: RowSums, total: Sequence[str], v: Operand) -> None:
        """Adds a tile's sums of rows to those of the unit."""
        column = self.fb.add(self.here[self.plan.vector.name], self.fb.mul(v, self.lanes))
        row_sums.add(self.fb, total, column, self.lanes, self.tail_mask if v == self.vectors - 1 else None)

    def _sum_in_loops(self, row_sums: RowSums, sums: dict[tuple[int, int], str]) -> None:
        """The same as `_finish_in_a_loop`, down the rows of each vector, so that what they add up is in registers."""
        fb, epilogue, ty, types = self.fb, self.main.epilogue, self.ty, row_sums.types(self.lanes)
        slot = self._on_stack(sums, ty)

        def rows(before: list[Operand], first: Operand, total: Sequence[str], v: Operand) -> Sequence[str]:
            if len(before) == len(self.row_axes):
                value = fb.load(ty, fb.gep(ty, slot, fb.add(fb.mul(first, self.vectors), v)))
                place = self._place(before, v, streams=True)
                return finish(fb, epilogue, row_sums, value, ty, place, list(total))
            axis, steps = self.row_axes[len(before)], self.row_steps[len(before)]
            limit = self.state.limits.get(axis.name)
            with fb.loop_carry(0, steps if limit is None else fb.min(steps, limit), list(zip(types, total))) as loop:
                inside = fb.add(fb.mul(first, steps), loop.index)
                loop.following.extend(rows([*before, loop.index], inside, loop.carried, v))
            return loop.results

        def last(v: Operand) -> None:
            self._add_up(row_sums, rows([], 0, ["zeroinitializer"] * len(types), v), v)

        self._across(last)

    def _across(self, body: Callable[[Operand], None]) -> None:
        """``body`` for each vector of a row: one code for all but that under a mask."""
        whole = self.vectors if self.tail_mask is None else self.vectors - 1
        if whole:
            with self.fb.loop(0, whole) as v:
                body(v)
        if whole < self.vectors:
            body(whole)

    def _on_stack(self, sums: dict[tuple[int, int], str], ty: str) -> str:
        """The sums of the tile in memory."""
        slot = self.fb.alloca(ty, len(sums), align=size_of(ty))
        for number, v in sums:
            self.fb.store(ty, sums[number, v], self.fb.gep(ty, slot, number * self.vectors + v))
        return slot

    def _finish_in_a_loop(self, sums: dict[tuple[int, int], str], ty: str) -> None:
        """Put the sums on the stack and go through them, with the code of one for all but those under a mask."""
        fb = self.fb
        slot = self._on_stack(sums, ty)
        with ExitStack() as stack:
            row: list[Operand] = []
            first: Operand = 0
            for axis, steps in zip(self.row_axes, self.row_steps, strict=True):
                limit = self.state.limits.get(axis.name)
                row.append(stack.enter_context(fb.loop(0, steps if limit is None else fb.min(steps, limit))))
                first = fb.add(fb.mul(first, steps), row[-1])
            first = fb.mul(first, self.vectors)

            def last(v: Operand) -> None:
                value = fb.load(ty, fb.gep(ty, slot, fb.add(first, v)))
                finish(fb, self.main.epilogue, None, value, ty, self._place(row, v, streams=True), [])

            self._across(last)

    def _result(self, sums: dict[tuple[int, int], str], ty: str) -> TileResult:
        """The tile as an epilogue over whole tiles sees it: always two row axes."""
        axes = [*self.row_axes, None, None]
        steps = [*self.row_steps, 1, 1]
        numbers = {((*row, 0, 0)[0], (*row, 0, 0)[1]): number for number, row in enumerate(self.rows)}
        return TileResult(
            (axes[0], axes[1]),
            (steps[0], steps[1], self.vectors),
            {(i, j, v): sums[number, v] for (i, j), number in numbers.items() for v in range(self.vectors)},
            ty,
            lambda i, j, v: self._place(self.rows[numbers[i, j]], v),
        )

    def _values(self, row: Sequence[Operand], v: Operand) -> dict[str, Operand]:
        """The coordinates of an accumulator's first lane."""
        fb, values = self.fb, dict(self.here)
        for axis, step in zip(self.row_axes, row, strict=True):
            values[axis.name] = fb.add(values[axis.name], step)
        if not self.plan.dot:
            values[self.plan.vector.name] = fb.add(values[self.plan.vector.name], fb.mul(v, self.lanes))
        return values

    def _start_in_c(self) -> Operand:
        """Elements from the base of C, or of the partial sums, to the tile's first element."""
        fb, main = self.fb, self.main
        offset = fb.mul(self.state.chunk, main.chunk_stride) if self.plan.chunks else main.c_origin
        return fb.add(offset, linear(fb, [(start, main.c[name]) for name, start in self.state.start.items()]))

    def _place_offset(self, row: Sequence[Operand], v: Operand) -> Operand:
        """Elements from the base of C, or of the partial sums, to an accumulator's first lane."""
        strides = self.main.c
        steps = [(step, strides[axis.name]) for axis, step in zip(self.row_axes, row, strict=True)]
        if not self.plan.dot:
            steps.append((self.fb.mul(v, self.lanes), strides[self.plan.vector.name]))
        return self.fb.add(self.c_start, linear(self.fb, steps))

    def _place(self, row: Sequence[Operand], v: Operand, streams: bool = False) -> Place:
        fb, main, plan = self.fb, self.main, self.plan
        values = self._values(row, v) if main.epilogue or main.tile_epilogue else {}
        lanes, last = (1, False) if plan.dot else (self.lanes, v == self.vectors - 1)
        place = Place(
            coords=Coordinates(fb, main.slots, self.spec.axes, values),
            offset=self._place_offset(row, v),
            lanes=lanes,
            valid=self.tail_valid if last else lanes,
            mask=self.tail_mask if last else None,
            stride=1 if plan.dot else main.c[plan.vector.name],
            axis=plan.vector.whole if lanes > 1 else (),
            store=lambda value: None,
            streams=streams and self.main.past is not None,
        )
        place.store = lambda value: self._store(value, place)
        return place

    def _store(self, value: Operand, place: Place) -> None:
        spec = self.spec
        array = spec.c
        if self.plan.chunks:  # partial sums are padded to whole vectors
            array, place = replace(array, dtype=spec.sum_dtype), replace(place, mask=None, valid=place.lanes)
        past, machine = self.main.past if place.streams else None, self.main.machine
        store_elements(self.fb, value, self.main.c_base, place, array, spec.sum_dtype, machine, past)
