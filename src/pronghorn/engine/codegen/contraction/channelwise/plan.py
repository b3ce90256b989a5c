"""Planning convolutions whose channels stay apart, and their gradients by the input."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pronghorn.engine.codegen.contraction.channelwise.parts import (
    MOST_COLUMNS,
    InTiles,
    Parts,
    known,
    parts_of,
    tile_of,
)
from pronghorn.engine.codegen.contraction.plan import Kernel, Scratch
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.contraction.unit_rows import UnitRows
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import LEAST_GRAIN_CYCLES, MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import product

__all__ = ["ChannelwisePlan", "plan_results", "tile_cycles"]

LOADS, TILE, RESULT = 0.2, 14.0, 1.6  # cycles beside the multiply-adds, as in the model of the general tile


@dataclass(frozen=True, slots=True)
class ChannelwisePlan(InTiles):
    """How such a contraction is computed; it stands in for a :class:`..plan.Plan`.

    A unit is a block of ``tiles`` tiles of one row, each of ``columns`` columns (the last may have fewer).
    """

    spec: Contraction
    parts: Parts
    columns: int
    tiles: int
    lanes: int
    cycles: float
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...] = ()
    dot: bool = False
    chunks: None = None

    @property
    def vector(self) -> Axis:
        """The axis that the lanes run along."""
        return self.parts.channels

    @property
    def unit_rows(self) -> UnitRows:
        """The units: each has all channels."""
        count = product((self.block.most, *(axis.extent for axis in self.parts.rows)))
        return UnitRows(count, min(self.columns * self.tiles, typical(self.parts.columns.extent)), panels=1)


def plan_results(spec: Contraction, machine: Machine) -> ChannelwisePlan | None:
    """Plans a contraction so, if it is one whose channels stay apart."""
    parts = parts_of(spec)
    lanes = machine.lanes("float32")
    if parts is None or spec.sum_dtype != "float32" or lanes == 1:
        return None
    columns = tile_of(parts.columns.extent, min(MOST_COLUMNS, machine.registers - parts.width - 3))
    if columns is None:
        return None
    tile = -(-known(parts.channels.extent) // lanes) * tile_cycles(parts, columns)
    tiles = max(1, round(LEAST_GRAIN_CYCLES * MULTIPLY_ADDS / tile))
    many = -(-typical(parts.columns.extent) // columns)
    cycles = tile * many * prod(typical(axis.extent) for axis in parts.rows)
    blocks = Count(parts.columns.extent, columns * tiles)
    units = Units.of(*(axis.extent for axis in parts.rows), blocks)
    main = Kernel("main", units, tile * min(tiles, many) / MULTIPLY_ADDS)
    return ChannelwisePlan(spec, parts, columns, tiles, lanes, cycles, (main,))


def tile_cycles(parts: Parts, columns: int) -> float:
    """An estimate for one vector of channels of a tile."""
    products = parts.lines * parts.width * columns
    loads = parts.lines * (len(parts.shared(columns)) + parts.width)
    return max(products, loads) + LOADS * loads + TILE + RESULT * columns
