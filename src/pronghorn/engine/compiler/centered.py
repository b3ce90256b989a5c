"""Sums of distances from a mean, which are zero: a part of *simplify*.

The variance is a mean of squared distances from the mean. Its gradient reaches the mean, too, by the sum of
``c * (x - mean(x))`` over all that the mean was taken of, which is nothing but rounding: in a batch normalization's
gradient, one pass over the array. What stands for it here is ``c * (total - total)``, of the mean's total: zero, or NaN
where the total is no finite number, as the sum would be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn.engine.compiler.costs import DEEPEST_DISTANCE
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, identical, product
from pronghorn.engine.graph.ir import Node, Value

Add = Callable[[P.Primitive, list[Value], dict[str, Any]], list[Value]]


def sum_of_distances(total: Node, x: Value, add: Add, scalar: Callable[[Value], Any]) -> list[Value] | None:
    """What a ``reduce_sum`` of ``x`` gives if that is a multiple of distances from their mean, along its axes.

    Args:
        total: the node, for its axes and the shape of its result.
        x: what it sums.
        add: adds a node to the graph.
        scalar: the number that fills a value, if it is a constant.
    """
    out = total.outputs[0]
    if not out.dtype.startswith("float") or not total.params["axes"]:
        return None
    return _Sum(tuple(total.params["axes"]), out.shape, add, scalar).of(x, DEEPEST_DISTANCE)


class _Sum:
    """Looks through what keeps such a sum zero, and makes of it what stands for the sum."""

    def __init__(self, axes: tuple[int, ...], shape: tuple[Extent, ...], add: Add, scalar: Callable[[Value], Any]):
        self.axes, self.shape, self.add, self.scalar = axes, shape, add, scalar

    def of(self, x: Value, depth: int) -> list[Value] | None:
        node = x.node
        if node is None or not depth:
            return None
        name = node.prim.name
        if name == "sub":
            total = self._total_of(node.inputs[0], node.inputs[1])
            return None if total is None else self.add(P.sub, [total, total], {})
        if name == "neg":
            inner = self.of(node.inputs[0], depth - 1)
            return None if inner is None else self.add(P.neg, inner, {})
        if name == "add" and node.inputs[0] is node.inputs[1]:
            inner = self.of(node.inputs[0], depth - 1)
            return None if inner is None else self.add(P.add, [*inner, *inner], {})
        if name == "mul":
            for factor, other in (node.inputs, node.inputs[::-1]):
                small = self._along_others(factor)
                if small is None:
                    continue
                inner = self.of(other, depth - 1)
                if inner is not None:
                    (spread,) = self.add(P.broadcast_in_dim, [small[0]], {"shape": self.shape, "dims": small[1]})
                    return self.add(P.mul, [*inner, spread], {})
        return None

    def _total_of(self, x: Value, spread: Value) -> Value | None:
        """The sum of ``x`` along the axes, if ``spread`` is the mean along them, spread again."""
        node = spread.node
        if node is None or node.prim is not P.broadcast_in_dim or spread.shape != x.shape:
            return None
        mean, dims = node.inputs[0], tuple(node.params["dims"])
        others = tuple(axis for axis in range(len(x.shape)) if axis not in self.axes)
        if mean.node is not None and mean.node.prim is P.reshape and dims == tuple(range(len(x.shape))):
            kept = tuple(1 if axis in self.axes else extent for axis, extent in enumerate(x.shape))
            if mean.shape != kept:
                return None
            mean, dims = mean.node.inputs[0], others
        if dims != others or mean.shape != self.shape or mean.node is None or mean.node.prim is not P.div:
            return None
        total, count = mean.node.inputs
        made = total.node
        if made is None or made.prim is not P.reduce_sum or made.inputs[0] is not x:
            return None
        if tuple(made.params["axes"]) != self.axes:
            return None
        return total if self._counts(count, product(tuple(x.shape[axis] for axis in self.axes))) else None

    def _counts(self, number: Value, extent: Extent) -> bool:
        """Whether a number is that of the elements."""
        if isinstance(extent, int):
            return self.scalar(number) == extent
        node = number.node
        while node is not None and node.prim.name in ("broadcast_in_dim", "reshape", "cast"):
            node = node.inputs[0].node
        return node is not None and node.prim.name == "extent" and identical(node.params["dim"], extent)

    def _along_others(self, x: Value) -> tuple[Value, tuple[int, ...]] | None:
        """What is spread along the axes to make ``x``, and along which axes of the result it runs."""
        node = x.node
        if node is None or node.prim is not P.broadcast_in_dim:
            return None
        dims = tuple(node.params["dims"])
        if any(axis in self.axes for axis in dims):
            return None
        return node.inputs[0], tuple(axis - sum(summed < axis for summed in self.axes) for axis in dims)
