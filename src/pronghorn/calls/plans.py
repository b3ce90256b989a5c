"""Plans of calls: what a call with one array comes to, kept for the next one of its kind.

Much of what a call does before its program runs gives the same each time: finding the arrays among the arguments, the
program for them, and whether another engine or other settings are chosen. A plan is what that came to for arrays of
one shape and type. It holds as long as all that it was made of is as it was, which a few comparisons tell. A call for
which there is none, or none that holds, goes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.calls.batch import Batch
from pronghorn.engine.backends.kept import Kept
from pronghorn.engine.graph.variable import times_reshaped

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pronghorn.calls.step import Program, StepFunction

#: So many shapes have plans; a loop over lengths would make one after the other.
MOST_PLANS = 128


class Plan:
    """What calls of a step with one array of some shape and type come to.

    Args:
        step: the step.
        program: its program for them.
        at_once: see `StepFunction.rows_at_once`.
    """

    __slots__ = ("_executable", "_program", "_reshaped", "_way", "rows_meet")

    def __init__(self, step: StepFunction, program: Program, at_once: int | None):
        self._program, self._executable = program, program.executable
        self._way, self._reshaped = step.way, times_reshaped()
        #: Whether a batch has to be computed as a whole: its rows affect one another, as far as is known.
        self.rows_meet = at_once is None

    def holds(self, step: StepFunction) -> bool:
        """Whether the step would run this program today, too."""
        return (
            self._reshaped == times_reshaped()
            and self._way == step.way
            and not step.run_eagerly
            and self._program.executable is self._executable  # a profile has it replaced
        )

    def run(self, array: np.ndarray) -> Any:
        """The step's outputs: arrays of NumPy's in its structure."""
        results = self._executable(array)
        return results[0] if self._program.is_single else self._program.structured(results)


class Plans:
    """The plans of a step, by shapes and types of the array.

    Args:
        step: the step.
    """

    __slots__ = ("_kept", "_step", "_without")

    def __init__(self, step: StepFunction):
        self._step = step
        self._kept: Kept[Plan] = Kept(MOST_PLANS)
        self._without: Kept[bool] = Kept(MOST_PLANS)  # kinds that have none

    def find(self, array: np.ndarray, way: Hashable = None) -> Plan | None:
        """The plan for an array that is NumPy's own and in C order, or None.

        Args:
            array: the array.
            way: what else tells calls apart.
        """
        plan = self._kept.get((array.shape, array.dtype, way))
        return plan if plan is not None and plan.holds(self._step) else None

    def note(self, batch: Batch, way: Hashable = None) -> None:
        """Keep a plan for batches like this one, which the step has just run, where there can be one."""
        array = batch.arrays[0]
        key: Hashable = (array.shape, array.dtype, way)
        if (key, self._step.way) in self._without:
            return
        plan = self._plan(batch)
        if plan is None:
            self._without.keep((key, self._step.way), True)
        else:
            self._kept.keep(key, plan)

    def _plan(self, batch: Batch) -> Plan | None:
        step = self._step
        if batch.rows is not None or len(batch.arrays) != 1 or not batch.common_size:
            return None
        program = step.found(batch)
        if program is None or program.traced.host or not getattr(program.executable, "only_reads", False):
            return None
        at_once = step.rows_at_once(batch)
        if at_once is not None and batch.size > at_once:
            return None  # it is computed in pieces
        return Plan(step, program, at_once)
