"""What the formats of the engines' libraries have in common: a model's inference run by an engine's table.

The library traces that run with an extent of its own for each open one, and writes down what it has seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pronghorn import tree
from pronghorn._wording import size_text
from pronghorn.engine.backends.engine import Engine
from pronghorn.engine.backends.interpreter import failed_at
from pronghorn.engine.compiler.stages import rewrite_for_engines
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, SymbolicDimError
from pronghorn.engine.graph.ir import Graph, Node
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.export.signature import Inference

T = TypeVar("T")

_TRIED = 1024


class TableCall:
    """An inference as a function that an engine's library can trace.

    Args:
        engine: whose table computes it.
        found: the inference.
        format: its name, for errors.
        lacks: primitives and element types that the format cannot express: why, and what to use instead.

    Raises:
        NotImplementedError: that names every layer and primitive that the format lacks.
    """

    def __init__(self, engine: Engine, found: Inference, format: str, lacks: Mapping[str, str]):
        self.engine, self.found, self.format = engine, found, format
        self.graph = rewrite_for_engines(found.traced.graph)
        problems = list(dict.fromkeys(_problems(self.graph, {**engine.lacks, **lacks})))
        if problems:
            raise NotImplementedError(
                f"export: format={format!r} cannot express all of the model, so nothing was written. "
                + "; ".join(problems)
                + "."
            )

    def least(self, windows: int = 1) -> dict[str, int]:
        """For each symbol the least number of which there is no negative extent.

        Args:
            windows: how many places convolutions and pools have to find at least.
        """
        extents = set(_extents(self.graph, windows))
        found = {}
        for name in self.found.symbols:
            own = [(n, least) for n, least in extents if n.symbols == {name}]
            fitting = (i for i in range(1, _TRIED) if all(n.evaluate({name: i}) >= least for n, least in own))
            found[name] = next(fitting, 1)
        return found

    @property
    def variables(self) -> list[GraphVariable]:
        """Those that it reads, whose values follow the arguments."""
        return self.found.traced.variables

    def run(self, arguments: Sequence[Any], values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The flat results, and the new values of the variables that are assigned.

        Args:
            arguments: the engine's arrays for the graph's arguments.
            values: those for `variables`.
        """
        results = self.engine.run(self.graph, [*arguments, *values])
        count = self.found.traced.num_results
        return results[:count], results[count:]

    def writing(self, make: Callable[[], T]) -> T:
        """What ``make`` gives, which has the library trace `run`.

        Raises:
            NotImplementedError: where it does not succeed: with the primitive and the layer that it stopped at.
        """
        try:
            return make()
        except Exception as error:
            node = failed_at(error)
            what = "the model" if node is None else where(self.graph, node)
            reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            mend = "compute it outside of the exported model, or export to another format"
            if node is None or isinstance(error, SymbolicDimError) or _has_open_extents(node):
                mend = f"pass input_signature with numbers in the shapes, if that an extent is open is why; or {mend}"
            raise NotImplementedError(
                f"export: format={self.format!r} cannot express {what}, so nothing was written ({reason}). Instead, "
                f"{mend}."
            ) from error


def _extents(graph: Graph, windows: int) -> Iterator[tuple[Dim, int]]:
    """The open extents of what a graph computes, and how small they may be."""
    for node in graph.nodes:
        least = windows if node.prim.name.startswith(("conv", "window")) else 0
        yield from ((n, least) for v in node.outputs for n in v.shape if isinstance(n, Dim))
    for inner in graph.subgraphs():
        yield from _extents(inner, windows)


def _problems(graph: Graph, lacks: Mapping[str, str]) -> Iterator[str]:
    for node in graph.nodes:
        for word in (node.prim.name, *(v.dtype for v in (*node.inputs, *node.outputs))):
            if word in lacks:
                yield f"{where(graph, node)}: {lacks[word]}"
    for value in graph.inputs:
        if value.dtype in lacks:
            yield f"an input of {value.dtype}: {lacks[value.dtype]}"
    for inner in graph.subgraphs():
        yield from _problems(inner, lacks)


def where(graph: Graph, node: Node) -> str:
    """The layer and the primitive of a node, for messages."""
    place = f"layer {node.scope!r}" if node.scope else f"graph {graph.name!r}"
    return f"{place}, primitive {node.prim.name}"


def _has_open_extents(node: Node) -> bool:
    return not all(isinstance(n, int) for v in (*node.inputs, *node.outputs) for n in v.shape)


def flat(like: Any, nested: Any) -> list[Any]:
    """The leaves of nested arguments, in the order of our own trees.

    Raises:
        ValueError: they are not nested like ``like``.
    """
    tree.assert_same_paths(like, nested)
    return tree.flatten(nested)


def size_of(variables: Sequence[GraphVariable]) -> int:
    """How many bytes they hold."""
    return sum(math.prod(map(int, v.shape)) * dtypes.itemsize(v.dtype) for v in variables)


def size_in_words(variables: Sequence[GraphVariable]) -> str:
    """How large they are, in words."""
    return f"{size_text(size_of(variables))} of weights"
