"""Choosing the vector axis and the register tile of a contraction, by a small model of the machine.

The kernel keeps a tile of C in vector registers: a few steps of up to two axes (the *rows*) times a few vectors along
the *vector axis*. Each step of the summed axes loads the tile's elements of A and vectors of B and multiplies them all;
so a tile should be large enough that multiply-adds, not loads, take the time, should divide the extents, and should not
spill. The model counts cycles of the whole contraction for each candidate and takes the least; no shape is known to it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Protocol

from pronghorn.engine.codegen.builder import llvm_type, size_of
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction, far
from pronghorn.engine.compiler.costs import typical
from pronghorn.engine.graph.dim import Extent

__all__ = ["Piece", "Tile", "VectorChoice", "choose_tile", "choose_vector", "pieces_of"]


class Machine(Protocol):
    """The part of :class:`pronghorn.engine.runtime.host.Target` that the model looks at."""

    @property
    def vector_bits(self) -> int: ...
    @property
    def registers(self) -> int: ...
    @property
    def has_fma(self) -> bool: ...
    @property
    def l1_bytes(self) -> int: ...
    @property
    def l2_bytes(self) -> int: ...
    @property
    def stack_bytes(self) -> int: ...
    def lanes(self, dtype: str) -> int: ...


REMAINDER_ROWS = 4  # rows of the tile that finishes an axis of run-time extent
FEW_SHARE = 16  # rows that share what is packed
MOST_VECTORS = 8
MOST_DOTS = 16  # more dot products at once gain nothing, and each ends in code to add up its lanes
MOST_VARIANTS = 6  # each combination of whole and remaining tiles is compiled code of its own

# Cycles on a machine with one full-width multiply-add a cycle (two on those with two, where all else doubles as well).
_VECTOR_LOAD, _SCALAR_LOAD, _CONFLICTING_LOAD, _LATENCY = 1.0, 0.55, 1.6, 4.0
# From the second-level cache, which a panel of B of some width is in if the sum is long; A, too, unless the windows of
# neighbouring rows share its elements.
_FAR_VECTOR_LOAD, _FAR_SCALAR_LOAD, _FAR_CONFLICTING_LOAD, _PANEL_VECTORS = 2.8, 1.6, 2.0, 4
_APART = 1.5  # a line of A more in each step, of sums along its rows
_STREAM = 4.0  # a place of C more that a tile's results go to
_STREAM_BYTES, _STREAM_DEPTH = 1024, 48  # how far off it is then, and how short the sums, or there is time to wait
_LOOP, _TILE, _RESULT, _FOLD, _SCATTER = 0.7, 14.0, 1.6, 9.0, 1.5
_VARIANT = 0.03
_PACKING, _PACKING_FOR_FEW = 2.5, 12.0  # of an element: what few rows reuse is as a rule no longer near
_SCATTERED = 0.5  # against stores lane by lane, which a fused epilogue multiplies


@dataclass(frozen=True, slots=True)
class VectorChoice:
    """Which axis the lanes of a vector run along.

    ``spec`` is the contraction, A and B exchanged if that is better. ``dot``: the axis is summed over, so that each
    accumulator's lanes are added up in the end. ``pack``: B must be copied first so that its lanes are adjacent.
    """

    spec: Contraction
    axis: Axis
    dot: bool
    pack: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A register tile: up to two (axis name, factor) pairs, times ``vectors`` vectors of ``lanes`` elements."""

    rows: tuple[tuple[str, int], ...]
    vectors: int
    lanes: int
    cycles: float = 0.0
    """The model's estimate for the whole contraction."""

    def factor(self, name: str) -> int:
        """The steps along an axis; 1 if the tile does not extend along it."""
        return dict(self.rows).get(name, 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Tiles that cover part of an axis: ``factor`` steps each, ``count`` times (an estimate at run-time extents)."""

    factor: int
    count: float


def choose_vector(spec: Contraction, machine: Machine) -> VectorChoice:
    """The axis for the lanes: the one that wastes the least on padding, on packing B and on scattered stores."""
    best: tuple[float, VectorChoice] | None = None
    for oriented in (spec, spec.swapped()):
        for score, choice in _vector_candidates(oriented, machine):
            if best is None or score < best[0]:
                best = score, choice
    if best is None:  # nothing to vectorise: scalars, along an axis of extent 1
        lane = Axis("(lane)", 1, a=0, b=1, c=1)
        return VectorChoice(replace(spec, axes=(*spec.axes, lane)), lane, False, False)
    return best[1]


def _vector_candidates(spec: Contraction, machine: Machine) -> Iterator[tuple[float, VectorChoice]]:
    lanes = machine.lanes(spec.sum_dtype)
    depth = prod(typical(axis.extent) for axis in spec.axes if axis.reduced)
    rows = prod(typical(axis.extent) for axis in spec.axes if axis.b == 0)
    for axis in spec.axes:
        extent = typical(axis.extent)
        waste = -(-extent // lanes) * lanes / extent
        packing = 0.0 if axis.b == 1 else (_PACKING if rows >= FEW_SHARE else _PACKING_FOR_FEW) / rows
        pack = axis.b != 1
        if axis.b == 0 or axis.a not in (0, 1):
            continue  # the lanes of A would have to be gathered anew for every multiplication
        if axis.reduced:
            if axis.a == 1:
                yield waste * (1.05 + 12 * lanes / depth + packing), VectorChoice(spec, axis, True, pack)
        else:
            scatter = 0.0 if axis.c == 1 else _SCATTER * lanes / depth
            score = waste * (1 + scatter + packing) + (0.0 if axis.c == 1 else _SCATTERED)
            yield score, VectorChoice(spec, axis, False, pack)


@functools.lru_cache(maxsize=1 << 12)
def pieces_of(extent: Extent, factor: int, exact: bool = True) -> tuple[Piece, ...]:
    """How an axis is covered by tiles: whole ones, then the rest.

    >>> pieces_of(11, 4)
    (Piece(factor=4, count=2), Piece(factor=3, count=1))
    """
    if isinstance(extent, int):
        whole, rest = divmod(extent, factor)
        pieces = [Piece(factor, whole)] if whole else []
        return tuple(pieces + ([Piece(rest, 1)] if rest else []))
    if factor == 1:
        return (Piece(1, typical(extent)),)
    small = min(factor, REMAINDER_ROWS)
    left = (factor - 1) / 2
    return Piece(factor, (typical(extent) - left) / factor), Piece(small, left / small + 0.5)


def choose_tile(
    choice: VectorChoice, machine: Machine, multiples: Mapping[str, int] | None = None, rows_packed: bool = False
) -> Tile:
    """The register tile with the least estimated time.

    ``multiples`` asks that the tile extend along those axes (at most two, of fixed extent) by multiples of the given
    factors, and along no axis of run-time extent. Raises ValueError if that cannot be had. ``rows_packed``: A is in
    panels of the tile's rows.
    """
    multiples = dict(multiples or {})
    model = _Model(choice, machine, rows_packed)
    best: Tile | None = None
    for limit in (MOST_VARIANTS, 1 << 30):
        for axes in _tile_axes(choice, multiples):
            for tile in model.tiles(axes, multiples, limit):
                if best is None or tile.cycles < best.cycles:
                    best = tile
        if best is not None:
            return best
    raise ValueError(f"No register tile covers whole windows of {multiples} in the extents of {choice.spec.axes}.")


def _tile_axes(choice: VectorChoice, multiples: Mapping[str, int]) -> Iterator[tuple[Axis, ...]]:
    """Sets of axes that the tile may extend along."""
    free = [axis for axis in choice.spec.axes if not axis.reduced and axis.name != choice.axis.name]
    if multiples:
        asked = [axis for axis in free if axis.name in multiples]
        if len(asked) != len(multiples) or len(asked) > 2 or not all(isinstance(axis.extent, int) for axis in asked):
            raise ValueError(
                f"A tile can be asked to cover one or two row axes of fixed extent, not {dict(multiples)}."
            )
        yield tuple(asked)
        # An epilogue over whole tiles is not told how many rows of a tile there are: none may reach beyond the end.
        if len(asked) == 1:
            known = (axis for axis in free if axis is not asked[0] and isinstance(axis.extent, int))
            yield from ((*asked, axis) for axis in known)
        return
    # Along a batch axis nothing is shared: it only helps to hide latency where there is nothing else.
    sharing = [axis for axis in free if axis.a == 0 or axis.b == 0] or free
    sharing = sorted(sharing, key=lambda axis: -typical(axis.extent))[:4]
    yield ()
    yield from ((axis,) for axis in sharing)
    yield from combinations(sharing, 2)


def _factors(extent: Extent, most: int, multiple: int) -> list[int]:
    """Steps worth trying along an axis: those that cover it in equal tiles, or nearly; the largest first."""
    if isinstance(extent, int):
        found = {-(-extent // tiles) for tiles in range(1, extent + 1)}
    else:
        found = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 20, 24, 28}
    return sorted((factor for factor in found if factor <= most and factor % multiple == 0), reverse=True)


class _Model:
    """The cost of tiles for one contraction."""

    def __init__(self, choice: VectorChoice, machine: Machine, rows_packed: bool) -> None:
        spec = choice.spec
        self.choice, self.machine = choice, machine
        self.lanes = 1 if choice.axis.extent == 1 else machine.lanes(spec.sum_dtype)
        reduced = [axis for axis in spec.axes if axis.reduced]
        self.depth = prod(typical(axis.extent) for axis in reduced)
        if choice.dot:
            extent = typical(choice.axis.extent)
            self.depth = self.depth // extent * -(-extent // self.lanes)
        panel = self.depth * _PANEL_VECTORS * self.lanes * size_of(llvm_type(spec.b.dtype))
        self.vector_load, self.scalar_load, self.conflicting_load = _VECTOR_LOAD, _SCALAR_LOAD, _CONFLICTING_LOAD
        if panel > self.machine.l1_bytes:
            self.vector_load, self.conflicting_load = _FAR_VECTOR_LOAD, _FAR_CONFLICTING_LOAD
            rows = {axis.a for axis in spec.axes if axis.b == 0}
            near = rows_packed or any(axis.a in rows for axis in reduced)
            self.scalar_load = _SCALAR_LOAD if near else _FAR_SCALAR_LOAD
        self.contiguous = any(axis.a == 1 for axis in reduced)
        self.far_lines = self.scalar_load == _FAR_SCALAR_LOAD and not self.contiguous
        self.scatter = not choice.dot and choice.axis.c != 1
        self.apart = self._apart()
        self._seen: dict[tuple, float] = {}

    def _apart(self) -> int:
        """From how large a stride in C on each of a tile's rows is brought near for itself, as far as that takes time.

        That is where little is summed and the results lie beyond the cache, if other rows follow one another.
        """
        spec, width = self.choice.spec, size_of(llvm_type(self.choice.spec.c.dtype))
        free = [axis for axis in spec.axes if not axis.reduced]
        if self.depth > _STREAM_DEPTH or width * prod(typical(axis.extent) for axis in free) <= self.machine.l2_bytes:
            return 1 << 62
        near = min((far(axis.c) for axis in free if axis is not self.choice.axis), default=0)
        return max(_STREAM_BYTES // width, near + 1)

    def tiles(self, axes: tuple[Axis, ...], multiples: Mapping[str, int], most_variants: int) -> Iterator[Tile]:
        """The candidates along these axes."""
        choice = self.choice
        most = 1 if choice.dot else min(MOST_VECTORS, -(-typical(choice.axis.extent) // self.lanes))
        rest = prod(
            typical(axis.extent)
            for axis in choice.spec.axes
            if not axis.reduced and axis is not choice.axis and axis not in axes
        )
        for vectors in range(1, most + 1):
            room = (self.machine.registers - 1 - vectors - (0 if self.machine.has_fma else 1)) // vectors
            if choice.dot:
                room = min(room, MOST_DOTS)
            for factors in self._row_factors(axes, multiples, room):
                yield from self._tile(axes, factors, vectors, rest, most_variants)

    def _row_factors(
        self, axes: tuple[Axis, ...], multiples: Mapping[str, int], room: int
    ) -> Iterator[tuple[int, ...]]:
        if not axes:
            yield ()
            return
        asked = [multiples.get(axis.name, 1) for axis in axes]
        if len(axes) == 1:
            yield from ((factor,) for factor in _factors(axes[0].extent, room, asked[0]))
            return
        for first in _factors(axes[0].extent, room, asked[0]):
            # Of the second axis only tiles that fill at least half of the registers are of interest.
            seconds = _factors(axes[1].extent, room // first, asked[1])
            yield from ((first, second) for i, second in enumerate(seconds) if i == 0 or 2 * first * second >= room)

    def _tile(
        self, axes: tuple[Axis, ...], factors: tuple[int, ...], vectors: int, rest: int, most_variants: int
    ) -> Iterator[Tile]:
        pieces = [pieces_of(axis.extent, factor) for axis, factor in zip(axes, factors, strict=True)]
        across = (Piece(1, 1),) if self.choice.dot else self._vector_pieces(vectors)
        variants = prod(map(len, pieces)) * len(across)
        if variants > most_variants:
            return
        total = 0.0
        first = pieces[0] if pieces else (Piece(1, 1),)
        second = pieces[1] if len(pieces) > 1 else (Piece(1, 1),)
        for one in first:
            for two in second:
                for wide in across:
                    sizes = (one.factor, two.factor)[: len(axes)]
                    total += one.count * two.count * wide.count * self._tile_cycles(axes, sizes, wide.factor)
        total *= rest * (1 + _VARIANT * (variants - 1))
        rows = tuple((axis.name, factor) for axis, factor in zip(axes, factors, strict=True))
        yield Tile(rows, vectors, self.lanes, total)

    def _vector_pieces(self, vectors: int) -> tuple[Piece, ...]:
        extent = self.choice.axis.extent
        if isinstance(extent, int):
            return pieces_of(-(-extent // self.lanes), vectors)
        return (Piece(vectors, typical(extent) / self.lanes / vectors), Piece(1, vectors / 2 + 0.5))

    def _tile_cycles(self, axes: tuple[Axis, ...], factors: tuple[int, ...], vectors: int) -> float:
        """Cycles of one tile over the whole reduction."""
        key = (tuple(axis.name for axis in axes), factors, vectors)
        if key not in self._seen:
            self._seen[key] = self._count_cycles(axes, factors, vectors)
        return self._seen[key]

    def _count_cycles(self, axes: tuple[Axis, ...], factors: tuple[int, ...], vectors: int) -> float:
        choice = self.choice
        a_rows = prod(factor for axis, factor in zip(axes, factors, strict=True) if axis.a != 0)
        b_rows = prod(factor for axis, factor in zip(axes, factors, strict=True) if axis.b != 0)
        whole_vectors = choice.dot or choice.axis.a != 0
        loads = vectors * b_rows * self.vector_load
        if whole_vectors:
            loads += a_rows * vectors * _VECTOR_LOAD
        else:
            loads += a_rows * (self.conflicting_load if self._conflicts(axes, factors) else self.scalar_load)
        sums = prod(factors) * vectors
        if sums + b_rows * vectors + 1 > self.machine.registers and b_rows > 1:
            return float("inf")
        step = max(sums, _LATENCY, loads) + 0.2 * loads + _LOOP
        if self.far_lines and not whole_vectors:
            apart = prod(factor for axis, factor in zip(axes, factors, strict=True) if axis.a not in (0, 1))
            step += _APART * (apart - 1)
        finish = _TILE + sums * (
            _RESULT + (_FOLD if choice.dot else 0) + (_SCATTER * self.lanes if self.scatter else 0)
        )
        streams = prod(factor for axis, factor in zip(axes, factors, strict=True) if far(axis.c) >= self.apart)
        return self.depth * step + finish + _STREAM * (streams - 1)

    def _conflicts(self, axes: tuple[Axis, ...], factors: tuple[int, ...]) -> bool:
        """Whether the tile's rows of A fall into the same few lines of the first-level cache.

        Rows a multiple of 4096 bytes apart share one set of eight lines, some of which B and C want.
        """
        if not self.contiguous:
            return False
        width = size_of(llvm_type(self.choice.spec.a.dtype))
        together = [
            factor
            for axis, factor in zip(axes, factors, strict=True)
            if isinstance(axis.a, int) and axis.a and axis.a * width % 4096 == 0
        ]
        return prod(together) > 6
