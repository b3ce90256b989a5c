"""Splitting a data set in two."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from pronghorn.data.dataset import Dataset


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split samples into a left and a right data set, such as one to train and one to test with.

    Args:
        dataset: an array, a tuple or list of arrays of one length, a `Dataset`, or anything with samples to iterate
            over.
        left_size: a fraction from 0 to 1, or a number of samples; by default what `right_size` leaves.
        right_size: the same for the other side.
        shuffle: whether to shuffle first.
        seed: of the shuffling.
        preferred_backend: accepted as in Keras.

    Returns:
        Two data sets of samples; call `.batch(...)` on them before `fit`.

    Raises:
        ValueError: if the sizes do not fit the samples.

    >>> left, right = split_dataset(np.arange(10), left_size=0.7)
    >>> len(left), len(right)
    (7, 3)
    """
    samples = _samples(dataset)
    left, right = _sizes(len(samples), left_size, right_size)
    order = list(range(len(samples)))
    if shuffle:
        # Python's generator, as Keras takes it: a seed splits samples as it does there.
        random.Random(int(np.random.randint(2**31)) if seed is None else seed).shuffle(order)
    picked = [samples[index] for index in order]
    return _as_dataset(picked[:left]), _as_dataset(picked[len(picked) - right :])


def _as_dataset(samples: list[Any]) -> Dataset:
    return Dataset(lambda: iter(samples), len(samples))


def _samples(dataset: Any) -> list[Any]:
    if isinstance(dataset, np.ndarray):
        return list(dataset)
    if isinstance(dataset, tuple | list) and dataset and all(getattr(part, "shape", ()) for part in dataset):
        lengths = {len(part) for part in dataset}
        if len(lengths) > 1:
            raise ValueError(f"split_dataset: the arrays have different lengths: {sorted(lengths)}.")
        return list(zip(*dataset))
    if hasattr(dataset, "__iter__"):
        return list(dataset)
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return [dataset[index] for index in range(len(dataset))]
    raise TypeError(f"split_dataset: cannot split {type(dataset).__name__}; pass arrays or a data set.")


def _sizes(count: int, left: float | int | None, right: float | int | None) -> tuple[int, int]:
    if count < 2:
        raise ValueError(f"split_dataset: there are {count} samples; it takes two to split.")
    if left is None and right is None:
        raise ValueError("split_dataset: pass left_size or right_size.")
    for name, size in (("left_size", left), ("right_size", right)):
        limit = 1 if isinstance(size, float) else count
        if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
            raise TypeError(f"split_dataset: {name}={size!r} must be a fraction or a number of samples.")
        if size is not None and not 0 < size < limit:
            raise ValueError(f"split_dataset: {name}={size} must be greater than 0 and less than {limit}.")
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(f"split_dataset: left_size={left} and right_size={right} are more than 1 together.")
    left_count = round(left * count) if isinstance(left, float) else left
    right_count = math.floor(right * count) if isinstance(right, float) else right
    left_count = count - int(right_count or 0) if left_count is None else left_count
    right_count = count - left_count if right_count is None else right_count
    if left_count + right_count > count or not left_count or not right_count:
        raise ValueError(f"split_dataset: {left_count} and {right_count} samples do not fit into {count}.")
    return int(left_count), int(right_count)
