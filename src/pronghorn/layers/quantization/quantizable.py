"""Layers with weights that can be quantized."""

from __future__ import annotations

from typing import Any, Self

from pronghorn import dtype_policies, ops
from pronghorn.activations.activations import linear
from pronghorn.layers.quantization.requests import checked, opened
from pronghorn.layers.quantization.scheme import Scheme
from pronghorn.layers.quantization.schemes import SCHEMES
from pronghorn.layers.quantization.weights import Product, QuantizedWeight
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object


class Quantizable:
    """Mixed into layers that say, in `_weights_to_quantize`, which weights are kept in few bits.

    Its files have the variables of a mode in Keras's order: the weight, the bias, what belongs to the weight.
    """

    #: The modes that the layer has.
    _quantization_modes: tuple[str, ...] = tuple(SCHEMES)

    quantization_config: Any = None
    inputs_quantizer: Any = None
    #: What is quantized, once it is.
    _quantized_weights: tuple[QuantizedWeight, ...] = ()

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        """The weights, given the shape of the first, or as they are."""
        raise NotImplementedError

    def _scheme(self: Any, mode: str | None = None) -> Scheme:
        """The mode of a name, or that of the layer's policy.

        Raises:
            NotImplementedError: if the layer does not have it.
        """
        mode = self.quantization_mode if mode is None else mode
        if mode not in self._quantization_modes:
            raise NotImplementedError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot be quantized to {mode!r}, but to "
                f"{', '.join(self._quantization_modes)}."
            )
        return SCHEMES[mode]

    def _is_built_quantized(self: Any, shape: Any) -> bool:
        """In ``build``: make the variables of the policy's mode; whether they replace the weight in floats."""
        if self.quantization_mode is None:
            return False
        self.quantized_build(shape, self.quantization_mode, self.quantization_config)
        return self._scheme().replaces

    def quantized_build(self: Any, input_shape: Any, mode: str, config: Any = None) -> None:
        """Make the variables of a quantized layer.

        Args:
            input_shape: the shape of the weight that is quantized, in floats.
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"ternary"``, ``"gptq"`` or ``"awq"``.
            config: a `quantizers.QuantizationConfig`, or None.

        Raises:
            NotImplementedError: if the layer does not have the mode.
        """
        scheme = self._scheme(mode)
        self.inputs_quantizer = scheme.inputs_quantizer(self, config)
        self._quantized_weights = self._weights_to_quantize(input_shape)
        for weight in self._quantized_weights:
            scheme.build(self, weight, config)
        self._is_quantized = True

    @checked
    def quantize(self: Any, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Put integers, or eight-bit floats, in the place of the weights.

        By ``"gptq"`` and ``"awq"``, which look at data, it only makes the variables: `Model.quantize` shows the layer
        its inputs, and the integers follow.

        Args:
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"ternary"``, ``"gptq"`` or ``"awq"``.
            type_check: whether a subclass, which may compute something else, is refused.
            config: a `quantizers.QuantizationConfig` of the mode, in place of the mode's own.

        Raises:
            NotImplementedError: for a subclass, or a mode that the layer does not have.
            ValueError: for an unknown mode, and for a layer that is not built, or quantized already.
        """
        if type_check and self._is_of_a_subclass():
            raise self._not_quantized("quantize")
        scheme = self._scheme(mode)
        weights = self._weights_to_quantize()
        values: dict[str, Any] = {}
        for weight in weights:
            values |= scheme.quantized(self, weight, weight.of(self), config)
        self.quantization_config = type(config).from_config(config.get_config()) if scheme.waits else config
        for weight in weights if scheme.replaces and not scheme.waits else ():
            delattr(self, weight.attribute)
        self.quantized_build(weights[0].shape, mode, config)
        for place, value in values.items():
            getattr(self, place).assign(value)
        if self.quantization_mode is None:
            source = self._own_policy().name
            self.dtype_policy = dtype_policies.get(f"{scheme.policy_name(self, config)}_from_{source}")

    def _undo_quantization(self: Any) -> None:
        """Give up a mode that leaves the weight in floats, with its variables."""
        scheme, policy = self._scheme(), self._own_policy()
        with opened(self):
            for place in {place for weight in self._quantized_weights for place in scheme.in_files(weight)}:
                if place not in ("bias", *(weight.attribute for weight in self._quantized_weights)):
                    delattr(self, place)
        self._quantized_weights, self.quantization_config, self._is_quantized = (), None, False
        self.dtype_policy = dtype_policies.get(policy._source_name)

    def _is_of_a_subclass(self) -> bool:
        """Whether it is of a subclass of a layer that can be quantized, which may compute something else."""
        return "_weights_to_quantize" not in type(self).__dict__

    def _few_bits(self: Any, seen: Any, config: Any) -> Any:
        """The weight in few bits, a `QuantizedMatrix`, by a mode that looks at data.

        Args:
            seen: what was gathered of the layer's inputs, a ``statistics`` of the configuration.
            config: the configuration.

        Raises:
            ValueError: if what was seen does not suffice.
        """
        return self._scheme(config.mode).few_bits(self, self._weights_to_quantize()[0], seen, config)

    def _settle(self: Any, found: Any) -> None:
        """Put integers in the place of the weight, after a ``quantize`` by a mode that looks at data.

        Args:
            found: what `_few_bits` gave before.
        """
        scheme, weight = self._scheme(), self._quantized_weights[0]
        values = scheme.settled(self, weight, found)
        with opened(self):
            delattr(self, weight.attribute)
        for place, value in values.items():
            getattr(self, place).assign(value)

    def _whole(self: Any, name: str) -> Any:
        """A weight in its own shape, given the attribute: where two integers share a byte, apart."""
        if self.quantization_mode is None or not self._quantized_weights:
            return getattr(self, name)
        return self._scheme().integers(self, self._quantized_weights[0])

    def _check_lora(self: Any) -> None:
        """Raise an error where there is an update of low rank, which the mode does not go with."""
        if self.lora_enabled and not self._scheme().trains_lora:
            self._no_lora()

    def _refuse_lora(self: Any) -> None:
        if self.quantization_mode is not None and not self._scheme().trains_lora:
            self._no_lora()

    def _no_lora(self: Any) -> None:
        raise NotImplementedError(
            f"Layer {self.name!r} ({type(self).__name__}): with the mode {self.quantization_mode} there is no LoRA."
            " Quantize to int8 or int4, or train without enable_lora()."
        )

    # -- files and configuration ------------------------------------------------------------------------------------
    def save_own_variables(self: Any, store: Any) -> None:
        """The variables in Keras's order; an update of low rank is added to the weight, which is quantized again."""
        if self.quantization_mode is None:
            super().save_own_variables(store)  # type: ignore[misc]
            return
        self._scheme().check_saved(self)
        merged = self._with_update_quantized() if self.lora_enabled else {}
        for i, place in enumerate(self._places_in_files()):
            store[f"{i}"] = ops.convert_to_numpy(merged[place]) if place in merged else getattr(self, place).numpy()

    def load_own_variables(self: Any, store: Any) -> None:
        """The variables in Keras's order; an update of low rank starts anew at zero.

        Raises:
            ValueError: if there are more or fewer.
        """
        if self.quantization_mode is None:
            super().load_own_variables(store)  # type: ignore[misc]
            return
        places = self._places_in_files()
        values = [store[f"{i}"] for i in range(len(store.keys()))]
        values = self._scheme().from_file(self, self._quantized_weights[0], values, places)
        if len(places) != len(values):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}), quantized to {self.quantization_mode}, has "
                f"the variables {', '.join(places)}, but in the file there are {len(values)} of it. Load the "
                "file of a layer that is quantized so, or load before quantize()."
            )
        for place, value in zip(places, values):
            getattr(self, place).assign(value)
        for factor in self._lora_factors() if self.lora_enabled else ():
            factor.assign(ops.zeros(factor.shape))

    def _weights_in_files(self: Any) -> list[Any]:
        if self.quantization_mode is None:
            return super()._weights_in_files()  # type: ignore[misc]
        return [getattr(self, place) for place in self._places_in_files()]

    def _other_shapes_in_files(self: Any) -> dict[int, set[tuple[int, ...]]]:
        if self.quantization_mode is None:
            return {}
        others = self._scheme().other_shapes(self, self._quantized_weights[0])
        return {i: others[place] for i, place in enumerate(self._places_in_files()) if place in others}

    def _places_in_files(self) -> list[str]:
        places: list[str] = []
        for weight in self._quantized_weights:
            places += self._scheme().in_files(weight)
        return [place for place in places if getattr(self, place, None) is not None]

    def _with_update_quantized(self: Any) -> dict[str, Any]:
        self._check_lora()
        scheme, weight = self._scheme(), self._quantized_weights[0]
        merged = self._with_lora(scheme.dequantized(self, weight))
        return scheme.quantized(self, weight, merged, self.quantization_config)

    def _quantization_settings(self) -> dict[str, Any]:
        return {"quantization_config": serialize_keras_object(self.quantization_config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        given = config.get("quantization_config")
        if isinstance(given, dict):
            config = {**config, "quantization_config": deserialize_keras_object(given)}
        return super().from_config(config)  # type: ignore[misc]


class QuantizableProduct(Quantizable):
    """Mixed into layers whose outputs are a product with a kernel, a bias and an activation."""

    def _product(self, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        """The product that the layer computes; with its weights, what modes that look at data have to know, too."""
        raise NotImplementedError

    def _rows_to_watch(self: Any) -> Any:
        """A function of the layer's inputs that gives those of its product with the kernel as a matrix, or None."""
        return self._product(self._weights_to_quantize()).rows

    def quantized_call(self: Any, inputs: Any, training: Any = None) -> Any:
        """The outputs under the policy of a mode."""
        self._check_lora()
        scheme, product = self._scheme(), self._product()
        x = scheme.multiply(self, self._quantized_weights[0], product, inputs, training=training)
        if self.lora_enabled:
            a, b = self._lora_factors()
            update = ops.matmul(product.times(inputs, a), b)
            x = ops.cast(ops.add(x, (self.lora_alpha / self.lora_rank) * update), self.compute_dtype)
        return self._finished(x, scheme.bias(self))

    def _finished(self: Any, x: Any, bias: Any) -> Any:
        """A product with the bias and the activation."""
        if bias is not None:
            x = ops.add(x, bias)
        activation = self.activation
        return x if activation is None or activation is linear else activation(x)
