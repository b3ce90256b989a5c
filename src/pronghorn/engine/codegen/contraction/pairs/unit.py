"""What a machine has for products of bfloat16 pairs, and the sizes that all of it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["LINES", "PAIRS", "ROW_BYTES", "STEPS", "TILE_BYTES", "HasPairs", "PairUnit", "pair_unit"]

LINES = 16  # rows of A, or columns of B, in a tile
STEPS = 32  # of the sum in a tile: two to a pair
PAIRS = STEPS // 2
ROW_BYTES = STEPS * 2
TILE_BYTES = LINES * ROW_BYTES


class HasPairs(Protocol):
    """The part of :class:`pronghorn.engine.runtime.host.Target` that is asked."""

    @property
    def pairs(self) -> str: ...
    @property
    def l2_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PairUnit:
    """Instructions that multiply pairs.

    Attributes:
        has_tiles: whether they take whole tiles, or vectors of 16 pairs.
        cycles: of the product of two tiles, in the model's units (:mod:`..tiling`).
        is_emulated: whether functions stand in for them.
        rows, columns: how many tiles of A and of B are multiplied with each other at a time, so that what is loaded
            serves several products.
    """

    has_tiles: bool
    cycles: float
    is_emulated: bool = False
    rows: int = 2
    columns: int = 2


# Eight tiles are four sums, two of A, two of B; a product takes 16 cycles, in which the next are loaded. A vector of
# pairs takes as long as one of float32, and there are 16 for each row of a tile.
_UNITS = {
    "amx": PairUnit(True, 32.0),
    "amx-emulated": PairUnit(True, 32.0, is_emulated=True),
    "avx512": PairUnit(False, 290.0),
    "avx512-emulated": PairUnit(False, 290.0, is_emulated=True),
}


def pair_unit(machine: HasPairs) -> PairUnit | None:
    """What a machine multiplies pairs of bfloat16 with; None if they are to be widened to float32 first."""
    return _UNITS.get(machine.pairs)
