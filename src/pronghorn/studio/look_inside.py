"""What a model makes of one input: predictions, and what comes out of every layer."""

from __future__ import annotations

import base64
import time
import weakref
from typing import Any

import numpy as np

from pronghorn import models, tree
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.inputs import picture, picture_of
from pronghorn.studio.json_text import short
from pronghorn.studio.scores import class_shares

MOST_MAPS = 64
MOST_VALUES = 512
_DIGITS = 4  # of the many numbers that are sent

_features: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def predict(model: Any, data: DataSet, x: Any) -> dict[str, Any]:
    """The prediction for one input, with its bars; the first, where a model makes several.

    Args:
        model: the model.
        data: whose classes it tells apart.
        x: the input, shape `(1, ...)`, or a list or dict of several.
    """
    began = time.perf_counter()
    output = np.asarray(tree.flatten(model.predict_on_batch(x))[0], np.float64)[0]
    ms = 1e3 * (time.perf_counter() - began)
    shares = class_shares(output.reshape(1, -1), len(data.classes))
    values = output.reshape(-1) if shares is None else shares[0]
    return {
        "values": [short(v, _DIGITS) for v in values[:1000]],
        "best": int(values.argmax()),
        "ms": round(ms, 3),
        "output": picture(output, max(1.0, float(output.max()))) if _is_image(output) else None,
        "input": picture_of(data, x[0]) if data.has_one_input else None,
    }


def _is_image(output: np.ndarray) -> bool:
    return output.ndim == 3 and output.shape[-1] in (1, 3) and min(output.shape[:2]) > 1


def layer_outputs(model: Any, x: Any) -> dict[str, np.ndarray]:
    """What every layer gives for inputs, by its name.

    Args:
        model: a sequential or functional model.
        x: inputs, shape `(n, ...)`, or a list or dict of several.
    """
    if model not in _features:
        named = {layer.name: layer.output for layer in model.layers if _has_one_output(layer)}
        _features[model] = (list(named), models.Model(model.input, list(named.values())))
    names, features = _features[model]
    outputs = features.predict_on_batch(x)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    return dict(zip(names, map(np.asarray, outputs)))


def _has_one_output(layer: Any) -> bool:
    try:
        return hasattr(layer.output, "shape")
    except (AttributeError, ValueError):
        return False  # it is called twice, or by another's code


def feature_maps(model: Any, x: Any) -> list[dict[str, Any]]:
    """What every layer makes of one input, for the page: maps as pictures, rows as numbers.

    Args:
        model: a sequential or functional model.
        x: the input, shape `(1, ...)`.
    """
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    shown = []
    for name, output in layer_outputs(model, x).items():
        value = output[0]
        entry: dict[str, Any] = {"name": name, "kind": kinds[name], "shape": list(value.shape)}
        low, high = float(np.min(value, initial=0.0)), float(np.max(value, initial=0.0))
        entry |= {"low": short(low, _DIGITS), "high": short(high, _DIGITS)}
        if value.ndim == 3 and kinds[name] != "InputLayer":
            entry["maps"] = [_grey(value[..., i], low, high) for i in range(min(value.shape[-1], MOST_MAPS))]
        elif value.ndim == 2:  # a row a step
            entry["maps"] = [_grey(value, low, high)]
        elif value.ndim <= 1:
            entry["values"] = [short(v, _DIGITS) for v in value.ravel()[:MOST_VALUES]]
        shown.append(entry)
    return shown


def _grey(channel: np.ndarray, low: float, high: float) -> str:
    """A map's bytes in base64: black is the layer's smallest value, white its largest."""
    scaled = (channel - low) * (255.0 / (high - low)) if high > low else np.zeros_like(channel)
    return base64.b64encode(np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)).decode("ascii")
