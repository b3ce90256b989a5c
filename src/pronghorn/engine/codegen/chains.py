"""Kernels that go over the same rows one after the other: a thread takes some rows through all of them.

The maximum of each row of logits, the sum of its exponentials and its gradient are three kernels, each of which would
read all rows from afar; and between them threads would meet. Where a unit of each touches nothing that other units of
the others write, units over the same rows are one grain, whose rows stay in a near cache. Kernels are the same as
elsewhere, and so is every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pronghorn.engine.codegen.cutting import Loop, turns_of
from pronghorn.engine.codegen.launch import Launch, Pieces
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import FEWEST_CHAINED, MANY_UNITS, MOST_CHAIN_CYCLES
from pronghorn.engine.compiler.expr import Index, Load, LoopVar, walk
from pronghorn.engine.compiler.kernels import LoopKernel
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Value

Root = Callable[[Value], Value]


def pieces_of(kernel: LoopKernel, rows: Sequence[Loop], size: int) -> Pieces:
    """By array, how many elements a unit touches: unit ``u`` those from ``u`` times that on, and no others.

    Arrays of which units touch anything else are left out, and those of which some elements belong to no unit.

    Args:
        kernel: it.
        rows: the loops that are cut into units.
        size: how many turns of them, run through as one, a unit is.
    """
    own = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    touched = [(store.value, own) for store in kernel.stores]
    roots = [s.expr for s in kernel.stores] + [e for r in kernel.reductions for e in r.roots]
    touched += [(e.value, e.offset) for e in walk(*roots) if isinstance(e, Load)]
    found: dict[Value, int | None] = {}
    for value, index in touched:
        row = _row_of(index, rows)
        if row is None or turns_of(rows) * row != product(value.shape) or found.get(value, row) != row:
            row = None
        found[value] = row
    inside = {store.value for store in kernel.stores if store.offset is not None}  # of memory that holds more
    return {value: row * size for value, row in found.items() if row is not None and value not in inside}


def _row_of(index: Index, rows: Sequence[Loop]) -> int | None:
    """How many adjacent elements an index stays in during a turn of the loops, if the next turn has the next ones."""
    row = index.coefficient(rows[-1].var)
    if not isinstance(row, int) or row < 1:
        return None
    rest = index
    for number, loop in enumerate(rows):
        if index.coefficient(loop.var) != turns_of(rows[number + 1 :]) * row:
            return None
        for var in (loop.var, *loop.zero):
            rest = _without(rest, var)
    return row if rest.fits(row) else None


def _without(index: Index, var: LoopVar) -> Index:
    return Index(index.const, {term: factor for term, factor in index.terms.items() if term is not var})


@dataclass
class Chain:
    """Launches whose units over the same rows are one grain.

    Attributes:
        launches: they, in order.
        ratios: how many units of each a unit of the chain is.
        reads, writes: the memory that they touch.
        pieces: by memory of which units of the chain touch parts of their own, how many elements these have.
    """

    launches: list[Launch]
    ratios: list[int]
    reads: set[Value]
    writes: set[Value]
    pieces: Pieces

    @staticmethod
    def of(launch: Launch, root: Root) -> Chain:
        """A chain of one."""
        reads, writes = ({root(v) for v in values} for values in (launch.reads, launch.writes))
        return Chain([launch], [1], reads, writes, _by_memory(launch, root))

    def conflicts(self, other: Chain) -> set[Value]:
        """The memory for which one has to wait for the other."""
        return (self.writes & (other.reads | other.writes)) | (self.reads & other.writes)

    def followed_by(self, other: Chain, near_bytes: int) -> Chain | None:
        """Both, one after the other, if they go over the same rows and that pays.

        Args:
            other: the one that comes next.
            near_bytes: how much a unit may go through.
        """
        if self.launches[0].serial or any(v.units.only is not None for v in (*self.launches, *other.launches)):
            return None
        shared = self.conflicts(other)
        if not shared or not (shared <= self.pieces.keys() and shared <= other.pieces.keys()):
            return None
        ratio, *others = {Fraction(self.pieces[v], other.pieces[v]) for v in shared}
        if others:
            return None
        mine, its = self._of(ratio.denominator), other._of(ratio.numerator)
        apart = {v for chain in (mine, its) for v in (chain.reads | chain.writes) - chain.pieces.keys()}
        pieces = {
            v: size
            for v, size in (mine.pieces | its.pieces).items()
            if v not in apart and mine.pieces.get(v, size) == size
        }
        together = Chain(
            [*mine.launches, *its.launches],
            [*mine.ratios, *its.ratios],
            mine.reads | its.reads,
            mine.writes | its.writes,
            pieces,
        )
        touched = sum(size * dtypes.itemsize(v.dtype) for v, size in pieces.items())
        if touched > near_bytes or together.units.typical < MANY_UNITS or together.cost > MOST_CHAIN_CYCLES:
            return None
        main = max(together.launches, key=lambda launch: launch.cost * launch.units.typical)
        if together.units.fewest < min(FEWEST_CHAINED, main.units.fewest):
            return None  # a single sample would not be shared out any more
        return together

    def _of(self, factor: int) -> Chain:
        """The same in larger units."""
        pieces = {v: size * factor for v, size in self.pieces.items()}
        return replace(self, ratios=[ratio * factor for ratio in self.ratios], pieces=pieces)

    @property
    def units(self) -> Units:
        """How many there are."""
        memory, size = next(iter(self.pieces.items()))
        return Units.of(Count(product(memory.shape), size))

    @property
    def cost(self) -> float:
        """Rough cycles of a unit."""
        return sum(launch.cost * ratio for launch, ratio in zip(self.launches, self.ratios, strict=True))

    def launch(self) -> Launch:
        """How threads share it, as a launch without a function."""
        return Launch("", self.units, self.cost, self.reads, self.writes, label="chain")


def chained(launches: Iterable[Launch], root: Root, near_bytes: int) -> list[Chain]:
    """Launches in chains, many of one; a small one that stands between those of a chain and has nothing to do with them
    comes before it.

    Args:
        launches: they, in order.
        root: leads to the memory of a value.
        near_bytes: how much a unit of a chain may go through.
    """
    made: list[Chain] = []
    for launch in launches:
        own = Chain.of(launch, root)
        longer = made[-1].followed_by(own, near_bytes) if made else None
        if longer is not None:
            made[-1] = longer
        elif launch.serial and made and len(made[-1].launches) > 1 and not made[-1].conflicts(own):
            made.insert(-1, own)
        else:
            made.append(own)
    return made


def _by_memory(launch: Launch, root: Root) -> Pieces:
    """The pieces of a launch's arrays, by their memory."""
    found: dict[Value, int] = {}
    apart: set[Value] = set()
    for v in launch.reads | launch.writes:
        memory, size = root(v), launch.pieces.get(v)
        same = (product(memory.shape), memory.dtype) == (product(v.shape), v.dtype)
        if size is None or not same or found.setdefault(memory, size) != size:
            apart.add(memory)
    return {v: size for v, size in found.items() if v not in apart}
