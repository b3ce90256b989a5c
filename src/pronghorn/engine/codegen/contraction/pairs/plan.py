"""Planning products of bfloat16 pairs and of fours of int8: rows, columns and steps, and how their tiles are filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from pronghorn.engine.codegen.contraction.pairs.unit import LINES, TILE_BYTES, HasPairs, PairUnit, pair_unit
from pronghorn.engine.codegen.contraction.plan import FEW_PARTIALS, Chunks, Kernel, Plan, Scratch, partial_sums, span_of
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction, far
from pronghorn.engine.codegen.contraction.tiling import Tile
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import FEW_UNITS, GRAIN_CYCLES, MANY_UNITS, MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import Extent, least, product

__all__ = [
    "LINEWISE",
    "PACKED",
    "SCATTERED",
    "STEPWISE",
    "Packed",
    "PairPlan",
    "multiplies_pairs",
    "pairs_for_few_rows",
    "plan_pairs",
]

STEPWISE, LINEWISE, SCATTERED = "along the steps", "along the lines", "along neither"
"""Where the elements of an operand are adjacent in memory: along the sum, along its rows or columns, or nowhere."""

PACKED = {"pack": "packed B", "pack_a": "packed A"}
"""The kernels that bring an operand into tiles, by their roles, and the buffers that they write."""

MOST_COLUMNS = 512  # of a unit of work
MOST_SUMS = 1 << 15  # of a unit: they are in a buffer on the stack, 128 KB
MOST_BLOCKS = 4  # of rows of a unit
BLOCK = 16  # tiles of steps that a unit brings of A at a time: 32 KB a block of 32 rows
PACK_TILES = 8  # tiles of steps that a unit of packing takes
MOST_PADDING = 1.6  # times the steps, if runs of adjacent ones are filled up to whole tiles
CHUNK_STEPS = 256  # of a sum at least that is cut

# In the model's units: of filling one tile in each of the ways, first for A, whose rows are as in memory, then for B;
# of an element of one that is filled element by element; of a vector of results; and of one that is scattered.
_FILL_A = {STEPWISE: 70.0, LINEWISE: 200.0}
_FILL_B = {STEPWISE: 250.0, LINEWISE: 200.0}
_ELEMENT = 3.0
# Fewer columns of a unit would fill tiles of A for too few products.
_FEWEST_COLUMNS = {STEPWISE: 128, LINEWISE: 256, SCATTERED: 512}
_RESULT, _SCATTER = 4.0, 80.0
_FRESH = 0.6  # of filling tiles that are not written to memory
_GAIN = 1.1  # that the estimate must be better by
_WIDE = 2.0  # times that of floats, which the model knows: products of bytes that are widened to 32 bits, measured


@dataclass(frozen=True, slots=True)
class Packed:
    """How an operand lies in tiles: other axes, blocks of rows or columns, and a block's tiles at a tile of steps."""

    outer: tuple[Axis, ...]
    blocks: Count
    tiles: int


