"""The nodes of a region for one block of its rows: the body of a loop, or what is left behind the last whole block."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pronghorn.engine.compiler.blocks.axes import OperandAxes, operand_axes
from pronghorn.engine.compiler.blocks.columns import Band, Columns
from pronghorn.engine.compiler.blocks.region import Region, Unfit
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.axes import EXTENTS
from pronghorn.engine.graph.dim import Extent, Shape
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Graph, Node, Value


class Part(NamedTuple):
    """What a block takes of a value.

    Attributes:
        rows: the axis along which it takes its rows; None: all there is.
        columns: the axis along which it takes the band's columns; None: all there is.
        is_total: whether it takes the sum of the other columns in place of these, of the type :func:`sum_dtype`.
    """

    rows: int | None
    columns: int | None = None
    is_total: bool = False


Boundary = Callable[[Value, Part], Value]
"""Gives part of a value of the graph around."""

_GENERATED = frozenset({"iota", "random_bits"})


class Block:
    """Writes what a region computes of one block.

    Args:
        graph: where the nodes go.
        region: the region.
        phase: which of its loops this is.
        band: the rows among which the block is.
        columns: the region's; None where all of them are computed.
        size: how many rows the block has.
        start: its first row, an int32 scalar of ``graph``.
        boundary: gives what is computed outside.
    """

    def __init__(
        self,
        graph: Graph,
        region: Region,
        phase: int,
        band: Band,
        columns: Columns | None,
        size: int,
        start: Value,
        boundary: Boundary,
    ):
        self.graph, self.region, self.phase, self.size = graph, region, phase, size
        self.band, self.columns = band, None if band.columns is None else columns
        self.start, self.boundary = start, boundary
        self.known: dict[tuple[Value, int | None, int | None], Value] = {}

    def of(self, value: Value) -> Value:
        """A value of the region for this block: its rows, or its sum over them."""
        return self.needed(value, self.region.axes.get(value), self.cut_of(value))

    def cut_of(self, value: Value) -> int | None:
        """The axis along which only the band's columns of a value of the region are computed."""
        return None if self.columns is None else self.columns.axes.get(value)

    def needed(self, value: Value, axis: int | None, cut: int | None = None) -> Value:
        """A block of ``value`` along an axis (None: all of it, or the block's share of a sum), and of its columns."""
        key = (value, axis, cut)
        if key not in self.known:
            self.known[key] = self._made(value, axis, cut)
        return self.known[key]

    def _made(self, value: Value, axis: int | None, cut: int | None) -> Value:
        node = value.node
        if axis is not None and axis == cut:
            raise Unfit("rows and columns are one axis")
        if node is None:
            return self.boundary(value, Part(axis, cut))
        if self.is_own(value):
            return self._again(node, axis, cut)
        if axis is None:
            is_number = node.prim.name == "constant" and not value.shape
            return (
                self.graph.copy_node(node, [], node.params)[0] if is_number else self.boundary(value, Part(axis, cut))
            )
        if self.region.is_remade(value):
            if operand_axes(node, axis) is not None and (cut is None or operand_axes(node, cut) is not None):
                return self._again(node, axis, cut)
            if node.prim.name in _GENERATED:
                return self._generated(node, axis, cut)
        return self.boundary(value, Part(axis, cut))

    def is_own(self, value: Value) -> bool:
        """Whether a value of the region is computed in this loop: as one of its phase, or again."""
        phase = None if value.node is None else self.region.phases.get(value.node)
        return phase is not None and (phase == self.phase or value in self.region.wide)

    def row_axes(self, node: Node, axis: int | None) -> OperandAxes:
        """The operands' axes that belong to the rows of a node's result, or (None) that it sums over."""
        axes = self.region.sums[node.outputs[0]] if axis is None else operand_axes(node, axis)
        assert axes is not None
        return axes

    def _again(self, node: Node, axis: int | None, cut: int | None) -> Value:
        """What the node does, of a block."""
        if cut != self.cut_of(node.outputs[0]) and node in self.region.phases:
            raise Unfit(f"{node.prim.name} is wanted with all columns")
        axes = self.row_axes(node, axis)
        cuts: OperandAxes = (None,) * len(axes)
        if self.columns is not None:
            cuts = self.columns.of_operands(node, cut)
        made = self.added(node, [self.needed(v, a, c) for v, a, c in zip(node.inputs, axes, cuts)], axis, cut)
        if cut is None and any(c is not None for c in cuts):
            made = self.with_rest(node, made, axes, cuts)
        return made

    def with_rest(self, node: Node, made: Value, axes: OperandAxes, cuts: OperandAxes) -> Value:
        """The result of a node that reduces columns, out of that of the band's columns and of the others."""
        raise NotImplementedError

    def added(self, node: Node, inputs: list[Value], axis: int | None, cut: int | None, columns: int = 0) -> Value:
        """The node with other inputs, and so many rows and columns (0: those of the band) as there are here."""
        params = node.params
        for along, extent in ((axis, self.size), (cut, columns or self.band.columns or 0)):
            if along is not None:
                for name in EXTENTS & params.keys():
                    params = {**params, name: resized(params[name], along, extent)}
        return self.graph.add_node(node.prim, inputs, params, node.scope)[0]

    def _generated(self, node: Node, axis: int, cut: int | None) -> Value:
        """A block of what is made of nothing but its place: the whole, of which the block is read."""
        shape = node.outputs[0].shape
        whole = self.graph.add_node(node.prim, [self.needed(v, None) for v in node.inputs], node.params, node.scope)[0]
        [zero] = self.graph.add_node(P.constant, [], {"value": np.zeros((), np.int32)})
        starts = [self.start if a == axis else zero for a in range(len(shape))]
        sizes = resized(shape, axis, self.size)
        if cut is not None:
            assert self.band.columns is not None
            sizes = resized(sizes, cut, self.band.columns)
        return self.graph.add_node(P.dynamic_slice, [whole, *starts], {"sizes": sizes}, node.scope)[0]


def resized(shape: Shape, axis: int, extent: Extent) -> Shape:
    """A shape with another extent along an axis."""
    return (*shape[:axis], extent, *shape[axis + 1 :])


def sum_dtype(dtype: str) -> str:
    """What sums are kept in: those of 16-bit numbers would lose digits in 16 bits, or overflow."""
    return "float32" if dtype in LOW_PRECISION else dtype


def cast_to(graph: Graph, value: Value, dtype: str) -> Value:
    """A value as one of another type."""
    return value if value.dtype == dtype else graph.add_node(P.cast, [value], {"dtype": dtype})[0]
