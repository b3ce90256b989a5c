"""Images of another size: each axis is multiplied with a matrix of weights, which zeros and neighbours make up."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import eager
from pronghorn.engine.graph.dim import comparable
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import custom_gradient
from pronghorn.ops.core import saturate_cast
from pronghorn.ops.image import shares
from pronghorn.ops.image._layout import batch_of
from pronghorn.ops.numpy.shaping import part, permute

Kernel = Callable[[Tensor], Tensor]

FEW_TAPS = 8  # times as many pixels as count for a new one: from there on they are picked, not multiplied by zeros


# -- interpolation kernels: weight of a pixel by its distance ---------------------------------------------------------
def _triangle(x: Tensor) -> Tensor:
    one = B.full_like(x, 1)
    return P.max(P.sub(one, x), B.zeros_like(x))


def _cubic(x: Tensor) -> Tensor:
    """The convolution kernel of Keys (1981) with a = -1/2."""
    near = _horner(x, (1.0, 0.0, -2.5, 1.5))
    far = _horner(x, (2.0, -4.0, 2.5, -0.5))
    out = P.select(P.ge(x, B.full_like(x, 1)), far, near)
    return P.select(P.ge(x, B.full_like(x, 2)), B.zeros_like(x), out)


def _horner(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    total = B.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = P.add(P.mul(total, x), B.full_like(x, c))
    return total


def _lanczos(radius: float) -> Kernel:
    def kernel(x: Tensor) -> Tensor:
        wave = P.mul(P.sin(P.mul(x, math.pi)), P.sin(P.mul(x, math.pi / radius)))
        close = P.lt(x, B.full_like(x, 1e-3))
        square = P.mul(P.mul(x, x), math.pi**2)
        out = P.div(P.mul(wave, radius), P.select(close, B.full_like(x, 1), square))
        out = P.select(close, B.full_like(x, 1), out)
        return P.select(P.gt(x, B.full_like(x, radius)), B.zeros_like(x), out)

    return kernel


_KERNELS: dict[str, Kernel] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}
_REACH = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}  # pixels on each side that a kernel covers


def _weights(size: int, new: int, scale: Any, translation: Any, kernel: Kernel, antialias: bool, dtype: str) -> Tensor:
    """``[new, size]``: how much each pixel counts for each new one. Pixels are squares: pixel 0 is from 0 to 1."""
    scale, translation = (P.reshape(B.cast(v, dtype), shape=()) for v in (scale, translation))
    shape = (new, size)
    inverse = P.div(B.full((), 1, dtype), scale)
    place = P.cast(P.iota(shape=shape, dtype="int32", axis=0), dtype=dtype)
    centre = P.sub(P.add(place, 0.5), B.broadcast_to(translation, shape))
    sample = P.sub(P.mul(centre, B.broadcast_to(inverse, shape)), 0.5)
    apart = P.abs(P.sub(sample, P.cast(P.iota(shape=shape, dtype="int32", axis=1), dtype=dtype)))
    if antialias:  # shrinking: the kernel is as wide as a new pixel
        apart = P.div(apart, B.broadcast_to(P.max(inverse, B.full((), 1, dtype)), shape))
    raw = kernel(apart)
    total = B.broadcast_to(B.keep_dims(P.reduce_sum(raw, axes=(1,)), (1,), 2), shape)
    some = P.gt(P.abs(total), B.full_like(total, 1000 * float(np.finfo(np.float32).eps)))
    share = P.select(some, P.div(raw, P.select(some, total, B.full_like(total, 1))), B.zeros_like(raw))
    inside = P.and_(P.ge(sample, B.full_like(sample, -0.5)), P.le(sample, B.full_like(sample, size - 0.5)))
    return P.select(inside, share, B.zeros_like(share))


def _along(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """The axis multiplied with ``[new, size]``."""
    out = P.dot_general(x, weights, contract=((axis,), (1,)), batch=((), ()))
    order = [*range(axis), x.ndim - 1, *range(axis, x.ndim - 1)]
    return permute(out, order)


@symbolic_aware
def scale_and_translate(
    images: Any, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, method: str, antialias: bool = True
) -> Tensor:
    """Images sampled at the places that a scale and a shift move to the new pixels.

    Args:
        images: the array.
        output_shape: the result's shape; None leaves an axis as it is.
        scale: one factor for each of ``spatial_dims``; above 1 enlarges.
        translation: one shift, in new pixels, for each of them.
        spatial_dims: the axes that change.
        method: "linear", "cubic", "lanczos3" or "lanczos5"; "bilinear", "bicubic" and the like mean the same.
        antialias: whether, where the scale shrinks, all pixels count for the new ones.

    >>> import numpy as np
    >>> x = np.arange(3, dtype="float32")
    >>> scale_and_translate(x, (5,), np.array([2.0]), np.array([-0.5]), (0,), "linear").numpy()
    array([0. , 0.5, 1. , 1.5, 2. ], dtype=float32)
    """
    if method not in _KERNELS:
        raise ValueError(f"scale_and_translate: method={method!r}; it must be one of {', '.join(_KERNELS)}.")
    x = B.to_float(images)
    shape = tuple(n if n is None else int(n) for n in output_shape)
    axes = [B.axis_of(a, x.ndim, "spatial_dims") for a in spatial_dims]
    scale, translation = B.to_float(scale), B.to_float(translation)
    if len(shape) != x.ndim:
        raise ValueError(f"scale_and_translate: output_shape={shape} must have as many axes as images {x.shape}.")
    shape = tuple(m if n is None else n for n, m in zip(shape, x.shape))
    for axis, (n, m) in enumerate(zip(shape, x.shape)):
        if axis not in axes and comparable(m) and n != m:
            raise ValueError(
                f"scale_and_translate: output_shape={shape} changes axis {axis} of images {x.shape}, which is none of "
                f"spatial_dims={tuple(spatial_dims)}."
            )
    for i, axis in enumerate(axes):
        factor, shift = (part(v, 0, i, i + 1) for v in (scale, translation))
        weights = _weights(int(x.shape[axis]), int(shape[axis]), factor, shift, _KERNELS[method], antialias, x.dtype)
        x = _along(x, weights, axis)
    return x


# -- resize -----------------------------------------------------------------------------------------------------------
METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", *shares.METHODS)


@symbolic_aware
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size.

    Args:
        images: an image ``(height, width, channels)`` or a batch of them; channels come first for "channels_first".
        size: ``(height, width)`` of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5"; or, which Keras has with TensorFlow
            alone, "area", "gaussian" or "mitchellcubic".
        antialias: whether, when an axis shrinks, all pixels count for the new ones.
        crop_to_aspect_ratio: whether to cut the images to the new proportions first.
        pad_to_aspect_ratio: whether to fill them up to the new proportions first.
        fill_mode: must be "constant".
        fill_value: what to fill with.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Returns:
        Images of the same type; integers are rounded.

    >>> import numpy as np
    >>> resize(np.ones((4, 4, 3), "float32"), (2, 6)).shape
    (2, 6, 3)
    """
    height, width = _check_resize(size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)
    x, layout = batch_of("resize", images, data_format)
    dtype = x.dtype
    rows, columns = int(x.shape[1]), int(x.shape[2])
    if crop_to_aspect_ratio:
        high = max(min(rows, int(float(columns * height) / width)), 1)
        wide = max(min(columns, int(float(rows * width) / height)), 1)
        top, left = int(float(rows - high) / 2), int(float(columns - wide) / 2)
        x = part(part(x, 1, top, top + high), 2, left, left + wide)
    elif pad_to_aspect_ratio:
        high = max(rows, int(float(columns * height) / width))
        wide = max(columns, int(float(rows * width) / height))
        top, left = int(float(high - rows) / 2), int(float(wide - columns) / 2)
        border = (0, top, left, 0)  # the same on both sides, also where an odd number of pixels is missing
        x = P.pad(x, B.cast(fill_value, dtype), low=border, high=border, interior=(0,) * 4)
    for axis, new in ((1, height), (2, width)):
        x = _resize_axis(x, axis, new, interpolation, antialias)
    if x.dtype != dtype:
        x = saturate_cast(P.round(x), dtype) if not dtypes.is_float(dtype) else P.cast(x, dtype=dtype)
    return layout.restore(x)


