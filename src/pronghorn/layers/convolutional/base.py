"""What all kinds of convolutions share: their settings, channels, biases and the extents of their outputs."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.input_spec import InputSpec, wrong_rank
from pronghorn.layers.layer import Layer


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


def check_rank(layer: Any, input_shape: Any) -> None:
    rank = layer.rank + 2
    if len(input_shape) != rank:
        raise ValueError(wrong_rank(layer, f"{rank}", tuple(input_shape), rank))


def check_fits(layer: Any, out: list[int | None], space: list[int | None], kernel: tuple[int, ...]) -> None:
    """Raise an error where a window or kernel does not fit in its input. An axis without elements stays one where the
    padding would make room."""
    padded = layer.padding != "valid"
    if any(d is not None and d < 1 and not (padded and n == d == 0) for n, d in zip(space, out)):
        what = "window" if hasattr(layer, "pool_size") else "kernel"
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, getattr(layer, "dilation_rate", (1,) * len(kernel))))
        extent = f"{kernel}" if reach == tuple(kernel) else f"{kernel} (spanning {reach} with its dilation)"
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): its {what} {extent} is larger than its input, which is "
            f"{tuple(space)} in space, so nothing would be left of it. Use a smaller {what}, "
            "padding='same', or larger inputs (fewer strides and poolings before it)."
        )


def check_strides(layer: Any) -> None:
    """Raise an error where steps between outputs and steps between taps are both above one."""
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise ValueError(
            f"{type(layer).__name__}: strides and dilation_rate cannot both be above 1, got strides={layer.strides} "
            f"and dilation_rate={layer.dilation_rate}."
        )


def add_bias(outputs: Any, bias: Any, data_format: str) -> Any:
    """``outputs`` with a bias for each channel added, if there is one."""
    if bias is None:
        return outputs
    if data_format == "channels_last":
        return ops.add(outputs, bias)
    return ops.add(outputs, ops.reshape(bias, (1, -1, *(1,) * (len(outputs.shape) - 2))))


class Convolution(Layer):
    """A layer that slides a kernel over ``rank`` axes of space.

    A kind of convolution says what it does to inputs, in `_convolve`, and how many channels come out. Its public
    classes have the signatures, and hand over what they were given.
    """

    #: The settings, in the order of the configuration.
    setting_names: tuple[str, ...] = ()
    #: Whether steps between outputs and between taps may both be above one.
    strided_and_dilated = True
    groups = 1

    def __init__(self, rank: int, **given: Any) -> None:
        own = {name: given.pop(name) for name in self.setting_names if name not in settings.OF_EVERY_LAYER}
        super().__init__(**given)
        self.rank = rank
        settings.take(self, **own)
        if not self.strided_and_dilated:
            check_strides(self)
        self.input_spec = InputSpec(ndim=rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _channels(self, input_shape: Any) -> int:
        """The inputs' channels, which must be known and fit the groups; no others are taken from now on."""
        check_rank(self, input_shape)
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
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        return channels

    def _convolve(self, inputs: Any) -> Any:
        """The convolution, without bias and activation."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        outputs = add_bias(self._convolve(inputs), self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def _geometry(self) -> dict[str, Any]:
        """The settings that the ops take."""
        names = ("strides", "padding", "dilation_rate", "data_format")
        return {name: getattr(self, name) for name in names}

    def _output_channels(self, input_shape: Any) -> Any:
        return self.filters

    def _output_extents(self, space: list[Any]) -> list[Any]:
        sizes = zip(space, self.kernel_size, self.strides, self.dilation_rate)
        out = [conv_extent(size, k, s, self.padding, d) for size, k, s, d in sizes]
        check_fits(self, out, space, self.kernel_size)
        return out

    def compute_output_shape(self, input_shape: Any) -> Any:
        check_rank(self, input_shape)
        out = self._output_extents([input_shape[a] for a in spatial_axes(self.data_format, self.rank)])
        return pair_with_batch(out, input_shape[0], self._output_channels(input_shape), self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, *self.setting_names)}
