"""Symbolic extents: the batch size (or any unknown length) of a traced graph.

A ``Dim`` is a polynomial with integer coefficients over named symbols, for example ``2*batch + 1``. It has just enough
arithmetic for shape rules, and comparisons. While a function is traced for arrays that are at hand, a comparison that
depends on a symbol is decided by their extents, and what was decided becomes a guard of the trace
(`pronghorn.engine.graph.guards`). Whatever cannot be decided raises `SymbolicDimError`; the trainer then traces once
more with concrete extents.
"""

from __future__ import annotations

import operator
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, SupportsIndex, Union

from pronghorn._packages import is_ours

Extent = Union[int, "Dim"]
Shape = tuple[Extent, ...]
# A factor of a monomial: a symbol's name, or the floor of a Dim over an integer that does not divide it.
Atom = Union[str, "FloorDiv"]
Monomial = tuple[Atom, ...]
Range = tuple[int | None, int | None]  # from, to and with; None: no bound

BATCH = "batch"
"""The symbol of the number of samples."""


class SymbolicDimError(TypeError):
    """A question about a symbolic extent that has no answer before the extent is known."""


class ExtentsMayDiffer(SymbolicDimError):
    """Two extents must be equal, and one of them is not known yet."""

    def __init__(self, first: Extent, second: Extent):
        self.extents = (first, second)
        super().__init__(f"Whether the extents {first} and {second} are equal, as they must be, is not known yet.")


class Decider(Protocol):
    """What decides comparisons of extents while a function is traced; see `pronghorn.engine.graph.guards.Guards`."""

    def covers(self, extent: Dim) -> bool:
        """Whether it knows numbers for all symbols of an extent."""

    def is_positive(self, extent: Dim) -> bool:
        """Whether an extent is greater than zero."""

    def is_zero(self, extent: Dim) -> bool:
        """Whether an extent is zero."""

    def is_looked_up(self, extent: Dim) -> None:
        """What a user's function looks up in a dict or a set: a number is there, or it is not."""


class _Active(threading.local):
    decider: Decider | None = None


ACTIVE = _Active()  # which decider holds for this thread


class FloorDiv:
    """``floor(dim / divisor)`` where the division is not exact."""

    __slots__ = ("dim", "divisor")

    def __init__(self, dim: Dim, divisor: int):
        self.dim, self.divisor = dim, divisor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloorDiv) and identical(self.dim, other.dim) and self.divisor == other.divisor

    def __hash__(self) -> int:
        return hash((self.dim, self.divisor))

    def __repr__(self) -> str:
        return f"floor(({self.dim})/{self.divisor})"


