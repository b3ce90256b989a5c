"""Activation functions by name and by configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pronghorn.activations import activations
from pronghorn.utils.registry import Registry

ALL_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    name: fn
    for name, fn in vars(activations).items()
    if inspect.isfunction(fn) and fn.__module__ == activations.__name__ and not name.startswith("_")
}
_registry = Registry("activation", ALL_ACTIVATIONS, "a name or a function")


def get(identifier: Any) -> Callable[..., Any]:
    """An activation function from its name, its configuration or itself; `linear` for None.

    Raises:
        ValueError: if there is none of that name, with the nearest names.
        TypeError: for anything that is neither a name nor callable.

    >>> get("relu").__name__, get(None).__name__
    ('relu', 'linear')
    """
    if identifier is None:
        return activations.linear
    return _registry.get(identifier)


def serialize(activation: Any) -> Any:
    """The name of one of these functions, else a configuration.

    >>> serialize(activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", None)
    if ALL_ACTIVATIONS.get(name) is activation:
        return name
    return _registry.serialize(activation)  # of the user's functions too: Keras finds none by a bare name


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation of a configuration or of a name.

    >>> deserialize("relu").__name__, deserialize(serialize(activations.gelu)).__name__
    ('relu', 'gelu')
    """
    return _registry.deserialize(config, custom_objects)
