"""Depthwise convolutions: every channel by itself."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.convolutional.base import Convolution


class BaseDepthwiseConv(Convolution):
    """What depthwise convolutions share; see `DepthwiseConv2D` for the arguments."""

    setting_names = (
        "depth_multiplier",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "depthwise_constraint",
        "bias_constraint",
    )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = settings.weight(self, "kernel", shape, of="depthwise")
        self.bias = settings.bias(self, (channels * self.depth_multiplier,))

    def _convolve(self, inputs: Any) -> Any:
        return ops.depthwise_conv(inputs, self.kernel, **self._geometry())

    def _output_channels(self, input_shape: Any) -> Any:
        return input_shape[self._channel_axis] * self.depth_multiplier


class DepthwiseConv1D(BaseDepthwiseConv):
    """Convolution of sequences, each channel by itself.

    See `DepthwiseConv2D` for the arguments.

    Example:

    >>> DepthwiseConv1D(3, depth_multiplier=2)(ops.ones((1, 4, 3))).shape
    (1, 2, 6)
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(1, **settings.arguments(locals()))


class DepthwiseConv2D(BaseDepthwiseConv):
    """Convolution of images, each channel by itself.

    Args:
        kernel_size: height and width of the kernel; one integer for both.
        strides: steps between outputs.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: the number of output channels for each input channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        dilation_rate: steps between the kernel's taps.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        depthwise_initializer: how the kernel ``[height, width, channels, depth_multiplier]`` starts.
        bias_initializer: how the bias starts.
        depthwise_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        depthwise_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        kwargs: those of `Layer`.

    Example:

    >>> DepthwiseConv2D(3, depth_multiplier=2)(ops.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 6)
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(2, **settings.arguments(locals()))
