"""Weights as pictures, and pictures as PNG files, for `TensorBoard`."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def pictures_of(weight: np.ndarray, most: int = 3) -> list[np.ndarray]:
    """Grey pictures of a weight: its smallest value black, its largest white.

    Args:
        weight: an array; axes of extent one do not count. A vector is one row; a matrix one picture, lying on its side
            if it is higher than wide; of an array with more axes, such as a convolution's kernel, each slice along the
            first two is one.
        most: how many pictures at most.

    Returns:
        uint8 arrays of shape `(height, width)`; none for an empty weight.

    >>> [picture.shape for picture in pictures_of(np.zeros((3, 3, 1, 8)))]
    [(3, 3), (3, 3), (3, 3)]
    >>> pictures_of(np.array([0.0, 0.5, 1.0]))[0].tolist()
    [[0, 127, 255]]
    """
    values = np.nan_to_num(np.asarray(weight, "float64"), posinf=0.0, neginf=0.0).squeeze()
    if values.size == 0:
        return []
    values = values - values.min()
    grey = (values * (255.0 / (values.max() or 1.0))).astype("uint8")
    if grey.ndim < 2:
        return [grey.reshape(1, -1)]
    if grey.ndim == 2:
        return [grey.T if grey.shape[0] > grey.shape[1] else grey]
    slices = grey.reshape(*grey.shape[:2], -1)
    return [slices[..., i] for i in range(min(most, slices.shape[-1]))]


def png(picture: np.ndarray) -> bytes:
    """Return a grey picture, uint8 of shape `(height, width)`, as the content of a PNG file.

    >>> png(np.zeros((2, 2), "uint8"))[:4]
    b'\\x89PNG'
    """
    height, width = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(picture))  # each begins with "no filter"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
