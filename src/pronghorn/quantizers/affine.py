"""Integers from 0 upwards with a scale and a zero: a float is about ``(integer - zero) * scale``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: The largest zero that its variable, one byte, can hold.
_LARGEST_ZERO = 255


@dataclass(frozen=True)
class Grid:
    """Which integers there are, and how scales and zeros are found.

    Attributes:
        bits: of an integer.
        symmetric: whether the zero is in the middle of the integers.
        per_row: whether each row has a scale and a zero of its own.
    """

    bits: int
    symmetric: bool = False
    per_row: bool = True

    @property
    def largest(self) -> int:
        """The largest integer; the smallest is 0."""
        return 2**self.bits - 1

    def fitted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scales and zeros for the rows of a matrix, as columns.

        The lowest number stands for 0, the highest for the largest integer. As in Keras, no zero is negative, so rows
        with nothing but positive numbers lose their largest: take rows that have both.

        >>> scale, zero = Grid(bits=2).fitted(np.array([[-1.0, 2.0, 0.5]], "float32"))
        >>> scale.tolist(), zero.tolist()
        ([[1.0]], [[1.0]])
        """
        axis = 1 if self.per_row else None
        low, high = weights.min(axis=axis, keepdims=True), weights.max(axis=axis, keepdims=True)
        if self.symmetric:
            high = np.maximum(np.abs(low), high)
            low = np.where(low < 0, -high, low)
        same = low == high  # no extent to be a multiple of
        low, high = np.where(same, low - 1, low), np.where(same, high + 1, high)
        scale = ((high - low) / np.float32(self.largest)).astype(np.float32)
        middle = np.full_like(scale, (self.largest + 1) // 2)
        zero = middle if self.symmetric else np.clip(np.round(-low / scale), 0, _LARGEST_ZERO).astype(np.float32)
        rows = (len(weights), 1)
        return np.broadcast_to(scale, rows), np.broadcast_to(zero, rows)

    def integers(self, weights: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
        """The nearest integers, as floats.

        >>> Grid(bits=2).integers(np.array([-1.0, 0.4, 9.0]), 1.0, 1.0).tolist()
        [0.0, 1.0, 3.0]
        """
        return np.clip(np.round(weights / scale) + zero, 0, self.largest)


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix ``[outputs, inputs]`` in few bits.

    Attributes:
        integers: ``[outputs, inputs]``.
        scale: ``[outputs, groups]``.
        zero: ``[outputs, groups]``.
        groups: of which group an input is.
        inputs_scale: what inputs were multiplied by before they became integers, or None.
    """

    integers: np.ndarray
    scale: np.ndarray
    zero: np.ndarray
    groups: np.ndarray
    inputs_scale: np.ndarray | None = None

    def floats(self) -> Any:
        """The floats that it stands for."""
        found = (self.integers - self.zero[:, self.groups]) * self.scale[:, self.groups]
        return found if self.inputs_scale is None else found / self.inputs_scale


def nearest(weights: np.ndarray, grid: Grid, group_size: int = -1) -> QuantizedMatrix:
    """A matrix in few bits, each number for itself.

    Args:
        weights: ``[outputs, inputs]``.
        grid: which integers there are.
        group_size: how many inputs share a scale and a zero, -1 for all; zeros fill up the last group.

    >>> nearest(np.array([[-1.0, 0.4, 2.0]], "float32"), Grid(bits=2)).floats().tolist()
    [[-1.0, 0.0, 2.0]]
    """
    columns = weights.shape[1]
    size = columns if group_size == -1 else min(group_size, columns)
    full = np.pad(weights, ((0, 0), (0, -columns % size)))
    scales, zeros = zip(*(grid.fitted(full[:, start : start + size]) for start in range(0, columns, size)))
    scale, zero, groups = np.concatenate(scales, axis=1), np.concatenate(zeros, axis=1), np.arange(columns) // size
    integers = grid.integers(weights, scale[:, groups], zero[:, groups]).astype(np.uint8)
    return QuantizedMatrix(integers, scale, zero, groups)
