"""Filters, patches, borders and comparisons of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, comparable, is_static
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.image._layout import batch_of
from pronghorn.ops.nn.convolution import depthwise_conv
from pronghorn.ops.nn.geometry import padding_pairs, per_axis
from pronghorn.ops.numpy.joining import stack
from pronghorn.ops.numpy.reductions import mean_of
from pronghorn.ops.numpy.shaping import part
from pronghorn.symbolic.describing import is_described


# -- borders ----------------------------------------------------------------------------------------------------------
def _check_borders(name: str, given: dict[str, Any]) -> None:
    """Of the border before, the border after and the target size, by the names of the arguments, two must be given."""
    known = {argument: v for argument, v in given.items() if v is not None}
    if len(known) != 2:
        shown = ", ".join(f"{k}={v}" for k, v in known.items()) or "none of them"
        raise ValueError(f"{name}: give exactly two of {', '.join(given)}; got {shown}.")
    for argument, value in known.items():
        if int(value) < 0:
            raise ValueError(f"{name}: {argument} must be >= 0, got {value}.")


def _border(name: str, size: Extent, given: dict[str, Any], sign: int) -> tuple[int, int]:
    """Pixels before and after an axis; they come to the images for the sign 1, and go for -1."""
    first, last, target = given
    before, after = given[first], given[last]
    if before is None:
        before = sign * (int(given[target]) - size) - int(after)
    elif after is None:
        after = sign * (int(given[target]) - size) - int(before)
    for argument, border in ((first, before), (last, after)):
        if border.__index__() < 0:
            raise ValueError(
                f"{name}: {argument} must be >= 0; {target}={given[target]} makes it {border} for an axis of {size}."
            )
    return int(before), int(after)


def _described(x: Tensor, rows: dict[str, Any], columns: dict[str, Any], sign: int) -> Tensor:
    """The result for symbolic images of unknown size."""
    shape = []
    for size, given in zip(x.shape[1:3], (rows, columns)):
        before, after, target = given.values()
        shape.append(size + sign * (int(before or 0) + int(after or 0)) if target is None else int(target))
    return B.full((x.shape[0], *shape, x.shape[3]), 0, x.dtype)


@symbolic_aware
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with a border of zeros; for each axis two of both borders and the target size are given.

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        top_padding: rows above.
        left_padding: columns to the left.
        bottom_padding: rows below.
        right_padding: columns to the right.
        target_height: rows of the result.
        target_width: columns of the result.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    >>> import numpy as np
    >>> pad_images(np.ones((4, 4, 3)), 1, 1, target_height=6, target_width=8).shape
    (6, 8, 3)
    """
    x, layout = batch_of("pad_images", images, data_format)
    rows = {"top_padding": top_padding, "bottom_padding": bottom_padding, "target_height": target_height}
    columns = {"left_padding": left_padding, "right_padding": right_padding, "target_width": target_width}
    for given in (rows, columns):
        _check_borders("pad_images", given)
    if is_described(x) and not is_static(x.shape[1:3]):
        return layout.restore(_described(x, rows, columns, 1))
    top, bottom = _border("pad_images", x.shape[1], rows, 1)
    left, right = _border("pad_images", x.shape[2], columns, 1)
    zero = B.full((), 0, x.dtype)
    return layout.restore(P.pad(x, zero, low=(0, top, left, 0), high=(0, bottom, right, 0), interior=(0,) * 4))


@symbolic_aware
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without their borders; for each axis two of both borders and the target size are given.

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        top_cropping: rows that go at the top.
        left_cropping: columns that go at the left.
        bottom_cropping: rows that go at the bottom.
        right_cropping: columns that go at the right.
        target_height: rows of the result.
        target_width: columns of the result.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Example:

    >>> from pronghorn import ops
    >>> crop_images(ops.ones((1, 6, 6, 3)), top_cropping=1, left_cropping=2, target_height=3, target_width=4).shape
    (1, 3, 4, 3)
    """
    x, layout = batch_of("crop_images", images, data_format)
    rows = {"top_cropping": top_cropping, "bottom_cropping": bottom_cropping, "target_height": target_height}
    columns = {"left_cropping": left_cropping, "right_cropping": right_cropping, "target_width": target_width}
    for given in (rows, columns):
        _check_borders("crop_images", given)
    if is_described(x) and not is_static(x.shape[1:3]):
        return layout.restore(_described(x, rows, columns, -1))
    high, wide = x.shape[1:3]
    top, bottom = _border("crop_images", high, rows, -1)
    left, right = _border("crop_images", wide, columns, -1)
    if top + bottom >= high or left + right >= wide:
        raise ValueError(f"crop_images: nothing is left of images of {high} x {wide} pixels.")
    return layout.restore(part(part(x, 1, top, high - bottom), 2, left, wide - right))


# -- patches ----------------------------------------------------------------------------------------------------------
@symbolic_aware
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Windows of images, or of volumes, laid out as channels.

    Args:
        images: an image ``(height, width, channels)`` or a batch; volumes have a depth before the height.
        size: the windows' extents: one number, or two, or three for volumes.
        strides: step between windows; ``size`` by default.
        dilation_rate: step between a window's pixels.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Returns:
        ``(rows, columns, window * channels)``, with a batch axis if ``images`` has one.

    >>> import numpy as np
    >>> extract_patches(np.ones((2, 6, 6, 3), "float32"), 3).shape
    (2, 2, 2, 27)
    """
    rank = _size_rank("extract_patches", size, (2, 3))
    return _patches("extract_patches", images, size, strides, dilation_rate, padding, data_format, rank)


