"""Stage *blocks*: arrays much larger than what they are made of and what they become, in blocks of rows.

The scores of attention over 4,096 places are 64 MB a head, and the logits of 2,048 tokens over 50,000 words 400 MB:
written, read several times, kept for the backward pass. Here they become a loop over blocks of rows (of queries, of
tokens), each of which stays in the caches and is forgotten, so that memory grows with the length and not with its
square. The backward pass makes them again, as in Rabe and Staats 2021 (arXiv:2112.05682) and Dao et al. 2022
(arXiv:2205.14135). A block has whole rows, so that a softmax is not put together from parts.

The rule knows no attention and no loss. It starts at a `dot_general` whose result is much larger than its operands, and
follows one axis of it through all that is made of it (`compiler.axes`, `regions`); where that ends in small arrays, the
nodes between become a `scan` (`body`). Sums over rows, such as gradients of weights, are carried from block to block,
16-bit ones in float32. It reaches as far as this: the rows' extent is known and at least `regions.LEAST_EXTENT`, the
product has `regions.LEAST_ELEMENTS` elements at a typical batch, all that uses it has a rule, and nobody wants the
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.compiler.blocks.body import Block, resized
from pronghorn.compiler.blocks.region import Region
from pronghorn.compiler.blocks.regions import find_regions
from pronghorn.graph import dtypes
from pronghorn.graph import primitives as P
from pronghorn.graph.dtypes import LOW_PRECISION
from pronghorn.graph.ir import Aval, Graph, Node, Value

BLOCK_ELEMENTS = 1 << 19  # of the widest value in a block, beside axes of unknown extent
LEAST_ROWS, MOST_ROWS = 32, 512  # of a block: products of fewer are slow, of more gain nothing


def compute_in_blocks(graph: Graph) -> Graph:
    """``graph`` with loops over blocks in place of wide arrays."""
    while regions := find_regions(graph):
        graph = _InBlocks(graph, regions).run()
    return graph


def block_rows(rows: int, row: int) -> int:
    """How many rows a block has: a divisor of all, if there is one near what suits the caches.

    Args:
        rows: of how many.
        row: elements of one.

    >>> block_rows(4096, 4 * 4096), block_rows(2047, 2047), block_rows(100, 1 << 20)
    (32, 256, 25)
    """
    wanted = min(max(BLOCK_ELEMENTS // max(row, 1), LEAST_ROWS), MOST_ROWS, -(-rows // 2))
    near = [n for n in range(2 * wanted // 3, 3 * wanted // 2 + 1) if n and rows % n == 0]
    if near:
        return min(near, key=lambda n: abs(n - wanted))
    blocks = -(-rows // wanted)
    return -(-rows // blocks)


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

    def _planned(self) -> dict[tuple[int, int], _Loop]:
        """The loop of each phase of each region: a region's last one first, since it may want more of those before."""
        wanted = self._wanted()
        planned: dict[tuple[int, int], _Loop] = {}
        for number, region in enumerate(self.regions):
            for phase in sorted(set(region.phases.values()), reverse=True):
                own = [v for v in wanted[number] if v.node is not None and region.phases[v.node] == phase]
                loop = planned[number, phase] = _Loop(self, region, phase, [v for v in own if v not in region.wide])
                for v, _ in loop.outside:
                    if v.node in self.of:
                        wanted[self.of[v.node]].setdefault(v)
        return planned

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


