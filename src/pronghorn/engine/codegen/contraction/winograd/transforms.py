"""The transforms of minimal filtering: of a few taps along an axis, of all taps of an axis, and over both of a tile.

A group of taps that are as far apart as two neighbouring results takes one product more than it has taps, where plain
sums take two for each tap. All taps of an axis are a few such groups: their products lie one behind the other, and the
two results are the sums of what the groups give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import NamedTuple

from pronghorn.engine.codegen.builder import FunctionBuilder, literal
from pronghorn.engine.codegen.contraction.winograd.shape import Taps

__all__ = ["ALL", "Transforms", "Vectors"]

Vectors = list[str]
Load = Callable[[int, int], str]
ALL = slice(None)  # groups


class _Group:
    """The transforms of a group of taps; of one tap alone, with a product for each result."""

    def __init__(self, fb: FunctionBuilder, ty: str) -> None:
        self.fb, self.ty = fb, ty

    def add(self, a: str, b: str) -> str:
        return self.fb.op("fadd", self.ty, a, b)

    def sub(self, a: str, b: str) -> str:
        return self.fb.op("fsub", self.ty, a, b)

    def half(self, a: str) -> str:
        return self.fb.op("fmul", self.ty, a, literal(0.5, self.ty))

    def inputs(self, d: Vectors) -> Vectors:
        """``B d``: what the taps read for the first result, and one more for the second, as factors of products."""
        return d

    def filters(self, g: Vectors, results: int) -> Vectors:
        """``G g``: the other factors."""
        return g * results

    def results(self, m: Vectors) -> Vectors:
        """``A m``: products as two results."""
        return m

    def result_gradients(self, y: Vectors) -> Vectors:
        """The transpose of ``A`` times the gradients of two results."""
        return y

    def filter_gradients(self, m: Vectors) -> Vectors:
        """The transpose of ``G`` times sums of products: the gradients of the taps."""
        return [reduce(self.add, m)]


class _Two(_Group):
    """Two taps: ``d0 g0 + d1 g1`` and ``d1 g0 + d2 g1`` share an input, and take three products."""

    def inputs(self, d: Vectors) -> Vectors:
        return [self.sub(d[0], d[1]), d[1], self.sub(d[2], d[1])]

    def filters(self, g: Vectors, results: int) -> Vectors:
        return [g[0], self.add(g[0], g[1]), g[1]]

    def results(self, m: Vectors) -> Vectors:
        return [self.add(m[0], m[1]), self.add(m[1], m[2])]

    def result_gradients(self, y: Vectors) -> Vectors:
        return [y[0], self.add(y[0], y[1]), y[1]]

    def filter_gradients(self, m: Vectors) -> Vectors:
        return [self.add(m[0], m[1]), self.add(m[1], m[2])]


class _Three(_Group):
    """Three taps: Winograd's four products."""

    def inputs(self, d: Vectors) -> Vectors:
        return [self.sub(d[0], d[2]), self.add(d[1], d[2]), self.sub(d[2], d[1]), self.sub(d[1], d[3])]

    def filters(self, g: Vectors, results: int) -> Vectors:
        outer, middle = self.half(self.add(g[0], g[2])), self.half(g[1])
        return [g[0], self.add(outer, middle), self.sub(outer, middle), g[2]]

    def results(self, m: Vectors) -> Vectors:
        return [self.add(self.add(m[0], m[1]), m[2]), self.sub(self.sub(m[1], m[2]), m[3])]

    def result_gradients(self, y: Vectors) -> Vectors:
        return [y[0], self.add(y[0], y[1]), self.sub(y[0], y[1]), self.fb.fneg(self.ty, y[1])]

    def filter_gradients(self, m: Vectors) -> Vectors:
        both, apart = self.half(self.add(m[1], m[2])), self.half(self.sub(m[1], m[2]))
        return [self.add(m[0], both), apart, self.add(both, m[3])]


_GROUPS = {1: _Group, 2: _Two, 3: _Three}


class _Part(NamedTuple):
    """A group with its place among the others: which inputs and taps it takes, and which points are its own."""

    group: _Group
    taps: tuple[int, ...]
    reads: list[int]
    points: range


