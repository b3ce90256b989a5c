"""Layers that mix images with others of their batch, or with nothing, at random while training."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, random
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image


class _Patches(ImageLayer):
    """A layer that picks a rectangle in each image."""

    def _mask(self, shape: tuple[Any, Any, Any, Any], share: Tensor, seed: Any) -> Tensor:
        """A rectangle in each image, ``bool`` of the images' shape.

        Args:
            shape: batch, height, width and channels.
            share: which share of height and width it covers, ``[batch]``, before it is clipped to the image.
            seed: source of random numbers.
        """
        batch, height, width, channels = shape
        rows = self._covered(batch, height, share, seed)
        columns = self._covered(batch, width, share, seed)
        mask = ops.logical_and(ops.expand_dims(rows, 2), ops.expand_dims(columns, 1))
        if self.data_format == "channels_first":
            return ops.broadcast_to(ops.expand_dims(mask, 1), (batch, channels, height, width))
        return ops.broadcast_to(ops.expand_dims(mask, -1), (batch, height, width, channels))

    def _covered(self, batch: Any, extent: Any, share: Tensor, seed: Any) -> Tensor:
        """Which places along an axis are in the rectangle, ``bool[batch, extent]``."""
        length = share * float(extent)
        middle = self._uniform((batch,), 0.0, 1.0, seed) * float(extent)
        place = ops.expand_dims(ops.cast(ops.arange(extent), "float32"), 0)
        start = ops.floor(ops.clip(middle - length / 2, 0.0, float(extent)))
        stop = ops.floor(ops.clip(middle + length / 2, 0.0, float(extent)))
        return ops.logical_and(place >= ops.expand_dims(start, 1), place < ops.expand_dims(stop, 1))


class RandomErasing(_Patches):
    """Replaces a rectangle of each image by noise or one value, at random while training.

    Args:
        factor: the probability, or the range that each image's is drawn from; one number ``f`` stands for ``(0, f)``.
        scale: the range for the share of the image that is erased.
        fill_value: the value to fill in; normally distributed noise if None.
        value_range: the lowest and highest value of a pixel.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomErasing()(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        self.scale = factor_range(self, "scale", scale, (0, 1))
        self.fill_value = fill_value
        self.value_range = checked_range(self, value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch, height, width, channels = shape = self._image_shape(data)
        chosen = self._chosen(batch, self.factor, seed)
        side = ops.sqrt(self._uniform((batch,), *self.scale, seed))
        full = (batch, channels, height, width) if self.data_format == "channels_first" else shape
        return {
            "apply_erasing": chosen,
            "batch_masks": self._mask(shape, side, seed),
            "fill_value": self._fill(full, seed),
        }

    def _fill(self, shape: Any, seed: Any) -> Tensor:
        if self.fill_value is not None:
            return ops.broadcast_to(ops.cast(ops.convert_to_tensor(self.fill_value), self.compute_dtype), shape)
        low, high = self.value_range
        noise = random.normal(shape, seed=self._seed(seed), dtype="float32") * float(high)
        return ops.cast(ops.clip(noise, low, high), self.compute_dtype)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        erased = ops.logical_and(per_image(transformation["apply_erasing"]), transformation["batch_masks"])
        return ops.clip(
            ops.where(erased, ops.cast(transformation["fill_value"], images.dtype), images), *self.value_range
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }


class _Partners(ImageLayer):
    """A layer that mixes each image with another one of its batch."""

    _lone_boxes = "rows"

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if not training or transformation is None:
            return bounding_boxes
        order = transformation["permutation_order"]
        both = {}
        for key, value in bounding_boxes.items():
            value = ops.convert_to_tensor(value)
            both[key] = ops.concatenate([value, ops.take(value, order, axis=0)], axis=min(1, len(value.shape) - 1))
        return both

    def _mixed(self, x: Any, transformation: Any) -> Tensor:
        """``x`` and its partners', weighed."""
        x = ops.cast(x, self.compute_dtype)
        weight = ops.cast(transformation["mix_weight"], x.dtype)
        if len(weight.shape):
            weight = ops.reshape(weight, (-1, *(1,) * (len(x.shape) - 1)))
        return weight * x + (1 - weight) * ops.take(x, transformation["permutation_order"], axis=0)

    def _order(self, batch: Any, seed: Any) -> Tensor:
        """A random order of the images of a batch."""
        return ops.argsort(self._uniform((batch,), 0.0, 1.0, seed))


class MixUp(_Partners):
    """Mixes each image, and its labels, with another one of the batch, while training.

    Args:
        alpha: how much: weights are drawn from a beta distribution with this parameter.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Labels must be one-hot vectors, or other numbers that can be mixed.

    Raises:
        ValueError: if ``alpha`` is negative.

    Example:

    >>> data = {"images": ops.ones((2, 8, 8, 3)), "labels": ops.eye(2)}
    >>> MixUp(seed=0)(data, training=True)["labels"].shape
    (2, 2)
    """

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: Any = None, **kwargs: Unpack[ImageArguments]
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if alpha < 0:
            raise ValueError(f"MixUp: The `alpha` argument should not be negative. Received: alpha={alpha}.")
        self.alpha = alpha

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch = self._image_shape(data)[0]
        order = self._order(batch, seed)
        if self.alpha == 0:
            return {"mix_weight": ops.ones((batch,)), "permutation_order": order}
        weight = random.beta((batch,), self.alpha, self.alpha, dtype="float32", seed=self._seed(seed))
        return {"mix_weight": weight, "permutation_order": order}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return self._mixed(images, transformation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return self._mixed(labels, transformation) if training and transformation is not None else labels

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._mixed(segmentation_masks, transformation)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class CutMix(_Patches, _Partners):
    """Pastes a rectangle of another image of the batch into each, and mixes labels by area, while training.

    Args:
        factor: how the share of the image that stays is drawn: a range within 0 and 1, or one number ``f`` for
            ``(0, f)``.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> data = {"images": ops.ones((2, 8, 8, 3)), "labels": ops.eye(2)}
    >>> CutMix(seed=0)(data, training=True)["images"].shape
    (2, 8, 8, 3)
    """

    def __init__(
        self, factor: Any = 1.0, seed: Any = None, data_format: str | None = None, **kwargs: Unpack[ImageArguments]
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        shape = self._image_shape(data)
        batch = shape[0]
        stays = self._uniform((batch,), *self.factor, seed)
        mask = self._mask(shape, ops.sqrt(1.0 - stays), seed)
        # The share that is really pasted: rectangles end at the image's border.
        pasted = ops.mean(ops.cast(mask, "float32"), axis=(1, 2, 3), keepdims=True)
        return {"permutation_order": self._order(batch, seed), "batch_masks": mask, "mix_weight": 1.0 - pasted}

    def _pasted(self, x: Any, transformation: Any) -> Tensor:
        x = ops.convert_to_tensor(x)
        mask = ops.convert_to_tensor(transformation["batch_masks"])
        if mask.shape[self.channel_axis] != x.shape[self.channel_axis]:
            mask = ops.any(mask, axis=self.channel_axis, keepdims=True)
        return ops.where(mask, ops.take(x, transformation["permutation_order"], axis=0), x)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        return self._pasted(images, transformation) if training and transformation is not None else images

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return self._mixed(labels, transformation) if training and transformation is not None else labels

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._pasted(segmentation_masks, transformation)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
