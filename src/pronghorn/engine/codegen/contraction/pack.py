"""The kernel before the main one: B copied into panels.

A panel holds, for each step of the summed axes, the elements of B that a register tile's vectors take: adjacent, padded
with zeros to whole vectors, and one step after the other. (Where the lanes run along a summed axis there is one panel,
with that axis innermost.)
"""

from __future__ import annotations

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, size_of, vec
from pronghorn.engine.codegen.contraction.nest import linear, split_unit
from pronghorn.engine.codegen.contraction.plan import PACK_DEPTH, Plan, pack_counts
from pronghorn.engine.codegen.convert import HasFeatures, convert, storage_type
from pronghorn.engine.codegen.slots import MOST_WRITTEN, Slots, Tables
from pronghorn.engine.codegen.units import Count
from pronghorn.engine.graph.dim import product

__all__ = ["emit_pack", "packed_strides", "transposed"]

Span = tuple[Operand, Operand]

BLOCK = 8  # a transposed B is copied in blocks of this many rows and columns, transposed in registers


def packed_strides(fb: FunctionBuilder, slots: Slots, plan: Plan) -> dict[str, Operand]:
    """The strides of B's axes in its panels.

    That of the vector axis counts whole panels: it is to be multiplied with a coordinate at which a panel starts.
    """
    strides: dict[str, Operand] = {}
    stride: Operand = plan.panel
    if plan.dot:
        stride = fb.mul(slots.count(Count(plan.vector.extent, plan.panel)), plan.panel)
        strides[plan.vector.name] = 1
    for axis in reversed(plan.depth_b()):
        strides[axis.name] = stride
        stride = fb.mul(stride, slots.extent(axis.extent))
    if not plan.dot:
        strides[plan.vector.name] = slots.extent(product(tuple(axis.extent for axis in plan.depth_b())))
        stride = fb.mul(stride, slots.count(Count(plan.vector.extent, plan.panel)))
    for axis in reversed(plan.outer_b()):
        strides[axis.name] = stride
        stride = fb.mul(stride, slots.extent(axis.extent))
    return strides


def emit_pack(module: ModuleBuilder, name: str, plan: Plan, machine: HasFeatures, tables: Tables, slot: int) -> None:
    """Writes the kernel; ``slot`` is that of the panels."""
    _Packer(module, name, plan, machine, tables, slot).write()


