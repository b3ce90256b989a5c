"""Bounding boxes: formats, overlap, and the offsets that detectors learn.

A box is four numbers in one of these formats, whose names say what they are; `rel_` in front means fractions of the
image's width and height, and capital letters do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops as _ops  # private: the public names of this module are its functions
from pronghorn._lazy import attach, nearest_clause

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
_ALL_FORMATS = (*FORMATS, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh", "rel_center_yxhw")


def _parts(boxes: Any) -> list[Any]:
    return [boxes[..., index : index + 1] for index in range(4)]


def _join(*parts: Any) -> Any:
    return _ops.concatenate(list(parts), axis=-1)


def _to_corners(boxes: Any, plain: str) -> Any:
    a, b, c, d = _parts(boxes)
    if plain == "yxyx":
        return _join(b, a, d, c)
    if plain == "xywh":
        return _join(a, b, a + c, b + d)
    if plain in ("center_xywh", "center_yxhw"):
        x, y, width, height = (a, b, c, d) if plain == "center_xywh" else (b, a, d, c)
        return _join(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return boxes


def _from_corners(boxes: Any, plain: str) -> Any:
    left, top, right, bottom = _parts(boxes)
    if plain == "yxyx":
        return _join(top, left, bottom, right)
    if plain == "xywh":
        return _join(left, top, right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    if plain == "center_xywh":
        return _join(x, y, right - left, bottom - top)
    if plain == "center_yxhw":
        return _join(y, x, bottom - top, right - left)
    return boxes


def _split_format(name: Any, argument: str) -> tuple[bool, str]:
    lowered = str(name).lower()
    if lowered not in _ALL_FORMATS:
        raise ValueError(
            f"{argument}: {name!r} is no format of boxes{nearest_clause(lowered, _ALL_FORMATS)}; there are "
            f"{', '.join(_ALL_FORMATS)}."
        )
    return lowered.startswith("rel_"), lowered.removeprefix("rel_")


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Convert boxes from one format to another.

    Args:
        boxes: an array whose last axis holds the four numbers, or a dict with `boxes` and more.
        source, target: formats.
        height, width: of the image; needed between relative and absolute formats.
        dtype: dtype of the result.

    Returns:
        A tensor of the same shape, or a dict where `boxes` is one.

    Raises:
        ValueError: for an unknown format, another shape, or a size that is missing.

    >>> convert_format(np.array([[10, 20, 30, 60]]), "xyxy", "xywh").numpy().tolist()
    [[10.0, 20.0, 20.0, 40.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source_relative, source_plain = _split_format(source, "source")
    target_relative, target_plain = _split_format(target, "target")
    values = _ops.cast(_ops.convert_to_tensor(boxes), dtype)
    if values.shape[-1] != 4:
        raise ValueError(f"convert_format: the last axis of boxes must hold 4 numbers; got shape {values.shape}.")
    if source_relative != target_relative and (height is None or width is None):
        raise ValueError(
            f"convert_format: from {source!r} to {target!r} takes the image's height and width; pass both."
        )
    if (source_relative, source_plain) == (target_relative, target_plain):
        return values
    corners = _to_corners(values, source_plain)
    if source_relative != target_relative:
        scale = _ops.cast(_ops.stack([_ops.convert_to_tensor(side) for side in (width, height, width, height)], -1), dtype)
        corners = corners * scale if source_relative else corners / scale
    return _from_corners(corners, target_plain)


def clip_to_image_size(
    bounding_boxes: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Cut boxes off at the image's edges; the labels of boxes with nothing left become -1.

    Args:
        bounding_boxes: a dict of `boxes` of shape `(..., n, 4)` and `labels` of shape `(..., n)`.
        height, width: of the image; not needed for relative formats.
        bounding_box_format: a format.

    Returns:
        Such a dict.

    Raises:
        ValueError: if the size is missing.
    """
    relative, _ = _split_format(bounding_box_format, "bounding_box_format")
    if not relative and (height is None or width is None):
        raise ValueError(f"clip_to_image_size: format {bounding_box_format!r} takes the image's height and width.")
    inner = "rel_xyxy" if relative else "xyxy"
    corners = convert_format(bounding_boxes["boxes"], bounding_box_format, inner)
    left, top, right, bottom = _parts(corners)
    limit_x, limit_y = (1.0, 1.0) if relative else (width, height)
    left, right = (_ops.clip(value, 0.0, limit_x) for value in (left, right))
    top, bottom = (_ops.clip(value, 0.0, limit_y) for value in (top, bottom))
    empty = _ops.squeeze((right - left) * (bottom - top) <= 0, -1)
    labels = _ops.convert_to_tensor(bounding_boxes["labels"])
    clipped = convert_format(_join(left, top, right, bottom), inner, bounding_box_format)
    return {**bounding_boxes, "boxes": clipped, "labels": _ops.where(empty, _ops.cast(-1, labels.dtype), labels)}


