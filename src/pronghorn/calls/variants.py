"""The programs for batches of one kind: which of them suits a number of samples, and how many there may be."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from pronghorn.engine.backends.kept import Kept
from pronghorn.engine.graph.dim import BATCH, SymbolicDimError
from pronghorn.engine.graph.guards import HoldsOnce
from pronghorn.engine.graph.variable import times_reshaped

if TYPE_CHECKING:
    from pronghorn.calls.step import Program

MOST_SYMBOLIC = 8  # programs for any number of samples that their guards admit
MOST_CONCRETE = 64  # programs for one number of samples
MOST_FAILURES = 3  # numbers of samples for which tracing with a symbol is tried in vain
MOST_REMEMBERED = 4096


class Programs:
    """Programs for batches of one kind: which there are, and whether to try for more that hold for symbols."""

    __slots__ = ("_failures", "_reshaped")

    def __init__(self) -> None:
        self._reshaped = times_reshaped()
        self._failures = 0

    def programs(self) -> list[Program]:
        """All of them."""
        raise NotImplementedError

    def _keep(self, suits: Callable[[Program], bool]) -> None:
        """Leave out the programs that do not suit."""
        raise NotImplementedError

    def _forget_reshaped(self) -> None:
        """Leave out the programs with a variable that has got another shape since they were made."""
        if self._reshaped != times_reshaped():
            self._reshaped = times_reshaped()
            self._keep(_suits_variables)

    def failed(self, error: Exception) -> None:
        """Tracing with a symbol failed: the function asks for its number, or something is wrong with this batch."""
        asks = isinstance(error, SymbolicDimError) and not isinstance(error, HoldsOnce)
        self._failures += MOST_FAILURES if asks else 1


class Variants(Programs):
    """Programs for batches that differ in their numbers of samples, the *extents*, alone.

    A program with a symbolic number of samples serves all numbers for which its guards hold. Where there are many of
    them, or the function needs to know the number, there is one for each number; and where there are many of these, a
    number's first batch runs eagerly, so that a loop over sizes does not compile for ever.
    """

    __slots__ = ("_concrete", "_found", "_seen", "_symbolic")

    def __init__(self) -> None:
        super().__init__()
        self._symbolic: list[Program] = []
        self._concrete: Kept[Program] = Kept(MOST_CONCRETE, oldest=True)  # by extents
        self._found: Kept[Program] = Kept(MOST_REMEMBERED)  # those of `_symbolic`, by extents
        self._seen: Kept[bool] = Kept(MOST_REMEMBERED)

    def find(self, extents: Hashable, samples: int | None) -> Program | None:
        """The program for a batch, or None. `samples`: the one number of samples that all its arrays have, if any."""
        self._forget_reshaped()
        program = self._found.get(extents) or self._concrete.get(extents)
        if program is None and samples:
            numbers = {BATCH: samples}
            program = next((p for p in self._symbolic if p.traced.guards.hold(numbers)), None)
            if program is not None:
                self._found.keep(extents, program)
        return program

    def _keep(self, suits: Callable[[Program], bool]) -> None:
        self._symbolic = list(filter(suits, self._symbolic))
        self._found.clear()
        for extents, program in list(self._concrete.items()):
            if not suits(program):
                del self._concrete[extents]

    def programs(self) -> list[Program]:
        """All of them."""
        return [*self._symbolic, *self._concrete.values()]

    def may_be_symbolic(self, samples: int | None) -> bool:
        """Whether to trace with a symbolic number of samples; no rule for symbols holds for none."""
        return bool(samples) and len(self._symbolic) < MOST_SYMBOLIC and self._failures < MOST_FAILURES

    def may_compile(self, extents: Hashable) -> bool:
        """Whether to compile for these very extents, rather than run this once eagerly."""
        if not self._concrete.is_full or extents in self._seen:
            return True
        self._seen.keep(extents, True)
        return False

    def add_symbolic(self, extents: Hashable, program: Program) -> None:
        """Keep a program for all numbers of samples for which its guards hold."""
        self._symbolic.append(program)
        self._found.keep(extents, program)

    def add_concrete(self, extents: Hashable, program: Program) -> None:
        """Keep a program for these extents."""
        self._concrete.keep(extents, program)


def _suits_variables(program: Program) -> bool:
    """Whether the variables have the shapes that a program was made for."""
    traced = program.traced
    inputs = traced.graph.inputs[len(traced.graph.inputs) - len(traced.variables) :]
    return all(v.shape == taken.shape for v, taken in zip(traced.variables, inputs))
