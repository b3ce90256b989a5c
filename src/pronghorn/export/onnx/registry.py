"""The table from a primitive's name to what writes it in ONNX, and the error of what cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pronghorn.engine.graph.ir import Node
    from pronghorn.export.onnx.lowering import Held, Lowering

Rule = Callable[["Lowering", "Node"], "Held | list[Held]"]
"""Writes one node of our graph; how its results are held."""

RULES: dict[str, Rule] = {}

#: Primitives that ONNX has no operator for: why, and what to do instead.
REFUSED: dict[str, str] = {}


class NotExpressible(Exception):
    """A node that ONNX cannot express; the text says why, and what to use instead."""


def lowers(*names: str) -> Callable[[Any], Any]:
    """Register the decorated function as the rule of these primitives."""

    def register(rule: Any) -> Any:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register