class _Packer:
    """Writes the kernel: its units, and in each the copy of a piece of one panel."""

    def __init__(
        self, module: ModuleBuilder, name: str, plan: Plan, machine: HasFeatures, tables: Tables, slot: int
    ) -> None:
        fb = self.fb = start_kernel(module, name)
        self.plan, self.machine = plan, machine
        slots = self.slots = Slots(fb, tables, MOST_WRITTEN)
        b = plan.spec.b
        self.scalar, self.packed = storage_type(b.dtype), storage_type(plan.packed_dtype)
        self.source = fb.gep(self.scalar, base_pointer(fb, b.slot), slots.extent(b.offset))
        self.target = base_pointer(fb, slot)
        self.strides = packed_strides(fb, slots, plan)
        self.counts = [slots.count(count) for count in pack_counts(plan)]
        # Elements in B from one lane, and from one step of the innermost summed axis, to the next; in a panel: `width`.
        depth = plan.depth_b()
        self.inner = depth[-1] if depth and not plan.dot else None
        self.lane_stride: Operand = slots.extent(plan.vector.b)
        self.step_stride: Operand = slots.extent(self.inner.b) if self.inner else 0
        self.width: Operand = plan.panel
        if plan.dot:
            self.width = fb.mul(slots.count(Count(plan.vector.extent, plan.panel)), plan.panel)

    def write(self) -> None:
        fb, plan, slots = self.fb, self.plan, self.slots
        outer, depth = plan.outer_b(), plan.depth_b()
        with fb.loop("%begin", "%end") as unit:
            indices = split_unit(fb, unit, self.counts)
            steps = indices[len(outer) + 1 :]
            loops = [*zip(outer, indices, strict=False), *zip(depth, steps, strict=True)]
            if self.inner:
                loops.pop()  # counted in blocks, see below
            origin = linear(fb, [(index, slots.extent(axis.b)) for axis, index in loops])
            place = linear(fb, [(index, self.strides[axis.name]) for axis, index in loops])
            valid = slots.extent(plan.vector.extent)
            if not plan.dot:
                first = fb.mul(indices[len(outer)], plan.panel)
                origin = fb.add(origin, fb.mul(first, self.lane_stride))
                place = fb.add(place, fb.mul(first, self.strides[plan.vector.name]))
                valid = fb.min(fb.sub(valid, first), plan.panel)
            span: Span = (0, 1)
            if self.inner:
                begin = fb.mul(steps[-1], PACK_DEPTH)
                span = begin, fb.min(fb.add(begin, PACK_DEPTH), slots.extent(self.inner.extent))
            self._copy(fb.gep(self.scalar, self.source, origin), fb.gep(self.packed, self.target, place), valid, span)
        fb.ret()

    def _copy(self, source: str, target: str, valid: Operand, span: Span) -> None:
        """Copies the first ``valid`` lanes, and zeros for the rest of the panel, at the steps of ``span``."""
        fb = self.fb
        if self.lane_stride == 1 and not self.plan.dot:
            if self.plan.tile.lanes > 1:
                self._copy_rows(source, target, valid, span)
                return
            with fb.if_else(fb.cmp("eq", "i64", valid, self.width)) as (whole, part):
                with whole:
                    self._copy_whole(source, target, span)
                with part:
                    self._copy_and_fill(source, target, valid, span)
            return
        self._copy_and_fill(source, target, valid, span)

    def _copy_and_fill(self, source: str, target: str, valid: Operand, span: Span) -> None:
        fb = self.fb
        if self.step_stride == 1:
            self._copy_transposed(source, target, valid, span)
        else:
            self._copy_elements(source, target, (0, valid), span)
        with fb.loop(valid, self.width) as lane, fb.loop(*span) as step:
            fb.store(self.packed, literal(0, self.packed), self._to(target, lane, step))

    def _from(self, source: str, lane: Operand, step: Operand) -> str:
        fb = self.fb
        return fb.gep(self.scalar, source, linear(fb, [(lane, self.lane_stride), (step, self.step_stride)]))

    def _to(self, target: str, lane: Operand, step: Operand) -> str:
        return self.fb.gep(self.packed, target, self.fb.add(lane, self.fb.mul(step, self.width)))

    def _store(self, value: Operand, pointer: str, count: int) -> None:
        """Elements of B into a panel, in its dtype."""
        value = convert(self.fb, value, self.plan.spec.b.dtype, self.plan.packed_dtype, count, self.machine)
        self.fb.store(vec(self.packed, count), value, pointer)

    def _copy_rows(self, source: str, target: str, valid: Operand, span: Span) -> None:
        """Where the lanes are adjacent in B: vector by vector."""
        fb, lanes = self.fb, self.plan.tile.lanes
        ty = vec(self.scalar, lanes)
        vectors = range(self.plan.tile.vectors)
        masks = [fb.mask_first(fb.max(fb.sub(valid, v * lanes), 0), lanes) for v in vectors]
        with fb.loop(*span) as step:
            row, out = self._from(source, 0, step), self._to(target, 0, step)
            for v in vectors:
                value = fb.masked_load(ty, fb.gep(self.scalar, row, v * lanes), masks[v])
                self._store(value, fb.gep(self.packed, out, v * lanes), lanes)

    def _copy_whole(self, source: str, target: str, span: Span) -> None:
        """Where the lanes are adjacent in B, of a panel that is no multiple of a vector: in powers of two."""
        fb, panel, at = self.fb, self.plan.panel, 0
        with fb.loop(*span) as step:
            row, out = self._from(source, 0, step), self._to(target, 0, step)
            while at < panel:
                count = min(BLOCK, 1 << (panel - at).bit_length() - 1)
                value = fb.load(vec(self.scalar, count), fb.gep(self.scalar, row, at), size_of(self.scalar))
                self._store(value, fb.gep(self.packed, out, at), count)
                at += count

    def _copy_transposed(self, source: str, target: str, valid: Operand, span: Span) -> None:
        """Where the steps are adjacent in B: square blocks, then what they leave."""
        fb = self.fb
        start, stop = span
        lanes = fb.mul(fb.div(valid, BLOCK), BLOCK)
        steps = fb.add(start, fb.mul(fb.div(fb.sub(stop, start), BLOCK), BLOCK))
        ty = vec(self.scalar, BLOCK)
        with fb.loop(0, lanes, BLOCK) as lane, fb.loop(start, steps, BLOCK) as step:
            here, there = self._from(source, lane, step), self._to(target, lane, step)
            rows = [fb.load(ty, fb.gep(self.scalar, here, fb.mul(i, self.lane_stride))) for i in range(BLOCK)]
            for i, row in enumerate(transposed(fb, ty, rows)):
                self._store(row, fb.gep(self.packed, there, fb.mul(i, self.width)), BLOCK)
        self._copy_elements(source, target, (0, lanes), (steps, stop))
        self._copy_elements(source, target, (lanes, valid), span)

    def _copy_elements(self, source: str, target: str, lanes: Span, steps: Span) -> None:
        fb = self.fb
        with fb.loop(*lanes) as lane, fb.loop(*steps) as step:
            self._store(fb.load(self.scalar, self._from(source, lane, step)), self._to(target, lane, step), 1)


def transposed(fb: FunctionBuilder, ty: str, rows: list[str]) -> list[str]:
    """A square block of vectors transposed: for each bit of the index, off-diagonal halves change places."""
    size = len(rows)
    distance = 1
    while distance < size:
        low = [lane + size - distance if lane & distance else lane for lane in range(size)]
        high = [lane + size if lane & distance else lane + distance for lane in range(size)]
        following = list(rows)
        for i in range(size):
            if not i & distance:
                following[i] = fb.shuffle(ty, rows[i], rows[i + distance], low)
                following[i + distance] = fb.shuffle(ty, rows[i], rows[i + distance], high)
        rows = following
        distance *= 2
    return rows
