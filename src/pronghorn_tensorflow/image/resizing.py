"""`tf.image.resize` and its siblings, channels last, for `pronghorn run`.

Whatever the images' type is, what TensorFlow resizes has float32 pixels, with the images' range of values; only where
pixels are chosen, by `"nearest"`, do they keep their type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn_tensorflow.image.basic import _images, pad_to_bounding_box


class ResizeMethod:
    """`tf.image.ResizeMethod`: the names of the methods."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


_METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.image.resize`: to `(height, width)`, or within it; float32, except by `"nearest"`.

    Raises:
        ValueError: for a method that there is not.

    >>> resize(np.full((2, 2, 1), 200, "uint8"), (1, 1)).numpy()
    array([[[200.]]], dtype=float32)
    """
    if method not in _METHODS:
        raise ValueError(f"tf.image.resize: method={method!r}; it must be one of {', '.join(_METHODS)}.")
    x = _images("resize", images)
    wanted = tuple(int(n) for n in size)
    if preserve_aspect_ratio:
        share = min(wanted[0] / x.shape[-3], wanted[1] / x.shape[-2])
        wanted = tuple(max(1, round(share * extent)) for extent in x.shape[-3:-1])
    if method != "nearest":
        x = ops.cast(x, "float32")
    return ops.image.resize(x, wanted, interpolation=method, antialias=antialias, data_format="channels_last")


def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: str = "bilinear", antialias: bool = False
) -> Any:
    """`tf.image.resize_with_pad`: as large as fits with its proportions kept, zeros around."""
    x = _images("resize_with_pad", image)
    wanted = (int(target_height), int(target_width))
    extents = np.asarray(x.shape[-3:-1], "float32")
    inner = extents / (extents / np.asarray(wanted, "float32")).max()  # in float32, as TensorFlow rounds it
    top, left = (max(0, int(np.floor((outer - own) / 2))) for outer, own in zip(wanted, inner))
    resized = resize(x, [int(np.floor(own)) for own in inner], method, antialias=antialias)
    return pad_to_bounding_box(resized, top, left, *wanted)


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: str | None = None,
) -> Any:
    """`tf.image.crop_and_resize`: one crop for each box, float32.

    Args:
        image: ``[batch, height, width, channels]``.
        boxes: ``[count, 4]``: top, left, bottom, right, from 0 to 1, where 1 is the middle of the last pixel. One that
            ends before it begins is mirrored.
        box_indices: ``[count]``: which of the images.
        crop_size: the height and width of the crops.
        method: `"bilinear"` or `"nearest"`.
        extrapolation_value: what lies beyond the images.
        name: ignored.

    Raises:
        ValueError: for another method.
    """
    if method not in ("bilinear", "nearest"):
        raise ValueError(f"tf.image.crop_and_resize: method={method!r}; it must be bilinear or nearest.")
    x = ops.cast(image, "float32")
    height, width, channels = x.shape[1:]
    boxes, which = ops.cast(boxes, "float32"), ops.cast(box_indices, "int32")
    pixels = ops.reshape(x, (-1, channels))
    first = ops.reshape(which * (height * width), (-1, 1, 1))

    def places(low: Any, high: Any, extent: int, count: int) -> tuple[Any, Any]:
        """Where the crops' rows or columns lie in the image, and whether in it."""
        low, high = low[:, None], high[:, None]
        shares = ops.cast(ops.arange(count), "float32") / max(count - 1, 1) if count > 1 else np.float32([0.5])
        at = (low + (high - low) * shares) * (extent - 1)
        return at, ops.logical_and(at >= 0, at <= extent - 1)

    y, y_inside = places(boxes[:, 0], boxes[:, 2], height, int(crop_size[0]))
    x_at, x_inside = places(boxes[:, 1], boxes[:, 3], width, int(crop_size[1]))

    def taken(rows: Any, columns: Any) -> Any:
        rows = ops.cast(ops.clip(rows, 0, height - 1), "int32")[:, :, None]
        columns = ops.cast(ops.clip(columns, 0, width - 1), "int32")[:, None, :]
        return ops.take(pixels, first + rows * width + columns, axis=0)

    if method == "nearest":
        found = taken(ops.floor(y + 0.5), ops.floor(x_at + 0.5))
    else:
        top, left = ops.floor(y), ops.floor(x_at)
        down, right = (y - top)[:, :, None, None], (x_at - left)[:, None, :, None]
        upper = taken(top, left) * (1 - right) + taken(top, left + 1) * right
        lower = taken(top + 1, left) * (1 - right) + taken(top + 1, left + 1) * right
        found = upper * (1 - down) + lower * down
    inside = ops.logical_and(y_inside[:, :, None], x_inside[:, None, :])[..., None]
    return ops.where(inside, found, ops.cast(extrapolation_value, "float32"))
