"""Optimizers by name and by config."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.registration import get_registered_object

_MODULES = {
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "Ftrl": "ftrl",
    "Lamb": "lamb",
    "Lion": "lion",
    "LossScaleOptimizer": "loss_scale_optimizer",
    "Muon": "muon",
    "Nadam": "nadam",
    "RMSprop": "rmsprop",
    "SGD": "sgd",
    "ScheduleFreeAdamW": "schedule_free_adamw",
}
_BY_LOWER = {name.lower(): name for name in _MODULES}


def _class(name: str) -> type[Optimizer]:
    return getattr(importlib.import_module(f"pronghorn.optimizers.{_MODULES[name]}"), name)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer as a config.

    >>> from pronghorn import optimizers
    >>> serialize(optimizers.SGD(0.1))["class_name"]
    'SGD'
    """
    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """Return the optimizer of a config; capital letters in its class name do not matter.

    >>> type(deserialize({"class_name": "SGD", "config": {"learning_rate": 0.1}})).__name__
    'SGD'
    """
    name = config.get("class_name") if isinstance(config, dict) else None
    known = _BY_LOWER.get(name.lower()) if isinstance(name, str) else None
    if known is not None and known not in (custom_objects or {}):
        config = {**config, "class_name": known}
    classes = {known: _class(known)} if known else {}
    return deserialize_keras_object(config, module_objects=classes, custom_objects=custom_objects)


def get(identifier: Any) -> Optimizer | None:
    """Return an optimizer from its name, its config or itself.

    Raises:
        ValueError: if there is no optimizer of that name, with the nearest names.

    >>> type(get("adam")).__name__
    'Adam'
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _by_name(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, Optimizer):
        raise ValueError(f"The optimizer {identifier.__name__} is a class; pass an instance, {identifier.__name__}().")
    raise ValueError(
        f"{shown(identifier)} is no optimizer. An optimizer is a name, an instance of "
        "optimizers.Optimizer or a config of one."
    )


def _by_name(name: str) -> Optimizer:
    known = _BY_LOWER.get(name.lower())
    if known == "LossScaleOptimizer":
        raise ValueError("LossScaleOptimizer wraps another optimizer; pass LossScaleOptimizer(Adam()), not its name.")
    if known is not None:
        return _class(known)()

    found = get_registered_object(name)
    if found is None:
        raise ValueError(f"There is no optimizer called {shown(name)}{nearest_clause(name, [*_BY_LOWER, 'adamw'])}.")
    return found() if inspect.isclass(found) else found
