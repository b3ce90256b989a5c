"""`Dense`: a matrix product, a bias and an activation."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.core.lora import LoraKernel
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.weights import MATRICES, Alignment, Product, QuantizedWeight


class Dense(QuantizableProduct, LoraKernel, Layer):
    """``activation(inputs @ kernel + bias)`` along the last axis.

    Args:
        units: the extent of the outputs' last axis.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel ``[inputs, units]`` starts.
        bias_initializer: how the bias ``[units]`` starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        lora_rank: freeze the kernel and train an update of this rank.
        lora_alpha: see `enable_lora`.
        quantization_config: a `quantizers.QuantizationConfig`, for a ``dtype`` that is the policy of its mode; see
            `quantize`.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``units`` is no positive integer.

    Call arguments:
        inputs: shape ``[..., features]``. The result has the shape ``[..., units]`` and the layer's compute dtype.

    Example:

    >>> Dense(4, activation="relu")(ops.ones((2, 3))).shape
    (2, 4)
    """

    setting_names = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        settings.take_named(self, locals(), self.setting_names)
        self.quantization_config = quantization_config
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1], self.units)
        if not self._is_built_quantized(shape):
            self._kernel = settings.weight(self, "kernel", shape)
        self.bias = settings.bias(self, (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    @property
    def kernel(self) -> Any:
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no kernel before it is built.")
        kernel = self._whole("_kernel")
        return self._with_lora(kernel) if self.lora_enabled else kernel

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self._finished(ops.matmul(inputs, self.kernel), self.bias)

    def _product(self, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        return MATRICES

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        shape = tuple(self._kernel.shape if shape is None else shape)
        return (QuantizedWeight("_kernel", "kernel", shape, (0,), Alignment(dropped=(0,), order=(0,)), matrix=shape),)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(self, *self.setting_names),
            **self._quantization_settings(),
            **self._lora_config(),
        }
