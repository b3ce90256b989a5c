"""Window reductions over all axes and their gradients.

A window's sum and maximum are taken axis by axis, so a window of a x b costs a + b passes. The position of the maximum
is its index in the window in row-major order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy import extremes
from pronghorn.engine.backends.numpy.geometry import Pairs, padded, taps, unpadded
from pronghorn.engine.backends.numpy.reduction import least
from pronghorn.engine.backends.numpy.registry import implements, widened
from pronghorn.engine.graph.primitives.window import window_shape

Ints = tuple[int, ...]


def _along(axis: int, at: slice) -> tuple[slice, ...]:
    return (*([slice(None)] * axis), at)


def _reduce(
    x: np.ndarray, combine: Callable[..., Any], fill: Any, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
) -> np.ndarray:
    x = padded(x, padding, fill)
    for axis, (size, stride, step) in enumerate(zip(window, strides, dilation)):
        if size == 1 and stride == 1:
            continue
        count = (x.shape[axis] - (size - 1) * step - 1) // stride + 1
        total: np.ndarray | None = None
        for _, (where,) in taps((size,), (count,), (stride,), (step,)):
            read = x[_along(axis, where)]
            total = read if total is None else combine(total, read)
        x = total
    return x


@implements("window_sum")
@widened
def window_sum(x: np.ndarray, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> np.ndarray:
    return _reduce(x, np.add, 0, window, strides, padding, dilation)


@implements("window_max")
@widened
def window_max(x: np.ndarray, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> np.ndarray:
    """The maximum of each window, NaN if there is one; of padding alone, the least value of the type."""
    return _reduce(x, extremes.maximum, least(x.dtype), window, strides, padding, dilation)


@implements("window_argmax")
@widened
def window_argmax(x: np.ndarray, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> np.ndarray:
    """The position in its window of each window's first maximum or first NaN; padding is never chosen."""
    out = window_shape(x.shape, window, strides, padding, dilation)
    inside = padded(np.ones(x.shape, bool), padding, False)
    x = padded(x, padding, least(x.dtype))
    best, chosen, position = np.zeros(out, x.dtype), np.zeros(out, bool), np.zeros(out, np.int32)
    for index, (_, where) in enumerate(taps(window, out, strides, dilation)):
        read = x[where]
        better = inside[where] & (~chosen | (read > best) | ((read != read) & (best == best)))
        best, chosen = np.where(better, read, best), chosen | better
        position[better] = index
    return position


@implements("window_sum_grad")
@widened
def window_sum_grad(
    g: np.ndarray, *, input_shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
) -> np.ndarray:
    """The transpose of `window_sum`: each element gets the sum of the gradients of the windows it is in."""
    for axis, (size, stride, step) in enumerate(zip(window, strides, dilation)):
        if size == 1 and stride == 1:
            continue
        shape = list(g.shape)
        shape[axis] = input_shape[axis] + sum(padding[axis])
        total = np.zeros(shape, g.dtype)
        for _, (where,) in taps((size,), (g.shape[axis],), (stride,), (step,)):
            total[_along(axis, where)] += g
        g = total
    return unpadded(g, padding)


@implements("unpool")
@widened
def unpool(
    g: np.ndarray, argmax: np.ndarray, *, input_shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
) -> np.ndarray:
    """Add each window's ``g`` to the element at its position ``argmax``."""
    total = np.zeros([n + lo + hi for n, (lo, hi) in zip(input_shape, padding)], g.dtype)
    for index, (_, where) in enumerate(taps(window, g.shape, strides, dilation)):
        total[where] += np.where(argmax == index, g, 0)
    return unpadded(total, padding)


@implements("pool_gather")
def pool_gather(
    x: np.ndarray, argmax: np.ndarray, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
) -> np.ndarray:
    """Each window's element at its position ``argmax``; 0 where that is padding."""
    x = padded(x, padding)
    out = np.zeros(argmax.shape, x.dtype)
    for index, (_, where) in enumerate(taps(window, argmax.shape, strides, dilation)):
        out = np.where(argmax == index, x[where], out)
    return out
