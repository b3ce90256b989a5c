"""What a machine has for products of bfloat16 pairs and of fours of int8, and the sizes that all of it shares.

Either way 32 bits hold neighbouring steps of a sum, a *word* here: two of bfloat16, or four of int8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pronghorn.engine.codegen.builder import vec

__all__ = ["LINES", "ROW_BYTES", "TILE_BYTES", "WORDS", "HasPairs", "PairUnit", "pair_unit"]

LINES = 16  # rows of A, or columns of B, in a tile
WORDS = 16  # of steps of the sum in a tile
ROW_BYTES = WORDS * 4
TILE_BYTES = LINES * ROW_BYTES


class HasPairs(Protocol):
    """The part of :class:`pronghorn.engine.runtime.host.Target` that is asked."""

    @property
    def pairs(self) -> str: ...
    @property
    def quads(self) -> str: ...
    @property
    def l2_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PairUnit:
    """Instructions that multiply the words of two operands.

    Attributes:
        dtype: of the operands, `"bfloat16"` or `"int8"`.
        has_tiles: whether they take whole tiles, or vectors of 16 words.
        cycles: of the product of two tiles, in the model's units (:mod:`..tiling`).
        is_emulated: whether functions stand in for them.
        is_biased: whether they take A's bytes as unsigned. Then 128 is added to each of them as tiles are filled, and
            128 times the sums of B's columns are subtracted from the results.
        rows, columns: how many tiles of A and of B are multiplied with each other at a time, so that what is loaded
            serves several products.
    """

    dtype: str
    has_tiles: bool
    cycles: float
    is_emulated: bool = False
    is_biased: bool = False
    rows: int = 2
    columns: int = 2

    @property
    def group(self) -> int:
        """The steps of a word."""
        return 2 if self.dtype == "bfloat16" else 4

    @property
    def steps(self) -> int:
        """The steps of the sum in a tile."""
        return WORDS * self.group

    @property
    def element(self) -> str:
        """LLVM's type of an operand's elements, whose bits are moved as they are."""
        return "i16" if self.dtype == "bfloat16" else "i8"

    @property
    def bytes(self) -> int:
        """Of an element."""
        return 4 // self.group

    @property
    def line(self) -> str:
        """LLVM's type of a row of a tile."""
        return vec(self.element, self.steps)

    @property
    def sums(self) -> str:
        """LLVM's type of a vector of sums."""
        return vec("float" if self.dtype == "bfloat16" else "i32", LINES)


# Eight tiles are four sums, two of A, two of B; a product takes 16 cycles, in which the next are loaded. A vector of
# words takes as long as one of float32, and there are 16 for each row of a tile; where A is biased, B's sums are more.
_PAIRS = {
    "amx": PairUnit("bfloat16", True, 32.0),
    "amx-emulated": PairUnit("bfloat16", True, 32.0, is_emulated=True),
    "avx512": PairUnit("bfloat16", False, 290.0),
    "avx512-emulated": PairUnit("bfloat16", False, 290.0, is_emulated=True),
}
_QUADS = {
    "amx": PairUnit("int8", True, 32.0),
    "amx-emulated": PairUnit("int8", True, 32.0, is_emulated=True),
    "avx512": PairUnit("int8", False, 320.0, is_biased=True),
    "avx512-emulated": PairUnit("int8", False, 320.0, is_emulated=True, is_biased=True),
}
_SUMS = {"bfloat16": "float32", "int8": "int32"}


def pair_unit(machine: HasPairs, dtypes: tuple[str, str, str] = ("bfloat16", "bfloat16", "float32")) -> PairUnit | None:
    """What a machine multiplies words with, given the dtypes of A, B and sums; None if elements are widened first."""
    a, b, total = dtypes
    if a != b or _SUMS.get(a) != total:
        return None
    return _PAIRS.get(machine.pairs) if a == "bfloat16" else _QUADS.get(machine.quads)
