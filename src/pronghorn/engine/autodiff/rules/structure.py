"""Derivatives of the primitives that move elements: moving them back."""

from __future__ import annotations

from pronghorn.engine.autodiff.registry import Context, Gradients, no_gradient, vjp
from pronghorn.engine.autodiff.rules.common import full, zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import identical
from pronghorn.engine.graph.tensor import Tensor

no_gradient("constant", "iota", "extent")


@vjp("broadcast_in_dim")
def broadcast_in_dim(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    shape, dims = ctx.params["shape"], ctx.params["dims"]
    kept = {axis for axis, size in zip(dims, x.shape) if not identical(size, 1) or identical(shape[axis], 1)}
    axes = tuple(i for i in range(len(shape)) if i not in kept)
    g = P.reduce_sum(g, axes=axes) if axes else g
    return (g if identical(g.shape, x.shape) else P.reshape(g, shape=x.shape),)


@vjp("reshape")
def reshape(ctx: Context, g: Tensor) -> Gradients:
    return (P.reshape(g, shape=ctx.inputs[0].shape),)


@vjp("transpose")
def transpose(ctx: Context, g: Tensor) -> Gradients:
    perm = ctx.params["perm"]
    return (P.transpose(g, perm=tuple(perm.index(i) for i in range(len(perm)))),)


@vjp("reverse")
def reverse(ctx: Context, g: Tensor) -> Gradients:
    return (P.reverse(g, axes=ctx.params["axes"]),)


@vjp("slice")
def slice_(ctx: Context, g: Tensor) -> Gradients:
    start, stride = ctx.params["start"], ctx.params["stride"]
    sizes = zip(ctx.inputs[0].shape, g.shape, start, stride)
    high = tuple(size - lo - ((count - 1) * step + 1) for size, count, lo, step in sizes)
    zero = full((), g.dtype, 0)
    return (P.pad(g, zero, low=tuple(start), high=high, interior=tuple(s - 1 for s in stride)),)


@vjp("pad")
def pad(ctx: Context, g: Tensor) -> Gradients:
    x, _ = ctx.inputs
    gx = _unpad(x, g, ctx.params["low"], ctx.params["high"], ctx.params["interior"])
    if not ctx.needs[1]:
        return gx, None
    every = tuple(range(g.ndim))
    return gx, P.sub(P.reduce_sum(g, axes=every), P.reduce_sum(gx, axes=every))


def _unpad(x: Tensor, g: Tensor, low: tuple, high: tuple, interior: tuple) -> Tensor:
    """The elements of ``g`` that a padding put at ``x``'s places, zeros for those that it removed."""
    spread = tuple(size + (size - 1) * hole for size, hole in zip(x.shape, interior))
    step = tuple(hole + 1 for hole in interior)
    if all(isinstance(n, int) and n >= 0 for n in (*low, *high)):
        limit = tuple(lo + size for lo, size in zip(low, spread))
        return P.slice(g, start=tuple(low), limit=limit, stride=step)
    back = P.pad(
        g,
        full((), g.dtype, 0),
        low=tuple(-n for n in low),
        high=tuple(-n for n in high),
        interior=(0,) * len(low),
    )
    if all(s == 1 for s in step):
        return back
    return P.slice(back, start=(0,) * len(low), limit=spread, stride=step)


@vjp("concatenate")
def concatenate(ctx: Context, g: Tensor) -> Gradients:
    axis = ctx.params["axis"]
    parts: list[Tensor | None] = []
    at = 0
    for x, needed in zip(ctx.inputs, ctx.needs):
        end = at + x.shape[axis]
        start, limit = [0] * g.ndim, list(g.shape)
        start[axis], limit[axis] = at, end
        piece = P.slice(g, start=tuple(start), limit=tuple(limit), stride=(1,) * g.ndim) if needed else None
        parts.append(piece)
        at = end
    return tuple(parts)


@vjp("dynamic_slice")
def dynamic_slice(ctx: Context, g: Tensor) -> Gradients:
    x, *starts = ctx.inputs
    return (P.dynamic_update_slice(zeros_like(x), g, *starts), *[None] * len(starts))


@vjp("dynamic_update_slice")
def dynamic_update_slice(ctx: Context, g: Tensor) -> Gradients:
    _, update, *starts = ctx.inputs
    gx = P.dynamic_update_slice(g, zeros_like(update), *starts) if ctx.needs[0] else None
    gu = P.dynamic_slice(g, *starts, sizes=update.shape) if ctx.needs[1] else None
    return (gx, gu, *[None] * len(starts))
