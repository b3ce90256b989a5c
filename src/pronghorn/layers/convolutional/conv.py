"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.core.lora import LoraKernel
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer

_WEIGHTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


def conv_extent(size: int | None, kernel: int, stride: int, padding: str, dilation: int) -> int | None:
    """The output extent along one axis; None where the input's is not known.

    >>> conv_extent(28, 3, 1, "valid", 1), conv_extent(7, 3, 2, "same", 1)
    (26, 4)
    """
    if size is None:
        return None
    if padding in ("same", "causal"):
        return -(-size // stride)
    return (size - ((kernel - 1) * dilation + 1)) // stride + 1


def spatial_axes(data_format: str, rank: int) -> range:
    """The axes of an input that are space."""
    return range(1, rank + 1) if data_format == "channels_last" else range(2, rank + 2)


def pair_with_batch(spatial: Any, batch: Any, channels: Any, data_format: str) -> tuple[Any, ...]:
    """A whole shape from its parts."""
    return (batch, *spatial, channels) if data_format == "channels_last" else (batch, channels, *spatial)


class BaseConv(LoraKernel, Layer):
    """What all convolutions share; see `Conv2D` for the arguments."""

    def __init__(
        self,
        rank: int,
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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.rank = rank
        self.filters = settings.positive(filters, name, "filters")
        self.groups = settings.positive(groups, name, "groups")
        self.kernel_size = settings.numbers(kernel_size, rank, self, "kernel_size")
        self.strides = settings.numbers(strides, rank, self, "strides")
        self.dilation_rate = settings.numbers(dilation_rate, rank, self, "dilation_rate")
        allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
        self.padding = settings.one_of(str(padding).lower(), allowed, name, "padding")
        self.data_format = config.standardize_data_format(data_format)
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ValueError(f"{name}: padding='causal' needs data_format='channels_last'.")
        if self.filters % self.groups:
            raise ValueError(
                f"{name}: filters={filters} cannot be split into groups={groups} of one size; make it a multiple of "
                f"{groups}."
            )
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
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.input_spec = InputSpec(ndim=rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _channels(self, input_shape: Any) -> int:
        """The inputs' channels, which must be known and fit the groups."""
        _check_rank(self, input_shape)
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the channels (axis {self._channel_axis}) of its input "
                f"must be known, got shape {tuple(input_shape)}. Give Input() a number there."
            )
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): {channels} channels cannot be split into "
                f"groups={self.groups} of one size; the input has the shape {tuple(input_shape)}."
            )
        return channels

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self._kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
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
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.built = True
        self.compute_output_shape(input_shape)
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    @property
    def kernel(self) -> Any:
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no kernel before it is built.")
        return self._with_lora(self._kernel)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution itself, without bias and activation."""
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def call(self, inputs: Any) -> Any:
        outputs = self.convolution_op(inputs, self.kernel)
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
                "filters",
                "kernel_size",
                "strides",
                "padding",
                "data_format",
                "dilation_rate",
                "groups",
                "activation",
                "use_bias",
                *_WEIGHTS,
            ),
            **self._lora_config(),
        }


def _check_rank(layer: Any, input_shape: Any) -> None:
    from pronghorn.layers.input_spec import _rank

    rank = layer.rank + 2
    if len(input_shape) != rank:
        raise ValueError(_rank(layer, f"ndim={rank}", tuple(input_shape), rank))


def check_fits(layer: Layer, out: list[int | None], space: list[int | None], kernel: tuple[int, ...]) -> None:
    """Raise an error where a window or kernel does not fit in its input."""
    if any(d is not None and d < 1 for d in out):
        what = "window" if hasattr(layer, "pool_size") else "kernel"
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, getattr(layer, "dilation_rate", (1,) * len(kernel))))
        extent = f"{kernel}" if reach == tuple(kernel) else f"{kernel} (spanning {reach} with its dilation)"
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): its {what} {extent} is larger than its input, which is "
            f"{tuple(space)} in space, so the output size would be zero or negative. Use a smaller {what}, "
            "padding='same', or larger inputs (fewer strides and poolings before it)."
        )


def add_bias(outputs: Any, bias: Any, data_format: str) -> Any:
    """``outputs`` with a bias for each channel added, if there is one."""
    if bias is None:
        return outputs
    if data_format == "channels_last":
        return ops.add(outputs, bias)
    return ops.add(outputs, ops.reshape(bias, (1, -1, *(1,) * (len(outputs.shape) - 2))))


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(1, locals()))


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(2, locals()))


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
        **kwargs: Any,
    ) -> None:
        super().__init__(**_arguments(3, locals()))


def _arguments(rank: int, values: dict[str, Any]) -> dict[str, Any]:
    """A constructor's arguments, as its ``locals()`` give them, for the base class."""
    own = {k: v for k, v in values.items() if k not in ("self", "kwargs", "__class__")}
    return {"rank": rank, **own, **values["kwargs"]}
