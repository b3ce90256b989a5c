"""How the rows of a batch are cut into pieces, and the order in which what the pieces give is summed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_LEAST_ROWS = 8  # of a piece, on average: fewer keep the machine code from its best
_MOST = 32


def bounds(total: int, count: int) -> list[int]:
    """Return the first rows of pieces of a batch that differ by one row at most, and its end.

    >>> bounds(10, 4)
    [0, 2, 5, 7, 10]
    """
    return [total * i // count for i in range(count + 1)]


def share(count: int, processes: int, rank: int) -> range:
    """Return the numbers of the pieces that a process computes.

    >>> [list(share(8, 3, rank)) for rank in range(3)]
    [[0, 1], [2, 3, 4], [5, 6, 7]]
    """
    return range(count * rank // processes, count * (rank + 1) // processes)


def fixed_count(total: int) -> int:
    """Return into how many pieces a batch is cut whatever the number of processes: a power of two.

    >>> [fixed_count(total) for total in (0, 1, 32, 128, 100_000)]
    [1, 1, 4, 16, 32]
    """
    count = 1
    while count < _MOST and count * 2 * _LEAST_ROWS <= total:
        count *= 2
    return count


def row_edges(total: int, processes: int, fixed: bool) -> list[int]:
    """Return the number of the first row that each process computes of a batch, and its end.

    Args:
        total: rows of the batch.
        processes: how many there are.
        fixed: whether the batch is cut into pieces whatever the number of processes.

    >>> row_edges(10, 3, False), row_edges(32, 3, True)
    ([0, 3, 6, 10], [0, 8, 16, 32])
    """
    count = fixed_count(total) if fixed else processes
    edges = bounds(total, count)
    return [edges[share(count, processes, rank).start] for rank in range(processes)] + [total]


class TreeSum:
    """A sum in an order that the numbers of the pieces alone decide: neighbours first, then neighbouring pairs.

    Args:
        add: gives the sum of two values; it may change the first.

    >>> total = TreeSum(lambda a, b: f"({a}+{b})")
    >>> for number in range(6):
    ...     total.take(number, 1, str(number))
    >>> total.nodes
    [(0, 4, '((0+1)+(2+3))'), (4, 2, '(4+5)')]
    >>> total.result()
    '(((0+1)+(2+3))+(4+5))'
    """

    def __init__(self, add: Callable[[Any, Any], Any]):
        self._add = add
        self.nodes: list[tuple[int, int, Any]] = []  # first piece, how many, their sum

    def take(self, first: int, count: int, value: Any) -> None:
        """Take the sum of some pieces; those before them came earlier."""
        self.nodes.append((first, count, value))
        while len(self.nodes) > 1:
            (first, size, one), (second, other_size, other) = self.nodes[-2:]
            if size != other_size or second != first + size or first % (2 * size):
                break
            self.nodes[-2:] = [(first, 2 * size, self._add(one, other))]

    def result(self) -> Any:
        """Return the sum of all pieces."""
        total = self.nodes[0][2]
        for _, _, value in self.nodes[1:]:
            total = self._add(total, value)
        return total
