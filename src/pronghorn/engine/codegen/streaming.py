"""Stores past the caches, for arrays that are a third larger than what these leave to one program.

Little of such an array is left in a cache when it is read again: the line that a store changes is read for nothing
before, and takes the place of what others need. Where whole lines are written, a processor can send them to memory
instead. Whether an array is that large shows at run time, from the extents. x86-64 alone: there, an instruction for it
takes a whole line of 64 bytes, or half of one.
"""

from __future__ import annotations

from collections.abc import Iterable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, element, size_of
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.compiler.costs import LEAST_STREAMED_BYTES, LINE_BYTES, MOST_TYPICAL, typical
from pronghorn.engine.graph.dim import Extent

__all__ = ["past_caches", "stream"]


def past_caches(fb: FunctionBuilder, slots: Slots, ty: str, nbytes: Extent, steps: Iterable[Extent]) -> str | None:
    """Which bits of its address are 0 where a vector of an array is stored past the caches; None where none ever is.

    Args:
        fb: the function.
        slots: its extents.
        ty: the vector's type.
        nbytes: the size of the array.
        steps: how many elements lie between vectors that are not neighbours. Each must be a whole number of vectors, or
            of lines: those that two stores share would go to memory twice.
    """
    target, width = fb.module.target, _aligned(ty)
    if target is None or target.arch != "x86_64" or width < LEAST_STREAMED_BYTES:
        return None
    most = nbytes if isinstance(nbytes, int) else MOST_TYPICAL * typical(nbytes)
    large = target.cache_bytes * 4 // 3  # of what just exceeds them, caches still hold much
    if most <= large:
        return None
    left = [step * size_of(element(ty)) % width for step in steps]
    if any(not isinstance(rest, int) or rest for rest in left):
        return None
    return slots.low_bits(nbytes, large, width)


def stream(fb: FunctionBuilder, ty: str, value: Operand, pointer: str, bits: str) -> None:
    """Store a vector, past the caches if its address has none of the ``bits`` that `past_caches` told."""
    address = fb.cast("ptrtoint", pointer, "ptr", "i64")
    with fb.if_else(fb.cmp("eq", "i64", fb.op("and", "i64", address, bits), 0)) as (past, usual):
        with past:
            fb.store(ty, value, pointer, _aligned(ty), "!nontemporal !{i32 1}")
        with usual:
            fb.store(ty, value, pointer)
    fb.streams[bits] = None


def _aligned(ty: str) -> int:
    """What the address of a vector must be a multiple of: larger ones are stored a line at a time."""
    return min(size_of(ty), LINE_BYTES)
