"""Planning the gradient of 3x3 convolutions by their filter.

With ``y = A (G g * B d)`` the gradient of ``g`` is ``G' (sum of A' y * B d)`` over all tiles, where ``'`` transposes:
sixteen matrices are summed up over tiles, and transformed once in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.codegen.contraction.plan import Kernel, Plan, Scratch, plan
from pronghorn.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.codegen.contraction.tiling import Machine
from pronghorn.codegen.contraction.winograd.shape import (
    GAIN,
    POINTS,
    STACK_BYTES,
    TAPS,
    Taps,
    Tiled,
    pairs_of,
    roles,
    static,
    whole,
)
from pronghorn.codegen.units import Count, Units
from pronghorn.compiler.costs import MULTIPLY_ADDS, typical

__all__ = ["FilterGradientPlan", "plan_filter_gradient"]

MOST_TILES = 64  # taken at a time
FEWEST_TILES = 16  # below which writing sums takes as long as summing
FEWEST_CHUNKS, MOST_CHUNKS = 8, 16  # of the images, shared out among threads: each has sums of its own
FEWEST_BLOCKS = 2  # of tiles in a chunk, or its sums would cost more than what is summed
SUMS_BYTES = 1024 * 1024  # of a chunk, which stay in the second-level cache
ALL_SUMS_BYTES = 4 * 1024 * 1024  # of all chunks, which are combined in the end

# Cycles, in the model's units, of transforming one vector of a tile's inputs and gradients, of taking a vector of sums
# up, and of combining it.
_INPUT, _GRADIENT, _SUM, _COMBINE = 55.0, 45.0, 2.0, 12.0


@dataclass(frozen=True, slots=True)
class FilterGradientPlan(Tiled):
    """How such a gradient is computed; it stands in for a :class:`..plan.Plan`.

    ``rows`` and ``columns`` pair the summed axes of positions with those of taps; ``images`` is summed over in chunks,
    whose number is ``chunks``; ``channels`` and ``vector`` are A's and B's. ``tiles`` are transformed at a time.
    """

    spec: Contraction
    rows: Taps
    columns: Taps
    images: Axis
    channels: Axis
    vector: Axis
    tiles: int
    lanes: int
    product: Plan
    cycles: float
    chunks: Count
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    dot: bool = False

    @property
    def width(self) -> int:
        """B's channels, in whole vectors."""
        return whole(static(self.vector.extent), self.lanes)

    @property
    def gradient_plane(self) -> int:
        """Elements from one of the sixteen transformed gradients to the next."""
        return self.tiles * self.width + self.lanes

    @property
    def sums_plane(self) -> int:
        """Elements from one of a chunk's sixteen matrices of sums to the next."""
        return static(self.channels.extent) * self.width + self.lanes


def plan_filter_gradient(spec: Contraction, machine: Machine, usual: Plan | None = None) -> FilterGradientPlan | None:
    """Plans a contraction so, if it is such a gradient and the estimate is less than that of ``usual``."""
    found = roles(spec)
    if found is None:
        return None
    reduced, rows, columns = found
    taps = [axis for axis in rows if axis.extent == TAPS and axis.a != 1]
    channels = [axis for axis in rows if axis not in taps]
    if len(channels) != 1 or len(columns) != 1 or len(reduced) != 3:
        return None
    pairs = pairs_of(spec, taps, reduced)
    (channel,), (vector,) = channels, columns
    known = isinstance(channel.extent, int) and isinstance(vector.extent, int)
    if pairs is None or not known or channel.a != 1 or vector.b != 1 or vector.c != 1:
        return None
    if any(pair.backward for pair in pairs):
        return None
    (images,) = (axis for axis in reduced if all(axis is not pair.results for pair in pairs))
    made = _planned(spec, machine, pairs, images, channel, vector)
    if made is None or usual is None:
        return made
    # With few chunks, many threads have nothing to do; the usual sums are cut finer.
    worth = made.cycles * GAIN < usual.tile.cycles and made.chunks.typical >= FEWEST_CHUNKS
    return made if worth else None


def _planned(
    spec: Contraction, machine: Machine, pairs: tuple[Taps, Taps], images: Axis, channels: Axis, vector: Axis
) -> FilterGradientPlan | None:
    lanes = machine.lanes("float32")
    depth, width = whole(static(channels.extent), lanes), whole(static(vector.extent), lanes)
    rows, columns = pairs
    tiles = min(MOST_TILES, STACK_BYTES // (4 * POINTS * (depth + width)))
    sums = 4 * POINTS * static(channels.extent) * width
    if tiles < FEWEST_TILES or sums > SUMS_BYTES:
        return None
    plane = static(channels.extent) * width + lanes
    inner = Contraction(
        (
            Axis("point", POINTS, a=tiles * depth + lanes, b=tiles * width + lanes, c=plane),
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
    fewest = -(-FEWEST_BLOCKS * tiles // (rows.tiles * columns.tiles))
    limit = max(FEWEST_CHUNKS, min(MOST_CHUNKS, ALL_SUMS_BYTES // sums))
    chunks = Count(images.extent, fewest, limit)
    block = product.tile.cycles + tiles * (depth * _INPUT + width * _GRADIENT) / lanes + sums / 4 / lanes * _SUM
    many = chunks.typical
    blocks = many * -(-rows.tiles * columns.tiles * -(-typical(images.extent) // many) // tiles)
    combine = POINTS * static(channels.extent) * width // lanes * _COMBINE
    cycles = block * blocks + combine * many
    kernels = (
        Kernel("main", Units.of(chunks), block * blocks / many / MULTIPLY_ADDS),
        Kernel("combine", Units(static(channels.extent)), combine * many / static(channels.extent) / MULTIPLY_ADDS),
    )
    scratch = (Scratch("partial sums", "float32", POINTS * plane * chunks.most),)
    return FilterGradientPlan(
        spec, rows, columns, images, channels, vector, tiles, lanes, product, cycles, chunks, kernels, scratch
    )
