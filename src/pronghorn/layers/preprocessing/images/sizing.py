"""Layers that give images another size: resizing and cropping."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, random
from pronghorn.engine.graph.active import current_trace, is_mapping
from pronghorn.engine.graph.dim import SymbolicDimError
from pronghorn.engine.graph.dtypes import is_integer
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import ImageArguments, NamedImageArguments
from pronghorn.layers.call import current_call_context
from pronghorn.layers.preprocessing.images.base import ImageLayer
from pronghorn.layers.preprocessing.pipeline import Pipeline
from pronghorn.ops.boxes.formats import columns, convert_format
from pronghorn.ops.boxes.moving import clip_to_image_size
from pronghorn.ops.image.resizing import METHODS


class _Sized(ImageLayer):
    """A layer whose images have a given size."""

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.width = self._extent(height, "height"), self._extent(width, "width")

    def _extent(self, value: Any, name: str) -> Any:
        return settings.positive(value, type(self).__name__, name)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = list(input_shape)
        shape[self.height_axis], shape[self.width_axis] = self.height, self.width
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}

    def _spatial(self, images: Any) -> tuple[Any, Any]:
        return images.shape[self.height_axis], images.shape[self.width_axis]

    def _covering(self, images: Tensor, interpolation: str = "bilinear") -> Tensor:
        """The largest part of the images that has the right proportions, resized."""
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            data_format=self.data_format,
            crop_to_aspect_ratio=True,
        )

    def _window(self, images: Tensor, top: Any, left: Any) -> Tensor:
        start, size = [0] * 4, list(images.shape)
        start[self.height_axis], start[self.width_axis] = top, left
        size[self.height_axis], size[self.width_axis] = self.height, self.width
        return ops.slice(images, start, size)

    def _mapped_boxes(self, boxes: dict[str, Any], before: tuple[Any, Any], function: Any) -> dict[str, Any]:
        """Boxes of which ``function`` maps the columns ``x`` and ``y``, clipped to the new size."""
        height, width = before
        fmt = self.bounding_box_format
        corners = convert_format(boxes["boxes"], fmt, "xyxy", height=height, width=width, dtype="float32")
        x1, y1, x2, y2 = columns(corners)
        (x1, y1), (x2, y2) = function(x1, y1), function(x2, y2)
        moved = {**boxes, "boxes": ops.concatenate([x1, y1, x2, y2], axis=-1)}
        moved = clip_to_image_size(moved, self.height, self.width)
        moved["boxes"] = convert_format(
            moved["boxes"], "xyxy", fmt, height=self.height, width=self.width, dtype=self.compute_dtype
        )
        return moved

    def _covered_boxes(self, boxes: dict[str, Any], before: tuple[Any, Any]) -> dict[str, Any]:
        """Boxes of images that `_covering` resized."""
        height, width = (int(n) for n in before)
        high = max(min(height, int(width * self.height / self.width)), 1)
        wide = max(min(width, int(height * self.width / self.height)), 1)
        top, left = int((height - high) / 2), int((width - wide) / 2)
        sx, sy = self.width / wide, self.height / high
        return self._mapped_boxes(boxes, before, lambda x, y: ((x - left) * sx, (y - top) * sy))


class Resizing(_Sized):
    """Resizes images, in training and in inference.

    Where a program calls the layer itself, or a `Pipeline` of it, on arrays, images of integers stay such, as in Keras;
    in models, and in what `Dataset.map` calls, they come out in the layer's compute type.

    Args:
        height: the new height; with None the layer can be made, but not called on images.
        width: the new width, or None.
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"lanczos3"``, ``"lanczos5"``, ``"area"``,
            ``"gaussian"`` or ``"mitchellcubic"``. Segmentation masks always take the nearest pixel.
        crop_to_aspect_ratio: whether to cut images to the new proportions first, so that nothing is distorted.
        pad_to_aspect_ratio: whether to fill them up to the new proportions first, to the same end.
        fill_mode: must be ``"constant"``.
        fill_value: what to fill with.
        antialias: whether all old pixels count when images become smaller.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> import numpy as np
    >>> Resizing(8, 6)(np.ones((2, 4, 4, 3))).shape
    (2, 8, 6, 3)
    """

    _is_random = False

    def __init__(
        self,
        height: int | None,
        width: int | None,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)
        self.interpolation = settings.one_of(interpolation, METHODS, "Resizing", "interpolation")
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True.")
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode = settings.one_of(fill_mode, ("constant",), "Resizing", "fill_mode")
        self.fill_value, self.antialias = fill_value, antialias

    def _extent(self, value: Any, name: str) -> Any:
        return None if value is None else super()._extent(value, name)

    def call(self, inputs: Any, training: bool = True) -> Any:
        if self.height is None or self.width is None:
            raise ValueError(
                f"Resizing {self.name!r}: it was made with height={self.height}, width={self.width}, so it has no size "
                "to give images; pass both when you make the layer."
            )
        # Large images are changed by a compiled call, which no longer sees who called the layer.
        images = inputs.get("images") if isinstance(inputs, dict) else inputs
        if images is not None and not self._keeps_integers():
            images = super()._taken(ops.convert_to_tensor(images))
            inputs = {**inputs, "images": images} if isinstance(inputs, dict) else images
        return super().call(inputs, training)

    def _keeps_integers(self) -> bool:
        context = current_call_context()
        if context is None or current_trace() is not None or is_mapping():
            return False
        return context.entry_layer is self or isinstance(context.entry_layer, Pipeline)

    def _taken(self, images: Tensor) -> Tensor:
        return images if is_integer(images.dtype) else super()._taken(images)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return self._image_shape(data)[1:3]

    def _resized(self, images: Tensor, interpolation: str) -> Tensor:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            data_format=self.data_format,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.convert_to_tensor(images)
        if self._spatial(images) == (self.height, self.width):
            return images
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._resized(ops.convert_to_tensor(segmentation_masks), "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        height, width = transformation
        sx, sy = self.width / width, self.height / height
        left = top = 0
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            sx = sy = max(sx, sy) if self.crop_to_aspect_ratio else min(sx, sy)
            # What sticks out, or is filled up, is halved in whole pixels of the result.
            left, top = int((self.width - width * sx) / 2), int((self.height - height * sy) / 2)
        return self._mapped_boxes(bounding_boxes, transformation, lambda x, y: (x * sx + left, y * sy + top))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


class CenterCrop(_Sized):
    """Cuts out the middle of images, in training and in inference.

    Of images that are too small, the largest part of the right proportions is resized.

    Args:
        height: the new height.
        width: the new width.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for extents that are not positive.

    Example:

    >>> CenterCrop(4, 4)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _is_random = False

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Unpack[ImageArguments]
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        images = data["images"] if isinstance(data, dict) else data
        return {"input_shape": tuple(ops.shape(images))}

    def _offsets(self, size: tuple[Any, Any]) -> tuple[int, int] | None:
        """Where the window begins; None if the image is too small for it."""
        height, width = size
        if int(height) < self.height or int(width) < self.width:
            return None
        return int((height - self.height) / 2), int((width - self.width) / 2)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        return self._cut(images, "bilinear")

    def _cut(self, images: Tensor, interpolation: str) -> Tensor:
        offsets = self._offsets(self._spatial(images))
        return self._covering(images, interpolation) if offsets is None else self._window(images, *offsets)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._cut(ops.convert_to_tensor(segmentation_masks), "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        offsets = self._offsets(size)
        if offsets is None:
            return self._covered_boxes(bounding_boxes, size)
        top, left = offsets
        return self._mapped_boxes(bounding_boxes, size, lambda x, y: (x - left, y - top))


class RandomCrop(_Sized):
    """Cuts out a part of images while training, the same part of all images of a batch.

    In inference, and of images that are too small, the largest part of the right proportions is resized.

    Args:
        height: the new height.
        width: the new width.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        name: a name; automatic if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for extents that are not positive.

    Example:

    >>> RandomCrop(4, 4)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedImageArguments],
    ) -> None:
        super().__init__(height, width, seed=seed, data_format=data_format, name=name, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Where the part begins: from the top, and from the left."""
        _, height, width, _ = self._image_shape(data)
        if height is None or width is None:
            raise SymbolicDimError("RandomCrop needs to know the images' height and width.")
        self._size = (height, width)
        if not training:
            return 0, 0
        rows, columns_ = max(int(height) - self.height, 0), max(int(width) - self.width, 0)
        if int(height) < self.height or int(width) < self.width:
            return rows // 2, columns_ // 2
        return tuple(
            random.randint((), 0, n + 1, dtype="int32", seed=self._seed(seed)) if n else 0 for n in (rows, columns_)
        )

    def _fits(self, size: tuple[Any, Any]) -> bool:
        return int(size[0]) >= self.height and int(size[1]) >= self.width

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        return self._cut(images, transformation, training, "bilinear")

    def _cut(self, images: Tensor, transformation: Any, training: bool, interpolation: str) -> Tensor:
        if training and transformation is not None and self._fits(self._spatial(images)):
            return self._window(images, *transformation)
        return self._covering(images, interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._cut(ops.convert_to_tensor(segmentation_masks), transformation, training, "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if not (training and self._fits(self._size)):
            return self._covered_boxes(bounding_boxes, self._size)
        top, left = (ops.cast(v, "float32") for v in transformation)
        return self._mapped_boxes(bounding_boxes, self._size, lambda x, y: (x - left, y - top))
