"""Weights in few bits by what was seen of a layer's inputs; they are floats again where they are used."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pronghorn import ops
from pronghorn.layers.quantization.scheme import Scheme
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.affine import QuantizedMatrix
from pronghorn.quantizers.groups import dequantize_with_sz_map
from pronghorn.quantizers.packing import pack_int4, unpack_int2, unpack_int4

#: How many integers are in a byte of Keras's files, by their bits; one of others.
_IN_A_BYTE = {4: 2, 2: 4}


class Calibrated(Scheme):
    """A weight is ``(integers - zero) * scale`` by groups, turned so that outputs come first; integers are uint8.

    Its variables are there from the beginning; until `settled` says what they hold, the layer computes in floats.
    """

    trains_lora = False
    waits = True
    parts = ("scale", "zero")
    #: Variables with one number for each input.
    by_input: ClassVar[tuple[str, ...]] = ("g_idx",)

    def policy_name(self, layer: Any, config: Any) -> str:
        return config.dtype_policy_string()

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        told = layer._own_policy() if config is None else config
        inputs, outputs = _matrix(weight)
        size = inputs if told.group_size == -1 else told.group_size

        def groups(shape: Any, dtype: str) -> Any:
            return ops.floor_divide(ops.arange(shape[0], dtype=dtype), size)

        by_group, rows = (outputs, -(-inputs // size)), -(-outputs // 2) if told.weight_bits == 4 else outputs
        # Attribute, name, shape, start, type.
        table: list[tuple[str, str, tuple[int, ...], Any, str | None]] = [
            ("quantized_kernel", weight.name, (rows, inputs), "zeros", "uint8"),
            (weight.place("scale"), weight.place("scale"), by_group, "ones", None),
            (weight.place("zero"), weight.place("zero"), by_group, "zeros", "uint8"),
            ("awq_scales", "awq_scales", (inputs,), "ones", None),
            ("g_idx", "g_idx", (inputs,), groups, "float32"),
        ]
        for attribute, name, shape, start, dtype in table:
            if attribute in ("quantized_kernel", *self.places(weight)):
                variable = layer.add_weight(
                    name=name, shape=shape, initializer=start, dtype=dtype, trainable=False, autocast=False
                )
                setattr(layer, attribute, variable)
        setattr(layer, self._flag, getattr(layer, weight.attribute, None) is None)

    @property
    def _flag(self) -> str:
        return f"is_{self.name}_calibrated"

    def is_settled(self, layer: Any) -> bool:
        """Whether the layer computes with integers, not yet or no longer with floats."""
        return getattr(layer, self._flag)

    def few_bits(self, layer: Any, weight: QuantizedWeight, seen: Any, config: Any) -> QuantizedMatrix:
        """The weight of a layer in floats in few bits, given what was seen of its inputs."""
        matrix = ops.convert_to_numpy(weight.of(layer)).astype(np.float32).reshape(_matrix(weight)).T
        return config.quantized(matrix, seen)

    def settled(self, layer: Any, weight: QuantizedWeight, found: QuantizedMatrix) -> dict[str, Any]:
        """The values of the variables, by the attribute of the layer, given what `few_bits` found."""
        halves = layer._own_policy().weight_bits == 4
        integers = pack_int4(found.integers, dtype="uint8")[0] if halves else found.integers
        values = {"quantized_kernel": integers, "g_idx": found.groups, "awq_scales": found.inputs_scale}
        values |= {weight.place("scale"): found.scale, weight.place("zero"): found.zero}
        setattr(layer, self._flag, True)
        return {place: values[place] for place in ("quantized_kernel", *self.places(weight))}

    def places(self, weight: QuantizedWeight) -> tuple[str, ...]:
        return (*super().places(weight), *self.by_input)

    def in_files(self, weight: QuantizedWeight) -> tuple[str, ...]:
        return ("bias", "quantized_kernel", *self.places(weight))

    def check_saved(self, layer: Any) -> None:
        if not self.is_settled(layer):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) is prepared for {self.name}, but still computes in "
                "floats, which its file would lose: it has seen no data. Quantize by Model.quantize, with the layer in "
                "one of the blocks of quantization_layer_structure, or leave it out by filters."
            )

    def other_shapes(self, layer: Any, weight: QuantizedWeight) -> dict[str, set[tuple[int, ...]]]:
        """Keras 3.16 has four integers of two bits in a byte, 3.15 one; since October 2026 inputs come first, too."""
        shapes = {weight.place(part): {weight.of(layer, part).shape[::-1]} for part in self.parts}
        packed = self._packed_shape(layer, weight)
        return {"quantized_kernel": {packed, packed[::-1]}, **shapes}

    def _packed_shape(self, layer: Any, weight: QuantizedWeight) -> tuple[int, int]:
        inputs, outputs = _matrix(weight)
        return -(-outputs // _IN_A_BYTE.get(layer._own_policy().weight_bits, 1)), inputs

    def _as_here(self, layer: Any, weight: QuantizedWeight, values: list[Any], places: list[str]) -> list[Any]:
        """The values of a file with outputs first, and two bits in a byte of their own."""
        turning = [places.index(place) for place in ("quantized_kernel", *super().places(weight))]
        kernel, scale, _ = turning
        if len(values) <= scale:
            return values
        packed, own = self._packed_shape(layer, weight), tuple(layer.quantized_kernel.shape)
        by_scale, found = tuple(weight.of(layer, "scale").shape), tuple(values[kernel].shape)
        turned = tuple(values[scale].shape) == by_scale[::-1] != by_scale
        if turned or found == packed[::-1] not in (packed, own):
            turning = turning if len(values) == len(places) else [kernel, scale]
            values = [np.transpose(value) if i in turning else value for i, value in enumerate(values)]
        if tuple(values[kernel].shape) == packed != own:
            values[kernel] = unpack_int2(np.asarray(values[kernel]), _matrix(weight)[1], dtype="uint8")
        return values

    def from_file(self, layer: Any, weight: QuantizedWeight, values: list[Any], places: list[str]) -> list[Any]:
        """The values; files of Keras 3.15 lack the zeros, which can be told only where they are in the middle."""
        setattr(layer, self._flag, True)
        values = self._as_here(layer, weight, values, places)
        if len(values) != len(places) - 1:
            return values
        if not getattr(layer.quantization_config, "symmetric", False):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}), quantized by {self.name}: the file has everything but "
                "the zeros. Keras 3.15 leaves them out, and cannot load its own file either. Quantize the model again, "
                "here, where they are kept; or in Keras with symmetric=True, whose zeros are known."
            )
        zero = weight.place("zero")
        middle = np.full(getattr(layer, zero).shape, 2 ** (layer._own_policy().weight_bits - 1), np.uint8)
        values.insert(places.index(zero), middle)
        return values

    def integers(self, layer: Any, weight: QuantizedWeight) -> Any:
        """The integers ``[outputs, inputs]``; the weight in floats before there are any."""
        if not self.is_settled(layer):
            return weight.of(layer)
        if layer._own_policy().weight_bits != 4:
            return ops.convert_to_tensor(layer.quantized_kernel)
        return unpack_int4(layer.quantized_kernel, _matrix(weight)[1], axis=0, dtype="uint8")

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        if not self.is_settled(layer):
            return weight.of(layer)
        dtype = layer.compute_dtype
        scale, zero = (weight.of(layer, part) for part in self.parts)
        integers = ops.cast(self.integers(layer, weight), scale.dtype)
        floats = ops.transpose(dequantize_with_sz_map(integers, scale, zero, layer.g_idx))
        if "awq_scales" in self.by_input:
            floats = ops.divide(floats, ops.expand_dims(layer.awq_scales, -1))
        return ops.cast(ops.reshape(floats, weight.shape), dtype)

    def multiply(self, layer: Any, weight: QuantizedWeight, product: Product, inputs: Any, **options: Any) -> Any:
        return product.times(inputs, self.dequantized(layer, weight))


class Gptq(Calibrated):
    """By GPTQ, see `quantizers.GPTQConfig`."""

    name = "gptq"


class Awq(Calibrated):
    """By AWQ, see `quantizers.AWQConfig`: a weight is divided by the factor of its input, too."""

    name = "awq"
    by_input = ("awq_scales", "g_idx")


def _matrix(weight: QuantizedWeight) -> tuple[int, int]:
    """The extents of inputs and outputs."""
    return weight.matrix if weight.by_data is None else weight.by_data
