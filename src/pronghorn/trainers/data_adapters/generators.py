"""Generators and other iterables of batches."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pronghorn.calls.batch import Batch
from pronghorn.trainers.data_adapters import draws
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
        self._is_read = False  # whether a pass has begun that has not come to the end
        self._reading: Any = None
        self._way: Any = None  # from elements that are not made to batches
        self._made: Iterator[Batch] | None = None
        if not self.restarts:
            self._iterator = iter(x)
            self._peek()  # an empty one is an error before anything is run
        try:
            self.num_batches: int | None = len(x)
        except TypeError:  # a generator, or a data set whose length is not known before it was read
            self.num_batches = None

    def share(self, reading: Any) -> None:
        """Have each process make its rows of the batches alone, or whole batches in turns, of a `data.Dataset`."""
        if hasattr(self._source, "lazily"):
            self._reading = reading

    def _begun(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = iter(self._source) if self._reading is None else self._source.lazily()
        return self._iterator

    def _peek(self) -> None:
        if not self._peeked:
            try:
                self._peeked.append(next(self._begun()))
            except StopIteration:
                raise ValueError(
                    "The data set is empty: its generator ended before the first batch. One that was used before is "
                    "exhausted; make a new one."
                ) from None

    def first(self) -> Batch:
        self._peek()
        if self._reading is None:
            return to_batch(self._peeked[0], self._class_weight)
        if self._way is None:
            self._look()
        return to_batch(self._peeked[0].value(), self._class_weight)

    def at_hand(self) -> Batch | None:
        return self.first() if self._peeked and self._reading is None else None

    def _look(self) -> None:
        """Decide how processes make batches: their rows of each, whole ones in turns, or all of them."""
        first, batches = self._peeked[0], []
        if draws.is_drawn(None, lambda: batches.append(to_batch(first.value(), self._class_weight))):
            draws.warn_of_draws("data set")
            self._way = self._all
            return
        self._reading.check_first(batches[0])
        if first.is_made or not self._reading.is_rows(batches[0]):
            self._way = self._all
        else:
            self._way = self._own_rows if hasattr(first, "rows") else self._every_other

    def _elements(self) -> Iterator[Any]:
        """All elements, that which was looked at first."""
        iterator, self._is_read = self._begun(), True
        while self._peeked:
            yield self._peeked.pop()
        yield from iterator

    def batches(self) -> Iterator[Batch]:
        if self._reading is None:
            for data in self._elements():
                yield to_batch(data, self._class_weight)
        else:
            yield from self._shared_batches()
        if self.restarts:
            self._iterator, self._is_read = None, False

    def restart(self) -> None:
        if self.restarts and self._is_read:
            self._iterator, self._made, self._is_read = None, None, False
            self._peeked.clear()

    def _shared_batches(self) -> Iterator[Batch]:
        """The batches, of which this process makes what its share needs."""
        if self._way is None:
            self.first()
        if self._made is None:
            made = self._source.ahead(self._way(self._elements()))
            self._made = self._reading.in_turns(made) if self._way == self._every_other else made
        for batch in self._made:  # noqa: UP028 - it goes on where a pass ended early, what was read ahead included
            yield batch
        self._made = None

    def _all(self, elements: Iterator[Any]) -> Iterator[Batch]:
        return (to_batch(each.value(), self._class_weight) for each in elements)

    def _own_rows(self, elements: Iterator[Any]) -> Iterator[Batch]:
        for each in elements:
            if hasattr(each, "rows"):
                rows = each.rows(self._reading.own(len(each)))
                yield self._reading.share(to_batch(rows, self._class_weight), len(each))
            else:
                yield to_batch(each.value(), self._class_weight)

    def _every_other(self, elements: Iterator[Any]) -> Iterator[Batch]:
        own = itertools.islice(elements, self._reading.rank, None, self._reading.count)
        return (to_batch(each.value(), self._class_weight) for each in own)
