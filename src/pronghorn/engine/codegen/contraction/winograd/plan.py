"""Planning convolutions with a few taps along an axis or two, and gradients by their input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from pronghorn.engine.codegen.contraction.plan import Kernel, Plan, Scratch, plan
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.contraction.unit_rows import UnitRows
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import look_at, look_kernel
from pronghorn.engine.codegen.contraction.winograd.shape import (
    GAIN,
    MANY_POINTS,
    SINGLE,
    SIZES,
    STACK_BYTES,
    STEP,
    Taps,
    Tiled,
    effort_of,
    pairs_of,
    points_of,
    roles,
    static,
    whole,
)
from pronghorn.engine.codegen.contraction.winograd.wide_plan import WidePlan, plan_wide
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import product as product_of

__all__ = ["WinogradPlan", "plan_results"]

MOST_TILES = 32  # taken at a time
FEWEST_TILES = 12  # below which the products have too few rows
FEW_TILES = 10  # the same, of so many points that a block has no room for more
FEW_BLOCKS = 4  # of an image, below which units have a part of the filters, so that one image is shared out
FILTER_BYTES = 5 * 1024 * 1024  # of transformed taps, which every block of tiles reads
BLOCK_COLUMNS = (64, 32)  # of the filters at a time: the fewer only where so many leave no room for tiles

# Cycles, in the model's units, of transforming one vector of a tile, of a filter, and of its results.
_INPUT, _FILTER, _RESULT = 55.0, 45.0, 75.0


@dataclass(frozen=True, slots=True)
class WinogradPlan(Tiled):
    """How a contraction is computed by minimal filtering; it stands in for a :class:`.plan.Plan`.

    ``rows`` and ``columns`` are the tile's two axes; ``images`` other rows of the result, ``channels`` is summed over,
    ``vector`` are the result's channels. ``tiles`` are transformed at a time, and multiplied with ``width`` channels of
    the filters at a time by ``product``, the plan of the matrix products.
    """

    spec: Contraction
    rows: Taps
    columns: Taps
    images: tuple[Axis, ...]
    channels: Axis
    vector: Axis
    tiles: int
    width: int
    lanes: int
    product: Plan
    cycles: float
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    dot: bool = False
    chunks: None = None

    @property
    def blocks(self) -> int:
        """How many blocks of tiles an image has."""
        return -(-self.tiles_of_image // self.tiles)

    @property
    def parts(self) -> int:
        """How many units share a block of tiles; each has as many of the result's channels as are taken at a time."""
        return self.filters // self.width if self.blocks < FEW_BLOCKS else 1

    @property
    def unit_rows(self) -> UnitRows:
        """The units, those that have other channels of the same rows aside."""
        count = product_of((self.blocks, *(axis.extent for axis in self.images)))
        return UnitRows(count, self.tiles * self.rows.step * self.columns.step)

    @property
    def turned(self) -> bool:
        """Whether a block of filters is turned as it is read, since not they but the channels are adjacent."""
        return _turned(self.channels, self.vector, self.lanes)

    @property
    def filters(self) -> int:
        """The result's channels, in whole blocks of ``width``."""
        return whole(static(self.vector.extent), self.width)

    @property
    def filter_plane(self) -> int:
        """Elements from one of the transformed filters to the next; planes a multiple of 4096 bytes apart would
        share a few lines of the cache."""
        return self.depth * self.filters + self.lanes

    @property
    def product_plane(self) -> int:
        """Elements from one of the products to the next."""
        return self.tiles * self.width + self.lanes


