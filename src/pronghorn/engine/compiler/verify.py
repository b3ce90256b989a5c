"""What must hold of every program and of the plan of its memory, checked under ``PRONGHORN_DEBUG=verify``."""

from __future__ import annotations

from collections.abc import Mapping

from pronghorn.engine.compiler.kernels import Kernel, Nest, Program, root_of
from pronghorn.engine.compiler.memory import Lifetime, MemoryPlan
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.verify import InvalidGraph


class InvalidProgram(InvalidGraph):
    """A program that breaks an invariant: a fault of Pronghorn, never of its user."""


def verify_program(program: Program) -> Program:
    """Check that everything read is made before and not yet overwritten, that each value has one writer, and that all
    outputs are made.

    Raises:
        InvalidProgram: naming the kernel.
    """
    graph, aliases = program.graph, program.aliases
    # A constant of one element is part of the code, or stored by a kernel.
    made: set[Value] = {
        *graph.inputs,
        *(node.outputs[0] for node in graph.nodes if node.prim.name == "constant" and node.params["value"].size != 1),
    }
    written: set[Value] = set()  # by itself, not in parts
    over: dict[Value, Value] = {}  # what has been written last into memory that another value had

    def is_lost(value: Value) -> bool:
        return value in written and over.get(root_of(value, aliases), value) is not value

    for number, kernel in enumerate(program.kernels):
        for value in kernel.reads:
            if root_of(value, aliases) not in made:
                raise InvalidProgram(f"{_named(kernel, number)} reads {value.aval}, which no kernel before it makes.")
            if is_lost(value):
                raise InvalidProgram(f"{_named(kernel, number)} reads {value.aval}, which has been overwritten.")
        stored = {s.value for s in kernel.stores} if isinstance(kernel, Nest) else set()
        for value in stored - kernel.writes:
            if getattr(kernel, "pool", None) is None:
                raise InvalidProgram(f"{_named(kernel, number)} stores {value.aval} without saying that it writes it.")
        for value in kernel.writes:
            if value in made:
                raise InvalidProgram(f"{_named(kernel, number)} writes {value.aval}, which has been made before.")
        made |= kernel.writes | {root_of(value, aliases) for value in kernel.writes}
        written |= {value for value in kernel.writes if value not in aliases or root_of(value, aliases) in written}
        over |= {root_of(value, aliases): value for value in kernel.writes & written}
    for value in graph.outputs:
        if root_of(value, aliases) not in made:
            raise InvalidProgram(f"the output {value.aval} is not made.")
        if is_lost(value):
            raise InvalidProgram(f"the output {value.aval} has been overwritten.")
    return program


def verify_memory(plan: MemoryPlan, lifetimes: Mapping[Value, Lifetime]) -> MemoryPlan:
    """Check that every temporary has a place, and that none lie in one place while both are in use.

    Raises:
        InvalidProgram: naming both.
    """
    by_class: dict[tuple, list[tuple[int, int, Value, Lifetime]]] = {}
    for value, life in lifetimes.items():
        place, grouped = plan.placed.get(value), plan.grouped.get(value)
        if place is not None:
            by_class.setdefault(place.key, []).append((place.offset, place.offset + place.units, value, life))
        elif grouped is not None:
            by_class.setdefault(("group", grouped.group), []).append((0, 1, value, life))
        else:
            raise InvalidProgram(f"{value.aval} has no place in memory.")
    for placed in by_class.values():
        placed.sort(key=lambda p: p[:2])
        for i, (_, end, value, life) in enumerate(placed):
            for start, _, other, other_life in placed[i + 1 :]:
                if start >= end:
                    break
                if life.meets(other_life):
                    raise InvalidProgram(f"{value.aval} and {other.aval} share memory while both are in use.")
    return plan


def _named(kernel: Kernel, number: int) -> str:
    what = kernel.node.prim.name if kernel.node else kernel.kind
    return f"kernel {number} ({what}{' of ' + kernel.scope if kernel.scope else ''})"
