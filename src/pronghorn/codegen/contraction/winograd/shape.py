"""What the algorithms for filters of 3x3 and of three taps have in common: their tiles, and which axes move together.

Results are adjacent, or two inputs apart along both axes (a convolution with strides of two). Where taps lie further
apart than results (a dilated convolution), the two results of a tile lie as far apart as the taps.
"""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.codegen.contraction.plan import Plan
from pronghorn.codegen.contraction.spec import Axis, Contraction
from pronghorn.graph.dim import Extent

__all__ = [
    "GAIN",
    "SINGLE",
    "STACK_BYTES",
    "STEP",
    "TAPS",
    "Taps",
    "Tiled",
    "effort_of",
    "pairs_of",
    "points_of",
    "roles",
    "static",
    "whole",
]

TAPS = 3  # of the filter, along one axis or two
STEP = 2  # results of a tile along each of these
STRIDES = (1, 2)  # inputs from one result to the next

STACK_BYTES = 384 * 1024  # for what a block of tiles is transformed to, on a thread's stack
GAIN = 1.15  # the estimates must differ by more than what they get wrong


@dataclass(frozen=True, slots=True)
class Taps:
    """An axis of results and the filter's axis that moves through A with it, if need be backwards."""

    results: Axis
    taps: Axis

    @property
    def size(self) -> int:
        """How many taps: three, or one along an axis that is none (`SINGLE`)."""
        return static(self.taps.extent)

    @property
    def step(self) -> int:
        """How many results of a tile lie along the axis."""
        return STEP if self.size == TAPS else 1

    @property
    def backward(self) -> bool:
        """Whether later taps meet earlier inputs."""
        return static(self.taps.a) < 0

    @property
    def stride(self) -> int:
        """How many inputs lie from one result to the next."""
        return max(1, static(self.results.a) // abs(static(self.taps.a))) if self.size == TAPS else 1

    @property
    def apart(self) -> int:
        """How many results lie from one of a tile to the next, as many as from tap to tap."""
        return max(1, abs(static(self.taps.a)) // static(self.results.a)) if self.size == TAPS else 1

    @property
    def window(self) -> int:
        """Inputs of a tile, which are as many as its products."""
        return (self.step - 1) * self.stride + self.size

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


SINGLE = Taps(Axis("", 1), Axis("", 1))
"""In the place of a second axis, where filters have taps along one alone."""


class Tiled:
    """What plans derive from their tiles and channels."""

    __slots__ = ()

    spec: Contraction
    rows: Taps
    columns: Taps
    channels: Axis
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


def static(size: Extent) -> int:
    """A size of a plan that is known now; the planners ask for it."""
    assert isinstance(size, int)
    return size


def whole(number: int, step: int) -> int:
    """The least multiple of ``step`` that is no less."""
    return -(-number // step) * step


def points_of(pairs: tuple[Taps, Taps]) -> int:
    """How many products of matrices there are."""
    return pairs[0].window * pairs[1].window


def effort_of(pairs: tuple[Taps, Taps]) -> float:
    """What transforms of a tile take, where 4x4 inputs take 1."""
    return pairs[0].window / 4 if pairs[1].size == TAPS else pairs[0].window / 16


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
        return None if pairs[0].stride != 1 else (pairs[0], SINGLE)
    first, second = sorted(pairs, key=lambda pair: -static(pair.results.a))
    return None if first.results is second.results or first.stride != second.stride else (first, second)


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
