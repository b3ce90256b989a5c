"""What Keras 2 wrote of a compiled model: its losses, metrics and optimizer, and the optimizer's state."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.serialization.objects import deserialize_keras_object

_GONE = ("jit_compile", "is_legacy_optimizer", "decay", "schedule_decay")
# Words in the names of states that stand for one number, and not for a weight's state.
_COUNTERS = ("iter", "iteration", "iterations", "learning_rate", "decay", "beta_1", "beta_2", "momentum_cache")


def training_arguments(training: dict[str, Any], model: Any, custom_objects: Any) -> dict[str, Any]:
    """The arguments of `compile` that a file describes.

    Args:
        training: the file's ``training_config``.
        model: the model, for the names of its outputs.
        custom_objects: the user's classes and functions by name.

    Raises:
        ValueError: for what is not known.
    """
    optimizer = training["optimizer_config"]
    return {
        "optimizer": _optimizer(optimizer, custom_objects),
        "loss": _each(training.get("loss"), "keras.losses", custom_objects),
        "metrics": _metrics(training.get("metrics"), custom_objects),
        "weighted_metrics": _metrics(training.get("weighted_metrics"), custom_objects),
        "loss_weights": training.get("loss_weights"),
    }


def _optimizer(config: Any, custom_objects: Any) -> Any:
    if isinstance(config, str):
        return config
    name = config["class_name"].rpartition(">")[2]
    inner = {k: v for k, v in config["config"].items() if k not in _GONE}
    if "lr" in inner:
        inner["learning_rate"] = inner.pop("lr")
    rate = inner.get("learning_rate")
    if isinstance(rate, dict) and not rate.get("module"):
        inner["learning_rate"] = _entry("keras.optimizers.schedules", rate)
    return deserialize_keras_object(
        {"module": "keras.optimizers", "class_name": name, "config": inner, "registered_name": None}, custom_objects
    )


def _entry(module: str, config: dict[str, Any]) -> dict[str, Any]:
    name = config["class_name"].rpartition(">")[2]
    return {"module": module, "class_name": name, "config": config["config"], "registered_name": None}


def _each(spec: Any, module: str, custom_objects: Any) -> Any:
    """Losses or metrics: names, objects, or lists or dicts of them."""
    if isinstance(spec, dict) and "class_name" in spec and "config" in spec:
        config = spec if spec.get("module") else _entry(module, spec)
        if config["module"] == "keras.losses" and isinstance(config["config"], dict):
            config = {**config, "config": _loss(config["config"])}
        return deserialize_keras_object(config, custom_objects)
    if isinstance(spec, dict):
        return {key: _each(value, module, custom_objects) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_each(value, module, custom_objects) for value in spec]
    return spec


def _loss(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a loss: Keras 2 notes its function beside its class, and has a word for what is usual."""
    new = {key: value for key, value in config.items() if key != "fn"}
    return {**new, "reduction": "sum_over_batch_size"} if new.get("reduction") == "auto" else new


def _metrics(spec: Any, custom_objects: Any) -> Any:
    if isinstance(spec, list) and len(spec) == 1 and isinstance(spec[0], list):
        spec = spec[0]  # a list for each output, and one output
    if isinstance(spec, dict) and spec.get("class_name") == "MeanMetricWrapper":
        # a metric that was given by its name; the function may have been chosen by the shapes of the targets
        inner = spec["config"]
        return inner["name"] if inner["name"] in ("accuracy", "acc", "crossentropy", "ce") else inner["fn"]
    if isinstance(spec, list):
        return [_metrics(entry, custom_objects) for entry in spec]
    if isinstance(spec, dict) and "class_name" not in spec:
        return {key: _metrics(value, custom_objects) for key, value in spec.items()}
    return _each(spec, "keras.metrics", custom_objects)


# -- state ------------------------------------------------------------------------------------------------------------
def write_optimizer(optimizer: Any, group: Any, write: Callable[[Any, Sequence[str], Sequence[Any]], None]) -> None:
    """Write the state of an optimizer.

    Args:
        optimizer: a built optimizer.
        group: an open, empty group.
        write: writes named arrays into a group.
    """
    variables = optimizer.variables
    write(group, [v.path for v in variables], [v.numpy() for v in variables])


def read_optimizer(optimizer: Any, names: Sequence[str], values: Sequence[np.ndarray]) -> bool:
    """Set the state of an optimizer; False, and nothing is changed, where the file's is of another kind.

    Args:
        optimizer: a built optimizer.
        names: of the arrays, as Keras 2 or 3 call them.
        values: the arrays.
    """
    own = list(optimizer.variables)
    if len(own) == len(values) and all(tuple(v.shape) == a.shape for v, a in zip(own, values)):
        for variable, value in zip(own, values):  # written by Keras 3: the same variables in the same order
            variable.assign(value)
        return True
    slots = [v for v in own[2:] if v.name not in _COUNTERS]
    stored = [(n, a) for n, a in zip(names, values) if not _is_counter(n)]
    steps = next((a for n, a in zip(names, values) if _last(n).startswith("iter")), None)
    pairs = _by_kind(slots, stored, len(optimizer._trainable_variables))
    if not slots:  # SGD of late Keras 2 writes momenta that it does not use
        pairs = []
    if steps is None or steps.size != 1 or pairs is None:
        return False
    optimizer.iterations.assign(int(steps.reshape(())))
    for variable, value in pairs:
        variable.assign(value)
    return True


def _last(name: str) -> str:
    return re.sub(r":\d+$", "", name).rpartition("/")[2]


def _is_counter(name: str) -> bool:
    return _last(name) in _COUNTERS


def _by_kind(slots: list[Any], stored: list[tuple[str, np.ndarray]], weights: int) -> list[tuple[Any, Any]] | None:
    """Our states and the file's in pairs: those of each kind (Adam's means, its variances) in the weights' order."""
    if len(slots) != len(stored) or not weights or len(slots) % weights:
        return None
    kinds = len(slots) // weights
    ours = [slots[i::kinds] for i in range(kinds)]  # for each weight its states, one after the other
    names = list(dict.fromkeys(map(_kind, (n for n, _ in stored))))
    if len(names) == kinds:
        theirs = [[a for n, a in stored if _kind(n) == kind] for kind in names]
    else:
        arrays = [a for _, a in stored]
        theirs = [arrays[i::kinds] for i in range(kinds)]
    pairs = [pair for own, found in zip(ours, theirs) for pair in zip(own, found)]
    fits = all(tuple(variable.shape) == array.shape for variable, array in pairs)
    return pairs if fits and len(pairs) == len(slots) else None


def _kind(name: str) -> str:
    """The kind of state that a name says: ``Adam/m/dense/kernel:0``, or ``Adam/dense/kernel/m:0`` in older files."""
    parts = re.sub(r":\d+$", "", name).split("/")
    return parts[1] if len(parts) > 2 and parts[1] in _KINDS else parts[-1]


_KINDS = ("m", "v", "vhat", "momentum", "velocity", "accumulator", "accumulated_grad", "accumulated_delta_var", "u")
