"""Layers that change the colors of images."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image
from pronghorn.layers.preprocessing.images.light import RandomBrightness, RandomContrast, rescaled
from pronghorn.utils.arguments import is_number


class _ColorFactor(ImageLayer):
    """A layer with a factor for each image and a value range."""

    #: The lowest and highest factor.
    _bounds = (0.0, 1.0)

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
        self.factor = factor_range(self, "factor", factor, self._bounds)

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def _draw(self, batch: Any, seed: Any) -> Tensor:
        return self._uniform((batch,), *self.factor, seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return {"factor": self._draw(self._image_shape(data)[0], seed)} if training else None

    def _changed(self, x: Tensor, factor: Tensor) -> Tensor:
        """Images, changed by a factor for each of them, ``[batch, 1, 1, 1]``."""
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        factor = ops.cast(transformation["factor"], images.dtype)
        return self._changed(images, factor if len(factor.shape) == 4 else per_image(factor))

    def _hsv(self, images: Tensor) -> list[Tensor]:
        """Hue, saturation and value, each with an axis of one channel."""
        x = ops.image.rgb_to_hsv(rescaled(images, self.value_range, (0, 1)), data_format=self.data_format)
        return ops.split(x, 3, axis=self.channel_axis)

    def _from_hsv(self, parts: list[Tensor]) -> Tensor:
        x = ops.image.hsv_to_rgb(ops.concatenate(parts, axis=self.channel_axis), data_format=self.data_format)
        return ops.clip(rescaled(x, (0, 1), self.value_range), *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomHue(_ColorFactor):
    """Turns the hue of color images, at random while training.

    Args:
        factor: how far, from 0 (not at all) to 1 (up to half around the color circle, either way): a range to draw
        from,
            or one number ``f`` for ``(0, f)``.
        value_range: the lowest and highest value of a pixel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomHue(0.2, value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def _draw(self, batch: Any, seed: Any) -> Tensor:
        amount = super()._draw(batch, seed) * 0.5
        return ops.where(self._uniform((batch,), 0.0, 1.0, seed) > 0.5, -amount, amount)

    def _changed(self, x: Tensor, factor: Tensor) -> Tensor:
        hue, saturation, value = self._hsv(x)
        hue = hue + factor
        return self._from_hsv([hue - ops.floor(hue), saturation, value])


class RandomSaturation(_ColorFactor):
    """Makes the colors of images stronger or weaker, at random while training.

    Args:
        factor: 0 makes images gray, 0.5 leaves them, 1 saturates them fully: a range to draw from, or one number ``f``
            for ``(0, f)``.
        value_range: the lowest and highest value of a pixel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomSaturation(0.2, value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    # Keras writes one number `f` into configurations as `(-f, f)`.
    _bounds = (-1.0, 1.0)

    def _draw(self, batch: Any, seed: Any) -> Tensor:
        factor = super()._draw(batch, seed)
        return factor / ops.maximum(1.0 - factor, 1e-7)

    def _changed(self, x: Tensor, factor: Tensor) -> Tensor:
        hue, saturation, value = self._hsv(x)
        return self._from_hsv([hue, ops.clip(saturation * factor, 0.0, 1.0), value])


class RandomColorDegeneration(_ColorFactor):
    """Mixes color images with gray ones, at random while training.

    Args:
        factor: how gray, from 0 (not at all) to 1, or, down to -1, how much more colorful: a range to draw from, or one
            number ``f`` for ``(0, f)``.
        value_range: the lowest and highest value of a pixel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomColorDegeneration(0.5)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    # Keras writes one number `f` into configurations as `(-f, f)`.
    _bounds = (-1.0, 1.0)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return {"factor": per_image(self._draw(self._image_shape(data)[0], seed))} if training else None

    def _changed(self, x: Tensor, factor: Tensor) -> Tensor:
        gray = ops.image.rgb_to_grayscale(x, data_format=self.data_format)
        return ops.clip(x + (gray - x) * factor, *self.value_range)


class RandomGrayscale(ImageLayer):
    """Makes images gray, at random while training; they keep their number of channels.

    Args:
        factor: the probability.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: if the probability is not between 0 and 1.

    Example:

    >>> RandomGrayscale()(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: Any = None, **kwargs: Unpack[ImageArguments]
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if not is_number(factor) or not 0 <= factor <= 1:
            raise ValueError(
                f"RandomGrayscale: The `factor` argument should be between 0 and 1, a probability. Received: "
                f"factor={factor!r}."
            )
        self.factor = factor

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        return self._uniform((self._image_shape(data)[0], 1, 1, 1), 0.0, 1.0, seed) < self.factor

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, ops.broadcast_to(gray, images.shape), images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class RandomColorJitter(ImageLayer):
    """Changes brightness, contrast, saturation and hue, one after the other, at random while training.

    Args:
        value_range: the lowest and highest value of a pixel.
        brightness_factor: as in `RandomBrightness`; no such change if None.
        contrast_factor: as in `RandomContrast`.
        saturation_factor: as in `RandomSaturation`.
        hue_factor: as in `RandomHue`.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomColorJitter(value_range=(0, 1), brightness_factor=0.2)(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        shared = {
            "value_range": self.value_range,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
            "seed": self.generator,
        }
        self.random_brightness = self.random_contrast = self.random_saturation = self.random_hue = None
        if brightness_factor is not None:
            self.random_brightness = RandomBrightness(brightness_factor, **shared)
        if contrast_factor is not None:
            self.random_contrast = RandomContrast(contrast_factor, **shared)
        if saturation_factor is not None:
            self.random_saturation = RandomSaturation(saturation_factor, **shared)
        if hue_factor is not None:
            self.random_hue = RandomHue(hue_factor, **shared)

    @property
    def _steps(self) -> list[ImageLayer]:
        steps = (self.random_brightness, self.random_contrast, self.random_saturation, self.random_hue)
        return [layer for layer in steps if layer is not None]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        return [layer.get_random_transformation(data, training=training, seed=seed) for layer in self._steps]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        if transformation is None:
            transformation = self.get_random_transformation(images)
        for layer, numbers in zip(self._steps, transformation):
            images = layer.transform_images(images, numbers, training=training)
        return images

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
        }
