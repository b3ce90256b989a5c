"""Layers that flip, move, turn, zoom and shear images at random while training."""

from __future__ import annotations

import math
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image
from pronghorn.ops.boxes.formats import columns, convert_format
from pronghorn.ops.boxes.moving import around, clip_to_image_size

_FILLS = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


class MovedImages(ImageLayer):
    """A layer whose images are sampled at other places, and whose boxes move along."""

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = ops.convert_to_tensor(segmentation_masks)
        if not training or transformation is None:
            return masks
        return self._moved(masks, transformation, "nearest")

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return self._moved(images, transformation, self.interpolation)

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        """Images after the change."""
        raise NotImplementedError

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        """Where points ``[batch, n, 4]`` go, in pixels."""
        raise NotImplementedError

    def _size_of(self, transformation: Any) -> tuple[Any, Any]:
        """Height and width of the images that a transformation is for."""
        shape = transformation["input_shape"]
        return shape[self.height_axis], shape[self.width_axis]

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if not training or transformation is None:
            return bounding_boxes
        self._require_box_format()
        height, width = self._size_of(transformation)
        fmt = self.bounding_box_format
        boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
        x1, y1, x2, y2 = columns(convert_format(boxes, fmt, "xyxy", height=height, width=width))
        x, y = self._moved_points(
            ops.concatenate([x1, x2, x2, x1], axis=-1), ops.concatenate([y1, y1, y2, y2], axis=-1), transformation
        )
        moved = {**bounding_boxes, "boxes": around(x, y)}
        moved = clip_to_image_size(moved, height=height, width=width)
        moved["boxes"] = convert_format(
            moved["boxes"], "xyxy", fmt, height=height, width=width, dtype=self.compute_dtype
        )
        return moved


