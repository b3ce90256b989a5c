"""Colours in other coordinates."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.core import unstack
from pronghorn.ops.image._layout import bad_rank
from pronghorn.ops.nn.geometry import channels_first
from pronghorn.ops.numpy.arithmetic import mod
from pronghorn.ops.numpy.joining import stack


def _with_axis(name: str, images: Any, data_format: Any) -> tuple[Tensor, int]:
    """Images, and the axis of their channels."""
    x = B.convert(images)
    if x.ndim not in (3, 4):
        raise ValueError(bad_rank(name, x))
    return x, x.ndim - 3 if channels_first(data_format) else x.ndim - 1


def _channels(name: str, images: Any, data_format: Any) -> tuple[list[Tensor], int, str]:
    """The three channels of images, the axis they are in, and the images' type."""
    x, axis = _with_axis(name, images, data_format)
    if x.shape[axis] != 3:
        raise ValueError(f"{name}: images must have 3 channels, in axis {axis}; got shape {x.shape}.")
    return unstack(B.to_float(x), 3, axis=axis), axis, x.dtype


def _require_floats(name: str, dtype: str) -> None:
    if not dtypes.is_float(dtype):
        raise ValueError(
            f"{name}: images must be floats from 0 to 1 here, got {dtype}; cast them to float32 and divide by 255 "
            "first."
        )


@symbolic_aware
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """The brightness of images: one channel instead of three.

    Args:
        images: an image ``(height, width, 3)`` or a batch; channels come first for "channels_first". Images with one
            channel stay as they are.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    >>> rgb_to_grayscale([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]).shape
    (1, 2, 1)
    """
    x, axis = _with_axis("rgb_to_grayscale", images, data_format)
    if x.shape[axis] == 1:
        return x
    (red, green, blue), axis, dtype = _channels("rgb_to_grayscale", x, data_format)
    total = P.add(P.add(P.mul(red, 0.2989), P.mul(green, 0.5870)), P.mul(blue, 0.1140))
    return B.cast(B.keep_dims(total, (axis,), total.ndim + 1), dtype)


@symbolic_aware
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Tensor:
    """Red, green and blue to hue, saturation and value, all between 0 and 1.

    >>> rgb_to_hsv([[[0.0, 1.0, 0.0]]]).numpy().ravel()
    array([0.33333334, 1.        , 1.        ], dtype=float32)
    """
    (red, green, blue), axis, dtype = _channels("rgb_to_hsv", images, data_format)
    _require_floats("rgb_to_hsv", dtype)
    value = P.max(P.max(red, green), blue)
    span = P.sub(value, P.min(P.min(red, green), blue))
    zero, one = B.zeros_like(value), B.full_like(value, 1)
    saturation = P.select(P.gt(value, zero), P.div(span, P.select(P.gt(value, zero), value, one)), zero)
    scale = P.div(one, P.mul(P.select(P.gt(span, zero), span, one), 6.0))

    def hue(first: Tensor, second: Tensor, offset: float) -> Tensor:
        return P.add(P.mul(scale, P.sub(first, second)), B.full_like(scale, offset))

    by_green = P.select(P.eq(green, value), hue(blue, red, 2 / 6), hue(red, green, 4 / 6))
    angle = P.select(P.eq(red, value), hue(green, blue, 0.0), by_green)
    angle = P.select(P.gt(span, zero), P.select(P.lt(angle, zero), P.add(angle, one), angle), zero)
    return stack([angle, saturation, value], axis=axis)


@symbolic_aware
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value, all between 0 and 1, to red, green and blue.

    >>> hsv_to_rgb([[[0.0, 1.0, 1.0]]]).numpy().ravel()
    array([1., 0., 0.], dtype=float32)
    """
    (hue, saturation, value), axis, dtype = _channels("hsv_to_rgb", images, data_format)
    _require_floats("hsv_to_rgb", dtype)
    zero, one = B.zeros_like(hue), B.full_like(hue, 1)
    turn = P.mul(hue, 6.0)

    def channel(offset: float) -> Tensor:
        place = mod(P.add(turn, offset), B.full_like(turn, 6))
        ramp = P.max(P.min(P.min(place, P.sub(B.full_like(place, 4), place)), one), zero)
        return P.sub(value, P.mul(P.mul(value, saturation), ramp))

    return stack([channel(5.0), channel(3.0), channel(1.0)], axis=axis)
