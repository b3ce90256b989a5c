"""Gather and scatter along one axis; everything else is index arithmetic over these."""

from __future__ import annotations

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import NothingToTake, fail, primitive

SCATTER_MODES = ("add", "set", "max", "min", "mul")


@primitive("indexing", axes.take)
def take(x: Aval, indices: Aval, *, axis: int) -> Aval:
    if indices.dtype not in dtypes.INTEGER or not 0 <= axis < len(x.shape):
        raise fail("take", f"needs integer indices and an axis of {x}, got {indices} and axis {axis}.")
    if x.shape[axis] == 0 and product(indices.shape) != 0:
        raise NothingToTake(f"take: axis {axis} of {x} has no elements to take.")
    return Aval((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


@primitive("indexing", axes.scatter)
def scatter(x: Aval, indices: Aval, updates: Aval, *, mode: str) -> Aval:
    if mode not in SCATTER_MODES:
        raise fail("scatter", f"mode {mode!r} is none of {SCATTER_MODES}.")
    expected = (*indices.shape, *x.shape[1:])
    if indices.dtype not in dtypes.INTEGER or updates != Aval(expected, x.dtype):
        raise fail("scatter", f"updates of shape {expected} for {x} were expected, got {updates} at {indices}.")
    return x
