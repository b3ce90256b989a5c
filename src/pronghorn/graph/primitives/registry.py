"""What a primitive is, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pronghorn.graph.ir import Aval

Rule = Callable[..., "Aval | list[Aval]"]
"""From operands' types to the result's; a rule that is annotated to return a list has several results."""


class ShapeError(ValueError):
    """Operands that do not fit a primitive."""


class NothingToTake(ShapeError, IndexError):
    """Indices into an axis that has no elements."""


class Primitive:
    """One member of the closed set: a name, a family and the rule for its outputs' shapes and types.

    Calling it applies it: at once through the NumPy backend, or as a new node of the graph that is being traced. One
    that ``has_several`` results returns a tuple, also of one or none.
    """

    __slots__ = ("elementwise", "family", "has_several", "name", "rule")

    def __init__(self, name: str, family: str, rule: Rule, elementwise: bool = False):
        self.name, self.family, self.rule, self.elementwise = name, family, rule, elementwise
        self.has_several = rule.__annotations__.get("return") == "list[Aval]"

    def infer(self, avals: Sequence[Aval], params: dict[str, Any]) -> list[Aval]:
        """Shapes and types of the outputs.

        Raises:
            ShapeError: if the operands do not fit.
        """
        out = self.rule(*avals, **params)
        return out if isinstance(out, list) else [out]

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        from pronghorn.graph.trace import bind

        return bind(self, inputs, params)

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}


def primitive(family: str) -> Callable[[Rule], Primitive]:
    """Register the decorated shape rule as the primitive of the same name."""

    def register(rule: Rule) -> Primitive:
        return define(rule.__name__.rstrip("_"), family, rule)

    return register


def define(name: str, family: str, rule: Rule, elementwise: bool = False) -> Primitive:
    """Register a primitive whose rule is shared with others."""
    prim = Primitive(name, family, rule, elementwise)
    PRIMITIVES[name] = prim
    return prim


def fail(name: str, problem: str) -> ShapeError:
    """A `ShapeError` that names the primitive."""
    return ShapeError(f"{name}: {problem}")
