"""Primitives that create arrays or move elements without computing on them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, Shape, SymbolicDimError, comparable, identical, product
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes as passing
from pronghorn.engine.graph.primitives.registry import MADE, MOVED, fail, primitive


@primitive("structure", passing.none, MADE)
def constant(*, value: np.ndarray) -> Aval:
    return Aval(value.shape, dtypes.name_of(value.dtype))


@primitive("structure", passing.iota, MADE)
def iota(*, shape: Shape, dtype: str, axis: int) -> Aval:
    if not 0 <= axis < len(shape):
        raise fail("iota", f"axis {axis} is outside of shape {shape}.")
    return Aval(shape, dtype)


@primitive("structure", passing.none, MADE)
def extent(*, dim: Extent) -> Aval:
    return Aval((), "int32")


@primitive("structure", passing.broadcast_in_dim, MOVED)
def broadcast_in_dim(x: Aval, *, shape: Shape, dims: tuple[int, ...]) -> Aval:
    if len(dims) != len(x.shape) or any(a >= b for a, b in itertools.pairwise(dims)):
        raise fail("broadcast_in_dim", f"dims {dims} do not place the axes of {x} in order.")
    for axis, size in zip(dims, x.shape):
        if not identical(size, 1) and not identical(size, shape[axis]) and size != 1 and size != shape[axis]:
            raise fail("broadcast_in_dim", f"{x} cannot be broadcast to {shape} with dims {dims}.")
    return Aval(shape, x.dtype)


@primitive("structure", passing.reshape, MOVED)
def reshape(x: Aval, *, shape: Shape) -> Aval:
    if product(x.shape) != product(shape):
        raise fail("reshape", f"{x} has {counted(product(x.shape), 'element')}, shape {shape} has {product(shape)}.")
    return Aval(shape, x.dtype)


@primitive("structure", passing.transpose, MOVED)
def transpose(x: Aval, *, perm: tuple[int, ...]) -> Aval:
    if sorted(perm) != list(range(len(x.shape))):
        raise fail("transpose", f"{perm} is no permutation of the axes of {x}.")
    return Aval(tuple(x.shape[p] for p in perm), x.dtype)


@primitive("structure", passing.reverse, MOVED)
def reverse(x: Aval, *, axes: tuple[int, ...]) -> Aval:
    return x


@primitive("structure", passing.cut, MOVED)
def slice_(x: Aval, *, start: Shape, limit: Shape, stride: tuple[int, ...]) -> Aval:
    if not len(start) == len(limit) == len(stride) == len(x.shape):
        raise fail("slice", f"{x} needs one start, limit and stride an axis.")
    shape = []
    for size, lo, hi, step in zip(x.shape, start, limit, stride):
        if _known_greater(0, lo) or _known_greater(hi, size) or _known_greater(lo, hi) or step < 1:
            raise fail("slice", f"[{lo}:{hi}:{step}] does not fit an axis of {size}.")
        shape.append(-((lo - hi) // step))
    return Aval(tuple(shape), x.dtype)


def _known_greater(a: Extent, b: Extent) -> bool:
    try:
        return a > b
    except SymbolicDimError:
        return False


@primitive("structure", passing.pad)
def pad(x: Aval, fill: Aval, *, low: Any, high: Any, interior: Any) -> Aval:
    if fill.shape != () or fill.dtype != x.dtype:
        raise fail("pad", f"the fill must be a scalar of type {x.dtype}, got {fill}.")
    shape = []
    for size, lo, hi, inner in zip(x.shape, low, high, interior):
        # (size - 1) * inner holes lie between the elements
        new = size + lo + hi + (size - 1) * inner
        if comparable(new) and new < 0:
            raise fail("pad", f"low {lo} and high {hi} remove more than the {counted(size, 'element')} of an axis.")
        shape.append(new)
    return Aval(tuple(shape), x.dtype)


@primitive("structure", passing.concatenate)
def concatenate(*xs: Aval, axis: int) -> Aval:
    first = xs[0]
    total: Extent = 0
    for x in xs:
        same = all(a == b for i, (a, b) in enumerate(zip(x.shape, first.shape)) if i != axis)
        if x.dtype != first.dtype or len(x.shape) != len(first.shape) or not same:
            raise fail("concatenate", f"operands differ beside axis {axis}: {', '.join(map(repr, xs))}.")
        total = total + x.shape[axis]
    return Aval((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def _check_starts(name: str, x: Aval, starts: tuple[Aval, ...]) -> None:
    if len(starts) != len(x.shape) or any(s != Aval((), "int32") for s in starts):
        raise fail(name, f"{x} needs one int32 scalar an axis, got {starts}.")


def _check_sizes(name: str, x: Aval, sizes: Shape) -> None:
    if len(sizes) != len(x.shape) or any(map(_known_greater, sizes, x.shape)):
        raise fail(name, f"a part of shape {sizes} does not fit into {x}.")


@primitive("structure", passing.dynamic_slice)
def dynamic_slice(x: Aval, *starts: Aval, sizes: Shape) -> Aval:
    _check_starts("dynamic_slice", x, starts)
    _check_sizes("dynamic_slice", x, sizes)
    return Aval(sizes, x.dtype)


@primitive("structure", passing.dynamic_update_slice)
def dynamic_update_slice(x: Aval, update: Aval, *starts: Aval) -> Aval:
    _check_starts("dynamic_update_slice", x, starts)
    if update.dtype != x.dtype or len(update.shape) != len(x.shape):
        raise fail("dynamic_update_slice", f"{update} does not fit into {x}.")
    _check_sizes("dynamic_update_slice", x, update.shape)
    return x


__all__ = [
    "Dim", "broadcast_in_dim", "concatenate", "constant", "dynamic_slice", "dynamic_update_slice", "extent", "iota",
    "pad", "reshape", "reverse", "slice_", "transpose",
]  # fmt: skip
