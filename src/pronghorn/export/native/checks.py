"""What a C library cannot have, by layer and primitive, with what to use instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pronghorn.engine.graph.ir import Graph, Node
from pronghorn.export.by_table import where
from pronghorn.export.native.description import C_TYPES, Array


def check_graph(graph: Graph) -> None:
    """Raise NotImplementedError where a graph calls Python."""
    _refuse(
        f"{where(graph, node)}: matrix factorisations are computed by NumPy; compute it in front of the model"
        for node in _nodes(graph)
        if node.prim.family == "linalg"
    )


def check_arrays(arrays: Sequence[Array]) -> None:
    """Raise NotImplementedError for types that C has no numbers for."""
    _refuse(
        f"{a.label!r} is {a.aval.dtype}; cast it to float32, or take real and imaginary parts as arrays of their own"
        for a in arrays
        if a.aval.dtype not in C_TYPES
    )


def refuse_calls(names: Sequence[str], graphs: Iterable[Graph]) -> None:
    """Raise NotImplementedError for functions of the C library that code calls.

    Args:
        names: the functions.
        graphs: what the code was made of.
    """
    if not names:
        return
    nodes = [(graph, node) for graph in graphs for node in _nodes(graph)]

    def problems() -> Iterator[str]:
        for name in names:
            places = [where(graph, node) for graph, node in nodes if name in _called_for(node)]
            yield f"{places[0] if places else 'the model'}: it calls the C library's {name}, which the library lacks"

    _refuse(problems())


def _called_for(node: Node) -> set[str]:
    """Functions of the C library that a node may call."""
    name = {"rem": "fmod"}.get(node.prim.name, node.prim.name)
    return {name, f"{name}f"}


def _nodes(graph: Graph) -> Iterator[Node]:
    yield from graph.nodes
    for inner in graph.subgraphs():
        yield from _nodes(inner)


def _refuse(problems: Iterable[str]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        raise NotImplementedError(
            f"export: format='native' cannot express all of the model, so nothing was written. {'; '.join(found)}."
        )