def _check_resize(size: Any, interpolation: str, crop: bool, fill: bool, fill_mode: str) -> tuple[int, int]:
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(f"resize: size must be (height, width), got {size!r}.")
    if int(size[0]) < 1 or int(size[1]) < 1:
        raise ValueError(f"resize: `size` must have positive height and width, got {tuple(size)}.")
    if interpolation not in METHODS:
        raise ValueError(f"resize: interpolation={interpolation!r}; it must be one of {', '.join(METHODS)}.")
    if fill_mode != "constant":
        raise ValueError(f"resize: fill_mode={fill_mode!r}; only 'constant' is supported.")
    if crop and fill:
        raise ValueError("resize: crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be True.")
    return int(size[0]), int(size[1])


def _resize_axis(x: Tensor, axis: int, new: int, interpolation: str, antialias: bool) -> Tensor:
    size = int(x.shape[axis])
    if interpolation == "nearest":
        if size == new:
            return x
        places = np.floor((np.arange(new) + 0.5) * size / new).astype(np.int32)
        return P.take(x, tensor_of(np.minimum(places, size - 1)), axis=axis)
    inner = x.dtype if x.dtype in ("float32", "float64") else "float32"
    x = B.cast(x, inner)
    if interpolation in shares.METHODS:  # a filter, which counts where the extent stays the same, too
        weights = shares.shares(interpolation, size, new, antialias)
        return _along(x, tensor_of(weights.astype(dtypes.to_numpy(inner))), axis)
    if size == new:
        return x
    if not antialias and FEW_TAPS * 2 * _REACH[interpolation] <= size:
        return _by_taps(x, axis, new, interpolation)
    return _along(x, _constant_weights(size, new, interpolation, antialias, inner), axis)


