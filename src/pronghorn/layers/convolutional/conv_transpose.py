"""Transposed convolutions: they go from a convolution's output shape to its input shape."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.convolutional.base import Convolution
from pronghorn.ops.nn.convolution import transposed_axis


class BaseConvTranspose(Convolution):
    """What all transposed convolutions share; see `Conv2DTranspose` for the arguments."""

    setting_names = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "output_padding",
        "data_format",
        "dilation_rate",
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

    def __init__(self, rank: int, **given: Any) -> None:
        super().__init__(rank, **given)
        if any(p >= s for p, s in zip(self.output_padding or (), self.strides)):
            raise ValueError(
                f"{type(self).__name__}: output_padding={self.output_padding} must be less than "
                f"strides={self.strides} along each axis."
            )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = settings.weight(self, "kernel", (*self.kernel_size, self.filters, channels))
        self.bias = settings.bias(self, (self.filters,))

    def _convolve(self, inputs: Any) -> Any:
        return ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._geometry())

    def _output_extents(self, space: list[Any]) -> list[Any]:
        extra = self.output_padding or (None,) * self.rank
        sizes = zip(space, self.kernel_size, self.strides, self.dilation_rate, extra)
        return [transposed_extent(size, k, s, d, e, self.padding) for size, k, s, d, e in sizes]


def transposed_extent(
    size: int | None, kernel: int, stride: int, dilation: int, extra: int | None, padding: str
) -> int | None:
    """The output extent along one axis; None where the input's is not known.

    >>> transposed_extent(4, 3, 2, 1, None, "same"), transposed_extent(4, 3, 2, 1, None, "valid")
    (8, 9)
    """
    if size is None:
        return None
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
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(1, **settings.arguments(locals()))


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
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(2, **settings.arguments(locals()))


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
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(3, **settings.arguments(locals()))
