"""Layers that move values, scale them, apply a function to each, or join several inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn.studio.arithmetic.explanation import Explanation, Place, numbers
from pronghorn.studio.json_text import short


def moved(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value that is one of the input's, at another place."""
    numbered = np.arange(1, inputs.size + 1, dtype="float32").reshape(1, *inputs.shape)
    source = int(np.asarray(layer(numbered))[(0, *place)]) - 1
    if source < 0:
        return Explanation("Nothing is computed: this is an edge of zeros, which the layer puts around.", value=0.0)
    at = np.unravel_index(source, inputs.shape)
    where = ", ".join(str(int(i)) for i in at)
    return Explanation(f"Nothing is computed: this is the input's value at ({where}).", value=short(inputs[at]))


def same(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value that only training changes."""
    text = f"Once training is over, a {type(layer).__name__} layer passes every value on as it is."
    return Explanation(text, value=short(inputs[place]))


def rescaling(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value times a factor, and moved."""
    scale = float(np.broadcast_to(numbers(layer.scale), inputs.shape)[place])
    offset = float(np.broadcast_to(numbers(layer.offset), inputs.shape)[place])
    value = inputs[place] * scale + offset
    return Explanation(f"{inputs[place]:.4g} × {scale:.4g} + {offset:.4g} = {value:.4g}", value=short(value))


def batch_norm(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value beside the mean and the spread that its channel had in training."""
    channel = place[layer.axis if layer.axis < 0 else layer.axis - 1]
    mean, variance = (float(numbers(v)[channel]) for v in (layer.moving_mean, layer.moving_variance))
    gamma = float(numbers(layer.gamma)[channel]) if layer.scale else 1.0
    beta = float(numbers(layer.beta)[channel]) if layer.center else 0.0
    about = "the mean of its channel in training", "the channel's spread"
    return _normalized(inputs[place], mean, float(np.sqrt(variance + layer.epsilon)), gamma, beta, *about)


def normalization(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value beside the mean and the spread of the data that the layer was adapted to."""
    mean, variance = (
        float(np.broadcast_to(np.asarray(v, np.float64), (1, *inputs.shape))[(0, *place)])
        for v in (layer.mean, layer.variance)
    )
    if layer.invert:
        return Explanation("How a Normalization layer that goes back makes its values is not shown here.")
    spread = max(float(np.sqrt(variance)), 1e-7)
    return _normalized(inputs[place], mean, spread, 1.0, 0.0, "the data's mean here", "the data's spread here")


def layer_norm(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value beside the mean and the spread of its own example."""
    if getattr(layer, "rms_scaling", False):
        return Explanation("How a LayerNormalization with rms_scaling makes its values is not shown here.")
    axes, at = _group(layer, inputs, place)
    group, inside = inputs[at], tuple(place[a] for a in axes)
    centred = not isinstance(layer, layers.RMSNormalization)
    mean = float(group.mean()) if centred else 0.0
    spread = float(np.sqrt(((group - mean) ** 2).mean() + layer.epsilon))
    factors = (getattr(layer, "gamma", getattr(layer, "scale", None)), 1.0), (getattr(layer, "beta", None), 0.0)
    gamma, beta = (other if weight is None else float(numbers(weight)[inside]) for weight, other in factors)
    count = f"{group.size:,} values of this example"
    what = ("the mean of the " if centred else "nothing, where LayerNormalization takes the mean, of the ") + count
    return _normalized(inputs[place], mean, spread, gamma, beta, what, "their spread" if centred else "their size")


def unit_norm(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A value as a share of its row's length."""
    _, at = _group(layer, inputs, place)
    length = float(np.sqrt((inputs[at] ** 2).sum()))
    value = inputs[place] / max(length, 1e-12)
    text = f"The row has the length {length:.4g}: {inputs[place]:.4g} / {length:.4g} = {value:.4g}."
    return Explanation(text, value=short(value))


def _group(layer: Any, inputs: np.ndarray, place: Place) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The axes, without the batch, that a layer normalizes over, and where the values with this one among them are."""
    axes = tuple(int(a if a >= 0 else a + inputs.ndim + 1) - 1 for a in np.atleast_1d(layer.axis))
    return axes, tuple(slice(None) if a in axes else i for a, i in enumerate(place))


def _normalized(
    x: float, mean: float, spread: float, gamma: float, beta: float, mean_of: str, spread_of: str
) -> Explanation:
    centred, scaled = x - mean, (x - mean) / spread
    value = scaled * gamma + beta
    steps = [
        ["the input", x],
        [f"less {mean_of}, {mean:.4g}", centred],
        [f"divided by {spread_of}, {spread:.4g}", scaled],
    ]
    if gamma != 1:
        steps.append([f"times the learned factor, {gamma:.4g}", scaled * gamma])
    if beta != 0:
        steps.append([f"and the learned offset, {beta:.4g}", value])
    shown = [[what, short(number)] for what, number in steps]
    return Explanation("The value is brought near 0 and to size 1.", steps=shown, value=short(value))


def activation(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A function of a value."""
    value = float(np.asarray(layer(inputs[None].astype("float32")))[(0, *place)])
    if getattr(getattr(layer, "activation", None), "__name__", "") == "softmax" or isinstance(layer, layers.Softmax):
        text = f"exp({inputs[place]:.4g}), as a share of the sum of exp of all values of its row: {value:.4g}."
        return Explanation(text, value=short(value))
    return Explanation(f"A function of one value: {inputs[place]:.4g} becomes {value:.4g}.", value=short(value))


def merged(layer: Any, inputs: list[np.ndarray], place: Place) -> Explanation:
    """A value of several inputs at the same place."""
    what, compute = next((what, compute) for kind, what, compute in _MERGES if isinstance(layer, kind))
    values = [float(np.broadcast_to(one, np.broadcast_shapes(*(i.shape for i in inputs)))[place]) for one in inputs]
    steps = [[f"input {i}", short(v)] for i, v in enumerate(values, 1)]
    return Explanation(f"It takes {what} of its inputs at this place.", steps=steps, value=short(compute(values)))


def concatenated(layer: Any, inputs: list[np.ndarray], place: Place) -> Explanation:
    """A value of one of several inputs that stand one behind another."""
    axis = layer.axis if layer.axis < 0 else layer.axis - 1
    at = place[axis]
    for number, one in enumerate(inputs, 1):
        if at < one.shape[axis]:
            inside = list(place)
            inside[axis] = at
            where = ", ".join(map(str, inside))
            text = f"Nothing is computed: the inputs stand one behind another, and this is input {number} at ({where})."
            return Explanation(text, value=short(one[tuple(inside)]))
        at -= one.shape[axis]
    return Explanation("There is no such place.")


_MERGES = (
    (layers.Add, "the sum", sum),
    (layers.Subtract, "the difference", lambda values: values[0] - values[1]),
    (layers.Multiply, "the product", lambda values: float(np.prod(values))),
    (layers.Average, "the mean", lambda values: float(np.mean(values))),
    (layers.Maximum, "the largest", max),
    (layers.Minimum, "the smallest", min),
)
MERGING = tuple(kind for kind, _, _ in _MERGES)
