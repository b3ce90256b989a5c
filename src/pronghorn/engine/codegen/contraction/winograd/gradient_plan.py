"""Planning the gradient of such convolutions by their filter.

With ``y = A (G g * B d)`` the gradient of ``g`` is ``G' (sum of A' y * B d)`` over all tiles, where ``'`` transposes:
matrices of products are summed up over tiles, and transformed once in the end. Many points are taken in turns, each
over all tiles of a chunk, so that the sums of one stay in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from pronghorn.engine.codegen.contraction.plan import Kernel, Plan, Scratch, plan
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.contraction.winograd.shape import (
    SINGLE,
    SIZES,
    STACK_BYTES,
    InTurns,
    Taps,
    effort_of,
    pairs_of,
    phases_of,
    points_of,
    roles,
    static,
    whole,
)
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import FEW_UNITS, MULTIPLY_ADDS, typical

__all__ = ["FilterGradientPlan", "plan_filter_gradient"]

TILES = (16, 32, 48, 64)  # taken at a time, at most
FEWEST_TILES = 16  # below which writing sums takes as long as summing
GAIN = 1.1  # less than for results: these estimates come nearer
MOST_CHUNKS = 16  # of the images, shared out among threads: each has sums of its own
FEWEST_BLOCKS = 2  # of tiles in a chunk, or its sums would cost more than what is summed
SUMS_BYTES = 1024 * 1024  # of a unit, which should stay in the second-level cache
FEWEST_CHANNELS = 64  # of a block of channels: with fewer, transforms take as long as products
FEWEST_INPUTS = 8  # channels of A: with fewer, a product takes less than what it reads
LEAST_PRODUCT = 512  # channels times filters, with taps along one axis: transforms save less there
ALL_SUMS_BYTES = 4 * 1024 * 1024  # of all chunks, which are combined in the end

# Cycles, in the model's units, of transforming one vector of a tile's inputs and gradients, of taking a vector of sums
# up, from the second-level cache and from beyond it, and of combining it.
_INPUT, _GRADIENT, _SUM, _FAR_SUM, _COMBINE = 55.0, 45.0, 2.0, 6.0, 12.0


@dataclass(frozen=True, slots=True)
class FilterGradientPlan(InTurns):
    """How such a gradient is computed; it stands in for a :class:`..plan.Plan`.

    ``rows`` and ``columns`` pair the summed axes of positions with those of taps; ``images`` is summed over in chunks,
    whose number is ``chunks``; ``channels`` and ``vector`` are a block of A's and of B's, of which there are
    ``channel_blocks`` and ``vector_blocks``. ``tiles`` are transformed at a time.
    """

    spec: Contraction
    rows: Taps
    columns: Taps
    images: Axis
    channels: Axis
    vector: Axis
    channel_blocks: int
    vector_blocks: int
    tiles: int
    lanes: int
    product: Plan
    cycles: float
    chunks: Count
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    dot: bool = False

    @property
    def blocks(self) -> int:
        """Pairs of a block of A's channels and one of B's; each is a unit of a chunk."""
        return self.channel_blocks * self.vector_blocks

    @property
    def product_points(self) -> int:
        """How many matrices of sums the product's kernel adds to in a call."""
        return _product_points(self.pairs)

    @property
    def width(self) -> int:
        """A block of B's channels, in whole vectors."""
        return whole(static(self.vector.extent), self.lanes)

    @property
    def gradient_plane(self) -> int:
        """Elements from one of the transformed gradients to the next."""
        return self.tiles * self.width + self.lanes

    @property
    def sums_plane(self) -> int:
        """Elements from one of a unit's matrices of sums to the next."""
        return static(self.channels.extent) * self.width + self.lanes


def plan_filter_gradient(spec: Contraction, machine: Machine, usual: Plan | None = None) -> FilterGradientPlan | None:
    """Plans a contraction so, if it is such a gradient and the estimate is less than that of ``usual``."""
    found = roles(spec)
    if found is None:
        return None
    reduced, rows, columns = found
    taps = [axis for axis in rows if axis.extent in SIZES and axis.a != 1]
    channels = [axis for axis in rows if axis not in taps]
    if len(channels) != 1 or len(columns) != 1 or len(reduced) != len(taps) + 1:
        return None
    pairs = pairs_of(spec, taps, reduced)
    (channel,), (vector,) = channels, columns
    known = isinstance(channel.extent, int) and isinstance(vector.extent, int)
    if pairs is None or not known or channel.a != 1 or vector.b != 1 or vector.c != 1:
        return None
    if any(pair.backward for pair in pairs):
        return None
    of_a, of_b = static(channel.extent), static(vector.extent)
    if usual is not None and (of_a < FEWEST_INPUTS or (pairs[1] is SINGLE and of_a * of_b < LEAST_PRODUCT)):
        return None
    (images,) = (axis for axis in reduced if all(axis is not pair.results for pair in pairs))
    plans = (_planned(spec, machine, pairs, images, channel, vector, most) for most in TILES)
    made = min(filter(None, plans), key=lambda plan: plan.cycles, default=None)
    if made is None or usual is None:
        return made
    # With few units the usual sums are better: they are cut finer.
    worth = made.cycles * GAIN < usual.tile.cycles and made.chunks.typical * made.blocks >= FEW_UNITS
    return made if worth else None


