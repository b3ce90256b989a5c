"""`tf.image`, channels last: what `pronghorn.ops.image` has not, or means otherwise, for `pronghorn run`.

TensorFlow's colour functions go over floats from 0 to 1 whatever the images' type is, and back, which `ops.image`
leaves to its callers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.math.random import uniform


def _images(name: str, images: Any) -> Any:
    """An image ``[height, width, channels]``, or a batch of them.

    Raises:
        ValueError: if it is neither.
    """
    x = ops.convert_to_tensor(images)
    if len(x.shape) not in (3, 4):
        raise ValueError(
            f"tf.image.{name}: the image must have 3 axes (height, width, channels), or 4 with a batch; got shape "
            f"{tuple(x.shape)}."
        )
    return x


# -- element types ----------------------------------------------------------------------------------------------------
def _saturated(x: Any, dtype: str) -> Any:
    """`x` as an integer type, cut where it does not reach."""
    limits = np.iinfo(dtype)
    low, high = limits.min, limits.max
    if dtypes.is_integer(x.dtype):
        own = np.iinfo(x.dtype)
        return ops.cast(ops.clip(x, max(low, own.min), min(high, own.max)), dtype)
    largest = np.dtype(x.dtype).type(high)
    if int(largest) > high:  # rounded up, such as 2**31 - 1 in float32
        largest = np.nextafter(largest, np.zeros_like(largest))
    return ops.cast(ops.clip(x, float(low), float(largest)), dtype)


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Any:
    """`tf.image.convert_image_dtype`: floats go from 0 to 1, integers from 0 to the greatest of their type.

    Raises:
        ValueError: if a type is neither.

    >>> convert_image_dtype(np.array([0, 255], "uint8"), "float32").numpy()
    array([0., 1.], dtype=float32)
    """
    x, dtype = ops.convert_to_tensor(image), dtypes.name_of(dtype)
    for kind in (x.dtype, dtype):
        if not dtypes.is_float(kind) and not dtypes.is_integer(kind):
            raise ValueError(f"tf.image.convert_image_dtype: images are floats or integers; got {kind}.")
    if x.dtype == dtype:
        return x
    if dtypes.is_float(dtype):
        converted = ops.cast(x, dtype)
        return converted if dtypes.is_float(x.dtype) else converted * (1.0 / np.iinfo(x.dtype).max)
    greatest = int(np.iinfo(dtype).max)
    if dtypes.is_float(x.dtype):
        wide = x if x.dtype == "float64" else ops.cast(x, "float32")
        scaled = wide * (greatest + 0.5)
        # What does not fit goes round as integers do, and not as the machine happens to convert floats.
        return _saturated(scaled, dtype) if saturate else ops.cast(ops.cast(scaled, "int64"), dtype)
    own = int(np.iinfo(x.dtype).max)
    convert: Callable[[Any, str], Any] = _saturated if saturate else ops.cast
    if own > greatest:
        return convert(ops.floor_divide(x, (own + 1) // (greatest + 1)), dtype)
    return ops.cast(convert(x, dtype) * ((greatest + 1) // (own + 1)), dtype)


def _in_floats(change: Callable[[Any], Any], x: Any, saturate: bool = True) -> Any:
    """What a function of images from 0 to 1 makes of images of any type, in their type."""
    floats = x if x.dtype in ("float16", "float32") else convert_image_dtype(x, "float32")
    return convert_image_dtype(change(floats), x.dtype, saturate=saturate)


def _in_hsv(change: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any], Any]:
    """A function of hues and saturations as one of RGB images."""

    def changed(x: Any) -> Any:
        hue, saturation, value = ops.split(rgb_to_hsv(x), 3, axis=-1)
        return hsv_to_rgb(ops.concatenate([*change(hue, saturation), value], -1))

    return changed


# -- turns ------------------------------------------------------------------------------------------------------------
def flip_left_right(image: Any) -> Any:
    """`tf.image.flip_left_right`."""
    return ops.flip(_images("flip_left_right", image), axis=-2)


def flip_up_down(image: Any) -> Any:
    """`tf.image.flip_up_down`."""
    return ops.flip(_images("flip_up_down", image), axis=-3)


def rot90(image: Any, k: Any = 1, name: str | None = None) -> Any:
    """`tf.image.rot90`: `k` quarter turns, counter-clockwise."""
    x = _images("rot90", image)
    rank = len(x.shape)
    return ops.rot90(x, int(k), axes=(rank - 3, rank - 2))


def _by_chance(flip: Callable[[Any], Any], name: str, image: Any, seed: Any) -> Any:
    """Half of the images flipped."""
    x = _images(name, image)
    each = (x.shape[0], 1, 1, 1) if len(x.shape) == 4 else (1, 1, 1)
    return ops.where(uniform(each, seed=seed) < 0.5, flip(x), x)


def random_flip_left_right(image: Any, seed: Any = None) -> Any:
    """`tf.image.random_flip_left_right`: each image by its own chance."""
    return _by_chance(flip_left_right, "random_flip_left_right", image, seed)


def random_flip_up_down(image: Any, seed: Any = None) -> Any:
    """`tf.image.random_flip_up_down`: each image by its own chance."""
    return _by_chance(flip_up_down, "random_flip_up_down", image, seed)


# -- borders ----------------------------------------------------------------------------------------------------------
def _window(name: str, rows: tuple[int, int, Any], columns: tuple[int, int, Any], inner: str, outer: str) -> None:
    """Check that an offset and an extent fit into a greater extent, for both axes."""
    for axis, (offset, extent, limit) in (("height", rows), ("width", columns)):
        if offset < 0 or extent < 1 or offset + extent > limit:
            raise ValueError(
                f"tf.image.{name}: offset_{axis}={offset} and the {inner}'s {axis} of {extent} do not fit into the "
                f"{outer}'s {axis} of {limit}."
            )


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """`tf.image.crop_to_bounding_box`."""
    x = _images("crop_to_bounding_box", image)
    top, left, height, width = map(int, (offset_height, offset_width, target_height, target_width))
    _window("crop_to_bounding_box", (top, height, x.shape[-3]), (left, width, x.shape[-2]), "target", "image")
    return x[..., top : top + height, left : left + width, :]


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """`tf.image.pad_to_bounding_box`: zeros around the image."""
    x = _images("pad_to_bounding_box", image)
    top, left, height, width = map(int, (offset_height, offset_width, target_height, target_width))
    own_height, own_width = x.shape[-3:-1]
    _window("pad_to_bounding_box", (top, own_height, height), (left, own_width, width), "image", "target")
    borders = [(top, height - top - own_height), (left, width - left - own_width), (0, 0)]
    return ops.pad(x, [(0, 0)] * (len(x.shape) - 3) + borders)


def central_crop(image: Any, central_fraction: float) -> Any:
    """`tf.image.central_crop`: this share of the height and of the width, from the middle.

    Raises:
        ValueError: if it is not above 0, and 1 at most.
    """
    x = _images("central_crop", image)
    share = float(central_fraction)
    if not 0 < share <= 1:
        raise ValueError(f"tf.image.central_crop: central_fraction must be above 0 and at most 1, got {share}.")
    height, width = x.shape[-3:-1]
    top, left = (int((extent - extent * share) / 2) for extent in (height, width))
    return x[..., top : height - top, left : width - left, :]


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    """`tf.image.resize_with_crop_or_pad`: the middle, or zeros around, for each axis by itself."""
    x = _images("resize_with_crop_or_pad", image)
    height, width = x.shape[-3:-1]
    kept_height, kept_width = min(height, target_height), min(width, target_width)
    x = crop_to_bounding_box(x, (height - kept_height) // 2, (width - kept_width) // 2, kept_height, kept_width)
    top, left = (target_height - kept_height) // 2, (target_width - kept_width) // 2
    return pad_to_bounding_box(x, top, left, target_height, target_width)


def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """`tf.image.random_crop`: a part of this size, of an array of any number of axes.

    Raises:
        ValueError: if it does not fit.
    """
    x, size = ops.convert_to_tensor(value), tuple(int(n) for n in size)
    if len(size) != len(x.shape) or any(part > whole for part, whole in zip(size, x.shape)):
        raise ValueError(f"tf.image.random_crop: size={size} does not fit into the shape {tuple(x.shape)}.")
    starts = [uniform((), 0, whole - part + 1, "int32", seed) for part, whole in zip(size, x.shape)]
    return ops.slice(x, starts, size)


def transpose(image: Any, name: str | None = None) -> Any:
    """`tf.image.transpose`: rows and columns exchanged."""
    return ops.swapaxes(_images("transpose", image), -3, -2)


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """`tf.image.psnr`: the peak signal-to-noise ratio of each pair of images, in decibels."""
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    peak = convert_image_dtype(ops.cast(max_val, a.dtype), "float32")
    error = convert_image_dtype(a, "float32") - convert_image_dtype(b, "float32")
    return 20 * ops.log10(peak) - 10 * ops.log10(ops.mean(ops.square(error), axis=(-3, -2, -1)))


# -- colours ----------------------------------------------------------------------------------------------------------
def _colours(change: Callable[..., Any], images: Any) -> Any:
    x = ops.convert_to_tensor(images)
    return change(ops.cast(x, "float32") if x.dtype == "float16" else x, data_format="channels_last")


def rgb_to_hsv(images: Any, name: str | None = None) -> Any:
    """`tf.image.rgb_to_hsv`: floats from 0 to 1; in float32 at least."""
    return _colours(ops.image.rgb_to_hsv, images)


def hsv_to_rgb(images: Any, name: str | None = None) -> Any:
    """`tf.image.hsv_to_rgb`: floats from 0 to 1; in float32 at least."""
    return _colours(ops.image.hsv_to_rgb, images)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """`tf.image.grayscale_to_rgb`: the one channel three times."""
    x = ops.convert_to_tensor(images)
    if x.shape[-1] != 1:
        raise ValueError(
            f"tf.image.grayscale_to_rgb: the last axis must have the extent 1, one channel; got shape {tuple(x.shape)}."
        )
    return ops.repeat(x, 3, axis=-1)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """`tf.image.rgb_to_grayscale`: one channel instead of three."""
    x = ops.convert_to_tensor(images)
    if x.shape[-1] != 3:
        raise ValueError(
            f"tf.image.rgb_to_grayscale: the last axis must have the extent 3, the channels; got {tuple(x.shape)}."
        )

    def brightness(floats: Any) -> Any:
        weights = ops.cast(np.array([0.2989, 0.5870, 0.1140], "float32"), floats.dtype)
        return ops.sum(floats * weights, axis=-1, keepdims=True)

    return _in_floats(brightness, x, saturate=False)


def adjust_brightness(image: Any, delta: Any) -> Any:
    """`tf.image.adjust_brightness`: `delta` more, where the images go from 0 to 1."""
    return _in_floats(lambda x: x + ops.cast(delta, x.dtype), ops.convert_to_tensor(image))


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """`tf.image.adjust_contrast`: each channel's distances from its mean, times a factor."""

    def change(x: Any) -> Any:
        mean = ops.mean(x, axis=(-3, -2), keepdims=True)
        return (x - mean) * ops.cast(contrast_factor, x.dtype) + mean

    return _in_floats(change, _images("adjust_contrast", images))


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Any:
    """`tf.image.adjust_saturation`: the saturation times a factor."""

    def change(hue: Any, saturation: Any) -> tuple[Any, Any]:
        return hue, ops.clip(saturation * ops.cast(saturation_factor, saturation.dtype), 0.0, 1.0)

    return _in_floats(_in_hsv(change), _images("adjust_saturation", image))


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Any:
    """`tf.image.adjust_hue`: the hue, a circle of length 1, turned by `delta`."""

    def change(hue: Any, saturation: Any) -> tuple[Any, Any]:
        return ops.mod(hue + ops.cast(delta, hue.dtype), 1.0), saturation

    return _in_floats(_in_hsv(change), _images("adjust_hue", image))


