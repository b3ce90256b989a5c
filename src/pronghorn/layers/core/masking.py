"""`Masking`: skip time steps that hold one value."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.masking import set_mask


class Masking(Layer):
    """Mark time steps whose features all equal ``mask_value``, so that later layers skip them.

    Args:
        mask_value: the value of the steps to skip.
        kwargs: those of `Layer`.

    Example:

    >>> Masking().compute_mask(ops.convert_to_tensor([[[0.0, 0.0], [1.0, 0.0]]])).tolist()
    [[False, True]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            mask_value = deserialize_keras_object(mask_value)
        self.mask_value = mask_value
        self.supports_masking = True
        self._build_at_init()

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        outputs = inputs * ops.cast(kept, dtype=inputs.dtype)
        set_mask(outputs, ops.squeeze(kept, axis=-1))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": serialize_keras_object(self.mask_value)}
