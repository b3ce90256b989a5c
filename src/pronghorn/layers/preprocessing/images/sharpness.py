"""Layers that make images sharper or blur them."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer, per_image

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], "float32") / 13


class RandomSharpness(ImageLayer):
    """Blurs images or makes them sharper, at random while training.

    Args:
        factor: 0 blurs, 0.5 leaves images as they are, 1 sharpens: a range to draw from, or one number ``f`` for
            ``(0, f)``.
        value_range: the lowest and highest value of a pixel; results are clipped to it.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomSharpness(0.2, value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
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
        self.factor = factor_range(self, "factor", factor, (0, 1))

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return {"factor": self._uniform((self._image_shape(data)[0],), *self.factor, seed)} if training else None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        weight = per_image(ops.cast(transformation["factor"], images.dtype)) * 2
        smooth = self._smooth(images)
        return ops.clip(smooth + (images - smooth) * weight, *self.value_range)

    def _smooth(self, images: Any) -> Any:
        """Images blurred a little; outside of them is zero."""
        channels = images.shape[self.channel_axis]
        kernel = ops.cast(np.tile(_SMOOTH[:, :, None, None], (1, 1, channels, 1)), images.dtype)
        return ops.depthwise_conv(images, kernel, 1, padding="same", data_format=self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomGaussianBlur(ImageLayer):
    """Blurs images with a bell curve, at random while training.

    Args:
        factor: the probability, or the range that each image's is drawn from; one number ``f`` stands for ``(0, f)``.
        kernel_size: the extent of the filter, or its extents along height and width; odd.
        sigma: its standard deviation in pixels: a range to draw from, or one number ``s`` for ``(0, s)``.
        value_range: the lowest and highest value of a pixel; results are clipped to it.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        seed: makes the random numbers the same at every run.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandomGaussianBlur()(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        self.kernel_size = self._odd_sizes(kernel_size)
        self.sigma = factor_range(self, "sigma", sigma, (0, float("inf")))
        self.value_range = checked_range(self, value_range)

    def _odd_sizes(self, size: Any) -> tuple[int, int]:
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
        if len(sizes) != 2 or not all(isinstance(s, int) and s > 0 and s % 2 for s in sizes):
            raise ValueError(
                f"RandomGaussianBlur: `kernel_size` should be an odd positive integer, or a list of two. Received: "
                f"kernel_size={size!r}."
            )
        return sizes  # type: ignore[return-value]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        return {
            "should_apply_blur": self._chosen(self._image_shape(data)[0], self.factor, seed),
            "blur_factor": self._uniform((2,), *self.sigma, seed),
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        # The filter is undefined at a standard deviation of zero, where it does nothing.
        sigma = ops.maximum(ops.cast(transformation["blur_factor"], images.dtype), 1e-3)
        blurred = ops.image.gaussian_blur(images, self.kernel_size, sigma, data_format=self.data_format)
        images = ops.where(per_image(transformation["should_apply_blur"]), blurred, images)
        return ops.clip(images, *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "kernel_size": self.kernel_size,
            "sigma": self.sigma,
            "value_range": self.value_range,
        }
