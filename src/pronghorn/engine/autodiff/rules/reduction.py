"""Derivatives of reductions, cumulative operations and sorting."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.autodiff.registry import Context, Gradients, no_gradient, vjp
from pronghorn.engine.autodiff.rules.common import extent_scalar, full, move_axis, restore, spread, zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace_body

no_gradient("reduce_and", "reduce_or", "argmax", "argmin")


@vjp("reduce_sum")
def reduce_sum(ctx: Context, g: Tensor) -> Gradients:
    return (restore(g, ctx.params["axes"], ctx.inputs[0].shape),)


@vjp("reduce_prod")
def reduce_prod(ctx: Context, g: Tensor) -> Gradients:
    """Each factor's cotangent is the product of the others: of those before it times those after it."""
    (x,), axes = ctx.inputs, ctx.params["axes"]
    if not axes:
        return (g,)
    kept = [i for i in range(x.ndim) if i not in axes]
    perm = (*kept, *axes)
    arranged = P.transpose(x, perm=perm)
    flat_shape = (*(x.shape[i] for i in kept), product(tuple(x.shape[i] for i in axes)))
    flat = P.reshape(arranged, shape=flat_shape)
    last = len(kept)
    others = P.mul(_product_of_others(flat, last, False), _product_of_others(flat, last, True))
    flat_gradient = P.reshape(P.mul(restore(g, (last,), flat_shape), others), shape=arranged.shape)
    return (P.transpose(flat_gradient, perm=tuple(perm.index(i) for i in range(x.ndim))),)


def _product_of_others(x: Tensor, axis: int, reverse: bool) -> Tensor:
    """The product of all elements before each (after each, if ``reverse``)."""
    return P.cumprod(_shifted(x, axis, reverse, 1), axis=axis, reverse=reverse)


def _shifted(x: Tensor, axis: int, reverse: bool, fill: float) -> Tensor:
    """``x`` moved on by one along ``axis`` (back, if ``reverse``), with ``fill`` in the freed place."""
    step = [1 if i == axis else 0 for i in range(x.ndim)]
    back = [-s for s in step]
    low, high = (back, step) if reverse else (step, back)
    return P.pad(x, full((), x.dtype, fill), low=tuple(low), high=tuple(high), interior=(0,) * x.ndim)


def _extremum(ctx: Context, g: Tensor) -> Gradients:
    """Elements that tie for the extremum share its cotangent equally. Where it is NaN nothing is equal to it, and all
    that led to it get NaN, as in JAX."""
    (x,), (y,), axes = ctx.inputs, ctx.outputs, ctx.params["axes"]
    chosen = P.cast(P.eq(x, restore(y, axes, x.shape)), dtype=x.dtype)
    count = P.reduce_sum(chosen, axes=axes)
    return (P.mul(chosen, restore(P.div(g, count), axes, x.shape)),)


vjp("reduce_max")(_extremum)
vjp("reduce_min")(_extremum)


@vjp("cumsum")
def cumsum(ctx: Context, g: Tensor) -> Gradients:
    return (P.cumsum(g, axis=ctx.params["axis"], reverse=not ctx.params["reverse"]),)


@vjp("cumprod")
def cumprod(ctx: Context, g: Tensor) -> Gradients:
    """With ``y[k] = x[0] ... x[k]``: ``dx[k] = y[k-1] s[k]``, ``s[k] = g[k] + x[k+1] s[k+1]``; exact where x is 0."""
    (x,), axis, reverse = ctx.inputs, ctx.params["axis"], ctx.params["reverse"]
    before = _shifted(ctx.outputs[0], axis, reverse, 1)
    following = _shifted(x, axis, not reverse, 0)
    total = _linear_recurrence(move_axis(following, axis, 0), move_axis(g, axis, 0), not reverse)
    return (P.mul(before, move_axis(total, 0, axis)),)


def _linear_recurrence(factors: Tensor, terms: Tensor, reverse: bool) -> Tensor:
    """All of ``s[k] = terms[k] + factors[k] * s[k-1]`` along axis 0, from the end if ``reverse``."""
    row = Aval(terms.shape[1:], terms.dtype)

    def step(state: Tensor, factor: Tensor, term: Tensor) -> list[Tensor]:
        state = P.add(term, P.mul(factor, state))
        return [state, state]

    body = trace_body(step, [row, row, row], "recurrence")
    start = full(row.shape, row.dtype, 0)
    _, states = P.scan(
        *body.captures,
        start,
        factors,
        terms,
        body=body.graph,
        num_consts=len(body.captures),
        num_carry=1,
        length=terms.shape[0],
        reverse=reverse,
    )
    return states


def _cumulative_extremum(better: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Context, Tensor], Gradients]:
    """All of a cotangent goes to the element that was the extremum so far, the first of equals."""

    def rule(ctx: Context, g: Tensor) -> Gradients:
        (x,), (y,), axis = ctx.inputs, ctx.outputs, ctx.params["axis"]
        if ctx.params["reverse"]:
            x, y, g = (P.reverse(t, axes=(axis,)) for t in (x, y, g))
        index = P.iota(shape=x.shape, dtype="int32", axis=axis)
        is_new = P.or_(P.eq(index, 0), better(x, _shifted(y, axis, False, 0)))
        source = P.cummax(P.select(is_new, index, zeros_like(index)), axis=axis, reverse=False)
        gx = scatter_along_axis(g, source, axis)
        return (P.reverse(gx, axes=(axis,)) if ctx.params["reverse"] else gx,)

    return rule


vjp("cummax")(_cumulative_extremum(P.gt))
vjp("cummin")(_cumulative_extremum(P.lt))


def scatter_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Zeros of ``x``'s shape, with each element of ``x`` added at its index along ``axis``."""
    x, indices = move_axis(x, axis, 0), move_axis(indices, axis, 0)
    rows, width = x.shape[0], product(x.shape[1:])
    column = P.iota(shape=(rows, width), dtype="int32", axis=1)
    row = P.reshape(indices, shape=(rows, width))
    place = P.add(P.mul(row, spread(extent_scalar(width), (rows, width))), column)
    size = rows * width
    flat = P.scatter(
        full((size,), x.dtype, 0), P.reshape(place, shape=(size,)), P.reshape(x, shape=(size,)), mode="add"
    )
    return move_axis(P.reshape(flat, shape=x.shape), 0, axis)


@vjp("sort")
def sort(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    """Sorting the places gives the permutation; sorting that with the cotangents undoes it."""
    axis, num_keys = ctx.params["axis"], ctx.params["num_keys"]
    places = P.iota(shape=ctx.inputs[0].shape, dtype="int32", axis=axis)
    *_, permutation = P.sort(*ctx.inputs[:num_keys], places, axis=axis, num_keys=num_keys)
    return tuple(
        P.sort(permutation, g, axis=axis, num_keys=1)[1] if g is not None and needed else None
        for g, needed in zip(cotangents, ctx.needs)
    )
