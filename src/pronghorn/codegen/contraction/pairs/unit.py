"""What a machine has for products of bfloat16 pairs, and the sizes that all of it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["LINES", "PAIRS", "STEPS", "TILE_BYTES", "HasTiles", "PairUnit", "pair_unit"]

LINES = 16  # rows of A, or columns of B, in a tile
STEPS = 32  # of the sum in a tile: two to a pair
PAIRS = STEPS // 2
TILE_BYTES = LINES * STEPS * 2


class HasTiles(Protocol):
    """The part of :class:`pronghorn.runtime.host.Target` that is asked."""

    @property
    def tiles(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PairUnit:
    """Instructions that multiply pairs.

    Attributes:
        name: which.
        rows, columns: how many tiles of A and of B are multiplied with each other at a time, so that each is loaded for
            several products.
        cycles: of the product of two tiles, in the model's units (:mod:`..tiling`).
    """

    name: str
    rows: int
    columns: int
    cycles: float


_UNITS = {
    # Eight tiles: four sums, two of A, two of B. A product takes 16 cycles, which load the operands of the next.
    "amx": PairUnit("amx", 2, 2, 32.0),
    "emulated": PairUnit("emulated", 2, 2, 32.0),
}


def pair_unit(machine: HasTiles) -> PairUnit | None:
    """What a machine multiplies pairs of bfloat16 with; None if they are to be widened to float32 first."""
    return _UNITS.get(machine.tiles)
