"""`MaxNumBoundingBoxes`: the same number of boxes for every image."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import PlainImageArguments
from pronghorn.layers.preprocessing.images.base import ImageLayer


class MaxNumBoundingBoxes(ImageLayer):
    """Cuts off bounding boxes that are too many and fills up where there are too few.

    Args:
        max_number: how many boxes each image has afterwards.
        fill_value: what the boxes and labels that are filled in consist of.
        kwargs: ``bounding_box_format``, ``data_format`` and those of `Layer`.

    Raises:
        ValueError: if ``max_number`` is not positive.

    Example:

    >>> boxes = {"boxes": ops.ones((1, 5, 4)), "labels": ops.ones((1, 5))}
    >>> layer = MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> layer({"images": ops.ones((1, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["boxes"].shape
    (1, 3, 4)
    """

    _is_random = False

    def __init__(self, max_number: int, fill_value: float = -1, **kwargs: Unpack[PlainImageArguments]) -> None:
        super().__init__(**kwargs)
        self.max_number = settings.positive(max_number, "MaxNumBoundingBoxes", "max_number")
        self.fill_value = fill_value

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        return images

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        return {key: self._fitted(ops.convert_to_tensor(value)) for key, value in bounding_boxes.items()}

    def _fitted(self, x: Any) -> Any:
        x = x[:, : self.max_number]
        missing = self.max_number - x.shape[1]
        if not missing:
            return x
        border = [[0, 0] for _ in x.shape]
        border[1][1] = missing
        return ops.pad(x, border, constant_values=self.fill_value)

    def _require_box_format(self) -> None:
        pass  # boxes of any format are cut off and filled up alike

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_number": self.max_number, "fill_value": self.fill_value}
