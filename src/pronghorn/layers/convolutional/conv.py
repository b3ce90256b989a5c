"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

import functools
import math
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import ConvolutionArguments
from pronghorn.layers.convolutional.base import Convolution
from pronghorn.layers.core.lora import LoraKernel
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.weights import Alignment, Product, QuantizedWeight
from pronghorn.ops.nn.convolution import conv_gradient, filled_conv


class BaseConv(QuantizableProduct, LoraKernel, Convolution):
    """What all convolutions share; see `Conv2D` for the arguments."""

    setting_names = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )
    strided_and_dilated = False
    _quantization_modes = ("static_int8", "fake_int8")

    def __init__(self, rank: int, lora_rank: int | None = None, lora_alpha: float | None = None, **given: Any) -> None:
        super().__init__(rank, **given)
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters={self.filters} cannot be split into groups={self.groups} of one size; "
                f"make it a multiple of {self.groups}."
            )
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank

    @property
    def paddings(self) -> tuple[str, ...]:
        """What ``padding`` may be."""
        return ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        if not self._is_built_quantized(shape):
            self._kernel = settings.weight(self, "kernel", shape)
        self.bias = settings.bias(self, (self.filters,))
        self.built = True
        self.compute_output_shape(input_shape)
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    @property
    def kernel(self) -> Any:
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no kernel before it is built.")
        kernel = self._whole("_kernel")
        return self._with_lora(kernel) if self.lora_enabled else kernel

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution itself, without bias and activation."""
        return ops.conv(inputs, kernel, **self._geometry())

    def _convolve(self, inputs: Any) -> Any:
        return self.convolution_op(inputs, self.kernel)

    def _product(self, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        geometry = self._geometry()
        return Product(
            reduced=tuple(range(1, self.rank + 2)),
            aligned=lambda scale: scale,
            times=self.convolution_op,
            gradient=functools.partial(conv_gradient, **geometry),
            filled=functools.partial(filled_conv, **geometry),
        )

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        shape = tuple(self._kernel.shape if shape is None else shape)
        summed = tuple(range(self.rank + 1))
        matrix = (math.prod(shape[:-1]), shape[-1])
        return (QuantizedWeight("_kernel", "kernel", shape, summed, Alignment(summed, (0,)), matrix),)

    def _is_of_a_subclass(self) -> bool:
        return type(self) not in (Conv1D, Conv2D, Conv3D)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._lora_config()}


class Conv1D(BaseConv):
    """Convolution along one axis: of sequences ``[batch, steps, channels]``.

    See `Conv2D` for the arguments; ``padding`` may also be ``"causal"``: no output sees later steps.

    Example:

    >>> Conv1D(4, 3)(ops.ones((2, 10, 5))).shape
    (2, 8, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(1, **settings.arguments(locals()))


class Conv2D(BaseConv):
    """Convolution of images ``[batch, height, width, channels]``.

    Args:
        filters: the number of output channels.
        kernel_size: height and width of the kernel; one integer for both.
        strides: steps between outputs.
        padding: ``"valid"``: none; ``"same"``: zeros around, so that with stride 1 the extent stays.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        dilation_rate: steps between the kernel's taps.
        groups: the channels are split into as many groups, each convolved on its own.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel ``[height, width, channels / groups, filters]`` starts.
        bias_initializer: how the bias ``[filters]`` starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit each other, or inputs that do not fit the layer.

    Example:

    >>> Conv2D(8, 3, activation="relu")(ops.ones((1, 28, 28, 1))).shape
    (1, 26, 26, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(2, **settings.arguments(locals()))


class Conv3D(BaseConv):
    """Convolution of volumes ``[batch, depth, height, width, channels]``. See `Conv2D` for the arguments.

    Example:

    >>> Conv3D(2, 3)(ops.ones((1, 5, 5, 5, 1))).shape
    (1, 3, 3, 3, 2)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(3, **settings.arguments(locals()))
