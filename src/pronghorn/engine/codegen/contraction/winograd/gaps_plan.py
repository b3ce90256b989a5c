"""Filters with gaps, whose taps are zero for some pair of channels and others not: planning to look for them.

A minimal filter reads inputs for all taps of a group, and those that a result does not depend on cancel but for their
rounding. An input that meets a tap of zero is such a one: a masked (causal) filter would let a little of it through. So
a kernel looks at the filters before they are transformed. If there is a gap anywhere, nothing is transformed: the same
buffers take inputs and taps as they are, and each result is the sum of its taps' products. A pair of channels of which
all taps are zero is none: what is transformed are zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.contraction.plan import Kernel, Scratch
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.contraction.winograd.shape import Taps, Tiled, static
from pronghorn.engine.codegen.units import Count, Units

__all__ = ["GAPS", "Look", "Sums", "look_at", "look_kernel", "look_of", "sums_of"]

GAPS = "gaps"
"""The role of the kernel, and its buffer: a number for each of its units, 1 if it has found one."""

UNIT_ELEMENTS = 1 << 16  # of the filters
MOST_UNITS = 64
_CYCLES = 2.0  # of a vector that is looked at, in the model's units


@dataclass(frozen=True, slots=True)
class Look:
    """How filters are looked at: a unit has some steps of the ``outer`` axis; lanes run along the ``inner`` one."""

    outer: Axis
    inner: Axis
    lanes: int
    count: Count

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.count.evaluate({})


def look_at(pairs: tuple[Taps, Taps], channels: Axis, vector: Axis, lanes: int) -> Look:
    """How the filters are looked at: along the axis whose elements are adjacent, if one's are."""
    outer, inner = (vector, channels) if channels.b == 1 and vector.b != 1 else (channels, vector)
    row = pairs[0].size * pairs[1].size * static(inner.extent)
    steps = max(UNIT_ELEMENTS // max(row, 1), -(-static(outer.extent) // MOST_UNITS), 1)
    return Look(outer, inner, lanes if inner.b == 1 else 1, Count(outer.extent, steps))


def look_kernel(look: Look, pairs: tuple[Taps, Taps]) -> tuple[Kernel, Scratch]:
    """The kernel of a plan that looks, and its buffer."""
    taps = pairs[0].size * pairs[1].size
    cycles = _CYCLES * taps * look.count.step * -(-static(look.inner.extent) // look.lanes)
    return Kernel(GAPS, Units(look.units), cycles), Scratch(GAPS, "int64", look.units)


def look_of(plan: Tiled) -> Look:
    """How the filters of a plan are looked at."""
    return look_at(plan.pairs, *plan.filter_axes, plan.lanes)


@dataclass(frozen=True, slots=True)
class Sums:
    """Where plain sums of taps go, as products whose transform gives just them: planes for a tile's results.

    ``rows`` and ``columns`` are lines of points, one for each result along the axis; ``negative`` those of these that
    the transform subtracts.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    width: int
    negative: tuple[set[int], set[int]]

    def plane(self, i: int, j: int) -> int:
        """The plane of a result."""
        return self.rows[i] * self.width + self.columns[j]

    def places(self) -> Iterator[tuple[int, int]]:
        """The results of a tile."""
        return ((i, j) for i in range(len(self.rows)) for j in range(len(self.columns)))

    def read(self, fb: FunctionBuilder, plan: Tiled, result: tuple[int, int], tap: tuple[Operand, Operand]) -> Operand:
        """The number of the input, within a tile's window, that a tap meets for a result."""
        i, j = (fb.add(n * pair.stride, at) for pair, n, at in zip(plan.pairs, result, tap, strict=True))
        return fb.add(fb.mul(i, plan.columns.window), j)

    @property
    def subtracted(self) -> list[int]:
        """The planes that the transform subtracts."""
        signs = {(i, j): (i in self.negative[0]) != (j in self.negative[1]) for i, j in self.places()}
        return [self.plane(i, j) for (i, j), sign in signs.items() if sign]


def sums_of(plan: Tiled, group: int = 0) -> Sums:
    """The planes, among the points of one group of the rows' taps and those of the columns' groups that follow it.

    The first product of a group is added to the first result alone, the last to the second alone; where a group has
    three taps, it is subtracted.
    """
    lines, negative = [], []
    for pair, number in ((plan.rows, group), (plan.columns, 0)):
        taps = len(pair.groups[number])
        lines.append((0, taps + pair.step - 2)[: pair.step])
        negative.append({1} if taps == 3 and pair.step > 1 else set())
    return Sums(lines[0], lines[1], plan.columns.points, (negative[0], negative[1]))
