"""The colors of a JPEG spread smoothly after the quick inverse transform, which Pillow does not do together.

Most files keep colors at half the size. The quick transform comes with plain spreading in Pillow: each color stands two
or four times. Every second one is therefore what the file has, and is spread here in the whole numbers of libjpeg
(its "fancy upsampling"): three parts of the nearest color and one part of the next.
"""

from __future__ import annotations

import numpy as np

#: Shares of the colors in 65536ths: of red by Cr, of blue by Cb, of green by both. From JFIF, 1992.
_RED, _BLUE, _GREEN_CB, _GREEN_CR = 91881, 116130, -22554, -46802


def _near(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """For each element the one before and the one behind; at the ends, itself."""
    first, last = x.take([0], axis), x.take([-1], axis)
    count = x.shape[axis]
    before = np.concatenate([first, x.take(range(count - 1), axis)], axis)
    return before, np.concatenate([x.take(range(1, count), axis), last], axis)


def _woven(even: np.ndarray, odd: np.ndarray, axis: int) -> np.ndarray:
    shape = list(even.shape)
    shape[axis] *= 2
    return np.stack([even, odd], axis + 1).reshape(shape)


def spread(color: np.ndarray, across: int, down: int) -> np.ndarray:
    """A color channel at twice the size along the axes where a factor is 2.

    >>> spread(np.array([[0, 4, 4]]), 2, 1).tolist()
    [[0, 1, 3, 4, 4, 4]]
    """
    x = color.astype("int32")
    if x.shape[1] <= 2:  # so narrow a channel libjpeg spreads plainly
        return x.repeat(down, 0).repeat(across, 1)
    if down == 2:
        above, below = _near(x, 0)
        x = _woven(3 * x + above, 3 * x + below, 0)
    before, behind = _near(x, 1)
    if down == 1:
        return _woven(3 * x + before + 1 >> 2, 3 * x + behind + 2 >> 2, 1)
    return _woven(3 * x + before + 8 >> 4, 3 * x + behind + 7 >> 4, 1)


def to_rgb(luminance: np.ndarray, blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """Bytes of red, green and blue.

    >>> to_rgb(*(np.array([[x]]) for x in (100, 128, 228))).tolist()
    [[[240, 29, 100]]]
    """
    y, cb, cr = luminance.astype("int32"), blue - 128, red - 128
    parts = (
        y + (_RED * cr + 32768 >> 16),
        y + (_GREEN_CB * cb + _GREEN_CR * cr + 32768 >> 16),
        y + (_BLUE * cb + 32768 >> 16),
    )
    return np.stack(parts, axis=-1).clip(0, 255).astype("uint8")


def with_smooth_colors(pixels: np.ndarray, across: int, down: int) -> np.ndarray:
    """The colored picture of one whose colors are spread plainly.

    Args:
        pixels: luminance, blue and red (YCbCr) `[height, width, 3]`, bytes.
        across: how many columns have one color: 2.
        down: how many rows have one color: 1 or 2.
    """
    height, width = pixels.shape[:2]
    blue, red = (spread(pixels[::down, ::across, part], across, down)[:height, :width] for part in (1, 2))
    return to_rgb(pixels[..., 0], blue, red)
