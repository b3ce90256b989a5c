"""Contraction kernels: from the compiler's loops and strides to the tiled kernels, with fused epilogues."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import prod
from typing import TypeVar

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder
from pronghorn.engine.codegen.contraction import (
    FEW_ROWS,
    GAPS,
    MOST_ROWS,
    PACKED,
    UNPACKED,
    AnyPlan,
    Array,
    ChannelwiseGradient,
    ChannelwisePlan,
    Contraction,
    FewFiltersPlan,
    FewRowsPlan,
    FilterGradientPlan,
    PairPlan,
    Place,
    Plan,
    Scratch,
    WidePlan,
    WinogradPlan,
    emit,
    emit_unpacked,
    for_few_rows,
    multiplies_pairs,
    pairs_for_few_rows,
    plan,
    plan_channelwise,
    plan_few_filters,
    plan_few_rows,
    plan_halves,
    plan_pairs,
    plan_winograd,
    unpacks,
)
from pronghorn.engine.codegen.coordinates import coordinates, lanes_along, variable_of
from pronghorn.engine.codegen.evaluator import Evaluator
from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.loops import emit_loops
from pronghorn.engine.codegen.pooling import PoolEpilogue
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.codegen.unit_sums import UnitSums, unit_sums
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.codegen.unpacking import layout_of, unpacked, unpacking_kernel
from pronghorn.engine.codegen.values import round_to
from pronghorn.engine.compiler.costs import SUM_CODE, typical
from pronghorn.engine.compiler.expr import Expr, Index, Load, all_indices, walk
from pronghorn.engine.compiler.half_bytes import HalfBytes
from pronghorn.engine.compiler.kernels import Axis, ContractionKernel, LoopKernel, Part, PoolFusion
from pronghorn.engine.compiler.storing import code_of
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.runtime.host import Target

Channelwise = ChannelwisePlan | ChannelwiseGradient
Planned = TypeVar("Planned", Plan, PairPlan | None, Channelwise | None, FewFiltersPlan | None, FewRowsPlan | None)
FloatPlan = Plan | WinogradPlan | WidePlan | FilterGradientPlan | Channelwise | FewFiltersPlan
FEW_PIXELS = 32  # for which transforming filters takes longer than plain sums
BEFORE = {**PACKED, "runs": "runs", GAPS: GAPS}
"""The kernels before the main one, by their roles, and the buffers that they write."""


def emit_contract(
    module: ModuleBuilder, kernel: ContractionKernel, tables: Tables, target: Target, prepares: bool = False
) -> list[Launch]:
    """Write a contraction kernel (for each of its parts some functions) and list what to launch.

    ``prepares``: weights are packed once for all calls.
    """
    launches: list[Launch] = []
    for number, part in enumerate(kernel.parts):
        name = kernel.name if len(kernel.parts) == 1 else f"{kernel.name}_{number}"
        launches += _emit_part(module, kernel, part, name, tables, target, prepares)
    return launches


def _specification(kernel: ContractionKernel, part: Part, tables: Tables) -> Contraction:
    result = kernel.accumulated[0]
    b_dtype = part.b.dtype if part.halves is None else part.halves.element.dtype
    return Contraction(
        tuple(part.axes),
        Array(tables.buffer(part.a), part.a.dtype, part.a_offset),
        Array(tables.buffer(part.b), b_dtype, part.b_offset),
        Array(tables.buffer(result), result.dtype, part.c_offset),
    )


def _emit_part(
    module: ModuleBuilder,
    kernel: ContractionKernel,
    part: Part,
    name: str,
    tables: Tables,
    target: Target,
    prepares: bool,
) -> list[Launch]:
    small = _few_rows_plan(kernel, part, tables, target)
    as_given, fusion = part, kernel.pool
    unpacking: list[Launch] = []
    made: AnyPlan
    if small is not None and not small.counts_rows:
        made, tile_epilogue = small, None
    else:
        if part.halves is not None:
            part, unpacking = _unpacked(module, kernel, part, part.halves, name, tables, target)
        made, tile_epilogue = _chosen(kernel, part, _specification(kernel, part, tables), tables, target)
    row_sums = unit_sums(kernel, made, tables)
    elements = row_sums.elements if row_sums is not None else []
    epilogue, code = None, 0
    if tile_epilogue is None and (_is_changed(kernel) or row_sums is not None):
        if row_sums is not None and not _is_changed(kernel) and next(all_indices(*elements), None) is None:
            epilogue = _storing(kernel, part, row_sums)
        else:
            epilogue = _epilogue(kernel, part, row_sums)
        code = sum(map(code_of, walk(*(s.expr for s in kernel.stores), *elements))) + SUM_CODE * len(elements)
    scratch = [_scratch_value(s, kernel) for s in made.scratch]
    slots = [tables.buffer(v) for v in scratch]
    beside = () if fusion is not None else _beside(kernel, elements, tables)
    names = emit(module, name, made, target, tables, epilogue, tile_epilogue, slots, code, beside, row_sums)
    packed = _packed_operands(part, made, tables)
    launches = [_launch(kernel, part, made, i, n, scratch, packed) for i, n in enumerate(names)]
    few, most = _for_few_rows(made)
    if small is not None and made is not small:
        partials = [_scratch_value(s, kernel) for s in small.scratch]
        slots = [tables.buffer(v) for v in partials]
        launches = unpacking + launches
        names = emit(module, f"{name}.rows", small, target, tables, epilogue, None, slots, code)
        own = [_launch(kernel, as_given, small, i, n, partials, {}) for i, n in enumerate(names)]
        launches = _below_rows(own, launches, small)
    elif few is not None:
        kept = [(value, slot) for value, slot, s in zip(scratch, slots, made.scratch) if s in few.scratch]
        kept_slots = [slot for _, slot in kept]
        (few_name,) = emit(
            module, f"{name}.few", few, target, tables, epilogue, tile_epilogue, kept_slots, code, beside, row_sums
        )
        launch = _launch(kernel, part, few, 0, few_name, [value for value, _ in kept], packed)
        launches = unpacking + _by_rows(launches, launch, few, most)
    elif prepares and isinstance(made, WidePlan) and not kernel.sums:
        given = (module, kernel, part, name, tables, target)
        launches = unpacking + _direct_for_few_rows(*given, epilogue, code, launches)
    elif made is not small:
        launches = unpacking + launches
    if fusion is not None and tile_epilogue is None:  # no tile covers whole windows: they are pooled afterwards
        launches += _separate_pools(module, kernel, fusion, launches, tables, target)
    if kernel.sums:
        launches += _summing(module, kernel, name, row_sums, launches, tables, target)
    return launches


def _unpacked(
    module: ModuleBuilder,
    kernel: ContractionKernel,
    part: Part,
    halves: HalfBytes,
    name: str,
    tables: Tables,
    target: Target,
) -> tuple[Part, list[Launch]]:
    """A product with a matrix made of halves of bytes as one with an array of its own, and what computes that array."""
    assert kernel.node is not None
    whole = Value(unpacked(halves), kernel.node.outputs[0].graph)
    apart, layout = replace(part, b=whole, halves=None), layout_of(halves, tables)
    if not unpacks(layout, target):
        maker = replace(unpacking_kernel(halves, whole), name=f"{name}.unpack", scope=kernel.scope)
        return apart, [_loops(module, maker, tables, target)]
    rows, columns = (int(var.extent) for var in (halves.step, halves.column))
    into = Array(tables.buffer(whole), whole.dtype)
    emit_unpacked(module, f"{name}.unpack", layout, into, columns, target, tables)
    cost = UNPACKED * columns
    return apart, [Launch(f"{name}.unpack", Units(rows), cost, halves.reads(), {whole}, scope=kernel.scope)]


def _is_changed(kernel: ContractionKernel) -> bool:
    """Whether anything but the contraction's result is stored."""
    return len(kernel.stores) > 1 or kernel.stores[0].value is not kernel.accumulated[0]


