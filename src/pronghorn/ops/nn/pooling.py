"""Pooling over windows, and adaptive pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable, may_be_positive
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.geometry import (
    channels_first,
    from_channels_last,
    leaves_empty,
    padding_pairs,
    per_axis,
    spatial_rank,
    to_channels_last,
)
from pronghorn.ops.numpy.reductions import mean_of
from pronghorn.ops.numpy.shaping import part


@symbolic_aware
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """The greatest element of each window.

    Args:
        inputs: ``[n, *spatial, c]``; ``[n, c, *spatial]`` for "channels_first".
        pool_size: the window's extent: one number, or one an axis.
        strides: step between windows; ``pool_size`` by default.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one by default.

    >>> from pronghorn import ops
    >>> max_pool(ops.convert_to_tensor([[[1.0], [3.0], [2.0], [0.0]]]), 2).numpy().ravel()
    array([3., 2.], dtype=float32)
    """
    x = B.convert(inputs)
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    for geometry in _by_axes(_geometry("max_pool", x, pool_size, strides, padding)):
        x = P.window_max(x, **geometry)
    return from_channels_last(x, first)


def _by_axes(geometry: dict[str, Any]) -> list[dict[str, Any]]:
    """Windows along one axis each that give the same maxima one after the other, where that halves the comparisons.

    The last axis comes first: of equal elements, the first in the order of memory gets the gradient either way.

    >>> how = {"strides": (1, 1, 1, 1), "padding": ((0, 0),) * 4, "dilation": (1,) * 4}
    >>> [part["window"] for part in _by_axes({"window": (1, 5, 5, 1), **how})]
    [(1, 1, 5, 1), (1, 5, 1, 1)]
    >>> len(_by_axes({"window": (1, 2, 2, 1), **how}))
    1
    """
    window, strides = geometry["window"], geometry["strides"]
    axes = [axis for axis, k in enumerate(window) if k > 1 or strides[axis] > 1]
    apart = sum(window[axis] * math.prod(strides[:axis]) for axis in axes)
    if len(axes) < 2 or 2 * apart > math.prod(window):
        return [geometry]
    plain = {"window": 1, "strides": 1, "padding": (0, 0), "dilation": 1}

    def only(along: int) -> dict[str, Any]:
        return {
            name: tuple(value if axis == along else plain[name] for axis, value in enumerate(values))
            for name, values in geometry.items()
        }

    return [only(axis) for axis in reversed(axes)]


def _geometry(name: str, x: Tensor, pool_size: Any, strides: Any, padding: str) -> dict[str, Any]:
    """The parameters of a window primitive over all axes of ``[n, *spatial, c]``."""
    rank = spatial_rank(name, x)
    window = per_axis(pool_size, rank, name, "pool_size")
    steps = window if strides is None else per_axis(strides, rank, name, "strides")
    pairs = padding_pairs(name, padding, x.shape[1:-1], window, steps, (1,) * rank)
    for axis, (size, k, (low, high)) in enumerate(zip(x.shape[1:-1], window, pairs)):
        if comparable(size) and k > size + low + high and not leaves_empty(size, padding):
            raise ValueError(
                f"{name}: along spatial axis {axis} the window has {k} elements, but the inputs only {size}. Use a "
                "smaller pool_size, padding='same', or larger inputs."
            )
    return {
        "window": (1, *window, 1),
        "strides": (1, *steps, 1),
        "padding": ((0, 0), *pairs, (0, 0)),
        "dilation": (1,) * (rank + 2),
    }


@symbolic_aware
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """The mean of each window; what "same" adds at the edges does not count.

    Args:
        inputs: ``[n, *spatial, c]``; ``[n, c, *spatial]`` for "channels_first".
        pool_size: see `max_pool`.
        strides: see `max_pool`.
        padding: see `max_pool`.
        data_format: see `max_pool`.

    Example:

    >>> average_pool([[[1.0], [3.0], [5.0], [7.0]]], 2).numpy().ravel()
    array([2., 6.], dtype=float32)
    """
    x = B.to_float(inputs)
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    geometry = _geometry("average_pool", x, pool_size, strides, padding)
    total = P.window_sum(x, **geometry)
    if not any(may_be_positive(pad) for pair in geometry["padding"] for pad in pair):
        count = B.full_like(total, int(np.prod(geometry["window"])))
    else:
        count = _window_counts(x, total, geometry)
    return from_channels_last(P.div(total, count), first)


def _window_counts(x: Tensor, total: Tensor, geometry: dict[str, Any]) -> Tensor:
    """How many elements of ``x`` each window holds: the same for every sample and channel."""
    spatial = tuple(x.shape[1:-1])
    if all(isinstance(n, int) for n in spatial):
        axes = [
            _axis_counts(n, k, s, pair)
            for n, k, s, pair in zip(
                spatial, geometry["window"][1:-1], geometry["strides"][1:-1], geometry["padding"][1:-1]
            )
        ]
        counts = axes[0]
        for more in axes[1:]:
            counts = counts[..., None] * more
        constant = tensor_of(counts[None, ..., None].astype(dtypes.to_numpy(x.dtype)))
        return B.broadcast_to(constant, total.shape)
    ones = B.full((1, *spatial, 1), 1, x.dtype)
    return B.broadcast_to(P.window_sum(ones, **geometry), total.shape)


def _axis_counts(size: int, window: int, stride: int, padding: tuple[int, int]) -> np.ndarray:
    low, high = padding
    outputs = (size + low + high - window) // stride + 1
    start = np.arange(outputs) * stride - low
    return np.minimum(start + window, size) - np.maximum(start, 0)


# -- adaptive ---------------------------------------------------------------------------------------------------------
@symbolic_aware
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The means of windows chosen so that the output has the spatial extents ``output_size``.

    Args:
        inputs: ``[n, *spatial, c]``; ``[n, c, *spatial]`` for "channels_first".
        output_size: the output's extents: one number, or one an axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    >>> import numpy as np
    >>> adaptive_average_pool(np.ones((1, 7, 5, 3), "float32"), (3, 2)).shape
    (1, 3, 2, 3)
    """
    return _adaptive("adaptive_average_pool", B.to_float(inputs), output_size, data_format, _mean_part)


