"""What a data set's elements consist of: NumPy arrays that also answer as tensors do."""

from __future__ import annotations

from typing import Any

import numpy as np


class Array(np.ndarray):
    """A NumPy array with a method `numpy`, which scripts for TensorFlow call on what they read from a data set.

    Its entries have it too: numbers stay arrays, without axes, which print, compare, index and hash as numbers do.

    >>> images = as_element(np.ones((2, 3)))
    >>> images[0].numpy()
    array([1., 1., 1.])
    >>> images[0][1].numpy()
    np.float64(1.0)
    """

    def numpy(self) -> Any:
        """Return a plain NumPy array, or a NumPy number for an array without axes."""
        return self.view(np.ndarray)[()]

    def __getitem__(self, key: Any) -> Any:
        return as_element(super().__getitem__(key))

    def __hash__(self) -> int:  # type: ignore[override]
        if self.ndim:
            raise TypeError(f"an array of shape {self.shape} is not hashable; convert it with tuple(x.tolist())")
        return hash(self.item())


def as_element(value: Any) -> Any:
    """Return an array or a NumPy number as an `Array` without a copy; anything else, such as a string, as it is."""
    if isinstance(value, Array | str | bytes):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).view(Array)
    return value


def as_plain(value: Any) -> Any:
    """Return an `Array` as the plain array or number that it holds; anything else as it is."""
    return value.numpy() if isinstance(value, Array) else value
