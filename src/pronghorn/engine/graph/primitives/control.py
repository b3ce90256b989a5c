"""Control flow: loops and branches over subgraphs, and functions with a gradient of their own."""

from __future__ import annotations

from pronghorn.engine.graph.dim import Extent, comparable
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import fail, primitive


def _match(name: str, what: str, expected: list[Aval], got: list[Aval]) -> None:
    if expected != got:
        raise fail(name, f"{what} must be {expected}, got {got}.")


@primitive("control", axes.of_graphs)
def scan(*xs: Aval, body: Graph, num_consts: int, num_carry: int, length: Extent, reverse: bool) -> list[Aval]:
    """``body(*consts, *carry, *slices) -> (*carry, *ys)``, ``length`` times; the ys are stacked along axis 0."""
    fixed = num_consts + num_carry
    for x in xs[fixed:]:
        if not x.shape or (comparable(x.shape[0], length) and x.shape[0] != length):
            raise fail("scan", f"{x} has not the {length} slices that the loop takes.")
    slices = [Aval(x.shape[1:], x.dtype) for x in xs[fixed:]]
    _match("scan", "the body's inputs", [*xs[:fixed], *slices], [v.aval for v in body.inputs])
    carry = [v.aval for v in body.outputs[:num_carry]]
    _match("scan", "the carry that the body returns", list(xs[num_consts:fixed]), carry)
    return [*carry, *(Aval((length, *v.shape), v.dtype) for v in body.outputs[num_carry:])]


@primitive("control", axes.of_graphs)
def while_loop(*xs: Aval, cond: Graph, body: Graph, num_cond_consts: int, num_body_consts: int) -> list[Aval]:
    """``while cond(*cond_consts, *carry): carry = body(*body_consts, *carry)``."""
    carry = list(xs[num_cond_consts + num_body_consts :])
    _match("while_loop", "the carry that the body returns", carry, [v.aval for v in body.outputs])
    _match("while_loop", "the condition", [Aval((), "bool")], [v.aval for v in cond.outputs])
    return carry


@primitive("control", axes.of_graphs)
def cond(pred: Aval, *xs: Aval, true: Graph, false: Graph) -> list[Aval]:
    """``true(*xs) if pred else false(*xs)``."""
    _match("cond", "the predicate", [Aval((), "bool")], [pred])
    for branch in (true, false):
        _match("cond", "the operands", [v.aval for v in branch.inputs], list(xs))
    _match("cond", "the branches' results", [v.aval for v in true.outputs], [v.aval for v in false.outputs])
    return [v.aval for v in true.outputs]


@primitive("control", axes.of_graphs)
def custom_vjp(*xs: Aval, num_args: int, num_outs: int, vjp: Graph) -> list[Aval]:
    """``xs = (*args, *outs, *captures)``: the outs as they are, with ``vjp(*cotangents, *captures)`` for the args."""
    return list(xs[num_args : num_args + num_outs])