def plan_results(
    spec: Contraction, machine: Machine, usual: Plan | None = None, multiples: Mapping[str, int] | None = None
) -> WinogradPlan | WidePlan | None:
    """Plans a contraction so, if it is a convolution of that kind and the estimate is less than that of ``usual``.

    Without ``usual``, whatever the estimate. ``multiples`` (for an epilogue over whole tiles) is as in
    :func:`.plan.plan`.
    """
    found = _recognised(spec)
    if found is None:
        return None
    (rows, columns), images, channels, vector = found
    for name, multiple in (multiples or {}).items():
        if name not in (rows.results.name, columns.results.name) or multiple != STEP:
            return None
    if multiples and (columns is SINGLE or rows.apart > 1 or columns.apart > 1):
        return None
    if multiples and (rows.extent % STEP or columns.extent % STEP):
        return None
    best: WinogradPlan | None = None
    points = points_of((rows, columns))
    many = points > MANY_POINTS
    for block in BLOCK_COLUMNS if many else BLOCK_COLUMNS[:1]:
        depth, width = _widths(channels, vector, machine.lanes("float32"), block)
        most = min(STACK_BYTES // (4 * points * (depth + width)), MOST_TILES)
        for tiles in _tile_counts(rows.tiles * columns.tiles, most, FEW_TILES if many else FEWEST_TILES):
            made = _planned(spec, machine, rows, columns, images, channels, vector, tiles, width)
            if made is not None and (best is None or made.cycles < best.cycles):
                best = made
        if best is not None:
            break
    if best is None:
        return None if multiples else plan_wide(spec, machine, found, usual)
    return None if usual is not None and best.cycles * GAIN >= usual.tile.cycles else best


def _recognised(spec: Contraction) -> tuple[tuple[Taps, Taps], tuple[Axis, ...], Axis, Axis] | None:
    """The parts that the axes play, or None: two pairs of axes, one summed axis, one axis of result channels."""
    found = roles(spec)
    if found is None:
        return None
    reduced, rows, columns = found
    taps = [axis for axis in reduced if axis.extent in SIZES and axis.a != 1]
    channels = [axis for axis in reduced if axis not in taps]
    if len(channels) != 1 or len(columns) != 1:
        return None
    pairs = pairs_of(spec, taps, rows)
    (channel,), (vector,) = channels, columns
    known = isinstance(channel.extent, int) and isinstance(vector.extent, int)
    if pairs is None or not known or channel.a != 1 or vector.c != 1:
        return None
    images = tuple(axis for axis in rows if all(axis is not pair.results for pair in pairs))
    return pairs, images, channel, vector


def _tile_counts(of_image: int, most: int, least: int) -> list[int]:
    """How many tiles to take at a time: an image in equal blocks of at most ``most``, the fewest and a few more."""
    if min(of_image, most) < least:
        return []
    fewest = -(-of_image // most)
    counts = {-(-of_image // blocks) for blocks in range(fewest, fewest + 3)}
    return sorted((count for count in counts if count >= least), reverse=True)


def _widths(channels: Axis, vector: Axis, lanes: int, block: int) -> tuple[int, int]:
    """The summed channels in whole vectors, and how many of the result's are taken at a time."""
    extent = static(vector.extent)
    return whole(static(channels.extent), lanes), whole(-(-extent // -(-extent // block)), lanes)


def _planned(
    spec: Contraction,
    machine: Machine,
    rows: Taps,
    columns: Taps,
    images: tuple[Axis, ...],
    channels: Axis,
    vector: Axis,
    tiles: int,
    width: int,
) -> WinogradPlan | None:
    lanes = machine.lanes("float32")
    depth = whole(static(channels.extent), lanes)
    filters = whole(static(vector.extent), width)
    points = points_of((rows, columns))
    if 4 * points * depth * filters > FILTER_BYTES:
        return None
    inner = Contraction(
        (
            Axis("point", points, a=tiles * depth + lanes, b=depth * filters + lanes, c=tiles * width + lanes),
            Axis("tile", tiles, a=depth, c=width),
            Axis("filter", width, b=1, c=1),
            Axis("channel", static(channels.extent), a=1, b=filters),
        ),
        Array(0, "float32"),
        Array(1, "float32"),
        Array(2, "float32"),
    )
    product = plan(inner, machine)
    if len(product.kernels) != 1:
        return None
    product = _by_point(product)
    blocks = -(-rows.tiles * columns.tiles // tiles)
    transforms = tiles * (depth // lanes * _INPUT + filters // lanes * _RESULT) * effort_of((rows, columns))
    block = product.tile.cycles * (filters // width) + transforms
    many = prod(typical(axis.extent) for axis in images)
    cycles = block * blocks * many + depth * filters // lanes * _FILTER
    step = lanes if _turned(channels, vector, lanes) else 1
    look, found = look_kernel(look_at((rows, columns), channels, vector, lanes), (rows, columns))
    kernels = (
        look,
        Kernel("pack", Units(static(channels.extent) // step), step * filters // lanes * _FILTER / MULTIPLY_ADDS),
        Kernel("main", Units.of(blocks, *(axis.extent for axis in images)), block / MULTIPLY_ADDS),
    )
    scratch = (found, Scratch("packed B", "float32", points * (depth * filters + lanes)))
    made = WinogradPlan(
        spec, rows, columns, images, channels, vector, tiles, width, lanes, product, cycles, kernels, scratch
    )
    *before, main = kernels
    units = replace(Units.of(blocks, made.parts, *(axis.extent for axis in images)), group=made.parts)
    return replace(made, kernels=(*before, replace(main, units=units, cycles=main.cycles / made.parts)))


def _by_point(product: Plan) -> Plan:
    """The plan with units of one point at most, so that products of some of them can be asked for."""
    outer = next(number for number, level in enumerate(product.levels) if level.axis and level.axis.name == "point")
    if product.unit_levels > outer:
        return product
    (main,) = product.kernels
    units = Units.of(*(Count(level.axis.extent, level.step) for level in product.levels[: outer + 1] if level.axis))
    share = main.cycles / units.evaluate({})
    return replace(product, unit_levels=outer + 1, kernels=(replace(main, units=units, cycles=share),))


def _turned(channels: Axis, vector: Axis, lanes: int) -> bool:
    whole_blocks = static(channels.extent) % lanes == 0 and static(vector.extent) % lanes == 0
    return channels.b == 1 and vector.b != 1 and whole_blocks
