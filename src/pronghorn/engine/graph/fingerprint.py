"""What a graph computes, as a short text: equal for graphs that compile to the same code, and for no others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Graph, Value


class NotPlain(TypeError):
    """A parameter that cannot be written down, such as a function."""


def fingerprint(graph: Graph) -> str:
    """A hash of a graph: of its inputs' types, its nodes in order with their parameters, and its outputs.

    Names and scopes, which only say where nodes come from, do not count.

    Raises:
        NotPlain: a parameter is not made of numbers, strings, extents, arrays and graphs.

    >>> from pronghorn.engine.graph import primitives as P
    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph.trace import trace
    >>> one, two = (trace(lambda x: [P.mul(x, f)], [Aval((3,), "float32")]).graph for f in (1.0, 2.0))
    >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(two)
    (True, False)
    """
    return hashlib.sha256("\n".join(_lines(graph)).encode()).hexdigest()


def _lines(graph: Graph) -> Iterable[str]:
    numbers: dict[Value, int] = {}

    def number(values: Iterable[Value]) -> str:
        return ",".join([str(numbers[v]) for v in values])

    for value in graph.inputs:
        numbers[value] = len(numbers)
        yield f"input {value.dtype} {_plain(value.shape)}"
    for node in graph.nodes:
        params = ";".join([f"{k}={_plain(node.params[k])}" for k in sorted(node.params)])
        yield f"{node.prim.name}({number(node.inputs)}){len(node.outputs)} {params}"
        for value in node.outputs:
            numbers[value] = len(numbers)
    yield f"return {number(graph.outputs)}"


def _plain(param: Any) -> str:
    """A parameter as text that no other parameter has."""
    write = _WRITERS.get(type(param))
    if write is None:
        if isinstance(param, np.generic):
            return _array(np.asarray(param))
        if isinstance(param, tuple):  # a shape of a kind of its own
            return _plain(tuple(param))
        raise NotPlain(f"a {type(param).__name__}")
    return write(param)


def _array(array: np.ndarray) -> str:
    if array.dtype.hasobject:
        raise NotPlain("an array of objects")
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return f"array {array.dtype} {array.shape} {digest}"


def _sequence(brackets: str) -> Callable[[Any], str]:
    return lambda items: brackets[0] + ",".join([_plain(item) for item in items]) + brackets[1]


_WRITERS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((int, float, complex, bool, str, bytes, type(None)), repr),
    tuple: _sequence("()"),
    list: _sequence("[]"),
    dict: lambda items: "{" + ",".join([f"{_plain(k)}:{_plain(v)}" for k, v in items.items()]) + "}",
    Dim: lambda dim: f"extent({dim})",
    np.ndarray: _array,
    Graph: lambda graph: f"graph({fingerprint(graph)})",
}
