"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops.boxes.formats import columns, convert_format, normalized


def _corners(boxes: Any, fmt: str, image_shape: Any, function: str) -> Tensor:
    fmt = normalized(fmt)
    if not fmt.startswith("rel_"):
        return convert_format(boxes, fmt, "xyxy")
    if image_shape is None:
        raise ValueError(
            f"{function}: for boxes in a relative format such as {fmt!r}, the `image_shape` (height, width, "
            "channels) must be given."
        )
    height, width = image_shape[:2]
    return convert_format(boxes, fmt, "xyxy", height=height, width=width)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Tensor:
    """The intersection of each pair of boxes, divided by their union.

    Args:
        boxes1: ``[m, 4]`` or ``[batch, m, 4]``.
        boxes2: ``[n, 4]`` or ``[batch, n, 4]``.
        bounding_box_format: see `convert_format`.
        use_masking: whether pairs with a box whose numbers are all negative give ``mask_val``.
        mask_val: see ``use_masking``.
        image_shape: height, width and channels of the image, for relative formats.

    Returns:
        ``[m, n]``, or ``[batch, m, n]`` if one of the two is batched.

    Raises:
        ValueError: for other ranks, or if ``image_shape`` is missing.

    Example:

    >>> import numpy as np
    >>> compute_iou(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 5, 5]]), "xyxy").tolist()
    [[0.25]]
    """
    first, second = ops.convert_to_tensor(boxes1), ops.convert_to_tensor(boxes2)
    for name, boxes in (("boxes1", first), ("boxes2", second)):
        if len(boxes.shape) not in (2, 3):
            raise ValueError(f"compute_iou: {name} must have shape (n, 4), or (batch, n, 4), got {tuple(boxes.shape)}.")
    a, b = (_corners(x, bounding_box_format, image_shape, "compute_iou") for x in (first, second))
    a, b = ops.expand_dims(a, -2), ops.expand_dims(b, -3)
    overlap, union = _overlap(a, b)
    iou = ops.squeeze(_ratio(overlap, union), axis=-1)
    if not use_masking:
        return iou
    hidden_a, hidden_b = (ops.all(x < 0, axis=-1) for x in (first, second))
    hidden = ops.logical_or(ops.expand_dims(hidden_a, -1), ops.expand_dims(hidden_b, -2))
    return ops.where(hidden, ops.cast(mask_val, iou.dtype), iou)


def _overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union of boxes, with a last axis of extent one."""
    ax1, ay1, ax2, ay2 = columns(a)
    bx1, by1, bx2, by2 = columns(b)
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    overlap = width * height
    return overlap, (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - overlap


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return ops.divide_no_nan(a, b)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Tensor:
    """The complete IoU of boxes: less for centers that are apart and for proportions that differ.

    Args:
        boxes1: ``[..., 4]``.
        boxes2: of the same shape.
        bounding_box_format: see `convert_format`.
        image_shape: height, width and channels of the image, for relative formats.

    Returns:
        One number a pair, ``[...]``.
    """
    a, b = (_corners(x, bounding_box_format, image_shape, "compute_ciou") for x in (boxes1, boxes2))
    epsilon = config.epsilon()
    overlap, union = _overlap(a, b)
    ax1, ay1, ax2, ay2 = columns(a)
    bx1, by1, bx2, by2 = columns(b)
    # Of the smallest box around both, the square of the diagonal.
    diagonal = ops.square(ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1)) + ops.square(
        ops.maximum(ay2, by2) - ops.minimum(ay1, by1)
    )
    distance = (ops.square(bx1 + bx2 - ax1 - ax2) + ops.square(by1 + by2 - ay1 - ay2)) / 4
    lean = ops.arctan((bx2 - bx1) / (by2 - by1 + epsilon)) - ops.arctan((ax2 - ax1) / (ay2 - ay1 + epsilon))
    proportion = ops.square(lean) * (4 / math.pi**2)
    iou = overlap / (union + epsilon)
    weight = proportion / (proportion - iou + (1 + epsilon))
    return ops.squeeze(iou - (distance / (diagonal + epsilon) + proportion * weight), axis=-1)
