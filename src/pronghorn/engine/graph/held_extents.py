"""Extents that a traced vector is known to hold, such as a shape that was put together of other shapes' parts."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, Shape
from pronghorn.engine.graph.ir import Node, Value

_LONGEST = 64  # elements of a vector that may be a shape
_COMBINED = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def held_extents(value: Value) -> Shape | None:
    """The elements of an integer scalar or vector, where they follow from extents and constants alone, or None.

    They are known while the graph is traced, as extents are, so that ``value`` can say what shape a result has.
    """
    if len(value.shape) > 1 or not dtypes.is_integer(value.dtype) or value.node is None:
        return None
    if value.shape and not (isinstance(value.shape[0], int) and value.shape[0] <= _LONGEST):
        return None
    rule = _RULES.get(value.node.prim.name)
    return rule(value.node) if rule else None


def _constant(node: Node) -> Shape | None:
    return tuple(int(n) for n in node.params["value"].reshape(-1))


def _extent(node: Node) -> Shape | None:
    return (node.params["dim"],)


def _same(node: Node) -> Shape | None:
    return held_extents(node.inputs[0])


def _repeated(node: Node) -> Shape | None:
    held, shape = held_extents(node.inputs[0]), node.params["shape"]
    count = shape[0] if shape else 1
    return held if held is None or len(held) == count else held * count


def _joined(node: Node) -> Shape | None:
    parts = [held_extents(value) for value in node.inputs]
    return None if None in parts else tuple(n for part in parts if part is not None for n in part)


def _part(node: Node) -> Shape | None:
    held = held_extents(node.inputs[0])
    start, limit, stride = (node.params[name][0] for name in ("start", "limit", "stride"))
    return None if held is None else held[start:limit:stride]


def _combined(combine: Callable[[Any, Any], Extent]) -> Callable[[Node], Shape | None]:
    def rule(node: Node) -> Shape | None:
        first, second = map(held_extents, node.inputs)
        return None if first is None or second is None else tuple(map(combine, first, second))

    return rule


_RULES: dict[str, Callable[[Node], Shape | None]] = {
    "constant": _constant,
    "extent": _extent,
    "cast": _same,
    "reshape": _same,
    "broadcast_in_dim": _repeated,
    "concatenate": _joined,
    "slice": _part,
    **{name: _combined(function) for name, function in _COMBINED.items()},
}