@symbolic_aware
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The greatest elements of windows chosen so that the output has the spatial extents ``output_size``.

    >>> adaptive_max_pool([[[1.0], [4.0], [2.0], [3.0]]], 2).numpy().ravel()
    array([4., 3.], dtype=float32)
    """
    return _adaptive("adaptive_max_pool", B.convert(inputs), output_size, data_format, _max_part)


def _mean_part(x: Tensor, axis: int) -> Tensor:
    return mean_of(x, (axis,), keepdims=True)


def _max_part(x: Tensor, axis: int) -> Tensor:
    return B.keep_dims(P.reduce_max(x, axes=(axis,)), (axis,), x.ndim)


def _adaptive(name: str, x: Tensor, output_size: Any, data_format: Any, reduce: Any) -> Tensor:
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    rank = spatial_rank(name, x)
    for axis, outputs in enumerate(per_axis(output_size, rank, name, "output_size"), start=1):
        size = int(x.shape[axis])
        if size % outputs == 0:  # windows of one size side by side
            split = (*x.shape[:axis], outputs, size // outputs, *x.shape[axis + 1 :])
            wide = reduce(P.reshape(x, shape=split), axis + 1)
            x = P.reshape(wide, shape=(*x.shape[:axis], outputs, *x.shape[axis + 1 :]))
            continue
        bounds = [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]
        x = P.concatenate(*(reduce(part(x, axis, lo, hi), axis) for lo, hi in bounds), axis=axis)
    return from_channels_last(x, first)