@symbolic_aware
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """`extract_patches` of volumes ``(depth, height, width, channels)``.

    >>> from pronghorn import ops
    >>> extract_patches_3d(ops.ones((1, 4, 4, 4, 1)), (2, 2, 2)).shape
    (1, 2, 2, 2, 8)
    """
    _size_rank("extract_patches_3d", size, (3,))
    return _patches("extract_patches_3d", volumes, size, strides, dilation_rate, padding, data_format, 3)


def _size_rank(name: str, size: Any, ranks: tuple[int, ...]) -> int:
    """How many spatial axes a window's ``size`` is for; the first of ``ranks`` for a number."""
    counts = " or ".join(map(str, ranks))
    if isinstance(size, (tuple, list)):
        if len(size) in ranks:
            return len(size)
        kind = ValueError if len(ranks) > 1 else TypeError  # as in Keras
        raise kind(f"{name}: `size` is one number, or {counts} of them in a tuple; got size={size!r}.")
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(f"{name}: `size` is one number, or {counts} of them in a tuple; got size={size!r}.")
    return ranks[0]


def _patches(
    name: str, images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: Any, rank: int
) -> Tensor:
    x, layout = batch_of(name, images, data_format, spatial=rank)
    window = per_axis(size, rank, name, "size")
    steps = window if strides is None else per_axis(strides, rank, name, "strides")
    dilation = per_axis(dilation_rate, rank, name, "dilation_rate")
    pairs = padding_pairs(name, padding, x.shape[1:-1], window, steps, dilation)
    low, high = zip(*pairs)
    x = P.pad(x, B.full((), 0, x.dtype), low=(0, *low, 0), high=(0, *high, 0), interior=(0,) * (rank + 2))
    counts = []
    for n, k, s, d in zip(x.shape[1:-1], window, steps, dilation):
        if comparable(n) and (k - 1) * d + 1 > n:
            raise ValueError(f"{name}: a window of {k} is larger than an axis of {n}.")
        counts.append((n - ((k - 1) * d + 1)) // s + 1)
    if steps == window and set(dilation) == {1}:
        return layout.restore(_tiles(x, counts, window))
    taps = []
    for offset in np.ndindex(*window):
        start = tuple(o * d for o, d in zip(offset, dilation))
        limit = tuple(b + (c - 1) * s + 1 for b, c, s in zip(start, counts, steps))
        taps.append(
            P.slice(
                x,
                start=(0, *start, 0),
                limit=(x.shape[0], *limit, x.shape[-1]),
                stride=(1, *steps, 1),
            )
        )
    return layout.restore(P.concatenate(*taps, axis=rank + 1) if len(taps) > 1 else taps[0])


def _tiles(x: Tensor, counts: list[Extent], window: tuple[int, ...]) -> Tensor:
    """Windows that stand side by side, each with its elements in a row; what they leave at the ends is cut off."""
    rank = len(window)
    for axis, (count, k) in enumerate(zip(counts, window), 1):
        x = part(x, axis, 0, count * k)
    apart = tuple(extent for pair in zip(counts, window) for extent in pair)
    x = P.reshape(x, shape=(x.shape[0], *apart, x.shape[-1]))
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    x = P.transpose(x, perm=order)
    return P.reshape(x, shape=(x.shape[0], *counts, x.shape[-1] * math.prod(window)))


# -- filters ----------------------------------------------------------------------------------------------------------
def _gaussian(count: int, sigma: Any, dtype: str) -> Tensor:
    """``count`` samples of a bell curve around their middle, which add to 1."""
    places = np.arange(count, dtype=np.float64) - (count - 1) / 2
    distance = tensor_of((-0.5 * places**2).astype(dtypes.to_numpy(dtype)))
    width = B.broadcast_to(B.cast(sigma, dtype), distance.shape)
    curve = P.exp(P.div(distance, P.mul(width, width)))
    total = P.reduce_sum(curve, axes=(0,))
    return P.div(curve, B.broadcast_to(total, curve.shape))


def _filter(x: Tensor, rows: Tensor, columns: Tensor, padding: str) -> Tensor:
    """Every channel convolved with the product of a column and a row: one axis after the other."""
    channels = x.shape[-1]
    for axis, line in ((0, rows), (1, columns)):
        shape = (line.shape[0], 1) if axis == 0 else (1, line.shape[0])
        kernel = B.broadcast_to(P.reshape(line, shape=(*shape, 1, 1)), (*shape, channels, 1))
        x = depthwise_conv(x, kernel, padding=padding, data_format="channels_last")
    return x


@symbolic_aware
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Tensor:
    """Images blurred by a bell curve; outside of them is zero.

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        kernel_size: the filter's extents along width and height, in the order in which Keras applies them.
        sigma: the standard deviations along width and height, in pixels.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Example:

    >>> from pronghorn import ops
    >>> gaussian_blur(ops.ones((1, 6, 6, 3))).shape
    (1, 6, 6, 3)
    """
    x, layout = batch_of("gaussian_blur", images, data_format)
    dtype = x.dtype
    x = B.cast(x, dtype if dtypes.is_float(dtype) else "float32")
    size = per_axis(kernel_size, 2, "gaussian_blur", "kernel_size")
    if isinstance(sigma, (int, float)):
        sigma = (sigma, sigma)
    widths = [P.reshape(part(B.to_float(sigma), 0, i, i + 1), shape=()) for i in range(2)]
    columns, rows = (_gaussian(n, s, x.dtype) for n, s in zip(size, widths))
    return layout.restore(B.cast(_filter(x, rows, columns, "same"), dtype))


@symbolic_aware
def sobel_edges(images: Any, data_format: str | None = None) -> Tensor:
    """The slopes of images, by Sobel's filters.

    Args:
        images: ``(batch, height, width, channels)``; channels come before the height for "channels_first".
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Returns:
        The shape of ``images`` and one axis more: the slope downwards, and the slope to the right.

    Example:

    >>> from pronghorn import ops
    >>> sobel_edges(ops.ones((1, 6, 6, 3))).shape
    (1, 6, 6, 3, 2)
    """
    x = B.to_float(images)
    if x.ndim != 4:
        raise ValueError(f"sobel_edges: a batch of images with 4 axes is needed, got shape {x.shape}.")
    x, layout = batch_of("sobel_edges", x, data_format)
    smooth, slope = (tensor_of(np.array(v, dtypes.to_numpy(x.dtype))) for v in ((1, 2, 1), (-1, 0, 1)))
    down, right = _filter(x, slope, smooth, "same"), _filter(x, smooth, slope, "same")
    return stack([layout.restore(down), layout.restore(right)], axis=-1)


@symbolic_aware
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """How alike two images are in brightness, contrast and structure (Wang et al. 2004): 1 for equal ones.

    Args:
        image1: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        image2: the other, of the same shape.
        max_val: the greatest value that pixels can have.
        filter_size: the extent of the window that is compared; odd.
        filter_sigma: the standard deviation of the window's weights.
        k1: a constant that keeps dark regions stable.
        k2: a constant that keeps even regions stable.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Returns:
        One number an image.

    Example:

    >>> from pronghorn import ops
    >>> ssim(ops.ones((1, 16, 16, 1)), ops.ones((1, 16, 16, 1)), max_val=1.0).numpy()
    array([1.], dtype=float32)
    """
    x, layout = batch_of("ssim", B.to_float(image1), data_format)
    y, other = batch_of("ssim", B.to_float(image2), data_format)
    if x.shape != y.shape or layout != other:
        raise ValueError(f"ssim: both images must have one shape, got {x.shape} and {y.shape}.")
    if not isinstance(filter_size, int) or filter_size < 1 or filter_size % 2 == 0:
        raise ValueError(f"ssim: filter_size must be a positive odd integer, got {filter_size!r}.")
    x, y = B.operands(x, y)
    line = _gaussian(filter_size, filter_sigma, x.dtype)

    def smooth(t: Tensor) -> Tensor:
        return _filter(t, line, line, "valid")

    mean_x, mean_y = smooth(x), smooth(y)
    both, xx, yy = P.mul(mean_x, mean_y), P.mul(mean_x, mean_x), P.mul(mean_y, mean_y)
    variance_x, variance_y = P.sub(smooth(P.mul(x, x)), xx), P.sub(smooth(P.mul(y, y)), yy)
    covariance = P.sub(smooth(P.mul(x, y)), both)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    above = P.mul(P.add(P.mul(both, 2.0), c1), P.add(P.mul(covariance, 2.0), c2))
    below = P.mul(P.add(P.add(xx, yy), c1), P.add(P.add(variance_x, variance_y), c2))
    out = mean_of(P.div(above, below), (1, 2, 3))
    return P.reshape(out, shape=()) if layout.single else out