def _summing(
    module: ModuleBuilder,
    kernel: ContractionKernel,
    name: str,
    row_sums: UnitSums | None,
    before: list[Launch],
    tables: Tables,
    target: Target,
) -> list[Launch]:
    """The kernels that sum over all rows of the result, or over those of units, where the epilogue has begun."""
    apart = [sums.kernel for sums in kernel.sums] if row_sums is None else row_sums.kernels()
    later = {v for sums in kernel.sums for v in sums.kernel.writes}
    for launch in before:
        launch.writes -= later
        if row_sums is not None and launch.writes & {s.value for s in kernel.stores}:
            launch.writes |= set(row_sums.arrays)
            launch.units, launch.cost = row_sums.units(launch.units), launch.cost * row_sums.together
    return [
        _loops(module, replace(reader, name=f"{name}.sums{number}"), tables, target)
        for number, reader in enumerate(apart)
    ]


def _loops(module: ModuleBuilder, kernel: LoopKernel, tables: Tables, target: Target) -> Launch:
    """The launch of a kernel of loops that follows a contraction."""
    units = emit_loops(module, kernel, tables, target)
    count = Units.of(units.count)
    reads, writes = set(kernel.reads), set(kernel.writes)
    return Launch(kernel.name, count, units.cost, reads, writes, scope=kernel.scope, pieces=units.pieces)


