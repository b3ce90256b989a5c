"""Layers that bend images at random while training: perspective and elastic transforms."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image
from pronghorn.layers.preprocessing.images.moving import MovedImages
from pronghorn.ops.image.sampling import _perspective

_INTERPOLATIONS = ("nearest", "bilinear")


class RandomPerspective(MovedImages):
    """Shows images as if seen from elsewhere, at random while training: their corners move.

    Args:
        factor: the probability, or the range that each image's is drawn from; one number ``f`` stands for ``(0, f)``.
        scale: how far corners move.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: the value of what comes into sight.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomPerspective()(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        if not 0 <= scale <= 1:
            raise ValueError(
                f"RandomPerspective: `scale` is how far corners move, a share of the size from 0 to 1; got "
                f"scale={scale}."
            )
        self.scale = scale
        self.interpolation = settings.one_of(interpolation, _INTERPOLATIONS, "RandomPerspective", "interpolation")
        self.fill_value = fill_value

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training or self.scale == 0 or self.factor[1] == 0:
            return None
        images = data["images"] if isinstance(data, dict) else data
        batch, height, width, _ = self._image_shape(data)
        right, bottom = float(width) - 1, float(height) - 1
        corners = ops.convert_to_tensor([[[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]]])
        start = ops.broadcast_to(corners, (batch, 4, 2))
        # Each corner moves by a share of its own coordinates, up or down.
        shares = self._uniform((batch, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed)
        return {
            "apply_perspective": self._chosen(batch, self.factor, seed),
            "start_points": start,
            "end_points": start + start * shares,
            "input_shape": tuple(ops.shape(images)),
        }

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        changed = ops.image.perspective_transform(
            images,
            ops.cast(transformation["start_points"], "float32"),
            ops.cast(transformation["end_points"], "float32"),
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(per_image(transformation["apply_perspective"]), changed, images)

    def _moved_points(self, x: Tensor, y: Tensor, transformation: Any) -> tuple[Tensor, Tensor]:
        start, end = (ops.cast(transformation[k], "float32") for k in ("start_points", "end_points"))
        # Images are sampled along the map from the end points to the start points; boxes go the other way.
        matrix = _perspective(end, start)
        a, b, c, d, e, f, g, h = (per_image(matrix[:, i], 3) for i in range(8))
        depth = g * x + h * y + 1.0
        chosen = per_image(transformation["apply_perspective"], 3)
        return (
            ops.where(chosen, (a * x + b * y + c) / depth, x),
            ops.where(chosen, (d * x + e * y + f) / depth, y),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }


class RandomElasticTransform(ImageLayer):
    """Bends images by a smooth random field, at random while training.

    Args:
        factor: the probability, or the range that each image's is drawn from; one number ``f`` stands for ``(0, f)``.
        scale: how strongly: a range to draw from, within 0 and 1, or one number ``f`` for ``(0, f)``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_mode: what comes into sight: ``"reflect"``, ``"wrap"``, ``"constant"``, ``"nearest"`` or ``"mirror"``.
        fill_value: the value for ``fill_mode="constant"``.
        value_range: the lowest and highest value of a pixel; results are clipped to it.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.
        NotImplementedError: for inputs with bounding boxes.

    Example:

    >>> RandomElasticTransform()(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        self.scale = factor_range(self, "scale", scale, (0, 1))
        self.interpolation = settings.one_of(interpolation, _INTERPOLATIONS, "RandomElasticTransform", "interpolation")
        fills = ("reflect", "wrap", "constant", "nearest", "mirror")
        self.fill_mode = settings.one_of(fill_mode, fills, "RandomElasticTransform", "fill_mode")
        self.fill_value = fill_value
        self.value_range = checked_range(self, value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        batch = self._image_shape(data)[0]
        chosen = self._chosen(batch, self.factor, seed)
        strength = self._uniform((), *self.scale, seed)
        source = self._seed(seed)
        # One seed for the call, so that images and masks bend alike.
        return {
            "apply_transform": chosen,
            "distortion_factor": strength,
            "seed": source.next() if hasattr(source, "next") else source,
        }

    def _bent(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        height, width = images.shape[self.height_axis], images.shape[self.width_axis]
        extent = float(min(height, width))
        bent = ops.image.elastic_transform(
            images,
            alpha=extent * ops.cast(transformation["distortion_factor"], "float32"),
            sigma=max(extent / 40.0, 0.5),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            seed=transformation["seed"],
            data_format=self.data_format,
        )
        return ops.where(per_image(transformation["apply_transform"]), bent, images)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return ops.clip(self._bent(images, transformation, self.interpolation), *self.value_range)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = ops.convert_to_tensor(segmentation_masks)
        if not training or transformation is None:
            return masks
        return self._bent(masks, transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        raise NotImplementedError(
            "RandomElasticTransform does not know where boxes go. Use RandomPerspective, RandomShear or RandomRotation "
            "for images with bounding boxes."
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }
