"""Sliding windows over a time series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn.data.dataset import Dataset
from pronghorn.utils.arguments import INTEGER, check
from pronghorn.utils.directory import check_format


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return a data set of windows over a time series.

    Args:
        data: an array whose axis 0 is the time.
        targets: `targets[i]` belongs to the window that starts at `i`; None for windows alone.
        sequence_length: time steps in a window.
        sequence_stride: time steps between the starts of two windows.
        sampling_rate: time steps between two entries of a window.
        batch_size: windows in a batch; None for windows one by one.
        shuffle: whether to shuffle the windows.
        seed: of the shuffling.
        start_index, end_index: use only the time steps between.
        format: accepted as in Keras; the result is a `pronghorn.data.Dataset` either way.

    Returns:
        A data set of windows of shape `(batch, sequence_length, *data.shape[1:])`, or of pairs of these and targets.

    Raises:
        ValueError: for numbers that are not positive or do not fit the data.

    >>> windows = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3, sequence_stride=2)
    >>> for batch, target in windows:
    ...     print(batch.tolist(), target.tolist())
    [[0, 1, 2], [2, 3, 4]] [0, 20]
    """
    name = "timeseries_dataset_from_array"
    check_format(format, name)
    series = np.asarray(data)
    count = len(series)
    for argument, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        check(name, argument, value, INTEGER)
        if value < 1 or value >= count + (argument == "sequence_length"):
            raise ValueError(
                f"{name}: `{argument}` must be at least 1 and less than the {count} steps of the data; got "
                f"{argument}={value}."
            )
    start = _index(name, "start_index", start_index, 0, count)
    end = _index(name, "end_index", end_index, count, count)
    if end <= start:
        raise ValueError(
            f"{name}: `end_index` must be greater than `start_index`; got end_index={end}, start_index={start}."
        )
    span = sequence_length * sampling_rate
    limit = end - span + sampling_rate
    if targets is not None:
        limit = min(limit, len(targets))
    starts = np.arange(start, max(limit, start), sequence_stride)
    labels = None if targets is None else np.asarray(targets)
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    offsets = np.arange(0, span, sampling_rate)

    def read() -> Iterator[Any]:
        order = rng.permutation(starts) if shuffle else starts
        for chunk in np.array_split(order, range(batch_size or 1, len(order), batch_size or 1)):
            if not len(chunk):
                return
            windows = series[chunk[:, None] + offsets]
            batch: Any = windows if labels is None else (windows, labels[chunk])
            if batch_size is None:
                batch = windows[0] if labels is None else (windows[0], labels[chunk[0]])
            yield batch

    return Dataset(read, len(starts) if batch_size is None else -(-len(starts) // batch_size))


def _index(name: str, argument: str, value: int | None, default: int, count: int) -> int:
    if value is None:
        return default
    if value < 0 or value > count:
        raise ValueError(
            f"{name}: `{argument}` must be one of the data's {count} steps, 0 to {count}; got {argument}={value}."
        )
    return value