@dataclass(frozen=True, slots=True)
class PairPlan:
    """How a contraction is computed by products of pairs; it stands in for a :class:`..plan.Plan`.

    Attributes:
        spec: the contraction, A and B exchanged if that is better.
        unit: what multiplies.
        rows: the axes of A alone, counted as one, the last the fastest.
        vector: the axis of the columns.
        outer: the other axes of the result, one by one.
        depth: the summed axes, the last the fastest.
        in_runs: whether each run along the last summed axis fills tiles of its own; if not, tiles go on from one run to
            the next.
        fill_a, fill_b: how the operands' tiles are filled.
        columns: of a unit of work, a multiple of the tiles that are multiplied at a time.
        blocks: of rows, as many as are multiplied at a time, that a unit of work has: each part of B serves them all.
        ahead: whether A is brought into tiles ahead, too, rather than in each unit.
        fresh: whether B is brought into tiles where it is used, since there is one block of rows alone.
        chunks: that a long sum is cut into.
        cycles: the model's estimate for all of it.
        kernels, scratch: as in :class:`..plan.Plan`.
    """

    spec: Contraction
    unit: PairUnit
    rows: tuple[Axis, ...]
    vector: Axis
    outer: tuple[Axis, ...]
    depth: tuple[Axis, ...]
    in_runs: bool
    fill_a: str
    fill_b: str
    columns: int
    blocks: int = 1
    ahead: bool = False
    fresh: bool = False
    chunks: Chunks | None = None
    cycles: float = 0.0
    kernels: tuple[Kernel, ...] = ()
    scratch: tuple[Scratch, ...] = ()
    dot: bool = False

    @property
    def block_rows(self) -> int:
        """Rows that are multiplied at a time."""
        return self.unit.rows * LINES

    @property
    def block_columns(self) -> int:
        """Columns that are multiplied at a time."""
        return self.unit.columns * LINES

    def packed(self, which: str) -> Packed:
        """The tiles that one operand is brought into."""
        outer = tuple(axis for axis in self.outer if getattr(axis, which) != 0)
        if which == "a":
            return Packed(outer, Count(self.row_count(), self.block_rows), self.unit.rows)
        return Packed(outer, Count(self.vector.extent, self.block_columns), self.unit.columns)

    def row_count(self) -> Extent:
        return product(tuple(axis.extent for axis in self.rows))

    def step_tiles(self) -> tuple[Count, ...]:
        """How many tiles the steps make, as a product."""
        if not self.in_runs:
            return (Count(product(tuple(axis.extent for axis in self.depth)), self.unit.steps),)
        *others, run = self.depth
        return (*(Count(axis.extent) for axis in others), Count(run.extent, self.unit.steps))

    def unit_counts(self) -> tuple[Count, ...]:
        """The loops that make the units of the main kernel."""
        chunks = (self.chunks.count,) if self.chunks else ()
        others = (Count(axis.extent) for axis in self.outer)
        return (
            *chunks,
            *others,
            Count(self.vector.extent, self.columns),
            Count(self.row_count(), self.blocks * self.block_rows),
        )

    def pack_counts(self, which: str) -> tuple[Count, ...]:
        """The loops that make the units of a kernel that packs: the tiles of steps, the last of them some at a time."""
        packed, (*others, last) = self.packed(which), self.step_tiles()
        outer = (Count(axis.extent) for axis in packed.outer)
        return (*outer, packed.blocks, *others, replace(last, step=last.step * PACK_TILES))

    def partial(self) -> Plan:
        """The plan as the kernel that adds up the chunks' sums sees it."""
        return Plan(self.spec, self.vector, False, False, Tile((), 1, LINES), (), 0, self.depth, self.chunks, (), ())


def multiplies_pairs(spec: Contraction, machine: HasPairs) -> bool:
    """Whether a machine can compute a contraction so: of bfloat16 summed in float32, or of int8 summed in int32."""
    return _unit(spec, machine) is not None and all(axis.extent != 0 for axis in spec.axes)


def _unit(spec: Contraction, machine: HasPairs) -> PairUnit | None:
    return pair_unit(machine, (spec.a.dtype, spec.b.dtype, spec.sum_dtype))


def plan_pairs(
    spec: Contraction, machine: HasPairs, usual: Plan | None = None, apart: Sequence[str] = ()
) -> PairPlan | None:
    """Plans a contraction so, if the machine multiplies pairs and the estimate is less than that of ``usual``.

    Without ``usual``, whatever the estimate. ``apart`` names axes that are not merged with others. None where A and B
    have no such instructions, or nothing is summed.
    """
    unit = _unit(spec, machine)
    if unit is None or not multiplies_pairs(spec, machine):
        return None
    spec = spec.simplified(keep=apart)
    best: PairPlan | None = None
    for oriented in (spec, spec.swapped()):
        for made in _candidates(oriented, unit, machine):
            if best is None or made.cycles < best.cycles:
                best = made
    slower = _WIDE if unit.dtype == "int8" else 1.0
    if best is None or (usual is not None and best.cycles * _GAIN >= usual.tile.cycles * slower):
        return None
    return _with_kernels(best)