def _for_few_rows(made: AnyPlan) -> tuple[Plan | PairPlan | None, int]:
    """The plan of a kernel that packs nothing ahead, if there is one, and from how many rows on it is not taken."""
    if isinstance(made, Plan):
        return for_few_rows(made), FEW_ROWS
    if isinstance(made, PairPlan):
        return pairs_for_few_rows(made), made.block_rows + 1
    return None, 0


def _by_rows(launches: list[Launch], few: Launch, plan: Plan | PairPlan, most: int) -> list[Launch]:
    """The launches of a packing plan with that for few rows: which of them run is up to the rows."""
    rows = product(tuple(axis.extent for axis in plan.spec.axes if axis.b == 0))
    if isinstance(plan, PairPlan):
        rows = plan.row_count()
    few.units, few.few_rows = replace(few.units, only=(rows, 0, most)), True
    behind = len(launches) - (plan.chunks is not None)  # partial sums are combined after either
    for launch in launches[:behind]:
        launch.units = replace(launch.units, only=(rows, most, 0))
    return [*launches[: behind - 1], few, *launches[behind - 1 :]]


def _direct_for_few_rows(
    module: ModuleBuilder,
    kernel: ContractionKernel,
    part: Part,
    name: str,
    tables: Tables,
    target: Target,
    epilogue: Callable[[FunctionBuilder, str, str, Place], None] | None,
    code: int,
    launches: list[Launch],
) -> list[Launch]:
    """The launches with those of plain sums for an image or two of few pixels.

    These read filters that are packed once; to transform the filters would take most of the time.
    """
    spec = _specification(kernel, part, tables)
    made = _plan_with_epilogue(kernel, part, lambda apart: plan(spec, target, apart=apart))
    scratch = [_scratch_value(s, kernel) for s in made.scratch]
    slots = [tables.buffer(v) for v in scratch]
    names = emit(module, f"{name}.rows", made, target, tables, epilogue, None, slots, code)
    packed = _packed_operands(part, made, tables)
    few = [_launch(kernel, part, made, i, n, scratch, packed) for i, n in enumerate(names)]
    rows = product(tuple(axis.extent for axis in spec.axes if axis.b == 0))
    return _split_by_rows(few, launches, rows, FEW_PIXELS)


def _split_by_rows(few: list[Launch], launches: list[Launch], rows: Extent, most: int) -> list[Launch]:
    """Launches that run where there are up to ``most`` rows, and the others."""
    for launch in few:
        launch.units, launch.few_rows = replace(launch.units, only=(rows, 1, most + 1)), True
    for launch in launches:
        launch.units = replace(launch.units, only=(rows, most + 1, 0))
    return few + launches


def _below_rows(few: list[Launch], launches: list[Launch], plan: FewRowsPlan) -> list[Launch]:
    """The launches for few rows, and the others, which run where there are more."""
    return _split_by_rows(few, launches, plan.row_count, MOST_ROWS)


def _chosen(
    kernel: ContractionKernel, part: Part, spec: Contraction, tables: Tables, target: Target
) -> tuple[AnyPlan, PoolEpilogue | None]:
    """The plan of a part, and what pools its register tiles if that is done in registers."""
    pairs = _pair_plan(kernel, part, spec, target)
    if pairs is not None and pairs.unit.has_tiles:  # nothing else comes near
        return pairs, None
    made, pool = _float_plan(kernel, part, spec, tables, target)
    if pairs is not None:
        cycles = made.tile.cycles if isinstance(made, Plan) else made.cycles
        pooled = _POOLING * prod(typical(axis.extent) for axis in spec.axes if not axis.reduced) if pool else 0.0
        if (pairs.cycles + pooled) * _GAIN < cycles:
            return pairs, None
    return made, pool


def _few_rows_plan(kernel: ContractionKernel, part: Part, tables: Tables, target: Target) -> FewRowsPlan | None:
    """The plan for at most some rows; whose number may show at run time, where no sums of units are kept."""
    if kernel.pool is not None:
        return None
    spec = _specification(kernel, part, tables)
    if part.halves is None:
        few = _plan_with_epilogue(kernel, part, lambda apart: plan_few_rows(spec, target, apart))
    else:
        halves = layout_of(part.halves, tables)
        few = _plan_with_epilogue(kernel, part, lambda apart: plan_halves(spec, target, halves, apart))
    return None if few is not None and few.counts_rows and kernel.sums else few


_POOLING = 0.3  # cycles of writing a result and reading it to pool it, in the planners' units
_GAIN = 0.9  # sums are exacter than by minimal filtering


