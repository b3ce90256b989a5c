"""Separable convolutions: each channel by itself, then a mix of the channels."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.convolutional.base import Convolution


class BaseSeparableConv(Convolution):
    """What separable convolutions share; see `SeparableConv2D` for the arguments."""

    setting_names = (
        "depth_multiplier",
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "pointwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "pointwise_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "depthwise_constraint",
        "pointwise_constraint",
        "bias_constraint",
    )

    def build(self, input_shape: Any) -> None:
        channels, multiplier = self._channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = settings.weight(
            self, "depthwise_kernel", (*self.kernel_size, channels, multiplier), of="depthwise"
        )
        self.pointwise_kernel = settings.weight(
            self, "pointwise_kernel", (*(1,) * self.rank, channels * multiplier, self.filters), of="pointwise"
        )
        self.bias = settings.bias(self, (self.filters,))

    def _convolve(self, inputs: Any) -> Any:
        return ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._geometry())


class SeparableConv1D(BaseSeparableConv):
    """Convolution of sequences: each channel by itself, then a mix of the channels.

    See `SeparableConv2D` for the arguments.

    Example:

    >>> SeparableConv1D(6, 3)(ops.ones((1, 4, 3))).shape
    (1, 2, 6)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(1, **settings.arguments(locals()))


class SeparableConv2D(BaseSeparableConv):
    """Convolution of images: each channel by itself, then a mix of the channels.

    Args:
        filters: the number of output channels.
        kernel_size: height and width of the kernel; one integer for both.
        strides: steps between outputs.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        dilation_rate: steps between the kernel's taps.
        depth_multiplier: the number of channels that the first step makes of each input channel.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        depthwise_initializer: how the first kernel ``[height, width, channels, depth_multiplier]`` starts.
        pointwise_initializer: how the second kernel ``[1, 1, channels * depth_multiplier, filters]`` starts.
        bias_initializer: how the bias ``[filters]`` starts.
        depthwise_regularizer: a function of the first kernel that is added to the loss.
        pointwise_regularizer: the same for the second.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        depthwise_constraint: applied to the first kernel after each update.
        pointwise_constraint: applied to the second.
        bias_constraint: applied to the bias.
        kwargs: those of `Layer`.

    Example:

    >>> SeparableConv2D(6, 3)(ops.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 6)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(2, **settings.arguments(locals()))
