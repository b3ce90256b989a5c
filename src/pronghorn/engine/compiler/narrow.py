"""Stage *narrow*: do not compute rows that no pooling window reads.

A 2x2 pool over 11x11 elements reads 10x10 of them. Where only such windows read a value, the value is cut to what they
read, and the cut is moved up through elementwise operations to the convolution that makes it, which then does less, or
to the padding, so that what is padded can be computed in its place.
"""

from __future__ import annotations

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of
from pronghorn.engine.graph.rewrite import Rewriter

_WINDOWS = (P.window_max, P.window_argmax, P.window_sum, P.pool_gather)


def read_extent(node: Node, shape: Shape) -> Shape:
    """How much of an operand of ``shape`` a window primitive reads, axis by axis."""
    p = node.params
    read = []
    axes = zip(shape, node.outputs[0].shape, p["window"], p["strides"], p["padding"], p["dilation"])
    for size, count, window, stride, (low, high), dilation in axes:
        if not isinstance(size, int) or low or high:
            read.append(size)
        else:
            read.append(min(size, (count - 1) * stride + (window - 1) * dilation + 1))
    return tuple(read)


def narrow(graph: Graph) -> Graph:
    """``graph`` with values cut to what pooling windows read of them."""
    users = users_of(graph)
    cuts: dict[Value, Shape] = {}
    for node in graph.nodes:
        if node.prim in _WINDOWS:
            x = node.inputs[0]
            extent = read_extent(node, x.shape)
            if extent != x.shape and x.node is not None and x not in cuts and _only_windows(x, extent, users, graph):
                cuts[x] = extent
    return _Narrower(graph, cuts, users).run() if cuts else graph


def _only_windows(x: Value, extent: Shape, users: dict[Value, list[Node]], graph: Graph) -> bool:
    if x in graph.outputs:
        return False
    return all(n.prim in _WINDOWS and n.inputs[0] is x and read_extent(n, x.shape) == extent for n in users[x])


class _Narrower(Rewriter):
    """Copies the graph; values in ``cuts``, and what only they are made of, are copied smaller."""

    def __init__(self, graph: Graph, cuts: dict[Value, Shape], users: dict[Value, list[Node]]):
        super().__init__(graph, {})
        self.cuts = dict(cuts)
        for node in reversed(graph.nodes):
            for out in node.outputs:
                if out in self.cuts:
                    self._spread(node, self.cuts[out], users)

    def _spread(self, node: Node, extent: Shape, users: dict[Value, list[Node]]) -> None:
        """Cut the operands of an elementwise node that only such nodes read, all of them cut alike."""
        if not node.prim.elementwise:
            return
        for v in node.inputs:
            if v in self.old.outputs or v.node is None:
                continue
            if all(user.prim.elementwise and self.cuts.get(user.outputs[0]) == extent for user in users[v]):
                self.cuts[v] = extent

    def run(self) -> Graph:
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.old.nodes:
            self._scope = node.scope
            self.map.update(zip(node.outputs, self._copy(node)))
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph

    def _copy(self, node: Node) -> list[Value]:
        out = node.outputs[0]
        extent = self.cuts.get(out)
        inputs = [self.map[v] for v in node.inputs]
        if extent is None or len(node.outputs) > 1:
            # windows read the smaller value with the same parameters
            whole = self.add(node.prim, inputs, self._params(node))
            return [self._slice(new, self.cuts.get(old, old.shape)) for new, old in zip(whole, node.outputs)]
        if node.prim.elementwise:
            return self.add(node.prim, [self._sliced(v, extent) for v in node.inputs], node.params)
        if node.prim is P.broadcast_in_dim and all(
            size == 1 or extent[d] == out.shape[d] for size, d in zip(node.inputs[0].shape, node.params["dims"])
        ):
            return self.add(node.prim, inputs, {**node.params, "shape": extent})
        if node.prim is P.conv and extent[0] == out.shape[0] and extent[-1] == out.shape[-1]:
            spatial = zip(node.params["padding"], node.params["strides"], out.shape[1:-1], extent[1:-1])
            padding = tuple((low, high - (size - new) * s) for (low, high), s, size, new in spatial)
            return self.add(P.conv, inputs, {**node.params, "padding": padding})
        if node.prim is P.pad and not any(node.params["interior"]):
            ends = list(zip(node.params["high"], out.shape, extent))
            if all(size == new or more >= size - new for more, size, new in ends):  # what is cut off is padding
                high = tuple(more if size == new else more - (size - new) for more, size, new in ends)
                return self.add(P.pad, inputs, {**node.params, "high": high})
        whole = self.add(node.prim, inputs, self._params(node))
        return [self._slice(whole[0], extent)]

    def _sliced(self, v: Value, extent: Shape) -> Value:
        return self.map[v] if v in self.cuts else self._slice(self.map[v], extent)

    def _slice(self, value: Value, extent: Shape) -> Value:
        if value.shape == extent:
            return value
        zeros, ones = (0,) * len(extent), (1,) * len(extent)
        return self.add(P.slice, [value], {"start": zeros, "limit": extent, "stride": ones})[0]
