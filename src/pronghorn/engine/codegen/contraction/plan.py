"""From a contraction to kernels: tile, loop order, packing, splitting of long reductions, and units of work.

A plan has one to three kernels, run one after another: *pack* copies B into panels where its own layout would make the
vectors of B scattered or fight over the cache; *main* is the register-tiled loop nest; *combine* adds up the partial
results if the reduction was split. What a kernel computes is cut into units; any partition of the units among threads
gives the same bits, since every result is summed within one unit, in an order that only the extents decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import gcd, prod

from pronghorn.engine.codegen.builder import llvm_type, size_of
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction, far
from pronghorn.engine.codegen.contraction.tiling import (
    Machine,
    Tile,
    VectorChoice,
    choose_tile,
    choose_vector,
)
from pronghorn.engine.codegen.contraction.unit_rows import UnitRows
from pronghorn.engine.codegen.contraction.zeros import RUN_BLOCK, RUN_STEPS, Zeros, skipped
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import GRAIN_CYCLES, LINE_BYTES, MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import Extent, evaluate, least, product
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = [
    "FEW_PARTIALS",
    "FEW_ROWS",
    "Chunks",
    "Kernel",
    "Level",
    "Plan",
    "Scratch",
    "for_few_rows",
    "partial_sums",
    "plan",
    "span_of",
]

FEWEST_TILES = 8  # that can be shared out
FEW_PARTIALS = 16  # where there are not enough tiles otherwise
MOST_PARTIALS = 64
MANY_PANELS = 64  # of B, which are units enough for many threads
LEAST_PACKED = 128  # rows and columns from which copying both operands pays
NEAR_TILES = 8  # that share what the first of them copies, at least
LEAST_BLOCK = 48  # steps, or reading and writing the sums takes long
CHUNK_BYTES, SMALL_CHUNK_BYTES = 768 * 1024, 384 * 1024  # of A and B, where they are large
PACK_ROWS = 64  # that reuse a panel before packing it pays at all
FEW_ROWS = 24  # up to which reading B once, as it lies, beats writing and reading a copy
MANY_ROWS = 512  # that reuse a panel before packing it is a small part of the time
LEAST_TILES, MANY_BLOCKS = 4, 8  # in a block of rows, and of these
LEAST_PART = 512  # steps of a sum that is cut instead, or combining the parts shows
LEAST_NEAR_PART = 256  # where parts stay in the cache that would not if they were longer
LINES_APART, WAYS = 2048, 8  # of a second-level cache: lines so far apart compete for so many places


@dataclass(frozen=True, slots=True)
class Level:
    """One loop around the register tile: an axis in steps of the tile's factor. ``axis`` None: over the chunks."""

    axis: Axis | None
    step: int


@dataclass(frozen=True, slots=True)
class Chunks:
    """A reduction split along ``axis`` into ``count`` chunks of equal length (the last may be shorter, or empty)."""

    axis: str
    count: Count


@dataclass(frozen=True, slots=True)
class Scratch:
    """A buffer that the caller provides: ``elements`` of ``dtype``, aligned to 64 bytes; ``purpose`` for debugging."""

    purpose: str
    dtype: str
    elements: Extent

    def bytes(self, env: Mapping[str, int]) -> int:
        """Its size, given a number for each symbol."""
        return evaluate(self.elements, env) * size_of(llvm_type(self.dtype))


