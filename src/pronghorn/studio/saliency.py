"""Which parts of an input a prediction rests on: integrated gradients and Grad-CAM."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import layers, models, ops, tree
from pronghorn.engine.autodiff.tape import GradientTape
from pronghorn.studio.drawing import resized
from pronghorn.studio.look_inside import layer_outputs
from pronghorn.studio.scores import is_one_of_two

STEPS = 32


def integrated_gradients(model: Any, x: np.ndarray, target: int, classes: int = 0, steps: int = STEPS) -> np.ndarray:
    """How much each value of an input adds to an output (Sundararajan, Taly and Yan, arXiv 1703.01365).

    The gradients on the way from an input of zeros to this one are averaged and multiplied with the way. The result
    adds up, nearly, to what the output for the input has more than that for zeros.

    Args:
        model: the model.
        x: the input, shape `(1, ...)`.
        target: which output, such as the number of a class.
        classes: how many there are; one output may tell two apart.
        steps: how many places on the way are looked at.

    Returns:
        float32, shape of one input.
    """
    _check_one_input(model)
    if any(isinstance(layer, layers.Embedding) for layer in model.layers[:2]):
        raise ValueError(
            "The input is numbers of words; no gradient reaches those, so no word can be weighed this way."
        )
    x = np.asarray(x, np.float32)
    shares = ((np.arange(steps, dtype=np.float32) + 0.5) / steps).reshape(-1, *[1] * (x.ndim - 1))
    way = ops.convert_to_tensor(x * shares)
    with GradientTape() as tape:
        tape.watch(way)
        score = ops.sum(_score(model(way, training=False), target, classes))
    gradient = np.asarray(tape.gradient(score, way))
    return (gradient.mean(axis=0) * x[0]).astype(np.float32)


def grad_cam(model: Any, x: np.ndarray, target: int, classes: int = 0) -> tuple[np.ndarray, str]:
    """Where in an image the last feature maps speak for an output (Selvaraju et al., arXiv 1610.02391).

    Args:
        model: a sequential or functional model with feature maps.
        x: the image, shape `(1, height, width, channels)`.
        target: which output.
        classes: as above.

    Returns:
        Shape `(height, width)`, 0 to 1, and the name of the layer whose maps were taken.

    Raises:
        ValueError: if the model has no feature maps.
    """
    _check_one_input(model)
    layer = next((one for one in reversed(model.layers) if _has_maps(one)), None)
    if layer is None:
        raise ValueError("Grad-CAM needs a layer with feature maps, such as a Conv2D; this model has none.")
    back = models.Model(layer.output, model.outputs[0])
    maps = ops.convert_to_tensor(layer_outputs(model, np.asarray(x, np.float32))[layer.name])
    with GradientTape() as tape:
        tape.watch(maps)
        score = ops.sum(ops.log(ops.maximum(_score(back(maps, training=False), target, classes), 1e-7)))
    weights = np.asarray(tape.gradient(score, maps)).mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((np.asarray(maps) * weights).sum(axis=-1)[0], 0)
    heat = heat / heat.max() if heat.max() > 0 else heat
    return resized(heat.astype(np.float32), *x.shape[1:3]), layer.name


def _check_one_input(model: Any) -> None:
    if len(model.inputs) != 1:
        raise ValueError(
            f"What an answer rests on is shown for models with one input; this one has {len(model.inputs)}."
        )


def _score(outputs: Any, target: int, classes: int) -> Any:
    first = tree.flatten(outputs)[0]
    flat = ops.reshape(first, (first.shape[0], -1))
    if is_one_of_two(int(flat.shape[1]), classes):
        return flat[:, 0] if target else 1 - flat[:, 0]
    return flat[:, target]


def _has_maps(layer: Any) -> bool:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return False
    return len(shape) == 4 and min(shape[1:3]) > 1 and bool(getattr(layer, "weights", ()))
