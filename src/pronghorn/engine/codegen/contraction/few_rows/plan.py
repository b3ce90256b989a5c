"""Planning products of few rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from pronghorn.engine.codegen.builder import llvm_type, size_of
from pronghorn.engine.codegen.contraction.few_rows.quads import QUAD, QUAD_ROWS, HasQuads, multiplies_quads
from pronghorn.engine.codegen.contraction.few_rows.words import looks_up
from pronghorn.engine.codegen.contraction.plan import Chunks, Kernel, Plan, Scratch, partial_sums
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine, Tile
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.graph.dim import Extent, product

__all__ = ["HALVES", "MOST_ROWS", "FewRowsPlan", "Halves", "halves_at_once", "plan_few_rows", "plan_halves"]

MOST_ROWS = 16  # of more, the multiply-adds take longer than reading
TYPICAL_ROWS = 4  # where their number is not known
SUMS_BYTES = 32 * 1024  # of the buffer for a unit's sums
MOST_COLUMNS = 4096  # of a unit: a row of so many is long enough to be read as one
LEAST_BYTES = 1024  # of such a row, if units are cut for the sake of having more
LEAST_COLUMNS = 256  # of such a row of half bytes, which take longer to multiply and lines of which are asked for
LEAST_ELEMENTS = (
    1 << 19
)  # of the matrix, if the number of rows is not known: the code for few rows comes beside that for many
COLUMNS = 64  # of a unit where the sums run along the rows of the matrix
FEWEST_UNITS = 32
FEWEST_LONG = 6  # units where each brings the inputs into another order first
LINES = 512  # columns of such a unit, at most
PARTIALS_SHARE = 8  # how many times smaller than the matrix the sums of parts are, at least, written and read
LEAST_STEPS = 32  # of a part of a sum
BYTES_A_CYCLE = 5  # that a core reads from memory
HALVES = 8  # of bytes, in a word of 32 bits


@dataclass(frozen=True, slots=True)
class Halves:
    """Where the bytes of a matrix lie whose elements are halves of them, ``(integer - zero) * factor``.

    Attributes:
        array: the bytes.
        column, step: how far they go from one column, or step of the sum, to the next; of the axis that is packed, to
            the next but one.
        pairs_columns: whether two columns share a byte, the first in its lower half; two steps if not.
        is_signed: whether the integers are from -8 to 7, not from 0 to 15.
        coefficients: writes the zeros and factors, see :class:`.half_bytes.Coefficients`.
    """

    array: Array
    column: int
    step: int
    pairs_columns: bool
    is_signed: bool
    coefficients: Any

    @property
    def columns_of_word(self) -> int:
        """How many columns of neighbouring bytes share a word of 32 bits."""
        return HALVES if self.pairs_columns else HALVES // 2


@dataclass(frozen=True, slots=True)
class FewRowsPlan:
    """How such a product is computed; it stands in for a :class:`..plan.Plan`.

    Attributes:
        spec: the contraction, A and B exchanged if B would be the rows.
        rows: the axes of A alone. Together they have at most `MOST_ROWS` places; or they are one axis of an extent that
            is not known, and the plan serves up to so many.
        vector: the axis of the columns.
        depth: the summed axis.
        along: whether the matrix's elements are adjacent along the sum, rather than along the columns.
        columns: of a unit.
        tile: of how many rows and vectors the sums are in registers at a time; of columns, if ``along``.
        lanes: of a vector.
        quads: whether one instruction multiplies four steps' bytes, which are brought side by side first.
        halves: how the matrix lies, if its elements are halves of bytes.
        from_table: whether these become floats by a look into a table.
        chunks: that the sum is cut into.
        cycles: an estimate for all of it.
        kernels, scratch: as in :class:`..plan.Plan`.
    """

    spec: Contraction
    rows: tuple[Axis, ...]
    vector: Axis
    depth: Axis
    along: bool
    columns: int
    tile: tuple[int, int]
    lanes: int
    quads: bool
    chunks: Chunks | None
    cycles: float
    kernels: tuple[Kernel, ...] = ()
    scratch: tuple[Scratch, ...] = ()
    dot: bool = False
    halves: Halves | None = None
    from_table: bool = False

    @property
    def places(self) -> int:
        """How many rows there are, at most."""
        return MOST_ROWS if self.counts_rows else prod(_known(axis) for axis in self.rows)

    @property
    def pitch(self) -> int:
        """How far the sums of a row are from those of the row before, in the buffer of a unit's sums.

        A line lies between them, since lines that are a multiple of 4 KB apart compete for the same places of a cache.
        """
        return self.columns + self.lanes

    @property
    def counts_rows(self) -> bool:
        """Whether the number of rows shows at run time alone."""
        return any(not isinstance(axis.extent, int) for axis in self.rows)

    @property
    def bits(self) -> int:
        """Of an element of the matrix."""
        return 4 if self.halves is not None else 8 * size_of(llvm_type(self.spec.b.dtype))

    @property
    def row_count(self) -> Extent:
        """How many rows there are."""
        return product(tuple(axis.extent for axis in self.rows))

    @property
    def strips(self) -> Count:
        """The units' columns."""
        return Count(self.vector.extent, self.columns)

    def partial(self) -> Plan:
        """The plan as the kernel that adds up the chunks' sums sees it."""
        tile = Tile((), 1, self.lanes)
        return Plan(self.spec, self.vector, False, False, tile, (), 0, (self.depth,), self.chunks, (), ())


