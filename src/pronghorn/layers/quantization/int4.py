"""Weights in four bits, two in a byte; they are floats again where they are used."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.layers.quantization.scheme import Scheme, add, by_quantizer, times_quantized
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.quantizers.abs_max import AbsMaxQuantizer
from pronghorn.quantizers.configs import Int4QuantizationConfig, QuantizationConfig
from pronghorn.quantizers.groups import abs_max_quantize_grouped_with_zero_point, dequantize_with_sz_map
from pronghorn.quantizers.packing import pack_int4, unpack_int4
from pronghorn.quantizers.pieces import looked_at


def block_size(layer: Any, config: Any) -> int | None:
    """How many numbers share a scale and a zero, as the configuration or the layer's policy has it; None for all."""
    given = config if isinstance(config, Int4QuantizationConfig) else layer._own_policy()
    size = getattr(given, "block_size", None)
    return None if size == -1 else size


class Int4(Scheme):
    """A weight is ``integers / scale``, with one scale for each output, or ``(integers - zero) * scale`` by groups.

    Which group a number belongs to stands in the layer's variable `g_idx`, which is there if there are groups.
    """

    name = "int4"
    parts = ("scale", "zero")

    def places(self, weight: QuantizedWeight) -> tuple[str, ...]:
        return (*super().places(weight), "g_idx") if weight.packed == 1 else super().places(weight)

    def policy_name(self, layer: Any, config: Any) -> str:
        return f"int4/{block_size(layer, config) or -1}"

    def build(self, layer: Any, weight: QuantizedWeight, config: Any) -> None:
        size, along, extents = block_size(layer, config), weight.along, list(weight.matrix)
        packed = [(n + 1) // 2 if axis == weight.packed else n for axis, n in enumerate(extents)]
        add(layer, weight, "", packed, "int8")
        layer._int4_block_size = getattr(config, "block_size", size)
        if size is None:
            add(layer, weight, "scale", (extents[1 - along],))
            return
        scales = [-(-n // size) if axis == along else n for axis, n in enumerate(extents)]
        add(layer, weight, "scale", scales)
        # Floats where rows are packed, as in Keras's files.
        add(layer, weight, "zero", scales, "int8" if weight.packed == 1 else None)
        if getattr(layer, "g_idx", None) is None:

            def groups(shape: Any, dtype: str) -> Any:
                return ops.floor_divide(ops.arange(shape[0], dtype=dtype), size)

            layer.g_idx = layer.add_weight(
                name="g_idx",
                shape=(extents[along],),
                initializer=groups,
                dtype="float32",
                trainable=False,
                autocast=False,
            )

    def quantized(self, layer: Any, weight: QuantizedWeight, value: Any, config: Any) -> dict[str, Any]:
        size, along = block_size(layer, config), weight.along
        found = {}
        if size is None:
            default = AbsMaxQuantizer(axis=along, value_range=(-8, 7))
            quantizer = QuantizationConfig.weight_quantizer_or_default(config, default)
            values, scale = by_quantizer(quantizer, ops.reshape(value, weight.matrix), (along,), layer)
            found["scale"] = ops.squeeze(scale, axis=along)
        else:
            matrix = looked_at(value).reshape(weight.matrix)
            matrix = matrix.T if along == 1 else matrix
            values, scale, zero = (
                ops.transpose(x) if along == 1 else x
                for x in abs_max_quantize_grouped_with_zero_point(matrix, size, to_numpy=True)
            )
            found |= {"scale": scale, "zero": zero}
        found[""] = pack_int4(values, axis=weight.packed)[0]
        return {weight.place(part): found[part] for part in found}

    def integers(self, layer: Any, weight: QuantizedWeight) -> Any:
        return ops.reshape(self._matrix(layer, weight), weight.shape)

    def _matrix(self, layer: Any, weight: QuantizedWeight) -> Any:
        return unpack_int4(weight.of(layer), weight.matrix[weight.packed], axis=weight.packed)

    def dequantized(self, layer: Any, weight: QuantizedWeight) -> Any:
        matrix = ops.cast(self._matrix(layer, weight), layer.compute_dtype)
        scale, groups = weight.of(layer, "scale"), getattr(layer, "g_idx", None)
        if groups is None:
            floats = ops.divide(matrix, ops.expand_dims(scale, weight.along))
        else:
            floats = dequantize_with_sz_map(matrix, scale, weight.of(layer, "zero"), groups, weight.along)
        return ops.reshape(ops.cast(floats, layer.compute_dtype), weight.shape)

    def multiply(
        self,
        layer: Any,
        weight: QuantizedWeight,
        product: Product,
        inputs: Any,
        training: Any = None,
        transposed: bool = False,
    ) -> Any:
        kernel = self.dequantized(layer, weight)
        kernel = ops.transpose(kernel) if transposed else kernel
        return times_quantized(layer, product, inputs, kernel, None, lambda: kernel)

    def take(self, layer: Any, weight: QuantizedWeight, indices: Any) -> Any:
        def at(array: Any) -> Any:
            return ops.take(array, indices, axis=0)

        rows = unpack_int4(at(weight.of(layer)), weight.matrix[1], axis=-1)
        rows, scale = ops.cast(rows, layer.compute_dtype), at(weight.of(layer, "scale"))
        groups = getattr(layer, "g_idx", None)
        if groups is None:
            return ops.divide(rows, ops.expand_dims(scale, -1))
        return ops.cast(dequantize_with_sz_map(rows, scale, at(weight.of(layer, "zero")), groups), layer.compute_dtype)
