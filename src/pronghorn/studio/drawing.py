"""A drawing as an input of a model: brought to the size and the place that MNIST's digits have."""

from __future__ import annotations

import numpy as np

_INK = 20  # of 255: fainter is paper
_SHARE = 20 / 28  # of the side that MNIST's digits fill


def centred(drawing: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A drawing in the middle of an image, as MNIST's digits are: its box is scaled, its centre of mass is the middle.

    Args:
        drawing: uint8, shape `(height, width)`, ink is 255.
        shape: height and width of the result.

    Returns:
        float32 of 0 to 255; all 0 where there is no ink.

    >>> image = np.zeros((100, 100), np.uint8); image[5:45, 10:20] = 255
    >>> found = centred(image, (28, 28)); found.shape, round(float(found.max()))
    ((28, 28), 255)
    """
    height, width = shape
    result = np.zeros(shape, np.float32)
    rows, columns = (np.flatnonzero((drawing > _INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return result
    box = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    scale = min(_SHARE * height / box.shape[0], _SHARE * width / box.shape[1])
    small = resized(box, max(1, round(box.shape[0] * scale)), max(1, round(box.shape[1] * scale)))
    mass = small.sum() or 1.0
    middle = (
        small.sum(axis=1) @ np.arange(small.shape[0]) / mass,
        small.sum(axis=0) @ np.arange(small.shape[1]) / mass,
    )
    top = int(np.clip(round(height / 2 - middle[0]), 0, height - small.shape[0]))
    left = int(np.clip(round(width / 2 - middle[1]), 0, width - small.shape[1]))
    result[top : top + small.shape[0], left : left + small.shape[1]] = small
    return result


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image, shape `(h, w)`, in another size; each new pixel is the mean of the area that it covers.

    >>> resized(np.array([[0.0, 2.0], [4.0, 6.0]]), 1, 1)
    array([[3.]])
    """
    return _areas(image.shape[0], height) @ image @ _areas(image.shape[1], width).T


def _areas(old: int, new: int) -> np.ndarray:
    """For each new pixel, the share that each old one has in it."""
    edges = np.arange(new + 1) * old / new
    left, right = np.maximum(edges[:-1, None], np.arange(old)), np.minimum(edges[1:, None], np.arange(1, old + 1))
    overlap = np.clip(right - left, 0, None)
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