def _by_taps(x: Tensor, axis: int, new: int, interpolation: str) -> Tensor:
    """`_along` where few weights are not zero: pixels are picked, which for images of 224 takes a quarter of the time.

    The gradient goes through the matrix: picked pixels would be added one by one.
    """
    size, dtype = int(x.shape[axis]), x.dtype
    places, shares = taps(size, new, interpolation)

    @custom_gradient
    def resized(x: Tensor) -> tuple[Tensor, Kernel]:
        parts = []
        for place, share in zip(places, shares.astype(dtypes.to_numpy(dtype))):
            picked = P.take(x, tensor_of(place), axis=axis)
            parts.append(P.mul(picked, P.broadcast_in_dim(tensor_of(share), shape=picked.shape, dims=(axis,))))

        def back(upstream: Tensor) -> Tensor:
            weights = _constant_weights(size, new, interpolation, False, dtype)
            return _along(upstream, P.transpose(weights, perm=(1, 0)), axis)

        return functools.reduce(P.add, parts), back

    return resized(x)


@functools.lru_cache(128)
def taps(size: int, new: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels count for each new one, without anti-aliasing, and how much.

    Returns:
        Places, int32, and shares, float64, both ``[taps, new]``.

    >>> places, shares = taps(4, 2, "bilinear")
    >>> places.tolist(), shares.tolist()
    ([[0, 2], [1, 3]], [[0.5, 0.5], [0.5, 0.5]])
    """
    reach = _REACH[interpolation]
    sample = (np.arange(new) + 0.5) * (size / new) - 0.5
    places = np.floor(sample) + np.arange(1 - reach, reach + 1)[:, None]
    with eager():
        raw = _KERNELS[interpolation](tensor_of(np.abs(sample - places))).numpy()
    raw = np.where((places >= 0) & (places < size), raw, 0.0)
    found = np.clip(places, 0, size - 1).astype(np.int32), raw / raw.sum(axis=0)
    for each in found:
        each.setflags(write=False)
    return found


def _constant_weights(size: int, new: int, interpolation: str, antialias: bool, dtype: str) -> Tensor:
    """The weights computed now, in float64, so that a traced graph holds only their values."""
    with eager():
        scale = B.full((), new / size, "float64")
        zero = B.full((), 0, "float64")
        weights = _weights(size, new, scale, zero, _KERNELS[interpolation], antialias, "float64")
        return B.cast(weights, dtype)
