"""The settings of `compile` as texts, which several processes can compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

# What `compile` was given and each step depends on; metrics show in the step itself.
_ARGUMENTS = ("loss", "loss_weights", "run_eagerly", "steps_per_execution", "auto_scale_loss")
_UNIMPORTANT = frozenset({"name", "module", "registered_name", "build_config", "shared_object_id"})
_MOST = 64  # items of a list that are told one by one
_DEEPEST = 16


def settings_of(model: Any) -> dict[str, str]:
    """The settings of a model's optimizer and loss: names to what they are, as text.

    Objects are told by their class and their configuration, functions by their names, arrays by a digest. What has no
    configuration is told by its class alone.

    Args:
        model: a compiled model.

    Example:

    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> settings = settings_of(model)
    >>> settings["optimizer"], settings["optimizer.learning_rate"]
    ('SGD', '0.01')
    """
    given = model._trainer_state.given
    found = dict(_told("optimizer", model.optimizer))
    for name in _ARGUMENTS:
        if name in given:
            found.update(_told(name, given[name]))
    return found


def _told(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and float(short := _as_float32(value)) == value:
        yield path, str(short)  # 0.01, where a variable has its nearest float32
    elif value is None or isinstance(value, bool | int | float | complex | str):
        yield path, repr(value)  # as text NaN equals itself
    elif depth == _DEEPEST:
        return
    elif isinstance(value, Mapping):
        yield from _of_mapping(path, value, depth)
    elif isinstance(value, list | tuple):
        yield path, f"{len(value)} items"
        for number, item in enumerate(value[:_MOST]):
            yield from _told(f"{path}[{number}]", item, depth + 1)
    elif hasattr(value, "__array__"):
        array = np.ascontiguousarray(value)
        digest = hashlib.sha256(array.tobytes()).hexdigest()[:8]
        yield path, f"{array.dtype}{list(array.shape)} with the digest {digest}"
    elif callable(getattr(value, "get_config", None)) and not isinstance(value, type):
        yield path, type(value).__name__
        yield from _told(path, _config_of(value), depth + 1)
    else:
        yield path, getattr(value, "__qualname__", type(value).__name__)


def _as_float32(value: float) -> np.float32:
    with np.errstate(all="ignore"):
        return np.float32(value)


def _of_mapping(path: str, value: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, str]]:
    """Of a mapping, which may be an object as `serialize_keras_object` writes it."""
    if "class_name" in value and "config" in value:
        yield path, str(value["class_name"])
        if value["class_name"] != "__lambda__":  # its code is told in bytes, which differ between Python's versions
            yield from _told(path, value["config"], depth + 1)
        return
    for key, item in value.items():
        if key not in _UNIMPORTANT:
            yield from _told(f"{path}.{key}", item, depth + 1)


def _config_of(value: Any) -> Any:
    try:
        return value.get_config()
    except Exception:  # a class of the user's that has none
        return {}
