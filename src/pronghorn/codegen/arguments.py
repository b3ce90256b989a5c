"""What the whole-kernel emitters share: their signature, and access to their buffers.

Every kernel is ``void name(ptr bufs, ptr dims, i64 begin, i64 end)``: ``bufs`` is a table of the buffers' addresses,
``dims`` one of run-time numbers, and ``begin`` and ``end`` delimit the units of work to do. Units are independent of
each other, so that any split of them among threads gives the same bits.
"""

from __future__ import annotations

from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder

__all__ = ["pointer", "start_kernel"]

_PARAMETERS = (("ptr noalias", "bufs"), ("ptr noalias", "dims"), ("i64", "begin"), ("i64", "end"))


def start_kernel(module: ModuleBuilder, name: str) -> FunctionBuilder:
    """Starts a kernel; its author writes the loop over units and the return."""
    return module.function(name, _PARAMETERS, attributes="nounwind")


def pointer(fb: FunctionBuilder, slot: int) -> str:
    """The address of the buffer in ``slot``."""
    return fb.entry_load("ptr", "bufs", slot)
