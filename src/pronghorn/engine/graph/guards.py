"""Guards: what a trace has found out about the number behind each symbolic extent, and so depends on.

A function is traced for arrays that are at hand. The extents that are to stay symbolic have numbers there, the *hints*.
A shape rule, an op or a user's function that compares extents gets the answer for these numbers, and what it was told
is kept: whoever calls the traced function with other numbers asks `Guards.hold` first, and traces again where it says
no.

Facts that follow from others are not kept: a symbol is at least 1, has a range that the answers narrow, and numbers
that it is not.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping

from pronghorn.engine.graph.dim import ACTIVE, BATCH, Dim, Range, SymbolicDimError, bounds


class HoldsOnce(SymbolicDimError):
    """An answer that fixes the number, so that a trace with a symbol is no use; for another number it may be."""


class Guards:
    """What a trace depends on.

    Args:
        hints: the number of each symbol in the call that is traced, at least 1.

    >>> guards, rows = Guards({"batch": 7}), Dim.symbol("batch")
    >>> with guarding(guards):
    ...     [rows >= 6, rows > 3, rows == 1, min(rows, 5)]
    [True, True, False, 5]
    >>> guards
    Guards(batch >= 6)
    >>> guards.hold({"batch": 6}), guards.hold({"batch": 5})
    (True, False)
    """

    def __init__(self, hints: Mapping[str, int]):
        self.hints = dict(hints)
        self.ranges: dict[str, Range] = dict.fromkeys(hints, (1, None))
        self.excluded: dict[str, set[int]] = {name: set() for name in hints}
        self.signs: dict[Dim, bool] = {}  # whether these are greater than zero
        self.nonzero: dict[Dim, None] = {}
        self.needs_numbers: SymbolicDimError | None = None  # the first question that only a number answers

    # -- asked while a function is traced -----------------------------------------------------------------------------
    def covers(self, extent: Dim) -> bool:
        """Whether there is a hint for each symbol of an extent."""
        return extent.symbols <= self.hints.keys()

    def is_positive(self, extent: Dim) -> bool:
        """Whether an extent is greater than zero; kept as a guard where it does not follow from the others."""
        low, high = bounds(extent, self.ranges)
        if low is not None and low > 0:
            return True
        if high is not None and high <= 0:
            return False
        known = self.signs.get(extent)
        if known is not None:
            return known
        answer = extent.evaluate(self.hints) > 0
        line = _line(extent)
        if line is None:
            self.signs[extent] = answer
        else:
            self._narrow(*line, answer)
        return answer

    def is_zero(self, extent: Dim) -> bool:
        """Whether an extent is zero; that it is not is kept as a guard.

        Raises:
            HoldsOnce: where it is, since that (all but) says what the number is: the trace must know it.
        """
        low, high = bounds(extent, self.ranges)
        if low == high == 0:
            return True
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        coefficients = [c for m, c in extent.terms.items() if m]
        if extent.terms.get((), 0) % math.gcd(*coefficients):
            return False
        if extent.evaluate(self.hints) == 0:
            error = HoldsOnce(f"That {extent} is zero holds for this number only.")
            self.needs_numbers = self.needs_numbers or error
            raise error
        line = _line(extent)
        if line is None:
            self.nonzero[extent] = None
        else:
            name, factor, offset = line
            self._exclude(name, -offset // factor)
        return False

    def is_looked_up(self, extent: Dim) -> None:
        """Refuse to look up a length, which would be found in no dict or set. (Of the batch nobody keeps tables.)

        Raises:
            SymbolicDimError: always, for lengths.
        """
        if extent.symbols - {BATCH}:
            error = SymbolicDimError(f"The extent {extent} is looked up, for which its number is needed.")
            self.needs_numbers = self.needs_numbers or error
            raise error

    def _exclude(self, name: str, number: int) -> None:
        """Keep that a symbol is not this number."""
        low, high = self.ranges[name]
        self.excluded[name].add(number)
        while low is not None and low in self.excluded[name]:
            low += 1
        while high is not None and high in self.excluded[name]:
            high -= 1
        self._bound(name, low, high)

    def _bound(self, name: str, low: int | None, high: int | None) -> None:
        self.ranges[name] = low, high
        self.excluded[name] = {n for n in self.excluded[name] if n >= (low or n) and n <= (high or n)}

    def _narrow(self, name: str, factor: int, offset: int, positive: bool) -> None:
        """Keep that ``factor * name + offset`` is positive, or that it is not."""
        low, high = self.ranges[name]
        if not positive:  # then 1 - it is
            factor, offset = -factor, 1 - offset
        if factor > 0:
            low = max(low or 1, -offset // factor + 1)
        else:
            most = (offset - 1) // -factor
            high = most if high is None else min(high, most)
        self._bound(name, low, high)

    # -- asked before a call ------------------------------------------------------------------------------------------
    def hold(self, numbers: Mapping[str, int]) -> bool:
        """Whether everything that the trace was told holds for these numbers too."""
        for name, (low, high) in self.ranges.items():
            number = numbers[name]
            if number < (low or 1) or (high is not None and number > high) or number in self.excluded[name]:
                return False
        return all((extent.evaluate(numbers) > 0) == sign for extent, sign in self.signs.items()) and all(
            extent.evaluate(numbers) != 0 for extent in self.nonzero
        )

    def __bool__(self) -> bool:
        """Whether it depends on anything but that each symbol is at least 1."""
        return bool(
            any(r != (1, None) for r in self.ranges.values())
            or any(self.excluded.values())
            or self.signs
            or self.nonzero
        )

    def __repr__(self) -> str:
        parts = []
        for name, (low, high) in self.ranges.items():
            parts += [f"{name} >= {low}"] if low != 1 else []
            parts += [f"{name} <= {high}"] if high is not None else []
            parts += [f"{name} != {n}" for n in sorted(self.excluded[name])]
        parts += [f"{extent} {'>' if sign else '<='} 0" for extent, sign in self.signs.items()]
        parts += [f"{extent} != 0" for extent in self.nonzero]
        return f"Guards({', '.join(parts)})"


def _line(extent: Dim) -> tuple[str, int, int] | None:
    """Name, factor and offset of ``factor * name + offset``; None where an extent is more than that."""
    names = [m for m in extent.terms if m]
    if len(names) != 1 or len(names[0]) != 1 or not isinstance(names[0][0], str):
        return None
    return names[0][0], extent.terms[names[0]], extent.terms.get((), 0)


@contextlib.contextmanager
def guarding(guards: Guards | None) -> Iterator[None]:
    """Have comparisons of extents decided by ``guards``; with None, by nothing but the form of the extents."""
    outer, ACTIVE.decider = ACTIVE.decider, guards
    try:
        yield
    finally:
        ACTIVE.decider = outer
