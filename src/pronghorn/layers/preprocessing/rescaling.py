"""`Rescaling`: a factor and an offset."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.preprocessing.data_layer import DataLayer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object


class Rescaling(DataLayer):
    """``inputs * scale + offset``, in training and in inference alike.

    ``Rescaling(1 / 255)`` brings pixels into ``[0, 1]``, ``Rescaling(1 / 127.5, offset=-1)`` into ``[-1, 1]``.

    Args:
        scale: the factor: a number, or one for each channel.
        offset: what is added after that, likewise.
        kwargs: those of `Layer`.

    Inputs may be integers; outputs are of the layer's compute type.

    Example:

    >>> import numpy as np
    >>> Rescaling(1 / 4, offset=1)(np.array([[0, 2, 4]])).tolist()
    [[1.0, 1.5, 2.0]]
    """

    _takes_rows = rows.EACH

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, self.compute_dtype)
        scale, offset = (self._for_channels(v, len(x.shape)) for v in (self.scale, self.offset))
        return x * scale + offset

    def _for_channels(self, value: Any, rank: int) -> Any:
        value = ops.convert_to_tensor(value, dtype=self.compute_dtype)
        if len(value.shape) == 1 and rank > 2 and config.image_data_format() == "channels_first":
            return ops.reshape(value, (value.shape[0],) + (1,) * 2)
        return value

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": serialize_keras_object(self.scale),
            "offset": serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        arrays = {
            k: deserialize_keras_object(config[k]) for k in ("scale", "offset") if isinstance(config.get(k), dict)
        }
        return super().from_config({**config, **arrays})
