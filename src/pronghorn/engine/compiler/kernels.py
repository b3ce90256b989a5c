"""What the compiler hands to codegen: kernels over loop nests, and the program that orders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from pronghorn.engine.compiler.expr import Expr, Index, LoopVar
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Graph, Node, Value

if TYPE_CHECKING:
    from pronghorn.engine.compiler.half_bytes import HalfBytes


@dataclass
class Reduction:
    """``op`` over ``element`` along ``vars``; ``op`` is a reduction primitive's suffix or ``argmax``/``argmin``.

    ``chunk``: the kernel's first loop variable, where it counts chunks of the reduced loops, of equal lengths.
    ``position``: what ``argmax``/``argmin`` give for an element (-1: it is never chosen); the row-major number of the
    iteration if None.
    """

    op: str
    element: Expr
    vars: tuple[LoopVar, ...]
    dtype: str
    chunk: LoopVar | None = None
    position: Expr | None = None

    @property
    def roots(self) -> tuple[Expr, ...]:
        """The expressions computed for each element."""
        return (self.element,) if self.position is None else (self.element, self.position)


@dataclass(frozen=True, slots=True)
class Axis:
    """One loop of a contraction.

    Attributes:
        name: its own among the contraction's axes.
        extent: its length.
        a, b, c: its strides in the operands and in the result, in elements; they may be negative, and 0 says that an
            array has no such axis.
        output: the axis of the kernel's result that it runs along, if it does.
        group: whether it counts groups of elements along ``output``, ``c`` apart.
        first, step: the indices along ``output`` that it runs through, if not all.
        parts: for an axis merged from several, those, the outermost first.
    """

    name: str
    extent: Extent
    a: Extent = 0
    b: Extent = 0
    c: Extent = 0
    output: int | None = None
    group: bool = False
    parts: tuple[Axis, ...] = ()
    first: int = 0
    step: int = 1

    @property
    def reduced(self) -> bool:
        """Whether the result lacks the axis, so that it is summed over."""
        return self.c == 0

    @property
    def whole(self) -> tuple[Axis, ...]:
        """The axes that it was merged from, or itself."""
        return self.parts or (self,)

    def swapped(self) -> Axis:
        """The axis with both operands exchanged."""
        return replace(self, a=self.b, b=self.a)


@dataclass
class Part:
    """One contraction: its loops, its operands' buffers, and where in them, and in the result, it starts.

    ``halves``: how B is computed, where it lies in no buffer. Strides of ``b`` are then those that it would have as an
    array of its own, whose rows are in the order of the bytes.
    """

    a: Value
    b: Value
    axes: list[Axis]
    a_offset: Extent = 0
    b_offset: Extent = 0
    c_offset: Extent = 0
    halves: HalfBytes | None = None


@dataclass
class Store:
    """``value``'s element at the kernel's loop variables.

    ``offset``: which element of its buffer that is, where the buffer is another's that holds more.
    """

    value: Value
    expr: Expr
    offset: Index | None = None


@dataclass(eq=False, kw_only=True)
class Kernel:
    """What every kernel has.

    Attributes:
        node: the node of the graph whose result it makes, unless it only copies or fills.
        reads, writes: the stored values that it touches.
        scope: the layer it belongs to.
        name: that of its function.
    """

    node: Node | None = None
    reads: set[Value] = field(default_factory=set)
    writes: set[Value] = field(default_factory=set)
    scope: str = ""
    name: str = ""

    kind: ClassVar[str]


@dataclass(eq=False, kw_only=True)
class Nest(Kernel):
    """A loop nest over ``vars`` that ends in expressions to store; ``accumulated`` are the values summed up in it."""

    vars: tuple[LoopVar, ...]
    stores: list[Store] = field(default_factory=list)
    accumulated: list[Value] = field(default_factory=list)

    @property
    def domain(self) -> tuple[Extent, ...]:
        """Extents of the loops."""
        return tuple(v.extent for v in self.vars)

    @property
    def elements(self) -> Extent:
        """How many elements each store writes."""
        return product(self.domain)


@dataclass(eq=False, kw_only=True)
class LoopKernel(Nest):
    """Plain loops, with reductions in them or without."""

    reductions: list[Reduction] = field(default_factory=list)

    kind = "loops"


@dataclass(eq=False, kw_only=True)
class ContractionKernel(Nest):
    """Sums of products, which together fill the result.

    ``zero_first``: they do not reach every element, so that the rest is zeroed. ``pool``: windows of the result that
    are pooled in registers. ``sums``: sums over all its rows that its epilogue begins.
    """

    parts: list[Part]
    zero_first: bool = False
    pool: PoolFusion | None = None
    sums: list[ColumnSums] = field(default_factory=list)

    kind = "contraction"

    @property
    def roots(self) -> list[Expr]:
        """The expressions that are stored, and those that are summed."""
        return [*(s.expr for s in self.stores), *(e for sums in self.sums for e in sums.elements)]

    @property
    def is_exact(self) -> bool:
        """Whether its products are to be summed as they are."""
        return self.node is not None and self.node.params.get("exact", False)


@dataclass(eq=False, kw_only=True)
class PooledKernel(Kernel):
    """The gradient of a convolution ``node`` from pooled values."""

    node: Node
    operands: PooledOperands

    kind = "pooled"


@dataclass(eq=False, kw_only=True)
class NodeKernel(Kernel):
    """A node with an emitter of its own.

    Attributes:
        leading: how many elements of each sorted row are read, the first ones; None: all.
    """

    node: Node
    leading: int | None = None

    kind = "node"


@dataclass
class PoolFusion:
    """Windows over axes of a contraction's result.

    Attributes:
        window: its extent along each axis of the result.
        source: the store that is pooled.
        readers: the pooling kernels that run in the epilogue.
        written: whether the source is stored as well.
    """

    window: tuple[int, ...]
    source: Store
    readers: list[LoopKernel] = field(default_factory=list)
    written: bool = False


@dataclass
class ColumnSums:
    """Sums over all axes of a contraction's result but the last.

    Attributes:
        elements: what is added up, over the contraction's loop variables.
        kernel: the kernel that sums in chunks of rows. It has a reduction, and a store, for each of ``elements``.
    """

    elements: list[Expr]
    kernel: LoopKernel


@dataclass(frozen=True)
class PooledOperands:
    """What a pooled convolution gradient reads: the pool, its values and positions, and the other operand
    (the input, or the kernel as ``[co, *k, ci]``). Without a pool the values are the whole gradient, mostly zeros."""

    pool: Node | None
    values: Value
    argmax: Value | None
    other: Value

    def arrays(self) -> list[Value]:
        """All that is read."""
        return [v for v in (self.values, self.argmax, self.other) if v is not None]


@dataclass
class Program:
    """Kernels in order, for a graph; ``aliases`` maps a value to the one whose memory it shares."""

    graph: Graph
    kernels: list[Kernel]
    aliases: dict[Value, Value]


def root_of(value: Value, aliases: Mapping[Value, Value]) -> Value:
    """The value whose memory ``value`` uses.

    Args:
        value: a value.
        aliases: leads from a value to one whose memory it shares.
    """
    while value in aliases:
        value = aliases[value]
    return value
