"""Loops whose steps leave the rows of the batch apart: a thread takes some rows and runs all time steps for them.

There is no barrier between the steps then, and a state stays in the cache of the core that works on it. Kernels are
the same as elsewhere; their tables (buffers, extents, units) are as if the block of rows were all there is. So what a
block computes is what the whole would, to the bit. Which rows make a block follows from how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.compiler.costs import AHEAD_STEPS, LEAST_BLOCK_ROWS, MOST_STEP_CYCLES, typical
from pronghorn.engine.compiler.rows import row_axes
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, Shape, product
from pronghorn.engine.graph.ir import Graph, Value

Root = Callable[[Value], Value]


@dataclass
class LoopParts:
    """A scan, as its kernels see it.

    Attributes:
        body: the graph of a step.
        length: how many steps there are.
        start: for each value that is carried its memory at the start; ``end`` after the last step.
        carry, outputs: the memory of what is carried, before a step and after it; they change places.
        slices: memory of a step's slices, and what they are of; ``results`` the same of what is stacked.
        launches: what a step runs, in order, without what `ahead` takes out.
    """

    body: Graph
    length: Extent
    start: Sequence[Value]
    end: Sequence[Value]
    carry: Sequence[Value]
    outputs: Sequence[Value]
    slices: Sequence[tuple[Value, Value]]
    results: Sequence[tuple[Value, Value]]
    launches: list[Launch] = field(default_factory=list)

    @property
    def moving(self) -> list[tuple[Value, Value]]:
        """All that is elsewhere in every step."""
        return [*self.slices, *self.results]


@dataclass(frozen=True)
class RowBlocks:
    """How a loop is cut into blocks of rows.

    Attributes:
        symbol: the name of the number of rows.
        row_bytes: by memory that has rows, what one of them takes.
        cycles: a rough figure for all steps of one row.
    """

    symbol: str
    row_bytes: Mapping[Value, Extent]
    cycles: float

    @property
    def units(self) -> Units:
        """The rows, as units that threads may share: none where one block has them all."""
        rows = Dim.symbol(self.symbol)
        return replace(Units.of(rows), only=(rows, 2 * LEAST_BLOCK_ROWS, 0))


def ahead(
    launches: Sequence[Launch], changing: Iterable[Value], length: Extent, root: Root
) -> tuple[list[Launch], list[Launch]]:
    """What of a step's launches does the same in every step, such as packing a matrix, and the others.

    A product that packs for many rows alone is made to do so always where steps enough take the panels.

    Args:
        launches: those of a step, in order.
        changing: memory that is another, or holds other numbers, in every step.
        length: how many steps there are.
        root: leads to the memory of a value.
    """
    written = [{root(v) for v in launch.writes} for launch in launches]
    usual = [own for launch, own in zip(launches, written, strict=True) if not launch.few_rows]
    once = {v for found in usual for v in found if sum(v in others for others in usual) == 1}
    varying = {root(v) for v in changing}.union(*written)
    first: list[Launch] = []
    rest: list[Launch] = []
    for launch, own in zip(launches, written, strict=True):
        if own <= once and not own & {root(v) for v in changing} and not varying & {root(v) for v in launch.reads}:
            first.append(launch)
            varying -= own
        else:
            rest.append(launch)
    packed = {_kernel_of(launch) for launch in first if launch.units.only is not None}
    packed &= {_kernel_of(launch) for launch in rest if launch.few_rows}
    if typical(length) < AHEAD_STEPS:
        packed.clear()
    first, rest = ([_always(v) if _kernel_of(v) in packed else v for v in part] for part in (first, rest))
    rest = [launch for launch in rest if not (launch.few_rows and _kernel_of(launch) in packed)]
    return [_if_there_are_steps(launch, length) for launch in first], rest


def blocks_of(loop: LoopParts, constants: Mapping[Value, Value], root: Root) -> RowBlocks | None:
    """How a loop can be cut by rows, if it can and that pays.

    Args:
        loop: it.
        constants: the memory of what the body reads in every step, by the body's inputs.
        root: leads to the memory of a value.
    """
    symbol = _symbol(loop)
    cycles = sum(launch.cost * launch.units.typical for launch in loop.launches)
    if symbol is None or cycles > MOST_STEP_CYCLES or symbol in _symbols((loop.length,)):
        return None
    axes = row_axes(loop.body, symbol)
    if axes is None:
        return None
    outside = [*zip(loop.body.inputs, (constants.get(v, v) for v in loop.body.inputs))]
    outside += [*zip(loop.body.outputs, loop.outputs), *zip(loop.carry, loop.start), *zip(loop.carry, loop.end)]
    if any(_size(v) != _size(root(memory)) for v, memory in outside if axes[v] is not None):
        return None  # memory that holds more
    known = {root(v): axis for v, axis in axes.items()} | {root(memory): axes[v] for v, memory in outside}
    shapes = {root(v): v.shape for v in axes} | {root(memory): v.shape for v, memory in outside}
    touched = dict.fromkeys(root(v) for launch in loop.launches for v in launch.buffers)
    written = {root(v) for launch in loop.launches for v in launch.writes}
    written.update(map(root, (*loop.outputs, *loop.end)))
    row_bytes: dict[Value, Extent] = {}
    slices = [part for part, _ in loop.slices]  # of which some may be read by nobody
    for memory in [*touched, *map(root, (*slices, *loop.carry, *loop.outputs, *loop.start, *loop.end))]:
        axis, shape = known.get(memory), shapes.get(memory, memory.shape)
        if axis is not None and product(shape[:axis]) == 1:
            row_bytes[memory] = _of_one(_size(memory), symbol)
        elif axis is not None or memory in written or symbol in _symbols(memory.shape):
            return None
    row_cycles = cycles * typical(loop.length) / typical(Dim.symbol(symbol))
    return RowBlocks(symbol, row_bytes, row_cycles)


def _kernel_of(launch: Launch) -> str:
    return launch.label.rpartition(".")[0]


def _always(launch: Launch) -> Launch:
    return replace(launch, units=replace(launch.units, only=None))


def _if_there_are_steps(launch: Launch, length: Extent) -> Launch:
    """A launch ahead of a loop, whose results nobody reads where the loop has no step."""
    if isinstance(length, int) or launch.units.only is not None:
        return launch
    return replace(launch, units=replace(launch.units, only=(length, 1, 0)))


def by_rows(launches: Sequence[Launch], symbol: str) -> list[Launch]:
    """The launches as a block of rows has them, all units of each for one thread."""
    return [replace(launch, serial=True, by_rows=symbol) for launch in launches]


def _symbol(loop: LoopParts) -> str | None:
    """The name of the number of rows of what is carried, or of the slices."""
    for value in (*loop.carry, *(part for part, _ in loop.moving)):
        if value.shape and isinstance(value.shape[0], Dim) and len(value.shape[0].symbols) == 1:
            (symbol,) = value.shape[0].symbols
            return symbol if value.shape[0] == Dim.symbol(symbol) else None
    return None


def _symbols(shape: Shape) -> set[str]:
    return {symbol for extent in shape if isinstance(extent, Dim) for symbol in extent.symbols}


def _size(value: Value) -> Extent:
    return product(value.shape) * dtypes.itemsize(value.dtype)


def _of_one(size: Extent, symbol: str) -> Extent:
    """A size that is proportional to the number of rows, for one row."""
    assert isinstance(size, Dim) and all(monomial.count(symbol) == 1 for monomial in size.terms), size
    terms = {tuple(a for a in monomial if a != symbol): factor for monomial, factor in size.terms.items()}
    return terms[()] if list(terms) == [()] else Dim(terms)
