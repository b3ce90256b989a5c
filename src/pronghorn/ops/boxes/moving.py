"""Boxes along with images that are cropped, padded and transformed."""

from __future__ import annotations

import math
from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops.boxes.formats import columns, convert_format, normalized


def _to_corners(boxes: Any, fmt: str, height: Any, width: Any) -> Any:
    return convert_format(boxes, fmt, "xyxy", height=height, width=width)


def _from_corners(boxes: Any, fmt: str, height: Any, width: Any) -> Any:
    return convert_format(boxes, "xyxy", fmt, height=height, width=width)


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes without what is outside of the image; labels of boxes of which nothing is left become -1.

    Args:
        bounding_boxes: ``"boxes"`` ``[n, 4]`` or ``[batch, n, 4]`` and ``"labels"`` ``[n]`` or ``[batch, n]``.
        height: the image's height; not needed for relative formats.
        width: its width.
        bounding_box_format: see `convert_format`.

    Raises:
        ValueError: if the image's size is missing.

    Example:

    >>> import numpy as np
    >>> boxes = {"boxes": np.array([[-10, -20, 150, 160]]), "labels": np.array([3])}
    >>> clip_to_image_size(boxes, height=100, width=120)["boxes"].tolist()
    [[0.0, 0.0, 120.0, 100.0]]
    """
    fmt = normalized(bounding_box_format)
    if fmt.startswith("rel_") and (height is None or width is None):
        height = width = 1.0
    if height is None or width is None:
        raise ValueError(f"clip_to_image_size: for boxes of format {fmt!r} give the image's `height` and `width`.")
    x1, y1, x2, y2 = columns(_to_corners(bounding_boxes["boxes"], fmt, height, width))
    x1, x2 = (_clipped(x, width) for x in (x1, x2))
    y1, y2 = (_clipped(y, height) for y in (y1, y2))
    area = ops.squeeze((x2 - x1) * (y2 - y1), axis=-1)
    labels = ops.convert_to_tensor(bounding_boxes["labels"])
    labels = ops.where(area > 0, labels, ops.full_like(labels, -1))
    boxes = _from_corners(ops.concatenate([x1, y1, x2, y2], axis=-1), fmt, height, width)
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def _clipped(x: Tensor, limit: Any) -> Tensor:
    return ops.minimum(ops.maximum(x, 0.0), ops.cast(limit, x.dtype))


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Tensor:
    """Boxes in the coordinates of a part of the image, clipped to it.

    Args:
        boxes: ``[n, 4]`` or ``[batch, n, 4]``.
        top: where the part begins.
        left: where it begins, from the left.
        height: the part's height.
        width: its width.
        bounding_box_format: an absolute format; see `convert_format`.

    Raises:
        ValueError: for a relative format.
    """
    fmt = _absolute("crop", bounding_box_format)
    x1, y1, x2, y2 = columns(_to_corners(boxes, fmt, None, None))
    x1, x2 = (_clipped(x - left, width) for x in (x1, x2))
    y1, y2 = (_clipped(y - top, height) for y in (y1, y2))
    return _from_corners(ops.concatenate([x1, y1, x2, y2], axis=-1), fmt, None, None)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Tensor:
    """Boxes in the coordinates of an image that was padded.

    Args:
        boxes: ``[n, 4]`` or ``[batch, n, 4]``.
        top: how many rows were added above.
        left: how many columns were added on the left.
        height: accepted for compatibility.
        width: accepted for compatibility.
        bounding_box_format: an absolute format; see `convert_format`.

    Raises:
        ValueError: for a relative format.
    """
    fmt = _absolute("pad", bounding_box_format)
    x1, y1, x2, y2 = columns(_to_corners(boxes, fmt, None, None))
    moved = ops.concatenate([x1 + left, y1 + top, x2 + left, y2 + top], axis=-1)
    return _from_corners(moved, fmt, None, None)


def _absolute(function: str, fmt: str) -> str:
    fmt = normalized(fmt)
    if fmt.startswith("rel_"):
        raise ValueError(
            f"{function}: boxes must be in an absolute format, got {fmt!r}. Convert them with convert_format() first."
        )
    return fmt


def affine_matrix(angle: Any, shear_x: Any, shear_y: Any, scale: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The matrix ``a b / c d`` by which rotation, shear and scale move points about a center.

    Args:
        angle: degrees, counterclockwise, where y grows downwards; a scalar or one for each image.
        shear_x: degrees by which x depends on y.
        shear_y: degrees by which y depends on x.
        scale: a factor.
    """
    degree = math.pi / 180
    angle, shear_x, shear_y = (
        ops.cast(ops.convert_to_tensor(v), "float32") * degree for v in (angle, shear_x, shear_y)
    )
    scale = ops.cast(ops.convert_to_tensor(scale), "float32")
    along = ops.cos(angle - shear_y) / ops.cos(shear_y)
    across = ops.sin(angle - shear_y) / ops.cos(shear_y)
    slope = ops.tan(shear_x)
    return (
        scale * (ops.cos(angle) + across * slope),
        scale * (ops.sin(angle) + along * slope),
        scale * -across,
        scale * along,
    )


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """The smallest upright boxes around boxes that were rotated, sheared, scaled and moved.

    Args:
        boxes: ``[n, 4]`` or ``[batch, n, 4]``.
        angle: degrees, counterclockwise; this and the next ones are scalars, or have one value for each image.
        translate_x: a fraction of the width.
        translate_y: a fraction of the height.
        scale: a factor.
        shear_x: degrees.
        shear_y: degrees.
        height: the image's height.
        width: its width.
        center_x: about what to transform, as a fraction of the width; the middle if None.
        center_y: the same for the height.
        bounding_box_format: see `convert_format`.

    Returns:
        Boxes of the same shape and format.
    """
    fmt = normalized(bounding_box_format)
    boxes = ops.convert_to_tensor(boxes)
    corners = _to_corners(boxes, fmt, height, width)

    def placed(value: Any) -> Tensor:
        value = ops.cast(ops.convert_to_tensor(value), "float32")
        return ops.reshape(value, (-1, *(1,) * (len(boxes.shape) - 1))) if len(value.shape) else value

    last_x, last_y = (ops.cast(v, "float32") - 1.0 for v in (width, height))
    a, b, c, d = (placed(v) for v in affine_matrix(angle, shear_x, shear_y, scale))
    middle_x = placed(0.5 if center_x is None else center_x) * last_x
    middle_y = placed(0.5 if center_y is None else center_y) * last_y
    shift_x, shift_y = placed(translate_x) * last_x, placed(translate_y) * last_y
    x1, y1, x2, y2 = columns(corners)
    x = ops.concatenate([x1, x2, x2, x1], axis=-1) - middle_x + shift_x
    y = ops.concatenate([y1, y1, y2, y2], axis=-1) - middle_y + shift_y
    moved = around(a * x + b * y + middle_x, c * x + d * y + middle_y)
    return _from_corners(moved, fmt, height, width)


def around(x: Tensor, y: Tensor) -> Tensor:
    """The smallest upright boxes ``[..., 4]`` around points, given by their coordinates ``[..., points]``."""
    sides = (ops.min(x, -1), ops.min(y, -1), ops.max(x, -1), ops.max(y, -1))
    return ops.stack(sides, axis=-1)
