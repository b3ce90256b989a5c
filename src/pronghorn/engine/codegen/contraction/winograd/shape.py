"""What the algorithms have in common: tiles, how the taps are grouped, and which axes move together.

Results are adjacent, or two inputs apart along both axes (a convolution with strides of two). Where taps lie further
apart than results (a dilated convolution), the two results of a tile lie as far apart as the taps.
"""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.engine.codegen.contraction.plan import Plan
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction
from pronghorn.engine.graph.dim import Extent

__all__ = [
    "GAIN",
    "MANY_POINTS",
    "SINGLE",
    "SIZES",
    "STACK_BYTES",
    "STEP",
    "InTurns",
    "Phase",
    "Taps",
    "Tiled",
    "effort_of",
    "pairs_of",
    "phases_of",
    "points_of",
    "roles",
    "rows_of",
    "static",
    "whole",
]

SIZES = (2, 3, 4, 5)  # of the filter, along one axis or two
MOST_OF_GROUP = 3  # taps: with more, results would be made of inputs that are not theirs
MOST_LEFT = 0.8  # of the products, with taps along one axis: less is not worth the transforms
STEP = 2  # results of a tile along each of these
STRIDES = (1, 2)  # inputs from one result to the next

MANY_POINTS = 25  # more outgrow buffers and caches: they are taken in turns, or of fewer tiles at a time
STACK_BYTES = 384 * 1024  # for what a block of tiles is transformed to, on a thread's stack
GAIN = 1.15  # the estimates must differ by more than what they get wrong