@dataclass(frozen=True, slots=True)
class Kernel:
    """One of a plan's kernels: ``role`` is pack, runs, main or combine.

    ``units`` is how many units of work there are; ``cycles`` what one of them takes.
    """

    role: str
    units: Units
    cycles: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How a contraction is computed; made by :func:`plan`, emitted by :func:`..emit.emit`.

    ``spec`` may have A and B exchanged and axes merged. ``levels`` are the loops from the outside, of which the first
    ``unit_levels`` make the units; ``depth`` the summed axes from the outermost. Levels over summed axes take a chunk's
    sum in blocks: each adds to what the one before left in the partial sums. ``pack_rows``: A is copied, too.
    ``far_rows`` and ``far_results``: A and C are larger than the second-level cache. ``zeros``: which rows of zeros are
    looked for. ``pack_near``: a panel of B is copied by the first of the tiles of a unit that read it, as it goes, into
    a buffer on the stack, of so many steps (0: not so).
    """

    spec: Contraction
    vector: Axis
    dot: bool
    pack: bool
    tile: Tile
    levels: tuple[Level, ...]
    unit_levels: int
    depth: tuple[Axis, ...]
    chunks: Chunks | None
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    multiples: Mapping[str, int] = field(default_factory=dict)
    pack_rows: bool = False
    far_rows: bool = False
    far_results: bool = False
    zeros: Zeros = "none"
    pack_near: int = 0

    @property
    def panel(self) -> int:
        """Elements across one panel of a packed B."""
        return self.tile.lanes if self.dot else self.tile.lanes * self.tile.vectors

    @property
    def unit_rows(self) -> UnitRows | None:
        """The units, those that have other panels of the same rows aside; None where units have parts of sums."""
        if self.chunks is not None:
            return None
        outer = [level for level in self.levels[: self.unit_levels] if level.axis is not None]
        counts = [Count(v.axis.extent, v.step) for v in outer if v.axis is not None and v.axis is not self.vector]
        across = [Count(level.axis.extent, level.step).most for level in outer if level.axis is self.vector]
        panels = product((1, *across))
        if not isinstance(panels, int) or (across and outer[-1].axis is not self.vector):
            panels = 0  # units of the same rows do not follow one another
        rows = prod(typical(axis.extent) for axis in self.free() if axis is not self.vector)
        length = rows // max(1, prod(count.typical for count in counts))
        return UnitRows(product(tuple(count.most for count in counts)), length, panels)

    @property
    def packed_dtype(self) -> str:
        """The dtype of a packed B: 16-bit floats are widened on the way, once instead of in every use."""
        return self.spec.sum_dtype if self.spec.b.dtype in LOW_PRECISION else self.spec.b.dtype

    def outer_b(self) -> tuple[Axis, ...]:
        """The axes of B besides the summed ones and the vector axis, outermost first."""
        return tuple(axis for axis in self.spec.axes if axis.b != 0 and not axis.reduced and axis is not self.vector)

    def depth_b(self) -> tuple[Axis, ...]:
        """The summed axes of B, outermost first, without the vector axis."""
        return tuple(axis for axis in self.depth if axis.b != 0 and axis is not self.vector)

    def of_rows(self) -> Plan:
        """This with A and B exchanged, as far as packing asks: the lanes of its panels are a tile's rows."""
        ((name, rows),) = self.tile.rows
        spec = self.spec.swapped()
        by_name = {axis.name: axis for axis in spec.axes}
        depth = tuple(by_name[axis.name] for axis in self.depth)
        return replace(self, spec=spec, vector=by_name[name], tile=Tile((), rows, 1), depth=depth, pack_rows=False)

    def free(self) -> tuple[Axis, ...]:
        """The axes of C, the vector axis last."""
        axes = tuple(axis for axis in self.spec.axes if not axis.reduced and axis is not self.vector)
        return axes if self.dot else (*axes, self.vector)


