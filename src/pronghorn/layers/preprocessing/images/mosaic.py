"""`Mosaic`: pieces of four images of a batch, side by side."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, random
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.base import ImageLayer
from pronghorn.ops.boxes.formats import convert_format
from pronghorn.ops.boxes.moving import clip_to_image_size

# The four pieces, in the order of `permutation_order`: whether each is right of the centre, and whether below it.
_RIGHT, _BELOW = (0, 1, 0, 1), (0, 0, 1, 1)


class Mosaic(ImageLayer):
    """Puts pieces of four images of the batch together, each in a corner, at random while training.

    A point of the image is drawn where the four meet. Left of it and above stands the lower right corner of the image
    itself, and the three other pieces are from images that are drawn from the batch. Labels are mixed by the areas of
    the pieces; boxes move along with their images, and those that are outside are labelled -1. A single image is its
    own three partners.

    Args:
        offset: the range that both coordinates of the point are drawn from, as shares of width and height, within 0
            and 1; one number ``f`` for ``(0, f)``.
        seed: makes the random numbers the same at every run.
        bounding_box_format: how boxes are written; see `utils.bounding_boxes.convert_format`.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: those of `Layer`.

    Inputs are ``[batch, height, width, channels]`` (channels first where ``data_format`` says so), one image without
    the batch axis, or a dict with ``"images"`` and the like; see `MixUp`. Labels must be one-hot vectors or other
    floats, ``[batch, classes]``. Boxes ``[batch, n, 4]`` become four times as many.

    Raises:
        ValueError: for arguments that do not fit, and for labels that cannot be mixed.

    Reference:
        Bochkovskiy and others, "YOLOv4", 2020, https://arxiv.org/abs/2004.10934.

    Example:

    >>> data = {"images": ops.ones((4, 8, 8, 3)), "labels": ops.eye(4)}
    >>> mixed = Mosaic(seed=0)(data, training=True)
    >>> mixed["images"].shape, [round(float(x), 4) for x in ops.sum(mixed["labels"], axis=1)]
    ((4, 8, 8, 3), [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        offset: Any = (0.25, 0.75),
        seed: Any = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, bounding_box_format=bounding_box_format, data_format=data_format, **kwargs)
        self.offset = factor_range(self, "offset", offset, (0, 1))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch, height, width, _ = self._image_shape(data)
        partners = random.randint((batch, 3), 0, batch, seed=self._seed(seed))
        itself = ops.expand_dims(ops.arange(batch, dtype=partners.dtype), axis=1)
        centers = [
            ops.round(self._uniform((batch,), *self.offset, seed) * float(extent)) / float(max(extent, 1))
            for extent in (width, height)
        ]
        return {
            "permutation_order": ops.concatenate([itself, partners], axis=1),
            "mosaic_centers": ops.stack(centers, axis=-1),  # x and y, on the borders of pixels
            "input_shape": tuple(ops.shape(data["images"] if isinstance(data, dict) else data)),
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        return self._mosaics(images, transformation) if training and transformation is not None else images

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._mosaics(ops.convert_to_tensor(segmentation_masks), transformation)

    def _mosaics(self, x: Tensor, transformation: Any) -> Tensor:
        """Each pixel's image by the side of the point that it is on, and its place there, round the border."""
        order = ops.cast(transformation["permutation_order"], "int32")
        x = ops.moveaxis(x, self.channel_axis, -1)
        batch, height, width, channels = ops.shape(x)
        across, down = self._points(transformation, height, width)
        columns, rows = ops.arange(width, dtype="int32"), ops.arange(height, dtype="int32")
        right = columns[None, None, :] >= across[:, None, None]
        below = rows[None, :, None] >= down[:, None, None]
        upper, lower = (ops.where(right, *(order[:, i, None, None] for i in pair)) for pair in ((1, 0), (3, 2)))
        image = ops.where(below, lower, upper)
        row = ops.mod(rows[None, :] - down[:, None], height)[:, :, None]
        column = ops.mod(columns[None, :] - across[:, None], width)[:, None, :]
        pixels = ops.reshape(x, (batch * height * width, channels))
        return ops.moveaxis(ops.take(pixels, (image * height + row) * width + column, axis=0), -1, self.channel_axis)

    def _points(self, transformation: Any, height: Any, width: Any) -> tuple[Tensor, Tensor]:
        """The first column right of the points and the first row below, ``int32[batch]`` each."""
        centers = ops.convert_to_tensor(transformation["mosaic_centers"])
        across, down = ops.round(centers[:, 0] * float(width)), ops.round(centers[:, 1] * float(height))
        return ops.cast(across, "int32"), ops.cast(down, "int32")

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        if not training or transformation is None:
            return labels
        labels = ops.convert_to_tensor(labels)
        if len(labels.shape) != 2 or not dtypes.is_float(dtypes.name_of(labels.dtype)):
            raise ValueError(
                f"Layer {self.name!r} (Mosaic): labels are mixed, so they must be floats of shape (batch, classes), "
                f"such as one-hot vectors; got {labels.dtype} of shape {tuple(labels.shape)}. For class numbers: "
                "labels = ops.one_hot(labels, classes)."
            )
        of_four = ops.take(ops.cast(labels, self.compute_dtype), transformation["permutation_order"], axis=0)
        centers = ops.cast(transformation["mosaic_centers"], self.compute_dtype)
        x, y = centers[:, :1], centers[:, 1:]
        shares = ops.concatenate([x * y, (1 - x) * y, x * (1 - y), (1 - x) * (1 - y)], axis=1)
        return ops.sum(of_four * ops.expand_dims(shares, -1), axis=1)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if not training or transformation is None:
            return bounding_boxes
        self._require_box_format()
        shape = transformation["input_shape"]
        height, width = shape[self.height_axis], shape[self.width_axis]
        size = {"height": height, "width": width}
        order = transformation["permutation_order"]
        boxes = convert_format(ops.convert_to_tensor(bounding_boxes["boxes"]), self.bounding_box_format, "xyxy", **size)
        boxes = ops.take(ops.cast(boxes, "float32"), order, axis=0)
        labels = ops.take(ops.convert_to_tensor(bounding_boxes["labels"]), order, axis=0)
        centers = ops.convert_to_tensor(transformation["mosaic_centers"]) * [
            float(size["width"]),
            float(size["height"]),
        ]
        moved_x = centers[:, :1] - [float(width) * (1 - right) for right in _RIGHT]
        moved_y = centers[:, 1:] - [float(height) * (1 - below) for below in _BELOW]
        boxes = boxes + ops.expand_dims(ops.stack([moved_x, moved_y, moved_x, moved_y], axis=-1), 2)
        flat = {
            "boxes": ops.reshape(boxes, (boxes.shape[0], 4 * boxes.shape[2], 4)),
            "labels": ops.reshape(labels, (labels.shape[0], 4 * labels.shape[2])),
        }
        found = clip_to_image_size(flat, **size)
        found["boxes"] = convert_format(found["boxes"], "xyxy", self.bounding_box_format, **size)
        return found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "offset": self.offset}
