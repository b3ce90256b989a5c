"""The loops of a nest: which are run as one, how they are cut into units of work, and long sums into chunks.

What is cut depends on extents alone, and never on how many threads there are. A symbol, such as the batch, may stand
for few: the loops that are known should give units enough for many cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from pronghorn.engine.compiler.costs import GRAIN_CYCLES, LEAST_COLUMNS, LEAST_GRAIN_CYCLES, MANY_UNITS, typical
from pronghorn.engine.compiler.expr import Index, LoopVar
from pronghorn.engine.graph.dim import Extent, product


@dataclass
class Loop:
    """One loop of the nest: ``var`` counts, the variables in ``zero`` are merged into it."""

    var: LoopVar
    extent: Extent
    zero: tuple[LoopVar, ...] = ()


def merge_loops(vars: Sequence[LoopVar], indices: Sequence[Index]) -> list[Loop]:
    """``vars`` with adjacent ones merged where every index moves through both with one stride."""
    loops: list[Loop] = []
    for var in vars:
        if isinstance(var.extent, int) and var.extent == 1:
            loops.append(Loop(var, 1))
            continue
        last = loops[-1] if loops else None
        if last is not None and last.extent != 1 and _one_stride(last, var, indices):
            loops[-1] = Loop(var, last.extent * var.extent, (*last.zero, last.var))
        else:
            loops.append(Loop(var, var.extent))
    real = [loop for loop in loops if loop.extent != 1]
    return real or loops[:1]


def _one_stride(outer: Loop, inner: LoopVar, indices: Sequence[Index]) -> bool:
    for index in indices:
        a, b = index.coefficient(outer.var), index.coefficient(inner)
        if a is None or b is None or a != b * inner.extent:
            return False
    return True


@dataclass(frozen=True)
class Cut:
    """A nest's units: ``size`` turns each of the outer ``rows``, run through as one, and ``columns`` of the innermost
    loop's elements (0: all)."""

    rows: tuple[Loop, ...]
    size: int
    columns: int = 0

    def count(self, last: Loop | None = None) -> Extent:
        """How many units there are; ``last`` is the innermost loop, where it is not one of the rows."""
        pieces = (turns_of(self.rows) + (self.size - 1)) // self.size
        if last is None or not self.columns:
            return pieces
        return pieces * ((last.extent + (self.columns - 1)) // self.columns)


def cut(rows: Sequence[Loop], cycles: float, last: Loop | None = None) -> Cut:
    """Units of `LEAST_GRAIN_CYCLES` or more: a power of two of turns, so that those of kernels over the same rows end
    where those of others do.

    Args:
        rows: the outer loops.
        cycles: what one turn of them takes.
        last: the loop inside of them, of elements that are computed in vectors, if it is to be cut where the rows that
            are known are few.

    >>> cut([Loop(LoopVar("rows", 200), 200)], 500.0).size
    8
    """
    size = 1 << (-(-LEAST_GRAIN_CYCLES // max(1, int(cycles))) - 1).bit_length()
    known = prod(loop.extent for loop in rows if isinstance(loop.extent, int))
    few = known < MANY_UNITS and cycles >= 2 * GRAIN_CYCLES
    if last is None or not few or typical(last.extent) <= LEAST_COLUMNS:
        return Cut(tuple(rows), size)
    columns = int(GRAIN_CYCLES / cycles * typical(last.extent))
    return Cut(tuple(rows), size, -(-columns // LEAST_COLUMNS) * LEAST_COLUMNS)


@dataclass(frozen=True)
class Chunked:
    """A long sum in chunks: the outer ``rows``, run through as one, in ``count`` pieces of ``size`` turns."""

    rows: tuple[Loop, ...]
    count: int
    size: Extent


def chunked(loops: Sequence[Loop], count: int, lanes: int) -> Chunked:
    """As many outer loops in chunks as give each some turns, whatever the symbols stand for.

    Args:
        loops: those of the sum, from the outermost.
        count: how many chunks.
        lanes: of the vectors that run along the innermost, of which a chunk then takes whole ones.

    >>> from pronghorn.engine.graph.dim import Dim
    >>> batch = Dim.symbol("batch")
    >>> made = chunked([Loop(LoopVar("batch", batch), batch), Loop(LoopVar("rows", 512), 512)], 64, 1)
    >>> len(made.rows), made.size.evaluate({"batch": 16})
    (2, 128)
    """
    number, known = 0, 1
    while number < len(loops) and known < 4 * count:
        extent = loops[number].extent
        known *= extent if isinstance(extent, int) else 1
        number += 1
    step = lanes if number == len(loops) else 1
    rows = tuple(loops[:number])
    return Chunked(rows, count, (turns_of(rows) + (count * step - 1)) // (count * step) * step)


def turns_of(loops: Sequence[Loop]) -> Extent:
    """How often what is inside of loops is run."""
    return product(tuple(loop.extent for loop in loops))


def count_of(loops: Sequence[Loop]) -> int:
    """The same at typical extents."""
    return prod(typical(loop.extent) for loop in loops)
