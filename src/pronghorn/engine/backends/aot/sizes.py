"""Extents, units and places in memory as code: what `layout` fills tables with, for a library that has no Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pronghorn.engine.backends.llvm.step_plan import StepPlan
from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import (
    BLOCK_ROWS,
    FEW_BLOCKS,
    LEAST_BLOCK_ROWS,
    MOST_BLOCKS,
    MOST_GRAINS,
)
from pronghorn.engine.compiler.memory import ALIGN, SLACK, MemoryPlan
from pronghorn.engine.graph.dim import Dim, Extent, FloorDiv, evaluate

MOST_EXTENT = 1 << 31
"""No symbol is larger in a library."""


class Sizes:
    """Extents as operands of code without a branch, in which each is computed once.

    Args:
        fb: the function being written.
        env: an operand for each symbol.
    """

    def __init__(self, fb: FunctionBuilder, env: Mapping[str, Operand]) -> None:
        self._fb, self.env = fb, dict(env)
        self._known: dict[Dim, Operand] = {}
        self._scales: dict[tuple[str, ...], Operand] = {}

    def of(self, extent: Extent) -> Operand:
        """An extent."""
        if isinstance(extent, int):
            return extent
        if extent not in self._known:
            fb = self._fb
            total: Operand = 0
            for monomial, coefficient in extent.terms.items():
                product: Operand = coefficient
                for atom in monomial:
                    product = fb.mul(product, self._floor(atom) if isinstance(atom, FloorDiv) else self.env[atom])
                total = fb.add(total, product)
            self._known[extent] = total
        return self._known[extent]

    def _floor(self, atom: FloorDiv) -> Operand:
        fb, whole, by = self._fb, self.of(atom.dim), atom.divisor
        if isinstance(whole, int):
            return whole // by
        if by & (by - 1) == 0:
            return fb.let(f"ashr i64 {whole}, {by.bit_length() - 1}")
        quotient, rest = (fb.let(f"{op} i64 {whole}, {by}") for op in ("sdiv", "srem"))
        return fb.add(quotient, fb.cast("sext", fb.cmp("slt", "i64", rest, 0), "i1", "i64"))

    def count(self, count: Count) -> Operand:
        """What `Count.evaluate` gives."""
        fb = self._fb
        number = fb.ceil_div(self.of(count.extent), count.step)
        return fb.min(number, count.limit) if count.limit else number

    def units(self, units: Units) -> Operand:
        """What `Units.evaluate` gives."""
        fb = self._fb
        number: Operand = units.constant
        for count in units.counts:
            number = fb.mul(number, self.count(count))
        if units.only is not None:
            extent, least, below = units.only
            value = self.of(extent)
            bounds = [fb.cmp("sge", "i64", value, least)]
            bounds += [fb.cmp("slt", "i64", value, below)] if below else []
            for holds in bounds:
                number = fb.select(holds, "i64", number, 0)
        return number

    def scale(self, key: tuple[str, ...]) -> Operand:
        """How many units' worth of bytes a class of `memory.MemoryPlan` takes."""
        if key not in self._scales:
            product: Operand = 1
            for symbol in key:
                product = self._fb.mul(product, self.env[symbol])
            self._scales[key] = self._fb.max(product, 1)
        return self._scales[key]

    def places(self, memory: MemoryPlan) -> tuple[dict[int, Operand], Operand]:
        """What `MemoryPlan.layout` gives: the offset of each slot, and the bytes of all."""
        fb = self._fb
        at: Operand = 0
        starts: dict[tuple[str, ...], Operand] = {}
        for key, units in memory.totals.items():
            starts[key] = at
            at = fb.add(at, self._rounded(fb.mul(self.scale(key), units)))
        offsets = {
            slot: fb.add(starts[p.key], fb.mul(self.scale(p.key), p.offset)) for slot, p in memory.placed.items()
        }
        room: dict[int, Operand] = {}
        for g in memory.grouped.values():
            size = self._rounded(self.of(g.size))
            room[g.group] = fb.max(room[g.group], size) if g.group in room else size
        groups: dict[int, Operand] = {}
        for number, size in room.items():
            groups[number] = at
            at = fb.add(at, size)
        return offsets | {slot: groups[g.group] for slot, g in memory.grouped.items()}, at

    def _rounded(self, nbytes: Operand) -> Operand:
        """With slack behind it, a multiple of the alignment."""
        if isinstance(nbytes, int):
            return -(-(nbytes + SLACK) // ALIGN) * ALIGN
        return self._fb.let(f"and i64 {self._fb.add(nbytes, SLACK + ALIGN - 1)}, {-ALIGN}")

    def row_blocks(self, rows: Operand) -> tuple[Operand, Operand]:
        """What `units.row_blocks` gives."""
        fb = self._fb
        few = fb.min(fb.div(rows, LEAST_BLOCK_ROWS), FEW_BLOCKS)
        blocks = fb.min(fb.max(fb.ceil_div(rows, BLOCK_ROWS), few), MOST_BLOCKS)
        size = fb.max(fb.ceil_div(rows, fb.max(blocks, 1)), 1)
        return size, fb.ceil_div(rows, size)


def grain_function(fb: FunctionBuilder) -> None:
    """Write ``void grain(ptr row, i64 count, i64 least, i64 most)``, which fills in a launch's row as `Units.grain`."""
    least = fb.max("%least", fb.ceil_div("%count", MOST_GRAINS))
    grain = fb.max(least, fb.min("%most", fb.ceil_div("%count", 8)))
    for column, value in enumerate(("%count", grain, fb.ceil_div("%count", grain))):
        fb.store("i64", value, fb.gep("i64", "%row", column))
    fb.ret()


def most_rows(plan: StepPlan, symbols: list[str], most_bytes: int, arrays: list[Extent]) -> int:
    """The largest number that every symbol may be at once so that no size is more than ``most_bytes``.

    Args:
        plan: the step's.
        symbols: the names.
        most_bytes: more than that is not computed with.
        arrays: sizes in bytes of arguments, results and what lies between them.
    """

    def fits(number: int) -> bool:
        env = dict.fromkeys(symbols, number)
        return all(abs(size) <= most_bytes for size in _all_sizes(plan, env, arrays))

    return largest(fits, MOST_EXTENT) if symbols else 1


def _all_sizes(plan: StepPlan, env: Mapping[str, int], arrays: list[Extent]) -> Iterator[int]:
    yield plan.memory.layout(env)[1]
    yield from (evaluate(extent, env) for extent in (*plan.extents, *arrays))
    yield from (units.evaluate(env) for units, *_ in plan.launches)


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to ``most`` that fits, where all smaller ones do; 0 if 1 does not.

    >>> largest(lambda n: n * n < 50, 100)
    7
    """
    low, high = 0, most + 1  # what fits, and what does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
