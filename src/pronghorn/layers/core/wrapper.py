"""`Wrapper`: the base of layers around another layer."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object


class Wrapper(Layer):
    """A layer around another one, which it keeps in ``self.layer``.

    Args:
        layer: the layer inside.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``layer`` is no layer.

    Example:

    >>> from pronghorn import layers, ops
    >>> class Twice(Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(layers.Dense(3))(ops.ones((1, 3))).shape
    (1, 3)
    """

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerArguments]) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__}: `layer` must be a layer, got {layer!r} of type {type(layer).__name__}."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        layer = deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)
