"""Control flow: Python's own, over subgraphs; random bits and matrix factorisations."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from pronghorn.engine.backends.interpreter import Bound, empty_results, is_region
from pronghorn.engine.backends.torch import loops
from pronghorn.engine.backends.torch.plans import plan, run
from pronghorn.engine.backends.torch.registry import TYPES, implements, is_plain
from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.ir import Graph

Body = Graph | Bound
Tensors = tuple[torch.Tensor, ...]


@implements
def scan(*xs: torch.Tensor, body: Body, num_consts: int, num_carry: int, length: int, reverse: bool) -> Tensors:
    """``body`` for each slice along axis 0; with ``reverse`` from the last to the first, each y at its own index."""
    consts, carry = xs[:num_consts], list(xs[num_consts : num_consts + num_carry])
    if isinstance(length, torch.SymInt):
        return loops.scan(*xs, body=body, num_consts=num_consts, num_carry=num_carry, reverse=reverse)
    if not length:
        nothing = empty_results(body, num_carry)
        return (*carry, *(torch.zeros(shape, dtype=TYPES[dtype], device=xs[0].device) for shape, dtype in nothing))
    slices = list(zip(*(x.unbind(0) for x in xs[num_consts + num_carry :]))) or [()] * length
    stacked: list[Any] = []
    call = plan(body, [*consts, *carry, *slices[0]])  # the shapes stay as they are
    for step in reversed(slices) if reverse else slices:
        out = call(*consts, *carry, *step)
        carry = out[:num_carry]
        stacked.append(out[num_carry:])
    if reverse:
        stacked.reverse()
    return (*carry, *(torch.stack(ys) for ys in zip(*stacked)))


@implements
def while_loop(*xs: torch.Tensor, cond: Body, body: Body, num_cond_consts: int, num_body_consts: int) -> Tensors:
    cond_consts = xs[:num_cond_consts]
    body_consts = xs[num_cond_consts : num_cond_consts + num_body_consts]
    carry = list(xs[num_cond_consts + num_body_consts :])
    if not all(map(is_plain, xs)):
        return loops.while_loop(cond, body, cond_consts, body_consts, tuple(carry))
    while run(cond, [*cond_consts, *carry])[0]:
        carry = run(body, [*body_consts, *carry])
    return tuple(carry)


@implements
def cond(pred: torch.Tensor, *xs: torch.Tensor, true: Body, false: Body) -> Tensors:
    if is_region(true, false):
        if torch.is_grad_enabled() and is_plain(pred):
            return checkpoint(lambda *xs: tuple(run(true, xs)), *xs, use_reentrant=False, preserve_rng_state=False)
        return tuple(run(true, xs))
    if not is_plain(pred):
        return loops.cond(pred, xs, true, false)
    return tuple(run(true if pred else false, xs))


@implements
def foreign_call(*xs: torch.Tensor, call: ForeignFunction) -> Tensors:
    return call(*xs)


class _OwnGradient(torch.autograd.Function):
    """The outs as they are; the args' gradients are what ``vjp`` makes of the cotangents."""

    @staticmethod
    def forward(ctx: Any, vjp: Body, num_args: int, num_outs: int, *xs: torch.Tensor) -> Tensors:
        ctx.vjp, ctx.num_args, ctx.count = vjp, num_args, len(xs)
        ctx.save_for_backward(*xs[num_args + num_outs :])
        return tuple(x.clone() for x in xs[num_args : num_args + num_outs])

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        found = run(ctx.vjp, [*cotangents, *ctx.saved_tensors])
        gradients = [g if g.is_floating_point() or g.is_complex() else None for g in found]
        return (None, None, None, *gradients, *[None] * (ctx.count - ctx.num_args))


@implements
def custom_vjp(*xs: torch.Tensor, num_args: int, num_outs: int, vjp: Body) -> Tensors:
    """The outs as they are. What PyTorch differentiates takes the args' gradients from ``vjp``, and from it alone."""
    if torch.is_grad_enabled() and any(x.requires_grad for x in xs[:num_args]):
        return tuple(_OwnGradient.apply(vjp, num_args, num_outs, *xs))
    return tuple(xs[num_args : num_args + num_outs])
