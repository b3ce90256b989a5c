"""Reductions, cumulative operations and sorting."""

from __future__ import annotations

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes as passing
from pronghorn.engine.graph.primitives.registry import Primitive, define, fail, primitive


def _reduction(name: str, joined: str, boolean: bool = False) -> Primitive:
    def rule(x: Aval, *, axes: tuple[int, ...]) -> Aval:
        if any(not 0 <= a < len(x.shape) for a in axes) or len(set(axes)) != len(axes):
            raise fail(name, f"axes {axes} do not fit {x}.")
        if boolean and x.dtype != "bool" and x.dtype not in dtypes.INTEGER:
            raise fail(name, f"needs bools or integers, got {x}.")
        return Aval(tuple(d for i, d in enumerate(x.shape) if i not in axes), x.dtype)

    return define(name, "reduction", rule, passing.reduction(joined))


reduce_sum = _reduction("reduce_sum", "add")
reduce_prod = _reduction("reduce_prod", "mul")
reduce_max = _reduction("reduce_max", "max")
reduce_min = _reduction("reduce_min", "min")
reduce_and = _reduction("reduce_and", "and", boolean=True)
reduce_or = _reduction("reduce_or", "or", boolean=True)


def _arg_reduction(name: str) -> Primitive:
    def rule(x: Aval, *, axis: int) -> Aval:
        if not 0 <= axis < len(x.shape):
            raise fail(name, f"axis {axis} does not fit {x}.")
        if x.shape[axis] == 0 and all(d != 0 for i, d in enumerate(x.shape) if i != axis):
            raise fail(name, f"axis {axis} of {x} has no elements, of which one could be the greatest.")
        return Aval(x.shape[:axis] + x.shape[axis + 1 :], "int32")

    return define(name, "reduction", rule, passing.position)


argmax = _arg_reduction("argmax")
argmin = _arg_reduction("argmin")


def _cumulative(name: str) -> Primitive:
    def rule(x: Aval, *, axis: int, reverse: bool) -> Aval:
        if not 0 <= axis < len(x.shape):
            raise fail(name, f"axis {axis} does not fit {x}.")
        return x

    return define(name, "reduction", rule, passing.along_one)


cumsum = _cumulative("cumsum")
cumprod = _cumulative("cumprod")
cummax = _cumulative("cummax")
cummin = _cumulative("cummin")


@primitive("reduction", passing.along_one)
def sort(*xs: Aval, axis: int, num_keys: int) -> list[Aval]:
    if not 1 <= num_keys <= len(xs) or any(x.shape != xs[0].shape for x in xs):
        raise fail("sort", f"{num_keys} keys of operands {xs}: operands must have one shape.")
    return list(xs)
