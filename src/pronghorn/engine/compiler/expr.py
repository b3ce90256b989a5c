"""What one element of a kernel's output is: index arithmetic and scalar expressions.

A kernel runs over loop variables. An `Index` is an affine function of them, plus opaque terms (a quotient, a remainder,
an integer loaded from memory). An `Expr` is the value of one element: loads at an index, constants, elementwise
primitives, guards. Expressions are shared: the same object stands for the same value, so codegen computes it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pronghorn.engine.graph.dim import Dim, Extent, SymbolicDimError
from pronghorn.engine.graph.ir import Value


@dataclass(frozen=True, eq=False)
class LoopVar:
    """A loop variable that runs from 0 to ``extent``."""

    name: str
    extent: Extent

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Quotient:
    """``index // divisor`` (the index is not negative)."""

    index: Index
    divisor: Extent


@dataclass(frozen=True)
class Remainder:
    """``index % divisor`` (the index is not negative)."""

    index: Index
    divisor: Extent


@dataclass(frozen=True, eq=False)
class Loaded:
    """An integer expression used as an index, clamped to ``[0, extent)``."""

    expr: Expr
    extent: Extent


Term = Any  # LoopVar | Quotient | Remainder | Loaded


class Index:
    """``const + sum(coefficient * term)``."""

    __slots__ = ("_hash", "const", "terms")

    def __init__(self, const: Extent = 0, terms: Mapping[Term, Extent] | None = None):
        self.const = const
        self.terms: dict[Term, Extent] = {t: c for t, c in (terms or {}).items() if not _is_zero(c)}
        self._hash = hash((const, frozenset(self.terms.items())))

    @staticmethod
    def of(x: Any) -> Index:
        """A loop variable, extent or other term as an index."""
        if isinstance(x, Index):
            return x
        return Index(x) if isinstance(x, (int, Dim)) else Index(0, {x: 1})

    def __add__(self, other: Any) -> Index:
        other = Index.of(other)
        terms = dict(self.terms)
        for t, c in other.terms.items():
            terms[t] = terms.get(t, 0) + c
        return Index(self.const + other.const, terms)

    def __sub__(self, other: Any) -> Index:
        return self + Index.of(other) * -1

    def __mul__(self, factor: Extent) -> Index:
        return Index(self.const * factor, {t: c * factor for t, c in self.terms.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.const == other.const and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def coefficient(self, var: LoopVar) -> Extent | None:
        """The factor of ``var``, or None where the index depends on it in another way."""
        if any(not isinstance(t, LoopVar) and depends(t, var) for t in self.terms):
            return None
        return self.terms.get(var, 0)

    def floor_div(self, n: Extent) -> Index:
        """``self // n`` for a non-negative index."""
        whole, rest = self._split(n)
        if rest is None:
            return Index.of(Quotient(self, n))
        return whole

    def mod(self, n: Extent) -> Index:
        """``self % n`` for a non-negative index."""
        _, rest = self._split(n)
        if rest is None:
            return Index.of(Remainder(self, n))
        return rest

    def _split(self, n: Extent) -> tuple[Index, Index | None]:
        """(quotient, remainder) by ``n`` where the terms tell them, else (_, None)."""
        if _is_zero(n):  # an axis without elements: nothing is ever read there
            return Index(), Index()
        whole, rest = Index(), Index()
        for term, c in self.terms.items():
            q = _divide(c, n)
            if q is not None:
                whole = whole + Index(0, {term: q})
            else:
                rest = rest + Index(0, {term: c})
        if isinstance(self.const, int) and isinstance(n, int):
            whole, rest = whole + self.const // n, rest + self.const % n
        else:
            rest = rest + self.const
        return (whole, rest) if rest.fits(n) else (whole, None)

    def fits(self, n: Extent) -> bool:
        """Whether this is known to lie in ``[0, n)``."""
        highest = self._highest()
        try:
            return highest is not None and bool(highest < n)
        except SymbolicDimError:
            return False

    def _highest(self) -> Extent | None:
        """The largest number that this can be, where it is known that none is negative."""
        highest: Extent = self.const
        if not _not_negative(self.const):
            return None
        for term, c in self.terms.items():
            limit = _limit(term)
            if limit is None or not _not_negative(c):
                return None
            highest = highest + (limit - 1) * c
        return highest

    def __repr__(self) -> str:
        parts = [f"{t!r}" if c == 1 else f"{c}*{t!r}" for t, c in self.terms.items()]
        if not parts or not _is_zero(self.const):
            parts.append(str(self.const))
        return "+".join(parts)


def _is_zero(x: Extent) -> bool:
    return isinstance(x, int) and x == 0


def _not_negative(x: Extent) -> bool:
    try:
        return bool(x >= 0)
    except SymbolicDimError:
        return False


def _limit(term: Term) -> Extent | None:
    if isinstance(term, (LoopVar, Loaded)):
        return term.extent
    if isinstance(term, Remainder):
        return term.divisor
    highest = term.index._highest() if isinstance(term.divisor, int) else None
    return highest // term.divisor + 1 if isinstance(highest, int) else None


def _divide(c: Extent, n: Extent) -> Extent | None:
    """``c / n`` if exact."""
    if isinstance(c, int) and isinstance(n, int):
        return c // n if n and c % n == 0 else None
    if c == n:
        return 1
    try:
        q = c // n
        return q if q * n == c else None
    except (SymbolicDimError, TypeError):
        return None


def depends(x: Any, var: LoopVar) -> bool:
    """Whether a term, index or expression depends on ``var``."""
    if isinstance(x, LoopVar):
        return x is var
    if isinstance(x, Index):
        return any(depends(t, var) for t in x.terms)
    if isinstance(x, (Quotient, Remainder)):
        return depends(x.index, var)
    if isinstance(x, Loaded):
        return depends(x.expr, var)
    return x.depends_on(var)


# -- expressions -----------------------------------------------------------------------------------------------------
class Expr:
    """The value of one element."""

    __slots__ = ("_depends", "dtype")

    def __init__(self, dtype: str):
        self.dtype = dtype
        self._depends: dict[LoopVar, bool] = {}

    def children(self) -> tuple[Expr, ...]:
        """The expressions this one is computed from."""
        return ()

    def indices(self) -> tuple[Index, ...]:
        """The indices this expression itself uses."""
        return ()

    def depends_on(self, var: LoopVar) -> bool:
        """Whether the value differs between iterations of ``var``'s loop."""
        known = self._depends.get(var)
        if known is None:
            known = any(depends(i, var) for i in self.indices()) or any(c.depends_on(var) for c in self.children())
            self._depends[var] = known
        return known


class Load(Expr):
    """Element ``offset`` of the buffer that holds ``value``."""

    __slots__ = ("offset", "value")

    def __init__(self, value: Value, offset: Index):
        super().__init__(value.dtype)
        self.value, self.offset = value, offset

    def indices(self) -> tuple[Index, ...]:
        return (self.offset,)

    def __repr__(self) -> str:
        return f"b{id(self.value) % 10007}[{self.offset!r}]"


class Const(Expr):
    """A number."""

    __slots__ = ("number",)

    def __init__(self, number: Any, dtype: str):
        super().__init__(dtype)
        self.number = number

    def __repr__(self) -> str:
        return str(self.number)


class IndexValue(Expr):
    """An index as a number (iota), or a run-time extent."""

    __slots__ = ("index",)

    def __init__(self, index: Index, dtype: str):
        super().__init__(dtype)
        self.index = index

    def indices(self) -> tuple[Index, ...]:
        return (self.index,)

    def __repr__(self) -> str:
        return f"({self.index!r})"


class Apply(Expr):
    """An elementwise primitive."""

    __slots__ = ("args", "name", "params")

    def __init__(self, name: str, args: tuple[Expr, ...], dtype: str, params: Mapping[str, Any]):
        super().__init__(dtype)
        self.name, self.args, self.params = name, args, params

    def children(self) -> tuple[Expr, ...]:
        return self.args

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.args))})"


