"""Loops over blocks of the rows of a region: one a phase and band, each a `scan` and the rows behind its last block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from pronghorn.engine.compiler.blocks.body import Block, Part, cast_to, resized, sum_dtype
from pronghorn.engine.compiler.blocks.columns import Band, Bands
from pronghorn.engine.compiler.blocks.region import Region, Unfit
from pronghorn.engine.compiler.blocks.tails import BandBlock
from pronghorn.engine.compiler.costs import LEAST_SAMPLES_ROWS, SAMPLES_ELEMENTS, WIDE_BLOCK_ELEMENTS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, identical
from pronghorn.engine.graph.ir import Aval, Graph, Value

LEAST_ROWS, MOST_ROWS = 32, 512  # of a block: products of fewer are slow, of more gain nothing


def block_rows(rows: int, row: int) -> int:
    """How many rows a block has: a divisor of all, if there is one near what suits the caches.

    Args:
        rows: of how many.
        row: elements of one.

    >>> block_rows(4096, 4 * 4096), block_rows(2047, 2047), block_rows(100, 1 << 20)
    (32, 256, 25)
    """
    wanted = min(max(WIDE_BLOCK_ELEMENTS // max(row, 1), LEAST_ROWS), MOST_ROWS, -(-rows // 2))
    near = [n for n in range(2 * wanted // 3, 3 * wanted // 2 + 1) if n and rows % n == 0]
    if near:
        return min(near, key=lambda n: abs(n - wanted))
    blocks = -(-rows // wanted)
    return -(-rows // blocks)


def samples_at_once(sample: int, columns: int) -> int:
    """How many samples a block has where their number is not known.

    Args:
        sample: rows of one.
        columns: elements of a row.

    >>> samples_at_once(128, 8_000), samples_at_once(512, 8_000), samples_at_once(100, 1 << 20)
    (4, 1, 2)
    """
    return max(1, min(max(SAMPLES_ELEMENTS // max(columns, 1), LEAST_SAMPLES_ROWS), MOST_ROWS) // sample)


def whole_bands(region: Region) -> list[Band]:
    """All rows: one band; or samples, some at a time, and those that are left one by one."""
    if isinstance(region.rows, int):
        return [Band(0, region.rows)]
    block = samples_at_once(region.sample, region.row // region.sample)
    if block == 1:
        return [Band(0, region.rows, block=1)]
    whole = region.rows // block * block
    return [Band(0, whole, block=block), Band(whole, region.rows - whole, block=1)]


class Copier(Protocol):
    """Who writes the new graph."""

    graph: Graph
    map: dict[Value, Value]

    def value(self, value: Value) -> Value:
        """The new graph's value for one of the old."""

    def add(self, prim: P.Primitive, *inputs: Value, **params: Any) -> Value:
        """A node in the new graph."""


class Loop:
    """One phase of a region.

    Attributes:
        outside: the values that it takes.
    """

    def __init__(self, parent: Copier, region: Region, phase: int, wanted: Sequence[Value], bands: Bands):
        self.parent, self.region = parent, region
        self.rows = [v for v in wanted if v not in region.sums]
        self.sums = [v for v in wanted if v in region.sums]
        if bands.columns is not None and any(v in bands.columns.axes for v in self.rows):
            raise Unfit("all columns are wanted")
        self.parts = [_BandLoop(self, phase, band, bands) for band in bands.bands]
        self.outside = dict.fromkeys(v for part in self.parts for v, _ in part.outside)

    def write(self) -> None:
        """The loop into the graph, and its results into the parent's map."""
        found: list[tuple[list[Value], list[Value]]] = []
        for part in self.parts:
            if found and part.band.block:  # goes on where the other has ended
                sums, rows = part.write(found[0][0])
                found = [(sums, [self.joined(v, x, y) for v, x, y in zip(self.rows, found[0][1], rows)])]
            else:
                found.append(part.write())
        for v, totals in zip(self.sums, zip(*(sums for sums, _ in found))):
            total = totals[0]
            for more in totals[1:]:
                total = self.parent.add(P.add, total, more)
            self.parent.map[v] = total if total.dtype == v.dtype else self.parent.add(P.cast, total, dtype=v.dtype)
        for v, parts in zip(self.rows, zip(*(rows for _, rows in found))):
            self.parent.map[v] = self.joined(v, *parts) if len(parts) > 1 else parts[0]

    def joined(self, value: Value, *parts: Value) -> Value:
        """Rows of a value in one array."""
        return self.parent.add(P.concatenate, *parts, axis=self.region.axes[value])


