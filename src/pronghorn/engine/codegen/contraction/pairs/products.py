"""Products of a block of tiles, by each kind of instruction: two tiles of rows by two of columns, word after word."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.pairs.instructions import dot, tiles_for
from pronghorn.engine.codegen.contraction.pairs.unit import LINES, ROW_BYTES, TILE_BYTES, WORDS, PairUnit

__all__ = ["Block", "Products", "products_for"]


@dataclass(frozen=True, slots=True)
class Block:
    """What is multiplied.

    Attributes:
        a, b: the addresses of the tiles: those of one tile of steps after those of another.
        count: how many tiles of steps.
        sums: the address of the sums, as tiles, row by row.
        first: whether they are to be written, an i1; else they are added to.
        rows: how many rows there are, more than the block has perhaps.
    """

    a: str
    b: str
    count: Operand
    sums: str
    first: str
    rows: Operand


class Products(Protocol):
    """In one kernel: what is to be written at its beginning and end, and for a block."""

    def begin(self) -> None: ...
    def end(self) -> None: ...
    def add(self, block: Block) -> None: ...


def products_for(fb: FunctionBuilder, unit: PairUnit) -> Products:
    """What multiplies by the instructions that there are."""
    return _TileProducts(fb, unit) if unit.has_tiles else _VectorProducts(fb, unit)


class _TileProducts:
    """By AMX: the sums are tiles, those of A and B are loaded for all their products."""

    def __init__(self, fb: FunctionBuilder, unit: PairUnit) -> None:
        self.fb, self.unit = fb, unit
        self.tiles = tiles_for(fb, unit)

    def begin(self) -> None:
        self.tiles.begin()

    def end(self) -> None:
        self.tiles.end()

    def add(self, block: Block) -> None:
        fb, tiles, unit = self.fb, self.tiles, self.unit
        many = unit.rows * unit.columns
        sums = [fb.gep("i8", block.sums, number * TILE_BYTES) for number in range(many)]
        with fb.if_else(block.first) as (yes, no):
            with yes:
                for number in range(many):
                    tiles.zero(number)
            with no:
                for number, place in enumerate(sums):
                    tiles.load(number, place, ROW_BYTES)
        a_tiles, b_tiles = range(many, many + unit.rows), range(many + unit.rows, many + unit.rows + unit.columns)
        with fb.loop_carry(0, block.count, [("ptr", block.a), ("ptr", block.b)]) as loop:
            for here, numbers in zip(loop.carried, (a_tiles, b_tiles), strict=True):
                for offset, number in enumerate(numbers):
                    tiles.load(number, fb.gep("i8", here, offset * TILE_BYTES), ROW_BYTES)
                loop.following.append(fb.gep("i8", here, len(numbers) * TILE_BYTES))
            for i, a_tile in enumerate(a_tiles):
                for j, b_tile in enumerate(b_tiles):
                    tiles.multiply(i * unit.columns + j, a_tile, b_tile)
        for number, place in enumerate(sums):
            tiles.store(number, place, ROW_BYTES)


class _VectorProducts:
    """By vectors: some rows at a time, whose sums are in registers; a word of A meets 16 columns at once."""

    def __init__(self, fb: FunctionBuilder, unit: PairUnit) -> None:
        self.fb, self.unit = fb, unit

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def add(self, block: Block) -> None:
        whole = self.unit.rows * LINES
        parts = -(-whole // self.unit.most_rows)
        edges = [whole * part // parts for part in range(parts + 1)]
        for start, stop in pairwise(edges):
            if not start:
                self._rows(block, range(stop))
                continue
            with self.fb.if_(self.fb.cmp("sgt", "i64", block.rows, start)):
                self._rows(block, range(start, stop))

    def _rows(self, block: Block, rows: range) -> None:
        fb, unit = self.fb, self.unit
        columns = range(unit.columns)
        places = [
            fb.gep("i8", block.sums, (row // LINES * unit.columns + j) * TILE_BYTES + row % LINES * ROW_BYTES)
            for row in rows
            for j in columns
        ]
        ty = unit.sums
        sums = [self._before(block, place) for place in places]
        sums += ["zeroinitializer"] * (unit.columns if unit.is_biased else 0)  # what is too much, for each column
        carried = [("ptr", block.a), ("ptr", block.b), *((ty, value) for value in sums)]
        with fb.loop_carry(0, block.count, carried) as loop:
            a, b = loop.carried[:2]
            with fb.loop_carry(0, WORDS, [("ptr", b), *((ty, value) for value in loop.carried[2:])]) as word:
                word.following.append(fb.gep("i8", word.carried[0], ROW_BYTES))
                word.following += self._word(fb.gep("i32", a, word.index), word.carried[0], rows, word.carried[1:])
            loop.following += [fb.gep("i8", a, unit.rows * TILE_BYTES), fb.gep("i8", b, unit.columns * TILE_BYTES)]
            loop.following += word.results[1:]
        results = loop.results[2:]
        for number, place in enumerate(places):
            value = results[number]
            if unit.is_biased:
                value = fb.op("sub", ty, value, results[len(places) + number % unit.columns])
            fb.store(ty, value, place, ROW_BYTES)

    def _before(self, block: Block, place: str) -> str:
        fb, ty = self.fb, self.unit.sums
        return fb.let(f"select i1 {block.first}, {ty} zeroinitializer, {ty} {fb.load(ty, place, ROW_BYTES)}")

    def _word(self, a: str, b: str, rows: range, sums: list[str]) -> list[str]:
        """The sums after one more word, from those of the first row of A and the first column of B on.

        Behind them, if A is biased: what a row of zeros, which are 128 then, adds to each vector of columns.
        """
        fb, unit = self.fb, self.unit
        vectors = [fb.load(unit.line, fb.gep("i8", b, j * TILE_BYTES), ROW_BYTES) for j in range(unit.columns)]
        result = []
        for number, row in enumerate(rows):
            place = fb.gep("i8", a, row // LINES * TILE_BYTES + row % LINES * ROW_BYTES)
            whole = fb.splat(fb.load("i32", place), "i32", LINES)
            both = fb.cast("bitcast", whole, vec("i32", LINES), unit.line)
            for j, vector in enumerate(vectors):
                result.append(dot(fb, unit, sums[number * unit.columns + j], both, vector))
        too_much = sums[len(rows) * unit.columns :]
        zeros = literal(-128, unit.line) if too_much else ""
        return result + [dot(fb, unit, total, zeros, v) for total, v in zip(too_much, vectors if too_much else ())]
