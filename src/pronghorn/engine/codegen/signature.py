"""What a kernel's code depends on, apart from which arrays it works on: kernels of one signature share their functions.

A signature spells out all that the emitters read of a kernel: loops, expressions and how they are shared, axes, types.
Arrays, whose memory they use, and the symbols of extents are numbered in the order in which they come. The layers of a
deep model and the branches of a wide one differ in these alone: their signatures are equal, and so they are written and
compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from pronghorn.engine.compiler.expr import (
    Accumulated,
    Apply,
    Bits,
    Bound,
    Const,
    Expr,
    Guard,
    Index,
    IndexValue,
    Load,
    Loaded,
    LoopVar,
    Quotient,
    Remainder,
    loaded_in,
)
from pronghorn.engine.compiler.half_bytes import HalfBytes
from pronghorn.engine.compiler.kernels import (
    Axis,
    ColumnSums,
    ContractionKernel,
    Kernel,
    LoopKernel,
    Part,
    Reduction,
    Store,
)
from pronghorn.engine.graph.dim import Dim, Extent, FloorDiv
from pronghorn.engine.graph.ir import Value


class _Unknown(Exception):
    """Something of which it is not known whether code depends on it."""


class Signature:
    """A kernel's signature: ``key``, or None where kernels of its class are written one by one.

    Attributes:
        key: equal for kernels of the same code.
        values: the arrays, in the order of their numbers.
        roots: those whose memory they use, each once.
        symbols: those of its extents.
    """

    def __init__(self, kernel: Kernel, root: Callable[[Value], Value]) -> None:
        self._root = root
        self._numbers: dict[Any, int] = {}  # of arrays, loop variables and loaded indices; each is itself alone
        self._exprs: dict[int, int] = {}
        self._lines: list[Hashable] = []  # what each expression is, its operands before it
        self.values: list[Value] = []
        self.roots: list[Value] = []
        self.symbols: list[str] = []
        self.key: Hashable | None
        try:
            body = self._kernel(kernel)
            self.key = (body, tuple(self._lines)) if body is not None else None
        except _Unknown:
            self.key = None

    def _kernel(self, kernel: Kernel) -> Hashable:
        if isinstance(kernel, LoopKernel):
            own: Any = self._all(kernel.reductions)
        elif isinstance(kernel, ContractionKernel) and kernel.pool is None:
            own = (self._all(kernel.parts), kernel.zero_first, self._all(kernel.sums), kernel.is_exact)
        else:
            return None
        nest = (self._all(kernel.vars), self._all(kernel.stores), self._all(kernel.accumulated))
        touched = [frozenset(map(self._touched, values)) for values in (kernel.reads, kernel.writes)]
        return (type(kernel), nest, own, *touched)

    def _touched(self, value: Value) -> int:
        """The number of an array that has one: a set has no order in which it could give them."""
        known = self._numbers.get(("of", value))
        if known is None:
            raise _Unknown
        return known

    def _all(self, items: Any) -> tuple[Hashable, ...]:
        return tuple(map(self._of, items))

    def _of(self, x: Any) -> Hashable:
        """Anything of a kernel but an array, as a key."""
        if x is None or isinstance(x, (int, str)):
            return type(x), x
        if isinstance(x, Dim):
            return self._extent(x)
        if isinstance(x, tuple):
            return self._all(x)
        if isinstance(x, Value):
            return self._value(x)
        if isinstance(x, Expr):
            return self._expr(x)
        if isinstance(x, LoopVar):
            return ("var", self._number(x), x.name, self._extent(x.extent))
        if isinstance(x, Index):
            return ("index", self._extent(x.const), tuple((self._of(t), self._extent(c)) for t, c in x.terms.items()))
        if isinstance(x, (Quotient, Remainder)):
            return type(x), self._of(x.index), self._extent(x.divisor)
        if isinstance(x, Loaded):
            return ("loaded", self._number(x), self._expr(x.expr), self._extent(x.extent))
        if isinstance(x, Bound):
            return ("bound", self._of(x.index), self._extent(x.low), self._extent(x.high), x.step)
        if isinstance(x, Store):
            return ("store", self._value(x.value), self._expr(x.expr), self._of(x.offset))
        if isinstance(x, Part):
            offsets = tuple(map(self._extent, (x.a_offset, x.b_offset, x.c_offset)))
            return ("part", self._value(x.a), self._value(x.b), self._all(x.axes), offsets, self._of(x.halves))
        if isinstance(x, HalfBytes):
            vars, factors = self._all(x.vars), self._all(x.factors)
            layout = (x.offset, x.strides, x.packed, x.summed, x.is_signed)
            return ("halves", self._value(x.source), layout, vars, self._of(x.zero), factors, self._expr(x.element))
        if isinstance(x, Axis):
            extents = tuple(map(self._extent, (x.extent, x.a, x.b, x.c)))
            return ("axis", x.name, extents, x.output, x.group, self._all(x.parts), x.first, x.step)
        if isinstance(x, Reduction):
            return ("reduction", x.op, self._expr(x.element), self._all(x.vars), x.dtype, self._of(x.chunk),
                    self._of(x.position))  # fmt: skip
        if isinstance(x, ColumnSums):
            apart = x.kernel
            return ("sums", self._all(x.elements), *map(self._all, (apart.vars, apart.reductions, apart.stores)))
        raise _Unknown

    def _extent(self, extent: Extent) -> Hashable:
        if isinstance(extent, int):
            return extent
        return tuple((tuple(map(self._atom, atoms)), factor) for atoms, factor in extent.terms.items())

    def _atom(self, atom: str | FloorDiv) -> Hashable:
        if isinstance(atom, FloorDiv):
            return self._extent(atom.dim), atom.divisor
        if ("symbol", atom) not in self._numbers:
            self._numbers["symbol", atom] = len(self.symbols)
            self.symbols.append(atom)
        return self._numbers["symbol", atom]

    def _number(self, x: Any) -> int:
        return self._numbers.setdefault(x, len(self._numbers))

    def _value(self, value: Value) -> Hashable:
        root = self._root(value)
        for role, v, known in (("of", value, self.values), ("root", root, self.roots)):
            if (role, v) not in self._numbers:
                self._numbers[role, v] = len(known)
                known.append(v)
        return (
            self._numbers["of", value],
            self._numbers["root", root],
            tuple(map(self._extent, value.shape)),
            value.dtype,
        )

    def _expr(self, expr: Expr) -> int:
        """The number of an expression; first those of what it is computed from, from the innermost outwards."""
        stack = [expr]
        while stack:
            e = stack[-1]
            if id(e) in self._exprs:
                stack.pop()
                continue
            below = [*e.children(), *(x for index in e.indices() for x in loaded_in(index))]
            missing = [x for x in below if id(x) not in self._exprs]
            if missing:
                stack += missing
                continue
            stack.pop()
            self._lines.append((type(e), e.dtype, self._content(e)))
            self._exprs[id(e)] = len(self._lines)
        return self._exprs[id(expr)]

    def _content(self, e: Expr) -> Hashable:
        if isinstance(e, Load):
            return self._value(e.value), self._of(e.offset)
        if isinstance(e, Const):
            return type(e.number), repr(e.number)  # tells zeros of both signs apart
        if isinstance(e, IndexValue):
            return self._of(e.index)
        if isinstance(e, Apply):
            return e.name, self._all(e.args), self._params(e.params)
        if isinstance(e, Guard):
            return self._all(e.bounds), self._expr(e.value), self._expr(e.other)
        if isinstance(e, Bits):
            return self._all(e.key), self._of(e.index)
        if isinstance(e, Accumulated):
            return e.number, self._all(e.vars)
        raise _Unknown

    def _params(self, params: Mapping[str, Any]) -> Hashable:
        return tuple((name, self._of(params[name])) for name in sorted(params))