def _float_plan(
    kernel: ContractionKernel, part: Part, spec: Contraction, tables: Tables, target: Target
) -> tuple[FloatPlan, PoolEpilogue | None]:
    """The plan that multiplies floats, and the pooling of its register tiles."""
    if kernel.pool is not None:
        made = _pooling_plan(kernel, part, spec, kernel.pool, target)
        if made is not None:
            return made, PoolEpilogue(kernel, kernel.pool, tables, partial(coordinates, kernel, part))
    channelwise = _plan_with_epilogue(kernel, part, lambda apart: plan_channelwise(spec, target, apart))
    if channelwise is not None:
        return channelwise, None
    usual = _plan_with_epilogue(kernel, part, lambda apart: plan(spec, target, apart=apart, skip_zeros=True))
    below = usual.tile.cycles
    few = _plan_with_epilogue(kernel, part, lambda apart: plan_few_filters(spec, target, below, apart))
    if few is not None or kernel.is_exact:
        return few or usual, None
    return plan_winograd(spec, target, usual) or usual, None


def _pair_plan(kernel: ContractionKernel, part: Part, spec: Contraction, target: Target) -> PairPlan | None:
    if not multiplies_pairs(spec, target):
        return None
    usual = _plan_with_epilogue(kernel, part, lambda apart: plan(spec, target, apart=apart))
    return _plan_with_epilogue(kernel, part, lambda apart: plan_pairs(spec, target, usual, apart))


def _plan_with_epilogue(kernel: ContractionKernel, part: Part, make: Callable[[list[str]], Planned]) -> Planned:
    """A plan whose lanes run along merged axes only where all that the epilogue reads runs on with one stride, too.

    ``make`` plans, given the axes that are not to be merged.
    """
    offset: Index = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    indices = [*all_indices(*kernel.roots), *(s.offset or offset for s in kernel.stores)]
    apart: list[str] = []
    while True:
        made = make(apart)
        if made is None:
            return made
        broken = [
            inner.name
            for outer, inner in pairwise(() if made.dot else made.vector.whole)
            if not _one_stride(kernel, outer, inner, indices)
        ]
        if not broken:
            return made
        apart += broken


def _one_stride(kernel: ContractionKernel, outer: Axis, inner: Axis, indices: Sequence[Index]) -> bool:
    """Whether counting on in ``inner`` beyond its end is, for each of ``indices``, a step of ``outer``.

    What an index holds of quotients and remainders is among ``indices`` itself.
    """
    if outer.first:  # which the inner does not count
        return False
    big, small = variable_of(kernel, outer), variable_of(kernel, inner)
    return all(i.terms.get(big, 0) * outer.step == i.terms.get(small, 0) * inner.step * inner.extent for i in indices)


def _pooling_plan(
    kernel: ContractionKernel, part: Part, spec: Contraction, fusion: PoolFusion, target: Target
) -> FloatPlan | None:
    multiples = {
        axis.name: fusion.window[axis.output]
        for axis in part.axes
        if axis.output is not None and not axis.group and fusion.window[axis.output] > 1
    }
    try:
        made = _plan_with_epilogue(kernel, part, lambda apart: plan(spec, target, multiples, apart))
    except ValueError:
        return None
    strided = made.vector.group and made.vector.c != 1  # lanes a whole group apart
    if strided or kernel.is_exact:
        return None if strided else made
    return plan_winograd(spec, target, made, multiples) or made


def _separate_pools(
    module: ModuleBuilder,
    kernel: ContractionKernel,
    fusion: PoolFusion,
    main: list[Launch],
    tables: Tables,
    target: Target,
) -> list[Launch]:

    source = fusion.source.value
    for launch in main:
        launch.writes |= {source}
    return [
        _loops(
            module, replace(reader, name=f"{kernel.name}.pool{number}", reads=reader.reads | {source}), tables, target
        )
        for number, reader in enumerate(fusion.readers)
    ]


def _scratch_value(scratch: Scratch, kernel: ContractionKernel) -> Value:
    """A buffer for packed operands or partial sums, whose size may depend on run-time extents."""
    assert kernel.node is not None
    return Value(Aval((scratch.elements,), scratch.dtype), kernel.node.outputs[0].graph)


def _packed_operands(part: Part, made: AnyPlan, tables: Tables) -> dict[str, Value]:
    """What each kernel that packs reads, by its role; a plan may have exchanged the operands."""
    if isinstance(made, WinogradPlan):
        return {GAPS: part.b, "pack": part.b}
    if isinstance(made, WidePlan):
        return {GAPS: part.b, "pack_a": part.a}
    if not isinstance(made, Plan | PairPlan | FewFiltersPlan):
        return {}
    by_slot = {tables.buffer(v): v for v in (part.a, part.b)}
    return {"pack": by_slot[made.spec.b.slot], "pack_a": by_slot[made.spec.a.slot]}


