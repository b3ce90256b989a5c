"""The colors of a JPEG spread smoothly after the quick inverse transform, which Pillow does not do together.

Most files keep colors at half the size. The quick transform comes with plain spreading in Pillow: each color stands two
or four times. Every second one is therefore what the file has, and is spread here in the whole numbers of libjpeg
(its "fancy upsampling"): three parts of the nearest color and one part of the next.
"""

from __future__ import annotations

import numpy as np

_COLORS = np.arange(256, dtype="int32") - 128
#: What the colors add, in JFIF's shares (1992) of 65536ths: to red by Cr, to blue by Cb, to green by both.
_RED, _BLUE = ((share * _COLORS + 32768 >> 16).astype("int16") for share in (91881, 116130))
_GREEN_CB, _GREEN_CR = -22554 * _COLORS, -46802 * _COLORS + 32768


def _spread_rows(x: np.ndarray) -> np.ndarray:
    """Twice as many rows, each of three parts of the nearest and one part of the next; at the ends, all of it."""
    found = np.repeat(3 * x, 2, axis=0)
    found[2::2] += x[:-1]
    found[0] += x[0]
    found[1:-1:2] += x[1:]
    found[-1] += x[-1]
    return found


def spread(color: np.ndarray, across: int, down: int) -> np.ndarray:
    """A color channel of bytes at twice the size along the axes where a factor is 2.

    >>> spread(np.array([[0, 4, 4]], "uint8"), 2, 1).tolist()
    [[0, 1, 3, 4, 4, 4]]
    """
    if color.shape[1] <= 2:  # so narrow a channel libjpeg spreads plainly
        return color.repeat(down, 0).repeat(across, 1)
    x = color.astype("int16")
    x = _spread_rows(_spread_rows(x).T if down == 2 else x.T)
    rounding, bits = ((8, 7), 4) if down == 2 else ((1, 2), 2)
    x[::2] += rounding[0]
    x[1::2] += rounding[1]
    return np.ascontiguousarray((x >> bits).astype("uint8").T)


def to_rgb(luminance: np.ndarray, blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """Bytes of red, green and blue, of bytes.

    >>> to_rgb(*(np.array([[x]], "uint8") for x in (100, 128, 228))).tolist()
    [[[240, 29, 100]]]
    """
    found = np.empty((*luminance.shape, 3), "uint8")
    y = luminance.astype("int16")
    green = (_GREEN_CB.take(blue) + _GREEN_CR.take(red) >> 16).astype("int16")
    for part, added in enumerate((_RED.take(red), green, _BLUE.take(blue))):
        added += y
        np.maximum(added, 0, out=added)
        found[..., part] = np.minimum(added, 255, out=added)
    return found


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
