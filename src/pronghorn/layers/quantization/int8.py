"""Weights and inputs in eight bits: products of integers, summed in 32 bits."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.layers.quantization.scheme import Scheme, add, by_quantizer, times_quantized
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.abs_max import AbsMaxQuantizer
from pronghorn.quantizers.configs import QuantizationConfig


class Int8(Scheme):
    """A weight is ``integers / scale``, with one scale for each output."""

    name = "int8"
    quantizes_inputs = True

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        add(layer, weight, "", weight.shape, "int8")
        add(layer, weight, "scale", weight.scale.shape(weight.shape))

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        quantizer = QuantizationConfig.weight_quantizer_or_default(config, AbsMaxQuantizer(axis=weight.reduced))
        values, scale = by_quantizer(quantizer, value, weight.reduced, layer)
        return {weight.place(): values, weight.place("scale"): weight.scale.of(scale)}

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        integers = ops.cast(weight.of(layer), layer.compute_dtype)
        return ops.divide(integers, weight.scale.undone(weight.of(layer, "scale")))

    def multiply(
        self,
        layer: Any,
        weight: QuantizedWeight,
        product: Product,
        inputs: Any,
        training: Any = None,
        transposed: bool = False,
    ) -> Any:
        kernel = ops.convert_to_tensor(weight.of(layer))

        def dequantized() -> Any:
            floats = self.dequantized(layer, weight)
            return ops.transpose(floats) if transposed else floats

        kernel = ops.transpose(kernel) if transposed else kernel
        return times_quantized(layer, product, inputs, kernel, weight.of(layer, "scale"), dequantized)

    def take(self, layer: Any, weight: QuantizedWeight, indices: Any) -> Any:
        rows = ops.cast(ops.take(weight.of(layer), indices, axis=0), layer.compute_dtype)
        return ops.divide(rows, ops.expand_dims(ops.take(weight.of(layer, "scale"), indices, axis=0), -1))