def _candidates(spec: Contraction, unit: PairUnit, machine: HasPairs) -> Iterator[PairPlan]:
    """The plans with each axis of B alone as that of the columns."""
    rows = sorted((axis for axis in spec.axes if not axis.reduced and axis.b == 0), key=lambda axis: -far(axis.a))
    depth = _depth(spec)
    if not depth:
        return
    for vector in spec.axes:
        if vector.reduced or vector.a != 0:
            continue
        inner = {vector.name, *(row.name for row in rows)}
        outer = tuple(axis for axis in spec.axes if not axis.reduced and axis.name not in inner)
        in_runs = _in_runs(depth, unit)
        run = depth[-1]
        made = PairPlan(
            spec=spec,
            unit=unit,
            rows=tuple(rows),
            vector=vector,
            outer=outer,
            depth=depth,
            in_runs=in_runs,
            fill_a=STEPWISE if in_runs and run.a == 1 else LINEWISE if _adjacent(rows) else SCATTERED,
            fill_b=STEPWISE if in_runs and run.b == 1 else LINEWISE if vector.b == 1 else SCATTERED,
            columns=_columns(vector.extent, unit),
        )
        made = replace(made, fresh=_is_one_block(made))
        made = _in_cache(_shared_out(made), machine)
        yield replace(made, cycles=_cycles(made))


def _is_one_block(made: PairPlan) -> bool:
    rows = made.row_count()
    return isinstance(rows, int) and rows <= made.block_rows


def _depth(spec: Contraction) -> tuple[Axis, ...]:
    """The summed axes, those with the longest strides first; the last is one along which an operand is adjacent."""
    reduced = sorted((axis for axis in spec.axes if axis.reduced), key=lambda axis: (-far(axis.a), -far(axis.b)))
    last = [axis for axis in reduced if 1 in (axis.a, axis.b)]
    last.sort(key=lambda axis: (axis.a == 1, typical(axis.extent)))
    return tuple(axis for axis in reduced if axis is not (last or reduced)[-1]) + tuple((last or reduced)[-1:])


