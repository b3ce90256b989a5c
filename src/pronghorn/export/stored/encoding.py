"""Graphs as JSON and arrays, and back.

What is read is data. Each node is checked by its primitive's rule, as when a graph is traced; functions of other
libraries, of which only a name could be written, are in no file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.data.element_types import dtype_name
from pronghorn.data.tensor_spec import TensorShape, TensorSpec
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, FloorDiv, Shape
from pronghorn.engine.graph.fingerprint import NotPlain
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.primitives.registry import PRIMITIVES


class Damaged(ValueError):
    """A file that is none of ours, or not whole."""


# -- writing ----------------------------------------------------------------------------------------------------------
class Writer:
    """Collects what is to be written.

    Attributes:
        graphs: each after those in it.
        arrays: by their numbers.
    """

    def __init__(self) -> None:
        self.graphs: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no other object gets the id of one that is known

    def _numbered(self, thing: Any, add: Callable[[], int]) -> int:
        if id(thing) not in self._numbers:
            self._numbers[id(thing)] = add()
            self._kept.append(thing)
        return self._numbers[id(thing)]

    def array(self, array: np.ndarray) -> int:
        """The number of an array; one that comes twice is written once.

        Raises:
            NotPlain: for an array of objects.
        """
        if array.dtype.hasobject:
            raise NotPlain("an array of objects")

        def add() -> int:
            self.arrays.append(array)
            return len(self.arrays) - 1

        return self._numbered(array, add)

    def graph(self, graph: Graph) -> int:
        """The number of a graph.

        Raises:
            NotPlain: if a node calls a function of another library's.
        """

        def add() -> int:
            self.graphs.append(self._graph(graph))
            return len(self.graphs) - 1

        return self._numbered(graph, add)

    def _graph(self, graph: Graph) -> dict[str, Any]:
        numbers: dict[Value, int] = {}
        for value in graph.inputs:
            numbers[value] = len(numbers)
        nodes = []
        for node in graph.nodes:
            if node.prim.family == "foreign":
                raise NotPlain("a call of another library's function")
            params = {key: self.plain(param) for key, param in node.params.items()}
            nodes.append([node.prim.name, [numbers[v] for v in node.inputs], params, node.scope])
            for value in node.outputs:
                numbers[value] = len(numbers)
        inputs = [[value.dtype, self.plain(tuple(value.shape))] for value in graph.inputs]
        return {"name": graph.name, "inputs": inputs, "nodes": nodes, "outputs": [numbers[v] for v in graph.outputs]}

    def plain(self, thing: Any) -> Any:
        """Nested numbers, strings, extents, arrays, graphs and descriptions of tensors, as JSON has it.

        Raises:
            NotPlain: for anything else.

        >>> Writer().plain((1, [float("inf")], None))
        {'tuple': [1, {'list': [{'float': 'inf'}]}, None]}
        """
        if thing is None or type(thing) in (bool, int, str):
            return thing
        if isinstance(thing, str):  # the name of a type may be of a kind of its own
            return str.__str__(thing)
        if type(thing) is float:
            return thing if math.isfinite(thing) else {"float": str(thing)}
        if isinstance(thing, np.generic):
            return {"scalar": self.array(np.asarray(thing))}
        if isinstance(thing, tuple):  # a shape may be of a kind of its own
            return {"tuple": [self.plain(part) for part in thing]}
        write = _WRITERS.get(type(thing))
        if write is None:
            raise NotPlain(f"a {type(thing).__name__}")
        return write(self, thing)


def _dim(dim: Dim) -> list[Any]:
    return [[[_atom(atom) for atom in monomial], factor] for monomial, factor in dim.terms.items()]


def _atom(atom: Any) -> Any:
    return [_dim(atom.dim), atom.divisor] if isinstance(atom, FloorDiv) else atom


def _spec(spec: TensorSpec) -> list[Any]:
    shape = TensorShape(spec.shape)
    return [None if shape.rank is None else list(shape), dtype_name(spec.dtype), spec.name]


_WRITERS: dict[type, Callable[[Writer, Any], Any]] = {
    complex: lambda to, x: {"complex": [to.plain(x.real), to.plain(x.imag)]},
    bytes: lambda to, x: {"bytes": x.hex()},
    list: lambda to, x: {"list": [to.plain(part) for part in x]},
    dict: lambda to, x: {"dict": [[to.plain(key), to.plain(part)] for key, part in x.items()]},
    Dim: lambda to, x: {"extent": _dim(x)},
    np.ndarray: lambda to, x: {"array": to.array(x)},
    Graph: lambda to, x: {"graph": to.graph(x)},
    TensorSpec: lambda to, x: {"spec": _spec(x)},
}


# -- reading ----------------------------------------------------------------------------------------------------------
class Reader:
    """Makes graphs of what a file has.

    Args:
        graphs: as `Writer` gives them.
        arrays: by their numbers.

    Raises:
        Damaged: for what `Writer` does not give.
    """

    def __init__(self, graphs: Sequence[Any], arrays: Sequence[np.ndarray]) -> None:
        self.arrays = arrays
        self.graphs: list[Graph] = []
        for written in graphs:
            try:
                self.graphs.append(self._graph(written))
            except Damaged:
                raise
            except Exception as error:
                raise Damaged(f"its graph {len(self.graphs)} is none: {error}") from error

    def _graph(self, written: Any) -> Graph:
        graph = Graph(str(written["name"]))
        values = []
        for dtype, shape in written["inputs"]:
            values.append(graph.add_input(Aval(self._shape(shape), dtypes.name_of(dtype))))
        for name, inputs, params, scope in written["nodes"]:
            primitive = PRIMITIVES.get(name)
            if primitive is None or primitive.family == "foreign":
                raise Damaged(f"there is no primitive {name!r} in it that can be read")
            made = {str(key): self.plain(param) for key, param in params.items()}
            values += graph.add_node(primitive, [values[_index(i, values)] for i in inputs], made, str(scope))
        graph.outputs = [values[_index(i, values)] for i in written["outputs"]]
        return graph

    def _shape(self, written: Any) -> Shape:
        shape = self.plain(written)
        if not all(isinstance(n, Dim) or (type(n) is int and n >= 0) for n in shape):
            raise Damaged(f"{shape} is no shape")
        return tuple(shape)

    def plain(self, written: Any) -> Any:
        """What `Writer.plain` wrote.

        Raises:
            Damaged: for anything else.

        >>> Reader([], []).plain({'tuple': [1, {'list': [{'float': 'inf'}]}, None]})
        (1, [inf], None)
        """
        if written is None or type(written) in (bool, int, float, str):
            return written
        if type(written) is dict and len(written) == 1:
            ((kind, content),) = written.items()
            read = _READERS.get(kind)
            if read is not None:
                return read(self, content)
        raise Damaged(f"{str(written)[:80]} is nothing that can be read")


def _index(number: Any, values: Sequence[Any]) -> int:
    if type(number) is not int or not 0 <= number < len(values):
        raise Damaged(f"there is no number {number}, only {len(values)} before it")
    return number


def _read_dim(terms: Any) -> Dim:
    made = {tuple(_read_atom(atom) for atom in monomial): int(factor) for monomial, factor in terms}
    return Dim(made)


def _read_atom(written: Any) -> Any:
    if isinstance(written, str):
        return written
    dim, divisor = written
    if type(divisor) is not int or divisor == 0:
        raise Damaged(f"{divisor} divides no extent")
    return FloorDiv(_read_dim(dim), divisor)


def _read_spec(written: Any) -> TensorSpec:
    shape, dtype, name = written
    return TensorSpec(shape, dtype, name)


def _one_of(things: Sequence[Any], number: Any) -> Any:
    return things[_index(number, things)]


_READERS: dict[str, Callable[[Reader, Any], Any]] = {
    "float": lambda of, x: float(x),
    "complex": lambda of, x: complex(*(of.plain(part) for part in x)),
    "bytes": lambda of, x: bytes.fromhex(x),
    "tuple": lambda of, x: tuple(of.plain(part) for part in x),
    "list": lambda of, x: [of.plain(part) for part in x],
    "dict": lambda of, x: {of.plain(key): of.plain(part) for key, part in x},
    "extent": lambda of, x: _read_dim(x),
    "array": lambda of, x: _one_of(of.arrays, x),
    "scalar": lambda of, x: _one_of(of.arrays, x)[()],
    "graph": lambda of, x: _one_of(of.graphs, x),
    "spec": lambda of, x: _read_spec(x),
}
