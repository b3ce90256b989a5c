"""`Pipeline`: layers one after the other, without being a model."""

from __future__ import annotations

from typing import Any

from pronghorn import tree
from pronghorn.layers.call import parameters_of
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.masking import get_mask


class Pipeline(Layer):
    """Applies layers one after the other, such as those that prepare data.

    Unlike a `Sequential` model it is a plain layer; it takes what its first layer takes, strings and dicts too.

    Args:
        layers: the layers.
        name: a name; automatic if None.

    Example:

    >>> import numpy as np
    >>> from pronghorn.layers import Rescaling
    >>> Pipeline([Rescaling(2), Rescaling(1, offset=1)])(np.ones((1, 2))).tolist()
    [[3.0, 3.0]]
    """

    _looks_at_values = True
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(self, layers: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        for layer in self._pipeline_layers:
            if not callable(layer):
                raise ValueError(f"Pipeline: `layers` must be a list of layers, got {layer!r} in it.")

    @property
    def layers(self) -> list[Any]:
        """The layers, in order."""
        return list(self._pipeline_layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self._pipeline_layers:
            arguments = {}
            names = parameters_of(layer.call).names if hasattr(layer, "call") else ()
            if mask is not None and "mask" in names:
                arguments["mask"] = mask
            if training is not None and "training" in names:
                arguments["training"] = training
            outputs = layer(inputs, **arguments)
            mask = _mask_after(layer, inputs, outputs, mask)
            inputs = outputs
        return inputs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(f"Pipeline: the configuration must have a list under 'layers', got layers={layers!r}.")
        layers = [deserialize_keras_object(x) if isinstance(x, dict) else x for x in layers]
        return cls(**{**config, "layers": layers})

    def get_config(self) -> dict[str, Any]:
        return {"layers": serialize_keras_object(list(self._pipeline_layers)), "name": self.name}


def _mask_after(layer: Any, inputs: Any, outputs: Any, mask: Any) -> Any:
    """The mask of a layer's outputs: what they carry, else what the layer makes of the mask before."""
    carried = tree.map_structure(get_mask, outputs)
    if any(m is not None for m in tree.flatten(carried)):
        return carried
    return layer.compute_mask(inputs, mask) if mask is not None and isinstance(layer, Layer) else None
