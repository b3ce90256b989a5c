"""Weights in eight bits, and inputs too, on a scale that was settled beforehand: products of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.layers.quantization.scheme import Scheme, add
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.ranges import grid


class StaticInt8(Scheme):
    """A weight is ``integers * step`` with a step for each output, an input ``(integers - zero) * step``.

    Outputs are ``(sum(inputs * weights) - kernel_sum) * kernel_scale``. Of these, ``kernel_sum`` is the zero times the
    sum of the weights, and ``kernel_scale`` is the product of both steps.
    """

    name = "static_int8"
    trains_lora = False
    parts = ("scale", "sum")
    inputs = ("input_scale", "input_zero")

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        kept = weight.scale.shape(tuple(1 if i in weight.reduced else n for i, n in enumerate(weight.shape)))
        add(layer, weight, "", weight.shape, "int8")
        add(layer, weight, "scale", kept, "float32")
        add(layer, weight, "sum", kept, "int32")
        for name, start, dtype in zip(self.inputs, ("ones", "zeros"), ("float32", "int8")):
            variable = layer.add_weight(name=name, shape=(), initializer=start, dtype=dtype, trainable=False)
            setattr(layer, name, variable)

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        """The values that were found by looking at data, which the configuration then has."""
        if id(layer) not in config.found:
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}): by {self.name} the inputs of a layer are looked at, "
                "which the model does. Call Model.quantize('int8', calibration=x)."
            )
        return config.found[id(layer)]

    def values(self, layer: Any, weight: QuantizedWeight, low: float, high: float) -> dict[str, Any]:
        """The values of the variables, by the attribute of the layer, given the range of its inputs."""
        floats = ops.convert_to_numpy(weight.of(layer)).astype(np.float32)
        largest = np.abs(floats).max(axis=weight.reduced, keepdims=True, initial=0)
        by_output = np.where(largest > 0, largest / 127, 1).astype(np.float32)
        integers = np.clip(np.rint(floats / by_output), -127, 127).astype(np.int8)
        step, zero = grid(low, high)
        sums = zero * integers.sum(axis=weight.reduced, keepdims=True, dtype=np.int32)
        return {
            weight.place(): integers,
            weight.place("scale"): ops.convert_to_numpy(weight.scale.of(by_output * np.float32(step))),
            weight.place("sum"): ops.convert_to_numpy(weight.scale.of(sums)).astype(np.int32),
            "input_scale": np.float32(1 / step),
            "input_zero": np.int8(zero),
        }

    def in_files(self, weight: QuantizedWeight) -> tuple[str, ...]:
        return (*super().in_files(weight), *self.inputs)

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        step = ops.multiply(weight.of(layer, "scale"), layer.input_scale)
        floats = ops.multiply(ops.cast(weight.of(layer), "float32"), weight.scale.undone(step))
        return ops.cast(floats, layer.compute_dtype)

    def multiply(self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, **options: Any) -> Any:
        @ops.custom_gradient
        def multiplied(inputs: Any) -> Any:
            values = {place: getattr(layer, place) for place in self.in_files(weight) if place != "bias"}
            outputs = self.product(weight, product, inputs, values, layer.compute_dtype)
            return outputs, lambda upstream: product.gradient(upstream, self.dequantized(layer, weight), inputs)

        return multiplied(inputs)

    def product(
        self, weight: QuantizedWeight, product: Product, inputs: Any, values: dict[str, Any], dtype: str
    ) -> Any:
        """The outputs of a product, given the values of the variables; inputs beyond the range count as its ends."""
        zero = ops.convert_to_tensor(values["input_zero"])
        scaled = ops.round(ops.multiply(ops.cast(inputs, "float32"), values["input_scale"]))
        shifted = ops.clip(ops.add(scaled, ops.cast(zero, "float32")), -128.0, 127.0)
        kernel = ops.convert_to_tensor(values[weight.place()])
        sums = product.of_integers(ops.cast(shifted, "int8"), kernel, zero)
        floats = ops.cast(ops.subtract(sums, values[weight.place("sum")]), "float32")
        return ops.cast(ops.multiply(floats, values[weight.place("scale")]), dtype)
