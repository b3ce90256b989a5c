"""Which parts the axes play where channels stay apart, and which inputs a tile of columns shares among its taps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from pronghorn.engine.codegen.contraction.spec import Axis, Contraction, far
from pronghorn.engine.codegen.units import Count
from pronghorn.engine.compiler.costs import typical
from pronghorn.engine.graph.dim import Extent

__all__ = ["InTiles", "Parts", "parts_of", "tile_of"]

MOST_TAPS = 32  # whose products a tile's code spells out
MOST_COLUMNS = 16  # of a tile
FEWEST_COLUMNS = 2  # of an image or a tile, below which nothing is shared


@dataclass(frozen=True, slots=True)
class Parts:
    """The axes of such a contraction.

    Attributes:
        channels: the lanes run along it, in all three arrays.
        columns: neighbouring positions, of which a tile has several.
        rows: the other positions, the outermost first.
        outer: taps, the outermost first.
        inner: the taps along which neighbouring columns share inputs, if there are any.
    """

    channels: Axis
    columns: Axis
    rows: tuple[Axis, ...]
    outer: tuple[Axis, ...]
    inner: Axis | None

    @property
    def taps(self) -> tuple[Axis, ...]:
        """All of them."""
        return self.outer if self.inner is None else (*self.outer, self.inner)

    @property
    def width(self) -> int:
        """How many taps there are along the inner axis."""
        return known(self.inner.extent) if self.inner is not None else 1

    @property
    def lines(self) -> int:
        """How many there are along the others."""
        return prod(known(axis.extent) for axis in self.outer)

    def outer_taps(self) -> Iterator[tuple[int, ...]]:
        """The indices along the outer axes, in the order of summation."""
        return product(*(range(known(axis.extent)) for axis in self.outer))

    def shared(self, columns: int) -> list[tuple[int, list[tuple[int, int]]]]:
        """What a tile of ``columns`` reads for one of the outer taps: each input once, by its place from the first.

        Beside it, the pairs of a tap and a column that it belongs to. Each column meets its taps in their order.
        """
        step = known(self.columns.a)
        across = known(self.inner.a) if self.inner is not None else 0
        found: dict[int, list[tuple[int, int]]] = {}
        for tap, column in product(range(self.width), range(columns)):
            found.setdefault(tap * across + column * step, []).append((tap, column))
        return sorted(found.items(), reverse=across < 0)

    def lines_ahead(self) -> list[int]:
        """The outer taps' places in A that the row behind this one has and this one has not."""
        if not self.rows or not isinstance(self.rows[-1].a, int):
            return []
        if not all(isinstance(axis.a, int) for axis in self.outer):
            return []
        here = {
            sum(index * known(axis.a) for index, axis in zip(tap, self.outer, strict=True)) for tap in self.outer_taps()
        }
        return sorted({place + self.rows[-1].a for place in here} - here)


class InTiles:
    """What plans derive whose units are blocks of ``tiles`` tiles of a row, each of ``columns`` columns."""

    __slots__ = ()

    parts: Parts
    columns: int
    tiles: int

    @property
    def block(self) -> Count:
        """How many blocks of tiles a row has."""
        return Count(self.parts.columns.extent, self.columns * self.tiles)


def parts_of(spec: Contraction, gradient: bool = False) -> Parts | None:
    """The parts, or None; ``gradient``: of a gradient by the filter, where positions are summed over and not taps."""
    same = [axis for axis in spec.axes if axis.a == axis.b == axis.c == 1]
    if len(same) != 1 or not isinstance(same[0].extent, int):
        return None
    others = [axis for axis in spec.axes if axis is not same[0]]
    taps = [axis for axis in others if axis.reduced is not gradient]
    positions = [axis for axis in others if axis.reduced is gradient]
    if any(axis.a == 0 for axis in others) or not all(isinstance(axis.extent, int) for axis in taps):
        return None
    if any(axis.b == 0 for axis in others if axis.reduced) or any(axis.b != 0 for axis in others if not axis.reduced):
        return None
    if prod(known(axis.extent) for axis in taps) > MOST_TAPS:
        return None
    of_result = "b" if gradient else "c"
    near = [axis for axis in positions if isinstance(axis.a, int) and isinstance(getattr(axis, of_result), int)]
    columns = min(near, key=lambda axis: far(axis.a), default=None)
    if columns is None or typical(columns.extent) < FEWEST_COLUMNS:
        return None
    across = min((axis for axis in taps if isinstance(axis.a, int)), key=lambda axis: far(axis.a), default=None)
    rows = sorted((axis for axis in positions if axis is not columns), key=lambda axis: -far(axis.a))
    return Parts(same[0], columns, tuple(rows), tuple(axis for axis in taps if axis is not across), across)


def tile_of(columns: Extent, most: int) -> int | None:
    """How many columns a tile has: as many as divide the extent, or equal tiles but for the last.

    At most ``most``, for which there are registers; None if these are too few for a tile to share anything.
    """
    if most < FEWEST_COLUMNS:
        return None
    if not isinstance(columns, int):
        return min(most, 8)
    divisors = [n for n in range(1, most + 1) if columns % n == 0]
    return divisors[-1] if 2 * divisors[-1] >= min(most, columns) else -(-columns // -(-columns // most))


def known(extent: Extent) -> int:
    """A number that is not a run-time one."""
    assert isinstance(extent, int)
    return extent
