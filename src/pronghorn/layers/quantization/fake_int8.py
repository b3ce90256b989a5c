"""Floats that are rounded as eight bits would be, in training: a layer learns weights that lose little later."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.layers.quantization.scheme import Scheme
from pronghorn.layers.quantization.weights import Product, QuantizedWeight

#: What the ends of a range keep of themselves at each step.
MOMENTUM = 0.99


class FakeInt8(Scheme):
    """The weight stays in floats; it and the inputs are rounded for products as `StaticInt8` rounds them.

    The gradient is that of the numbers that are not rounded, and 0 for inputs beyond the range. The ends of the range
    follow the least and the greatest input of each batch. After `Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference <https://arxiv.org/abs/1712.05877>`_, section 3.
    """

    name = "fake_int8"
    replaces = False
    trains_lora = False
    parts = ()
    inputs = ("input_low", "input_high")

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        for name in self.inputs:
            variable = layer.add_weight(
                name=name, shape=(), initializer="zeros", dtype="float32", autocast=False, trainable=False
            )
            setattr(layer, name, variable)

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        """The ends that were found by looking at data, which the configuration then has."""
        if id(layer) not in config.found:
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}): by {self.name} the inputs of a layer are looked at, "
                "which the model does. Call quantizers.prepare(model, calibration)."
            )
        return config.found[id(layer)]

    def in_files(self, weight: QuantizedWeight) -> tuple[str, ...]:
        return (*super().in_files(weight), *self.inputs)

    def range_of(self, layer: Any) -> tuple[float, float]:
        """The ends of the inputs' range."""
        return float(layer.input_low.numpy()), float(layer.input_high.numpy())

    def multiply(
        self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, training: Any = None, **options: Any
    ) -> Any:
        x = ops.cast(inputs, "float32")
        if training:
            for variable, reduce in ((layer.input_low, ops.min), (layer.input_high, ops.max)):
                end = ops.stop_gradient(reduce(x, initial=0.0))
                variable.assign(ops.convert_to_tensor(variable) * MOMENTUM + end * (1.0 - MOMENTUM))
        x = rounded_inputs(x, ops.convert_to_tensor(layer.input_low), ops.convert_to_tensor(layer.input_high))
        kernel = rounded_weight(ops.cast(weight.of(layer), "float32"), weight.reduced)
        return product.times(ops.cast(x, layer.compute_dtype), ops.cast(kernel, layer.compute_dtype))


@ops.custom_gradient
def rounded_inputs(x: Any, low: Any, high: Any) -> Any:
    """Numbers as the next of 256 that lie evenly between two ends, one of them 0; see `ranges.grid`.

    >>> rounded_inputs(ops.array([-9.0, 0.4, 0.6, 300.0]), ops.array(0.0), ops.array(255.0)).tolist()
    [0.0, 0.0, 1.0, 255.0]
    """
    low, high = ops.minimum(low, 0.0), ops.maximum(high, 0.0)
    step = (high - low) / 255.0
    step = ops.where(step > 0, step, 1.0)
    zero = ops.clip(ops.round(-128.0 - low / step), -128.0, 127.0)
    place = ops.round(x * (1.0 / step))
    inside = ops.logical_and(place >= -128.0 - zero, place <= 127.0 - zero)
    outputs = ops.clip(place, -128.0 - zero, 127.0 - zero) * step
    return outputs, lambda upstream: (ops.where(inside, upstream, 0.0), None, None)


def rounded_weight(weight: Any, reduced: tuple[int, ...]) -> Any:
    """A weight as the next of 255 numbers that lie evenly around 0, for each output; the gradient passes.

    >>> rounded_weight(ops.array([[127.0], [0.4], [-0.6]]), (0,)).tolist()
    [[127.0], [0.0], [-1.0]]
    """

    @ops.custom_gradient
    def rounded(weight: Any) -> Any:
        largest = ops.max(ops.abs(weight), axis=reduced, keepdims=True, initial=0.0)
        step = ops.where(largest > 0, largest / 127.0, 1.0)
        return ops.clip(ops.round(weight / step), -127.0, 127.0) * step, lambda upstream: upstream

    return rounded(weight)
