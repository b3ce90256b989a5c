"""Finding what is worth computing in blocks: products much larger than their operands, and what is made of them.

A *wide* value is one that is about as large as such a product and made of it: scores of attention, logits over a large
vocabulary, distances of all pairs. A region is a set of nodes that make and use wide values, and for each of these
values one axis, such that a block of it can be computed out of blocks of the others: the rows. What leaves the region
is small: rows of few numbers, or sums over the rows.

Regions that have nothing in common are found at once, since a network may have many: what is asked of the whole graph
is asked once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import prod

from pronghorn.engine.compiler.blocks.axes import OperandAxes, operand_axes, result_axis, summed_axes
from pronghorn.engine.compiler.blocks.phases import in_order, number_phases
from pronghorn.engine.compiler.blocks.region import Region, Unfit
from pronghorn.engine.compiler.costs import (
    ABOUT_AS_WIDE,
    FEWEST_WIDE_ROWS,
    LEAST_WIDE_ELEMENTS,
    LEAST_WIDE_GAIN,
    MADE_OF_LITTLE,
    MOST_PHASES,
    MOST_SAMPLE_ROWS,
    typical,
)
from pronghorn.engine.graph.dim import identical, product
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of

_CHEAP = frozenset({"broadcast_in_dim", "reshape", "transpose", "iota", "random_bits"})


class Taken(Exception):
    """What a product is made of or becomes meets another region."""


def elements(value: Value) -> int:
    """How many elements a value has, at a typical batch."""
    return typical(product(value.shape))


def find_regions(graph: Graph) -> list[Region]:
    """Regions of a graph that are worth computing in blocks and can be so together, in the order of their products.

    There may be more, which can be found once these are loops.
    """
    candidates = [node for node in graph.nodes if _is_candidate(node)]
    if not candidates:
        return []
    known = _Known(graph)
    unfit: dict[tuple[Value, int], set[Value]] = {}
    while True:
        found = _apart(known, candidates, unfit)
        regions = [region for _, region in found]
        _number(regions, known)
        late = [(start, set(region.axes)) for start, region in found if region.last_phase >= MOST_PHASES]
        if not late:
            break
        unfit.update(late)
    if not in_order(graph, regions):
        regions = regions[:1]
    known.note_remade(regions)
    return regions


def _apart(
    known: _Known, candidates: list[Node], unfit: dict[tuple[Value, int], set[Value]]
) -> list[tuple[tuple[Value, int], Region]]:
    """Regions that have no node in common, each with the product and the axis that it was found from."""
    found: list[tuple[tuple[Value, int], Region]] = []
    tried: set[Value] = set()
    taken: set[Node] = set()
    for node in candidates:
        value = node.outputs[0]
        if value in tried or node in taken:
            continue
        for axis in _row_axes(node):
            if (value, axis) in unfit:
                tried |= unfit[value, axis]
                continue
            search = _Search(known, taken, node, axis)
            try:
                region = search.run()
            except Unfit:
                tried.update(search.region.axes)
            except Taken:
                break
            else:
                found.append(((value, axis), region))
                taken.update(region.phases)
                break
    return found


def _number(regions: list[Region], known: _Known) -> None:
    """Numbers the phases of regions, without small nodes that would make too many of them."""
    shortened = True
    while shortened:
        number_phases(known.graph, regions)
        late = [region for region in regions if region.last_phase >= MOST_PHASES]
        shortened = bool([region for region in late if _shorten(region, known)])


def _shorten(region: Region, known: _Known) -> bool:
    """Takes those small nodes out of a region to which the way has led outside and back; whether there were any.

    So a network's residual path leads from attention to its gradient, out and back at every layer.
    """
    back = region.chain & region.returns
    for node in sorted(region.chain, key=known.place.__getitem__, reverse=True):
        (value,) = node.outputs
        if node in back or not any(user in region.phases for user in known.users.get(value, [])):
            region.chain.remove(node)
            del region.phases[node], region.axes[value]
    return bool(back)


def _is_candidate(node: Node) -> bool:
    if node.prim.name != "dot_general":
        return False
    size = elements(node.outputs[0])
    return size >= LEAST_WIDE_ELEMENTS and size >= LEAST_WIDE_GAIN * sum(map(elements, node.inputs))


def _row_axes(node: Node) -> Iterator[int]:
    """Free axes of a product that may be its rows: samples that have some rows each, then the longest first."""
    shape = node.outputs[0].shape
    free = range(len(node.params["batch"][0]), len(shape))
    known = [(extent, axis) for axis in free if isinstance(extent := shape[axis], int) and extent >= FEWEST_WIDE_ROWS]
    for axis in free:
        if not isinstance(shape[axis], int) and FEWEST_WIDE_ROWS <= _sample(node, axis) <= MOST_SAMPLE_ROWS:
            yield axis
    for _, axis in sorted(known, key=lambda pair: (-pair[0], -pair[1])):
        yield axis


def _sample(node: Node, axis: int) -> int:
    """How many rows of a product lie along the other free axes of the operand that has an axis; 0: that is unknown."""
    first = len(node.params["batch"][0])
    operand = next(i for i, own in enumerate(operand_axes(node, axis) or ()) if own is not None)
    end = len(node.inputs[0].shape) - len(node.params["contract"][0])
    span = range(first, end) if operand == 0 else range(end, len(node.outputs[0].shape))
    extents = [node.outputs[0].shape[a] for a in span if a != axis]
    known = [extent for extent in extents if isinstance(extent, int)]
    return prod(known) if len(known) == len(extents) and first == 0 else 0


class _Known:
    """What is known of a whole graph, for all searches in it.

    Attributes:
        users: the nodes that take each value.
        place: where each node stands.
        outputs: the graph's.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.users = users_of(graph)
        self.place = {node: place for place, node in enumerate(graph.nodes)}
        self.outputs = frozenset(graph.outputs)
        self._elements: dict[Value, int] = {}
        self._wide: dict[int, set[Value]] = {}

    def elements(self, value: Value) -> int:
        """How many a value has, at a typical batch."""
        size = self._elements.get(value)
        if size is None:
            size = self._elements[value] = elements(value)
        return size

    def wide(self, size: int) -> set[Value]:
        """Values that are about as large as a product of ``size`` elements, and made of a product."""
        if size not in self._wide:
            found = self._wide[size] = set()
            for node in self.graph.nodes:
                if node.prim.name == "dot_general" or not found.isdisjoint(node.inputs):
                    found.update(value for value in node.outputs if ABOUT_AS_WIDE * self.elements(value) > size)
        return self._wide[size]

    def note_remade(self, regions: list[Region]) -> None:
        """What is as large as the wide values of a region, or much larger than all that it is made of."""
        made_of: dict[Value, int] = {}
        little: set[Value] = set()
        for node in self.graph.nodes:
            if node.prim.elementwise or node.prim.name in _CHEAP:
                (value,) = node.outputs
                size = self.elements(value)
                made_of[value] = min(size, sum(made_of.get(v, self.elements(v)) for v in node.inputs))
                if size >= MADE_OF_LITTLE * made_of[value]:
                    little.add(value)
        taken = {node for region in regions for node in region.phases}
        of_size: dict[int, set[Value]] = {}
        for region in regions:
            if region.size not in of_size:
                large = {value for value in made_of if ABOUT_AS_WIDE * self.elements(value) > region.size}
                of_size[region.size] = little | large
            region.cheap, region.taken = of_size[region.size], taken


