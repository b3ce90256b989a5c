"""Derivatives of contractions, which are contractions again."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.autodiff.registry import Context, Gradients, vjp
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor


@vjp("dot_general")
def dot_general(ctx: Context, g: Tensor) -> Gradients:
    (x, y), ((xc, yc), (xb, yb)) = ctx.inputs, (ctx.params["contract"], ctx.params["batch"])
    x_free = [i for i in range(x.ndim) if i not in xc and i not in xb]
    y_free = [i for i in range(y.ndim) if i not in yc and i not in yb]
    batch = tuple(range(len(xb)))
    g_x_free = tuple(range(len(xb), len(xb) + len(x_free)))
    g_y_free = tuple(range(len(xb) + len(x_free), g.ndim))
    gx = gy = None
    if ctx.needs[0]:
        gx = P.dot_general(g, y, contract=(g_y_free, tuple(y_free)), batch=(batch, tuple(yb)))
        # its axes: batch, x's free ones, and those that were contracted in the order in which y has them
        gx = _arrange(gx, [*xb, *x_free, *(xc[i] for i in _order(yc))])
    if ctx.needs[1]:
        gy = P.dot_general(x, g, contract=(tuple(x_free), g_x_free), batch=(tuple(xb), batch))
        gy = _arrange(gy, [*yb, *(yc[i] for i in _order(xc)), *y_free])
    return gx, gy


def _order(axes: tuple[int, ...]) -> list[int]:
    return sorted(range(len(axes)), key=lambda i: axes[i])


def _arrange(x: Tensor, axes: list[int]) -> Tensor:
    """``x``, whose axis ``i`` belongs at ``axes[i]``, with its axes in order."""
    if axes == sorted(axes):
        return x
    return P.transpose(x, perm=tuple(axes.index(i) for i in range(len(axes))))


def _geometry(params: dict[str, Any]) -> dict[str, Any]:
    return {k: params[k] for k in ("strides", "padding", "dilation", "groups", "exact") if k in params}


@vjp("conv")
def conv(ctx: Context, g: Tensor) -> Gradients:
    x, w = ctx.inputs
    how = _geometry(ctx.params)
    gx = P.conv_input_grad(g, w, input_shape=x.shape, **how) if ctx.needs[0] else None
    return gx, P.conv_filter_grad(x, g, kernel_shape=w.shape, **how) if ctx.needs[1] else None


@vjp("conv_input_grad")
def conv_input_grad(ctx: Context, c: Tensor) -> Gradients:
    g, w = ctx.inputs
    how = _geometry(ctx.params)
    gg = P.conv(c, w, **how) if ctx.needs[0] else None
    return gg, P.conv_filter_grad(c, g, kernel_shape=w.shape, **how) if ctx.needs[1] else None


@vjp("conv_filter_grad")
def conv_filter_grad(ctx: Context, c: Tensor) -> Gradients:
    x, g = ctx.inputs
    how = _geometry(ctx.params)
    gx = P.conv_input_grad(g, c, input_shape=x.shape, **how) if ctx.needs[0] else None
    return gx, P.conv(x, c, **how) if ctx.needs[1] else None