@dataclass(frozen=True, slots=True)
class _Blocks:
    """How the channels are cut: into how many blocks, of how many in whole vectors, and tiles that fit the stack."""

    channels: int
    vectors: int
    depth: int
    width: int
    tiles: int
    cycles: float
    """Of a tile with all channels, but for what its products lose."""


def _cut(
    channels: Axis, vector: Axis, pairs: tuple[Taps, Taps], lanes: int, machine: Machine, most: int
) -> _Blocks | None:
    """Blocks of channels whose sums stay near at hand, so that what is transformed again costs the least."""
    found, points = [], points_of(pairs)
    at_a_time = max(phase.points for phase in phases_of(pairs))
    for a, depth in _block_sizes(static(channels.extent), lanes):
        for b, width in _block_sizes(static(vector.extent), lanes):
            tiles = min(most, STACK_BYTES // (4 * at_a_time * (depth + width)))
            sums = points * depth * width // lanes
            if tiles < FEWEST_TILES or 4 * at_a_time * depth * width > SUMS_BYTES:
                continue
            near = 4 * at_a_time * (depth * width + tiles * (depth + width)) <= machine.l2_bytes
            transforms = (depth * _INPUT + width * _GRADIENT) / lanes * effort_of(pairs)
            cycles = a * b * (sums + transforms + sums / tiles * (_SUM if near else _FAR_SUM))
            found.append(_Blocks(a, b, depth, width, tiles, cycles))
    return min(found, key=lambda blocks: blocks.cycles, default=None)


def _product_points(pairs: tuple[Taps, Taps]) -> int:
    """The points of a call of the product's kernel: as many for each of the turns that they take."""
    return gcd(*(phase.points for phase in phases_of(pairs)))


def _block_sizes(extent: int, lanes: int) -> list[tuple[int, int]]:
    """Numbers of blocks, and the channels of one in whole vectors."""
    sizes = [(1, whole(extent, lanes))]
    for number in range(2, extent // FEWEST_CHANNELS + 1):
        if extent % (number * lanes) == 0:
            sizes.append((number, extent // number))
    return sizes


def _planned(
    spec: Contraction, machine: Machine, pairs: tuple[Taps, Taps], images: Axis, channels: Axis, vector: Axis, most: int
) -> FilterGradientPlan | None:
    lanes = machine.lanes("float32")
    points = points_of(pairs)
    cut = _cut(channels, vector, pairs, lanes, machine, most)
    if cut is None:
        return None
    channels = replace(channels, extent=static(channels.extent) // cut.channels)
    vector = replace(vector, extent=static(vector.extent) // cut.vectors)
    rows, columns = pairs
    depth, width = cut.depth, cut.width
    sums = 4 * points * static(channels.extent) * width
    blocks = cut.channels * cut.vectors
    fewest = -(-FEWEST_BLOCKS * cut.tiles // (rows.tiles * columns.tiles))
    limit = max(-(-MOST_CHUNKS // (2 * blocks)), min(MOST_CHUNKS, ALL_SUMS_BYTES // (sums * blocks)))
    chunks = Count(images.extent, fewest, limit)
    many = max(chunks.typical, 1)
    of_chunk = rows.tiles * columns.tiles * -(-typical(images.extent) // many)
    turns = max(-(-of_chunk // cut.tiles), 1)
    tiles = max(-(-of_chunk // turns), FEWEST_TILES)  # so that the last block of a chunk is as full as the others
    plane = static(channels.extent) * width + lanes
    inner = Contraction(
        (
            Axis("point", _product_points(pairs), a=tiles * depth + lanes, b=tiles * width + lanes, c=plane),
            Axis("channel", static(channels.extent), a=1, c=width),
            Axis("filter", width, b=1, c=1),
            Axis("tile", tiles, a=depth, b=width),
        ),
        Array(0, "float32"),
        Array(1, "float32"),
        Array(2, "float32"),
    )
    product = plan(inner, machine)
    if len(product.kernels) != 1 or product.dot or product.vector.c != 1:
        return None
    at_a_time = max(phase.points for phase in phases_of(pairs))
    near = sums // points * at_a_time + 4 * at_a_time * tiles * (depth + width) <= machine.l2_bytes
    loaded = _SUM if near else _FAR_SUM
    block = (
        product.tile.cycles * (points // _product_points(pairs))
        + tiles * (depth * _INPUT + width * _GRADIENT) / lanes * effort_of(pairs)
        + sums / 4 / lanes * loaded
    )
    unit = block * turns
    combine = points * width // lanes * cut.vectors * many * _COMBINE  # of one of A's channels
    total = static(channels.extent) * cut.channels
    cycles = unit * many * blocks + combine * total
    kernels = (
        Kernel("main", Units.of(chunks, blocks), unit / MULTIPLY_ADDS),
        Kernel("combine", Units(total), combine / MULTIPLY_ADDS),
    )
    scratch = (Scratch("partial sums", "float32", points * plane * blocks * chunks.most),)
    made = (spec, rows, columns, images, channels, vector, cut.channels, cut.vectors, tiles, lanes, product, cycles)
    return FilterGradientPlan(*made, chunks, kernels, scratch)
