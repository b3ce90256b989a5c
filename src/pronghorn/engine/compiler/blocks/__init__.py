"""Stage *blocks*: arrays much larger than what they are made of and what they become, in blocks of rows.

The scores of attention over 4,096 places are 64 MB a head, and the logits of 2,048 tokens over 50,000 words 400 MB:
written, read several times, kept for the backward pass. Here they become a loop over blocks of rows (of queries, of
tokens), each of which stays in the caches and is forgotten, so that memory grows with the length and not with its
square. The backward pass makes them again, as in Rabe and Staats 2021 (arXiv:2112.05682) and Dao et al. 2022
(arXiv:2205.14135). A block has whole rows, so that a softmax is not put together from parts.

The rule knows no attention and no loss. It starts at a `dot_general` whose result is much larger than its operands, and
follows one axis of it through all that is made of it (`blocks.axes`, `regions`); where that ends in small arrays, the
nodes between become a `scan` (`body`). Sums over rows, such as gradients of weights, are carried from block to block,
16-bit ones in float32. Where a mask hides the last columns from the first rows, as in causal attention, these rows are
computed without them (`columns`, `tails`). The rule reaches as far as this: the rows' extent is known and at least
`costs.FEWEST_WIDE_ROWS`, the product has `costs.LEAST_WIDE_ELEMENTS` elements at a typical batch, all that uses it has
a rule, and nobody wants the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.engine.compiler.blocks.columns import Bands, bands_of
from pronghorn.engine.compiler.blocks.loops import Loop, whole_bands
from pronghorn.engine.compiler.blocks.region import Region, Unfit
from pronghorn.engine.compiler.blocks.regions import find_regions
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of


def compute_in_blocks(graph: Graph) -> Graph:
    """``graph`` with loops over blocks in place of wide arrays."""
    while regions := find_regions(graph):
        graph = _InBlocks(graph, regions).run()
    return graph


class _InBlocks:
    """Copies a graph with regions of it in blocks.

    Nodes keep their order, but for a loop, which comes where the first of its results is wanted, and what it needs
    before it.
    """

    def __init__(self, graph: Graph, regions: Sequence[Region]):
        self.old, self.regions = graph, regions
        self.graph = Graph(graph.name)
        self.map: dict[Value, Value] = {}
        self.of = {node: number for number, region in enumerate(regions) for node in region.phases}
        self.loops = self._planned()

    def run(self) -> Graph:
        """The new graph."""
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.old.nodes:
            if node not in self.of:
                self._emit(node)
            else:
                for v in node.inputs:
                    if v.node is not None and self.of.get(v.node, len(self.regions)) < self.of[node]:
                        self.value(v)
        self.graph.outputs = [self.value(v) for v in self.old.outputs]
        return self.graph

    def _planned(self) -> dict[tuple[int, int], Loop]:
        """The loop of each phase of each region."""
        wanted, users = self._wanted(), users_of(self.old)
        planned: dict[tuple[int, int], Loop] = {}
        for number, region in enumerate(self.regions):
            try:
                loops = self._loops(number, wanted[number], bands_of(region, users))
            except Unfit:
                loops = self._loops(number, wanted[number], None)
            for phase, loop in loops.items():
                planned[number, phase] = loop
                for v in loop.outside:
                    if v.node in self.of:
                        wanted[self.of[v.node]].setdefault(v)
        return planned

    def _loops(self, number: int, wanted: dict[Value, None], bands: Bands | None) -> dict[int, Loop]:
        """The loops of a region, the last one first, since it may want more of those before."""
        region, wanted = self.regions[number], dict(wanted)
        loops: dict[int, Loop] = {}
        for phase in sorted(set(region.phases.values()), reverse=True):
            own = [v for v in wanted if v.node is not None and region.phases[v.node] == phase and v not in region.wide]
            loop = loops[phase] = Loop(self, region, phase, own, bands or Bands(None, whole_bands(region)))
            wanted.update((v, None) for v in loop.outside if v.node is not None and self.of.get(v.node) == number)
        return loops

    def _wanted(self) -> list[dict[Value, None]]:
        """For each region what others want of it: the graph's outputs, its other nodes, and those of later regions.

        What the loops of a region need, of one another and of later ones, they say themselves.
        """
        wanted: list[dict[Value, None]] = [{} for _ in self.regions]
        outside = len(self.regions)
        for user, values in [(None, self.old.outputs), *((node, node.inputs) for node in self.old.nodes)]:
            by = self.of.get(user, outside) if user is not None else outside
            for v in values:
                if v.node is not None and (number := self.of.get(v.node, by)) < by:
                    wanted[number].setdefault(v)
        return wanted

    def _emit(self, node: Node) -> None:
        """The node, behind all that it needs and that is not there yet."""
        if node.outputs and node.outputs[0] in self.map:
            return
        inputs = [self.value(v) for v in node.inputs]
        self.map.update(zip(node.outputs, self.graph.copy_node(node, inputs, node.params)))

    def value(self, value: Value) -> Value:
        """The new graph's value for one of the old, which is written if it is not there yet."""
        if value not in self.map:
            node = value.node
            assert node is not None
            if node in self.of:
                number = self.of[node]
                self.loops[number, self.regions[number].phases[node]].write()
            else:
                self._emit(node)
        return self.map[value]

    def add(self, prim: P.Primitive, *inputs: Value, **params: Any) -> Value:
        """A node in the new graph."""
        return self.graph.add_node(prim, list(inputs), params)[0]
