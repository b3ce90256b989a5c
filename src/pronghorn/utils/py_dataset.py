"""The base class of data sets that compute their batches in Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base class of a data set of batches, which `fit` can compute in parallel.

    A subclass writes `__getitem__(index)`, which returns a whole batch, and `__len__()`, the number of batches. Several
    processes that train together (`distribution.DataParallel`) ask for batches in turns, so that each is made once.

    Args:
        workers: how many workers compute batches ahead.
        use_multiprocessing: whether they are processes instead of threads.
        max_queue_size: how many batches they may be ahead.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return [index], [index * index]
    >>> Squares(workers=2).num_batches
    2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    def _setting(self, name: str, default: Any) -> Any:
        # A subclass that forgets to call super().__init__ gets the defaults.
        return getattr(self, name, default)

    @property
    def workers(self) -> int:
        """How many workers compute batches ahead."""
        return self._setting("_workers", 1)

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether the workers are processes."""
        return self._setting("_use_multiprocessing", False)

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """How many batches the workers may be ahead."""
        return self._setting("_max_queue_size", 10)

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None for a data set without end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__} must have a __len__ method, or the property num_batches.")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must have a __getitem__ method that returns a batch.")

    def __iter__(self) -> Iterator[Any]:
        """The batches in their order; without end where their number is not known."""
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called at the start of each epoch."""

    def on_epoch_end(self) -> None:
        """Called at the end of each epoch."""
