"""The nodes of a region for one block of its rows: the body of a loop, or what is left behind the last whole block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pronghorn.compiler.axes import OperandAxes, operand_axes
from pronghorn.compiler.blocks.region import Region
from pronghorn.graph import primitives as P
from pronghorn.graph.dim import Shape
from pronghorn.graph.ir import Graph, Node, Value

Boundary = Callable[[Value, "int | None"], Value]
"""Gives a value of the graph around: a block of it along an axis, or (None) all of it."""

_GENERATED = frozenset({"iota", "random_bits"})
_SHAPES = frozenset({"shape", "limit"})  # parameters that say how long a result is


class Block:
    """Writes what a region computes of one block.

    Args:
        graph: where the nodes go.
        region: the region.
        phase: which of its loops this is.
        size: how many rows the block has.
        start: its first row, an int32 scalar of ``graph``.
        boundary: gives what is computed outside.
    """

    def __init__(self, graph: Graph, region: Region, phase: int, size: int, start: Value, boundary: Boundary):
        self.graph, self.region, self.phase, self.size = graph, region, phase, size
        self.start, self.boundary = start, boundary
        self.known: dict[tuple[Value, int | None], Value] = {}

    def of(self, value: Value) -> Value:
        """A value of the region for this block: its rows, or its sum over them."""
        return self.needed(value, self.region.axes.get(value))

    def needed(self, value: Value, axis: int | None) -> Value:
        """A block of ``value`` along an axis (None: all of it, or the block's share of a sum)."""
        key = (value, axis)
        if key not in self.known:
            self.known[key] = self._made(value, axis)
        return self.known[key]

    def _made(self, value: Value, axis: int | None) -> Value:
        node, region = value.node, self.region
        if node is None:
            return self.boundary(value, axis)
        own = region.phases.get(node) == self.phase
        if own or (node in region.phases and value in region.wide):
            return self._again(node, axis, self._operand_axes(node, axis))
        if axis is None:
            is_number = node.prim.name == "constant" and not value.shape
            return self.graph.copy_node(node, [], node.params)[0] if is_number else self.boundary(value, None)
        if region.is_remade(value):
            axes = operand_axes(node, axis)
            if axes is not None:
                return self._again(node, axis, axes)
            if node.prim.name in _GENERATED:
                return self._generated(node, axis)
        return self.boundary(value, axis)

    def _operand_axes(self, node: Node, axis: int | None) -> OperandAxes:
        """Those of a node of the region, for which they have been found before."""
        axes = self.region.sums[node.outputs[0]] if axis is None else operand_axes(node, axis)
        assert axes is not None
        return axes

    def _again(self, node: Node, axis: int | None, axes: OperandAxes) -> Value:
        """What the node does, of a block."""
        inputs = [self.needed(v, a) for v, a in zip(node.inputs, axes)]
        params = node.params
        if axis is not None:
            for name in _SHAPES & params.keys():
                params = {**params, name: resized(params[name], axis, self.size)}
        return self.graph.add_node(node.prim, inputs, params, node.scope)[0]

    def _generated(self, node: Node, axis: int) -> Value:
        """A block of what is made of nothing but its place: the whole, of which the block is read."""
        shape = node.outputs[0].shape
        whole = self.graph.add_node(node.prim, [self.needed(v, None) for v in node.inputs], node.params, node.scope)[0]
        [zero] = self.graph.add_node(P.constant, [], {"value": np.zeros((), np.int32)})
        starts = [self.start if a == axis else zero for a in range(len(shape))]
        sizes = {"sizes": resized(shape, axis, self.size)}
        return self.graph.add_node(P.dynamic_slice, [whole, *starts], sizes, node.scope)[0]


def resized(shape: Shape, axis: int, extent: int) -> Shape:
    """A shape with another extent along an axis."""
    return (*shape[:axis], extent, *shape[axis + 1 :])
