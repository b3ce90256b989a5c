"""Layers that spread the values of images evenly: histogram equalization, of whole images and of tiles."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer
from pronghorn.layers.preprocessing.images.light import rescaled


def histograms(levels: Tensor, bins: int) -> Tensor:
    """How often each level occurs in each row.

    Args:
        levels: ``int32[rows, n]``, from 0 to ``bins - 1``.
        bins: how many levels there are.

    Returns:
        ``float32[rows, bins]``.
    """
    rows, n = levels.shape
    place = levels + ops.expand_dims(ops.arange(rows, dtype="int32"), 1) * bins
    place = ops.reshape(place, (rows * n,))
    counts = ops.segment_sum(ops.ones_like(place, dtype="float32"), place, num_segments=rows * bins)
    return ops.reshape(counts, (rows, bins))


class Equalization(ImageLayer):
    """Spreads the values of each channel of each image evenly over the value range, in training and in inference.

    Args:
        value_range: the lowest and highest value of a pixel.
        bins: how many levels to tell apart.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> Equalization(value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _is_random = False

    def __init__(
        self,
        value_range: Any = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_value_range(value_range)
        if bins < 2:
            raise ValueError(f"Equalization: The `bins` argument should be at least 2. Received: bins={bins}.")
        self.bins = bins

    def _set_value_range(self, limits: Any) -> None:
        self.value_range = checked_range(self, limits)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        x = images if self.data_format == "channels_first" else ops.transpose(images, (0, 3, 1, 2))
        batch, channels, height, width = x.shape
        x = ops.reshape(x, (batch * channels, height * width))
        low, high = self.value_range
        x = ops.clip(x, low, high)
        levels = ops.cast(rescaled(x, self.value_range, (0, self.bins - 1)), "int32")
        counts = histograms(levels, self.bins)
        # The lowest level that occurs goes to the lowest value, the highest to the highest.
        total = ops.cumsum(counts, axis=1)
        first = ops.min(ops.where(total > 0, total, float(height * width)), axis=1, keepdims=True)
        share = (total - first) / ops.maximum(height * width - first, 1.0)
        table = ops.round(ops.clip(share, 0.0, 1.0) * 255)
        equalized = rescaled(ops.take_along_axis(table, levels, axis=1), (0, 255), self.value_range)
        same = ops.equal(first, float(height * width))  # one level only: nothing to spread
        x = ops.where(same, x, ops.cast(equalized, x.dtype))
        x = ops.reshape(x, (batch, channels, height, width))
        return x if self.data_format == "channels_first" else ops.transpose(x, (0, 2, 3, 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins, "value_range": self.value_range}


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Histogram equalization of each tile of an image, with limited contrast (CLAHE), in training and in inference.

    Each pixel's new value is interpolated between those that the four nearest tiles give it.

    Args:
        value_range: the lowest and highest value of a pixel.
        clip_limit: how often a level may occur in a tile, in units of the mean; what is above goes to all levels alike.
            No limit if 0 or less.
        tile_grid_size: how many tiles there are along height and width.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _is_random = False

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.clip_limit = clip_limit
        grid = tuple(tile_grid_size) if isinstance(tile_grid_size, (tuple, list)) else (tile_grid_size,)
        if len(grid) != 2 or not all(isinstance(n, int) and n > 0 for n in grid):
            raise ValueError(
                "ContrastLimitedAdaptiveHistogramEqualization: The `tile_grid_size` argument should be two positive "
                f"integers. Received: tile_grid_size={tile_grid_size!r}."
            )
        self.tile_grid_size = grid

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        x = images if self.data_format == "channels_first" else ops.transpose(images, (0, 3, 1, 2))
        batch, channels, height, width = x.shape
        levels = ops.clip(rescaled(ops.cast(x, "float32"), self.value_range, (0, 255)), 0, 255)
        levels = ops.cast(levels, "int32")
        tile = tuple(-(-n // count) for n, count in zip((height, width), self.tile_grid_size))
        tables = self._tables(ops.reshape(levels, (batch * channels, height, width)), tile)
        x = self._interpolated(ops.reshape(levels, (batch * channels, height, width)), tables, tile)
        x = rescaled(ops.reshape(x, (batch, channels, height, width)), (0, 255), self.value_range)
        x = ops.cast(x, self.compute_dtype)
        return x if self.data_format == "channels_first" else ops.transpose(x, (0, 2, 3, 1))

    def _tables(self, levels: Tensor, tile: tuple[int, int]) -> Tensor:
        """The new value of each level in each tile, ``float32[images * tiles * 256]``."""
        n, height, width = levels.shape
        (rows, columns), (high, wide) = self.tile_grid_size, tile
        missing = [[0, 0], [0, rows * high - height], [0, columns * wide - width]]
        if missing != [[0, 0]] * 3:
            levels = ops.pad(levels, missing, mode="symmetric")
        tiles = ops.reshape(levels, (n, rows, high, columns, wide))
        tiles = ops.reshape(ops.transpose(tiles, (0, 1, 3, 2, 4)), (n * rows * columns, high * wide))
        counts = histograms(tiles, 256)
        if self.clip_limit > 0:
            limit = self.clip_limit * high * wide / 256
            clipped = ops.minimum(counts, limit)
            counts = clipped + ops.sum(counts - clipped, axis=1, keepdims=True) / 256
        total = ops.cumsum(counts, axis=1)
        first, last = total[:, :1], total[:, -1:]
        span = last - first
        table = (total - first) / ops.where(span > 0, span, 1.0) * 255.0
        return ops.reshape(ops.clip(table, 0.0, 255.0), (-1,))

    def _interpolated(self, levels: Tensor, tables: Tensor, tile: tuple[int, int]) -> Tensor:
        n, height, width = levels.shape
        (y0, y1, fy), (x0, x1, fx) = (
            _neighbours(size, extent, count) for size, extent, count in zip((height, width), tile, self.tile_grid_size)
        )
        rows, columns = self.tile_grid_size
        image = ops.reshape(ops.arange(n, dtype="int32"), (n, 1, 1)) * (rows * columns)

        def value(y: np.ndarray, x: np.ndarray) -> Tensor:
            return ops.take(tables, (image + (y[:, None] * columns + x[None, :])) * 256 + levels)

        top = value(y0, x0) * (1 - fx) + value(y0, x1) * fx
        bottom = value(y1, x0) * (1 - fx) + value(y1, x1) * fx
        return top * (1 - fy[:, None]) + bottom * fy[:, None]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }


def _neighbours(size: int, extent: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each place along an axis: the tiles whose centers are before and after it, and how near the second one is."""
    place = np.arange(size) / extent - 0.5
    before = np.floor(place).astype("int32")
    share = (place - before).astype("float32")
    return np.clip(before, 0, count - 1), np.clip(before + 1, 0, count - 1), share