@dataclass(frozen=True, slots=True)
class Taps:
    """An axis of results and the filter's axis that moves through A with it, if need be backwards."""

    results: Axis
    taps: Axis

    @property
    def size(self) -> int:
        """How many taps: one of `SIZES`, or one along an axis that is none (`SINGLE`)."""
        return static(self.taps.extent)

    @property
    def step(self) -> int:
        """How many results of a tile lie along the axis."""
        return STEP if self.size > 1 else 1

    @property
    def backward(self) -> bool:
        """Whether later taps meet earlier inputs."""
        return static(self.taps.a) < 0

    @property
    def stride(self) -> int:
        """How many inputs lie from one result to the next."""
        return max(1, static(self.results.a) // abs(static(self.taps.a))) if self.size > 1 else 1

    @property
    def apart(self) -> int:
        """How many results lie from one of a tile to the next, as many as from tap to tap."""
        return max(1, abs(static(self.taps.a)) // static(self.results.a)) if self.size > 1 else 1

    @property
    def window(self) -> int:
        """Inputs of a tile."""
        return (self.step - 1) * self.stride + self.size

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The taps in groups. Those of a group are as far apart as results, so that a tile's results share inputs."""
        runs = [range(first, self.size, self.stride) for first in range(min(self.stride, self.size))]
        return tuple(tuple(part) for run in runs for part in _parts(run))

    @property
    def points(self) -> int:
        """Products of a tile: in each group, as many as it has taps and one more for a second result."""
        return self.size + len(self.groups) * (self.step - 1)

    @property
    def extent(self) -> int:
        """How many results."""
        return static(self.results.extent)

    @property
    def tiles(self) -> int:
        """How many tiles cover them."""
        whole_groups, rest = divmod(self.extent, self.step * self.apart)
        return whole_groups * self.apart + min(rest, self.apart)

    @property
    def uneven(self) -> bool:
        """Whether some tiles have fewer results than others."""
        return self.extent % (self.step * self.apart) != 0


@dataclass(frozen=True, slots=True)
class Phase:
    """Those of a tile's points that are taken at a time: all points of some groups of the rows' taps."""

    groups: slice
    first: int
    points: int


SINGLE = Taps(Axis("", 1), Axis("", 1))
"""In the place of a second axis, where filters have taps along one alone."""


class Tiled:
    """What plans derive from their tiles and channels."""

    __slots__ = ()

    spec: Contraction
    rows: Taps
    columns: Taps
    channels: Axis
    vector: Axis
    tiles: int
    lanes: int
    product: Plan

    @property
    def pairs(self) -> tuple[Taps, Taps]:
        """The tile's two axes."""
        return self.rows, self.columns

    @property
    def taps(self) -> int:
        """How many taps a filter has."""
        return self.rows.size * self.columns.size

    @property
    def filter_axes(self) -> tuple[Axis, Axis]:
        """The filters' axes of channels, all of them: the summed one and the result's."""
        return self.channels, self.vector

    @property
    def points(self) -> int:
        """How many products of matrices there are."""
        return points_of(self.pairs)

    @property
    def tiles_of_image(self) -> int:
        """Tiles of one image."""
        return self.rows.tiles * self.columns.tiles

    @property
    def depth(self) -> int:
        """A's channels, in whole vectors."""
        return whole(static(self.channels.extent), self.lanes)

    @property
    def input_plane(self) -> int:
        """Elements from one of the transformed inputs to the next; planes a multiple of 4096 bytes apart would
        share a few lines of the cache."""
        return self.tiles * self.depth + self.lanes


def _parts(run: range) -> list[range]:
    """As few groups as possible, of sizes as equal as possible, the larger ones first."""
    parts = -(-len(run) // MOST_OF_GROUP)
    return [run] if parts == 1 else [run[: -(-len(run) // parts)], *_parts(run[-(-len(run) // parts) :])]


class InTurns(Tiled):
    """The same of plans whose points take turns."""

    __slots__ = ()

    @property
    def phases(self) -> tuple[Phase, ...]:
        """In how many turns the points are taken, and which in each."""
        return phases_of(self.pairs)

    @property
    def points_at_a_time(self) -> int:
        """The most points of a turn."""
        return max(phase.points for phase in self.phases)


def static(size: Extent) -> int:
    """A size of a plan that is known now; the planners ask for it."""
    assert isinstance(size, int)
    return size


def whole(number: int, step: int) -> int:
    """The least multiple of ``step`` that is no less."""
    return -(-number // step) * step


def points_of(pairs: tuple[Taps, Taps]) -> int:
    """How many products of matrices there are."""
    return pairs[0].points * pairs[1].points


def phases_of(pairs: tuple[Taps, Taps]) -> tuple[Phase, ...]:
    """All points at a time if they are few, or else those of one group of the rows' taps after another's.

    The buffers of so many would outgrow stacks and caches; nothing is done twice, since no group needs another's.
    """
    rows, columns = pairs
    if points_of(pairs) <= MANY_POINTS or len(rows.groups) == 1:
        return (Phase(slice(None), 0, points_of(pairs)),)
    phases: list[Phase] = []
    for number, taps in enumerate(rows.groups):
        points = (len(taps) + rows.step - 1) * columns.points
        phases.append(Phase(slice(number, number + 1), sum(phase.points for phase in phases), points))
    return tuple(phases)


def rows_of(pair: Taps, groups: slice) -> range:
    """The taps of some groups: all of them, or those of one."""
    taps = sorted(tap for group in pair.groups[groups] for tap in group)
    return range(taps[0], taps[-1] + 1, taps[1] - taps[0] if len(taps) > 1 else 1)


def effort_of(pairs: tuple[Taps, Taps]) -> float:
    """What transforms of a tile take, where 16 points take 1."""
    return (points_of(pairs) / 16) ** 0.5 if pairs[1].size > 1 else points_of(pairs) / 16


def roles(spec: Contraction) -> tuple[list[Axis], list[Axis], list[Axis]] | None:
    """The summed axes, rows and columns, or None if there are others, or steps that are not known."""
    axes = [axis for axis in spec.axes if axis.extent != 1]
    if any(not isinstance(size, int) for axis in axes for size in (axis.a, axis.b, axis.c)):
        return None
    reduced = [axis for axis in axes if axis.reduced]
    rows = [axis for axis in axes if not axis.reduced and axis.b == 0]
    columns = [axis for axis in axes if not axis.reduced and axis.a == 0]
    return (reduced, rows, columns) if len(reduced) + len(rows) + len(columns) == len(axes) else None


def pairs_of(spec: Contraction, taps: list[Axis], others: list[Axis]) -> tuple[Taps, Taps] | None:
    """Each axis of taps with the one of ``others`` that moves through A with it; the longer steps first.

    Where there is one axis of taps, the second pair is `SINGLE`.
    """
    if spec.sum_dtype != "float32" or len(taps) not in (1, 2):
        return None
    pairs = []
    for tap in taps:
        match = _moving_with(tap, others)
        if match is None:
            return None
        pairs.append(Taps(match, tap))
    if len(pairs) == 1:
        return (pairs[0], SINGLE) if pairs[0].points <= MOST_LEFT * pairs[0].size * STEP else None
    first, second = sorted(pairs, key=lambda pair: -static(pair.results.a))
    if first.results is second.results or first.stride != second.stride:
        return None
    return (first, second) if first.points * second.points < first.size * second.size * STEP * STEP else None


def _moving_with(tap: Axis, others: list[Axis]) -> Axis | None:
    """The axis along which results are one or two taps apart, or, with dilated taps, the next best that fits."""
    step = abs(static(tap.a))
    known = [axis for axis in others if isinstance(axis.extent, int)]
    match = [axis for axis in known if axis.a in [stride * step for stride in STRIDES]]
    if not match:
        fit = [axis for axis in known if 0 < static(axis.a) < step and step % static(axis.a) == 0]
        match = [axis for axis in fit if step // static(axis.a) < static(axis.extent)]
        match = sorted(match, key=lambda axis: static(axis.a))[-1:]
    return match[0] if len(match) == 1 else None
