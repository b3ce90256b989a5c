"""`Scheme`: what a mode of quantization is, and what the modes share."""

from __future__ import annotations

from typing import Any, ClassVar

from pronghorn import ops
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.abs_max import AbsMaxQuantizer
from pronghorn.quantizers.configs import QuantizationConfig


class Scheme:
    """A mode: the variables that a weight becomes, and what is computed with them.

    Attributes:
        name: of the mode.
        replaces: whether these variables take the place of the weight in floats.
        quantizes_inputs: whether inputs are quantized, where no configuration says so.
        trains_lora: whether an update of low rank can be trained beside.
        waits: whether the weight stays in floats until inputs were looked at (`Quantizable.settle`).
        parts: of the variables beside a weight, in the order of files.
    """

    name: ClassVar[str]
    replaces: ClassVar[bool] = True
    quantizes_inputs: ClassVar[bool] = False
    trains_lora: ClassVar[bool] = True
    waits: ClassVar[bool] = False
    parts: ClassVar[tuple[str, ...]] = ("scale",)

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        """Make the variables of a weight."""
        raise NotImplementedError

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        """Floats as this mode has them: the values of the variables, by the attribute of the layer."""
        return {}

    def integers(self, layer: Any, weight: QuantizedWeight) -> Any:
        """The weight's integers in its own shape."""
        return weight.of(layer)

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        """The floats that the variables stand for."""
        return weight.of(layer)

    def multiply(self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, **options: Any) -> Any:
        """The product of inputs and the weight.

        Args:
            layer: the layer.
            weight: its kernel.
            product: which one.
            inputs: floats.
            options: ``training``, and ``transposed``, for a matrix that is to be turned before.
        """
        raise NotImplementedError

    def take(self, layer: Any, weight: QuantizedWeight, indices: Any) -> Any:
        """Rows of the weight, as floats."""
        raise NotImplementedError

    def bias(self, layer: Any) -> Any:
        """The bias that is added to a product."""
        return layer.bias

    def places(self, weight: QuantizedWeight) -> tuple[str, ...]:
        """The attributes with the variables beside a weight, in the order of files."""
        return tuple(weight.place(part) for part in self.parts)

    def in_files(self, weight: QuantizedWeight) -> tuple[str, ...]:
        """The attributes with all variables of a layer, in the order of files."""
        return (weight.attribute, "bias", *self.places(weight))

    def check_saved(self, layer: Any) -> None:
        """Raise an error where a file would lack something."""

    def other_shapes(self, layer: Any, weight: QuantizedWeight) -> dict[str, set[tuple[int, ...]]]:
        """Shapes in files of other versions of Keras that `from_file` takes, too, by the attribute."""
        return {}

    def from_file(self, layer: Any, weight: QuantizedWeight, values: list[Any], places: list[str]) -> list[Any]:
        """The values of the variables at ``places``, given those of a file."""
        return values

    def policy_name(self, layer: Any, config: Any) -> str:
        """What a policy's name has in front of ``"_from_"``."""
        return self.name

    def inputs_quantizer(self, layer: Any, config: Any) -> Any:
        """What quantizes the inputs, or None."""
        default = AbsMaxQuantizer() if self.quantizes_inputs else None
        return QuantizationConfig.activation_quantizer_or_default(config, default)


def add(
    layer: Any, weight: QuantizedWeight, part: str, shape: Any, dtype: str | None = None, start: Any = None
) -> None:
    """Give a layer a variable that is not trained, of a part of a weight."""
    name = f"{weight.name}_{part}" if part else weight.name
    start = start or ("ones" if part == "scale" else "zeros")
    variable = layer.add_weight(name=name, shape=shape, initializer=start, dtype=dtype, trainable=False)
    setattr(layer, weight.place(part), variable)


def by_quantizer(quantizer: Any, value: Any, axes: tuple[int, ...], layer: Any) -> tuple[Any, Any]:
    """What a quantizer makes of a weight.

    Raises:
        ValueError: if the scales do not run along the axes that the layer's outputs have.
    """
    values, scale = quantizer(value, to_numpy=True)
    wanted = tuple(1 if axis in axes else extent for axis, extent in enumerate(value.shape))
    if tuple(scale.shape) != wanted:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): the weight_quantizer gave scales of shape "
            f"{tuple(scale.shape)} for a weight of shape {tuple(value.shape)}, but {wanted} is needed, one for each "
            f"output. Make it with axis={axes if len(axes) > 1 else axes[0]}."
        )
    return values, scale


def times_quantized(layer: Any, product: Product, inputs: Any, kernel: Any, divisor: Any, dequantized: Any) -> Any:
    """A product whose inputs are quantized where the layer has a quantizer, with the gradient of the one in floats.

    Args:
        layer: the layer.
        product: which one.
        inputs: floats.
        kernel: integers, or floats.
        divisor: what the product is divided by, or None.
        dequantized: a function that gives the kernel in floats.
    """
    quantizer = layer.inputs_quantizer

    def divided(outputs: Any, divisor: Any) -> Any:
        outputs = ops.cast(outputs, layer.compute_dtype)
        return outputs if divisor is None else ops.divide(outputs, divisor)

    @ops.custom_gradient
    def multiplied(inputs: Any) -> Any:
        values, scale = quantizer(inputs, axis=product.reduced)
        scale = product.aligned(scale)
        outputs = divided(product.times(values, kernel), scale if divisor is None else ops.multiply(divisor, scale))
        return outputs, lambda upstream: product.gradient(upstream, dequantized(), inputs)

    return multiplied(inputs) if quantizer is not None else divided(product.times(inputs, kernel), divisor)