def plan(
    spec: Contraction,
    machine: Machine,
    multiples: Mapping[str, int] | None = None,
    apart: Sequence[str] = (),
    skip_zeros: bool = False,
) -> Plan:
    """Plans a contraction for a machine.

    ``multiples`` (for an epilogue over whole tiles) maps up to two row axes of fixed extent to factors that the tile's
    extent along them must be a multiple of; the extents must be multiples too. Raises ValueError where that fails.
    ``apart`` names axes that are not merged with others. ``skip_zeros``: products with rows of zeros may be left out.
    """
    multiples = dict(multiples or {})
    for axis in spec.axes:
        wanted = multiples.get(axis.name, 1)
        if isinstance(axis.extent, int) and axis.extent % wanted:
            raise ValueError(f"Axis {axis.name!r} has extent {axis.extent}, not a multiple of {wanted}.")
    spec = spec.simplified(keep=(*multiples, *apart))
    choice = choose_vector(spec, machine) if not multiples else _vector_besides(spec, machine, multiples)
    tile = choose_tile(choice, machine, multiples)
    both = not multiples and packs_rows(choice, tile)
    if both:
        tile = choose_tile(choice, machine, rows_packed=True)
    spec = choice.spec
    depth = _depth_order(choice)
    pack, kept = (True, 0) if both else _panels(choice, tile, depth, machine)
    chunks = None if multiples or choice.dot else _split(choice, tile, depth, kept, both, machine)
    turns = _turns(choice, tile, depth, chunks, machine)
    if turns and chunks:
        chunks = replace(chunks, count=replace(chunks.count, limit=1))
    blocks = turns or (() if both else _blocks(choice, tile, depth, chunks, machine))
    if chunks and not blocks and _tiles(choice, tile) >= FEWEST_TILES:
        chunks = _of_one_length(chunks, depth, spec, machine)
    zeros: Zeros = "none"
    if skip_zeros and not multiples:
        zeros = skipped(spec, choice.axis, [name for name, _ in tile.rows], depth, tile.cycles, both)
    near = 0
    if pack and not both and chunks and not blocks and zeros != "tiles":
        near = _packs_near(choice, tile, depth, machine)
    if near:
        levels = _levels_near(choice.axis, tile, spec, depth, near)
    else:
        levels = _levels(choice, tile, chunks, blocks, bool(turns), machine)
    unit_levels, work = _unit_levels(levels, tile, chunks)
    made = (spec, choice.axis, choice.dot, pack, tile, levels, unit_levels, depth, chunks)
    far_rows, far_results = (_bytes_along(spec, of) > machine.l2_bytes for of in "ac")
    partial = Plan(*made, (), (), multiples, both, far_rows, far_results, zeros, near)
    main = Kernel("main", _units(levels[:unit_levels], chunks), work / MULTIPLY_ADDS)
    return _with_kernels(partial, main)


def _vector_besides(spec: Contraction, machine: Machine, multiples: Mapping[str, int]) -> VectorChoice:
    """The vector axis where the tile's row axes are asked for: none of those, and not a summed one."""
    choice = choose_vector(spec, machine)
    if choice.dot or choice.axis.name in multiples:
        for axis in spec.axes:
            if not axis.reduced and axis.b != 0 and axis.a in (0, 1) and axis.name not in multiples:
                return VectorChoice(spec, axis, False, axis.b != 1)
        raise ValueError(f"No axis is left for the vectors when the tile covers {sorted(multiples)}.")
    return choice


def _depth_order(choice: VectorChoice) -> tuple[Axis, ...]:
    """The summed axes, those with the longest steps outside, so that the innermost loop walks along A."""
    reduced = [axis for axis in choice.spec.axes if axis.reduced and axis is not choice.axis]
    reduced.sort(key=lambda axis: (-far(axis.a), -far(axis.b)))
    return (*reduced, choice.axis) if choice.dot else tuple(reduced)


def _bytes_along(spec: Contraction, of: str) -> int:
    """An estimate of how many bytes of A, B or C a contraction touches."""
    array: Array = getattr(spec, of)
    return size_of(llvm_type(array.dtype)) * prod(typical(axis.extent) for axis in spec.axes if getattr(axis, of) != 0)


