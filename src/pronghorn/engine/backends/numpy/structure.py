"""Primitives that create arrays or move elements."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy.registry import implements, shortens
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Aval


@implements("constant")
def constant(*, value: np.ndarray) -> np.ndarray:
    return value


@implements("iota")
def iota(*, shape: tuple[int, ...], dtype: str, axis: int) -> np.ndarray:
    """The index along ``axis``."""
    counts = np.arange(shape[axis]).astype(dtypes.to_numpy(dtype))
    return np.broadcast_to(counts.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)


@implements("extent")
def extent(*, dim: int) -> np.ndarray:
    return np.asarray(dim, np.int32)


@implements("broadcast_in_dim")
def broadcast_in_dim(x: np.ndarray, *, shape: tuple[int, ...], dims: tuple[int, ...]) -> np.ndarray:
    """Axis ``i`` of ``x`` becomes axis ``dims[i]``; the others, and axes of extent 1, repeat."""
    placed = [1] * len(shape)
    for axis, size in zip(dims, x.shape):
        placed[axis] = size
    return np.broadcast_to(x.reshape(placed), shape)


@implements("reshape")
def reshape(x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    return x.reshape(shape)


@implements("transpose")
def transpose(x: np.ndarray, *, perm: tuple[int, ...]) -> np.ndarray:
    return x.transpose(perm)


@shortens("reshape")
def _reshape(avals: Sequence[Aval], params: dict[str, Any]) -> Any:
    return operator.methodcaller("reshape", params["shape"])


@shortens("transpose")
def _transpose(avals: Sequence[Aval], params: dict[str, Any]) -> Any:
    return operator.methodcaller("transpose", params["perm"])


@implements("reverse")
def reverse(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    return np.flip(x, axes)


@implements("slice")
def slice_(x: np.ndarray, *, start: tuple, limit: tuple, stride: tuple) -> np.ndarray:
    return x[tuple(map(slice, start, limit, stride))]


@implements("pad")
def pad(x: np.ndarray, fill: np.ndarray, *, low: tuple, high: tuple, interior: tuple) -> np.ndarray:
    """``interior`` holes between elements, then ``low`` and ``high`` added at the ends, or removed where negative."""
    spread = [size + (size - 1) * hole for size, hole in zip(x.shape, interior)]
    if x.size == 0:
        return np.full([size + lo + hi for size, lo, hi in zip(spread, low, high)], fill, x.dtype)
    grown = [max(lo, 0) + size + max(hi, 0) for size, lo, hi in zip(spread, low, high)]
    out = np.full(grown, fill, x.dtype)
    places = (slice(max(lo, 0), max(lo, 0) + size, hole + 1) for lo, size, hole in zip(low, spread, interior))
    out[tuple(places)] = x
    return out[tuple(slice(max(-lo, 0), size - max(-hi, 0)) for size, lo, hi in zip(grown, low, high))]


@implements("concatenate")
def concatenate(*xs: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate(xs, axis)


def _window(x: np.ndarray, starts: tuple[np.ndarray, ...], sizes: tuple[int, ...]) -> tuple[slice, ...]:
    """The slices of ``sizes`` at ``starts``, moved inside of ``x`` where they would reach outside."""
    clamped = (min(max(int(at), 0), extent - size) for at, size, extent in zip(starts, sizes, x.shape))
    return tuple(slice(at, at + size) for at, size in zip(clamped, sizes))


@implements("dynamic_slice")
def dynamic_slice(x: np.ndarray, *starts: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    return x[_window(x, starts, sizes)].copy()


@implements("dynamic_update_slice")
def dynamic_update_slice(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[_window(x, starts, update.shape)] = update
    return out