def plan_few_rows(
    spec: Contraction, machine: HasQuads, apart: Sequence[str] = (), least_bytes: int | None = None
) -> FewRowsPlan | None:
    """Plans a product so, if it has few rows, and a matrix that comes from memory.

    ``apart`` names axes that are not merged with others; ``least_bytes`` are those of the matrix, more than the
    second-level cache holds if not given.
    """
    spec = spec.simplified(keep=apart)
    least_bytes = machine.l2_bytes if least_bytes is None else least_bytes
    for oriented in (spec, spec.swapped()):
        made = _planned(oriented, machine)
        if made is None or _bytes(made) <= least_bytes:
            continue
        if not made.counts_rows or least_bytes < 0 or _elements(made) >= LEAST_ELEMENTS:
            return made
    return None


def plan_halves(spec: Contraction, machine: HasQuads, halves: Halves, apart: Sequence[str] = ()) -> FewRowsPlan | None:
    """Plans a product with a matrix, ``spec.b``, whose elements are made of halves of bytes where they are used."""
    made = _planned(spec.simplified(keep=apart), machine, halves)
    return made if made is not None and _elements(made) > 0 else None


def _planned(spec: Contraction, machine: HasQuads, halves: Halves | None = None) -> FewRowsPlan | None:
    """The plan with B as the matrix, if it is one."""
    rows = tuple(axis for axis in spec.axes if axis.b == 0 and not axis.reduced)
    others = [axis for axis in spec.axes if len(rows) > 1 or axis not in rows]
    if spec.sum_dtype not in ("float32", "int32") or not all(
        isinstance(axis.extent, int) and axis.extent > 0 for axis in others
    ):
        return None
    columns = [axis for axis in spec.axes if axis.a == 0]
    depth = [axis for axis in spec.axes if axis.reduced]
    if len(columns) != 1 or len(depth) != 1 or len(spec.axes) != len(rows) + 2:
        return None
    (vector,), (step,) = columns, depth
    known = [axis.extent for axis in rows if isinstance(axis.extent, int)]
    many, lanes = prod(known) if len(known) == len(rows) else TYPICAL_ROWS, machine.lanes("float32")
    if (
        not 0 < many <= MOST_ROWS
        or lanes == 1
        or vector.reduced
        or vector.c != 1
        or 1 not in (vector.b, step.b)
        or step.a == 0
    ):
        return None
    along = vector.b != 1
    if halves is not None:
        made = FewRowsPlan(spec, rows, vector, step, along, 0, (0, 0), lanes, False, None, 0.0)
        return _with_halves(made, machine, halves)
    if along and (step.a != 1 or _known(step) < lanes):
        return None
    quads = not along and step.a == 1 and multiplies_quads(spec, machine)
    tile = _tile_of_quads(many) if quads else _tile(many, along, machine)
    made = FewRowsPlan(spec, rows, vector, step, along, COLUMNS, tile, lanes, quads, None, 0.0)
    made = replace(made, cycles=_bytes(made) / BYTES_A_CYCLE)
    return _with_kernels(made if along else _cut(made))


