"""A traced function run by an engine's table, with the interface of `pronghorn.engine.backends.llvm.Executable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.engine.backends.engine import Engine, Placement
from pronghorn.engine.compiler.stages import rewrite_for_engines
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Traced


class TableExecutable:
    """A traced function, compiled by an engine's library.

    Variables stay with the engine from call to call: NumPy's arrays of them are made when somebody reads them.

    Args:
        engine: the engine.
        traced: the function. Variables that it read are read at each call, those that it assigned are updated.
        gathered: arguments that are given as a pair (array, row numbers), whose rows are gathered.
        jit: whether the library is to compile it further than it does by itself.
        placement: how arguments and variables lie on several devices; None where the library puts them.

    Raises:
        NotImplementedError: the engine's library cannot do what the function asks for.
    """

    rows_at_once: int | None = None  # a batch is run as it comes

    def __init__(
        self,
        engine: Engine,
        traced: Traced,
        gathered: Sequence[int] = (),
        jit: bool = False,
        placement: Placement | None = None,
    ):
        self.engine, self.traced, self._placement = engine, traced, placement
        if placement is not None:
            placement.lay_out(traced.variables)
        self.gathered = frozenset(gathered)
        self._graph = graph = rewrite_for_engines(traced.graph)
        engine.check(graph)
        self._dtypes = [dtypes.to_numpy(v.dtype) for v in graph.inputs[: traced.num_args]]
        updated = set(traced.updated)
        self._read = [v for v in traced.variables if v not in updated]
        # Where each of the graph's variables stands among those that are read and those that are updated.
        places = {v: i for i, v in enumerate([*self._read, *traced.updated])}
        self._order = [places[v] for v in traced.variables]
        self._step = (engine.compile_further if jit else engine.compile)(self._run)

    def _run(self, arguments: Sequence[Any], read: Sequence[Any], updated: Sequence[Any]) -> tuple[list, list]:
        """The function over the engine's arrays, which its library traces and compiles."""
        engine, held = self.engine, [*read, *updated]
        results = engine.run(self._graph, [*arguments, *(held[i] for i in self._order)])
        count = self.traced.num_results
        results, values = results[:count], results[count:]
        if self._placement is not None:
            results = [engine.replicated(r, self._placement.device_mesh) for r in results]
            values = [engine.relaid(x, v._layout) for v, x in zip(self.traced.updated, values)]
        return results, values

    def __call__(self, *args: Any) -> list[np.ndarray]:
        """Return the function's results for arrays."""
        engine, updated = self.engine, self.traced.updated
        if len(args) != len(self._dtypes):
            raise TypeError(f"{self._graph.name} takes {counted(len(self._dtypes), 'array')}, got {len(args)}.")
        with engine.computing():
            arguments = [self._sent(a) for a in self._arrays(args)]
            read, old = [v.on(engine) for v in self._read], [v.on(engine) for v in updated]
            results, values = self._step(arguments, read, old)
            for variable, value in zip(updated, values):
                variable.give_to(engine, value)
            # Copies: whoever gets them may write into them.
            return [np.array(engine.to_numpy(r)) for r in results]

    def _arrays(self, args: Sequence[Any]) -> list[np.ndarray]:
        whole = [a[0][a[1]] if i in self.gathered else a for i, a in enumerate(args)]
        return [np.asarray(a.data if isinstance(a, Tensor) else a, dtype) for a, dtype in zip(whole, self._dtypes)]

    def _sent(self, array: np.ndarray) -> Any:
        """An argument as the engine's array, its rows shared among devices where they divide."""
        placement = self._placement
        if placement is None:
            return self.engine.borrowed(array)
        return self.engine.spread(array, *placement.data_placement(array.shape))
