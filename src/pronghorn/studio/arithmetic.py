"""Where one value of a layer comes from: the window of the input, the filter, the products and their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn.studio.json_text import short

_MOST_CHANNELS = 6  # whose windows are shown
_MOST_TERMS = 14


@dataclass
class Window:
    """One channel of the window that a filter sees.

    Attributes:
        channel: its number in the input.
        inputs: the values, rows of them; None beyond the edge.
        weights: the filter's, beside them; empty for pooling.
        total: the sum of the products.
    """

    channel: int
    inputs: list[list[float | None]]
    weights: list[list[float]] = field(default_factory=list)
    total: float | None = None


@dataclass
class Explanation:
    """Where a value comes from.

    Attributes:
        text: in a sentence or two.
        windows: for convolutions and pooling, the channels that count most.
        terms: for dense layers, `[number, input, weight, product]` of the inputs that count most.
        left: what all others add up to.
        others: how many they are.
        bias: what is added.
        total: the sum.
        activation: the function that follows, if any.
        value: what comes out.
        place: top, left, bottom and right of the window in the input, the last two not in it.
    """

    text: str
    windows: list[Window] = field(default_factory=list)
    terms: list[list[Any]] = field(default_factory=list)
    left: float = 0.0
    others: int = 0
    bias: float | None = None
    total: float | None = None
    activation: str | None = None
    value: float | None = None
    place: list[int] | None = None


def explain(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> dict[str, Any]:
    """Explain one value of a layer's output.

    Args:
        layer: the layer.
        inputs: what it was given, without the batch.
        place: where the value is in its output, without the batch.

    Raises:
        ValueError: if there is no such place.
    """
    shape = tuple(layer.compute_output_shape((1, *inputs.shape)))[1:]
    if len(place) != len(shape) or not all(0 <= i < n for i, n in zip(place, shape)):
        raise ValueError(f"The output of {layer.name!r} has the shape {shape}; there is no value at {place}.")
    for kind, function in _EXPLAINED:
        if isinstance(layer, kind):
            return asdict(function(layer, np.asarray(inputs, np.float64), place))
    return asdict(Explanation(f"How a {type(layer).__name__} layer makes its values is not shown here."))


def _conv(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    kernel = np.asarray(layer.kernel, np.float64)
    bias = float(np.asarray(layer.bias)[place[-1]]) if layer.use_bias else 0.0
    if layer.groups != 1 or inputs.ndim != 3 or layer.data_format != "channels_last":
        return Explanation("How a convolution in groups makes its values is not shown here.")
    window, corner = _window(inputs, place, kernel.shape[:2], layer.strides, layer.padding, layer.dilation_rate)
    weights = kernel[..., place[-1]]
    products = np.nan_to_num(window) * weights
    sums = products.sum(axis=(0, 1))
    order = np.argsort(-np.abs(sums), kind="stable")[:_MOST_CHANNELS]
    shown = [Window(int(c), _rows(window[..., c]), _rows(weights[..., c]), short(sums[c])) for c in order]
    total = float(products.sum()) + bias
    rows, columns, channels = weights.shape
    text = (
        f"Filter {place[-1]} looks at a window of {rows}×{columns} values in "
        f"{'its input' if channels == 1 else f'each of the {channels} channels of its input'}. "
        "Each value is multiplied with the weight at its "
        "place, all products are added up, and the bias is added."
    )
    rest = float(sums.sum() - sums[order].sum())
    return _finished(layer, Explanation(text, shown, [], rest, channels - len(order), bias, total, place=corner))


def _depthwise(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    kernel = np.asarray(layer.kernel, np.float64)
    channel, which = divmod(place[-1], kernel.shape[-1])
    bias = float(np.asarray(layer.bias)[place[-1]]) if layer.use_bias else 0.0
    window, corner = _window(inputs, place, kernel.shape[:2], layer.strides, layer.padding, layer.dilation_rate)
    weights = kernel[..., channel, which]
    total = float((np.nan_to_num(window[..., channel]) * weights).sum())
    shown = Window(channel, _rows(window[..., channel]), _rows(weights), short(total))
    text = "Each channel has a filter of its own: the window's values are multiplied with it and added up."
    return _finished(layer, Explanation(text, [shown], bias=bias, total=total + bias, place=corner))


def _dense(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    row = inputs[place[:-1]]
    weights = np.asarray(layer.kernel, np.float64)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(weights.shape[1])
    products = row * weights[:, place[-1]]
    order = np.argsort(-np.abs(products), kind="stable")[:_MOST_TERMS]
    terms = [[int(i), *map(short, (row[i], weights[i, place[-1]], products[i]))] for i in order]
    sums = row @ weights + bias
    text = (
        f"Unit {place[-1]} multiplies each of its {len(row):,} inputs with a weight of its own, adds the products up, "
        "and adds its bias."
    )
    rest = float(products.sum() - products[order].sum())
    found = Explanation(text, [], terms, rest, len(row) - len(order), float(bias[place[-1]]), float(sums[place[-1]]))
    return _finished(layer, found, sums, place[-1])


def _pool(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    window, corner = _window(inputs, place, layer.pool_size, layer.strides, layer.padding, (1, 1))
    values = window[..., place[-1]]
    largest = isinstance(layer, layers.MaxPooling2D)
    value = float(np.nanmax(values) if largest else np.nanmean(values))
    kept = "largest value" if largest else "mean"
    text = f"Of the {values.shape[0]}×{values.shape[1]} values in the window of this map, the {kept} is kept."
    return Explanation(text, [Window(place[-1], _rows(values))], value=short(value), place=corner)


def _global_pool(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    values = inputs[..., place[-1]]
    mean = isinstance(layer, layers.GlobalAveragePooling2D)
    value = float(values.mean() if mean else values.max())
    text = f"The {'mean' if mean else 'largest'} of all {values.size:,} values of this map."
    small = [Window(place[-1], _rows(values))] if values.ndim == 2 and values.size <= 400 else []
    return Explanation(text, small, value=short(value))


def _flatten(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    shape = tuple(layer.compute_output_shape((1, *inputs.shape)))[1:]
    source = np.unravel_index(int(np.ravel_multi_index(place, shape)), inputs.shape)
    where = ", ".join(str(int(i)) for i in source)
    return Explanation(f"Nothing is computed: this is the input's value at ({where}).", value=short(inputs[source]))


def _same(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    text = f"Once training is over, a {type(layer).__name__} layer passes every value on as it is."
    return Explanation(text, value=short(inputs[place]))


def _rescaling(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    scale = float(np.broadcast_to(np.asarray(layer.scale, np.float64), inputs.shape)[place])
    offset = float(np.broadcast_to(np.asarray(layer.offset, np.float64), inputs.shape)[place])
    value = inputs[place] * scale + offset
    text = f"{inputs[place]:.4g} × {scale:.4g} + {offset:.4g} = {value:.4g}"
    return Explanation(text, value=short(value))


def _batch_norm(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    channel = place[-1]
    mean, variance = (float(np.asarray(v)[channel]) for v in (layer.moving_mean, layer.moving_variance))
    gamma = float(np.asarray(layer.gamma)[channel]) if layer.scale else 1.0
    beta = float(np.asarray(layer.beta)[channel]) if layer.center else 0.0
    value = (inputs[place] - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta
    text = (
        f"The channel's mean {mean:.4g} is taken away from {inputs[place]:.4g}, the rest is divided by its spread "
        f"{np.sqrt(variance + layer.epsilon):.4g}, multiplied with {gamma:.4g}, and {beta:.4g} is added: {value:.4g}."
    )
    return Explanation(text, value=short(value))


def _activation(layer: Any, inputs: np.ndarray, place: tuple[int, ...]) -> Explanation:
    value = float(np.asarray(layer(inputs[None].astype("float32")))[(0, *place)])
    return Explanation(f"A function of one value: {inputs[place]:.4g} becomes {value:.4g}.", value=short(value))


_TRAINING_ONLY = (
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.AlphaDropout,
)
#: In the order in which they are tried.
_EXPLAINED: tuple[tuple[Any, Callable[[Any, np.ndarray, tuple[int, ...]], Explanation]], ...] = (
    (layers.DepthwiseConv2D, _depthwise),
    (layers.Conv2D, _conv),
    (layers.Dense, _dense),
    ((layers.MaxPooling2D, layers.AveragePooling2D), _pool),
    ((layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D), _global_pool),
    ((layers.Flatten, layers.Reshape), _flatten),
    (_TRAINING_ONLY, _same),
    (layers.Rescaling, _rescaling),
    (layers.BatchNormalization, _batch_norm),
    ((layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax), _activation),
)


def _window(
    inputs: np.ndarray, place: tuple[int, ...], size: Any, strides: Any, padding: str, dilation: Any
) -> tuple[np.ndarray, list[int]]:
    """The window behind a place of the output, NaN beyond the edge, and its top, left, bottom and right."""
    starts, reach = [], []
    for axis in range(2):
        extent, covered = inputs.shape[axis], (size[axis] - 1) * dilation[axis] + 1
        before = 0
        if padding == "same":
            steps = -(-extent // strides[axis])
            before = max(0, (steps - 1) * strides[axis] + covered - extent) // 2
        starts.append(place[axis] * strides[axis] - before)
        reach.append(covered)
    rows, columns = (starts[a] + np.arange(size[a]) * dilation[a] for a in range(2))
    window = np.full((size[0], size[1], inputs.shape[2]), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if 0 <= row < inputs.shape[0] and 0 <= column < inputs.shape[1]:
                window[i, j] = inputs[row, column]
    return window, [int(starts[0]), int(starts[1]), int(starts[0] + reach[0]), int(starts[1] + reach[1])]


def _finished(layer: Any, found: Explanation, sums: np.ndarray | None = None, which: int = 0) -> Explanation:
    """The activation behind a sum; one such as softmax needs the sums of all units."""
    name = getattr(layer.activation, "__name__", "linear")
    values = np.array([found.total]) if sums is None else sums
    value = np.asarray(layer.activation(values.astype("float32")[None]))[0]
    found.activation = None if name == "linear" else name
    found.value = short(value[which])
    found.total, found.left = short(found.total), short(found.left) or 0.0
    found.bias = None if found.bias is None or not layer.use_bias else short(found.bias)
    return found


def _rows(values: np.ndarray) -> list[list[Any]]:
    return [[short(v) for v in row] for row in values]
