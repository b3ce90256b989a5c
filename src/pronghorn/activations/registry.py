"""Activation functions by name and by configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.activations import activations

ALL_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    name: fn
    for name, fn in vars(activations).items()
    if inspect.isfunction(fn) and fn.__module__ == activations.__name__ and not name.startswith("_")
}


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
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        from pronghorn.saving import get_registered_object

        found = get_registered_object(identifier, module_objects=ALL_ACTIVATIONS)
        if found is None:
            raise ValueError(
                f"Could not interpret the activation {identifier!r}: there is no activation function of that name"
                f"{nearest_clause(identifier, ALL_ACTIVATIONS)}."
            )
    else:
        found = identifier
    if inspect.isclass(found):
        found = found()
    if not callable(found):
        raise ValueError(f"Could not interpret the activation {identifier!r}: it is neither a name nor a function.")
    return found


def serialize(activation: Any) -> Any:
    """The name of one of these functions, else a configuration.

    >>> serialize(activations.relu)
    'relu'
    """
    from pronghorn.saving import serialize_keras_object

    name = getattr(activation, "__name__", None)
    if ALL_ACTIVATIONS.get(name) is activation:
        return name
    return serialize_keras_object(activation)  # of the user's functions too: Keras finds none by a bare name


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation of a configuration or of a name."""
    from pronghorn.saving import deserialize_keras_object

    return deserialize_keras_object(config, module_objects=ALL_ACTIVATIONS, custom_objects=custom_objects)
