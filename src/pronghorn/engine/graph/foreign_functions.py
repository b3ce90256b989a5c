"""Functions of other libraries as parts of graphs: what a `foreign_call` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pronghorn.engine.graph.dim import Dim, Extent, SymbolicDimError, evaluate
from pronghorn.engine.graph.ir import Aval, Graph


class ForeignFunction:
    """A function of one library's arrays, as a graph holds it. Each call has one of its own.

    Attributes:
        engine: the engine whose arrays it takes; None for one that takes those of every library.
        name: what errors call it.
        kept: how many of its last results are for its gradient alone.
    """

    engine: str | None = None
    name: str
    kept: int = 0

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The results, arrays of the library."""
        raise NotImplementedError

    def types(self, *avals: Aval) -> list[Aval]:
        """The results' types for arguments whose extents are numbers."""
        raise NotImplementedError

    def gradient(self, wanted: Sequence[int], given: Sequence[int], count: int) -> ForeignFunction:
        """A function from the arguments, the results that are kept for it, and cotangents of results, to cotangents.

        Args:
            wanted: the places of the arguments whose cotangents it returns.
            given: the places of the results whose cotangents it takes.
            count: the number of arguments.
        """
        raise NotImplementedError

    def results(self, *avals: Aval) -> list[Aval]:
        """The results' types.

        Raises:
            SymbolicDimError: they do not follow from the extents that are unknown in a way that can be found.
        """
        names = sorted({n for a in avals for d in a.shape if isinstance(d, Dim) for n in d.symbols})
        if not names:
            return self.types(*avals)
        tries = [{n: 4 + 3 * i + k * (5 + 2 * i) for i, n in enumerate(names)} for k in range(3)]
        found = [self.types(*(Aval(tuple(evaluate(d, env) for d in a.shape), a.dtype) for a in avals)) for env in tries]
        if len({tuple((len(a.shape), a.dtype) for a in types) for types in found}) != 1:
            raise SymbolicDimError(f"{self.name}: what it gives depends on the number of rows.")
        known = [d for a in avals for d in a.shape if isinstance(d, Dim)]
        return [
            Aval(tuple(self._extent(numbers, known, tries) for numbers in zip(*(a.shape for a in same))), same[0].dtype)
            for same in zip(*found)
        ]

    def _extent(self, numbers: Sequence[Any], known: Sequence[Dim], tries: Sequence[Mapping[str, int]]) -> Extent:
        """The extent that is these numbers for those values of the symbols."""
        if len(set(numbers)) == 1:
            return int(numbers[0])
        for dim in (*known, *_lines(numbers, tries)):
            if all(dim.evaluate(env) == n for n, env in zip(numbers, tries)):
                return dim
        raise SymbolicDimError(f"{self.name}: an extent of what it gives does not follow from those that it takes.")


class GradientOf(ForeignFunction):
    """The gradient of a function; how its library computes it is for a subclass to say. See `ForeignFunction.gradient`.

    Args:
        function: the function.
        wanted: the places of the arguments whose cotangents it returns.
        given: the places of the results whose cotangents it takes.
        count: the number of arguments.
    """

    def __init__(self, function: ForeignFunction, wanted: Sequence[int], given: Sequence[int], count: int):
        self.engine, self.name = function.engine, f"the gradient of {function.name}"
        self._wanted, self._given, self._count = wanted, given, count

    def types(self, *avals: Aval) -> list[Aval]:
        return [avals[i] for i in self._wanted]


def _lines(numbers: Sequence[int], tries: Sequence[Mapping[str, int]]) -> list[Any]:
    """For each symbol, the multiple of it plus a number that fits the first two tries."""
    found = []
    for name in tries[0]:
        slope, rest = divmod(numbers[1] - numbers[0], tries[1][name] - tries[0][name])
        if not rest:
            found.append(Dim.symbol(name) * slope + (numbers[0] - slope * tries[0][name]))
    return found


def check_functions(graph: Graph, engine: str, shown: str, failed: Callable[[str], Exception]) -> None:
    """Refuse a graph that calls a function of another library than the one that is to run it.

    Args:
        graph: the graph.
        engine: the engine's name.
        shown: what users call it.
        failed: makes the exception of a message.
    """
    for node in graph.nodes:
        call = node.params.get("call")
        if isinstance(call, ForeignFunction) and call.engine not in (None, engine):
            where = f"The layer {node.scope!r}" if node.scope else f"{call.name}"
            raise failed(
                f"{where} runs a function of {call.engine}'s, which the engine {shown!r} cannot compile. Compile the "
                f"model with compile(..., backend={call.engine!r}), or choose the engine for the whole process: "
                f"keras.config.set_backend({call.engine!r})."
            )
    for inner in graph.subgraphs():
        check_functions(inner, engine, shown, failed)
