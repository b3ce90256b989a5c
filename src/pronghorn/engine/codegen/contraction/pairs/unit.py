"""What a machine has for products of bfloat16 pairs and of fours of int8, and the sizes that all of it shares.

Either way 32 bits hold neighbouring steps of a sum, a *word* here: two of bfloat16, or four of int8. Where nothing
multiplies fours, tiles hold bytes widened to 16 bits, and a word has two of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    def register_bits(self) -> int: ...
    @property
    def l2_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PairUnit:
    """Instructions that multiply the words of two operands.

    Attributes:
        dtype: of the operands, `"bfloat16"` or `"int8"`.
        instruction: LLVM's name of what multiplies the words of two vectors; the empty string where there are tiles.
        bits: the width of the vectors that it takes, of which several hold a line of 64 bytes.
        has_tiles: whether they take whole tiles, or vectors of 16 words.
        cycles: of the product of two tiles, in the model's units (:mod:`..tiling`).
        is_emulated: whether functions stand in for them.
        is_biased: whether they take A's bytes as unsigned. Then 128 is added to each of them as tiles are filled, and
            128 times the sums of B's columns are subtracted from the results.
        rows, columns: how many tiles of A and of B are multiplied with each other at a time, so that what is loaded
            serves several products.
        most_rows: of words in vector registers, whose sums are there at the same time.
        is_widened: whether tiles hold bytes widened to 16 bits.
        has_masks: whether loads of some of a vector's bytes are instructions.
    """

    dtype: str
    has_tiles: bool
    cycles: float
    instruction: str = ""
    bits: int = 512
    is_emulated: bool = False
    is_biased: bool = False
    rows: int = 2
    columns: int = 2
    most_rows: int = 11  # by two vectors of columns 22 sums, with two of B and some of A
    is_widened: bool = False
    has_masks: bool = True

    @property
    def group(self) -> int:
        """The steps of a word."""
        return 2 if self.dtype == "bfloat16" or self.is_widened else 4

    @property
    def steps(self) -> int:
        """The steps of the sum in a tile."""
        return WORDS * self.group

    @property
    def element(self) -> str:
        """LLVM's type of an operand's elements, whose bits are moved as they are."""
        return "i16" if self.dtype == "bfloat16" else "i8"

    @property
    def kept(self) -> str:
        """LLVM's type of an element in a tile."""
        return "i16" if self.group == 2 else "i8"

    @property
    def kept_dtype(self) -> str:
        """The dtype of buffers of tiles."""
        return "int16" if self.is_widened else self.dtype

    @property
    def bytes(self) -> int:
        """Of an element in a tile."""
        return 4 // self.group

    @property
    def line(self) -> str:
        """LLVM's type of a row of a tile."""
        return vec(self.kept, self.steps)

    @property
    def sum_element(self) -> str:
        """LLVM's type of a sum."""
        return "float" if self.dtype == "bfloat16" else "i32"

    @property
    def sums(self) -> str:
        """LLVM's type of a vector of sums."""
        return vec(self.sum_element, LINES)


# Eight tiles are four sums, two of A, two of B; a product takes 16 cycles, in which the next are loaded. A vector of
# words takes as long as one of float32, and there are 16 for each row of a tile; where A is biased, B's sums are more.
_DPBF16, _DPBUSD = "x86.avx512bf16.dpbf16ps.512", "x86.avx512.vpdpbusd.512"
_PAIRS = {
    "amx": PairUnit("bfloat16", True, 32.0),
    "amx-emulated": PairUnit("bfloat16", True, 32.0, is_emulated=True),
    "avx512": PairUnit("bfloat16", False, 290.0, _DPBF16),
    "avx512-emulated": PairUnit("bfloat16", False, 290.0, _DPBF16, is_emulated=True),
}
# Where registers are narrower, a line of a tile takes several, and the sums of fewer rows and columns fit.
_VNNI_256 = PairUnit(
    "int8", False, 640.0, "x86.avx512.vpdpbusd.256", 256, is_biased=True, columns=1, most_rows=5, has_masks=False
)
_DOT = PairUnit("int8", False, 1100.0, "aarch64.neon.sdot.v4i32.v16i8", 128, columns=1, most_rows=6, has_masks=False)
_QUADS = {
    "amx": PairUnit("int8", True, 32.0),
    "amx-emulated": PairUnit("int8", True, 32.0, is_emulated=True),
    "avx512": PairUnit("int8", False, 320.0, _DPBUSD, is_biased=True),
    "avx512-emulated": PairUnit("int8", False, 320.0, _DPBUSD, is_emulated=True, is_biased=True),
    "avx-vnni": _VNNI_256,
    "avx-vnni-emulated": replace(_VNNI_256, is_emulated=True),
    "dotprod": _DOT,
    "dotprod-emulated": replace(_DOT, is_emulated=True),
}
# Pairs of 16-bit integers: each product of vectors is followed by an addition.
_WIDENED = {
    512: PairUnit("int8", False, 400.0, "x86.avx512.pmaddw.d.512", 512, is_widened=True),
    256: PairUnit(
        "int8", False, 800.0, "x86.avx2.pmadd.wd", 256, columns=1, most_rows=6, is_widened=True, has_masks=False
    ),
    128: PairUnit(
        "int8", False, 1600.0, "x86.sse2.pmadd.wd", 128, columns=1, most_rows=2, is_widened=True, has_masks=False
    ),
}
_SUMS = {"bfloat16": "float32", "int8": "int32"}


def pair_unit(machine: HasPairs, dtypes: tuple[str, str, str] = ("bfloat16", "bfloat16", "float32")) -> PairUnit | None:
    """What a machine multiplies words with, given the dtypes of A, B and sums; None if elements are widened first."""
    a, b, total = dtypes
    if a != b or _SUMS.get(a) != total:
        return None
    if a == "bfloat16":
        return _PAIRS.get(machine.pairs)
    return _WIDENED[machine.register_bits] if machine.quads == "pmaddwd" else _QUADS.get(machine.quads)
