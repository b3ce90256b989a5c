"""Derivatives of branches and of functions with a gradient of their own; loops are in `autodiff.loops`."""

from __future__ import annotations

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.autodiff.loops import scan_gradient
from pronghorn.engine.autodiff.registry import Context, DifferentiationError, Gradients, is_differentiable, vjp
from pronghorn.engine.autodiff.rules.common import filled, zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Graph, Value
from pronghorn.engine.graph.regions import is_region, region
from pronghorn.engine.graph.tensor import Tensor, aval_of
from pronghorn.engine.graph.trace import Subgraph, inline, trace_body


@vjp("scan")
def scan(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    return scan_gradient(ctx, cotangents)


@vjp("while_loop")
def while_loop(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    raise DifferentiationError(
        "while_loop: it has no gradient, as the number of its steps is not known when the way back begins. Use scan or "
        "fori_loop with a fixed number of steps, or stop_gradient on what the loop returns."
    )


@vjp("cond")
def cond(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    """A cond of the branches' gradients, each of which runs its branch again; of a region, a region.

    A region's gradient begins with the sums so far, so that its terms are added in the order they have without it.
    """
    pred, *operands = ctx.inputs
    wanted = [i for i, needed in enumerate(ctx.needs[1:]) if needed]
    known = {k: c for k, c in enumerate(cotangents) if c is not None and is_differentiable(ctx.outputs[k])}
    sums = [ctx.take(operands[i]) if is_region(ctx.params) else None for i in wanted]
    inputs = [*operands, *known.values(), *(t for t in sums if t is not None)]
    avals = [aval_of(t) for t in inputs]

    def gradient_of(branch: Graph) -> Subgraph:
        def fn(*args: Tensor) -> list[Tensor]:
            rest = iter(args)
            xs, cts = ([next(rest) for _ in ts] for ts in (operands, known))
            first = [None if t is None else next(rest) for t in sums]
            outs = inline(branch, xs)
            grads = backward([outs[k] for k in known], cts, [xs[i] for i in wanted], known=first)
            return [zeros_like(xs[i]) if g is None else g for i, g in zip(wanted, grads)]

        return trace_body(fn, avals, f"gradient of {branch.name}")

    true = gradient_of(ctx.params["true"])
    if is_region(ctx.params):
        found = region(true.graph, [*true.captures, *inputs], pred)
    else:
        false = gradient_of(ctx.params["false"])
        _insert_inputs(true.graph, len(true.captures), false.captures)
        _insert_inputs(false.graph, 0, true.captures)
        found = P.cond(pred, *true.captures, *false.captures, *inputs, true=true.graph, false=false.graph)
    gradients: list[Tensor | None] = [None] * len(ctx.inputs)
    for i, g in zip(wanted, found):
        gradients[i + 1] = g
    return tuple(gradients)


def _insert_inputs(graph: Graph, at: int, tensors: list[Tensor]) -> None:
    """Give ``graph`` inputs that it ignores, since both branches take the same."""
    graph.inputs[at:at] = [Value(aval_of(t), graph) for t in tensors]


@vjp("custom_vjp")
def custom_vjp(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    num_args, num_outs = ctx.params["num_args"], ctx.params["num_outs"]
    captures = ctx.inputs[num_args + num_outs :]
    gradients = inline(ctx.params["vjp"], [*filled(cotangents, ctx.outputs), *captures])
    return (*gradients, *[None] * (num_outs + len(captures)))