def _tile_of_quads(rows: int) -> tuple[int, int]:
    return -(-rows // -(-rows // QUAD_ROWS)), QUAD


def _with_halves(made: FewRowsPlan, machine: HasQuads, halves: Halves) -> FewRowsPlan | None:
    """The plan for a matrix of halves of bytes, if there is a kernel for how they lie."""
    made = replace(made, from_table=looks_up(machine))
    if made.depth.a != 1 or (halves.step if made.along else halves.column) != 1:
        return None
    rows = TYPICAL_ROWS if made.counts_rows else made.places
    if not made.along:
        if halves.coefficients.changes_inputs():
            return None
        made = replace(made, halves=halves, tile=_tile_of_halves(rows, machine))
        return _with_kernels(_cut(replace(made, cycles=_bytes(made) / BYTES_A_CYCLE)))
    share = -(-rows // -(-rows // (2 if machine.registers > 16 else 1)))
    columns = max(COLUMNS, min(LINES, _known(made.vector) // FEWEST_LONG) // COLUMNS * COLUMNS)
    made = replace(made, halves=halves, columns=columns, tile=(share, 4 if machine.registers > 16 else 2))
    return _with_kernels(replace(made, cycles=_bytes(made) / BYTES_A_CYCLE))


def _tile_of_halves(rows: int, machine: Machine) -> tuple[int, int]:
    """Rows whose sums are in registers at a time, in equal shares, and the halves of a word that are taken together."""
    most = 6 if machine.registers > 16 else 4
    share = -(-rows // -(-rows // most))
    return share, halves_at_once(share, 24 if machine.registers > 16 else 8)


def halves_at_once(rows: int, room: int) -> int:
    """How many halves of a word are multiplied while the sums of some rows are in so many registers."""
    return max(n for n in (1, 2, 4, 8) if n == 1 or n * rows <= room)


def _tile(rows: int, along: bool, machine: Machine) -> tuple[int, int]:
    """Rows whose sums are in registers at a time, in equal shares, and vectors (or columns) of each."""
    room = machine.registers * 3 // 4
    groups = -(-rows // (room // 3 if machine.registers > 16 else room // 2))
    share = -(-rows // groups)
    most = min(8, room // share, machine.lanes("float32") if along else 8)
    return share, 1 << (most.bit_length() - 1) if along else most


def _cut(made: FewRowsPlan) -> FewRowsPlan:
    """With units enough to share out: long rows first, which are read as one, then parts of the sum."""
    extent, steps = _known(made.vector), _known(made.depth)
    width = made.lanes * (made.tile[1] if made.halves is None else made.halves.columns_of_word)
    rows = TYPICAL_ROWS if made.counts_rows else made.places
    row_bytes = LEAST_BYTES if rows <= TYPICAL_ROWS else LEAST_BYTES // 2  # of more, multiplying takes the time
    least = row_bytes * 8 // made.bits if made.halves is None else LEAST_COLUMNS
    columns = min(MOST_COLUMNS, max(row_bytes * 8 // made.bits, SUMS_BYTES // (4 * rows)))
    strips = -(-extent // columns)
    sums = 8 * rows * extent  # bytes that are written and read again
    parts = min(steps // LEAST_STEPS, _bytes(made) // (PARTIALS_SHARE * sums), -(-FEWEST_UNITS // strips))
    parts = max(1, parts)
    strips = max(strips, min(-(-FEWEST_UNITS // (2 * parts)), extent // least))
    columns = -(-extent // strips)
    made = replace(made, columns=-(-columns // width) * width)
    return replace(made, chunks=Chunks(made.depth.name, Count(steps, 1, parts))) if parts > 1 else made


def _with_kernels(made: FewRowsPlan) -> FewRowsPlan:
    """Adds the kernels and the buffer of the chunks' sums."""
    parts = made.chunks.count if made.chunks else Count(1)
    units = Units.of(parts, made.strips)
    main = Kernel("main", units, made.cycles / max(1, units.constant))
    if made.chunks is None:
        return replace(made, kernels=(main,))
    partial = made.partial()
    buffer, combine = partial_sums(partial)
    if made.counts_rows:
        rows = tuple(replace(axis, extent=MOST_ROWS) for axis in made.rows)
        axes = (*rows, *(axis for axis in made.spec.axes if axis not in made.rows))
        buffer, _ = partial_sums(replace(partial, spec=replace(made.spec, axes=axes)))
    return replace(made, kernels=(main, combine), scratch=(buffer,))


def _bytes(made: FewRowsPlan) -> int:
    return _elements(made) * made.bits // 8


def _elements(made: FewRowsPlan) -> int:
    return _known(made.vector) * _known(made.depth)


def _known(axis: Axis) -> int:
    assert isinstance(axis.extent, int)
    return axis.extent
