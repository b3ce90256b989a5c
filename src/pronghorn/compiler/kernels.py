"""What the compiler hands to codegen: kernels over loop nests, and the program that orders them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pronghorn.compiler.expr import Expr, LoopVar
from pronghorn.graph.dim import Extent, product
from pronghorn.graph.ir import Graph, Node, Value


@dataclass
class Reduction:
    """``op`` over ``element`` along ``vars``; ``op`` is a reduction primitive's suffix or ``argmax``/``argmin``.

    ``chunks``: when the outermost reduced loop is split, the kernel's first loop variable counts chunks and the loop
    runs over ``[chunk * chunk_size, min((chunk + 1) * chunk_size, extent))``.
    ``position``: what ``argmax``/``argmin`` give for an element (-1: it is never chosen); the row-major number of the
    iteration if None.
    """

    op: str
    element: Expr
    vars: tuple[LoopVar, ...]
    dtype: str
    chunk: tuple[LoopVar, Extent] | None = None
    position: Expr | None = None

    @property
    def roots(self) -> tuple[Expr, ...]:
        """The expressions computed for each element."""
        return (self.element,) if self.position is None else (self.element, self.position)


@dataclass
class Part:
    """One contraction: strides of each loop dimension in the operands and the result, in elements."""

    a: Value
    b: Value
    dims: list[ContractionDim]
    a_offset: Extent = 0
    b_offset: Extent = 0
    c_offset: Extent = 0


@dataclass
class ContractionDim:
    """A loop of a contraction. A stride of 0 says that the operand has no such axis."""

    name: str
    extent: Extent
    a: Extent
    b: Extent
    c: Extent


@dataclass
class Store:
    """``value``'s element at the kernel's loop variables."""

    value: Value
    expr: Expr


@dataclass(eq=False)
class Kernel:
    """A loop nest over ``vars``: optional reductions or a contraction, then expressions to store.

    ``kind``: ``map``, ``reduce``, ``contract``, or ``special`` (an emitter of its own for ``node``).
    """

    kind: str
    vars: tuple[LoopVar, ...]
    stores: list[Store] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    accumulated: list[Value] = field(default_factory=list)
    node: Node | None = None
    reads: set[Value] = field(default_factory=set)
    writes: set[Value] = field(default_factory=set)
    scratch: list[Value] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    name: str = ""

    @property
    def domain(self) -> tuple[Extent, ...]:
        """Extents of the loops."""
        return tuple(v.extent for v in self.vars)

    @property
    def elements(self) -> Extent:
        """How many elements each store writes."""
        return product(self.domain)


@dataclass
class Program:
    """Kernels in order, for a graph; ``aliases`` maps a value to the one whose memory it shares."""

    graph: Graph
    kernels: list[Kernel]
    aliases: dict[Value, Value]
