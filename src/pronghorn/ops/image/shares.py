"""Interpolations that Keras has from TensorFlow alone, as matrices: how much each pixel counts for each new one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _gaussian(x: np.ndarray) -> np.ndarray:
    """Of radius 1.5 and a standard deviation of a third of that."""
    return np.where(x < 1.5, np.exp(-2 * x * x), 0)


def _mitchell(x: np.ndarray) -> np.ndarray:
    """The filter of Mitchell and Netravali (1988) with B = C = 1/3."""
    inner = ((7 * x - 12) * x * x + 16 / 3) / 6
    outer = (((-7 / 3 * x + 12) * x - 20) * x + 32 / 3) / 6
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


#: Kernels, of distances in pixels.
_KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"gaussian": _gaussian, "mitchellcubic": _mitchell}

METHODS = ("area", *_KERNELS)


def shares(method: str, extent: int, wanted: int, antialias: bool) -> np.ndarray:
    """How much of each of `extent` pixels goes into each of `wanted` ones: a matrix, whose rows add up to 1.

    >>> shares("area", 3, 2, False).round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    """
    scale = extent / wanted
    old, new = np.arange(extent), np.arange(wanted)[:, None]
    if method == "area":
        weights = np.minimum(old + 1, (new + 1) * scale) - np.maximum(old, new * scale)
        weights = np.maximum(weights, 0)
    else:
        reach = max(scale, 1.0) if antialias else 1.0
        weights = _KERNELS[method](np.abs(old + 0.5 - (new + 0.5) * scale) / reach)
    return weights / weights.sum(axis=1, keepdims=True)
