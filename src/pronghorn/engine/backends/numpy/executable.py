"""A traced function run by the reference interpreter, with the interface of `backends.llvm.Executable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy.interpreter import run
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.trace import Traced


class NumpyExecutable:
    """Runs a traced function node by node.

    Args:
        traced: the function. Variables that it read are read at each call, those that it assigned are updated.
        gathered: arguments that are given as a pair (array, row numbers), whose rows are gathered.
    """

    rows_at_once: int | None = None  # a batch is run as it comes

    def __init__(self, traced: Traced, gathered: Sequence[int] = ()):
        self.traced = traced
        self.gathered = frozenset(gathered)

    def __call__(self, *args: Any, into: Sequence[np.ndarray | None] = ()) -> list[np.ndarray]:
        """Return the function's results for arrays; in those of ``into``, where there are some."""
        arrays = [a[0][a[1]] if i in self.gathered else a for i, a in enumerate(args)]
        declared = self.traced.graph.inputs
        arrays = [np.asarray(a, dtypes.to_numpy(v.dtype)) for a, v in zip(arrays, declared)]
        held = [v.storage() for v in self.traced.variables]
        results = run(self.traced.graph, [*arrays, *held])
        count = self.traced.num_results
        # A result may be (a view of) a variable's storage, which the next call changes.
        results[:count] = [r.copy() if any(np.may_share_memory(r, h) for h in held) else r for r in results[:count]]
        # Copies first: a new value may be a view of another variable's old one.
        values = [np.array(value, copy=True) for value in results[count:]]
        for variable, value in zip(self.traced.updated, values):
            storage = variable.storage()
            np.copyto(storage, value)
            variable.stored(storage)
        return copied_into(into, results[:count])


def copied_into(into: Sequence[np.ndarray | None], results: list[np.ndarray]) -> list[np.ndarray]:
    """Results, copied into those arrays that are not None."""
    for i, place in enumerate(into):
        if place is not None:
            np.copyto(place, results[i])
            results[i] = place
    return results
