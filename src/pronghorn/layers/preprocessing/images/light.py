"""Layers that change how light images are: brightness, contrast, inversion, fewer levels."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import ImageArguments, PlainImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image


def rescaled(x: Tensor, source: tuple[float, float], target: tuple[float, float]) -> Tensor:
    """Values of one range to another one, linearly."""
    if tuple(source) == tuple(target):
        return x
    return (x - source[0]) * ((target[1] - target[0]) / (source[1] - source[0])) + target[0]


class RandomBrightness(ImageLayer):
    """Makes images lighter or darker at random while training, each by an amount of its own.

    Args:
        factor: the range to draw from, within -1 (black) and 1 (white); one number ``f`` stands for ``(-f, f)``. It is
            a fraction of the value range.
        value_range: the lowest and highest value of a pixel; results are clipped to it.
        seed: makes the random numbers the same at every run.
        kwargs: ``data_format``, ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> import numpy as np
    >>> RandomBrightness((0.1, 0.1))(np.zeros((1, 1, 3))).tolist()
    [[[25.5, 25.5, 25.5]]]
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: Any = None, **kwargs: Unpack[PlainImageArguments]
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._set_factor(factor)
        self._set_value_range(value_range)

    def _set_factor(self, factor: Any) -> None:
        self.factor = factor_range(self, "factor", factor, (-1.0, 1.0), symmetric=True)

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch = self._image_shape(data)[0]
        low, high = self.value_range
        return {"rgb_delta": self._uniform((batch, 1, 1, 1), *self.factor, seed) * float(high - low)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return ops.clip(images + ops.cast(transformation["rgb_delta"], images.dtype), *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomContrast(ImageLayer):
    """Brings the values of each channel nearer to their mean or farther from it, at random while training.

    ``(x - mean) * factor + mean``, with a factor from ``[1 - lower, 1 + upper]`` for each image.

    Args:
        factor: ``(lower, upper)``, or one number for both.
        value_range: the lowest and highest value of a pixel; results are clipped to it.
        seed: makes the random numbers the same at every run.
        kwargs: ``data_format``, ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomContrast(0.2)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: Any = None, **kwargs: Unpack[PlainImageArguments]
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._set_factor(factor)
        self.value_range = checked_range(self, value_range)

    def _set_factor(self, factor: Any) -> None:
        if isinstance(factor, (tuple, list)) and len(factor) == 2:
            factors = tuple(factor_range(self, "factor", f, (0.0, 1.0), exact=True)[0] for f in factor)
            self.factor = factors
        else:
            self.factor = factor_range(self, "factor", factor, (0.0, 1.0), exact=True)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        batch = self._image_shape(data)[0]
        lower, upper = self.factor
        return {"contrast_factor": self._uniform((batch, 1, 1, 1), 1.0 - lower, 1.0 + upper, seed)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        factor = ops.cast(transformation["contrast_factor"], images.dtype)
        mean = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        return ops.clip((images - mean) * factor + mean, *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomInvert(ImageLayer):
    """Turns images into their negatives, at random while training.

    Args:
        factor: the probability, or the range that each image's is drawn from; one number ``f`` stands for ``(0, f)``.
        value_range: the lowest and highest value of a pixel.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomInvert(value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        self.value_range = checked_range(self, value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        return {"apply_inversion": self._chosen(self._image_shape(data)[0], self.factor, seed)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        chosen = per_image(transformation["apply_inversion"])
        return ops.where(chosen, self.value_range[1] - images, images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomPosterization(ImageLayer):
    """Keeps only some bits of the 8 of each value, while training.

    Args:
        factor: how many bits to keep, from 1 to 8, or a range to draw from.
        value_range: the lowest and highest value of a pixel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomPosterization(4, value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._set_factor(factor)
        self._set_value_range(value_range)

    def _set_factor(self, factor: Any) -> None:
        self.factor = factor_range(self, "factor", factor, (1, 8), exact=True)

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        low, high = self.factor
        bits = ops.floor(self._uniform((self._image_shape(data)[0],), float(low), float(high) + 1.0, seed))
        return {"shift_factor": ops.cast(8 - ops.clip(bits, low, high), "uint8")}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        shift = ops.cast(per_image(transformation["shift_factor"]), "int32")
        levels = ops.cast(rescaled(images, self.value_range, (0, 255)), "int32")
        levels = ops.bitwise_left_shift(ops.bitwise_right_shift(levels, shift), shift)
        return rescaled(ops.cast(levels, self.compute_dtype), (0, 255), self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class Solarization(ImageLayer):
    """Inverts values above a threshold, while training.

    Args:
        addition_factor: what to add first, as a fraction of the value range; a range to draw from for each image, or
            one number ``f`` for ``(0, f)``.
        threshold_factor: only values above this fraction of the value range are inverted; likewise.
        value_range: the lowest and highest value of a pixel.
        seed: makes the random numbers the same at every run.
        kwargs: ``data_format``, ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> import numpy as np
    >>> Solarization()(np.array([[[59, 62, 63]]])).tolist()
    [[[196.0, 193.0, 192.0]]]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        **kwargs: Unpack[PlainImageArguments],
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = factor_range(self, "addition_factor", addition_factor, (0, 1))
        self.threshold_factor = factor_range(self, "threshold_factor", threshold_factor, (0, 1))
        self._set_value_range(value_range)

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        shape = (self._image_shape(data)[0], 1, 1, 1)
        return {
            "additions": self._uniform(shape, *self.addition_factor, seed) * 255.0,
            "thresholds": self._uniform(shape, *self.threshold_factor, seed) * 255.0,
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        additions, thresholds = (ops.cast(transformation[k], images.dtype) for k in ("additions", "thresholds"))
        x = ops.clip(rescaled(images, self.value_range, (0, 255)) + additions, 0, 255)
        x = ops.where(x < thresholds, x, 255 - x)
        return ops.clip(rescaled(x, (0, 255), self.value_range), *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "value_range": self.value_range,
        }


class AutoContrast(ImageLayer):
    """Stretches the values of each channel of each image over the whole value range, in training and in inference.

    Args:
        value_range: the lowest and highest value of a pixel.
        kwargs: ``data_format``, ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: if ``value_range`` does not fit.

    Example:

    >>> import numpy as np
    >>> AutoContrast()(np.array([[[0.0], [1.0], [0.5]]])).numpy().ravel().tolist()
    [0.0, 255.0, 127.5]
    """

    _is_random = False

    def __init__(self, value_range: Any = (0, 255), **kwargs: Unpack[PlainImageArguments]) -> None:
        super().__init__(**kwargs)
        self._set_value_range(value_range)

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        axes = (self.height_axis, self.width_axis)
        x = rescaled(images, self.value_range, (0, 255))
        low, high = ops.min(x, axis=axes, keepdims=True), ops.max(x, axis=axes, keepdims=True)
        span = high - low
        flat = ops.equal(span, 0.0)
        stretched = (x - low) * (255.0 / ops.where(flat, ops.ones_like(span), span))
        x = ops.clip(ops.where(flat, x, stretched), 0, 255)
        return rescaled(x, (0, 255), self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}