class _BandLoop:
    """A band of a loop: a `scan` over whole blocks, and the rows behind them."""

    def __init__(self, loop: Loop, phase: int, band: Band, bands: Bands):
        self.loop, self.parent, self.region = loop, loop.parent, loop.region
        self.phase, self.band = phase, band
        self.columns = None if band.columns is None else bands.columns
        row = self.region.row
        if self.columns is not None and band.columns is not None:
            row = row * band.columns // self.columns.extent
        if band.block:
            self.size, self.count, self.rest = band.block, band.rows // band.block, 0
        else:
            assert isinstance(band.rows, int)
            self.size = block_rows(band.rows, row)
            self.count, self.rest = divmod(band.rows, self.size)
        self.outside: dict[tuple[Value, Part], Value] = {}
        self.body = self._body()

    def write(self, before: Sequence[Value] = ()) -> tuple[list[Value], list[Value]]:
        """The loop into the graph; its sums, with those of the rows before it, and what it has of rows."""
        totals, parts = self._scan(before)
        if self.rest:
            block = self._remaining()
            shares = self._shares(block)
            totals = [_added(self.parent.graph, total, share) for total, share in zip(totals, shares)]
            parts = [self.loop.joined(v, x, block.of(v)) for v, x in zip(self.loop.rows, parts)]
        return self._with_others(totals), parts

    def _cut_of(self, value: Value) -> int | None:
        return None if self.columns is None else self.columns.axes.get(value)

    def _total_avals(self) -> list[Aval]:
        """Of each sum, and behind it, where its last columns are alike, of what these are."""
        avals = []
        for v in self.loop.sums:
            cut = self._cut_of(v)
            shapes = [v.shape] if cut is None else [resized(v.shape, cut, n) for n in (self.band.columns or 0, 1)]
            avals += [Aval(shape, sum_dtype(v.dtype)) for shape in shapes]
        return avals

    def _shares(self, block: Block) -> list[Value]:
        """A block's share of all sums."""
        shares = []
        for v in self.loop.sums:
            shares.append(block.of(v))
            if isinstance(block, BandBlock) and self._cut_of(v) is not None:
                shares.append(block.rest_of(v))
        return shares

    def _with_others(self, totals: list[Value]) -> list[Value]:
        """Sums with all columns."""
        found = []
        given = iter(totals)
        for v in self.loop.sums:
            total, cut = next(given), self._cut_of(v)
            if cut is not None and self.columns is not None and self.band.columns is not None:
                shape = resized(v.shape, cut, self.columns.extent - self.band.columns)
                dims = tuple(range(len(shape)))
                others = self.parent.add(P.broadcast_in_dim, next(given), shape=shape, dims=dims)
                total = self.parent.add(P.concatenate, total, others, axis=cut)
            found.append(total)
        return found

    def _block(self, graph: Graph, size: int, start: Value, boundary: Any) -> Block:
        kind = Block if self.columns is None else BandBlock
        return kind(graph, self.region, self.phase, self.band, self.columns, size, start, boundary)

    def _body(self) -> Graph:
        """``(*wholes, *totals, start, *blocks) -> (*totals, *rows)``; what it takes of others is noted in `outside`."""
        body = Graph("block")
        totals = [Value(aval, body) for aval in self._total_avals()]
        start = Value(Aval((), "int32"), body)

        def boundary(value: Value, part: Part) -> Value:
            shape = self._shape(value, part)
            if part.rows is not None:
                shape = resized(shape, part.rows, self.size)
            dtype = sum_dtype(value.dtype) if part.is_total else value.dtype
            return self.outside.setdefault((value, part), Value(Aval(shape, dtype), body))

        block = self._block(body, self.size, start, boundary)
        added = [_added(body, total, share) for total, share in zip(totals, self._shares(block))]
        body.outputs = [*added, *(block.of(v) for v in self.loop.rows)]
        whole = [v for (_, part), v in self.outside.items() if part.rows is None]
        parts = [v for (_, part), v in self.outside.items() if part.rows is not None]
        body.inputs = [*whole, *totals, start, *parts]
        return body

    def _shape(self, value: Value, part: Part) -> Any:
        if part.columns is None:
            return value.shape
        return resized(value.shape, part.columns, 1 if part.is_total else self.band.columns or 0)

    def _scan(self, before: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Sums over the rows of the whole blocks, and what has rows, for these."""
        whole = [self._taken(v, part, 0, 0) for v, part in self.outside if part.rows is None]
        totals = list(before) or [self._zeros(aval) for aval in self._total_avals()]
        parts = [self._in_blocks(v, part) for v, part in self.outside if part.rows is not None]
        found = self.parent.graph.add_node(
            P.scan,
            [*whole, *totals, self._starts(), *parts],
            {
                "body": self.body,
                "num_consts": len(whole),
                "num_carry": len(totals),
                "length": self.count,
                "reverse": False,
            },
        )
        joined = [self._joined(x, self.region.axes[v]) for x, v in zip(found[len(totals) :], self.loop.rows)]
        return found[: len(totals)], joined

    def _remaining(self) -> Block:
        """The rows behind the last whole block, in the graph itself."""
        first = self.band.first + self.count * self.size

        def boundary(value: Value, part: Part) -> Value:
            return self._taken(value, part, first, self.rest)

        start = self._number(first)
        return self._block(self.parent.graph, self.rest, start, boundary)

    def _taken(self, value: Value, part: Part, first: Extent, rows: Extent) -> Value:
        """Part of a value of the graph around: so many rows, and the band's columns or the sum of the others."""
        x, add = self.parent.value(value), self.parent.add
        start: list[Extent] = [0] * len(x.shape)
        limit = list(x.shape)
        if part.rows is not None:
            start[part.rows], limit[part.rows] = first, first + rows
        if part.columns is not None:
            bound = self.band.columns or 0
            (start if part.is_total else limit)[part.columns] = bound
        if not all(identical(a, 0) and identical(b, extent) for a, b, extent in zip(start, limit, x.shape)):
            x = add(P.slice_, x, start=tuple(start), limit=tuple(limit), stride=(1,) * len(limit))
        if part.is_total and part.columns is not None:
            x = add(P.reduce_sum, cast_to(self.parent.graph, x, sum_dtype(x.dtype)), axes=(part.columns,))
            x = add(P.reshape, x, shape=(*x.shape[: part.columns], 1, *x.shape[part.columns :]))
        return x

    def _zeros(self, aval: Aval) -> Value:
        zero = self.parent.add(P.constant, value=np.zeros((), dtypes.to_numpy(aval.dtype)))
        return self.parent.add(P.broadcast_in_dim, zero, shape=aval.shape, dims=())

    def _starts(self) -> Value:
        """The first row of each block."""
        add, shape = self.parent.add, (self.count,)
        if isinstance(self.count, int) and isinstance(self.band.first, int):
            starts = self.band.first + np.arange(self.count, dtype=np.int32) * self.size
            return add(P.constant, value=starts.astype(np.int32))
        number = add(P.iota, shape=shape, dtype="int32", axis=0)
        size, first = (
            add(P.broadcast_in_dim, self._number(n), shape=shape, dims=()) for n in (self.size, self.band.first)
        )
        return add(P.add, add(P.mul, number, size), first)

    def _number(self, extent: Extent) -> Value:
        if isinstance(extent, int):
            return self.parent.add(P.constant, value=np.asarray(extent, np.int32))
        return self.parent.add(P.extent, dim=extent)

    def _in_blocks(self, value: Value, part: Part) -> Value:
        """A value with its blocks along a leading axis, without the rows behind them."""
        axis = part.rows
        assert axis is not None
        x, add = self._taken(value, part, self.band.first, self.count * self.size), self.parent.add
        cut = add(P.reshape, x, shape=(*x.shape[:axis], self.count, self.size, *x.shape[axis + 1 :]))
        perm = (axis, *(a for a in range(len(cut.shape)) if a != axis))
        return add(P.transpose, cut, perm=perm)

    def _joined(self, stacked: Value, axis: int) -> Value:
        """Blocks along a leading axis as one array."""
        order = list(range(1, len(stacked.shape)))
        order.insert(axis, 0)
        x = self.parent.add(P.transpose, stacked, perm=tuple(order))
        shape = (*x.shape[:axis], self.count * self.size, *x.shape[axis + 2 :])
        return self.parent.add(P.reshape, x, shape=shape)


def _added(graph: Graph, total: Value, share: Value) -> Value:
    return graph.add_node(P.add, [total, cast_to(graph, share, total.dtype)], {})[0]
