"""What the networks are put together from: layers that know the names and the order of axes they are built with.

Each function takes a tensor first and gives one, so that `functools.partial` makes a family's own kind of convolution
or normalisation of it.
"""

from __future__ import annotations

from typing import Any

from pronghorn import config, layers


def channels_first() -> bool:
    """Return whether images have their channels first."""
    return config.image_data_format() == "channels_first"


def channel_axis() -> int:
    """Return the axis of the channels in a batch of images."""
    return 1 if channels_first() else 3


def channels(x: Any) -> int:
    """Return how many channels a batch of images has."""
    return x.shape[channel_axis()]


def image_size(x: Any) -> tuple[int | None, int | None]:
    """Return the height and width of a batch of images."""
    return tuple(x.shape[2:] if channels_first() else x.shape[1:3])


def conv(x: Any, filters: int, size: Any, strides: int = 1, padding: str = "same", **options: Any) -> Any:
    """A convolution."""
    return layers.Conv2D(filters, size, strides=strides, padding=padding, **options)(x)


def depthwise(x: Any, size: int, strides: int = 1, padding: str = "same", **options: Any) -> Any:
    """A convolution of each channel by itself."""
    return layers.DepthwiseConv2D(size, strides=strides, padding=padding, **options)(x)


def separable(x: Any, filters: int, size: int, strides: int = 1, padding: str = "same", **options: Any) -> Any:
    """A depthwise convolution and one of 1x1 as one layer."""
    return layers.SeparableConv2D(filters, size, strides=strides, padding=padding, **options)(x)


def norm(x: Any, name: str | None = None, epsilon: float = 1e-3, **options: Any) -> Any:
    """Batch normalisation over the channels."""
    return layers.BatchNormalization(axis=channel_axis(), epsilon=epsilon, name=name, **options)(x)


def act(x: Any, name: str | None = None, function: Any = "relu") -> Any:
    """An activation."""
    return layers.Activation(function, name=name)(x)


def pad(x: Any, amount: Any, name: str | None = None) -> Any:
    """Zeros around the images."""
    return layers.ZeroPadding2D(amount, name=name)(x)


def pad_for_stride(x: Any, size: int, name: str | None = None) -> Any:
    """Zeros for a convolution of an odd size that halves the image: one line less at the start of an even extent."""

    def amounts(extent: int | None) -> tuple[int, int]:
        half = size // 2
        return half - (extent is None or extent % 2 == 0), half

    return pad(x, tuple(amounts(extent) for extent in image_size(x)), name)


def max_pool(x: Any, size: int, strides: int, padding: str = "valid", name: str | None = None) -> Any:
    """The largest values of windows."""
    return layers.MaxPooling2D(size, strides=strides, padding=padding, name=name)(x)


def average_pool(x: Any, size: int, strides: int, padding: str = "valid", name: str | None = None) -> Any:
    """The means of windows."""
    return layers.AveragePooling2D(size, strides=strides, padding=padding, name=name)(x)


def concatenate(parts: Any, name: str | None = None) -> Any:
    """The channels of several images side by side."""
    return layers.Concatenate(axis=channel_axis(), name=name)(parts)


def round_to_eights(value: float, generous: bool = True) -> int:
    """Return the multiple of eight nearest to `value`, but, if `generous`, nothing more than a tenth below it.

    >>> round_to_eights(0.35 * 24), round_to_eights(1.1 * 16), round_to_eights(19.2), round_to_eights(19.2, False)
    (8, 16, 24, 16)
    """
    nearest = max(8, int(value + 4) // 8 * 8)
    return nearest + 8 if generous and nearest < 0.9 * value else nearest
