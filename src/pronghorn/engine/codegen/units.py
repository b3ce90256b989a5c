"""How the work of a launch is cut: units, and how threads take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from pronghorn.engine.compiler.costs import (
    BLOCK_ROWS,
    FEW_BLOCKS,
    GRAIN_CYCLES,
    LEAST_BLOCK_ROWS,
    LEAST_GRAIN_CYCLES,
    MOST_BLOCKS,
    MOST_GRAINS,
    typical,
)
from pronghorn.engine.graph.dim import Dim, Extent, evaluate, least, substitute

MANY_GROUPS = 16  # of units, which share out well among some threads
COLUMNS = 3  # of the table of launches: see `Units.grain`


@dataclass(frozen=True, slots=True)
class Count:
    """``min(limit, ceil(extent / step))``, a number of tiles or of chunks (``limit`` 0 means none).

    >>> Count(100, 8).evaluate({}), Count(100, 8, limit=4).evaluate({}), Count(Dim.symbol("batch"), 8).typical
    (13, 4, 8)
    """

    extent: Extent
    step: int = 1
    limit: int = 0

    def evaluate(self, env: Mapping[str, int]) -> int:
        """The number, given one for each symbol."""
        return self._of(evaluate(self.extent, env))

    @property
    def typical(self) -> int:
        """What the number is likely to be."""
        return self._of(typical(self.extent))

    @property
    def fewest(self) -> int:
        """What the number is where every symbol is 1."""
        return self._of(least(self.extent))

    @property
    def most(self) -> Extent:
        """The number, or its limit where it is not known yet."""
        if isinstance(self.extent, int):
            return self._of(self.extent)
        return self.limit or (self.extent + (self.step - 1)) // self.step

    def _of(self, extent: int) -> int:
        count = -(-extent // self.step)
        return min(count, self.limit) if self.limit else count


def row_blocks(rows: int) -> tuple[int, int]:
    """Of how many rows a block is that a thread takes through all steps of a loop, and how many blocks there are.

    >>> row_blocks(64), row_blocks(32), row_blocks(9), row_blocks(0)
    ((16, 4), (16, 2), (9, 1), (1, 0))
    """
    blocks = max(-(-rows // BLOCK_ROWS), min(FEW_BLOCKS, rows // LEAST_BLOCK_ROWS))
    size = max(-(-rows // max(min(blocks, MOST_BLOCKS), 1)), 1)
    return size, -(-rows // size)


@dataclass(frozen=True)
class Units:
    """A number of units: a constant times some counts.

    ``only``: there are none unless an extent is at least one number and below another (0: any). ``group``: so many that
    follow one another share work, and are taken together where there are groups enough for all threads.

    >>> Units(3, (Count(Dim.symbol("batch"), 4),)).evaluate({"batch": 10})
    9
    """

    constant: int = 1
    counts: tuple[Count, ...] = ()
    only: tuple[Extent, int, int] | None = None
    group: int = 1

    @staticmethod
    def of(*counts: Count | Extent) -> Units:
        """The product of counts, of which those that are known become the constant."""
        all_counts = [count if isinstance(count, Count) else Count(count) for count in counts]
        known = prod(count.evaluate({}) for count in all_counts if isinstance(count.extent, int))
        return Units(known, tuple(count for count in all_counts if isinstance(count.extent, Dim)))

    @property
    def typical(self) -> int:
        """What the number is likely to be."""
        return self.constant * prod(count.typical for count in self.counts)

    @property
    def fewest(self) -> int:
        """What the number is where every symbol is 1."""
        return self.constant * prod(count.fewest for count in self.counts)

    def evaluate(self, env: Mapping[str, int]) -> int:
        """The number, given one for each symbol."""
        if self.only is not None:
            extent, least, below = self.only
            value = evaluate(extent, env)
            if value < least or (below and value >= below):
                return 0
        return self.constant * prod(count.evaluate(env) for count in self.counts)

    def renamed(self, names: Mapping[str, Extent]) -> Units:
        """The same of other symbols."""
        counts = tuple(replace(count, extent=substitute(count.extent, names)) for count in self.counts)
        return replace(self, counts=counts, only=self.only and (substitute(self.only[0], names), *self.only[1:]))

    def grain(self, env: Mapping[str, int], cost: float) -> tuple[int, int, int]:
        """The number of units, how many of them (``cost`` cycles each) a thread takes at a time, and how many times."""
        count, (least, most) = self.evaluate(env), grain_limits(cost)
        grain = max(least, -(-count // MOST_GRAINS), min(most, -(-count // 8)))
        if count >= MANY_GROUPS * self.group:
            grain = -(-grain // self.group) * self.group
        return count, grain, -(-count // grain)


def grain_limits(cost: float) -> tuple[int, int]:
    """The least and the most units of a grain that `Units.grain` takes from the cost of one, in cycles.

    >>> grain_limits(1e9)
    (1, 0)
    """
    cost = max(cost, 1.0)
    return max(1, int(LEAST_GRAIN_CYCLES / cost)), int(GRAIN_CYCLES / cost)
