"""The kernels of convolutions of few filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.channelwise.kernels import LOCALITY, counts_of, over_unit
from pronghorn.engine.codegen.contraction.channelwise.parts import known
from pronghorn.engine.codegen.contraction.few_filters.folding import fold, groups_of
from pronghorn.engine.codegen.contraction.few_filters.plan import FewFiltersPlan
from pronghorn.engine.codegen.contraction.nest import Place, ask_for, base_of, linear, load_elements, split_unit
from pronghorn.engine.codegen.contraction.spec import Array, Axis
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["emit_few_filters"]


def emit_few_filters(
    module: ModuleBuilder,
    name: str,
    plan: FewFiltersPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    scratch_slots: Sequence[int],
) -> list[str]:
    """Writes the kernels; the arguments are those of :func:`..emit.emit`."""
    if not plan.pack:
        _Results(module, name, plan, machine, tables, epilogue).write()
        return [name]
    (slot,) = scratch_slots
    _pack(module, f"{name}.pack", plan, machine, tables, slot)
    _Results(module, f"{name}.main", plan, machine, tables, epilogue, slot).write()
    return [f"{name}.pack", f"{name}.main"]


def _pack(
    module: ModuleBuilder, name: str, plan: FewFiltersPlan, machine: HasFeatures, tables: Tables, slot: int
) -> None:
    """Writes the kernel that copies the filters: a unit is a vector of channels, with zeros behind the last.

    They lie in the order in which the tiles take them: outer taps, vectors of channels, filters, taps along the row.
    """
    fb = start_kernel(module, name)
    slots, spec, parts = Slots(fb, tables), plan.spec, plan.parts
    source, target = base_of(fb, slots, spec.b), base_pointer(fb, slot)
    outer = [known(axis.extent) for axis in parts.outer]
    with fb.loop("%begin", "%end") as unit:
        *taps, number, filter_, tap = split_unit(fb, unit, [*outer, plan.vectors, plan.many, parts.width])
        steps = [*zip(parts.outer, taps, strict=True), (parts.channels, fb.mul(number, plan.lanes))]
        steps += [(axis, index) for axis, index in ((plan.filters, filter_), (parts.inner, tap)) if axis is not None]
        here = fb.gep(
            storage_type(spec.b.dtype), source, linear(fb, [(index, slots.extent(axis.b)) for axis, index in steps])
        )
        there = fb.gep("float", target, fb.mul(unit, plan.lanes))
        fb.store(vec("float", plan.lanes), "zeroinitializer", there)
        valid = fb.min(fb.sub(known(parts.channels.extent), fb.mul(number, plan.lanes)), plan.lanes)
        with fb.loop(0, valid) as lane:
            pointer = fb.gep(storage_type(spec.b.dtype), here, fb.mul(lane, slots.extent(parts.channels.b)))
            value = load_elements(fb, pointer, spec.b.dtype, "float32", 1, machine, None)
            fb.store("float", value, fb.gep("float", there, lane))
    fb.ret()


@dataclass(frozen=True, slots=True)
class _Turn:
    """How far the loops over the outer taps are: the number of their turn, and where the tile starts in A."""

    start: str
    number: Operand


@dataclass(slots=True)
class _Results:
    """Writes the main kernel; ``packed`` is the slot of the copied filters, if they are."""

    module: ModuleBuilder
    name: str
    plan: FewFiltersPlan
    machine: HasFeatures
    tables: Tables
    epilogue: Epilogue | None
    packed: int | None = None
    fb: FunctionBuilder = field(init=False)
    slots: Slots = field(init=False)
    b: Array = field(init=False)
    a_base: str = field(init=False)
    c_base: str = field(init=False)
    b_base: str = field(init=False)
    b_strides: dict[str, Operand] = field(init=False)

    def __post_init__(self) -> None:
        fb = self.fb = start_kernel(self.module, self.name)
        slots = self.slots = Slots(fb, self.tables)
        spec = self.plan.spec
        if self.packed is None:
            self.b, self.b_base = spec.b, base_of(fb, slots, spec.b)
            self.b_strides = {axis.name: slots.extent(axis.b) for axis in spec.axes}
        else:
            self.b, self.b_base = Array(self.packed, "float32"), base_pointer(fb, self.packed)
            self.b_strides = self._packed_strides()
        self.a_base, self.c_base = base_of(fb, slots, spec.a), base_pointer(fb, spec.c.slot)

    def _packed_strides(self) -> dict[str, Operand]:
        """The strides of the axes in the copied filters, per vector along the channels, which move by whole vectors."""
        plan, parts = self.plan, self.plan.parts
        strides: dict[str, Operand] = {}
        stride = plan.lanes
        inner = [] if parts.inner is None else [(parts.inner.name, parts.width)]
        filters = [] if plan.filters is None else [(plan.filters.name, plan.many)]
        outer = [(axis.name, known(axis.extent)) for axis in reversed(parts.outer)]
        for name, extent in (*inner, *filters, (parts.channels.name, plan.vectors), *outer):
            strides[name] = stride
            stride *= extent
        return strides

    def write(self) -> None:
        fb, plan, slots = self.fb, self.plan, self.slots
        counts = counts_of(slots, plan)
        with fb.loop("%begin", "%end") as unit:
            over_unit(fb, slots, plan, counts, unit, self._tile)
        fb.ret()

    def _tile(self, start: dict[str, Operand], many: int) -> None:
        fb, spec = self.fb, self.plan.spec
        strides = {axis.name: self.slots.extent(axis.a) for axis in spec.axes}
        origin = linear(fb, [(index, strides[name]) for name, index in start.items()])
        a = fb.opaque(fb.gep(storage_type(spec.a.dtype), self.a_base, origin))
        nothing = ["zeroinitializer"] * many * self.plan.many
        sums = self._loops(self.plan.parts.outer, a, fb.opaque(self.b_base), nothing, _Turn(a, 0))
        values = {name: fb.opaque_number(value) for name, value in start.items()}
        for number in range(self.plan.many):
            self._finish(values, number, sums[number * many : (number + 1) * many])

    # -- the sums ----------------------------------------------------------------------------------------------------

    def _loops(self, outer: Sequence[Axis], a: str, b: str, sums: list[str], turn: _Turn) -> list[str]:
        """The loops over the outer taps, which carry the sums: of each filter, those of the columns."""
        if not outer:
            return self._along_channels(a, b, sums, turn)
        fb, axis = self.fb, outer[0]
        with fb.loop_carry(0, known(axis.extent), [(vec("float", self.plan.lanes), value) for value in sums]) as loop:
            a_here = self._moved(self.plan.spec.a, a, fb.mul(loop.index, self.slots.extent(axis.a)))
            b_here = self._moved(self.b, b, fb.mul(loop.index, self.b_strides[axis.name]))
            inside = _Turn(turn.start, fb.add(fb.mul(turn.number, known(axis.extent)), loop.index))
            loop.following.extend(self._loops(outer[1:], fb.opaque(a_here), fb.opaque(b_here), loop.carried, inside))
        return loop.results

    def _along_channels(self, a: str, b: str, sums: list[str], turn: _Turn) -> list[str]:
        """Whole vectors of channels, then the rest under a mask."""
        fb, plan = self.fb, self.plan
        whole, rest = divmod(known(plan.parts.channels.extent), plan.lanes)
        a_step, b_step = plan.lanes, self.b_strides[plan.parts.channels.name]
        b_step = b_step if self.packed is not None else plan.lanes
        if whole:
            with fb.loop_carry(0, whole, [(vec("float", plan.lanes), value) for value in sums]) as loop:
                a_here = self._moved(plan.spec.a, a, fb.mul(loop.index, a_step))
                b_here = self._moved(self.b, b, fb.mul(loop.index, b_step))
                self._ask(turn, fb.mul(loop.index, a_step), len(sums) // plan.many)
                loop.following.extend(self._add(a_here, b_here, loop.carried, None))
            sums = loop.results
        if rest:
            a, b = self._moved(plan.spec.a, a, whole * a_step), self._moved(self.b, b, fb.mul(whole, b_step))
            self._ask(turn, whole * a_step, len(sums) // plan.many)
            sums = self._add(a, b, sums, fb.mask_first(rest, plan.lanes))
        return sums

    def _add(self, a: str, b: str, sums: Sequence[str], mask: Operand | None) -> list[str]:
        """What the taps along the row add of a vector of channels, each input loaded once."""
        fb, plan, parts = self.fb, self.plan, self.plan.parts
        ty, sums, columns = vec("float", plan.lanes), list(sums), len(sums) // plan.many
        across = self.b_strides[parts.inner.name] if parts.inner is not None else 0
        onward = self.b_strides[plan.filters.name] if plan.filters is not None else 0
        filters = [
            [
                self._load(self.b, b, fb.add(fb.mul(number, onward), fb.mul(tap, across)), None if plan.pack else mask)
                for tap in range(parts.width)
            ]
            for number in range(plan.many)
        ]
        for offset, meets in parts.shared(columns):
            value = self._load(plan.spec.a, a, offset, mask)
            for number in range(plan.many):
                for tap, column in meets:
                    place = number * columns + column
                    sums[place] = fb.fma(ty, value, filters[number][tap], sums[place])
        return sums

    def _ask(self, turn: _Turn, channel: Operand, columns: int) -> None:
        """Ask, a few in each turn, for lines that the row behind reads and this one does not."""
        fb, parts, array = self.fb, self.plan.parts, self.plan.spec.a
        offsets = [offset for offset, _ in parts.shared(columns)]
        apart = gcd(*(offset - offsets[0] for offset in offsets)) or 1
        places = (max(offsets) - min(offsets)) // apart + 1
        share = -(-places // parts.lines)
        for row in parts.lines_ahead() if self.plan.ahead else ():
            first = fb.add(fb.add(row + min(offsets), channel), fb.mul(turn.number, share * apart))
            for number in range(share):
                line = fb.gep(storage_type(array.dtype), turn.start, fb.add(first, number * apart), inbounds=False)
                ask_for(fb, line, locality=LOCALITY)

    def _load(self, array: Array, pointer: str, offset: Operand, mask: Operand | None) -> str:
        pointer = self._moved(array, pointer, offset)
        return str(load_elements(self.fb, pointer, array.dtype, "float32", self.plan.lanes, self.machine, mask))

    def _moved(self, array: Array, pointer: str, offset: Operand) -> str:
        return self.fb.gep(storage_type(array.dtype), pointer, offset)

    # -- the results -------------------------------------------------------------------------------------------------

    def _finish(self, values: dict[str, Operand], number: int, sums: Sequence[str]) -> None:
        """Add up the lanes of one filter's sums, and store what becomes of them, a vector of columns at a time."""
        fb, plan = self.fb, self.plan
        columns = plan.parts.columns
        if plan.filters is not None:
            values = {**values, plan.filters.name: number}
        for first, many, width in groups_of(len(sums), plan.lanes, masked=columns.c == 1):
            total = fold(fb, sums[first : first + many], plan.lanes, width)
            place = self._placed({**values, columns.name: fb.add(values[columns.name], first)}, many, width)
            if self.epilogue is not None:
                self.epilogue(fb, total, vec("float", width), place)
            else:
                place.store(total)

    def _placed(self, values: dict[str, Operand], many: int, width: int) -> Place:
        plan, columns = self.plan, self.plan.parts.columns
        place = place_at(self.fb, plan.spec, self.slots, values, columns, width, many, self.c_base, self.machine)
        place.stride, place.axis = self.slots.extent(columns.c), columns.whole if width > 1 else ()
        return place
