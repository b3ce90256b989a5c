"""Which rows of the result a unit of a contraction has, for those who keep something of each unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.contraction.nest import Place
from pronghorn.engine.compiler.costs import MOST_TILE_CODE
from pronghorn.engine.graph.dim import Extent

__all__ = ["RowSums", "UnitRows", "added", "finish", "finishes_in_a_loop", "units_in_groups"]


@dataclass(frozen=True, slots=True)
class UnitRows:
    """The units of a main kernel that have rows of the result of their own.

    Attributes:
        count: how many there are, those that share their rows counted once.
        length: how many rows one has, typically.
        panels: how many units that follow one another have all columns of the same rows, so that they may be taken
            together (0: they do not follow one another, or must not be taken so).
    """

    count: Extent
    length: int
    panels: int = 0


class RowSums(Protocol):
    """What keeps sums of each unit's results, or of those of as many units as are taken together.

    Attributes:
        together: how many that is.
    """

    together: int

    def begin(self, fb: FunctionBuilder, row: Operand, first: Operand, last: Operand) -> None:
        """A group begins that has some rows of the result (they are number ``row``), and of these the columns from
        ``first`` to ``last``."""

    def types(self, lanes: int) -> list[str]:
        """The types of the vectors that are added up."""

    def collected(self, body: Callable[[], None]) -> list[str]:
        """What the epilogue would add up, called in ``body`` for one place: the vectors, which are not added yet."""

    def add(
        self, fb: FunctionBuilder, values: Sequence[str], column: Operand, lanes: int, mask: Operand | None
    ) -> None:
        """Adds vectors to the sums from a column on."""


def added(fb: FunctionBuilder, row_sums: RowSums, lanes: int, a: Sequence[str], b: Sequence[str]) -> list[str]:
    """Vectors that are to be added up, two by two."""
    return [fb.op("fadd", ty, x, y) for ty, x, y in zip(row_sums.types(lanes), a, b, strict=True)] if a else list(b)


def finish(
    fb: FunctionBuilder,
    epilogue: Callable[[FunctionBuilder, str, str, Place], None] | None,
    row_sums: RowSums | None,
    value: str,
    ty: str,
    place: Place,
    total: list[str],
) -> list[str]:
    """Stores one accumulator, or gives it to the epilogue; ``total`` and what is to be summed of it."""
    if epilogue is None:
        place.store(value)
    elif row_sums is None:
        epilogue(fb, value, ty, place)
    else:
        values = row_sums.collected(lambda: epilogue(fb, value, ty, place))
        return added(fb, row_sums, place.lanes, total, values)
    return total


def finishes_in_a_loop(
    epilogue: Callable[[FunctionBuilder, str, str, Place], None] | None, code: int, accumulators: int, past: str | None
) -> bool:
    """Whether `finish` is written as a loop over some accumulators, not as code for each.

    Args:
        epilogue: what becomes of them, if they are not stored as they are.
        code: how much code that takes, in additions.
        accumulators: how many there are.
        past: where they go past the caches: each would have code for both ways to store it.
    """
    return past is not None or (epilogue is not None and code * accumulators > MOST_TILE_CODE)


@contextmanager
def units_in_groups(
    fb: FunctionBuilder, row_sums: RowSums | None, total: Callable[[], Operand], columns: Operand
) -> Iterator[Operand]:
    """The loop over the units of a call, which is given numbers of groups, if there are such.

    Args:
        fb: the function.
        row_sums: what keeps sums of each group.
        total: gives the number of units.
        columns: how many columns each has.
    """
    if row_sums is None:
        with fb.loop("%begin", "%end") as unit:
            yield unit
        return
    with fb.loop("%begin", "%end") as group:
        row_sums.begin(fb, group, 0, columns)
        if row_sums.together == 1:
            yield group
            return
        first = fb.mul(group, row_sums.together)
        with fb.loop(first, fb.min(fb.add(first, row_sums.together), total())) as unit:
            yield unit
