"""Looks for gaps in filters at run time, and what kernels need where there are some; :mod:`.gaps_plan` says why."""

from __future__ import annotations

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import base_of
from pronghorn.engine.codegen.contraction.winograd.filters import taps_offset
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import Sums, look_of
from pronghorn.engine.codegen.contraction.winograd.shape import Tiled, static
from pronghorn.engine.codegen.contraction.zero_rows import Bits
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["clear", "emit_gaps", "has_gaps", "negate"]


def emit_gaps(module: ModuleBuilder, name: str, plan: Tiled, tables: Tables, slot: int) -> None:
    """Writes the kernel that looks at the filters; what it finds goes to ``slot``."""
    fb = start_kernel(module, name)
    look, slots = look_of(plan), Slots(fb, tables)
    bits = Bits(fb, plan.spec.b.dtype, look.lanes)
    base, found = base_of(fb, slots, plan.spec.b), base_pointer(fb, slot)
    outer, inner = static(look.outer.extent), static(look.inner.extent)
    along, across = slots.extent(look.outer.b), slots.extent(look.inner.b)
    offsets = [taps_offset(plan, i, j) for i in range(plan.rows.size) for j in range(plan.columns.size)]
    whole = inner // look.lanes * look.lanes
    zeros = "zeroinitializer" if look.lanes > 1 else "0"

    def gaps_at(origin: str, at: Operand, before: str, mask: Operand | None = None) -> str:
        """What was found before, or something else than 0 in lanes where taps are zero and others not."""
        here = fb.opaque(fb.gep(bits.element, origin, fb.mul(at, across)))
        taps = [bits.load(fb.gep(bits.element, here, offset), mask) for offset in offsets]
        least = largest = taps[0]
        for tap in taps[1:]:
            least, largest = bits.smaller(least, tap), bits.larger(largest, tap)
        is_zero = fb.let(f"icmp eq {bits.ty} {least}, {zeros}")
        condition = "i1" if look.lanes == 1 else vec("i1", look.lanes)
        gap = fb.let(f"select {condition} {is_zero}, {bits.ty} {largest}, {bits.ty} {zeros}")
        return fb.op("or", bits.ty, before, gap)

    with fb.loop("%begin", "%end") as unit:
        begin = fb.mul(unit, look.count.step)
        end = fb.min(fb.add(begin, look.count.step), outer)
        with fb.loop_carry(begin, end, [(bits.ty, zeros)]) as loop:
            origin, state = fb.gep(bits.element, base, fb.mul(loop.index, along)), loop.carried[0]
            if whole:
                with fb.loop_carry(0, whole, [(bits.ty, state)], look.lanes) as line:
                    line.following.append(gaps_at(origin, line.index, line.carried[0]))
                state = line.results[0]
            if whole < inner:
                state = gaps_at(origin, whole, state, fb.mask_first(inner - whole, look.lanes))
            loop.following.append(state)
        gap = fb.cast("zext", bits.is_nonzero(bits.largest(loop.results[0])), "i1", "i64")
        fb.store("i64", gap, fb.gep("i64", found, unit))
    fb.ret()


def has_gaps(fb: FunctionBuilder, plan: Tiled, slot: int) -> str:
    """Whether any unit of the kernel has found a gap, as an i1."""
    found = base_pointer(fb, slot)
    with fb.loop_carry(0, look_of(plan).units, [("i64", 0)]) as loop:
        one = fb.load("i64", fb.gep("i64", found, loop.index))
        loop.following.append(fb.op("or", "i64", loop.carried[0], one))
    return fb.cmp("ne", "i64", loop.results[0], 0)


def negate(fb: FunctionBuilder, ty: str, base: str, sums: Sums, plane: int, extent: int, lanes: int) -> None:
    """Changes the signs of those planes that the transform subtracts."""
    for number in sums.subtracted:
        with fb.loop(0, extent, lanes) as at:
            here = fb.gep("float", base, fb.add(at, number * plane))
            fb.store(ty, fb.fneg(ty, fb.load(ty, here)), here)


def clear(fb: FunctionBuilder, ty: str, base: str, extent: Operand, lanes: int) -> None:
    """Zeros from ``base`` on."""
    with fb.loop(0, extent, lanes) as at:
        fb.store(ty, literal(0.0, ty), fb.gep("float", base, at))