class RandomFlip(MovedImages):
    """Flips images at random while training.

    Args:
        mode: ``"horizontal"`` (left to right), ``"vertical"``, or ``"horizontal_and_vertical"``.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for another mode.

    Example:

    >>> RandomFlip("horizontal")(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    interpolation = "nearest"

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        modes = ("horizontal", "vertical", "horizontal_and_vertical")
        self.mode = settings.one_of(mode, modes, "RandomFlip", "mode")

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        flips = self._uniform((self._image_shape(data)[0], 1, 1, 1), 0.0, 1.0, seed) <= 0.5
        return {"flips": flips, "input_shape": tuple(ops.shape(images))}

    def _axes(self) -> tuple[bool, bool]:
        return self.mode != "horizontal", self.mode != "vertical"

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        axes = [a for a, flip in zip((self.height_axis, self.width_axis), self._axes()) if flip]
        flipped = images
        for axis in axes:
            flipped = ops.flip(flipped, axis=axis)
        return ops.where(transformation["flips"], flipped, images)

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        height, width = self._size_of(transformation)
        flips = ops.convert_to_tensor(transformation["flips"])
        flips = ops.reshape(flips, (-1, 1, 1))
        vertical, horizontal = self._axes()
        if horizontal:
            x = ops.where(flips, ops.cast(width, x.dtype) - x, x)
        if vertical:
            y = ops.where(flips, ops.cast(height, y.dtype) - y, y)
        return x, y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


class _Affine(MovedImages):
    """A layer that samples images along a matrix."""

    def __init__(
        self, fill_mode: str, interpolation: str, seed: Any, fill_value: float, data_format: Any, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        name = type(self).__name__
        self.fill_mode = settings.one_of(fill_mode, _FILLS, name, "fill_mode")
        self.interpolation = settings.one_of(interpolation, _INTERPOLATIONS, name, "interpolation")
        self.fill_value = fill_value

    def _matrix(self, transformation: Any, height: Any, width: Any) -> Tensor:
        """From the new pixels to the old places, ``[batch, 8]`` as `ops.image.affine_transform` takes it."""
        raise NotImplementedError

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        height, width = images.shape[self.height_axis], images.shape[self.width_axis]
        return ops.image.affine_transform(
            images,
            self._matrix(transformation, height, width),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }


def rows_of(*entries: Any) -> Tensor:
    """``[batch, 8]`` from six columns ``[batch]`` or numbers, and zeros."""
    batch = next(e for e in entries if isinstance(e, Tensor))
    full = [e if isinstance(e, Tensor) else ops.full_like(batch, e) for e in (*entries, 0.0, 0.0)]
    return ops.stack(full, axis=-1)


def column_of(values: Any, index: int) -> Tensor:
    """One column of an array ``[batch, n]``."""
    return ops.convert_to_tensor(values)[:, index]


class RandomTranslation(_Affine):
    """Moves images up, down and sideways, at random while training.

    Args:
        height_factor: how far down, as a fraction of the height: a range to draw from, or one number ``f`` for
            ``(-f, f)``.
        width_factor: how far to the right, as a fraction of the width, likewise.
        fill_mode: what comes into sight: ``"reflect"``, ``"wrap"``, ``"constant"`` or ``"nearest"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: makes the random numbers the same at every run.
        fill_value: the value for ``fill_mode="constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomTranslation(0.1, 0.1)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = factor_range(self, "height_factor", height_factor, (-1.0, 1.0), True)
        self.width_lower, self.width_upper = factor_range(self, "width_factor", width_factor, (-1.0, 1.0), True)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch, height, width, _ = self._image_shape(data)
        images = data["images"] if isinstance(data, dict) else data
        down = self._uniform((batch,), self.height_lower, self.height_upper, seed) * float(height)
        right = self._uniform((batch,), self.width_lower, self.width_upper, seed) * float(width)
        return {"translations": ops.stack([right, down], axis=-1), "input_shape": tuple(ops.shape(images))}

    def _matrix(self, transformation: Any, height: Any, width: Any) -> Tensor:
        right, down = (column_of(transformation["translations"], i) for i in range(2))
        return rows_of(1.0, 0.0, -right, 0.0, 1.0, -down)

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        right, down = (per_image(column_of(transformation["translations"], i), 3) for i in range(2))
        return x + right, y + down

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomRotation(_Affine):
    """Turns images about their middle, at random while training.

    Args:
        factor: how far, counterclockwise, as a fraction of a full turn: a range to draw from, or one number ``f`` for
            ``(-f, f)``.
        fill_mode: what comes into sight: ``"reflect"``, ``"wrap"``, ``"constant"`` or ``"nearest"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: makes the random numbers the same at every run.
        fill_value: the value for ``fill_mode="constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomRotation(0.1)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self._set_factor(factor)

    def _set_factor(self, factor: Any) -> None:
        self.factor = factor_range(self, "factor", factor, (-1.0, 1.0), symmetric=True)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch, height, width, _ = self._image_shape(data)
        angle = self._uniform((batch,), *self.factor, seed) * 360.0
        turn = angle * (math.pi / 180)
        cos, sin = ops.cos(turn), ops.sin(turn)
        x, y = (float(width) - 1) / 2, (float(height) - 1) / 2
        matrix = rows_of(cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)
        return {
            "angle": angle,
            "rotation_matrix": matrix,
            "image_height": height,
            "image_width": width,
            "batch_size": batch,
        }

    def _size_of(self, transformation: Any) -> tuple[Any, Any]:
        return transformation["image_height"], transformation["image_width"]

    def _matrix(self, transformation: Any, height: Any, width: Any) -> Tensor:
        return ops.convert_to_tensor(transformation["rotation_matrix"])

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        turn = per_image(ops.convert_to_tensor(transformation["angle"]), 3) * (math.pi / 180)
        cos, sin = ops.cos(turn), ops.sin(turn)
        height, width = self._size_of(transformation)
        middle_x, middle_y = (float(width) - 1) / 2, (float(height) - 1) / 2
        x, y = x - middle_x, y - middle_y
        return cos * x + sin * y + middle_x, cos * y - sin * x + middle_y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class RandomZoom(_Affine):
    """Zooms images in and out, at random while training.

    Args:
        height_factor: by how much along the height: 0.2 shows 20 % more, -0.2 shows 20 % less; a range to draw from, or
            one number ``f`` for ``(-f, f)``.
        width_factor: the same along the width; the same number as along the height if None.
        fill_mode: what comes into sight: ``"reflect"``, ``"wrap"``, ``"constant"`` or ``"nearest"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: makes the random numbers the same at every run.
        fill_value: the value for ``fill_mode="constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomZoom(0.2)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _lone_boxes = "batch"

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = self._zoom("height_factor", height_factor)
        self._width = None if width_factor is None else self._zoom("width_factor", width_factor)

    def _zoom(self, name: str, value: Any) -> tuple[float, float]:
        found = factor_range(self, name, value, (-1.0, 1.0), True)
        if any(number <= -1 for number in (value if isinstance(value, (tuple, list)) else (value,))):
            raise ValueError(
                f"RandomZoom: The `{name}` argument should be greater than -1, which would show nothing, and at most "
                f"1. Received: {name}={value}."
            )
        return found

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        shape = (self._image_shape(data)[0], 1)
        rows = self._uniform(shape, 1.0 + self.height_lower, 1.0 + self.height_upper, seed)
        columns_ = rows
        if self._width is not None:
            columns_ = self._uniform(shape, 1.0 + self._width[0], 1.0 + self._width[1], seed)
        return {"height_zoom": rows, "width_zoom": columns_, "input_shape": tuple(ops.shape(images))}

    def _matrix(self, transformation: Any, height: Any, width: Any) -> Tensor:
        sx, sy = column_of(transformation["width_zoom"], 0), column_of(transformation["height_zoom"], 0)
        x, y = (float(width) - 1) / 2, (float(height) - 1) / 2
        return rows_of(sx, 0.0, (1.0 - sx) * x, 0.0, sy, (1.0 - sy) * y)

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        height, width = self._size_of(transformation)
        middle_x, middle_y = (float(width) - 1) / 2, (float(height) - 1) / 2
        sx = per_image(column_of(transformation["width_zoom"], 0), 3)
        sy = per_image(column_of(transformation["height_zoom"], 0), 3)
        return (x - middle_x) / sx + middle_x, (y - middle_y) / sy + middle_y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomShear(_Affine):
    """Shears images, at random while training.

    Args:
        x_factor: how far rows are shifted against each other, a share of their distance: a range to draw from, within 0
            and 1, or one number ``f`` for ``(0, f)``; each image goes to one of the two sides.
        y_factor: the same for columns.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_mode: what comes into sight: ``"reflect"``, ``"wrap"``, ``"constant"`` or ``"nearest"``.
        fill_value: the value for ``fill_mode="constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomShear(0.1, 0.1)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _lone_boxes = "batch"

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = factor_range(self, "x_factor", x_factor, (0.0, 1.0))
        self.y_factor = factor_range(self, "y_factor", y_factor, (0.0, 1.0))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        batch = self._image_shape(data)[0]
        amounts = [self._uniform((batch,), *limits, seed) for limits in (self.x_factor, self.y_factor)]
        side = ops.where(self._uniform((batch,), 0.0, 1.0, seed) < 0.5, -1.0, 1.0)
        return {
            "shear_factor": ops.stack([amount * side for amount in amounts], axis=-1),
            "input_shape": tuple(ops.shape(images)),
        }

    def _matrix(self, transformation: Any, height: Any, width: Any) -> Tensor:
        x, y = (column_of(transformation["shear_factor"], i) for i in range(2))
        return rows_of(1.0, x, 0.0, y, 1.0, 0.0)

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        by_x, by_y = (per_image(column_of(transformation["shear_factor"], i), 3) for i in range(2))
        # One axis after the other, in units of the image, and each time the box around what came out, as in Keras.
        height, width = (float(n) for n in self._size_of(transformation))
        x = x - by_x * y * (width / height)
        left, right = ops.min(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)
        x = ops.concatenate([left, right, right, left], axis=-1)  # the corners' order
        return x, y - by_y * x * (height / width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}
