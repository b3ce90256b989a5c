"""What a step has computed of the variables' values alone, and keeps from call to call (`codegen.preparation`)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.llvm.layout import Layout, address
from pronghorn.engine.backends.llvm.step_plan import StepPlan
from pronghorn.engine.compiler.memory import ALIGN, SLACK
from pronghorn.engine.graph.derived import hold
from pronghorn.engine.runtime import forks, pool
from pronghorn.engine.runtime.arena import aligned_bytes

_numbers = itertools.count(1)


class Prepared:
    """The results of launches for some values of the variables.

    Args:
        plan: the step's.
        held: the arrays that the values are in.
    """

    def __init__(self, plan: StepPlan, held: list[np.ndarray | None]) -> None:
        self.number = next(_numbers)
        self.held = held
        self.done: set[int] = set()  # launches that have run
        ends = list(
            itertools.accumulate((-(-(size + SLACK) // ALIGN) * ALIGN for size in plan.kept.values()), initial=0)
        )
        self._memory = aligned_bytes(ends[-1])
        self.addresses = np.array(ends[:-1], np.int64) + address(self._memory)

    def is_of(self, held: list[np.ndarray | None]) -> bool:
        """Whether the values are in these arrays."""
        return all(a is b for a, b in zip(self.held, held, strict=True))


class Preparing:
    """Runs a step with what was computed before of the variables' values, which is given up when they change.

    Args:
        plan: the step's.
        variables: those that it reads. It changes none.
    """

    def __init__(self, plan: StepPlan, variables: list[Any]) -> None:
        self._plan = plan
        self.reads = frozenset(variables)
        self._slots = np.array(list(plan.kept), np.intp)
        self._now: Prepared | None = None
        self.renew_in_child()
        forks.renew(self)

    def renew_in_child(self) -> None:
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """How much memory is kept."""
        now = self._now
        return 0 if now is None else now._memory.nbytes

    def drop(self) -> None:
        """Give up what was computed. A call that is running has it to its end."""
        self._now = None

    def run(self, call: Callable[..., None], layout: Layout, has_moved: bool) -> None:
        """Run the step.

        Args:
            call: runs it, with tables and, where they are others than the usual, with the address of its arguments.
            layout: its tables, in which the variables' places are those of now.
            has_moved: whether some of them are others than in the call before.
        """
        now = self._now
        if now is not None and layout.prepared == now.number and not has_moved:
            call(layout)
            return
        with self._lock:
            now = self._for(layout)
            layout.bufs[self._slots] = now.addresses
            layout.prepared = now.number
            missing = layout.once.keys() - now.done
            if missing:
                args, units = layout.args_with(missing)
                try:
                    call(layout, address(args))
                finally:
                    pool.outlive((args, units))
                now.done |= missing
        if not missing:
            call(layout)

    def _for(self, layout: Layout) -> Prepared:
        """What holds for the variables' values now, empty if they are others than before."""
        now = self._now
        if layout.seen is None:  # a library may change them at any time
            return Prepared(self._plan, [])
        if now is None or not now.is_of(layout.held):
            now = self._now = Prepared(self._plan, list(layout.held))
            hold(self)
        return now
