"""What processes tell each other: sums, rows, and whether they agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.distribution.pieces import TreeSum
from pronghorn.distribution.watch import waiting
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.placement.processes import Processes


class Communicator:
    """The processes of a run, as those see them that compute a step together.

    Args:
        processes: the processes.
    """

    def __init__(self, processes: Processes):
        self.count, self.rank = processes.count, processes.rank
        self._mpi = processes.communicator
        self._spare: dict[tuple[int, np.dtype], np.ndarray] = {}

    def sum(self, own: np.ndarray, total: np.ndarray) -> None:
        """Make an array the sum of all processes' arrays, in the order that is fastest."""
        with waiting():
            self._mpi.Allreduce(own, total)

    def sum_in_order(self, terms: TreeSum, pieces: Sequence[range], length: int, dtype: np.dtype) -> np.ndarray:
        """Return the sum of all processes' terms, in the order of their pieces.

        Args:
            terms: those of this process.
            pieces: the numbers of the pieces of every process.
            length: how many numbers a term has.
            dtype: of what type.
        """
        if self.count == 1:
            return terms.result()
        sizes = {len(numbers) for numbers in pieces}
        if len(sizes) == 1 and _is_power_of_two(self.count) and _is_power_of_two(sizes.pop()):
            return self._doubled(terms.result())
        return self._from_all(terms, pieces, length, dtype)

    def _doubled(self, own: np.ndarray) -> np.ndarray:
        """The sum by exchanges with ever farther neighbours, where every process has one node of the tree."""
        other = self._like(own)
        step = 1
        while step < self.count:
            partner = self.rank ^ step
            with waiting():
                self._mpi.Sendrecv(own, partner, recvbuf=other, source=partner)
            first, second = (own, other) if self.rank < partner else (other, own)
            np.add(first, second, out=own)
            step *= 2
        return own

    def _from_all(self, terms: TreeSum, pieces: Sequence[range], length: int, dtype: np.dtype) -> np.ndarray:
        """The sum from all nodes of the tree, which every process gets."""
        nodes = [_nodes(numbers) for numbers in pieces]
        size = max([len(found) for found in nodes])
        mine = np.zeros((size, length), dtype)
        for row, (_, _, value) in zip(mine, terms.nodes):
            row[...] = value
        everyone = np.empty((self.count, size, length), dtype)
        with waiting():
            self._mpi.Allgather(mine, everyone)
        total = TreeSum(np.add)
        for rank, found in enumerate(nodes):
            for row, (first, count) in zip(everyone[rank], found):
                total.take(first, count, row)
        return total.result()

    def _like(self, array: np.ndarray) -> np.ndarray:
        key = array.size, array.dtype
        if key not in self._spare:
            self._spare[key] = np.empty_like(array)
        return self._spare[key]

    def rows(self, own: np.ndarray, counts: Sequence[int]) -> np.ndarray:
        """Return the rows of all processes, in their order.

        Args:
            own: those of this one.
            counts: how many each has.
        """
        if self.count == 1:
            return own
        whole = np.empty((sum(counts), *own.shape[1:]), own.dtype)
        row = int(np.prod(own.shape[1:], dtype=np.int64)) * own.dtype.itemsize
        sizes = [count * row for count in counts]
        with waiting():
            self._mpi.Allgatherv(_bytes(own), [_bytes(whole), sizes])
        return whole

    def rows_in_turns(self, own: np.ndarray, edges: Sequence[int], counts: Sequence[int]) -> list[np.ndarray]:
        """Give each process its rows of an array that this one has, and return this one's of everyone's array.

        Args:
            own: an array of bytes: a row for each row of it.
            edges: the first row of `own` for each process, and the end.
            counts: how many bytes this process gets of each one's.
        """
        flat, width = _bytes(own), own.shape[1] if own.ndim > 1 else 1
        sent = [width * (stop - start) for start, stop in itertools.pairwise(edges)]
        got = np.empty(sum(counts), np.uint8)
        with waiting():
            self._mpi.Alltoallv([flat, sent], [got, list(counts)])
        return np.split(got, np.cumsum(counts)[:-1])

    def everyones(self, item: Any) -> list[Any]:
        """Return what each process gave: something small, of any kind."""
        if self.count == 1:
            return [item]
        with waiting():
            return self._mpi.allgather(item)

    def firsts(self, item: Any) -> Any:
        """Return what the first process gave."""
        if self.count == 1:
            return item
        with waiting():
            return self._mpi.bcast(item)

    def firsts_bytes(self, file: Path) -> np.ndarray | None:
        """Return what is in a file of the first process, or None where it has none."""
        own = None
        if self.rank == 0 and file.exists():
            own = np.fromfile(file, np.uint8)
        size = self.firsts(None if own is None else len(own))
        if size is None:
            return None
        content = np.empty(size, np.uint8) if own is None else own
        self.copy_firsts(content)
        return content

    def copy_firsts(self, array: np.ndarray) -> None:
        """Make an array that of the first process."""
        if self.count > 1:
            with waiting():
                self._mpi.Bcast(_bytes(array))

    def take_firsts_values(self, variables: Iterable[GraphVariable]) -> None:
        """Give variables the values that they have in the first process."""
        for variable in variables:
            storage = variable.storage()
            self.copy_firsts(storage)
            variable.stored(storage)


def _nodes(numbers: range) -> list[tuple[int, int]]:
    """The nodes of the tree that pieces make up."""
    tree = TreeSum(lambda one, other: None)
    for number in numbers:
        tree.take(number, 1, None)
    return [(first, count) for first, count, _ in tree.nodes]


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)
