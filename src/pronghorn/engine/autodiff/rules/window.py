"""Derivatives of window reductions: sums spread out, maxima give all to the chosen element."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.autodiff.registry import Context, Gradients, no_gradient, vjp
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor

no_gradient("window_argmax")


def _geometry(params: dict[str, Any]) -> dict[str, Any]:
    return {k: params[k] for k in ("window", "strides", "padding", "dilation")}


@vjp("window_sum")
def window_sum(ctx: Context, g: Tensor) -> Gradients:
    return (P.window_sum_grad(g, input_shape=ctx.inputs[0].shape, **_geometry(ctx.params)),)


@vjp("window_sum_grad")
def window_sum_grad(ctx: Context, c: Tensor) -> Gradients:
    return (P.window_sum(c, **_geometry(ctx.params)),)


@vjp("window_max")
def window_max(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    how = _geometry(ctx.params)
    return (P.unpool(g, P.window_argmax(x, **how), input_shape=x.shape, **how),)


@vjp("unpool")
def unpool(ctx: Context, c: Tensor) -> Gradients:
    return P.pool_gather(c, ctx.inputs[1], **_geometry(ctx.params)), None


@vjp("pool_gather")
def pool_gather(ctx: Context, g: Tensor) -> Gradients:
    x, argmax = ctx.inputs
    return P.unpool(g, argmax, input_shape=x.shape, **_geometry(ctx.params)), None
