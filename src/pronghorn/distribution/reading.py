"""What each of several processes reads of data that all are given, and how they give each other rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn.calls.batch import Batch, OwnRows
from pronghorn.distribution.agreement import check_same, facts_of_data
from pronghorn.distribution.communicator import Communicator
from pronghorn.engine.graph.layout import Layout


class SharedBatch(Batch):
    """A batch of which this process has its rows alone; what is said of its size holds for the whole.

    Args:
        layout: the structure.
        arrays: the flat arrays: this process's rows.
        total: rows of the batch.
        reading: how the processes share it.
    """

    __slots__ = ("_reading", "total")
    is_share = True

    def __init__(self, layout: Layout, arrays: list[np.ndarray], total: int, reading: Reading):
        super().__init__(layout, arrays)
        self.total, self._reading = total, reading

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.total

    @property
    def extents(self) -> tuple[tuple[int, ...], ...]:
        """The first extents of the batch's arrays."""
        return ((self.total,),) * len(self.arrays)

    @property
    def common_size(self) -> int:
        """The number of samples that all arrays have."""
        return self.total

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the batch's arrays."""
        return [(self.total, *a.shape[1:]) for a in self.arrays]

    def arguments(self) -> list[Any]:
        """This process's rows, as a step takes them that is shared."""
        start = self._reading.own(self.total).start
        return [OwnRows(a, start, self.total) for a in self.arrays]

    def whole(self) -> Batch:
        """The batch with the rows of all processes, on each; all have to ask."""
        return Batch(self.layout, self._reading.gathered(self.arrays, self.total), None, self.key)

    def gather(self) -> list[np.ndarray]:
        """The batch's arrays, with all rows; all processes have to ask."""
        return self.whole().arrays

    def part(self, start: int, stop: int) -> Batch:
        """Some of the samples; all processes have to ask."""
        return self.whole().part(start, stop)

    def kept(self) -> Batch:
        """The same batch, for use after the next one was asked for."""
        return SharedBatch(self.layout, [a.copy() for a in self.arrays], self.total, self._reading)


class Reading:
    """How processes read batches together: each makes a share, so that what they make together is every batch once.

    Args:
        communicator: the processes.
        edges: gives, for a number of rows, the first that each process computes, and the end.
    """

    def __init__(self, communicator: Communicator, edges: Callable[[int], list[int]]):
        self._communicator, self.edges = communicator, edges
        self.count, self.rank = communicator.count, communicator.rank

    def own(self, total: int) -> range:
        """The numbers of the rows of a batch that this process computes."""
        edges = self.edges(total)
        return range(edges[self.rank], edges[self.rank + 1])

    def share(self, batch: Batch, total: int) -> Batch:
        """A batch of which this process has made its rows alone.

        Args:
            batch: with those rows.
            total: rows of the whole.
        """
        return SharedBatch(batch.layout, batch.arrays, total, self)

    def gathered(self, arrays: Sequence[np.ndarray], total: int) -> list[np.ndarray]:
        """The rows of all processes."""
        edges = self.edges(total)
        counts = [stop - start for start, stop in itertools.pairwise(edges)]
        return [self._communicator.rows(np.ascontiguousarray(array), counts) for array in arrays]

    def check_first(self, batch: Batch) -> None:
        """See that all processes were given the same data.

        Raises:
            ProcessesDiffer: on every process, if they were not.
        """
        check_same(self._communicator, "reading data", facts_of_data([batch.arrays[i] for i in batch.numbers]))

    @staticmethod
    def is_rows(batch: Batch) -> bool:
        """Whether a batch is arrays of numbers with a row for each sample, which processes can share."""
        return not batch.texts and batch.common_size is not None and all(a.ndim for a in batch.arrays)

    def in_turns(self, own: Iterator[Batch]) -> Iterator[Batch]:
        """Batches of which each process makes every so many-th; each is given its rows of all.

        Args:
            own: those that this process makes: the batches with its number, its number and `count`, and so on.

        Raises:
            RuntimeError: on the other processes, where one cannot make a batch.
        """
        while True:
            batch, error = None, None
            try:
                batch = next(own, None)
            except Exception as raised:
                error = raised
            made = self._communicator.everyones(_description(batch, error))
            if error is not None:
                raise error
            for rank, found in enumerate(made):
                if isinstance(found, str):
                    raise RuntimeError(f"Process {rank} could not make its batch: {found}")
            yield from self._dealt(batch, [found for found in made if found is not None])
            if None in made:
                return

    def _dealt(self, batch: Batch | None, made: Sequence[Any]) -> Iterator[Batch]:
        """This process's rows of the batches that were made, in their order."""
        totals = [_rows(arrays) for _, arrays in made]
        places: list[list[np.ndarray]] = [[] for _ in made]
        for i in range(max((len(arrays) for _, arrays in made), default=0)):
            kinds = [arrays[i] if i < len(arrays) else None for _, arrays in made]
            for place, array in zip(places, self._column(batch, i, kinds, totals)):
                if array is not None:
                    place.append(array)
        for (structure, _), arrays, total in zip(made, places, totals):
            yield self.share(Batch(Layout(structure), arrays), total)

    def _column(
        self, batch: Batch | None, i: int, kinds: Sequence[Any], totals: Sequence[int]
    ) -> Iterator[np.ndarray | None]:
        """This process's rows of array `i` of every batch."""
        shapes = [None if kind is None else (len(self.own(total)), *kind[1][1:]) for kind, total in zip(kinds, totals)]
        counts = [0 if kind is None else int(np.prod(shape)) * kind[0].itemsize for kind, shape in zip(kinds, shapes)]
        sent, edges = np.empty((0, 1), np.uint8), [0] * (self.count + 1)
        if batch is not None and i < len(batch.arrays):
            array = np.ascontiguousarray(batch.arrays[i])
            edges = self.edges(len(array))
            sent = array.reshape(-1).view(np.uint8).reshape(len(array), -1) if array.size else sent
            edges = edges if array.size else [0] * (self.count + 1)
        counts += [0] * (self.count - len(counts))
        got = self._communicator.rows_in_turns(sent, edges, counts)
        for kind, shape, part in zip(kinds, shapes, got):
            yield None if kind is None else part.view(kind[0]).reshape(shape)


def _description(batch: Batch | None, error: Exception | None) -> Any:
    """What a process tells of its batch: structure, types and shapes; or what went wrong."""
    if error is not None:
        return f"{type(error).__name__}: {error}"
    if batch is None:
        return None
    if not Reading.is_rows(batch):
        sizes = ", ".join(f"{a.dtype}{list(a.shape)}" for a in batch.arrays)
        return (
            f"its arrays ({sizes}) are not rows of numbers of one batch, which processes could give each other. With "
            "DataParallel(auto_shard_dataset=False) each reads a share of its own"
        )
    return batch.layout.structure, [(a.dtype, a.shape) for a in batch.arrays]


def _rows(arrays: Sequence[tuple[np.dtype, tuple[int, ...]]]) -> int:
    return arrays[0][1][0] if arrays else 0