class _Loop:
    """One phase of a region: a `scan` over whole blocks, and the rows behind them."""

    def __init__(self, parent: _InBlocks, region: Region, phase: int, wanted: list[Value]):
        self.parent, self.region, self.phase = parent, region, phase
        self.size = block_rows(region.rows, region.row)
        self.rows = [v for v in wanted if v not in region.sums]
        self.sums = [v for v in wanted if v in region.sums]
        self.count, self.rest = divmod(region.rows, self.size)
        self.outside: dict[tuple[Value, int | None], Value] = {}
        self.body = self._body()

    def write(self) -> None:
        """The loop into the graph, and its results into the parent's map."""
        totals, parts = self._scan()
        if self.rest:
            block = self._remaining()
            totals = [_added(self.parent.graph, total, block.of(v)) for total, v in zip(totals, self.sums)]
            axes = [self.region.axes[v] for v in self.rows]
            parts = [self.parent.add(P.concatenate, x, block.of(v), axis=a) for x, v, a in zip(parts, self.rows, axes)]
        for v, total in zip(self.sums, totals):
            self.parent.map[v] = total if total.dtype == v.dtype else self.parent.add(P.cast, total, dtype=v.dtype)
        self.parent.map.update(zip(self.rows, parts))

    def _body(self) -> Graph:
        """``(*wholes, *totals, start, *blocks) -> (*totals, *rows)``; what it takes of others is noted in `outside`."""
        body = Graph("block")
        totals = [Value(Aval(v.shape, _sum_dtype(v.dtype)), body) for v in self.sums]
        start = Value(Aval((), "int32"), body)

        def boundary(value: Value, axis: int | None) -> Value:
            shape = value.shape if axis is None else resized(value.shape, axis, self.size)
            return self.outside.setdefault((value, axis), Value(Aval(shape, value.dtype), body))

        block = Block(body, self.region, self.phase, self.size, start, boundary)
        added = [_added(body, total, block.of(v)) for total, v in zip(totals, self.sums)]
        body.outputs = [*added, *(block.of(v) for v in self.rows)]
        whole = [v for (_, axis), v in self.outside.items() if axis is None]
        parts = [v for (_, axis), v in self.outside.items() if axis is not None]
        body.inputs = [*whole, *totals, start, *parts]
        return body

    def _scan(self) -> tuple[list[Value], list[Value]]:
        """Sums over the rows of the whole blocks, and what has rows, for these."""
        whole = [self.parent.value(v) for v, axis in self.outside if axis is None]
        totals = [self._zeros(Aval(v.shape, _sum_dtype(v.dtype))) for v in self.sums]
        parts = [self._in_blocks(v, axis) for v, axis in self.outside if axis is not None]
        found = self.parent.graph.add_node(
            P.scan,
            [*whole, *totals, self._starts(), *parts],
            {
                "body": self.body,
                "num_consts": len(whole),
                "num_carry": len(totals),
                "length": self.count,
                "reverse": False,
            },
        )
        joined = [self._joined(x, self.region.axes[v]) for x, v in zip(found[len(totals) :], self.rows)]
        return found[: len(totals)], joined

    def _remaining(self) -> Block:
        """The rows behind the last whole block, in the graph itself."""
        first = self.count * self.size

        def boundary(value: Value, axis: int | None) -> Value:
            new = self.parent.value(value)
            if axis is None:
                return new
            start = tuple(first if a == axis else 0 for a in range(len(new.shape)))
            return self.parent.add(P.slice_, new, start=start, limit=new.shape, stride=(1,) * len(new.shape))

        start = self.parent.add(P.constant, value=np.asarray(first, np.int32))
        return Block(self.parent.graph, self.region, self.phase, self.rest, start, boundary)

    def _zeros(self, aval: Aval) -> Value:
        zero = self.parent.add(P.constant, value=np.zeros((), dtypes.to_numpy(aval.dtype)))
        return self.parent.add(P.broadcast_in_dim, zero, shape=aval.shape, dims=())

    def _starts(self) -> Value:
        """The first row of each block."""
        return self.parent.add(P.constant, value=np.arange(self.count, dtype=np.int32) * self.size)

    def _in_blocks(self, value: Value, axis: int) -> Value:
        """A value with its blocks along a leading axis, without the rows behind them."""
        x, add = self.parent.value(value), self.parent.add
        if self.rest:
            limit = resized(x.shape, axis, self.count * self.size)
            x = add(P.slice_, x, start=(0,) * len(x.shape), limit=limit, stride=(1,) * len(x.shape))
        cut = add(P.reshape, x, shape=(*x.shape[:axis], self.count, self.size, *x.shape[axis + 1 :]))
        perm = (axis, *(a for a in range(len(cut.shape)) if a != axis))
        return add(P.transpose, cut, perm=perm)

    def _joined(self, stacked: Value, axis: int) -> Value:
        """Blocks along a leading axis as one array."""
        order = list(range(1, len(stacked.shape)))
        order.insert(axis, 0)
        x = self.parent.add(P.transpose, stacked, perm=tuple(order))
        shape = (*x.shape[:axis], self.count * self.size, *x.shape[axis + 2 :])
        return self.parent.add(P.reshape, x, shape=shape)


def _sum_dtype(dtype: str) -> str:
    """Sums of 16-bit numbers over many blocks would lose what the sums within a block keep."""
    return "float32" if dtype in LOW_PRECISION else dtype


def _added(graph: Graph, total: Value, share: Value) -> Value:
    if share.dtype != total.dtype:
        [share] = graph.add_node(P.cast, [share], {"dtype": total.dtype})
    return graph.add_node(P.add, [total, share], {})[0]
