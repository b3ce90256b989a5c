"""Products of eight-bit floats, in training too, with scales that follow the largest sizes of recent steps.

After `FP8 Formats for Deep Learning <https://arxiv.org/abs/2209.05433>`_. Scales and sizes are variables whose
gradient is their next value, so that a step of training updates them with the weights.
"""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.dtype_policies.quantized import QuantizedFloat8DTypePolicy
from pronghorn.layers.quantization.scheme import Scheme
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.float8 import (
    compute_float8_amax_history,
    compute_float8_scale,
    largest_of,
    quantize_and_dequantize,
)

_FORWARD, _BACKWARD = "float8_e4m3fn", "float8_e5m2"


class Float8(Scheme):
    """The weight stays as it is; inputs, kernel and the outputs' gradient are rounded to eight bits for products."""

    name = "float8"
    replaces = False
    trains_lora = False

    def places(self, weight: QuantizedWeight) -> tuple[str, ...]:
        rounded = ("inputs", weight.name, "outputs_grad")
        return tuple(f"{what}_{part}" for what in rounded for part in ("scale", "amax_history"))

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        default = QuantizedFloat8DTypePolicy.default_amax_history_length
        steps = getattr(layer._own_policy(), "amax_history_length", default)
        for name in self.places(weight):
            is_scale = name.endswith("_scale")
            variable = layer.add_weight(
                name=name,
                shape=() if is_scale else (steps,),
                initializer="ones" if is_scale else "zeros",
                dtype="float32",
                autocast=False,
                overwrite_with_gradient=True,
            )
            setattr(layer, name, variable)

    def multiply(
        self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, training: Any = None, **options: Any
    ) -> Any:
        dtype = layer.compute_dtype

        def rounded(x: Any, name: str) -> Any:
            return _rounded(dtype, bool(training))(x, *_variables(layer, name))

        outputs = product.times(rounded(inputs, "inputs"), rounded(weight.of(layer), weight.name))
        return _rounded_behind(dtype)(outputs, *_variables(layer, "outputs_grad"))

    def bias(self, layer: Any) -> Any:
        """Rounded to 16 bits, as processors add it to such products."""
        if layer.compute_dtype != "float32" or layer.bias is None:
            return layer.bias
        return ops.cast(ops.cast(layer.bias, "bfloat16"), "float32")


def _variables(layer: Any, name: str) -> tuple[Any, Any]:
    return (
        ops.convert_to_tensor(getattr(layer, f"{name}_scale")),
        ops.convert_to_tensor(getattr(layer, f"{name}_amax_history")),
    )


def _next(x: Any, scale: Any, history: Any, dtype: str) -> tuple[Any, Any]:
    """The scale and the largest sizes for the step after this."""
    following = compute_float8_scale(ops.max(history), scale, largest_of(dtype))
    return following, compute_float8_amax_history(x, history)


def _rounded(dtype: str, training: bool) -> Any:
    """A function that rounds to eight bits; its gradient is that of the identity, and in training gives new scales."""

    @ops.custom_gradient
    def rounded(x: Any, scale: Any, history: Any) -> Any:
        following = _next(x, scale, history, _FORWARD) if training else (None, None)
        return quantize_and_dequantize(x, scale, _FORWARD, dtype), lambda upstream: (upstream, *following)

    return rounded


def _rounded_behind(dtype: str) -> Any:
    """A function that gives what it is given, and rounds the gradient to eight bits."""

    @ops.custom_gradient
    def same(x: Any, scale: Any, history: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            following = _next(upstream, scale, history, _BACKWARD)
            return quantize_and_dequantize(upstream, scale, _BACKWARD, dtype), *following

        return x, gradient

    return same
