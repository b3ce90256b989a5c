"""`utils.PyDataset`: batches by number, read ahead by workers."""

from __future__ import annotations

import collections
import itertools
import random
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import numpy as np

from pronghorn.calls.batch import Batch
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.trainers.data_adapters import draws
from pronghorn.trainers.data_adapters.adapter import DataAdapter, to_batch


def is_py_dataset(x: Any) -> bool:
    """Whether `x` is a `PyDataset`; by name, so that its module need not be loaded."""
    return any(c.__name__ in ("PyDataset", "Sequence") and "utils" in defined_in(c) for c in type(x).__mro__)


class PyDatasetAdapter(DataAdapter):
    """Batches from a `PyDataset`.

    Args:
        x: the data set.
        class_weight: weights of classes.
        shuffle: whether each epoch has its batches in another order.
    """

    def __init__(self, x: Any, class_weight: dict[int, float] | None = None, shuffle: bool | str = False):
        self._dataset = x
        self._class_weight = class_weight
        self._shuffle = bool(shuffle)
        self.num_batches = self._length()
        self._reading: Any = None

    def share(self, reading: Any) -> None:
        """Have processes make batches in turns, so that each is made once, and give each other their rows.

        Where batches are drawn at random, or are strings, each process goes on to make all of them.
        """
        first: list[Batch] = []
        before = draws.Draws.now(self._dataset)
        if draws.is_drawn(self._dataset, lambda: first.append(self.first())):
            before.restore(self._dataset)  # as if the batch had not been made
            draws.warn_of_draws(type(self._dataset).__name__)
            return
        (batch,) = first
        reading.check_first(batch)
        if reading.is_rows(batch):
            self._reading = reading

    def _length(self) -> int | None:
        length = getattr(self._dataset, "num_batches", None)
        if length is None:
            try:
                length = len(self._dataset)
            except (TypeError, NotImplementedError):
                return None
        if callable(length):
            length = length()
        if length is None or length == np.inf:
            return None
        if length == 0:
            raise ValueError(f"The data set is empty: {type(self._dataset).__name__} has 0 batches.")
        return int(length)

    def first(self) -> Batch:
        return to_batch(self._dataset[0], self._class_weight)

    def skip_first(self) -> None:
        if self._shuffle and self.num_batches is not None:
            next(self._order())

    def _order(self) -> Iterator[int]:
        if self.num_batches is None:
            number = 0
            while True:
                yield number
                number += 1
        elif self._shuffle:
            order = list(range(self.num_batches))
            random.shuffle(order)  # from Python's generator, as in Keras
            yield from order
        else:
            yield from range(self.num_batches)

    def batches(self) -> Iterator[Batch]:
        workers = getattr(self._dataset, "workers", 1) or 1
        parallel = workers > 1 or getattr(self._dataset, "use_multiprocessing", False)
        order, reading = self._order(), self._reading
        if reading is not None:
            order = itertools.islice(order, reading.rank, None, reading.count)
        source = self._read_ahead(workers, order) if parallel else (self._dataset[i] for i in order)
        batches = (to_batch(data, self._class_weight) for data in source)
        yield from batches if reading is None else reading.in_turns(batches)

    def _read_ahead(self, workers: int, order: Iterator[int]) -> Iterator[Any]:
        """Batches in an order, up to `max_queue_size` of them made beforehand."""
        processes = getattr(self._dataset, "use_multiprocessing", False)
        depth = max(getattr(self._dataset, "max_queue_size", 10) or 10, workers)
        pool: futures.Executor
        if processes:
            pool = futures.ProcessPoolExecutor(workers, initializer=_keep, initargs=(self._dataset,))
        else:
            pool = futures.ThreadPoolExecutor(workers, initializer=None)
        queue: collections.deque[futures.Future] = collections.deque()
        try:
            for number in order:
                queue.append(pool.submit(_get_kept, number) if processes else pool.submit(self._get, number))
                if len(queue) >= depth:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        finally:
            for future in queue:
                future.cancel()
            pool.shutdown(wait=False, cancel_futures=True)

    def _get(self, number: int) -> Any:
        return self._dataset[number]

    def on_epoch_begin(self) -> None:
        begin = getattr(self._dataset, "on_epoch_begin", None)
        if begin is not None:
            begin()

    def on_epoch_end(self) -> None:
        end = getattr(self._dataset, "on_epoch_end", None)
        if end is not None:
            end()
        self.num_batches = self._length()


_kept: Any = None


def _keep(dataset: Any) -> None:
    """In a worker process: hold on to the data set, so that it is sent once."""
    global _kept
    _kept = dataset


def _get_kept(number: int) -> Any:
    return _kept[number]
