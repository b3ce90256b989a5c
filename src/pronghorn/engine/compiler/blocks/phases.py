"""Which loop of its region a node belongs to.

Where a region needs a sum over all rows, or anything that is computed from its results outside, it falls into *phases*,
one loop each: in attention, the forward pass is one and the backward pass another. A later phase computes again what an
earlier one has made of wide values.
"""

from __future__ import annotations

import graphlib
from collections.abc import Sequence

from pronghorn.engine.compiler.blocks.region import Region
from pronghorn.engine.compiler.costs import MOST_PHASES
from pronghorn.engine.graph.ir import Graph, Node

_Place = Node | tuple[int, int]  # a node, or the region and the phase of a loop


def number_phases(graph: Graph, regions: Sequence[Region]) -> None:
    """Notes of each node of each region how often the way to it has left the region, at most `MOST_PHASES` times, and
    whether it comes back there.

    One walk serves all regions. What it knows of a node is a number, with `MOST_PHASES` bits a region, as many of them
    set as there are times.
    """
    of = _regions_of(regions)
    for numbered in regions:
        numbered.returns.clear()
    times: dict[Node, int] = {}
    beyond: dict[Node, int] = {}  # for those who do not read along the rows
    ones = (1 << MOST_PHASES) - 1
    for node in graph.nodes:
        number = of.get(node)
        region = None if number is None else regions[number]
        axes = (None,) * len(node.inputs) if region is None else region.read_along(node)
        known = inside = 0
        for value, axis in zip(node.inputs, axes):
            if value.node is not None:
                # a row is there in the loop that makes it; sums, and what is read otherwise, behind that loop
                is_there = region is not None and axis is not None and of.get(value.node) == number
                is_there = is_there and region is not None and axis == region.axes.get(value)
                known |= (times if is_there else beyond)[value.node]
                inside |= times[value.node] if is_there else 0
        times[node] = beyond[node] = known
        if region is not None and number is not None:
            shift = MOST_PHASES * number
            own = (known >> shift) & ones
            region.phases[node] = own.bit_count()
            if own != (inside >> shift) & ones:
                region.returns.add(node)
            beyond[node] = known | ((own << 1 | 1) & ones) << shift


def in_order(graph: Graph, regions: Sequence[Region]) -> bool:
    """Whether all loops of all regions can be put in an order: each wants all that its nodes take before it begins."""
    if len(regions) < 2:
        return True
    of = _regions_of(regions)

    def place(node: Node) -> _Place:
        return (of[node], regions[of[node]].phases[node]) if node in of else node

    before: dict[_Place, set[_Place]] = {}
    for node in graph.nodes:
        here = place(node)
        wanted = {place(v.node) for v in node.inputs if v.node is not None}
        before.setdefault(here, set()).update(wanted - {here})
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError:
        return False
    return True


def _regions_of(regions: Sequence[Region]) -> dict[Node, int]:
    return {node: number for number, region in enumerate(regions) for node in region.phases}
