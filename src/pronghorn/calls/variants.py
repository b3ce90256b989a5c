"""The programs for batches of one kind: which of them suits a number of samples, and how many there may be."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from pronghorn.engine.graph.dim import BATCH, SymbolicDimError
from pronghorn.engine.graph.guards import HoldsOnce
from pronghorn.engine.graph.variable import times_reshaped

if TYPE_CHECKING:
    from pronghorn.calls.step import Program

MOST_SYMBOLIC = 8  # programs for any number of samples that their guards admit
MOST_CONCRETE = 64  # programs for one number of samples
MOST_FAILURES = 3  # numbers of samples for which tracing with a symbol is tried in vain
MOST_REMEMBERED = 4096


class Variants:
    """Programs for batches that differ in their numbers of samples, the *extents*, alone.

    A program with a symbolic number of samples serves all numbers for which its guards hold. Where there are many of
    them, or the function needs to know the number, there is one for each number; and where there are many of these, a
    number's first batch runs eagerly, so that a loop over sizes does not compile for ever.
    """

    __slots__ = ("_concrete", "_failures", "_found", "_reshaped", "_seen", "_symbolic")

    def __init__(self) -> None:
        self._reshaped = times_reshaped()
        self._found: dict[Hashable, Program] = {}  # by extents
        self._symbolic: list[Program] = []
        self._concrete: dict[Hashable, Program] = {}  # by extents, the oldest first
        self._failures = 0
        self._seen: set[Hashable] = set()

    def find(self, extents: Hashable, samples: int | None) -> Program | None:
        """The program for a batch, or None. `samples`: the one number of samples that all its arrays have, if any."""
        if self._reshaped != times_reshaped():
            self._forget_reshaped()
        program = self._found.get(extents)
        if program is None and samples:
            numbers = {BATCH: samples}
            program = next((p for p in self._symbolic if p.traced.guards.hold(numbers)), None)
            if program is not None:
                self._remember(extents, program)
        return program

    def _forget_reshaped(self) -> None:
        """Leave out the programs with a variable that has got another shape since they were made."""
        self._reshaped = times_reshaped()
        kept = set(filter(suits_variables, self.programs()))
        self._symbolic = [program for program in self._symbolic if program in kept]
        self._concrete = {extents: program for extents, program in self._concrete.items() if program in kept}
        self._found = {extents: program for extents, program in self._found.items() if program in kept}

    def programs(self) -> list[Program]:
        """All of them."""
        return [*self._symbolic, *self._concrete.values()]

    def may_be_symbolic(self, samples: int | None) -> bool:
        """Whether to trace with a symbolic number of samples; no rule for symbols holds for none."""
        return bool(samples) and len(self._symbolic) < MOST_SYMBOLIC and self._failures < MOST_FAILURES

    def failed(self, error: Exception) -> None:
        """Tracing with a symbol failed: the function asks for the number, or something is wrong with this one."""
        self._failures += MOST_FAILURES if asks_for_number(error) else 1

    def may_compile(self, extents: Hashable) -> bool:
        """Whether to compile for these very extents, rather than run this once eagerly."""
        if len(self._concrete) < MOST_CONCRETE or extents in self._seen:
            return True
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen.add(extents)
        return False

    def add_symbolic(self, extents: Hashable, program: Program) -> None:
        """Keep a program for all numbers of samples for which its guards hold."""
        self._symbolic.append(program)
        self._remember(extents, program)

    def add_concrete(self, extents: Hashable, program: Program) -> None:
        """Keep a program for these extents."""
        if len(self._concrete) >= MOST_CONCRETE:
            oldest = next(iter(self._concrete))
            del self._concrete[oldest]
            self._found.pop(oldest, None)
        self._concrete[extents] = program
        self._remember(extents, program)

    def _remember(self, extents: Hashable, program: Program) -> None:
        if len(self._found) >= MOST_REMEMBERED:
            self._found = dict(self._concrete)
        self._found[extents] = program


def asks_for_number(error: Exception) -> bool:
    """Whether a trace with a symbol failed because the function needs its number, whatever that is."""
    return isinstance(error, SymbolicDimError) and not isinstance(error, HoldsOnce)


def suits_variables(program: Program) -> bool:
    """Whether the variables have the shapes that a program was made for."""
    traced = program.traced
    inputs = traced.graph.inputs[len(traced.graph.inputs) - len(traced.variables) :]
    return all(v.shape == taken.shape for v, taken in zip(traced.variables, inputs))
