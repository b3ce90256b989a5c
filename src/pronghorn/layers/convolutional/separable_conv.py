"""Separable convolutions: each channel by itself, then a mix of the channels."""

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


class BaseSeparableConv(Layer):
    """What separable convolutions share; see `SeparableConv2D` for the arguments."""

    def __init__(
        self,
        rank: int,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.rank = rank
        self.filters = settings.positive(filters, name, "filters")
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
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
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
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Any) -> Any:
        outputs = ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
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
        return pair_with_batch(out, input_shape[0], self.filters, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(
                self,
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
            ),
        }


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(1, locals()))


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(2, locals()))
