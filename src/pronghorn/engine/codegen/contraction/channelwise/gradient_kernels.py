"""The kernels of gradients by the filter where channels stay apart: one sums by chunks, the other adds up the chunks.

The sums lie chunk after chunk, block after block of channels, tap after tap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.channelwise.gradient import ChannelwiseGradient
from pronghorn.engine.codegen.contraction.channelwise.kernels import LOCALITY, ask_for_row, over_tiles, valid_lanes
from pronghorn.engine.codegen.contraction.channelwise.parts import known
from pronghorn.engine.codegen.contraction.nest import ask_for, base_of, linear, load_elements, split_unit
from pronghorn.engine.codegen.contraction.spec import Array, Axis
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["emit_chunk_sums", "emit_sums"]


def emit_sums(
    module: ModuleBuilder, name: str, plan: ChannelwiseGradient, machine: HasFeatures, tables: Tables, slot: int
) -> None:
    """Writes the main kernel; a unit is a chunk of the rows and a block of channels, whose sums lie in ``slot``."""
    fb = start_kernel(module, name)
    _Sums(fb, plan, machine, Slots(fb, tables), base_pointer(fb, slot)).write()


@dataclass(slots=True)
class _Sums:
    """Writes the main kernel."""

    fb: FunctionBuilder
    plan: ChannelwiseGradient
    machine: HasFeatures
    slots: Slots
    sums: str
    a_base: str = field(init=False)
    b_base: str = field(init=False)
    ty: str = field(init=False)

    def __post_init__(self) -> None:
        spec = self.plan.spec
        self.a_base, self.b_base = (base_of(self.fb, self.slots, array) for array in (spec.a, spec.b))
        self.ty = vec("float", self.plan.lanes)

    def write(self) -> None:
        fb, plan, slots = self.fb, self.plan, self.slots
        rows = slots.extent(plan.chunks.extent)
        length = fb.ceil_div(rows, fb.max(slots.count(plan.chunks), 1))
        size = plan.taps * plan.width
        with fb.loop("%begin", "%end") as unit:
            chunk, block = fb.div(unit, plan.blocks), fb.rem(unit, plan.blocks)
            sums = fb.gep("float", self.sums, fb.mul(unit, size))
            with fb.loop(0, size, plan.lanes) as at:
                fb.store(self.ty, "zeroinitializer", fb.gep("float", sums, at))
            first = fb.mul(chunk, length)
            with fb.loop(first, fb.min(fb.add(first, length), rows)) as row:
                self._row(row, fb.mul(block, plan.width), sums)
        fb.ret()

    def _row(self, row: Operand, channel: Operand, sums: str) -> None:
        """Adds what a row gives to the sums of the channels from ``channel`` on."""
        fb, plan, slots = self.fb, self.plan, self.slots
        rows, columns = plan.parts.rows, plan.parts.columns
        indices = split_unit(fb, row, [slots.divisor(axis.extent) for axis in rows])
        a, b = (
            linear(fb, [(i, slots.extent(getattr(axis, of))) for axis, i in zip(rows, indices, strict=True)])
            for of in ("a", "b")
        )

        def tile(column: Operand, many: int) -> None:
            here = [fb.add(at, fb.mul(column, known(stride))) for at, stride in ((a, columns.a), (b, columns.b))]
            self._tile(here[0], here[1], many, channel, sums)

        over_tiles(fb, columns, plan.columns, 0, slots.extent(columns.extent), tile)

    def _tile(self, a: Operand, b: Operand, many: int, channel: Operand, sums: str) -> None:
        fb, plan, spec = self.fb, self.plan, self.plan.spec
        extent = known(plan.vector.extent)
        left = plan.width if plan.blocks == 1 else fb.min(fb.sub(extent, channel), plan.width)
        with fb.loop(0, left, plan.lanes) as first:
            at = fb.add(channel, first)
            valid = valid_lanes(fb, extent, at, plan.lanes)
            mask = None if valid == plan.lanes else fb.mask_first(valid, plan.lanes)
            a_here = fb.opaque(fb.gep(storage_type(spec.a.dtype), self.a_base, fb.add(a, at)))
            b_here = fb.opaque(fb.gep(storage_type(spec.b.dtype), self.b_base, fb.add(b, at)))
            self._ask(a_here, b_here, many)
            self._loops(plan.parts.outer, a_here, b_here, fb.gep("float", sums, first), many, mask)

    def _loops(
        self, outer: tuple[Axis, ...], a: str, b: str, sums: str, many: int, mask: Operand | None, number: Operand = 0
    ) -> None:
        """The loops over the outer taps; ``number`` counts those before."""
        fb, plan = self.fb, self.plan
        if not outer:
            self._add(a, b, many, fb.opaque(fb.gep("float", sums, fb.mul(number, plan.parts.width * plan.width))), mask)
            return
        axis, scalar = outer[0], storage_type(plan.spec.a.dtype)
        with fb.loop(0, known(axis.extent)) as tap:
            here = fb.opaque(fb.gep(scalar, a, fb.mul(tap, self.slots.extent(axis.a))))
            self._loops(outer[1:], here, b, sums, many, mask, fb.add(fb.mul(number, known(axis.extent)), tap))

    def _add(self, a: str, b: str, many: int, sums: str, mask: Operand | None) -> None:
        """Adds what a tile gives to the sums of the inner taps, column by column."""
        fb, plan, parts = self.fb, self.plan, self.plan.parts
        slots = [fb.gep("float", sums, n * plan.width) for n in range(parts.width)]
        totals = [fb.load(self.ty, slot) for slot in slots]
        gradients = [self._load(plan.spec.b, b, n * known(parts.columns.b), mask) for n in range(many)]
        for offset, meets in parts.shared(many):
            value = self._load(plan.spec.a, a, offset, mask)
            for n, column in meets:
                totals[n] = fb.fma(self.ty, value, gradients[column], totals[n])
        for total, slot in zip(totals, slots, strict=True):
            fb.store(self.ty, total, slot)

    def _load(self, array: Array, pointer: str, offset: Operand, mask: Operand | None) -> str:
        pointer = self.fb.gep(storage_type(array.dtype), pointer, offset)
        return str(load_elements(self.fb, pointer, array.dtype, "float32", self.plan.lanes, self.machine, mask))

    def _ask(self, a: str, b: str, many: int) -> None:
        """Asks for what the row behind this one reads, and this one does not."""
        fb, parts, array = self.fb, self.plan.parts, self.plan.spec.b
        ask_for_row(fb, self.plan.spec.a, a, parts, many)
        behind = parts.rows[-1].b if parts.rows else 0
        if not isinstance(behind, int) or not behind:
            return
        for column in range(many):
            place = behind + column * known(parts.columns.b)
            ask_for(fb, fb.gep(storage_type(array.dtype), b, place, inbounds=False), locality=LOCALITY)


def emit_chunk_sums(
    module: ModuleBuilder,
    name: str,
    plan: ChannelwiseGradient,
    machine: HasFeatures,
    tables: Tables,
    slot: int,
    epilogue: Epilogue | None,
) -> None:
    """Writes the kernel that adds up the chunks' sums, in order; a unit is a tap."""
    fb = start_kernel(module, name)
    spec, parts, lanes = plan.spec, plan.parts, plan.lanes
    slots, ty = Slots(fb, tables), vec("float", plan.lanes)
    sums, c_base = base_pointer(fb, slot), base_pointer(fb, spec.c.slot)
    chunks, extent, block = slots.count(plan.chunks), known(plan.vector.extent), plan.taps * plan.width
    with fb.loop("%begin", "%end") as tap, fb.loop(0, extent, lanes) as channel:
        inside = fb.add(fb.mul(tap, plan.width), fb.rem(channel, plan.width))
        here = fb.gep("float", sums, fb.add(fb.mul(fb.div(channel, plan.width), block), inside))
        with fb.loop_carry(0, chunks, [(ty, "zeroinitializer")]) as loop:
            part = fb.load(ty, fb.gep("float", here, fb.mul(loop.index, plan.blocks * block)))
            loop.following.append(fb.op("fadd", ty, loop.carried[0], part))
        taps = split_unit(fb, tap, [known(axis.extent) for axis in parts.taps])
        values = {axis.name: index for axis, index in zip(parts.taps, taps, strict=True)}
        values[plan.vector.name] = channel
        values = {key: fb.opaque_number(value) for key, value in values.items()}
        valid = valid_lanes(fb, extent, channel, lanes)
        place = place_at(fb, spec, slots, values, plan.vector, lanes, valid, c_base, machine)
        if epilogue is not None:
            epilogue(fb, loop.results[0], ty, place)
        else:
            place.store(loop.results[0])
    fb.ret()
