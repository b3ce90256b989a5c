"""Transposed convolutions: they go from a convolution's output shape to its input shape."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.convolutional.conv import (
    _WEIGHTS,
    _arguments,
    _check_rank,
    add_bias,
    pair_with_batch,
    spatial_axes,
)
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BaseConvTranspose(Layer):
    """What all transposed convolutions share; see `Conv2DTranspose` for the arguments."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.rank = rank
        self.filters = settings.positive(filters, name, "filters")
        self.kernel_size = settings.numbers(kernel_size, rank, self, "kernel_size")
        self.strides = settings.numbers(strides, rank, self, "strides")
        self.dilation_rate = settings.numbers(dilation_rate, rank, self, "dilation_rate")
        self.padding = settings.one_of(str(padding).lower(), ("valid", "same"), name, "padding")
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = settings.numbers(output_padding, rank, self, "output_padding", allow_zero=True)
            if any(p >= s for p, s in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"{name}: output_padding={self.output_padding} must be less than strides={self.strides} along each "
                    "axis."
                )
        self.data_format = config.standardize_data_format(data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{name}: strides and dilation_rate cannot both be above 1, got strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}."
            )
        settings.take(
            self,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
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
            shape=(*self.kernel_size, self.filters, channels),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
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
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        outputs = add_bias(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        _check_rank(self, input_shape)
        space = [input_shape[a] for a in spatial_axes(self.data_format, self.rank)]
        extra = self.output_padding or (None,) * self.rank
        out = [
            transposed_extent(size, k, s, d, e, self.padding)
            for size, k, s, d, e in zip(space, self.kernel_size, self.strides, self.dilation_rate, extra)
        ]
        return pair_with_batch(out, input_shape[0], self.filters, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(
                self,
                "filters",
                "kernel_size",
                "strides",
                "padding",
                "output_padding",
                "data_format",
                "dilation_rate",
                "activation",
                "use_bias",
                *_WEIGHTS,
            ),
        }


def transposed_extent(
    size: int | None, kernel: int, stride: int, dilation: int, extra: int | None, padding: str
) -> int | None:
    """The output extent along one axis; None where the input's is not known.

    >>> transposed_extent(4, 3, 2, 1, None, "same"), transposed_extent(4, 3, 2, 1, None, "valid")
    (8, 9)
    """
    if size is None:
        return None
    from pronghorn.ops.nn.convolution import transposed_axis

    return transposed_axis(size, kernel, stride, dilation, extra, padding)[0]


class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution of sequences.

    See `Conv2DTranspose` for the arguments.

    Example:

    >>> Conv1DTranspose(5, 3, strides=2, padding="same")(ops.ones((1, 4, 3))).shape
    (1, 8, 5)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(1, locals()))


class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution of images.

    Args:
        filters: the number of output channels.
        kernel_size: height and width of the kernel; one integer for both.
        strides: steps between where the inputs are put.
        padding: ``"valid"`` or ``"same"``.
        output_padding: how many rows and columns are added at the end; chosen from the rest if None.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        dilation_rate: steps between the kernel's taps.
        activation: applied to the result; none if None.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel ``[height, width, filters, channels]`` starts.
        bias_initializer: how the bias ``[filters]`` starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        kwargs: those of `Layer`.

    Example:

    >>> Conv2DTranspose(5, 3, strides=2, padding="same")(ops.ones((1, 4, 4, 3))).shape
    (1, 8, 8, 5)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(2, locals()))


class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution of volumes.

    See `Conv2DTranspose` for the arguments.

    Example:

    >>> Conv3DTranspose(5, 3, strides=2, padding="same")(ops.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 5)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(3, locals()))