@dataclass(frozen=True)
class Bound:
    """The condition ``low <= index < high``; with ``step``, also ``(index - low) % step == 0``."""

    index: Index
    low: Extent
    high: Extent
    step: int = 1


class Guard(Expr):
    """``value`` where all bounds hold, else ``other``; ``value`` is not touched where they do not."""

    __slots__ = ("bounds", "other", "value")

    def __init__(self, bounds: tuple[Bound, ...], value: Expr, other: Expr):
        super().__init__(value.dtype)
        self.bounds, self.value, self.other = bounds, value, other

    def children(self) -> tuple[Expr, ...]:
        return (self.value, self.other)

    def indices(self) -> tuple[Index, ...]:
        return tuple(b.index for b in self.bounds)

    def __repr__(self) -> str:
        return f"guard({', '.join(map(repr, self.bounds))}: {self.value!r} else {self.other!r})"


def guard(bounds: Iterable[Bound], value: Expr, other: Expr) -> Expr:
    """A guard with those of some bounds that do not always hold; ``value`` itself where all do.

    >>> i = LoopVar("i", 64)
    >>> half = Index.of(i).floor_div(2)
    >>> zero, one = Const(0, "int32"), Const(1, "int32")
    >>> guard([Bound(half, 0, 32)], one, zero) is one, guard([Bound(half, 0, 31)], one, zero) is one
    (True, False)
    """
    left = tuple(b for b in bounds if b.step != 1 or not (b.index - b.low).fits(b.high - b.low))
    return Guard(left, value, other) if left else value