def _in_runs(depth: tuple[Axis, ...], unit: PairUnit) -> bool:
    if len(depth) == 1:
        return True
    run = depth[-1]
    steps = typical(run.extent)
    return 1 in (run.a, run.b) and -(-steps // unit.steps) * unit.steps <= MOST_PADDING * steps


def _adjacent(rows: list[Axis]) -> bool:
    """Whether the rows of a tile are adjacent in A."""
    if not rows or rows[-1].a != 1:
        return False
    extent = rows[-1].extent
    return len(rows) == 1 or (isinstance(extent, int) and extent % LINES == 0)


def _columns(extent: Extent, unit: PairUnit) -> int:
    """Columns of a unit: equal shares of all of them."""
    block = unit.columns * LINES
    if not isinstance(extent, int):
        return MOST_COLUMNS
    share = -(-extent // -(-extent // MOST_COLUMNS))
    return -(-share // block) * block


def _shared_out(made: PairPlan) -> PairPlan:
    """With as many units as are worth having: fewer columns in each, then a long sum cut into chunks."""
    made = replace(made, ahead=_may_go_ahead(made))
    fewest = _FEWEST_COLUMNS[STEPWISE if made.ahead else made.fill_a]
    for least_columns, units in ((fewest, MANY_UNITS), (made.block_columns, FEW_UNITS)):
        while made.columns >= 2 * least_columns and _units(made) < units and _unit_cycles(made) > 2 * GRAIN_CYCLES:
            made = replace(made, columns=-(-made.columns // (2 * made.block_columns)) * made.block_columns)
    made = replace(made, ahead=made.ahead and Count(made.vector.extent, made.columns).typical > 1)
    if _units(made) >= FEW_UNITS or _unit_cycles(made) <= 2 * GRAIN_CYCLES:
        return made
    steps = product(tuple(axis.extent for axis in made.depth))
    count = Count(steps, CHUNK_STEPS, FEW_PARTIALS)
    return replace(made, chunks=Chunks(made.depth[0].name, count)) if count.typical > 1 else made


def _may_go_ahead(made: PairPlan) -> bool:
    """Whether A costs something to bring into tiles, and is not much larger then (as a convolution's windows are)."""
    outer = made.packed("a").outer
    elements = prod(typical(axis.extent) for axis in (*outer, *made.rows, *made.depth))
    return made.fill_a != STEPWISE and 2 * elements <= 2 * span_of(made.spec, "a")


def _in_cache(made: PairPlan, machine: HasPairs) -> PairPlan:
    """With more rows in a unit, if what it reads of B is gone from the second-level cache before the next unit comes.

    A part of B that fits the first-level cache then meets all those rows.
    """
    unit = made.unit
    steps = unit.steps * prod(count.typical for count in made.step_tiles())
    steps = min(steps, -(-steps // made.chunks.count.typical) if made.chunks else steps)
    blocks = 1
    if unit.bytes * steps * made.columns > machine.l2_bytes // 2:
        while blocks < MOST_BLOCKS and _units(made) >= 2 * blocks * 2 * FEW_UNITS:
            blocks *= 2
        columns = min(made.columns, MOST_SUMS // (blocks * made.block_rows))
        made = replace(made, columns=columns // made.block_columns * made.block_columns)
    return replace(made, blocks=blocks)


def _unit_cycles(made: PairPlan) -> float:
    return _cycles(made) / max(_units(made), 1)


def _units(made: PairPlan) -> int:
    return prod(count.typical for count in made.unit_counts())


def _cycles(made: PairPlan) -> float:
    """The model's estimate."""
    outer = prod(typical(axis.extent) for axis in made.outer)
    tiles = prod(count.typical for count in made.step_tiles())
    row_tiles = Count(made.row_count(), made.block_rows).typical * made.unit.rows
    shares = Count(made.vector.extent, made.columns).typical
    column_tiles = Count(made.vector.extent, made.block_columns).typical * made.unit.columns
    products = row_tiles * column_tiles * tiles * made.unit.cycles
    filling = 0.0 if made.ahead else row_tiles * shares * tiles * _fill_cycles(made, "a")
    results = typical(made.row_count()) * column_tiles * (_RESULT if made.vector.c == 1 else _SCATTER)
    if made.chunks:
        results *= 1 + made.chunks.count.typical
    packing = _packed_tiles(made, "b") * _fill_cycles(made, "b") * (_FRESH if made.fresh else 1.0)
    if made.ahead:
        packing += _packed_tiles(made, "a") * _fill_cycles(made, "a")
    return outer * (products + filling + results) + packing


def _fill_cycles(made: PairPlan, which: str) -> float:
    """An estimate for filling one tile of an operand."""
    way, known = (made.fill_a, _FILL_A) if which == "a" else (made.fill_b, _FILL_B)
    return _ELEMENT * LINES * made.unit.steps if way == SCATTERED else known[way]


def _packed_tiles(made: PairPlan, which: str) -> int:
    """An estimate of how many tiles an operand is brought into."""
    packed = made.packed(which)
    outer = prod(typical(axis.extent) for axis in packed.outer)
    return outer * packed.blocks.typical * packed.tiles * prod(count.typical for count in made.step_tiles())


def _with_kernels(made: PairPlan) -> PairPlan:
    """Adds the kernels, and the buffers between them."""
    scratch, kernels = [], []
    ways = {"a": _fill_cycles(made, "a"), "b": _fill_cycles(made, "b")}
    for role, which, is_packed in (("pack", "b", not made.fresh), ("pack_a", "a", made.ahead)):
        if not is_packed:
            continue
        packed = made.packed(which)
        sizes = (packed.tiles * TILE_BYTES // made.unit.bytes, *(axis.extent for axis in packed.outer))
        counts = (packed.blocks, *made.step_tiles())
        size = product((*sizes, *(count.most for count in counts)))
        scratch.append(Scratch(PACKED[role], made.unit.kept_dtype, size))
        fill = PACK_TILES * packed.tiles * ways[which] / MULTIPLY_ADDS
        kernels.append(Kernel(role, Units.of(*made.pack_counts(which)), fill))
    main = made.cycles / max(_units(made), 1) / MULTIPLY_ADDS
    kernels.append(Kernel("main", Units.of(*made.unit_counts()), main))
    if made.chunks:
        buffer, combine = partial_sums(made.partial())
        scratch.append(buffer)
        kernels.append(combine)
    return replace(made, kernels=tuple(kernels), scratch=tuple(scratch))


def pairs_for_few_rows(many: PairPlan) -> PairPlan | None:
    """The plan of a main kernel that packs nothing ahead, if ``many`` does for rows whose number is not known.

    It takes the place of packing and main kernel up to one block of rows, with the same bits; the sums of chunks are
    added up by the kernel of ``many``.
    """
    rows = many.row_count()
    if isinstance(rows, int) or least(rows) > many.block_rows:
        return None
    few = _with_kernels(replace(many, fresh=True, ahead=False, blocks=1))
    kernels = tuple(kernel for kernel in few.kernels if kernel.role == "main")
    return replace(few, kernels=kernels)
