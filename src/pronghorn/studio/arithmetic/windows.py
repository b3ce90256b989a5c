"""Convolutions and pooling: a window of the input, over one axis or two, and the filter that lies on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn.studio.arithmetic.explanation import Explanation, Place, Window, finished, numbers, rows
from pronghorn.studio.json_text import short

_MOST_CHANNELS = 6  # whose windows are shown


def conv(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a convolution: each channel's window times the filter's part for it."""
    kernel = _kernel(layer.kernel)
    window, corner = _window(layer, inputs, place, kernel.shape[:2])
    depth = kernel.shape[2]
    first = place[-1] // (kernel.shape[3] // layer.groups) * depth  # the channels of the filter's group
    return _filtered(layer, window[..., first : first + depth], kernel[..., place[-1]], place[-1], first, corner)


def depthwise(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a depthwise convolution: the window of one channel."""
    kernel = _kernel(layer.kernel)
    channel, which = divmod(place[-1], kernel.shape[-1])
    window, corner = _window(layer, inputs, place, kernel.shape[:2])
    weights = kernel[..., channel, which]
    total = float((np.nan_to_num(window[..., channel]) * weights).sum())
    shown = Window(channel, rows(window[..., channel]), rows(weights), short(total))
    bias = _bias(layer, place[-1])
    text = "Each channel has a filter of its own: the window's values are multiplied with it and added up."
    return finished(layer, Explanation(text, [shown], bias=bias, total=total + bias, place=corner))


def separable(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a separable convolution: a filter a channel, then a weighted sum over channels."""
    kernel, mixing = _kernel(layer.depthwise_kernel), _kernel(layer.pointwise_kernel)[0, 0]
    window, corner = _window(layer, inputs, place, kernel.shape[:2])
    sums = (np.nan_to_num(window)[..., None] * kernel).sum(axis=(0, 1))  # channels x filters of each
    weights = mixing[:, place[-1]].reshape(sums.shape)
    order = np.argsort(-np.abs(sums * weights), axis=None, kind="stable")[:_MOST_CHANNELS]
    shown, steps = [], []
    for channel, which in zip(*np.unravel_index(order, sums.shape)):
        seen, total = kernel[..., channel, which], sums[channel, which]
        shown.append(Window(int(channel), rows(window[..., channel]), rows(seen), short(total)))
        factor = weights[channel, which]
        steps.append([f"channel {channel}: {total:.4g} × {factor:.4g}", short(total * factor)])
    bias, products = _bias(layer, place[-1]), sums * weights
    rest = float(products.sum() - products.ravel()[order].sum())
    text = (
        "First each channel has a filter of its own, whose products with the window are added up. Then the sums of all "
        f"channels are weighed and added up for output {place[-1]}, and the bias is added."
    )
    if products.size > len(order):
        steps.append([f"the {products.size - len(order):,} others", short(rest)])
    found = Explanation(text, shown, steps=steps, bias=bias, total=float(products.sum()) + bias, place=corner)
    return finished(layer, found)


def transposed(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a transposed convolution: the inputs whose filters reach this place."""
    if getattr(layer, "output_padding", None) is not None:
        return Explanation("How a transposed convolution with an output_padding makes its values is not shown here.")
    inputs, where = _image(inputs), _two(place[:-1], 0)
    kernel = _kernel(layer.kernel)  # rows, columns, outputs, inputs
    strides, dilation = _two(layer.strides, 1), _two(layer.dilation_rate, 1)
    reaching = [
        list(_reaching(where[a], inputs.shape[a], kernel.shape[a], strides[a], dilation[a], layer.padding))
        for a in range(2)
    ]
    pairs = [list(zip(*one)) or [(), ()] for one in reaching]
    window = inputs[np.ix_(pairs[0][0], pairs[1][0])]
    weights = kernel[np.ix_(pairs[0][1], pairs[1][1])][..., place[-1], :]
    corner = None
    if all(one for one in reaching):
        (top, bottom), (left, right) = ((min(one[0]), max(one[0]) + 1) for one in pairs)
        corner = [int(top), int(left), int(bottom), int(right)]
    found = _filtered(layer, window, weights, place[-1], 0, corner)
    found.text = (
        f"Each input lays its filter, times its own value, over the output. {window.shape[0] * window.shape[1]} places "
        "of the input reach this one; their products are added up, and the bias is added."
    )
    return found


def pool(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a pooling layer: the largest of a window, or the mean."""
    window, corner = _window(layer, inputs, place, _two(layer.pool_size, 1))
    values = window[..., place[-1]]
    largest = isinstance(layer, layers.MaxPooling1D | layers.MaxPooling2D)
    value = float(np.nanmax(values) if largest else np.nanmean(values))
    kept = "largest value" if largest else "mean"
    text = f"Of the {_size(*values.shape)} values in the window of this map, the {kept} is kept."
    return Explanation(text, [Window(place[-1], rows(values))], value=short(value), place=corner)


def global_pool(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value of a global pooling layer: the largest or the mean of a whole map."""
    values = inputs[..., place[-1]]
    mean = isinstance(layer, layers.GlobalAveragePooling1D | layers.GlobalAveragePooling2D)
    value = float(values.mean() if mean else values.max())
    text = f"The {'mean' if mean else 'largest'} of all {values.size:,} values of this map."
    small = [Window(place[-1], rows(np.atleast_2d(values)))] if values.ndim <= 2 and values.size <= 400 else []
    return Explanation(text, small, value=short(value))


def _filtered(
    layer: Any, window: np.ndarray, weights: np.ndarray, unit: int, first: int, corner: list[int] | None
) -> Explanation:
    """The products of a window and a filter, rows x columns x channels, by channel."""
    products = np.nan_to_num(window) * weights
    sums = products.sum(axis=(0, 1))
    order = np.argsort(-np.abs(sums), kind="stable")[:_MOST_CHANNELS]
    shown = [Window(int(c) + first, rows(window[..., c]), rows(weights[..., c]), short(sums[c])) for c in order]
    bias = _bias(layer, unit)
    height, width, channels = weights.shape
    where = "its input" if channels == 1 else f"each of {channels} channels of its input"
    text = (
        f"Filter {unit} looks at a window of {_size(height, width)} values in {where}. Each value is multiplied "
        "with the weight at its place, all products are added up, and the bias is added."
    )
    rest, total = float(sums.sum() - sums[order].sum()), float(products.sum()) + bias
    found = Explanation(text, shown, left=rest, others=channels - len(order), bias=bias, total=total, place=corner)
    return finished(layer, found)


def _size(height: int, width: int) -> str:
    return f"{height}×{width}" if height > 1 else str(width)


def _bias(layer: Any, unit: int) -> float:
    return float(numbers(layer.bias)[unit]) if layer.use_bias else 0.0


def _two(values: Any, missing: int) -> tuple[int, int]:
    """A setting of one axis or two as one of two: a sequence is an image of one row."""
    found = (values,) if isinstance(values, int) else tuple(values)
    return (missing, int(found[0])) if len(found) == 1 else (int(found[0]), int(found[1]))


def _kernel(weight: Any) -> np.ndarray:
    """A kernel of one axis or two, and two of channels, as of two."""
    kernel = numbers(weight)
    return kernel[None] if kernel.ndim == 3 else kernel


def _image(inputs: np.ndarray) -> np.ndarray:
    """A sequence or an image as an image."""
    return inputs[None] if inputs.ndim == 2 else inputs


def _window(layer: Any, inputs: np.ndarray, place: Place, size: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """The window behind a place of the output, NaN beyond the edge, and its top, left, bottom and right."""
    inputs = _image(inputs)
    where, strides = _two(place[:-1], 0), _two(layer.strides, 1)
    dilation = _two(getattr(layer, "dilation_rate", 1), 1)
    starts, reach = [], []
    for axis in range(2):
        extent, covered = inputs.shape[axis], (size[axis] - 1) * dilation[axis] + 1
        before = 0
        if layer.padding == "same":
            steps = -(-extent // strides[axis])
            before = max(0, (steps - 1) * strides[axis] + covered - extent) // 2
        elif layer.padding == "causal" and axis == 1:
            before = covered - 1
        starts.append(where[axis] * strides[axis] - before)
        reach.append(covered)
    at = [starts[a] + np.arange(size[a]) * dilation[a] for a in range(2)]
    window = np.full((size[0], size[1], inputs.shape[2]), np.nan)
    for i, row in enumerate(at[0]):
        for j, column in enumerate(at[1]):
            if 0 <= row < inputs.shape[0] and 0 <= column < inputs.shape[1]:
                window[i, j] = inputs[row, column]
    return window, [int(starts[0]), int(starts[1]), int(starts[0] + reach[0]), int(starts[1] + reach[1])]


def _reaching(
    place: int, extent: int, size: int, stride: int, dilation: int, padding: str
) -> Iterator[tuple[int, int]]:
    """Which inputs reach a place of a transposed convolution's output, and by which place of the filter."""
    covered = (size - 1) * dilation + 1
    before = max(0, covered - stride) // 2 if padding == "same" else 0
    for tap in range(size):
        found, rest = divmod(place + before - tap * dilation, stride)
        if rest == 0 and 0 <= found < extent:
            yield found, tap