class Bits(Expr):
    """Random bits number ``index`` of a key."""

    __slots__ = ("index", "key")

    def __init__(self, key: tuple[Expr, Expr], index: Index):
        super().__init__("uint32")
        self.key, self.index = key, index

    def children(self) -> tuple[Expr, ...]:
        return self.key

    def indices(self) -> tuple[Index, ...]:
        return (self.index,)

    def __repr__(self) -> str:
        return f"bits({self.key!r}, {self.index!r})"


class Accumulated(Expr):
    """The result of the kernel's own reduction or contraction number ``number``."""

    __slots__ = ("number", "vars")

    def __init__(self, number: int, dtype: str, vars: tuple[LoopVar, ...]):
        super().__init__(dtype)
        self.number, self.vars = number, vars

    def depends_on(self, var: LoopVar) -> bool:
        return var in self.vars

    def __repr__(self) -> str:
        return f"acc{self.number}"


def walk(*roots: Expr) -> Iterator[Expr]:
    """Every expression below ``roots``, each once, including those inside indices."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        expr = stack.pop()
        if id(expr) in seen:
            continue
        seen.add(id(expr))
        yield expr
        stack.extend(expr.children())
        for index in expr.indices():
            stack.extend(loaded_in(index))


def loaded_in(index: Index) -> Iterator[Expr]:
    """The expressions that an index loads terms from."""
    for term in index.terms:
        if isinstance(term, Loaded):
            yield term.expr
        elif isinstance(term, (Quotient, Remainder)):
            yield from loaded_in(term.index)


def all_indices(*roots: Expr) -> Iterator[Index]:
    """Every index used below ``roots``, those inside quotients and remainders included."""
    for expr in walk(*roots):
        for index in expr.indices():
            yield from _nested(index)


def _nested(index: Index) -> Iterator[Index]:
    yield index
    for term in index.terms:
        if isinstance(term, (Quotient, Remainder)):
            yield from _nested(term.index)


def substitute_index(index: Index, replacements: Mapping[LoopVar, Index]) -> Index:
    """``index`` with loop variables replaced (opaque terms that hold them are rebuilt)."""
    result = Index(index.const)
    for term, c in index.terms.items():
        if isinstance(term, LoopVar):
            new = replacements.get(term, Index.of(term))
        elif isinstance(term, Quotient):
            new = substitute_index(term.index, replacements).floor_div(term.divisor)
        elif isinstance(term, Remainder):
            new = substitute_index(term.index, replacements).mod(term.divisor)
        else:
            new = Index.of(term)
        result = result + new * c
    return result


class Substitution:
    """Rewrites expressions over other loop variables; what was one object stays one.

    Args:
        replacements: what takes the place of loop variables.
        known: expressions that take the place of loads, by array and (new) index.
    """

    def __init__(self, replacements: Mapping[LoopVar, Index], known: Mapping[tuple[Value, Index], Expr]) -> None:
        self.replacements, self.known = replacements, dict(known)
        self._made: dict[int, Expr] = {}

    def __call__(self, expr: Expr) -> Expr | None:
        """The expression rewritten, or None where it holds more than loads, constants and elementwise primitives."""
        stack = [expr]
        while stack:
            e = stack[-1]
            missing = [x for x in e.children() if id(x) not in self._made]
            if missing:
                stack += missing
                continue
            stack.pop()
            made = self._one(e)
            if made is None:
                return None
            self._made[id(e)] = made
        return self._made[id(expr)]

    def _one(self, e: Expr) -> Expr | None:
        if isinstance(e, Const):
            return e
        if isinstance(e, Apply):
            return Apply(e.name, tuple(self._made[id(x)] for x in e.args), e.dtype, e.params)
        if not isinstance(e, Load) or next(loaded_in(e.offset), None) is not None:
            return None
        offset = substitute_index(e.offset, self.replacements)
        return self.known.setdefault((e.value, offset), Load(e.value, offset))
