"""What the whole-kernel emitters share: their signature, and access to their buffers.

Every kernel is ``void name(ptr bufs, ptr dims, i64 begin, i64 end)``: ``bufs`` is a table of the buffers' addresses,
``dims`` one of run-time numbers, and ``begin`` and ``end`` delimit the units of work to do. Units are independent of
each other, so that any split of them among threads gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand

__all__ = ["base_pointer", "start_kernel", "whole_or_masked"]

_PARAMETERS = (("ptr noalias readonly", "bufs"), ("ptr noalias readonly", "dims"), ("i64", "begin"), ("i64", "end"))


def start_kernel(module: ModuleBuilder, name: str) -> FunctionBuilder:
    """Starts a kernel; its author writes the loop over units and the return.

    Entries of the tables count as constant within the kernel, not from call to call: it must not be inlined.
    """
    return module.function(name, _PARAMETERS, attributes='noinline nounwind "prefer-vector-width"="512"')


def base_pointer(fb: FunctionBuilder, slot: int) -> str:
    """The address of the buffer in a slot of the kernel's table."""
    return fb.load("ptr", fb.gep("ptr", "%bufs", slot), metadata="!invariant.load !{}")


def whole_or_masked(fb: FunctionBuilder, left: Operand, lanes: int, body: Callable[[str | None], None]) -> None:
    """``body`` for a vector that ``left`` elements fill, or under a mask for as many as there are.

    Args:
        fb: the function.
        left: how many elements are left, one or more.
        lanes: how many a vector has.
        body: is given the mask, None for a whole vector.
    """
    with fb.if_else(fb.cmp("sge", "i64", left, lanes)) as (whole, part):
        with whole:
            body(None)
        with part:
            body(fb.mask_first(left, lanes))
