"""A program's launches as text, for `PRONGHORN_DEBUG=kernels`."""

from __future__ import annotations

from pronghorn.engine.codegen.launch import Emitted
from pronghorn.engine.graph.ir import Value


def print_launches(emitted: Emitted) -> str:
    """A line a launch, in order: where threads meet, how the work is shared out, which buffers it reads and writes.

    Buffers are named by their slots, as in the LLVM IR.
    """
    tables = emitted.tables

    def names(values: set[Value]) -> str:
        return " ".join(f"b{n}" for n in sorted({tables.buffer(v) for v in values if _has_buffer(v)}))

    def _has_buffer(value: Value) -> bool:
        return tables.root(value) in tables.buffers

    lines = []
    for launch in emitted.launches:
        if launch.barrier:
            lines.append("---- barrier")
        how = (
            "chained" if launch.is_chained else "by rows" if launch.by_rows else "whole" if launch.serial else "shared"
        )
        scope = f"   # {launch.scope}" if launch.scope else ""
        size = f"{launch.units.typical} x {launch.cost:.0f} cycles"
        lines.append(
            f"{launch.label or launch.function}  {how}, {size}  reads [{names(launch.reads)}] writes "
            f"[{names(launch.writes)}]{scope}"
        )
    for call in emitted.host_calls:
        lines.append(f"host call {call.node.prim.name}  reads [{names(call.reads)}] writes [{names(call.writes)}]")
    lines.append(f"{len(emitted.launches)} launches, {emitted.barriers} barriers")
    return "\n".join(lines)
