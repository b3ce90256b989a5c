"""Layers to configurations and back."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph.user_code import is_own
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.registration import CustomObjectScope


def serialize(layer: Layer) -> dict[str, Any]:
    """The configuration of a layer.

    >>> from pronghorn import layers
    >>> serialize(layers.Dense(3))["config"]["units"]
    3
    """
    return serialize_keras_object(layer)


def clone_layer(layer: Layer, **changes: Any) -> Layer:
    """A layer with the same settings and new weights; classes of layers inside need not be registered.

    Args:
        layer: the layer.
        changes: settings that the copy has instead.
    """
    own = [x for x in layer._flatten_layers() if not is_own(type(x))]
    with CustomObjectScope({type(x).__name__: type(x) for x in own}):
        copy = type(layer).from_config({**layer.get_config(), **changes})
    copy.exact_convolutions = layer.exact_convolutions
    return copy


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """The layer of a configuration, with new weights.

    Raises:
        ValueError: if the configuration is that of something else.

    Example:

    >>> deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    found = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(found, Layer):
        raise ValueError(f"layers.deserialize: the configuration is no layer's: it gave {found!r}.")
    return found
