"""Generators and other iterables of batches."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pronghorn.trainers.batch import Batch
from pronghorn.trainers.data_adapters.adapter import DataAdapter, to_batch


def is_generator(x: Any) -> bool:
    """Whether `x` gives batches by being iterated."""
    if isinstance(x, types.GeneratorType):
        return True
    if isinstance(x, list | tuple | dict | str | bytes | np.ndarray) or hasattr(x, "__array__") or hasattr(x, "shape"):
        return False
    return isinstance(x, Iterable) or (hasattr(x, "__iter__") and callable(x.__iter__))


class GeneratorAdapter(DataAdapter):
    """Batches from a generator, which goes on where it stopped, or from another iterable, which starts again.

    Args:
        x: the generator; it gives x, (x, y) or (x, y, sample_weight).
        class_weight: weights of classes.
        shuffle: without effect.
    """

    def __init__(self, x: Any, class_weight: dict[int, float] | None = None, shuffle: bool | str = False):
        self._source = x
        self._class_weight = class_weight
        self.restarts = not isinstance(x, Iterator)
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Any] = []
        if not self.restarts:
            self._iterator = iter(x)
            self._peek()  # an empty one is an error before anything is run
        try:
            self.num_batches: int | None = len(x)
        except TypeError:  # a generator, or a data set whose length is not known before it was read
            self.num_batches = None

    def _peek(self) -> None:
        if self._iterator is None:
            self._iterator = iter(self._source)
        if not self._peeked:
            try:
                self._peeked.append(next(self._iterator))
            except StopIteration:
                raise ValueError(
                    "The data set is empty: its generator ended before the first batch. One that was used before is "
                    "exhausted; make a new one."
                ) from None

    def first(self) -> Batch:
        self._peek()
        return to_batch(self._peeked[0], self._class_weight)

    def batches(self) -> Iterator[Batch]:
        if self._iterator is None:
            self._iterator = iter(self._source)
        while True:
            if self._peeked:
                data = self._peeked.pop()
            else:
                try:
                    data = next(self._iterator)
                except StopIteration:
                    break
            yield to_batch(data, self._class_weight)
        if self.restarts:
            self._iterator = None
