"""The ways to write a box as four numbers, and `convert_format` between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn import ops
from pronghorn._lazy import nearest_clause
from pronghorn.engine.graph.tensor import Tensor

Corners = tuple[Tensor, Tensor, Tensor, Tensor]


def _centered(x: Tensor, y: Tensor, width: Tensor, height: Tensor) -> Corners:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


# From each format's four columns to left, top, right, bottom; and back.
_TO_CORNERS: dict[str, Callable[..., Corners]] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "yxyx": lambda y1, x1, y2, x2: (x1, y1, x2, y2),
    "xywh": lambda x, y, w, h: (x, y, x + w, y + h),
    "center_xywh": _centered,
    "center_yxhw": lambda y, x, h, w: _centered(x, y, w, h),
}
_FROM_CORNERS: dict[str, Callable[..., Corners]] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "yxyx": lambda x1, y1, x2, y2: (y1, x1, y2, x2),
    "xywh": lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
    "center_xywh": lambda x1, y1, x2, y2: ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
    "center_yxhw": lambda x1, y1, x2, y2: ((y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1),
}
FORMATS = (*_TO_CORNERS, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def normalized(name: Any, argument: str = "bounding_box_format") -> str:
    """A format's name in lower case.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise ValueError(
            f"Bounding boxes: invalid format {argument}={name!r}{nearest_clause(str(name), FORMATS)}. Supported "
            f"formats: {', '.join(FORMATS)}."
        )
    return name.lower()


def columns(boxes: Tensor) -> Corners:
    """The four numbers of each box, each with a last axis of extent one.

    Raises:
        ValueError: if the last axis has another extent than four.
    """
    if len(boxes.shape) < 1 or boxes.shape[-1] != 4:
        raise ValueError(f"Bounding boxes: the last axis must have extent 4, got boxes of shape {tuple(boxes.shape)}.")
    return tuple(boxes[..., i : i + 1] for i in range(4))  # type: ignore[return-value]


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    The formats: ``"xyxy"`` (left, top, right, bottom), ``"yxyx"``, ``"xywh"`` (left, top, width, height),
    ``"center_xywh"``, ``"center_yxhw"``; all but the last also as fractions of the image, as in ``"rel_xyxy"``. Capital
    letters do not matter.

    Args:
        boxes: ``[..., 4]``, or a dict with such an array as ``"boxes"``.
        source: their format.
        target: the format wanted.
        height: the image's height, or one for each image of a batch; needed if one of the formats is relative.
        width: the image's width, likewise.
        dtype: the element type of the result.

    Raises:
        ValueError: for an unknown format, another last extent than four, or if the image's size is missing.

    Example:

    >>> import numpy as np
    >>> convert_format(np.array([[10, 20, 30, 40]]), "xyxy", "xywh").tolist()
    [[10.0, 20.0, 20.0, 20.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = normalized(source, "source"), normalized(target, "target")
    relative = [f.startswith("rel_") for f in (source, target)]
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"convert_format: from {source!r} to {target!r} it needs the image's `height` and `width`, "
            f"got height={height} and width={width}."
        )
    boxes = ops.cast(ops.convert_to_tensor(boxes), dtype)
    x1, y1, x2, y2 = _TO_CORNERS[source.removeprefix("rel_")](*columns(boxes))
    if relative[0] != relative[1]:
        width, height = (_extent(v, boxes) for v in (width, height))
        if relative[0]:
            x1, y1, x2, y2 = x1 * width, y1 * height, x2 * width, y2 * height
        else:
            x1, y1, x2, y2 = x1 / width, y1 / height, x2 / width, y2 / height
    return ops.concatenate(_FROM_CORNERS[target.removeprefix("rel_")](x1, y1, x2, y2), axis=-1)


def _extent(value: Any, boxes: Tensor) -> Tensor:
    """An image's extent, or one for each image, to compute with the columns of boxes."""
    value = ops.cast(ops.convert_to_tensor(value), boxes.dtype)
    if len(value.shape) == 0:
        return value
    return ops.reshape(value, (value.shape[0], *(1,) * (len(boxes.shape) - 1)))
