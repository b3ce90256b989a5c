"""Depthwise convolutions: every channel by itself."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.convolutional.conv import (
    _arguments,
    _check_rank,
    add_bias,
    check_fits,
    conv_extent,
    pair_with_batch,
    spatial_axes,
)
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BaseDepthwiseConv(Layer):
    """What depthwise convolutions share; see `DepthwiseConv2D` for the arguments."""

    def __init__(
        self,
        rank: int,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.rank = rank
        self.depth_multiplier = settings.positive(depth_multiplier, name, "depth_multiplier")
        self.kernel_size = settings.numbers(kernel_size, rank, self, "kernel_size")
        self.strides = settings.numbers(strides, rank, self, "strides")
        self.dilation_rate = settings.numbers(dilation_rate, rank, self, "dilation_rate")
        self.padding = settings.one_of(str(padding).lower(), ("valid", "same"), name, "padding")
        self.data_format = config.standardize_data_format(data_format)
        settings.take(
            self,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Any) -> None:
        _check_rank(self, input_shape)
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the channels (axis {axis}) of its input must be known, "
                f"got shape {tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(channels * self.depth_multiplier,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Any) -> Any:
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        outputs = add_bias(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        _check_rank(self, input_shape)
        space = [input_shape[a] for a in spatial_axes(self.data_format, self.rank)]
        out = [
            conv_extent(size, k, s, self.padding, d)
            for size, k, s, d in zip(space, self.kernel_size, self.strides, self.dilation_rate)
        ]
        check_fits(self, out, space, self.kernel_size)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return pair_with_batch(out, input_shape[0], channels * self.depth_multiplier, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(
                self,
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
            ),
        }


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(1, locals()))


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(2, locals()))
