"""Matrices of numbers in four bits, two in a byte, which a product reads as they lie.

A quantized layer multiplies by a matrix that it computes from bytes: each number is one half of a byte, less a zero,
times a scale, and both are those of its column and of a group of steps of the sum. Such a matrix need not be stored:
the sum of a group is that of the inputs times the integers, less the zero times the sum of the inputs, times the scale.

What is looked at is the element of the matrix as an expression, however it was written. Halves are told by what the
expression gives for each of the 256 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.engine.compiler.expr import (
    Apply,
    Const,
    Expr,
    Guard,
    Index,
    IndexValue,
    Load,
    LoopVar,
    depends,
    substitute_index,
    walk,
)
from pronghorn.engine.compiler.lowering import Lowering, is_virtual
from pronghorn.engine.compiler.storage import Storage
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of
from pronghorn.engine.graph.primitives.registry import MEANINGS

__all__ = ["HalfBytes", "half_bytes", "is_made_of_bytes", "made_of_half_bytes"]

_FLOATS = ("float32", *LOW_PRECISION)


@dataclass(frozen=True, eq=False)
class HalfBytes:
    """How a matrix of floats is computed from halves of bytes.

    Attributes:
        source: the array of bytes.
        offset: that of its first byte.
        strides: by axis of the matrix, how far the next byte is; along ``packed``, the next but one number's.
        packed: the axis along which two numbers share a byte, the first in its lower half.
        summed: the axis along which the product sums.
        is_signed: whether halves are from -8 to 7, not from 0 to 15.
        vars: the indices of an element along both axes.
        zero: what is subtracted from the integer, or None.
        factors: what the difference is multiplied (``"mul"``) or divided by (``"div"``).
        element: all of it.
    """

    source: Value
    offset: int
    strides: tuple[int, int]
    packed: int
    summed: int
    is_signed: bool
    vars: tuple[LoopVar, LoopVar]
    zero: Expr | None
    factors: tuple[tuple[str, Expr], ...]
    element: Expr

    def reads(self) -> set[Value]:
        """The arrays that it is computed from."""
        return {e.value for e in walk(self.element) if isinstance(e, Load)}

    @property
    def step(self) -> LoopVar:
        """The index that the product sums over."""
        return self.vars[self.summed]

    @property
    def column(self) -> LoopVar:
        """The other index."""
        return self.vars[1 - self.summed]

    def of_inputs(self) -> list[tuple[str, Expr]]:
        """The factors that are the same for all columns, but not along the sum: the inputs can have them as well."""
        return [f for f in self.factors if f[1].depends_on(self.step) and not f[1].depends_on(self.column)]

    def of_groups(self) -> list[tuple[str, Expr]]:
        """The other factors."""
        own = self.of_inputs()
        return [f for f in self.factors if f not in own]

    def groups(self) -> list[Any]:
        """The terms by which the zero and the factors `of_groups` depend on the step."""
        found: dict[Any, None] = {}
        for expr in self.coefficients():
            found.update(dict.fromkeys(_terms_of(expr, self.step)))
        return list(found)

    def coefficients(self) -> list[Expr]:
        """The zero, if there is one, and the factors `of_groups`."""
        return [*([] if self.zero is None else [self.zero]), *(factor for _, factor in self.of_groups())]


def made_of_half_bytes(graph: Graph) -> tuple[set[Value], dict[Value, Node]]:
    """What need not be stored for the sake of products that read halves of bytes.

    Returns:
        All that is computed on the way to such matrices and for nothing else, and the matrices, each with its product.
    """
    plain = Storage([*graph.inputs, *graph.outputs])
    plain.update(v for node in graph.nodes if not is_virtual(node) for v in node.outputs)
    users, matrices = users_of(graph), {}
    for node in graph.nodes:
        if node.prim.name != "dot_general":
            continue
        for value in dict.fromkeys(node.inputs):
            is_candidate = value not in plain and users[value] == [node] and "float" in value.dtype
            if is_candidate and half_bytes(node, value, plain) is not None:
                matrices[value] = node
    if not matrices:
        return set(), {}
    beneath: set[Value] = set()
    for value in matrices:
        _collect(value, plain, beneath)
    ends = set(matrices.values())
    for node in reversed(graph.nodes):
        for value in node.outputs:
            if value in beneath and any(
                user not in ends and not beneath.issuperset(user.outputs) for user in users.get(value, ())
            ):
                beneath.discard(value)
    return beneath, matrices


def _collect(value: Value, plain: set[Value], beneath: set[Value]) -> None:
    stack = [value]
    while stack:
        v = stack.pop()
        if v not in plain and v not in beneath and v.node is not None:
            beneath.add(v)
            stack.extend(v.node.inputs)


def half_bytes(node: Node, value: Value, stored: Storage) -> HalfBytes | None:
    """How an operand of a product of two matrices is computed from halves of bytes, if it is."""
    extents = value.shape
    if node.params["batch"] != ((), ()) or len(extents) != 2 or not all(isinstance(n, int) and n > 0 for n in extents):
        return None
    if len(node.params["contract"][0]) != 1 or value in stored or value.dtype not in _FLOATS:
        return None
    step_axis = node.params["contract"][node.inputs.index(value)][0]
    if node.inputs[0] is node.inputs[1] or not is_made_of_bytes(value, stored):
        return None
    vars = LoopVar("h0", extents[0]), LoopVar("h1", extents[1])
    element = Lowering(value.graph, stored).element(value, (Index.of(vars[0]), Index.of(vars[1])))
    found = _taken_apart(element)
    if found is None:
        return None
    integers, zero, factors = found
    for packed, var in enumerate(vars):
        halves = [_half(integers, var, number) for number in (0, 1)]
        if None in halves:
            continue
        (low, byte), (high, other) = halves  # type: ignore[misc]
        if byte.value is not other.value or byte.offset != other.offset or not np.array_equal(low, high):
            continue
        first, second, offset = (
            byte.offset.terms.get(vars[0], 0),
            byte.offset.terms.get(vars[1], 0),
            byte.offset.const,
        )
        if not (isinstance(first, int) and isinstance(second, int) and isinstance(offset, int)):
            continue
        is_signed = bool(low[15] < 0)
        wanted = np.arange(16) - 16 * (np.arange(16) > 7) if is_signed else np.arange(16)
        if not set(byte.offset.terms) <= set(vars) or not np.array_equal(low, wanted):
            continue
        made = HalfBytes(
            source=byte.value,
            offset=offset,
            strides=(first, second),
            packed=packed,
            summed=step_axis,
            is_signed=is_signed,
            vars=vars,
            zero=zero,
            factors=tuple(factors),
            element=element,
        )
        return made if _is_by_groups(made) else None
    return None


def is_made_of_bytes(value: Value, stored: set[Value]) -> bool:
    """Whether an array of bytes is looked at on the way to a value: most operands are told from these without more."""
    seen: set[Value] = set()
    stack = [value]
    while stack and len(seen) < _MOST_LOOKED_AT:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in stored or v.node is None:
            if v.dtype in ("int8", "uint8") and len(v.shape) == 2:
                return True
        else:
            stack.extend(v.node.inputs)
    return False


_MOST_LOOKED_AT = 64


def _taken_apart(expr: Expr) -> tuple[Expr, Expr | None, list[tuple[str, Expr]]] | None:
    """The integers, the zero and the factors of ``(integers - zero) * factor ...``."""
    factors: list[tuple[str, Expr]] = []
    zero = None
    while True:
        if not isinstance(expr, Apply):
            return None
        if expr.name == "cast" and expr.args[0].dtype not in _FLOATS:
            return expr.args[0], zero, factors
        if expr.name == "cast":
            expr = expr.args[0]
            continue
        if expr.name not in ("mul", "div", "sub") or zero is not None:
            return None
        x, y = expr.args
        if expr.name == "mul" and not _has_halves(x):
            x, y = y, x
        if not _has_halves(x) or not _is_simple(y):
            return None
        if expr.name == "sub":
            zero = y
        else:
            factors.append((expr.name, y))
        expr = x


def _has_halves(expr: Expr) -> bool:
    return any(isinstance(e, Guard) for e in walk(expr))


def _is_simple(expr: Expr) -> bool:
    return all(isinstance(e, Load | Const | Apply | IndexValue) for e in walk(expr))


def _half(expr: Expr, packed: LoopVar, number: int) -> tuple[np.ndarray, Load] | None:
    """What an expression of one byte gives for each half of it, at each second index along ``packed``; and the byte.

    None unless it depends on one half of a byte: the lower one if ``number`` is 0.
    """
    at = {packed: Index(number, {packed: 2})}
    loads: dict[tuple[Value, Index], Load] = {}
    every = np.arange(256, dtype=np.uint8)

    def value(e: Expr) -> np.ndarray | None:
        if isinstance(e, Const):
            return np.full(256, e.number, dtypes.to_numpy(e.dtype))
        if isinstance(e, Guard):
            inside = True
            for bound in e.bounds:
                index = substitute_index(bound.index, at)
                if index.terms or not all(isinstance(n, int) for n in (index.const, bound.low, bound.high)):
                    return None
                inside &= bound.low <= index.const < bound.high and (index.const - bound.low) % bound.step == 0
            return value(e.value if inside else e.other)
        if isinstance(e, Load):
            if e.dtype not in ("int8", "uint8"):
                return None
            offset = substitute_index(e.offset, at)
            loads.setdefault((e.value, offset), Load(e.value, offset))
            return every.view(e.dtype)
        if not isinstance(e, Apply):
            return None
        args = [value(x) for x in e.args]
        if any(x is None for x in args):
            return None
        return np.asarray(MEANINGS[e.name](*args, **e.params))

    with np.errstate(all="ignore"):
        found = value(expr)
    if found is None or len(loads) != 1 or found.shape != (256,):
        return None
    half = every & 15 if number == 0 else every >> 4
    table = np.array([found[half == n][0] for n in range(16)]).astype(np.int64)
    return (table, next(iter(loads.values()))) if np.array_equal(table[half], found) else None


def _is_by_groups(made: HalfBytes) -> bool:
    """Whether the zero and the scales change along the sum by terms that do not depend on the column."""
    return not any(isinstance(term, LoopVar) or depends(term, made.column) for term in made.groups())


def _terms_of(expr: Expr, step: LoopVar) -> Iterator[Any]:
    """The terms of indices that depend on ``step``, those inside of loaded indices left out."""
    stack, seen = [expr], set()
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        stack.extend(e.children())
        for index in e.indices():
            for term in index.terms:
                if depends(term, step):
                    yield term
