"""`tf.compat.v1.image.resize` and its siblings, channels last, for `pronghorn run`.

TensorFlow 1 has other positions than TensorFlow 2: pixel `i` of the result is taken where `i * scale` is in the image,
so that the first pixels of both meet, and with `align_corners=True` the last ones, too. With `half_pixel_centers=True`
their edges do, as in TensorFlow 2. Along one axis a pixel of the result is a sum of some pixels, its taps, by weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn_tensorflow.image.basic import _images


class ResizeMethod:
    """`tf.compat.v1.image.ResizeMethod`: the numbers of the methods."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


_METHODS = ("bilinear", "nearest", "bicubic", "area")

#: TensorFlow has the weights of bicubic taps for so many parts of a pixel.
_PARTS = 1024


class _Axis(NamedTuple):
    """Where the pixels of a result lie along one axis: its `extent` pixels become `count`."""

    extent: int
    count: int
    align_corners: bool
    half_pixel_centers: bool

    @property
    def scale(self) -> np.float32:
        if self.align_corners and self.count > 1:
            return np.float32(self.extent - 1) / np.float32(self.count - 1)
        return np.float32(self.extent) / np.float32(self.count)

    def positions(self) -> np.ndarray:
        """Where each pixel is taken, in pixels of the image."""
        at = np.arange(self.count, dtype="float32")
        return (at + np.float32(0.5)) * self.scale - np.float32(0.5) if self.half_pixel_centers else at * self.scale

    def within(self, places: np.ndarray) -> np.ndarray:
        return np.clip(places, 0, self.extent - 1).astype("int32")


Taps = tuple[np.ndarray, np.ndarray]


def _bilinear(axis: _Axis) -> Taps:
    """The places of two taps each, ``[count, 2]``, and their weights."""
    at = axis.positions()
    first = np.floor(at)
    return axis.within(np.stack([first, np.ceil(at)], 1)), np.stack([1 - (at - first), at - first], 1)


def _bicubic(axis: _Axis) -> Taps:
    """Four taps each, of Keys's cubic: with the parameter -0.75, and by half pixels -0.5 and none beyond the image."""
    at = axis.positions()
    first = np.floor(at)
    places = first[:, None] + np.arange(-1, 3)
    near = np.rint((at - first) * _PARTS) / _PARTS
    distance = np.abs(near[:, None] - np.arange(-1, 3))
    a = -0.5 if axis.half_pixel_centers else -0.75
    inner = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    outer = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    weights = np.where(distance <= 1, inner, outer)
    if axis.half_pixel_centers:
        weights = np.where(places == axis.within(places), weights, 0)
        weights = weights / weights.sum(1, keepdims=True)
    return axis.within(places), weights


def _area(axis: _Axis) -> Taps:
    """As many taps as a pixel of the result covers, in part or in full, each with the share that is covered."""
    if axis.extent == 1:  # which has no corners to align
        return np.zeros((axis.count, 1), "int32"), np.ones((axis.count, 1))
    begin = (np.arange(axis.count, dtype="float32") * axis.scale)[:, None]
    end = (np.arange(1, axis.count + 1, dtype="float32") * axis.scale)[:, None]
    first = np.floor(begin)
    places = first + np.arange(max(1, int((np.ceil(end) - first).max())))
    covered = np.clip(np.minimum(places + 1, end) - np.maximum(places, begin), 0, None)
    return axis.within(places), covered / axis.scale


_TAPS: dict[str, Callable[[_Axis], Taps]] = {"bilinear": _bilinear, "bicubic": _bicubic, "area": _area}


def _nearest(axis: _Axis) -> np.ndarray:
    """The place of the one pixel that is taken; halves go up."""
    at = axis.positions() + np.float32(0.5) if axis.half_pixel_centers else axis.positions()
    return axis.within(np.floor(at + np.float32(0.5)) if axis.align_corners else np.floor(at))


