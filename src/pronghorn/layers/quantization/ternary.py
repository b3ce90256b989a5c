"""Weights that are -1, 0 and 1, five in a byte, with one scale; they are floats again where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.initializers import Constant
from pronghorn.layers.quantization.scheme import Scheme, add
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.ternary import ZEROS, pack_ternary, ternary, unpack_ternary


class Ternary(Scheme):
    """A weight is ``numbers * scale``, of Keras 3.16; inputs stay floats."""

    name = "ternary"
    trains_lora = False

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        rows, columns = weight.matrix
        add(layer, weight, "", (rows, -(-columns // 5)), "uint8", Constant(ZEROS))
        add(layer, weight, "scale", ())

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        numbers, scale = ternary(ops.reshape(value, weight.matrix), weight.threshold)
        return {
            weight.place(): pack_ternary(numbers, axis=1)[0],
            weight.place("scale"): ops.ones((), numbers.dtype) if scale is None else scale,
        }

    def integers(self, layer: Any, weight: QuantizedWeight) -> Any:
        return ops.reshape(unpack_ternary(weight.of(layer), weight.matrix[1], axis=1), weight.shape)

    def other_shapes(self, layer: Any, weight: QuantizedWeight) -> dict[str, set[tuple[int, ...]]]:
        """Keras's development versions up to August 2026 had five numbers of one output in a byte, not of one input."""
        rows, columns = weight.matrix
        return {weight.attribute: {(-(-rows // 5), columns)}}

    def from_file(self, layer: Any, weight: QuantizedWeight, values: list[Any], places: list[str]) -> list[Any]:
        others = self.other_shapes(layer, weight)[weight.attribute] - {tuple(weight.of(layer).shape)}
        if values and tuple(values[0].shape) in others:
            values[0] = pack_ternary(unpack_ternary(np.asarray(values[0]), weight.matrix[0]), axis=1)[0]
        return values

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        scale = ops.cast(weight.of(layer, "scale"), layer.compute_dtype)
        return ops.multiply(ops.cast(self.integers(layer, weight), layer.compute_dtype), scale)

    def multiply(self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, **options: Any) -> Any:
        outputs = product.times(inputs, ops.cast(self.integers(layer, weight), layer.compute_dtype))
        return ops.multiply(outputs, ops.cast(weight.of(layer, "scale"), layer.compute_dtype))
