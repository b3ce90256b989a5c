"""The derivative of another library's function is a function of that library."""

from __future__ import annotations

from pronghorn.engine.autodiff.registry import Context, Gradients, is_differentiable, vjp
from pronghorn.engine.autodiff.rules.common import zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.tensor import Tensor


@vjp("foreign_call")
def foreign_call(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    call: ForeignFunction = ctx.params["call"]
    results = len(ctx.outputs) - call.kept
    wanted = [i for i, (x, needed) in enumerate(zip(ctx.inputs, ctx.needs)) if needed and is_differentiable(x)]
    given = [k for k in range(results) if is_differentiable(ctx.outputs[k])]
    known = [zeros_like(ctx.outputs[k]) if (c := cotangents[k]) is None else c for k in given]
    gradient = call.gradient(wanted, given, len(ctx.inputs))
    found = P.foreign_call(*ctx.inputs, *ctx.outputs[results:], *known, call=gradient)
    gradients: list[Tensor | None] = [None] * len(ctx.inputs)
    for i, g in zip(wanted, found):
        gradients[i] = g
    return tuple(gradients)
