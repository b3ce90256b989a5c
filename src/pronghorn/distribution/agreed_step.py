"""A step that several processes compute together, once they agree on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.calls.batch import OwnRows
from pronghorn.distribution.agreement import check_same, facts_of, facts_of_data
from pronghorn.distribution.communicator import Communicator
from pronghorn.engine.graph.trace import Traced


def agreed(
    communicator: Communicator, traced: Traced, gathered: Sequence[int], make: Callable[[], Any], own_rows: bool
) -> Any:
    """Return what runs a step, once all processes have the same, and begin with the first one's weights.

    Args:
        communicator: the processes; a single one has nobody to agree with.
        traced: the step.
        gathered: arguments that come as a pair (array, row numbers).
        make: gives what runs it in this process.
        own_rows: whether each process is given rows of its own, rather than the same batch.

    Raises:
        ProcessesDiffer: they have different ones.
    """
    if communicator.count == 1:
        return make()
    check_same(communicator, traced.graph.name, facts_of(traced))
    # What earlier steps have left on the devices of all processes is alike.
    communicator.take_firsts_values(v for v in traced.variables if v._away is None or v._layout is None)
    made = make()
    return made if own_rows else AgreedStep(made, gathered, communicator, traced.graph.name)


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
        self.takes_shares = getattr(executable, "takes_shares", False)

    def __call__(self, *arguments: Any) -> list[np.ndarray]:
        """Return the step's results; every process gets the same."""
        if not self._is_agreed and not any(
            isinstance(a, OwnRows) for a in arguments
        ):  # those are looked at as they come
            arrays = [a[0][a[1]] if i in self._gathered else np.asarray(a) for i, a in enumerate(arguments)]
            check_same(self._communicator, self._name, facts_of_data(arrays))
            self._is_agreed = True
        return self._executable(*arguments)
