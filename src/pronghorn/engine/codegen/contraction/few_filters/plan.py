"""Planning convolutions of few filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from pronghorn.engine.codegen.builder import llvm_type, size_of
from pronghorn.engine.codegen.contraction.channelwise.parts import FEWEST_COLUMNS, MOST_COLUMNS, InTiles, Parts, known
from pronghorn.engine.codegen.contraction.few_filters.folding import FOLD, groups_of
from pronghorn.engine.codegen.contraction.plan import Kernel, Scratch
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction, far
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.compiler.costs import LEAST_GRAIN_CYCLES, MULTIPLY_ADDS, typical

__all__ = ["FewFiltersPlan", "plan_few_filters"]

MOST_FILTERS = 4
NEAR = 16  # a row is at most such a part of the second-level cache where the next is asked for
GROUP = 12.0  # cycles of a vector of results
LATENCY = 4.0  # of a multiply-add, of which as many must be under way
LOADS, LOOP, TILE, RESULT = 0.2, 0.7, 14.0, 1.6  # cycles beside the multiply-adds, as in the model of the general tile
SCATTER = 1.5  # a result that is stored by itself
PACK_CYCLES = 2.0  # of an element


@dataclass(frozen=True, slots=True)
class FewFiltersPlan(InTiles):
    """How such a contraction is computed; it stands in for a :class:`..plan.Plan`.

    A unit is a block of ``tiles`` tiles of one row, each of ``columns`` columns (the last may have fewer).
    ``filters`` is None where there is one. ``pack``: the filters are copied first, so that a filter's channels are
    adjacent. ``ahead``: the row behind is near enough to ask for it.
    """

    spec: Contraction
    parts: Parts
    filters: Axis | None
    columns: int
    tiles: int
    lanes: int
    pack: bool
    ahead: bool
    cycles: float
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...] = ()
    dot: bool = False
    chunks: None = None

    @property
    def vector(self) -> Axis:
        """The axis that the lanes of the results run along."""
        return self.parts.columns

    @property
    def many(self) -> int:
        """How many filters there are."""
        return 1 if self.filters is None else known(self.filters.extent)

    @property
    def vectors(self) -> int:
        """How many vectors the channels of one place take, the last perhaps with lanes to spare."""
        return -(-known(self.parts.channels.extent) // self.lanes)


def plan_few_filters(
    spec: Contraction, machine: Machine, below: float, apart: Sequence[str] = ()
) -> FewFiltersPlan | None:
    """Plans a contraction so, if it is of such a shape and takes less than ``below`` cycles.

    ``apart`` names axes that are not merged with others.
    """
    summed = [axis.name for axis in spec.axes if axis.reduced and axis.extent != 1]
    spec = spec.simplified(keep=(*apart, *summed))
    found = _parts_of(spec)
    lanes = machine.lanes("float32")
    if found is None or spec.sum_dtype != "float32" or lanes == 1:
        return None
    parts, filters = found
    many = 1 if filters is None else known(filters.extent)
    ahead = bool(parts.rows) and far(parts.rows[-1].a) * size_of(llvm_type(spec.a.dtype)) <= machine.l2_bytes // NEAR
    made = FewFiltersPlan(spec, parts, filters, 1, 1, lanes, parts.channels.b != 1, ahead, 0.0, ())
    candidates = [(_cycles(made, columns), columns) for columns in _columns(parts, many, machine)]
    cycles, columns = min(candidates, default=(below, 1))
    return _with_kernels(replace(made, columns=columns, cycles=cycles)) if cycles < below else None


def _parts_of(spec: Contraction) -> tuple[Parts, Axis | None] | None:
    """The parts that the axes play and that of the filters, if the contraction is of such a shape."""
    summed = [axis for axis in spec.axes if axis.reduced]
    filters = [axis for axis in spec.axes if axis.a == 0]
    positions = [axis for axis in spec.axes if axis.b == 0]
    channels = [axis for axis in summed if axis.a == 1 and axis.b != 0]
    if len(spec.axes) != len(summed) + len(filters) + len(positions) or len(channels) != 1 or len(filters) > 1:
        return None
    taps = [axis for axis in summed if axis is not channels[0]]
    if any(axis.a == 0 or axis.b == 0 for axis in taps) or any(axis.reduced for axis in (*filters, *positions)):
        return None
    if not all(isinstance(axis.extent, int) for axis in (*summed, *filters)):
        return None
    if prod(known(axis.extent) for axis in filters) > MOST_FILTERS:
        return None
    columns = min((axis for axis in positions if isinstance(axis.a, int)), key=lambda axis: far(axis.a), default=None)
    across = min((axis for axis in taps if isinstance(axis.a, int)), key=lambda axis: far(axis.a), default=None)
    if columns is None or across is None or typical(columns.extent) < FEWEST_COLUMNS:
        return None
    rows = sorted((axis for axis in positions if axis is not columns), key=lambda axis: -far(axis.a))
    outer = sorted((axis for axis in taps if axis is not across), key=lambda axis: -far(axis.a))
    parts = Parts(channels[0], columns, tuple(rows), tuple(outer), across)
    return parts, filters[0] if filters else None


def _columns(parts: Parts, many: int, machine: Machine) -> Iterator[int]:
    """How many columns a tile may have: with the filters of a row's taps, the sums must find room in registers."""
    most = (machine.registers - 1 - (0 if machine.has_fma else 1)) // many - parts.width
    extent = parts.columns.extent
    for columns in range(1, min(most, MOST_COLUMNS) + 1):
        if isinstance(extent, int) and columns != -(-extent // -(-extent // columns)):
            continue  # fewer do in as many tiles
        yield columns


def _cycles(made: FewFiltersPlan, columns: int) -> float:
    """The model's estimate for the whole contraction, in tiles of so many columns."""
    extent = made.parts.columns.extent
    rows = prod(typical(axis.extent) for axis in made.parts.rows)
    if isinstance(extent, int):
        rest = extent % columns
        return rows * (extent // columns * _tile_cycles(made, columns) + (_tile_cycles(made, rest) if rest else 0.0))
    left = (columns - 1) / 2
    whole = max(typical(extent) - left, 0) / columns
    return rows * (whole * _tile_cycles(made, columns) + left * _tile_cycles(made, 1))


def _tile_cycles(made: FewFiltersPlan, columns: int) -> float:
    """An estimate for a tile."""
    parts, many = made.parts, made.many
    products = columns * parts.width * many
    loads = len(parts.shared(columns)) + parts.width * many
    step = max(products, loads, LATENCY * parts.width) + LOADS * loads + LOOP
    vectors = len(groups_of(columns, made.lanes, masked=parts.columns.c == 1))
    result = RESULT + FOLD + (0.0 if parts.columns.c == 1 else SCATTER)
    return parts.lines * made.vectors * step + TILE + many * (columns * result + vectors * GROUP)


def _with_kernels(made: FewFiltersPlan) -> FewFiltersPlan:
    """Adds the kernels and the buffer of the copied filters."""
    parts = made.parts
    tile = _tile_cycles(made, made.columns)
    tiles = max(1, round(LEAST_GRAIN_CYCLES * MULTIPLY_ADDS / tile))
    made = replace(made, tiles=tiles)
    many = min(tiles, -(-typical(parts.columns.extent) // made.columns))
    main = Kernel("main", Units.of(*(axis.extent for axis in parts.rows), made.block), many * tile / MULTIPLY_ADDS)
    if not made.pack:
        return replace(made, kernels=(main,))
    copied = parts.lines * made.vectors * parts.width * made.many
    pack = Kernel("pack", Units(copied), PACK_CYCLES * made.lanes)
    return replace(made, kernels=(pack, main), scratch=(Scratch("packed B", "float32", copied * made.lanes),))
