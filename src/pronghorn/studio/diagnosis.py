"""How a run's model does on the test data and what is in it: confusion, mistakes, weights, gradients, dead units."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops, tree
from pronghorn.engine.autodiff.tape import GradientTape
from pronghorn.studio.data_sets import DataSet, count_of, rows_of
from pronghorn.studio.files import histogram
from pronghorn.studio.inputs import picture_of
from pronghorn.studio.look_inside import layer_outputs
from pronghorn.studio.scores import class_shares

MOST_TESTED = 10_000
WHILE_TRAINING = 1_000  # test examples, so that training is not held up
_SAMPLE = 512  # examples that tell whether a unit is dead
_GRADIENT_SAMPLE = 128
_RELUS = ("relu", "relu6")


def test_results(model: Any, data: DataSet, most_wrong: int = 24, most: int = MOST_TESTED) -> dict[str, Any]:
    """How the model does on the test examples: the confusion matrix and the worst mistakes, or how far numbers are off.

    Args:
        model: the model.
        data: its data.
        most_wrong: how many mistakes are shown.
        most: how many test examples are looked at.
    """
    if not isinstance(data.y_test, np.ndarray):
        raise ValueError("An example has several targets here; how each does is told by the curves.")
    x = rows_of(data.x_test, slice(0, most))
    count = count_of(x)
    outputs = np.asarray(model.predict(x, batch_size=256, verbose=0), np.float64).reshape(count, -1)
    values = class_shares(outputs, len(data.classes))
    if values is None:
        truth = np.asarray(data.y_test[:count], np.float64).reshape(count, -1)
        keep = slice(0, 1000)
        off = np.abs(outputs[:, 0] - truth[:, 0])
        pairs = np.stack([truth[keep, 0], outputs[keep, 0]], axis=1)
        return {"pairs": np.round(pairs, 4).tolist(), "mean_error": float(off.mean()), "tested": count}
    truth = data.labels()[:count].astype(int)
    best, kinds = values.argmax(axis=1), len(data.classes)
    matrix = np.bincount(truth * kinds + best, minlength=kinds * kinds).reshape(kinds, kinds)
    wrong = np.flatnonzero(best != truth)
    rows = np.arange(count)
    surprise = values[rows, best] - values[rows, truth]
    worst = wrong[np.argsort(-surprise[wrong], kind="stable")][:most_wrong]
    return {
        "matrix": matrix.tolist(),
        "classes": list(data.classes),
        "tested": count,
        "right": int((best == truth).sum()),
        "worst": [_mistake(data, int(i), int(truth[i]), int(best[i]), values[i]) for i in worst],
    }


def _mistake(data: DataSet, number: int, truth: int, best: int, values: np.ndarray) -> dict[str, Any]:
    return {
        "example": number,
        "truth": truth,
        "best": best,
        "sure": round(float(values[best]), 4),
        "image": picture_of(data, number),
    }


def weight_histograms(model: Any, data: DataSet | None) -> list[dict[str, Any]]:
    """Histograms of each layer's weights, and of their gradients for some training examples.

    Args:
        model: a compiled model.
        data: where the examples are from; without any there are no gradients.
    """
    weights = [(layer, weight) for layer in model.layers for weight in layer.weights]
    gradients = {} if data is None else _gradients(model, data)
    shown: dict[str, dict[str, Any]] = {}
    for layer, weight in weights:
        entry = {
            "name": weight.path.rpartition("/")[2],
            "shape": list(weight.shape),
            "weights": histogram(_numbers(weight)),
        }
        gradient = gradients.get(id(weight))
        if gradient is not None:
            entry["gradients"] = histogram(gradient)
        shown.setdefault(layer.name, {"layer": layer.name, "arrays": []})["arrays"].append(entry)
    return list(shown.values())


def _numbers(weight: Any) -> np.ndarray:
    return np.array(weight.numpy(), np.float64)


def _gradients(model: Any, data: DataSet) -> dict[int, np.ndarray]:
    rows = slice(0, _GRADIENT_SAMPLE)
    variables = model.trainable_variables
    if not variables:
        return {}
    with GradientTape() as tape:
        x, y = (tree.map_structure(ops.convert_to_tensor, rows_of(part, rows)) for part in (data.x, data.y))
        loss = model.compute_loss(x=None, y=y, y_pred=model(x, training=False), training=False)
    found = tape.gradient(loss, variables)
    return {id(v): np.asarray(g, np.float64) for v, g in zip(variables, found) if g is not None}


def dead_units(model: Any, data: DataSet) -> list[dict[str, Any]]:
    """For each layer with ReLU, the units or filters that give 0 for every one of some test examples.

    Such a unit gets no gradient from them, so that training cannot bring it back.
    """
    relus = [layer for layer in model.layers if _is_relu(layer)]
    if not relus:
        return []
    outputs = layer_outputs(model, rows_of(data.x_test, slice(0, _SAMPLE)))
    found = []
    for layer in relus:
        if layer.name in outputs:
            values = outputs[layer.name]
            alive = np.any(values > 0, axis=tuple(range(values.ndim - 1)))
            dead = np.flatnonzero(~alive)
            unit = "filter" if values.ndim == 4 else "unit"
            found.append({"layer": layer.name, "unit": unit, "of": int(alive.size), "dead": dead[:200].tolist()})
    return found


def _is_relu(layer: Any) -> bool:
    function = getattr(layer, "activation", None)
    return type(layer).__name__ == "ReLU" or getattr(function, "__name__", "") in _RELUS
