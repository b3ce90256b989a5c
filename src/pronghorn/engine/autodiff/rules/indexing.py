"""Derivatives of gather and scatter: each is the other's transpose."""

from __future__ import annotations

from pronghorn.engine.autodiff.registry import Context, Gradients, vjp
from pronghorn.engine.autodiff.rules.common import extent_scalar, full, restore, spread, zeros_like
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape, product
from pronghorn.engine.graph.tensor import Tensor


@vjp("take")
def take(ctx: Context, g: Tensor) -> Gradients:
    (x, indices), axis = ctx.inputs, ctx.params["axis"]
    between = tuple(range(axis, axis + indices.ndim))  # where g has the axes of the indices
    if axis:
        g = P.transpose(g, perm=(*between, *(i for i in range(g.ndim) if i not in between)))
    rows = (x.shape[axis], *x.shape[:axis], *x.shape[axis + 1 :])
    gx = P.scatter(full(rows, x.dtype, 0), _clipped(indices, x.shape[axis]), g, mode="add")
    return (P.transpose(gx, perm=(*range(1, axis + 1), 0, *range(axis + 1, x.ndim))) if axis else gx), None


def _clipped(indices: Tensor, size: Extent) -> Tensor:
    """The indices that `take` uses: scatter would drop those that it clips."""
    last = P.sub(extent_scalar(size, indices.dtype), 1)
    indices = P.min(indices, spread(last, indices.shape))
    return indices if indices.dtype in dtypes.UNSIGNED else P.max(indices, 0)


@vjp("scatter")
def scatter(ctx: Context, g: Tensor) -> Gradients:
    gx, gu = _BY_MODE[ctx.params["mode"]](ctx, g)
    return gx, None, gu


def _written(ctx: Context) -> Tensor:
    """For each element of the updates, whether its row is in range."""
    x, indices, updates = ctx.inputs
    size = spread(extent_scalar(x.shape[0], indices.dtype), indices.shape)
    return _over_rows(P.and_(P.ge(indices, 0), P.lt(indices, size)), updates.shape)


def _over_rows(x: Tensor, shape: Shape) -> Tensor:
    """``x``, one element an index, repeated over the elements of each index's row."""
    return restore(x, range(x.ndim, len(shape)), shape)


def _add(ctx: Context, g: Tensor) -> Gradients:
    _, indices, updates = ctx.inputs
    gu = None
    if ctx.needs[2]:
        gu = P.select(_written(ctx), P.take(g, indices, axis=0), zeros_like(updates))
    return g, gu


def _set(ctx: Context, g: Tensor) -> Gradients:
    """Only the last write to a row counts, and what it replaces does not."""
    x, indices, updates = ctx.inputs
    gx = P.scatter(g, indices, zeros_like(updates), mode="set")
    if not ctx.needs[2]:
        return gx, None
    count = product(indices.shape)
    order = P.reshape(P.iota(shape=(count,), dtype="int32", axis=0), shape=indices.shape)
    last = P.scatter(full((x.shape[0],), "int32", -1), indices, order, mode="max")
    wins = P.and_(_over_rows(P.eq(P.take(last, indices, axis=0), order), updates.shape), _written(ctx))
    return gx, P.select(wins, P.take(g, indices, axis=0), zeros_like(updates))


def _extremum(ctx: Context, g: Tensor) -> Gradients:
    """Whatever equals the extremum shares its cotangent."""
    (x, indices, updates), (y,) = ctx.inputs, ctx.outputs
    kept = P.eq(x, y)
    wins = P.and_(P.eq(updates, P.take(y, indices, axis=0)), _written(ctx))
    count = P.scatter(P.cast(kept, dtype=x.dtype), indices, P.cast(wins, dtype=x.dtype), mode="add")
    share = P.div(g, count)
    gx = P.select(kept, share, zeros_like(x))
    return gx, P.select(wins, P.take(share, indices, axis=0), zeros_like(updates))


def _mul(ctx: Context, g: Tensor) -> Gradients:
    """Each factor's cotangent is the product of the other factors, which takes care where a factor is 0."""
    x, indices, updates = ctx.inputs
    ones = full(x.shape, x.dtype, 1)
    gx = P.mul(g, P.scatter(ones, indices, updates, mode="mul"))
    if not ctx.needs[2]:
        return gx, None
    zero_x, zero_u = P.eq(x, 0.0), P.eq(updates, 0.0)
    safe_u = P.select(zero_u, full(updates.shape, x.dtype, 1), updates)
    nonzero = P.scatter(P.select(zero_x, ones, x), indices, safe_u, mode="mul")
    zeros = P.scatter(P.cast(zero_x, dtype=x.dtype), indices, P.cast(zero_u, dtype=x.dtype), mode="add")
    others_are_zero = P.gt(P.sub(P.take(zeros, indices, axis=0), P.cast(zero_u, dtype=x.dtype)), 0.0)
    others = P.div(P.take(P.mul(g, nonzero), indices, axis=0), safe_u)
    none = P.or_(others_are_zero, P.not_(_written(ctx)))
    return gx, P.select(none, zeros_like(updates), others)


_BY_MODE = {"add": _add, "set": _set, "max": _extremum, "min": _extremum, "mul": _mul}
