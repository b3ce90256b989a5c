"""Finding what is worth computing in blocks: products much larger than their operands, and what is made of them.

A *wide* value is one that is about as large as such a product and made of it: scores of attention, logits over a large
vocabulary, distances of all pairs. A region is a set of nodes that make and use wide values, and for each of these
values one axis, such that a block of it can be computed out of blocks of the others: the rows. What leaves the region
is small: rows of few numbers, or sums over the rows.

Where a region needs a sum over all rows, or anything that is computed from its results outside, it falls into *phases*,
one loop each: in attention, the forward pass is one and the backward pass another. A later phase computes again what an
earlier one has made of wide values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pronghorn.compiler.axes import OperandAxes, operand_axes, result_axis, summed_axes
from pronghorn.compiler.costs import typical
from pronghorn.graph.dim import identical, product
from pronghorn.graph.ir import Graph, Node, Value, users_of

LEAST_ELEMENTS = (
    32 << 20
)  # of a product, at a typical batch: far beyond the caches, and worth computing parts of it again
LEAST_GAIN = 6  # times as large as its operands together
ABOUT = 4  # a value is wide if it has more than a fourth of the product's elements
MOST_PHASES = 3  # each computes what it needs of those before again
MADE_OF_LITTLE = 8  # times as large as what it is made of: masks, noise, what is spread over rows
LEAST_EXTENT = 64  # of the rows: fewer do not fall into blocks
_CHEAP = frozenset({"broadcast_in_dim", "reshape", "transpose", "iota", "random_bits"})


class Unfit(Exception):
    """A product cannot be computed in blocks of an axis."""


@dataclass
class Region:
    """Nodes that are computed a block of rows at a time.

    Attributes:
        rows: how many rows there are.
        row: elements of the widest value in a row, without axes of unknown extent.
        axes: of each value that has rows, the axis that they lie along.
        sums: the values that are sums over all rows, each with the axes of its node's operands.
        phases: of each node of the region, the number of the loop that it belongs to.
        wide: the wide values.
        remade: other values of which a block is rather made anew than cut out.
    """

    rows: int
    row: int
    axes: dict[Value, int] = field(default_factory=dict)
    sums: dict[Value, OperandAxes] = field(default_factory=dict)
    phases: dict[Node, int] = field(default_factory=dict)
    wide: set[Value] = field(default_factory=set)
    remade: set[Value] = field(default_factory=set)


def elements(value: Value) -> int:
    """How many elements a value has, at a typical batch."""
    return typical(product(value.shape))


def find_region(graph: Graph) -> Region | None:
    """The first region of a graph that is worth computing in blocks."""
    candidates = [node for node in graph.nodes if _is_candidate(node)]
    users = users_of(graph) if candidates else {}
    tried: set[Value] = set()
    for node in candidates:
        if node.outputs[0] in tried:
            continue
        for axis in _row_axes(node):
            search = _Search(graph, users, node, axis)
            try:
                return search.run()
            except Unfit:
                tried.update(search.region.axes)
    return None


def _is_candidate(node: Node) -> bool:
    if node.prim.name != "dot_general":
        return False
    size = elements(node.outputs[0])
    return size >= LEAST_ELEMENTS and size >= LEAST_GAIN * sum(map(elements, node.inputs))


def _row_axes(node: Node) -> Iterator[int]:
    """Free axes of a product that may be its rows, the longest first."""
    shape = node.outputs[0].shape
    free = range(len(node.params["batch"][0]), len(shape))
    known = [(extent, axis) for axis in free if isinstance(extent := shape[axis], int) and extent >= LEAST_EXTENT]
    return (axis for _, axis in sorted(known, key=lambda pair: (-pair[0], -pair[1])))


class _Search:
    """Follows the rows of one product through all that is wide."""

    def __init__(self, graph: Graph, users: dict[Value, list[Node]], node: Node, axis: int):
        self.graph, self.users = graph, users
        product_ = node.outputs[0]
        rows = product_.shape[axis]
        assert isinstance(rows, int)
        known = [extent for i, extent in enumerate(product_.shape) if i != axis and isinstance(extent, int)]
        self.region = Region(rows, int(product(tuple(known))))
        self.size = elements(product_)
        self.region.wide = self._wide()
        self.queue: deque[Value] = deque()
        self._tag(product_, axis)

    def run(self) -> Region:
        while self.queue:
            value = self.queue.popleft()
            self._follow(value)
        self._add_chains()
        self._number_phases()
        self._note_remade()
        return self.region

    def _wide(self) -> set[Value]:
        """Values that are about as large as the product, and made of a product."""
        found: set[Value] = set()
        for node in self.graph.nodes:
            for value in node.outputs:
                if ABOUT * elements(value) <= self.size:
                    continue
                if node.prim.name == "dot_general" or any(v in found for v in node.inputs):
                    found.add(value)
        return found

    def _tag(self, value: Value, axis: int) -> None:
        """Notes the rows' axis of a value that has rows; a wide one is followed."""
        known = self.region.axes.setdefault(value, axis)
        if known != axis or not identical(value.shape[axis], self.region.rows):
            raise Unfit(f"rows of {value.aval} along axis {axis}")
        if value in self.region.wide and value.node is not None and value.node not in self.region.phases:
            self.region.phases[value.node] = 0
            self.queue.append(value)

    def _follow(self, value: Value) -> None:
        """Its node's wide operands, and its users, are of the region, too."""
        node, axis = value.node, self.region.axes[value]
        assert node is not None
        if value in self.graph.outputs or len(node.outputs) != 1:
            raise Unfit(f"{value.aval} is wanted as a whole")
        self._tag_operands(node, operand_axes(node, axis))
        for user in self.users.get(value, []):
            self._use(user)

    def _tag_operands(self, node: Node, axes: OperandAxes | None) -> None:
        if axes is None:
            raise Unfit(f"{node.prim.name} has no rule for these rows")
        for operand, axis in zip(node.inputs, axes):
            if operand not in self.region.wide:
                continue
            if axis is None:
                raise Unfit(f"{node.prim.name} needs all rows of {operand.aval}")
            self._tag(operand, axis)

    def _use(self, node: Node) -> None:
        """A user of wide values: what it makes has rows, or is a sum over them."""
        axes = [self.region.axes.get(v) if v in self.region.wide else None for v in node.inputs]
        along = result_axis(node, axes)
        if along is not None:
            self._tag(node.outputs[0], along)
            self._tag_operands(node, operand_axes(node, along))
        else:
            over = summed_axes(node, axes)
            if over is None or node.outputs[0] in self.region.wide:
                raise Unfit(f"{node.prim.name} mixes rows")
            self.region.sums[node.outputs[0]] = over
            self._tag_operands(node, over)
        self.region.phases.setdefault(node, 0)

    def _add_chains(self) -> None:
        """Small nodes between one of the region and another, such as the maxima that are subtracted from scores."""
        axes = dict(self.region.axes)
        chain: list[Node] = []
        for node in self.graph.nodes:
            if node in self.region.phases or len(node.outputs) != 1 or node.prim.name == "dot_general":
                continue
            given = [axes.get(v) for v in node.inputs]
            if all(axis is None for axis in given):
                continue
            along = result_axis(node, given)
            if along is not None and identical(node.outputs[0].shape[along], self.region.rows):
                axes[node.outputs[0]] = along
                chain.append(node)
        for node in reversed(chain):
            value = node.outputs[0]
            if any(user in self.region.phases for user in self.users.get(value, [])):
                self.region.phases[node] = 0
                self.region.axes[value] = axes[value]

    def _number_phases(self) -> None:
        region = self.region
        level: dict[Node, int] = {}
        for node in self.graph.nodes:
            needed = 0
            for value, axis in zip(node.inputs, self._read_along(node)):
                if value.node is not None:
                    # a row is there in the loop that makes it; sums, and what is read otherwise, behind that loop
                    is_behind = value.node in region.phases and (axis is None or axis != region.axes.get(value))
                    needed = max(needed, level[value.node] + is_behind)
            level[node] = needed
            if node in region.phases:
                region.phases[node] = needed
        if max(region.phases.values()) >= MOST_PHASES:
            raise Unfit("too many phases")

    def _read_along(self, node: Node) -> OperandAxes:
        """For each operand the axis along which a node of the region reads its rows; None: as a whole."""
        if node not in self.region.phases:
            return (None,) * len(node.inputs)
        (value,) = node.outputs
        axes = self.region.sums.get(value) or operand_axes(node, self.region.axes[value])
        assert axes is not None
        return axes

    def _note_remade(self) -> None:
        """What is as large as wide values, or much larger than all that it is made of."""
        made_of: dict[Value, int] = {}
        for node in self.graph.nodes:
            if not node.prim.elementwise and node.prim.name not in _CHEAP:
                continue
            (value,) = node.outputs
            size = elements(value)
            made_of[value] = min(size, sum(made_of.get(v, elements(v)) for v in node.inputs))
            if ABOUT * size > self.size or size >= MADE_OF_LITTLE * made_of[value]:
                self.region.remade.add(value)
