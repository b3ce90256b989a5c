"""Planning such convolutions of many channels, whose transformed filters would outgrow the caches.

The tiles of all images are transformed first. A unit then takes some tiles and a block of the filters: it transforms
these, a part of the summed channels at a time, and multiplies them with the tiles while they are near. Many points are
taken in turns, and what the first give is kept until the last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from pronghorn.engine.codegen.contraction.pairs.plan import PACKED
from pronghorn.engine.codegen.contraction.plan import Kernel, Plan, Scratch, plan
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.contraction.unit_rows import UnitRows
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import look_at, look_kernel
from pronghorn.engine.codegen.contraction.winograd.shape import (
    GAIN,
    MANY_POINTS,
    STACK_BYTES,
    InTurns,
    Taps,
    effort_of,
    phases_of,
    points_of,
    static,
)
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import FEW_UNITS, MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.dim import product as product_of

__all__ = ["ROWS", "WidePlan", "plan_wide"]

TILES = 128  # that share the transformed filters of a block
ROWS = 8  # of a product: few, so that a single small image does not leave most of them empty
WIDTH = 32  # filters of a block
DEPTH = 64  # most summed channels at a time: their transformed filters take half of a second-level cache

# Cycles, in the model's units, of transforming one vector of a tile, of a filter (more if its lanes lie apart), and of
# its results.
_INPUT, _FILTER, _TURNED_FILTER, _RESULT = 55.0, 60.0, 110.0, 75.0


@dataclass(frozen=True, slots=True)
class WidePlan(InTurns):
    """How such a contraction is computed; it stands in for a :class:`..plan.Plan`.

    ``channels`` and ``vector`` are a block of the summed channels and of the result's, of which there are
    ``channel_blocks`` and ``filter_blocks``; ``images`` are other rows of the result. ``tiles`` are a group.
    ``product`` multiplies some of them with a block of filters, at one of the points, and adds to its results.
    """

    spec: Contraction
    rows: Taps
    columns: Taps
    images: tuple[Axis, ...]
    channels: Axis
    vector: Axis
    channel_blocks: int
    filter_blocks: int
    tiles: int
    lanes: int
    product: Plan
    cycles: float
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    dot: bool = False
    chunks: None = None

    @property
    def filter_axes(self) -> tuple[Axis, Axis]:
        """All blocks of both."""
        channels = replace(self.channels, extent=self.depth * self.channel_blocks)
        return channels, replace(self.vector, extent=self.width * self.filter_blocks)

    @property
    def width(self) -> int:
        """The result's channels of a block."""
        return static(self.vector.extent)

    @property
    def filter_plane(self) -> int:
        """Elements from one of the transformed filters to the next."""
        return self.depth * self.width + self.lanes

    @property
    def product_plane(self) -> int:
        """Elements from one of the products to the next."""
        return self.tiles * self.width + self.lanes

    @property
    def kept_plane(self) -> int:
        """Elements from what one turn adds to a tile's results, for one of these, to the next."""
        return self.tiles * self.width

    @property
    def all_tiles(self) -> Extent:
        """Tiles of all images."""
        return product_of((self.tiles_of_image, *(axis.extent for axis in self.images)))

    @property
    def groups(self) -> Count:
        """How many groups of tiles there are."""
        return Count(self.all_tiles, self.tiles)

    @property
    def unit_rows(self) -> UnitRows:
        """The groups of tiles: units share the rows of one."""
        return UnitRows(self.groups.most, self.tiles * self.rows.step * self.columns.step)


def plan_wide(
    spec: Contraction,
    machine: Machine,
    roles: tuple[tuple[Taps, Taps], tuple[Axis, ...], Axis, Axis],
    usual: Plan | None = None,
) -> WidePlan | None:
    """Plans a contraction so, if its channels can be cut and the estimate is less than that of ``usual``.

    Args:
        spec: the contraction.
        machine: for which it is planned.
        roles: the parts that its axes play: two pairs, the images, the summed channels and the result's.
        usual: the direct plan; whatever the estimate if None.
    """
    (rows, columns), images, channels, vector = roles
    lanes, depth = machine.lanes("float32"), static(channels.extent)
    blocks = next((n for n in range(-(-depth // DEPTH), depth // lanes + 1) if depth % (n * lanes) == 0), None)
    if blocks is None or static(vector.extent) % WIDTH or WIDTH % lanes or 1 not in (vector.b, channels.b):
        return None
    part, filters = depth // blocks, static(vector.extent) // WIDTH
    group = _tiles((rows, columns), part)
    inner = Contraction(
        (
            Axis("tile", ROWS, a=part, c=WIDTH),
            Axis("filter", WIDTH, b=1, c=1),
            Axis("channel", part, a=1, b=WIDTH),
        ),
        Array(0, "float32"),
        Array(1, "float32"),
        Array(2, "float32"),
    )
    made = plan(inner, machine)
    if len(made.kernels) != 1 or made.dot or made.vector.c != 1:
        return None
    tiles = rows.tiles * columns.tiles
    many = prod(typical(axis.extent) for axis in images) * tiles
    turned = _FILTER if vector.b == 1 else _TURNED_FILTER
    size = effort_of((rows, columns))
    inputs, taps = depth // lanes * _INPUT * size, depth * WIDTH // lanes * turned * size
    products, results = blocks * points_of((rows, columns)) * made.tile.cycles, WIDTH // lanes * _RESULT
    block = -(-many // group) * taps + -(-many // ROWS) * products + many * results * size
    cycles = inputs * many + filters * block
    extents = tuple(axis.extent for axis in images)
    groups = Count(product_of((tiles, *extents)), group)
    if usual is not None and (cycles * GAIN >= usual.tile.cycles or filters * groups.typical < FEW_UNITS):
        return None
    look, found = look_kernel(look_at((rows, columns), channels, vector, lanes), (rows, columns))
    kernels = (
        look,
        Kernel("pack_a", Units.of(tiles, *extents), inputs / MULTIPLY_ADDS),
        Kernel("main", Units.of(filters, groups), block / max(1, groups.typical) / MULTIPLY_ADDS),
    )
    plane = points_of((rows, columns)) * (group * part + lanes)
    scratch = (found, Scratch(PACKED["pack_a"], "float32", product_of((blocks * plane, groups.most))))
    cut = replace(channels, extent=part), replace(vector, extent=WIDTH)
    made_of = (spec, rows, columns, images, *cut, blocks, filters, group, lanes, made, cycles, kernels, scratch)
    return WidePlan(*made_of)


def _tiles(pairs: tuple[Taps, Taps], part: int) -> int:
    """How many tiles are a group, of ``part`` channels at a time: `TILES`, or fewer where there are many points."""
    if points_of(pairs) <= MANY_POINTS:
        return TILES
    points, results = max(phase.points for phase in phases_of(pairs)), pairs[0].step * pairs[1].step
    most = (STACK_BYTES // (4 * WIDTH) - points * part) // (points + results)
    return min(TILES, most // ROWS * ROWS)