def _on_corners(boxes: Any, bounding_box_format: str, change: Callable[..., Any]) -> Any:
    corners = convert_format(boxes, bounding_box_format, "xyxy")
    return convert_format(_join(*change(*_parts(corners))), "xyxy", bounding_box_format)


def crop(boxes: Any, top: float, left: float, height: float, width: float, bounding_box_format: str = "xyxy") -> Any:
    """Return boxes as they lie in a crop of the image, cut off at its edges.

    Args:
        boxes: boxes in an absolute format.
        top, left: the crop's corner.
        height, width: the crop's size.
        bounding_box_format: a format.
    """

    def cropped(x1: Any, y1: Any, x2: Any, y2: Any) -> tuple[Any, ...]:
        xs = (_ops.clip(x - left, 0, width) for x in (x1, x2))
        ys = (_ops.clip(y - top, 0, height) for y in (y1, y2))
        (x1, x2), (y1, y2) = xs, ys
        return x1, y1, x2, y2

    return _on_corners(boxes, bounding_box_format, cropped)


def pad(
    boxes: Any, top: float, left: float, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Return boxes as they lie in an image with this much padding above and to the left."""
    return _on_corners(boxes, bounding_box_format, lambda x1, y1, x2, y2: (x1 + left, y1 + top, x2 + left, y2 + top))


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Return the overlap of each box with each other: the area in common by the area of both together.

    Args:
        boxes1: boxes of shape `(m, 4)` or `(batch, m, 4)`.
        boxes2: boxes of shape `(n, 4)` or `(batch, n, 4)`.
        bounding_box_format: a format.
        use_masking: whether boxes with a negative number get `mask_val`.
        mask_val: see `use_masking`.
        image_shape: `(height, width, channels)`, for relative formats.

    Returns:
        A tensor of shape `(m, n)` or `(batch, m, n)`.
    """
    first, second = (_corners_for(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    left1, top1, right1, bottom1 = _parts(first)
    left2, top2, right2, bottom2 = (_ops.swapaxes(part, -1, -2) for part in _parts(second))
    width = _ops.maximum(_ops.minimum(right1, right2) - _ops.maximum(left1, left2), 0)
    height = _ops.maximum(_ops.minimum(bottom1, bottom2) - _ops.maximum(top1, top2), 0)
    common = width * height
    both = (right1 - left1) * (bottom1 - top1) + (right2 - left2) * (bottom2 - top2) - common
    overlap = _ops.divide_no_nan(common, both)
    if not use_masking:
        return overlap
    masked1 = _ops.all(first < 0, axis=-1)[..., :, None]
    masked2 = _ops.all(second < 0, axis=-1)[..., None, :]
    return _ops.where(_ops.logical_or(masked1, masked2), _ops.cast(mask_val, overlap.dtype), overlap)


def _corners_for(boxes: Any, bounding_box_format: str, image_shape: tuple[int, ...] | None) -> Any:
    relative, _ = _split_format(bounding_box_format, "bounding_box_format")
    height, width = (None, None) if image_shape is None else image_shape[:2]
    target = "rel_xyxy" if relative and image_shape is None else "xyxy"
    return convert_format(boxes, bounding_box_format, target, height=height, width=width)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: tuple[int, ...] | None = None) -> Any:
    """Return the complete overlap of pairs of boxes, which also counts their distance and proportions.

    Args:
        boxes1, boxes2: boxes of the same shape `(..., 4)`.
        bounding_box_format: a format.
        image_shape: `(height, width, channels)`, for relative formats.

    Returns:
        A tensor of shape `(...)`, at most 1.
    """
    first, second = (_corners_for(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    left1, top1, right1, bottom1 = (_ops.squeeze(part, -1) for part in _parts(first))
    left2, top2, right2, bottom2 = (_ops.squeeze(part, -1) for part in _parts(second))
    tiny = 1e-7
    width1, height1 = right1 - left1, bottom1 - top1 + tiny
    width2, height2 = right2 - left2, bottom2 - top2 + tiny
    common = _ops.maximum(_ops.minimum(right1, right2) - _ops.maximum(left1, left2), 0) * _ops.maximum(
        _ops.minimum(bottom1, bottom2) - _ops.maximum(top1, top2), 0
    )
    overlap = common / (width1 * height1 + width2 * height2 - common + tiny)
    hull_width = _ops.maximum(right1, right2) - _ops.minimum(left1, left2)
    hull_height = _ops.maximum(bottom1, bottom2) - _ops.minimum(top1, top2)
    diagonal = hull_width**2 + hull_height**2 + tiny
    distance = ((left2 + right2 - left1 - right1) ** 2 + (top2 + bottom2 - top1 - bottom1) ** 2) / 4
    shape = 4 / math.pi**2 * (_ops.arctan(width2 / height2) - _ops.arctan(width1 / height1)) ** 2
    weight = shape / (shape - overlap + 1 + tiny)
    return overlap - (distance / diagonal + shape * weight)


def _check_encoding(encoding: str, argument: str) -> str:
    if str(encoding).lower() not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"{argument}={encoding!r} must be 'center_xywh' or 'center_yxhw'.")
    return str(encoding).lower()


def _variance(variance: Any) -> Any:
    if variance is None:
        return 1.0
    values = np.asarray(variance, dtype="float32")
    if values.shape != (4,):
        raise ValueError(f"variance must hold 4 numbers; got shape {values.shape}.")
    return _ops.convert_to_tensor(values)


def _size_of(image_shape: tuple[int, ...] | None) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Return boxes as offsets from anchors: how far the centre lies off, and the logarithm of how much larger it is.

    Args:
        anchors: boxes of shape `(n, 4)`.
        boxes: boxes of shape `(n, 4)` or `(batch, n, 4)`.
        anchor_format, box_format: their formats.
        encoding_format: `"center_yxhw"` or `"center_xywh"`: the order of the result.
        variance: four numbers the result is divided by.
        image_shape: `(height, width, channels)`, for relative formats.

    Raises:
        ValueError: for another `encoding_format`, or a variance of another length.
    """
    encoding = _check_encoding(encoding_format, "encoding_format")
    scale = _variance(variance)
    height, width = _size_of(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding, height=height, width=width)
    box = convert_format(boxes, box_format, encoding, height=height, width=width)
    tiny = 1e-7
    size = _ops.maximum(anchor[..., 2:], tiny)
    shift = (box[..., :2] - anchor[..., :2]) / size
    growth = _ops.log(_ops.maximum(box[..., 2:], tiny) / size)
    return _ops.concatenate([shift, growth], axis=-1) / scale


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Return the boxes that offsets from anchors mean; the opposite of `encode_box_to_deltas`.

    `anchors` and `boxes_delta` may be dicts of levels, and so is the result then.
    """
    if isinstance(anchors, dict):
        if not isinstance(boxes_delta, dict) or anchors.keys() != boxes_delta.keys():
            raise ValueError("decode_deltas_to_boxes: anchors and boxes_delta must be dicts of the same levels.")
        return {
            level: decode_deltas_to_boxes(
                anchors[level], boxes_delta[level], anchor_format, box_format, encoded_format, variance, image_shape
            )
            for level in anchors
        }
    encoding = _check_encoding(encoded_format, "encoded_format")
    height, width = _size_of(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding, height=height, width=width)
    delta = _ops.cast(_ops.convert_to_tensor(boxes_delta), "float32") * _variance(variance)
    size = anchor[..., 2:]
    box = _ops.concatenate([delta[..., :2] * size + anchor[..., :2], _ops.exp(delta[..., 2:]) * size], axis=-1)
    return convert_format(box, encoding, box_format, height=height, width=width)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: int,
    width: int,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Return the boxes around boxes that are rotated, moved, scaled and sheared.

    Args:
        boxes: boxes of shape `(n, 4)` or `(batch, n, 4)`.
        angle: degrees, against the clock as seen on the screen.
        translate_x, translate_y: fractions of the image's size.
        scale: a factor.
        shear_x, shear_y: degrees.
        height, width: of the image.
        center_x, center_y: the point that stays, as fractions of the image's size; by default its middle.
        bounding_box_format: a format.

    The numbers are single ones, or arrays with one for each image of the batch.
    """
    corners = convert_format(boxes, bounding_box_format, "xyxy", height=height, width=width)
    middle_x = (width - 1) * (0.5 if center_x is None else center_x)
    middle_y = (height - 1) * (0.5 if center_y is None else center_y)

    def number(value: Any) -> Any:
        tensor = _ops.cast(_ops.convert_to_tensor(value), "float32")
        return _ops.reshape(tensor, (-1, 1, 1)) if len(tensor.shape) else tensor

    radians, lean_x, lean_y = (number(value) * (math.pi / 180) for value in (angle, shear_x, shear_y))
    factor = number(scale)
    # The matrix is the inverse of the one that images are sampled with, which shears before it turns.
    cosine, sine = _ops.cos(radians), _ops.sin(radians)
    yx, yy = _ops.tan(lean_y) * cosine - sine, _ops.tan(lean_y) * sine + cosine
    xx, xy = cosine - _ops.tan(lean_x) * yx, sine + _ops.tan(lean_x) * yy
    left, top, right, bottom = _parts(corners)
    x = _join(left, right, right, left) - middle_x + number(translate_x) * (width - 1)
    y = _join(top, top, bottom, bottom) - middle_y + number(translate_y) * (height - 1)
    moved_x = factor * (xx * x + xy * y) + middle_x
    moved_y = factor * (yx * x + yy * y) + middle_y
    around = [
        _ops.min(moved_x, axis=-1, keepdims=True),
        _ops.min(moved_y, axis=-1, keepdims=True),
        _ops.max(moved_x, axis=-1, keepdims=True),
        _ops.max(moved_y, axis=-1, keepdims=True),
    ]
    return convert_format(_join(*around), "xyxy", bounding_box_format, height=height, width=width)


attach(__name__)
