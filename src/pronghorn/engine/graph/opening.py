"""Extents that are not known: the symbols that stand for them, and what is tried where a function does not take these.

Where arrays are at hand, their extents say how a comparison of symbols comes out (`guards`), and a trace that fails
can be repeated with numbers; see `pronghorn.calls.step`. Here nothing is at hand.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from pronghorn.engine.graph.dim import BATCH, Dim, Shape, SymbolicDimError

X = TypeVar("X")

#: What a function raises for extents that do not fit it, or that it needs as numbers.
MISFITS = (SymbolicDimError, ValueError, TypeError, IndexError, NotImplementedError)


class Alike(enum.Enum):
    """Which extents that are not known are taken to be the same."""

    SAME_AXIS = "those along the same axis of all arrays"
    SAMPLES = "the first of all arrays"
    NONE = "none"


class Opening:
    """A way to give symbols to extents that are not known.

    Args:
        alike: which of them have the same symbol.
        number: decides comparisons of extents, as if each were that; None leaves them without an answer.

    Attributes:
        symbols: the names that were given.

    >>> Opening(Alike.SAME_AXIS).shape((None, 3, None), 1), Opening(Alike.SAMPLES).shape((None, 3, None), 1)
    ((batch, 3, axis2), (batch, 3, input1_axis2))
    """

    def __init__(self, alike: Alike, number: int | None = None):
        self.alike, self._number = alike, number
        self.symbols: set[str] = set()

    def extent(self, axis: int, place: int) -> Dim:
        """The symbol of an extent.

        Args:
            axis: of an array.
            place: the number of the array.
        """
        if self.alike is Alike.SAME_AXIS or (self.alike is Alike.SAMPLES and axis == 0):
            name = f"axis{axis}" if axis else BATCH
        else:
            name = f"input{place}_axis{axis}"
        self.symbols.add(name)
        return Dim.symbol(name)

    def shape(self, shape: Sequence[int | None], place: int) -> Shape:
        """The shape of an array, with symbols in place of None."""
        return tuple([self.extent(axis, place) if n is None else n for axis, n in enumerate(shape)])

    @property
    def numbers(self) -> Mapping[str, int] | None:
        """What each symbol is taken to be in comparisons; None for nothing."""
        return dict.fromkeys(self.symbols, self._number) if self.symbols and self._number is not None else None


def first_that_fits(
    openings: Iterable[Opening], attempt: Callable[[Opening], X], will_do: Callable[[X], bool] = lambda found: True
) -> X:
    """What an attempt gives with the first of several openings that it takes.

    Where there is no symbol, another opening would be no different: then the attempt is not repeated.

    Args:
        openings: to be tried in turn; one of them has the same symbol along the same axis.
        attempt: raises one of `MISFITS` for symbols that do not fit.
        will_do: whether a result is good enough. If none is, the last one is taken.

    Raises:
        Exception: what the attempt raised where extents along the same axis were the same, which asks least of it.
    """
    problems: dict[Alike, Exception] = {}
    found: list[X] = []
    for opening in openings:
        try:
            found.append(attempt(opening))
        except MISFITS as error:
            if not opening.symbols:
                raise
            problems.setdefault(opening.alike, error)
        else:
            if will_do(found[-1]):
                break
    if not found:
        raise problems[Alike.SAME_AXIS]
    return found[-1]
