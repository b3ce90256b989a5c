"""Reverse accumulation over a list of records, whether they come from a tape or from a graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from pronghorn.engine.autodiff.registry import Context, is_differentiable, vjp_rule
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import scope_at
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.primitives.registry import Primitive
from pronghorn.engine.graph.tensor import Tensor

#: What the scope of a layer's gradient ends with.
GRADIENT = " (gradient)"


class Record(NamedTuple):
    """One application of a primitive that happened."""

    prim: Primitive
    inputs: Sequence[Tensor]
    params: dict[str, Any]
    outputs: Sequence[Tensor]
    node: Node | None = None


def identity(tensor: Tensor) -> Hashable:
    """What makes two Tensors one array: the graph's value, or the Tensor itself where it is concrete."""
    return tensor.data if isinstance(tensor.data, Value) else id(tensor)


def pull_back(
    records: Sequence[Record],
    outputs: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    wrt: Sequence[Tensor],
    leaves: Sequence[Tensor] = (),
    known: Sequence[Tensor | None] = (),
) -> list[Tensor | None]:
    """Cotangents of ``wrt``, None for those on which no output depends.

    Args:
        records: what happened, in order.
        outputs: arrays whose cotangents are known.
        cotangents: those, one for each output.
        wrt: arrays whose cotangents are wanted.
        leaves: arrays through which nothing flows further back.
        known: what is added first to those of ``wrt``, if given.
    """
    stops = {identity(t) for t in leaves}
    active = _depend_on(records, wrt, stops)
    found = {identity(t): c for t, c in zip(wrt, known) if c is not None}
    for output, cotangent in zip(outputs, cotangents):
        if identity(output) in active:
            _add(found, identity(output), cotangent)
    for record in reversed(records):
        keys = [identity(t) for t in record.outputs]
        if not any(k in found and k not in stops for k in keys):
            continue
        needs = [identity(t) in active for t in record.inputs]
        rule = vjp_rule(record.prim)
        if rule is None or not any(needs):
            continue
        ctx = Context(record.inputs, record.outputs, record.params, needs, lambda t: found.pop(identity(t), None))
        with scope_at(_gradient_scope(record)):
            given = rule(ctx, *(None if k in stops else found.get(k) for k in keys))
        for tensor, needed, gradient in zip(record.inputs, needs, given):
            if needed and gradient is not None:
                _add(found, identity(tensor), gradient)
    return [found.get(identity(t)) for t in wrt]


def _gradient_scope(record: Record) -> str:
    """What the nodes of a gradient are marked with: the layer that made the node, and that this is its gradient."""
    scope = record.node.scope if record.node is not None else ""
    return scope if not scope or scope.endswith(GRADIENT) else scope + GRADIENT


def _depend_on(records: Sequence[Record], wrt: Sequence[Tensor], stops: set[Hashable]) -> set[Hashable]:
    """Which arrays depend on ``wrt`` in a way that has a derivative."""
    active = {identity(t) for t in wrt if is_differentiable(t)}
    for record in records:
        if vjp_rule(record.prim) is not None and any(identity(t) in active for t in record.inputs):
            active.update(identity(t) for t in record.outputs if is_differentiable(t) and identity(t) not in stops)
    return active


def _add(found: dict[Hashable, Tensor], key: Hashable, cotangent: Tensor) -> None:
    known = found.get(key)
    found[key] = cotangent if known is None else P.add(known, cotangent)
