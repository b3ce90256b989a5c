"""A step that a library computes on the devices of several processes, once these agree on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.distribution.agreement import check_same, facts_of, facts_of_data
from pronghorn.distribution.communicator import Communicator
from pronghorn.graph.trace import Traced


def begin_alike(communicator: Communicator, traced: Traced) -> None:
    """See that all processes have the same step, and have all begin with the first one's weights.

    Args:
        communicator: the processes.
        traced: the step.

    Raises:
        ProcessesDiffer: they have not.
    """
    check_same(communicator, traced.graph.name, facts_of(traced))
    for variable in traced.variables:
        if variable._away is None:  # no step has computed it
            storage = variable.storage()
            communicator.copy_firsts(storage)
            variable.stored(storage)


class AgreedStep:
    """Runs a step, and sees before the first time that all processes were given the same batch.

    Args:
        executable: what runs it.
        gathered: arguments that come as a pair (array, row numbers).
        communicator: the processes.
        name: the step's, for errors.
    """

    rows_at_once: int | None = None

    def __init__(self, executable: Any, gathered: Sequence[int], communicator: Communicator, name: str):
        self._executable, self._gathered = executable, frozenset(gathered)
        self._communicator, self._name, self._is_agreed = communicator, name, False

    def __call__(self, *arguments: Any) -> list[np.ndarray]:
        """Return the step's results; every process gets the same."""
        if not self._is_agreed:
            arrays = [a[0][a[1]] if i in self._gathered else np.asarray(a) for i, a in enumerate(arguments)]
            check_same(self._communicator, self._name, facts_of_data(arrays))
            self._is_agreed = True
        return self._executable(*arguments)