def _launch(
    kernel: ContractionKernel,
    part: Part,
    made: AnyPlan,
    index: int,
    name: str,
    scratch: list[Value],
    packed: Mapping[str, Value],
) -> Launch:

    info = made.kernels[index]
    reads, writes = kernel.reads | {part.b} | set(scratch), set(kernel.writes)
    if info.role in BEFORE:
        reads = {packed[info.role]} if info.role in packed else {part.b, part.a}
        writes = {v for v, s in zip(scratch, made.scratch) if s.purpose == BEFORE[info.role]}
        reads |= {v for v, s in zip(scratch, made.scratch) if s.purpose == GAPS and info.role != GAPS}
    elif info.role == "main" and made.chunks:
        reads = {part.a, part.b} | set(scratch) | (part.halves.reads() if part.halves is not None else set())
        writes = {v for v, s in zip(scratch, made.scratch) if s.purpose not in BEFORE.values()}
    return Launch(
        name,
        info.units,
        info.cycles,
        reads,
        writes,
        scope=kernel.scope,
        work=product(tuple(axis.extent for axis in part.axes)) if info.role == "main" else 0,
        lays_out=info.role in BEFORE,
    )


def _epilogue(
    kernel: ContractionKernel, part: Part, row_sums: UnitSums | None
) -> Callable[[FunctionBuilder, str, str, Place], None]:
    """What is stored instead of the plain sums, and added up: the kernel's expressions, of the accumulators."""
    offset = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    roots = kernel.roots if row_sums is not None else [s.expr for s in kernel.stores]
    indices = [*all_indices(*roots), *(s.offset or offset for s in kernel.stores)]

    @functools.cache
    def is_one_stride(outer: Axis, inner: Axis) -> bool:
        return _one_stride(kernel, outer, inner, indices)

    def write(fb: FunctionBuilder, sums: str, ty: str, place: Place) -> None:
        slots = place.coords.slots
        ev = Evaluator(fb, slots, roots, *lanes_along(kernel, place))
        with ExitStack() as stack:
            for var, value in coordinates(kernel, part, fb, place, slots, is_one_stride):
                stack.enter_context(ev.bind(var, value, hoist=False))
            ev.mask, ev.streams = place.mask, place.streams
            ev.set_accumulated(0, _rounded(fb, sums, kernel, place.lanes), place.lanes)
            ev.stores(kernel.stores, offset, place.lanes)
            if row_sums is not None:
                row_sums.take(fb, ev, place.lanes, lambda: ev.bound[kernel.vars[-1]])

    return write


def _storing(
    kernel: ContractionKernel, part: Part, row_sums: UnitSums
) -> Callable[[FunctionBuilder, str, str, Place], None]:
    """The same where the plain sums are stored, and nothing is read: no coordinates are worked out."""

    def write(fb: FunctionBuilder, sums: str, ty: str, place: Place) -> None:
        slots = place.coords.slots
        ev = Evaluator(fb, slots, row_sums.elements, *lanes_along(kernel, place))
        ev.mask = place.mask
        ev.set_accumulated(0, _rounded(fb, sums, kernel, place.lanes), place.lanes)
        place.store(sums)
        at = partial(coordinates, kernel, part, fb, place, slots)
        row_sums.take(fb, ev, place.lanes, lambda: dict(at())[kernel.vars[-1]])

    return write


def _beside(kernel: ContractionKernel, elements: Sequence[Expr], tables: Tables) -> tuple[tuple[int, str, bool], ...]:
    """The arrays that the kernel's expressions read or write at the element that is computed: slots, dtypes, and
    whether they are written."""
    own = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    roots = [*(s.expr for s in kernel.stores), *elements]
    loads = {e.value: None for e in walk(*roots) if isinstance(e, Load) and e.offset == own}
    stores = [s.value for s in kernel.stores if s.offset is None]
    found: dict[int, tuple[str, bool]] = {}  # one that is written over an operand once
    for value, written in [*((v, True) for v in stores), *((v, False) for v in loads)]:
        found.setdefault(tables.buffer(value), (value.dtype, written))
    return tuple((slot, dtype, written) for slot, (dtype, written) in found.items())


def _rounded(fb: FunctionBuilder, sums: str, kernel: ContractionKernel, lanes: int) -> str:

    return round_to(fb, kernel.accumulated[0].dtype, sums, lanes)