def adjust_gamma(image: Any, gamma: float = 1, gain: float = 1) -> Any:
    """`tf.image.adjust_gamma`: ``gain * image ** gamma``, where the images go from 0 to 1.

    Raises:
        ValueError: for a negative `gamma`.
    """
    if isinstance(gamma, int | float) and gamma < 0:
        raise ValueError(f"tf.image.adjust_gamma: gamma must be 0 or more, got {gamma}.")
    return _in_floats(lambda x: x ** ops.cast(gamma, x.dtype) * ops.cast(gain, x.dtype), ops.convert_to_tensor(image))


def check_delta(function: str, max_delta: float, largest: float = np.inf) -> None:
    """Check how much a random function may change an image.

    Raises:
        ValueError: for less than nothing, or more than there is.
    """
    if not 0 <= max_delta <= largest:
        wanted = "0 or more" if largest == np.inf else f"from 0 to {largest}"
        raise ValueError(f"tf.image.{function}: max_delta must be {wanted}, got {max_delta}.")


def check_factors(function: str, lower: float, upper: float) -> None:
    """Check the bounds of a random factor.

    Raises:
        ValueError: for a negative one, or where there is nothing between them.
    """
    if not 0 <= lower < upper:
        raise ValueError(f"tf.image.{function}: 0 <= lower < upper must hold; got lower={lower} and upper={upper}.")


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`tf.image.random_hue`: `adjust_hue` by up to `max_delta`, at most 0.5, in either direction.

    Raises:
        ValueError: for another `max_delta`.
    """
    check_delta("random_hue", max_delta, 0.5)
    return adjust_hue(image, uniform((), -max_delta, max_delta, seed=seed))


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`tf.image.random_saturation`: `adjust_saturation` by a factor between two numbers."""
    check_factors("random_saturation", lower, upper)
    return adjust_saturation(image, uniform((), lower, upper, seed=seed))


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`tf.image.random_brightness`: `adjust_brightness` by up to `max_delta` in either direction."""
    check_delta("random_brightness", max_delta)
    return adjust_brightness(image, uniform((), -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`tf.image.random_contrast`: `adjust_contrast` by a factor between two numbers."""
    check_factors("random_contrast", lower, upper)
    return adjust_contrast(image, uniform((), lower, upper, seed=seed))


def per_image_standardization(image: Any) -> Any:
    """`tf.image.per_image_standardization`: each image with mean 0 and variance 1, in float32.

    The deviation counts as no less than that of one element's rounding, so that images of one colour become zeros.
    """
    x = ops.cast(_images("per_image_standardization", image), "float32")
    axes = (-3, -2, -1)
    elements = x.shape[-3] * x.shape[-2] * x.shape[-1]
    deviation = ops.maximum(ops.std(x, axis=axes, keepdims=True), float(elements) ** -0.5)
    return (x - ops.mean(x, axis=axes, keepdims=True)) / deviation