def packs_rows(choice: VectorChoice, tile: Tile) -> bool:
    """Whether to copy A, too, into panels of a tile's rows, as B into panels of its vectors.

    That is for products that sum along the rows of both arrays, such as a dense layer's filter gradient. Each step of
    a tile's sum meets lines that lie far apart, in A for the sake of a few adjacent elements. Where a tile has
    multiply-adds to spare, it asks for these ahead (`tile.py`); a narrow one (AVX2's) would wait for them. Rows and
    columns enough reuse what is copied.
    """
    spec, vector = choice.spec, choice.axis
    rows = [axis for axis in spec.axes if axis.a != 0 and not axis.reduced]
    columns = [axis for axis in spec.axes if axis.b != 0 and not axis.reduced]
    if choice.dot or vector.b != 1 or columns != [vector] or len(rows) != 1 or rows[0].a != 1:
        return False
    reduced = [axis for axis in spec.axes if axis.reduced]
    if any(axis.a == 0 or axis.b == 0 for axis in reduced) or tile.rows == ():
        return False
    sizes = [axis.extent for axis in (*rows, vector)]
    if not all(isinstance(size, int) and size >= LEAST_PACKED for size in sizes):
        return False
    ((_, factor),) = tile.rows
    lines = 2 - (-tile.vectors * tile.lanes * size_of(llvm_type(spec.b.dtype)) // LINE_BYTES)  # A's rows may be in two
    return 8 * (factor + tile.vectors + lines) > 7 * factor * tile.vectors


def _split(
    choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], kept: int, both: bool, machine: Machine
) -> Chunks | None:
    """Splits a long reduction if the tiles are too few to share out, or would each read all of a large A and B.

    ``kept`` (0: no matter) is how many steps of a panel of B the cache keeps; ``both``: both operands are packed.
    """
    spec = choice.spec
    steps = prod(typical(axis.extent) for axis in depth)
    tiles = _tiles(choice, tile)
    longest = [axis for axis in depth if not isinstance(axis.extent, int) or axis.extent >= 8]
    results = 4 * prod(typical(axis.extent) for axis in spec.axes if not axis.reduced)
    sums = tile.vectors * prod(factor for _, factor in tile.rows)
    partials = 0
    if tiles < FEWEST_TILES and steps * sums * tiles > 2 * GRAIN_CYCLES and results <= machine.l2_bytes:
        partials = FEW_PARTIALS
    if both:
        partials = max(partials, -(-steps // _panel_steps(tile, spec, machine)))
    else:
        partials = max(partials, _partials(choice, tile, depth, longest, machine))
    if kept and steps > kept:
        partials = max(partials, -(-steps // kept))
    partials = min(partials, steps // 32)
    return _chunks(longest, partials) if partials > 1 else None


def _partials(choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], longest: list[Axis], machine: Machine) -> int:
    """How many chunks to sum apart, so that what is read again and again comes from the second-level cache (1: none).

    Either a chunk's A and B stay there while all tiles of the result go by; or, with fewer chunks, a panel of B does,
    and A comes from farther away for each panel. The one that moves fewer bytes is taken: partial sums are written
    and read once for each chunk.
    """
    spec = choice.spec
    steps, tiles = prod(typical(axis.extent) for axis in depth), _tiles(choice, tile)
    results = 4 * prod(typical(axis.extent) for axis in spec.axes if not axis.reduced)
    panel = tile.vectors * tile.lanes * size_of(llvm_type(spec.b.dtype))
    streamed = steps * (panel + LINE_BYTES)  # a step of a tile reads its vectors of B, and at least a line of A
    operands = span_of(spec, "a") + span_of(spec, "b")
    if tiles <= 2 or streamed <= min(machine.l2_bytes, _chunk_bytes(machine)) or operands <= 2 * machine.l2_bytes:
        return 1
    by_panel = -(-steps // _panel_steps(tile, spec, machine))
    whole = min(-(-operands // _chunk_bytes(machine)), MOST_PARTIALS)
    columns = prod(typical(axis.extent) for axis in spec.axes if not axis.reduced and axis.b != 0)
    read_again = -(-columns // (tile.vectors * tile.lanes)) * span_of(spec, "a")
    if 4 * results * by_panel + read_again < 4 * results * whole:
        return by_panel
    # Partial sums are little enough against what each tile would read from afar?
    affordable = tiles * streamed // 8 // (2 * results)
    if whole < FEW_PARTIALS <= affordable and _blocks(choice, tile, depth, _chunks(longest, FEW_PARTIALS), machine):
        whole = FEW_PARTIALS
    return whole if whole <= affordable else 1


def _chunk_bytes(machine: Machine) -> int:
    """What of A and B stays in the second-level cache while a chunk's tiles go by: processors with AVX-512 have one of
    a megabyte or more, others mostly half of that or less."""
    return CHUNK_BYTES if machine.vector_bits == 512 else SMALL_CHUNK_BYTES


def _panel_steps(tile: Tile, spec: Contraction, machine: Machine) -> int:
    """How many steps of a panel of B a quarter of the second-level cache holds."""
    return machine.l2_bytes // 4 // (tile.vectors * tile.lanes * size_of(llvm_type(spec.b.dtype)))


def _packs_near(choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], machine: Machine) -> int:
    """How many steps of a panel of B a unit's first tile copies for the others, into the second-level cache; or 0.

    A kernel before, which copies all of B, writes and reads it once more, from afar. A tile that reads rows of B where
    they lie has loads and stores to spare while it multiplies. So that is for sums over the rows of both arrays.
    """
    spec, vector = choice.spec, choice.axis
    free = [axis for axis in spec.axes if not axis.reduced]
    rows = [axis for axis in free if axis.b == 0]
    if len(depth) != 1 or len(rows) != 1 or len(free) != 2 or vector.b != 1 or spec.b.dtype != spec.sum_dtype:
        return 0
    if [name for name, _ in tile.rows] != [rows[0].name] or depth[0].a == 1 or depth[0].b == 0:
        return 0
    sizes = (rows[0].extent, vector.extent)
    if not all(isinstance(size, int) for size in sizes) or sizes[0] < NEAR_TILES * tile.factor(rows[0].name):
        return 0
    return _panel_steps(tile, spec, machine)


def _levels_near(vector: Axis, tile: Tile, spec: Contraction, depth: tuple[Axis, ...], steps: int) -> tuple[Level, ...]:
    """The loops where a unit's first tile packs: chunks, panels, blocks of rows, parts of a chunk, rows.

    Each block of rows has a whole tile, to be the first.
    """
    (rows,) = (axis for axis in spec.axes if axis.b == 0)
    step = tile.factor(rows.name)
    assert isinstance(rows.extent, int)
    whole, blocks = rows.extent // step, -(-rows.extent // (step * 2 * NEAR_TILES))
    while whole <= (blocks - 1) * (size := -(-rows.extent // (step * blocks))):
        blocks -= 1
    return (
        Level(None, 1),
        Level(vector, tile.vectors * tile.lanes),
        Level(rows, size * step),
        Level(depth[0], steps),
        Level(rows, step),
    )


def _turns(
    choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], chunks: Chunks | None, machine: Machine
) -> tuple[Level, ...]:
    """Loops over summed axes inside of those over panels of B, where a long sum is split for the sake of these alone.

    Where there are panels enough for all threads, each can go through the parts of its sum in turn, and the result is
    there once rather than once for each part. Empty where the parts are better summed apart.
    """
    panels = choice.axis.extent
    if chunks is None or not isinstance(panels, int) or -(-panels // (tile.vectors * tile.lanes)) < MANY_PANELS:
        return ()
    steps = _panel_steps(tile, choice.spec, machine)
    if chunks.count.limit != -(-prod(typical(axis.extent) for axis in depth) // steps):
        return ()  # it is split into chunks that stay in the cache as a whole
    for number in reversed(range(len(depth))):
        axis = depth[number]
        if number and isinstance(axis.extent, int) and axis.extent <= steps:
            steps //= axis.extent
        else:
            return (*(Level(outer, 1) for outer in depth[:number]), Level(axis, max(1, steps)))
    return ()


def _chunks(longest: list[Axis], partials: int) -> Chunks | None:
    return Chunks(longest[0].name, Count(longest[0].extent, 1, partials)) if longest else None


def _of_one_length(chunks: Chunks, depth: tuple[Axis, ...], spec: Contraction, machine: Machine) -> Chunks:
    """Chunks as long as they would be at a typical extent, or longer, and at most as many: a shorter sum has fewer.

    Where a typical sum has as many as there may be, they may outgrow the cache, in which a shorter one's stay.
    """
    count = chunks.count
    inside = prod(typical(axis.extent) for axis in depth if axis.name != chunks.axis)
    step = max(typical(count.extent) // count.limit, -(-LEAST_PART // inside))
    near = typical(count.extent) * _chunk_bytes(machine) // (span_of(spec, "a") + span_of(spec, "b"))
    if count.limit == MOST_PARTIALS and near * inside >= LEAST_NEAR_PART:
        step = min(step, near)
    return replace(chunks, count=replace(count, step=step))


def _tiles(choice: VectorChoice, tile: Tile) -> int:
    """An estimate of how many tiles cover C."""
    free = [axis for axis in choice.spec.axes if not axis.reduced and axis is not choice.axis]
    rows = prod(-(-typical(axis.extent) // tile.factor(axis.name)) for axis in free)
    return rows * -(-typical(choice.axis.extent) // (tile.lanes * tile.vectors))


def span_of(spec: Contraction, of: str) -> int:
    """An estimate of the bytes from the first to the last element of A or B."""
    array = spec.a if of == "a" else spec.b
    steps = sum((typical(axis.extent) - 1) * abs(typical(getattr(axis, of))) for axis in spec.axes)
    return size_of(llvm_type(array.dtype)) * (steps + 1)


def _blocks(
    choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], chunks: Chunks | None, machine: Machine
) -> tuple[Level, ...]:
    """Loops over summed axes around a chunk's tiles, so that A and B of a block stay in the first-level cache.

    That pays if several tiles read a block, and if the chunks alone make enough units.
    """
    if chunks is None or chunks.count.limit < FEW_PARTIALS or _tiles(choice, tile) < 2:
        return ()
    if any(axis.b and axis.a for axis in choice.spec.axes if axis.c):
        return ()
    block_bytes = machine.l1_bytes * 3 // 4
    for number in reversed(range(len(depth))):
        axis, inner = depth[number], depth[number + 1 :]
        one = _block_bytes(choice.spec, inner, None, 1)
        longest = typical(axis.extent)
        if axis.name == chunks.axis:
            longest = -(-longest // chunks.count.limit)
        if number and _block_bytes(choice.spec, inner, axis, longest) <= block_bytes:
            continue  # all of this axis fits: a block takes steps of the next, too
        more = (_block_bytes(choice.spec, inner, axis, 2) - one) or 1
        steps = 1 + max(0, block_bytes - one) // more
        if (steps >= longest and not number) or steps * prod(typical(a.extent) for a in inner) < LEAST_BLOCK:
            return ()
        return (*(Level(outer, 1) for outer in depth[:number]), Level(axis, min(steps, longest)))
    return ()


def _block_bytes(spec: Contraction, inner: tuple[Axis, ...], axis: Axis | None, steps: int) -> int:
    """An estimate of what a block of some steps along ``axis``, and all of the ``inner`` axes, touches of A and B."""
    extents = {other.name: 1 for other in spec.axes if other.reduced} | {a.name: typical(a.extent) for a in inner}
    if axis is not None:
        extents[axis.name] = steps
    cut = [replace(other, extent=extents.get(other.name, other.extent)) for other in spec.axes]
    part = replace(spec, axes=tuple(cut))
    return sum(min(span_of(part, of), _bytes_along(part, of)) for of in "ab")


def _levels(
    choice: VectorChoice,
    tile: Tile,
    chunks: Chunks | None,
    blocks: tuple[Level, ...],
    in_turn: bool,
    machine: Machine,
) -> tuple[Level, ...]:
    """The loops around the tile: chunks, blocks, batch axes, then rows and columns with the smaller operand inside.

    ``in_turn``: the blocks are those of a panel of B, inside of the loops over panels.
    """
    free = [axis for axis in choice.spec.axes if not axis.reduced and axis is not choice.axis]
    batch = [axis for axis in free if axis.a != 0 and axis.b != 0]
    rows = sorted((axis for axis in free if axis.b == 0), key=lambda axis: -far(axis.a))
    columns = sorted((axis for axis in free if axis.a == 0), key=lambda axis: -far(axis.b))
    across = [] if choice.dot else [Level(choice.axis, tile.vectors * tile.lanes)]
    row_levels = [Level(axis, tile.factor(axis.name)) for axis in rows]
    column_levels = [Level(axis, tile.factor(axis.name)) for axis in columns] + across
    outer = [Level(axis, tile.factor(axis.name)) for axis in batch]
    if in_turn:
        return (Level(None, 1), *outer, *column_levels, *blocks, *row_levels)
    alike = prod(typical(axis.extent) for axis in batch)
    if _bytes_along(choice.spec, "b") // max(alike, 1) <= machine.l2_bytes * 3 // 4:
        inside = row_levels + column_levels  # all of B stays in the cache while the rows go by
    else:
        inside = column_levels + row_levels  # a panel of B stays
        if not (chunks or batch):
            inside = _blocks_of_rows(choice.spec, row_levels, machine) + inside
    head = [Level(None, 1), *blocks] if chunks else []
    return tuple(head + outer + inside)


def _blocks_of_rows(spec: Contraction, rows: list[Level], machine: Machine) -> list[Level]:
    """A loop over blocks of rows around that over the panels of a B that is not much larger than the cache.

    A block of A is then read from near for each panel, and what is written, and what an epilogue reads, is whole rows
    within a short time, where a panel alone would take narrow strips of all of them. Panels of a larger B come from too
    far away to be read for each block.
    """
    axis, step = (rows[0].axis, rows[0].step) if len(rows) == 1 else (None, 0)
    if axis is None or _bytes_along(spec, "b") > 2 * machine.l2_bytes:
        return []
    row = size_of(llvm_type(spec.a.dtype)) * prod(typical(other.extent) for other in spec.axes if other.reduced)
    tiles = machine.l2_bytes // 4 // max(1, row * step)
    if tiles < LEAST_TILES or typical(axis.extent) < MANY_BLOCKS * tiles * step:
        return []
    return [Level(axis, tiles * step)]


def _level_count(level: Level, chunks: Chunks | None) -> Count:
    if level.axis is None and chunks is not None:
        return chunks.count
    return Count(level.axis.extent, level.step) if level.axis else Count(1)


def _units(levels: tuple[Level, ...], chunks: Chunks | None) -> Units:
    return Units.of(*(_level_count(level, chunks) for level in levels))


def _unit_levels(levels: tuple[Level, ...], tile: Tile, chunks: Chunks | None) -> tuple[int, float]:
    """How many of the outer loops make the units, and what one takes: units not too small, but enough of them."""
    work = tile.cycles
    fewest = 1
    used = 0
    for level in levels:
        if level.axis is not None and (level.axis.reduced or any(outer.axis is level.axis for outer in levels[:used])):
            break  # a summed axis, or the rows of a block
        enough = 32 if work <= 4 * GRAIN_CYCLES else 64  # small pieces of a row of tiles share its lines
        if work <= GRAIN_CYCLES or fewest >= enough:
            break
        used += 1
        if level.axis is None and chunks is not None and chunks.count.limit == 1:
            continue
        if level.axis is None:  # of chunks of one length a short sum has one
            fewest *= 8 if chunks is not None and chunks.count.step == 1 else 1
            work /= FEW_PARTIALS
        else:
            many = -(-typical(level.axis.extent) // level.step)
            work /= many
            fewest *= many if isinstance(level.axis.extent, int) else 1
    return used, work


def _panels(choice: VectorChoice, tile: Tile, depth: tuple[Axis, ...], machine: Machine) -> tuple[bool, int]:
    """Whether to copy B into panels; if not, how many steps of one the cache keeps (0: no matter).

    Where its lanes are adjacent already, that pays if many rows reuse a panel, and either its elements have to be
    widened, or it is larger than the first-level cache and its lines lie so far apart that they compete for few places
    in the second-level cache, too. With few rows, a part of the reduction at a time does better. With many, the copy is
    so cheap that it is made whenever nobody knows how long the sum is.
    """
    spec = choice.spec
    width = size_of(llvm_type(spec.b.dtype))
    panel = tile.vectors * tile.lanes * width
    inner = [axis for axis in depth if axis.b != 0]
    if choice.pack or choice.dot or not inner or choice.axis.a != 0:
        return choice.pack, 0
    extents = [axis.extent for axis in spec.axes if axis.b == 0]
    rows = prod(map(typical, extents))
    if spec.b.dtype in LOW_PRECISION:
        return rows >= PACK_ROWS, 0
    stride = far(inner[-1].b) * width
    steps = prod(typical(axis.extent) for axis in inner)
    if stride < 2 * panel or stride % 1024:
        return False, 0
    if steps * panel <= machine.l1_bytes:  # or so it seems: a batch that is summed over may be any
        return rows >= MANY_ROWS and not all(isinstance(axis.extent, int) for axis in inner), 0
    kept = WAYS * LINES_APART // gcd(stride // LINE_BYTES, LINES_APART)
    if steps <= kept or rows < PACK_ROWS:
        return False, 0
    # The order of summation must not depend on how many rows there are, so that it is decided for known extents only.
    known = all(isinstance(extent, int) for extent in extents)
    return (False, kept) if known and rows < MANY_ROWS and kept >= LEAST_PART else (True, 0)


def for_few_rows(many: Plan) -> Plan | None:
    """The plan of a main kernel that reads B where it lies, if ``many`` packs it for rows whose number is not known.

    It takes the place of packing and main kernel below :data:`FEW_ROWS`, with the same bits; partial sums are combined
    by the kernel of ``many``.
    """
    rows = [axis.extent for axis in many.spec.axes if axis.b == 0]
    fewest = prod(map(least, rows))
    if not many.pack or many.dot or many.vector.b != 1 or fewest >= FEW_ROWS:
        return None
    if all(isinstance(extent, int) for extent in rows):
        return None
    kernels = tuple(kernel for kernel in many.kernels if kernel.role == "main")
    scratch = tuple(buffer for buffer in many.scratch if buffer.purpose not in ("packed B", "runs"))
    return replace(many, pack=False, kernels=kernels, scratch=scratch, zeros="none")


def _with_kernels(partial: Plan, main: Kernel) -> Plan:
    """Adds the kernels before and after the main one, and their buffers."""
    kernels, scratch = [main], []
    packed = [("pack", "packed B", partial)] if partial.pack and not partial.pack_near else []
    packed += [("pack_a", "packed A", partial.of_rows())] if partial.pack_rows else []
    for role, purpose, of in packed:
        panels = Count(of.vector.extent, of.panel)
        outer = tuple(Count(axis.extent) for axis in (*of.outer_b(), *of.depth_b()))
        scratch.append(Scratch(purpose, of.packed_dtype, _elements(of.panel, panels, *outer)))
        kernels.insert(0, Kernel(role, Units.of(*pack_counts(of)), PACK_CYCLES * of.panel / partial.panel))
    if partial.zeros == "steps":
        (step,) = partial.depth
        scratch.append(Scratch("runs", "int64", Count(step.extent, RUN_STEPS).most))
        kernels.insert(0, Kernel("runs", Units.of(Count(step.extent, RUN_BLOCK)), RUNS_CYCLES))
    if partial.chunks:
        buffer, combine = partial_sums(partial)
        scratch.append(buffer)
        kernels.append(combine)
    return replace(partial, kernels=tuple(kernels), scratch=tuple(scratch))


def partial_sums(plan: Plan) -> tuple[Scratch, Kernel]:
    """The buffer for the sums of a plan's chunks, and the kernel that adds them up."""
    assert plan.chunks is not None
    across = Count(plan.vector.extent, plan.tile.lanes)
    others = tuple(Count(axis.extent) for axis in plan.free()[:-1])
    elements = _elements(plan.tile.lanes, plan.chunks.count, *others, across)
    combine = Kernel("combine", Units.of(*combine_counts(plan)), COMBINE_CYCLES)
    return Scratch("partial sums", plan.spec.sum_dtype, elements), combine


PACK_DEPTH = 64  # steps of the innermost summed axis that one unit of packing takes
PACK_CYCLES, COMBINE_CYCLES, RUNS_CYCLES = 12_000.0, 1_500.0, 1_500.0  # of a unit


def pack_counts(plan: Plan) -> tuple[Count, ...]:
    """The loops that make the units of the pack kernel: outer axes, panels, summed axes (the innermost in blocks)."""
    depth = [Count(axis.extent) for axis in plan.depth_b()]
    if depth and not plan.dot:
        depth[-1] = Count(plan.depth_b()[-1].extent, PACK_DEPTH)
    panels = (Count(plan.vector.extent, 1 << 40),) if plan.dot else (Count(plan.vector.extent, plan.panel),)
    return (*(Count(axis.extent) for axis in plan.outer_b()), *panels, *depth)


def combine_counts(plan: Plan) -> tuple[Count, ...]:
    """The loops that make the units of the combine kernel: every axis of C but the vector axis, then its vectors."""
    return (*(Count(axis.extent) for axis in plan.free()[:-1]), Count(plan.vector.extent, plan.tile.lanes))


def _elements(width: int, *counts: Count) -> Extent:
    return product((width, *(count.most for count in counts)))
