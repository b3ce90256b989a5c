"""What the algorithms for 3x3 filters have in common: the sizes of their tiles, and which axes move together.

Results are adjacent, or two inputs apart along both axes (a convolution with strides of two).
"""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.codegen.contraction.spec import Axis, Contraction
from pronghorn.graph.dim import Extent

__all__ = [
    "GAIN",
    "STACK_BYTES",
    "STEP",
    "TAPS",
    "Taps",
    "Tiled",
    "pairs_of",
    "points_of",
    "roles",
    "static",
    "whole",
]

TAPS = 3  # of the filter, along each of two axes
STEP = 2  # results of a tile along each axis
STRIDES = (1, 2)  # inputs from one result to the next

STACK_BYTES = 384 * 1024  # for what a block of tiles is transformed to, on a thread's stack
GAIN = 1.15  # the estimates must differ by more than what they get wrong


@dataclass(frozen=True, slots=True)
class Taps:
    """An axis of results and the filter's axis that moves through A with it, if need be backwards."""

    results: Axis
    taps: Axis

    @property
    def backward(self) -> bool:
        """Whether later taps meet earlier inputs."""
        return static(self.taps.a) < 0

    @property
    def stride(self) -> int:
        """How many inputs lie from one result to the next."""
        return static(self.results.a) // abs(static(self.taps.a))

    @property
    def window(self) -> int:
        """Inputs of a tile, which are as many as its products."""
        return (STEP - 1) * self.stride + TAPS

    @property
    def extent(self) -> int:
        """How many results."""
        return static(self.results.extent)

    @property
    def tiles(self) -> int:
        """How many tiles cover them."""
        return -(-self.extent // STEP)


class Tiled:
    """What plans derive from their tiles and channels."""

    __slots__ = ()

    spec: Contraction
    rows: Taps
    columns: Taps
    channels: Axis
    tiles: int
    lanes: int

    @property
    def window(self) -> int:
        """Inputs of a tile along each axis, and products."""
        return self.rows.window

    @property
    def points(self) -> int:
        """How many products of matrices there are."""
        return points_of(self.rows)

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


def points_of(pair: Taps) -> int:
    """How many products of matrices there are for tiles whose two axes are alike."""
    return pair.window**2


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
    """The two axes of taps, each with the one of ``others`` that moves through A with it; the longer steps first."""
    if spec.sum_dtype != "float32" or len(taps) != 2:
        return None
    pairs = []
    for tap in taps:
        strides = [stride * abs(static(tap.a)) for stride in STRIDES]
        match = [axis for axis in others if axis.a in strides and isinstance(axis.extent, int)]
        if len(match) != 1:
            return None
        pairs.append(Taps(match[0], tap))
    first, second = sorted(pairs, key=lambda pair: -static(pair.results.a))
    return None if first.results is second.results or first.stride != second.stride else (first, second)