class _Arithmetic:
    """The transforms along an axis, on vectors."""

    def __init__(self, fb: FunctionBuilder, ty: str, pair: Taps) -> None:
        self.pair = pair
        self.parts: list[_Part] = []
        begin = 0
        for taps in pair.groups:
            points = range(begin, begin + len(taps) + pair.step - 1)
            reads = [taps[0] + n * pair.stride for n in range(len(points))]
            self.parts.append(_Part(_GROUPS[len(taps)](fb, ty), taps, reads, points))
            begin = points.stop

    def inputs(self, d: Vectors) -> Vectors:
        """The inputs of a tile, as many as its window is long, as factors of its products."""
        return [p for part in self.parts for p in part.group.inputs([d[i] for i in part.reads])]

    def filters(self, g: Vectors) -> Vectors:
        """The taps as the other factors."""
        step = self.pair.step
        return [p for part in self.parts for p in part.group.filters([g[i] for i in part.taps], step)]

    def results(self, m: Vectors, groups: slice = ALL) -> Vectors:
        """Products as the tile's results: sums of what the groups give, or of what some of them give."""
        parts = self.parts[groups]
        begin = parts[0].points.start
        given = [part.group.results([m[i - begin] for i in part.points]) for part in parts]
        return [reduce(parts[0].group.add, same) for same in zip(*given, strict=True)]

    def result_gradients(self, y: Vectors) -> Vectors:
        """The gradients of the tile's results, as many as it has products."""
        return [p for part in self.parts for p in part.group.result_gradients(y)]

    def filter_gradients(self, m: Vectors) -> Vectors:
        """Sums of products as the gradients of the taps."""
        found: dict[int, str] = {}
        for part in self.parts:
            found |= dict(zip(part.taps, part.group.filter_gradients([m[i] for i in part.points]), strict=True))
        return [found[tap] for tap in sorted(found)]


class Transforms:
    """The transforms of a tile: along its rows' axis, then along its columns'.

    What comes in lines of points is written as it is asked for, group by group of the rows' taps: store a line before
    the next, and no more vectors are in use than one group's. Only some ``groups`` can be asked for.
    """

    def __init__(self, fb: FunctionBuilder, ty: str, pairs: tuple[Taps, Taps]) -> None:
        self.ty = ty
        self.rows, self.columns = (_Arithmetic(fb, ty, pair) for pair in pairs)

    def inputs(self, load: Load, groups: slice = ALL) -> Iterator[Vectors]:
        """The tile's inputs, which ``load`` gives by row and column, in lines of points."""
        across = range(self.columns.pair.window)
        for part in self.rows.parts[groups]:
            columns = [part.group.inputs([load(i, j) for i in part.reads]) for j in across]
            yield from _lines(columns, self.columns.inputs)

    def filters(self, load: Load, groups: slice = ALL) -> Iterator[Vectors]:
        """The taps, which ``load`` gives by row and column, in lines of points."""
        across, step = range(self.columns.pair.size), self.rows.pair.step
        for part in self.rows.parts[groups]:
            columns = [part.group.filters([load(i, j) for i in part.taps], step) for j in across]
            yield from _lines(columns, self.columns.filters)

    def results(self, load: Load, groups: slice = ALL) -> list[Vectors]:
        """The tile's results by row and column, of products that ``load`` gives by line and column of the points."""
        lines = range(sum(len(part.points) for part in self.rows.parts[groups]))
        across = range(self.columns.pair.points)
        columns = [self.rows.results([load(i, j) for i in lines], groups) for j in across]
        return list(_lines(columns, self.columns.results))

    def result_gradients(self, load: Load, groups: slice = ALL) -> Iterator[Vectors]:
        """The gradients of the tile's results, which ``load`` gives, in lines of points."""
        down, across = (range(axis.pair.step) for axis in (self.rows, self.columns))
        given = [[load(i, j) for i in down] for j in across]
        for part in self.rows.parts[groups]:
            columns = [part.group.result_gradients(column) for column in given]
            yield from _lines(columns, self.columns.result_gradients)

    def filter_gradients(self, sums: Callable[[range], list[Vectors]]) -> Iterator[tuple[int, Vectors]]:
        """Rows of taps, in the order of their groups, with the gradients; ``sums`` gives some lines of points."""
        for part in self.rows.parts:
            columns = [part.group.filter_gradients(list(column)) for column in zip(*sums(part.points), strict=True)]
            yield from zip(part.taps, _lines(columns, self.columns.filter_gradients), strict=True)


def _lines(columns: list[Vectors], transform: Callable[[Vectors], Vectors]) -> Iterator[Vectors]:
    return (transform(list(line)) for line in zip(*columns, strict=True))
