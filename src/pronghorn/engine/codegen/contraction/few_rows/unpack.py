"""The kernel that makes floats of a matrix of half bytes, for products of many rows."""

from __future__ import annotations

from typing import Protocol

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.few_rows.plan import HALVES, Halves
from pronghorn.engine.codegen.contraction.few_rows.quads import HasQuads
from pronghorn.engine.codegen.contraction.few_rows.words import halves_of, in_order, looks_up, words_at
from pronghorn.engine.codegen.contraction.nest import base_of
from pronghorn.engine.codegen.contraction.spec import Array
from pronghorn.engine.codegen.convert import HasFeatures, convert, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["UNPACKED", "emit_unpacked", "unpacks"]

UNPACKED = 1.0  # cycles of an element


class _Machine(HasQuads, HasFeatures, Protocol):
    """What is looked at of a machine."""


def unpacks(halves: Halves, machine: HasQuads) -> bool:
    """Whether the kernel is written for how a matrix lies: two neighbouring columns share a byte."""
    across = halves.column == 1 and halves.pairs_columns and not halves.coefficients.changes_inputs()
    return across and machine.lanes("float32") > 1


def emit_unpacked(
    module: ModuleBuilder, name: str, halves: Halves, into: Array, columns: int, machine: _Machine, tables: Tables
) -> None:
    """Writes the kernel, a unit of which is a row of ``columns``."""
    fb, lanes = start_kernel(module, name), machine.lanes("float32")
    slots = Slots(fb, tables)
    source, target = base_of(fb, slots, halves.array), base_pointer(fb, into.slot)
    width, memory, floats = HALVES * lanes, storage_type(into.dtype), vec("float", lanes)

    def store(step: Operand, first: Operand, left: Operand | None) -> None:
        """The columns of a vector of words, of which ``left`` are there."""
        pointer = fb.gep("i8", source, fb.add(fb.mul(step, halves.step), fb.div(first, 2)))
        words = words_at(fb, pointer, None if left is None else fb.ceil_div(left, 2), lanes)
        numbers = [halves_of(fb, words, n, lanes, halves.is_signed, looks_up(machine)) for n in range(HALVES)]
        for i, value in enumerate(in_order(fb, numbers, lanes)):
            mask = None
            if left is not None:
                mask = fb.mask_first(fb.max(fb.sub(left, i * lanes), 0), lanes)
            column = fb.add(first, i * lanes)
            zero, factors = halves.coefficients.at(fb, slots, step, column, lanes, mask)
            value = value if zero is None else fb.op("fsub", floats, value, zero)
            for opcode, factor in reversed(factors):  # as they are written, so that the last bits are the same
                value = fb.op(opcode, floats, value, factor)
            element = convert(fb, value, "float32", into.dtype, lanes, machine)
            place = fb.gep(memory, target, fb.add(fb.mul(step, columns), column))
            if mask is None:
                fb.store(vec(memory, lanes), element, place)
            else:
                fb.masked_store(vec(memory, lanes), element, place, mask)

    with fb.loop("%begin", "%end") as step:
        whole = columns // width * width
        with fb.loop(0, whole, width) as first:
            store(step, first, None)
        if whole < columns:
            store(step, whole, columns - whole)
    fb.ret()