def _along(x: Any, number: int, method: str, axis: _Axis) -> Any:
    """Images resized along the axis of this number, which counts from the last."""
    if method == "nearest":
        return ops.take(x, _nearest(axis), axis=number)
    places, weights = _TAPS[method](axis)
    taken = ops.take(x, places, axis=number)  # the taps' axis is after that of their pixels
    return ops.sum(taken * weights.astype("float32").reshape(*weights.shape, *[1] * (-1 - number)), axis=number)


def _extents(function: str, x: Any, size: Any) -> tuple[list[int], list[int]]:
    """The height and width that there are, and those that are wanted.

    Raises:
        ValueError: if they are not known, or are none.
    """
    own = list(x.shape[-3:-1])
    wanted = [int(n) for n in size]
    if len(wanted) != 2 or min(wanted) < 1:
        raise ValueError(f"{function}: size is (height, width), each of 1 and more; got {size!r}.")
    if not all(isinstance(extent, int) for extent in own):
        raise ValueError(f"{function}: the images' height and width must be known; got the shape {tuple(x.shape)}.")
    if min(own) < 1:
        raise ValueError(f"{function}: the images have no pixels; got the shape {tuple(x.shape)}.")
    return own, wanted


def _resized(
    method: str, function: str, images: Any, size: Any, align_corners: bool, half_pixel_centers: bool = False
) -> Any:
    if align_corners and half_pixel_centers:
        raise ValueError(f"{function}: align_corners and half_pixel_centers exclude each other; give one of them.")
    x = _images(function.removeprefix("tf.image."), images)
    own, wanted = _extents(function, x, size)
    if method != "nearest":
        x = ops.cast(x, "float32")
    for number, extent, count in zip((-3, -2), own, wanted):
        x = _along(x, number, method, _Axis(extent, count, bool(align_corners), bool(half_pixel_centers)))
    return x


def resize(
    images: Any,
    size: Any,
    method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.compat.v1.image.resize`: to `(height, width)`, or within it; float32, except by the nearest pixel.

    Images of that size already stay as they are, with their type.

    Args:
        images: ``[height, width, channels]``, or a batch of them.
        size: the height and width.
        method: one of `ResizeMethod`, or its name: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`.
        align_corners: whether the last pixels of image and result meet, too.
        preserve_aspect_ratio: whether `size` is what the result is to fit into.
        name: ignored.

    Raises:
        ValueError: for another method, or a size of less than a pixel.

    >>> resize(np.array([[[0.0], [3.0]]]), (1, 4), align_corners=True).numpy().ravel()
    array([0., 1., 2., 3.], dtype=float32)
    """
    function = "tf.image.resize"
    named = _METHODS[method] if isinstance(method, int) and 0 <= method < len(_METHODS) else method
    if named not in _METHODS:
        raise ValueError(f"{function}: method={method!r}; it must be one of {', '.join(_METHODS)}, or its number.")
    x = _images("resize", images)
    own, wanted = _extents(function, x, size)
    if preserve_aspect_ratio:
        share = min(goal / extent for goal, extent in zip(wanted, own))
        wanted = [max(1, round(share * extent)) for extent in own]
    return x if wanted == own else _resized(named, function, x, wanted, align_corners)


def resize_bilinear(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Any:
    """`tf.compat.v1.image.resize_bilinear`: between two rows and two columns each; float32."""
    return _resized("bilinear", "tf.image.resize_bilinear", images, size, align_corners, half_pixel_centers)


def resize_bicubic(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Any:
    """`tf.compat.v1.image.resize_bicubic`: between four rows and four columns each; float32."""
    return _resized("bicubic", "tf.image.resize_bicubic", images, size, align_corners, half_pixel_centers)


def resize_nearest_neighbor(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Any:
    """`tf.compat.v1.image.resize_nearest_neighbor`: pixels chosen; the images' type."""
    return _resized("nearest", "tf.image.resize_nearest_neighbor", images, size, align_corners, half_pixel_centers)


def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Any:
    """`tf.compat.v1.image.resize_area`: the mean of what a pixel covers; float32."""
    return _resized("area", "tf.image.resize_area", images, size, align_corners)
