"""Sliding windows over a time series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.data import formats
from pronghorn.data.batching import stacked
from pronghorn.data.dataset import Dataset
from pronghorn.data.tensor_spec import TensorSpec
from pronghorn.utils.arguments import INTEGER, check, is_integer


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
    format: str | None = None,
) -> Any:
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
        format: see `image_dataset_from_directory`.

    Returns:
        A data set of windows of shape `(batch, sequence_length, *data.shape[1:])`, or of pairs of these and targets.

    Raises:
        ValueError: for numbers that are not positive or do not fit the data.
        ImportError: if a Grain data set is asked for and Grain is not installed.

    >>> windows = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3, sequence_stride=2)
    >>> for batch, target in windows:
    ...     print(batch.tolist(), target.tolist())
    [[0, 1, 2], [2, 3, 4]] [0, 20]
    """
    name = "timeseries_dataset_from_array"
    library = formats.library(format, name)
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
    if batch_size is not None and (not is_integer(batch_size) or batch_size < 1):
        raise ValueError(f"{name}: `batch_size` must be an integer above 0, or None; got batch_size={batch_size!r}.")
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
    windows = _Windows(series, labels, np.arange(0, span, sampling_rate))
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    if library is not None and library.__name__ == "grain":
        rows = _Rows(windows, rng.permutation(starts) if shuffle else starts)
        return formats.grain_dataset(library, rows, batch_size, stacked)

    def read() -> Iterator[Any]:
        order = rng.permutation(starts) if shuffle else starts
        if batch_size is None:
            yield from (windows.at(start) for start in order)
            return
        for first in range(0, len(order), batch_size):
            yield windows.at(order[first : first + batch_size])

    found = Dataset(read, len(starts) if batch_size is None else -(-len(starts) // batch_size))
    found._spec = windows.spec if batch_size is None else formats.batches_of(windows.spec)
    return formats.of_library(library, found)


@dataclass(frozen=True)
class _Windows:
    """What belongs to the starts of windows.

    Attributes:
        series: the time series.
        labels: a target for each start, or None.
        offsets: the time steps of a window, from its start.
    """

    series: np.ndarray
    labels: np.ndarray | None
    offsets: np.ndarray

    def at(self, starts: Any) -> Any:
        """Return the windows that start there, or the one that does, with their targets."""
        found = self.series[np.asarray(starts)[..., None] + self.offsets]
        return found if self.labels is None else (found, self.labels[starts])

    @property
    def spec(self) -> Any:
        """What a window is like."""
        window = TensorSpec((len(self.offsets), *self.series.shape[1:]), self.series.dtype)
        return window if self.labels is None else (window, TensorSpec(self.labels.shape[1:], self.labels.dtype))


@dataclass(frozen=True)
class _Rows:
    """Windows by number.

    Attributes:
        windows: those of the series.
        starts: where they start.
    """

    windows: _Windows
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Any:
        return self.windows.at(self.starts[index])


def _index(name: str, argument: str, value: int | None, default: int, count: int) -> int:
    if value is None:
        return default
    if value < 0 or value > count:
        raise ValueError(
            f"{name}: `{argument}` must be one of the data's {count} steps, 0 to {count}; got {argument}={value}."
        )
    return value