class _Search:
    """Follows the rows of one product through all that is wide."""

    def __init__(self, known: _Known, taken: set[Node], node: Node, axis: int):
        self.known, self.users, self.taken = known, known.users, taken
        product_ = node.outputs[0]
        rows = product_.shape[axis]
        others = [extent for i, extent in enumerate(product_.shape) if i != axis and isinstance(extent, int)]
        self.region = Region(rows, int(product(tuple(others))), known.elements(product_))
        self.region.sample = 1 if isinstance(rows, int) else _sample(node, axis)
        self.region.wide = known.wide(self.region.size)
        self.queue: deque[Value] = deque()
        self._tag(product_, axis)

    def run(self) -> Region:
        while self.queue:
            value = self.queue.popleft()
            self._follow(value)
        self._add_chains()
        return self.region

    def _add(self, node: Node) -> None:
        if node in self.taken:
            raise Taken
        self.region.phases.setdefault(node, 0)

    def _tag(self, value: Value, axis: int) -> None:
        """Notes the rows' axis of a value that has rows; a wide one is followed."""
        known = self.region.axes.setdefault(value, axis)
        if known != axis or not identical(value.shape[axis], self.region.rows):
            raise Unfit(f"rows of {value.aval} along axis {axis}")
        if value in self.region.wide and value.node is not None and value.node not in self.region.phases:
            self._add(value.node)
            self.queue.append(value)

    def _follow(self, value: Value) -> None:
        """Its node's wide operands, and its users, are of the region, too."""
        node, axis = value.node, self.region.axes[value]
        assert node is not None
        if value in self.known.outputs or len(node.outputs) != 1:
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
        self._add(node)

    def _add_chains(self) -> None:
        """Small nodes between one of the region and another, such as the maxima that are subtracted from scores."""
        axes = dict(self.region.axes)
        chain: list[Node] = []
        for node in self._needed():
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
                self.region.chain.add(node)
                self.region.axes[value] = axes[value]

    def _needed(self) -> list[Node]:
        """What nodes of the region are made of since its first one, but for what is behind products, in order."""
        place = self.known.place
        first = min(place[node] for node in self.region.phases)
        found: set[Node] = set()
        reached = [v.node for node in self.region.phases for v in node.inputs]
        while reached:
            node = reached.pop()
            if node is None or node in found or node in self.region.phases or node in self.taken:
                continue
            if place[node] > first and len(node.outputs) == 1 and node.prim.name != "dot_general":
                found.add(node)
                reached.extend(v.node for v in node.inputs)
        return sorted(found, key=place.__getitem__)
