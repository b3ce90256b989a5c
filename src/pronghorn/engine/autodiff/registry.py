"""The table from primitives to their rules of differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.primitives.registry import GRADIENTS as RULES
from pronghorn.engine.graph.primitives.registry import Primitive
from pronghorn.engine.graph.tensor import Tensor

Gradients = tuple["Tensor | None", ...]


class DifferentiationError(ValueError):
    """A derivative that was asked for and that does not exist or is not known."""


@dataclass(slots=True)
class Context:
    """One application of a primitive, as its rule sees it.

    Attributes:
        inputs: its operands.
        outputs: its results.
        params: its parameters.
        needs: for each input, whether its cotangent is wanted; a rule may give None for the others.
        take: what has been summed up of an input's cotangent so far, or None. A rule that takes it has it in what it
            gives for that input: so sums have one order, whether terms come one by one or from a part of the graph.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    params: dict[str, Any]
    needs: Sequence[bool]
    take: Callable[[Tensor], Tensor | None]


Rule = Callable[..., Gradients]


def vjp(name: str) -> Callable[[Rule], Rule]:
    """Register the decorated ``rule(ctx, *cotangents) -> a cotangent or None for each input``.

    A cotangent of a rule's argument is None where nothing depends on that output; primitives with one output always get
    theirs.
    """

    def register(rule: Rule) -> Rule:
        RULES[name] = rule
        return rule

    return register


def no_gradient(*names: str) -> None:
    """Register primitives through which no gradient flows."""
    for name in names:
        RULES[name] = None


def vjp_rule(prim: Primitive) -> Rule | None:
    """The rule of ``prim``; None where no gradient flows through it."""
    return prim.gradient


def is_differentiable(tensor: Tensor) -> bool:
    """Whether an array's element type has derivatives: floats and complex numbers."""
    return dtypes.is_float(tensor.dtype) or tensor.dtype in dtypes.COMPLEX
