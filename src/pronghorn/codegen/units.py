"""How the work of a launch is cut: units, and how threads take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pronghorn.graph.dim import Extent, evaluate

SERIAL_CYCLES = 12_000  # work below this is not worth waking another thread for
GRAIN_CYCLES = 25_000
COUNTER_BYTES = 128  # counters are on cache lines of their own


@dataclass(frozen=True)
class Units:
    """A number of units: a constant times, for each (extent, step, limit), the smaller of ceil(extent / step) and the
    limit (0: none).

    ``only``: there are none unless an extent is at least one number and below another (0: any).

    >>> from pronghorn.graph.dim import Dim
    >>> Units(3, ((Dim.symbol("batch"), 4, 0),)).evaluate({"batch": 10})
    9
    """

    constant: int = 1
    counts: tuple[tuple[Extent, int, int], ...] = ()
    only: tuple[Extent, int, int] | None = None

    @staticmethod
    def of(extent: Extent) -> Units:
        """As many units as ``extent``."""
        return Units(extent) if isinstance(extent, int) else Units(1, ((extent, 1, 0),))

    def evaluate(self, env: Mapping[str, int]) -> int:
        """The number, given one for each symbol."""
        if self.only is not None:
            extent, least, below = self.only
            value = evaluate(extent, env)
            if value < least or (below and value >= below):
                return 0
        total = self.constant
        for extent, step, limit in self.counts:
            count = -(-evaluate(extent, env) // step)
            total *= min(count, limit) if limit else count
        return total

    def grain(self, env: Mapping[str, int], cost: float) -> tuple[int, int]:
        """The number of units, and how many of them (``cost`` cycles each) a thread takes at a time."""
        count = self.evaluate(env)
        return count, max(1, min(int(GRAIN_CYCLES / max(cost, 1.0)), -(-count // 8)))
