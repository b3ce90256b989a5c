"""Blocks of which only the first columns are computed: the others are all alike, and one of them stands for all.

So nothing is left out. A maximum takes in that one column, a sum adds it as often as there are such columns, and a
product with other rows adds it times the sum of these: weights that are 0 add 0 times what they weigh, which is NaN
where that is inf or NaN, as it is when all columns are computed. Sums of 16-bit numbers are float32, in which they do
not become infinite where no term is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.compiler.blocks.axes import OperandAxes, operand_axes
from pronghorn.engine.compiler.blocks.body import Block, Part, cast_to, resized, sum_dtype
from pronghorn.engine.compiler.blocks.columns import decided
from pronghorn.engine.compiler.blocks.region import Unfit
from pronghorn.engine.compiler.simplify import scalar_constant
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.primitives.registry import MEANINGS

_LINEAR = frozenset({"add", "sub", "neg"})  # a sum of results is the result of sums
_MOVED = frozenset({"broadcast_in_dim", "reshape", "transpose"})
_JOINED = {"reduce_max": P.max, "reduce_min": P.min}

Alike = Value | np.ndarray
"""What all other columns are: a number, or a value of extent 1 along the columns."""


class BandBlock(Block):
    """A block in a band, whose columns behind the band's are alike."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._ones: dict[tuple[Value, int | None, int], Alike | None] = {}

    def rest_of(self, value: Value) -> Value:
        """Of a value of the region that has columns: what each of those behind the band's is."""
        cut = self.cut_of(value)
        assert cut is not None
        axis = self.region.axes.get(value)
        return self._written(self._alike(value, axis, cut), value, axis, cut)

    def with_rest(self, node: Node, made: Value, axes: OperandAxes, cuts: OperandAxes) -> Value:
        if node.prim.name == "dot_general":
            return self._sum(made, self._added(node, self._product_operands(node, axes, cuts), None, None))
        (value,), (axis,), (cut,) = node.inputs, axes, cuts
        assert cut is not None
        if node.prim is P.reduce_sum:
            return self._sum(made, self._added(node, [self._total(value, axis, cut)], None, None))
        one = self._one(value, axis, cut)
        return self._add(_JOINED[node.prim.name], made, self._added(node, [one], None, None))

    def _sum(self, made: Value, total: Value) -> Value:
        """What the band's columns make and what the others add to it, as the former's type."""
        return cast_to(self.graph, self._add(P.add, self._wide(made), total), made.dtype)

    def _wide(self, value: Value) -> Value:
        """A value as the type that its sums have."""
        return cast_to(self.graph, value, sum_dtype(value.dtype))

    def _product_operands(self, node: Node, axes: OperandAxes, cuts: OperandAxes) -> list[Value]:
        """One column of one operand, the sum over the columns of the other."""
        (x, y), (of_x, of_y), (x_cut, y_cut) = node.inputs, axes, cuts
        assert x_cut is not None and y_cut is not None
        try:
            return [self._factor(x, of_x, x_cut), self._total(y, of_y, y_cut)]
        except Unfit:
            return [self._total(x, of_x, x_cut), self._factor(y, of_y, y_cut)]

    def _count(self) -> int:
        assert self.columns is not None and self.band.columns is not None
        return self.columns.extent - self.band.columns

    def _add(self, prim: P.Primitive, *inputs: Value) -> Value:
        return self.graph.add_node(prim, list(inputs), {})[0]

    def _added(self, node: Node, inputs: list[Value], axis: int | None, cut: int | None) -> Value:
        return self.added(node, inputs, axis, cut, columns=1)

    def _one(self, value: Value, axis: int | None, cut: int) -> Value:
        return self._written(self._alike(value, axis, cut), value, axis, cut)

    def _factor(self, value: Value, axis: int | None, cut: int) -> Value:
        """What is multiplied with a sum of columns: not infinity, since of terms of both signs it makes NaN."""
        alike = self._alike(value, axis, cut)
        if not isinstance(alike, Value) and np.isinf(alike):
            raise Unfit(f"columns of {value.aval} are infinite")
        return self._wide(self._written(alike, value, axis, cut))

    def _written(self, alike: Alike, like: Value, axis: int | None, cut: int) -> Value:
        """A value of extent 1 along the columns."""
        if isinstance(alike, Value):
            return alike
        [number] = self.graph.add_node(P.constant, [], {"value": alike})
        shape = resized(like.shape, cut, 1)
        if axis is not None:
            shape = resized(shape, axis, self.size)
        return self.graph.add_node(P.broadcast_in_dim, [number], {"shape": shape, "dims": ()})[0]

    def _alike(self, value: Value, axis: int | None, cut: int) -> Alike:
        """What all columns of a value behind the band's are, if they are all alike."""
        key = (value, axis, cut)
        if key not in self._ones:
            self._ones[key] = None
            self._ones[key] = self._made_alike(value, axis, cut)
        one = self._ones[key]
        if one is None:
            raise Unfit(f"columns of {value.aval} differ")
        return one

    def _made_alike(self, value: Value, axis: int | None, cut: int) -> Alike:
        number = scalar_constant(value)
        node = value.node
        if number is not None:
            return np.asarray(number, dtypes.to_numpy(value.dtype))
        if node is None or not (self.is_own(value) or (axis is not None and self.region.is_remade(value))):
            raise Unfit(f"columns of {value.aval} may differ")
        if node.prim is P.select:
            return self._selected(node, axis, cut)
        axes = self.row_axes(node, axis) if self.is_own(value) or axis is None else operand_axes(node, axis)
        cuts = operand_axes(node, cut)
        if axes is None or cuts is None or not node.inputs:
            raise Unfit(f"columns of {node.prim.name} differ")
        triples = list(zip(node.inputs, axes, cuts))
        parts: list[Alike] = [self.needed(v, a) if c is None else self._alike(v, a, c) for v, a, c in triples]
        numbers = [part for part in parts if not isinstance(part, Value)]
        if node.prim.elementwise and len(numbers) == len(parts):
            with np.errstate(all="ignore"):
                return np.asarray(MEANINGS[node.prim.name](*numbers, **node.params), dtypes.to_numpy(value.dtype))
        inputs = [self._written(part, v, a, c or 0) for part, (v, a, c) in zip(parts, triples)]
        return self._added(node, inputs, axis, cut)

    def _selected(self, node: Node, axis: int | None, cut: int) -> Alike:
        mask, *choices = node.inputs
        known = self._decided(mask, axis, cut)
        if known is not None:
            return self._alike(choices[0 if known else 1], axis, cut)
        first, second = (self._alike(v, axis, cut) for v in choices)
        if not isinstance(first, Value) and not isinstance(second, Value) and first.tobytes() == second.tobytes():
            return first
        inputs = [self._written(part, v, axis, cut) for part, v in zip((first, second), choices)]
        return self._added(node, [self._one(mask, axis, cut), *inputs], axis, cut)

    def _decided(self, mask: Value, axis: int | None, cut: int) -> bool | None:
        assert self.columns is not None and self.band.columns is not None
        ranges = {cut: (self.band.columns, self.columns.extent)}
        first, rows = self.band.first, self.band.rows
        if axis is not None and isinstance(first, int) and isinstance(rows, int):
            ranges[axis] = (first, first + rows)
        return decided(mask, ranges)

    def _total(self, value: Value, axis: int | None, cut: int) -> Value:
        """The sum of all columns of a value behind the band's, of extent 1, as the type that its sums have."""
        try:
            one = self._wide(self._one(value, axis, cut))
        except Unfit:
            return self._total_of_different(value, axis, cut)
        [count] = self.graph.add_node(P.constant, [], {"value": np.asarray(self._count(), dtypes.to_numpy(one.dtype))})
        [times] = self.graph.add_node(P.broadcast_in_dim, [count], {"shape": one.shape, "dims": ()})
        return self._add(P.mul, one, times)

    def _total_of_different(self, value: Value, axis: int | None, cut: int) -> Value:
        node = value.node
        if node is None or not self.is_own(value):
            if axis is not None:
                raise Unfit(f"columns of {value.aval} differ from row to row")
            return self.boundary(value, Part(None, cut, is_total=True))
        axes, cuts = self.row_axes(node, axis), operand_axes(node, cut)
        if cuts is None:
            raise Unfit(f"{node.prim.name} mixes columns")
        triples = list(zip(node.inputs, axes, cuts))
        name = node.prim.name
        if name == "select" and (known := self._decided(node.inputs[0], axis, cut)) is not None:
            return self._total(node.inputs[1 if known else 2], axis, cut)
        if name in _LINEAR:
            return self._added(node, [self._total(v, axis, cut) for v in node.inputs], axis, cut)
        if name == "mul" or (name == "div" and dtypes.is_float(value.dtype)):  # of integers, it rounds each
            return self._added(node, self._factors(node, axis, cut), axis, cut)
        if name in _MOVED or (name == "dot_general" and None in cuts):
            inputs = [self._wide(self.needed(v, a)) if c is None else self._total(v, a, c) for v, a, c in triples]
            return self._added(node, inputs, axis, cut)
        raise Unfit(f"no sum of columns of {name}")

    def _factors(self, node: Node, axis: int | None, cut: int) -> list[Value]:
        """The sum of one factor that is not alike in all columns, and the other, which is."""
        x, y = node.inputs
        try:
            return [self._total(x, axis, cut), self._factor(y, axis, cut)]
        except Unfit:
            if node.prim is P.div:
                raise
            return [self._factor(x, axis, cut), self._total(y, axis, cut)]
