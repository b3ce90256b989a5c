"""Boxes as offsets from anchors, which is what detectors predict."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops, tree
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops.boxes.formats import convert_format, normalized

_ENCODED = ("center_xywh", "center_yxhw")


def _settings(function: str, argument: str, fmt: str, variance: Any) -> Tensor | None:
    """The variance as an array, after checks of both arguments."""
    if fmt not in _ENCODED:
        raise ValueError(f"{function}: `{argument}` should be one of {' or '.join(map(repr, _ENCODED))}, got {fmt!r}.")
    if variance is None:
        return None
    variance = ops.cast(ops.convert_to_tensor(variance), "float32")
    if tuple(variance.shape) != (4,):
        raise ValueError(f"{function}: `variance` must have 4 entries, got an array of shape {tuple(variance.shape)}.")
    return variance


def _size(image_shape: Any) -> dict[str, Any]:
    return {} if image_shape is None else {"height": image_shape[0], "width": image_shape[1]}


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Tensor:
    """Offsets of boxes from anchors: of the centers, in the anchor's size, and the logarithms of the sizes' ratios.

    Args:
        anchors: ``[n, 4]``.
        boxes: ``[n, 4]`` or ``[batch, n, 4]``.
        anchor_format: see `convert_format`.
        box_format: see `convert_format`.
        encoding_format: the order of the offsets: ``"center_yxhw"`` or ``"center_xywh"``.
        variance: four numbers that the offsets are divided by.
        image_shape: height, width and channels of the image, for relative formats.

    Returns:
        Offsets of the shape of ``boxes``.

    Raises:
        ValueError: for another ``encoding_format``, or if ``variance`` has not four entries.
    """
    variance = _settings("encode_box_to_deltas", "encoding_format", encoding_format, variance)
    size = _size(image_shape)
    epsilon = config.epsilon()
    origin = convert_format(anchors, anchor_format, encoding_format, **size)
    target = convert_format(boxes, box_format, encoding_format, **size)
    extent = ops.maximum(origin[..., 2:], epsilon)
    offsets = (target[..., :2] - origin[..., :2]) / extent
    ratios = ops.log(ops.maximum(target[..., 2:], epsilon) / extent)
    deltas = ops.concatenate([offsets, ratios], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that are at given offsets from anchors; the inverse of `encode_box_to_deltas`.

    Args:
        anchors: ``[n, 4]``, or a dict of such.
        boxes_delta: offsets ``[n, 4]`` or ``[batch, n, 4]``, or a dict of such with the same keys.
        anchor_format: see `convert_format`.
        box_format: the format of the result.
        encoded_format: the order of the offsets: ``"center_yxhw"`` or ``"center_xywh"``.
        variance: four numbers that the offsets were divided by.
        image_shape: height, width and channels of the image, for relative formats.

    Returns:
        Boxes of the shape of ``boxes_delta``.

    Raises:
        ValueError: for another ``encoded_format``, or if ``variance`` has not four entries.
    """
    variance = _settings("decode_deltas_to_boxes", "encoded_format", encoded_format, variance)
    anchor_format, box_format = normalized(anchor_format, "anchor_format"), normalized(box_format, "box_format")
    size = _size(image_shape)

    def decode(anchor: Any, delta: Any) -> Tensor:
        origin = convert_format(anchor, anchor_format, encoded_format, **size)
        delta = ops.convert_to_tensor(delta)
        if variance is not None:
            delta = delta * ops.cast(variance, delta.dtype)
        center = delta[..., :2] * origin[..., 2:] + origin[..., :2]
        extent = ops.exp(delta[..., 2:]) * origin[..., 2:]
        return convert_format(ops.concatenate([center, extent], axis=-1), encoded_format, box_format, **size)

    if isinstance(anchors, dict) or isinstance(boxes_delta, dict):
        tree.assert_same_structure(anchors, boxes_delta)
        return {key: decode(anchors[key], boxes_delta[key]) for key in boxes_delta}
    return decode(anchors, boxes_delta)