class Dim:
    """A symbolic extent.

    ``==``, ``<`` and so on compare numbers: inside a trace they may become guards. Where only the form of an extent
    matters, as in a cache, `identical` compares that. Equal hashes go with the same form.

    Example:

    >>> b = Dim.symbol("batch")
    >>> (2 * b + 4) // 2
    batch + 2
    >>> (b * 3).evaluate({"batch": 5})
    15
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]):
        given = sorted(terms.items(), key=lambda t: str(t[0])) if len(terms) > 1 else terms.items()
        self.terms: dict[Monomial, int] = {m: c for m, c in given if c}
        self._hash = hash(tuple(self.terms.items()))

    @staticmethod
    def symbol(name: str) -> Dim:
        """The extent called ``name``."""
        return Dim({(name,): 1})

    @property
    def symbols(self) -> set[str]:
        """Names of the symbols in this extent."""
        found: set[str] = set()
        for monomial in self.terms:
            for atom in monomial:
                found |= atom.dim.symbols if isinstance(atom, FloorDiv) else {atom}
        return found

    def evaluate(self, env: Mapping[str, int]) -> int:
        """The extent as a number, given a number for each symbol."""
        total = 0
        for monomial, coefficient in self.terms.items():
            product = coefficient
            for atom in monomial:
                product *= atom.dim.evaluate(env) // atom.divisor if isinstance(atom, FloorDiv) else env[atom]
            total += product
        return total

    def __add__(self, other: Any) -> Extent:
        other = _extent(other)
        if other is None:
            return NotImplemented
        terms = dict(self.terms)
        for m, c in _terms(other).items():
            terms[m] = terms.get(m, 0) + c
        return _simplest(terms)

    __radd__ = __add__

    def __neg__(self) -> Extent:
        return Dim({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Any) -> Extent:
        return NotImplemented if _extent(other) is None else self + (-other)

    def __rsub__(self, other: Any) -> Extent:
        return (-self) + other

    def __mul__(self, other: Any) -> Extent:
        other = _extent(other)
        if other is None:
            return NotImplemented
        if isinstance(other, int):
            return self if other == 1 else _simplest({m: c * other for m, c in self.terms.items()})
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in other.terms.items():
                m = tuple(sorted(m1 + m2, key=str))
                terms[m] = terms.get(m, 0) + c1 * c2
        return _simplest(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Extent:
        other = _extent(other)
        if other is None:
            return NotImplemented
        if isinstance(other, Dim):
            return _exact_division(self, other)
        if all(c % other == 0 for c in self.terms.values()):
            return _simplest({m: c // other for m, c in self.terms.items()})
        whole, rest = divmod(self.terms.get((), 0), other)  # what is known goes outside: equal extents then look alike
        inside = Dim({m: c for m, c in {**self.terms, (): rest}.items() if c})
        return Dim({(FloorDiv(inside, other),): 1}) + whole

    def __rfloordiv__(self, other: int) -> Extent:
        raise SymbolicDimError(f"{other} // ({self}) is not known before the extent is.")

    def __mod__(self, other: int) -> Extent:
        return self - (self // other) * other

    def __rmod__(self, other: int) -> Extent:
        raise SymbolicDimError(f"{other} % ({self}) is not known before the extent is.")

    def __eq__(self, other: object) -> bool:
        other = _extent(other)
        if other is None:
            return False
        if isinstance(other, Dim) and self.terms == other.terms:
            return True
        decider = ACTIVE.decider
        if decider is None:
            return False
        difference = self - other
        return isinstance(difference, Dim) and decider.covers(difference) and decider.is_zero(difference)

    def __hash__(self) -> int:
        decider = ACTIVE.decider
        if decider is not None and not is_ours(sys._getframe(1).f_globals.get("__name__")):
            decider.is_looked_up(self)
        return self._hash

    def __lt__(self, other: Extent) -> bool:
        return _is_positive(other - self, self, other)

    def __le__(self, other: Extent) -> bool:
        return _is_positive(other - self + 1, self, other)

    def __gt__(self, other: Extent) -> bool:
        return _is_positive(self - other, self, other)

    def __ge__(self, other: Extent) -> bool:
        return _is_positive(self - other + 1, self, other)

    def __bool__(self) -> bool:
        return self != 0

    def __int__(self) -> int:
        raise SymbolicDimError(f"The extent {self} is not a number while a function is traced.")

    __index__ = __int__

    def __repr__(self) -> str:
        parts = []
        for monomial, c in sorted(self.terms.items(), key=lambda t: (-len(t[0]), str(t[0]))):
            factors = [str(a) for a in monomial]
            parts.append("*".join(([str(c)] if c != 1 or not factors else []) + factors))
        return " + ".join(parts)


SAMPLES = Dim.symbol(BATCH)
"""The number of samples."""


def identical(first: Extent | Shape, second: Extent | Shape) -> bool:
    """Whether two extents, or two shapes, are written alike, and so equal whatever the symbols are. It asks nothing.

    >>> identical((Dim.symbol("batch"), 3), (Dim.symbol("batch"), 3)), identical(Dim.symbol("batch"), 1)
    (True, False)
    """
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(identical, first, second))
    if isinstance(first, Dim) or isinstance(second, Dim):
        return isinstance(first, Dim) and isinstance(second, Dim) and first.terms == second.terms
    return first == second


def bounds(extent: Extent, ranges: Mapping[str, Range]) -> Range:
    """Numbers between which an extent surely is.

    Args:
        extent: the extent.
        ranges: where each symbol is; at least 1 where that is not said.

    >>> bounds(2 * Dim.symbol("batch") + 3, {"batch": (1, 4)})
    (5, 11)

    What is left of a division is less than the divisor:

    >>> bounds(Dim.symbol("length") % 4, {})
    (0, 3)
    """
    if isinstance(extent, int):
        return extent, extent
    for rest, factor, divisor in _remainders(extent):
        least, most = bounds(rest, ranges)
        first, last = sorted((0, factor * (divisor - 1)))
        return None if least is None else least + first, None if most is None else most + last
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in extent.terms.items():
        least, most = _bounds_of_product(monomial, ranges)
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _remainders(extent: Dim) -> Iterator[tuple[Extent, int, int]]:
    """Ways to write an extent as ``rest + factor * (dim mod divisor)``, where the rest is shorter."""
    for monomial, coefficient in extent.terms.items():
        atom = monomial[0] if len(monomial) == 1 else None
        if isinstance(atom, FloorDiv) and atom.divisor > 0 and coefficient % atom.divisor == 0:
            factor = -coefficient // atom.divisor
            rest = extent - factor * (atom.dim % atom.divisor)
            if len(_terms(rest)) < len(extent.terms):
                yield rest, factor, atom.divisor


def _bounds_of_product(monomial: Monomial, ranges: Mapping[str, Range]) -> Range:
    low: int | None = 1
    high: int | None = 1
    for atom in monomial:
        if isinstance(atom, FloorDiv):
            least, most = bounds(atom.dim, ranges) if atom.divisor > 0 else (None, None)
            least = None if least is None else least // atom.divisor
            most = None if most is None else most // atom.divisor
        else:
            least, most = ranges.get(atom, (1, None))
        if len(monomial) > 1 and (least is None or least < 0):
            return None, None
        low = None if low is None or least is None else low * least
        high = None if high is None or most is None else high * most
    return low, high


def may_be_positive(extent: Extent) -> bool:
    """Whether an extent is greater than zero for some number of its symbols, as far as `bounds` can tell.

    >>> may_be_positive(0), may_be_positive(Dim.symbol("batch") // 2), may_be_positive(-Dim.symbol("batch"))
    (False, True, False)
    """
    high = bounds(extent, {})[1]
    return high is None or high > 0


def comparable(*extents: Extent) -> bool:
    """Whether comparisons of these extents have answers: they are numbers, or a trace knows numbers for them."""
    return all(isinstance(n, int) or (ACTIVE.decider is not None and ACTIVE.decider.covers(n)) for n in extents)


def equal_extents(first: Extent, second: Extent) -> bool:
    """Whether two extents are equal.

    Raises:
        ExtentsMayDiffer: if that is not known yet.
    """
    if identical(first, second):
        return True
    difference = first - second
    if isinstance(difference, Dim) and (ACTIVE.decider is None or not ACTIVE.decider.covers(difference)):
        raise ExtentsMayDiffer(first, second)
    return first == second


def _extent(x: Any) -> Extent | None:
    """``x`` as an extent; None if it is none."""
    if isinstance(x, (int, Dim)):
        return x
    if getattr(x, "is_traced", False):  # an array, which then computes with this extent
        return None
    return operator.index(x) if isinstance(x, SupportsIndex) and getattr(x, "ndim", 0) == 0 else None


def _is_positive(difference: Extent, first: Extent, second: Extent) -> bool:
    """Whether a difference of two extents is greater than zero."""
    if isinstance(difference, int):
        return difference > 0
    decider = ACTIVE.decider
    if decider is not None and decider.covers(difference):
        return decider.is_positive(difference)
    low, high = bounds(difference, {})
    if low is not None and low > 0:
        return True
    if high is not None and high <= 0:
        return False
    raise SymbolicDimError(f"How {first} and {second} compare is not known before the extent is.")


def _terms(extent: Extent) -> Mapping[Monomial, int]:
    return extent.terms if isinstance(extent, Dim) else {(): int(extent)}


def _simplest(terms: dict[Monomial, int]) -> Extent:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Dim(terms)


def _exact_division(dividend: Dim, divisor: Dim) -> Extent:
    """``dividend / divisor`` for a divisor of one term that divides every term of the dividend."""
    if len(divisor.terms) == 1:
        ((dm, dc),) = divisor.terms.items()
        quotient: dict[Monomial, int] = {}
        for m, c in dividend.terms.items():
            rest = list(m)
            for atom in dm:
                if atom not in rest:
                    break
                rest.remove(atom)
            else:
                if c % dc == 0:
                    quotient[tuple(rest)] = c // dc
                    continue
            break
        else:
            return _simplest(quotient)
    if dividend == divisor:
        return 1
    raise SymbolicDimError(f"({dividend}) // ({divisor}) is not known before the extents are.")


def evaluate(extent: Extent, env: Mapping[str, int]) -> int:
    """``extent`` as a number, given a number for each symbol."""
    return extent.evaluate(env) if isinstance(extent, Dim) else int(extent)


def least(extent: Extent) -> int:
    """``extent`` where every symbol is 1."""
    return extent.evaluate(dict.fromkeys(extent.symbols, 1)) if isinstance(extent, Dim) else extent


def is_static(shape: Shape) -> bool:
    """Whether every extent of ``shape`` is a number."""
    return all(isinstance(d, int) for d in shape)


def product(extents: Shape) -> Extent:
    """The number of elements of a shape."""
    total: Extent = 1
    known = 1
    for extent in extents:
        if isinstance(extent, int):
            known *= extent
        else:
            total = total * extent
    return total * known


def substitute(extent: Extent, env: Mapping[str, Extent]) -> Extent:
    """``extent`` with symbols replaced by numbers or other extents."""
    if isinstance(extent, int):
        return extent
    total: Extent = 0
    for monomial, coefficient in extent.terms.items():
        factor: Extent = coefficient
        for atom in monomial:
            if isinstance(atom, FloorDiv):
                factor = factor * (substitute(atom.dim, env) // atom.divisor)
            else:
                factor = factor * env.get(atom, Dim.symbol(atom))
        total = total + factor
    return total
