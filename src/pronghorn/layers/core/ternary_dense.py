"""`TernaryDense`: a dense layer whose kernel counts as -1, 0 and 1."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn._wording import shown
from pronghorn.layers import settings
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.weights import MATRICES, Alignment, Product, QuantizedWeight
from pronghorn.quantizers.ternary import ternary


class TernaryDense(QuantizableProduct, Layer):
    """``activation(scale * inputs @ ternary(kernel) + bias)`` along the last axis, of Keras 3.16.

    A weight counts as its sign where its size is above a threshold, else as 0. Gradients go to the weights as if they
    counted as they are (the straight-through estimator), so they are trained as those of `Dense`. After
    `BitNet b1.58 <https://arxiv.org/abs/2402.17764>`_, section 2. After training ``quantize("ternary")`` keeps what the
    weights count as, five in a byte; the outputs stay the same.

    Args:
        units: the extent of the outputs' last axis.
        threshold: sizes above it count, 0 or more. By default half of the mean size of the kernel's weights; then the
            product is scaled by that mean, too.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel ``[inputs, units]`` starts.
        bias_initializer: how the bias ``[units]`` starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``units`` is no positive integer, or ``threshold`` no number of 0 or more.

    Example:

    >>> layer = TernaryDense(1, threshold=0.5, kernel_initializer="ones")
    >>> layer(ops.ones((1, 3))).tolist()
    [[3.0]]
    """

    setting_names = (
        "units",
        "threshold",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )

    _quantization_modes = ("ternary",)
    lora_enabled = False

    def __init__(
        self,
        units: int,
        threshold: float | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        settings.take_named(self, locals(), self.setting_names)
        if threshold is not None and not (isinstance(threshold, int | float) and threshold >= 0):
            raise ValueError(
                f"Layer {self.name!r} (TernaryDense): threshold must be a number of 0 or more, or None for half of the "
                f"weights' mean size; got {shown(threshold)}."
            )
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1], self.units)
        if not self._is_built_quantized(shape):
            self._kernel = settings.weight(self, "kernel", shape, autocast=False)
        self.bias = settings.bias(self, (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.built = True

    @property
    def kernel(self) -> Any:
        """The weights; once quantized, -1, 0 and 1 as int8."""
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no kernel before it is built.")
        return self._whole("_kernel")

    def call(self, inputs: Any) -> Any:
        kernel = ops.convert_to_tensor(self._kernel)
        counted, scale = ternary(kernel, self.threshold)
        # The value is what counts; the gradient goes past it, to the kernel.
        x = ops.matmul(inputs, ops.cast(kernel + ops.stop_gradient(counted - kernel), self.compute_dtype))
        x = x if scale is None else ops.multiply(x, ops.cast(scale, self.compute_dtype))
        return self._finished(x, self.bias)

    def _product(self, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        return MATRICES

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        shape = tuple(self._kernel.shape if shape is None else shape)
        scales = Alignment(dropped=(0,), order=(0,))
        return (QuantizedWeight("_kernel", "kernel", shape, (0,), scales, matrix=shape, threshold=self.threshold),)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, *self.setting_names)}
