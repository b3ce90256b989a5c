"""What scales and shifts the channels of a product or convolution, such as batch normalization, as part of its weights.

``(x * w) * scale + shift`` is ``x * (w * scale) + shift``: where weights are known to stay, the scaled filter is
computed once, and what is left is an addition. Sums are of other products then, so that last bits differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of
from pronghorn.engine.graph.primitives import elementwise, structure
from pronghorn.engine.graph.rewrite import Rewriter

CHAINED = ("add", "sub", "mul", "div")


def weight_values(graph: Graph, weights: Collection[Value]) -> set[Value]:
    """The values of a graph that depend on weights and constants alone.

    Args:
        graph: it.
        weights: which of its inputs are weights.
    """
    known = set(weights)
    for node in graph.nodes:
        if all(v in known for v in node.inputs) and node.prim.family not in ("random", "linalg"):
            known.update(node.outputs)
    return known


@dataclass(frozen=True)
class _Scaled:
    """A product or convolution with what becomes of its result, channel by channel; values of the new graph.

    Attributes:
        node: it, in the old graph.
        inputs: its operands.
        axis: the axis of the result that has the channels.
        of_weights: the same in the weights.
        scale, shift: a number for each channel, or None.
    """

    node: Node
    inputs: list[Value]
    axis: int
    of_weights: int
    scale: Value | None = None
    shift: Value | None = None


def merge_scales(graph: Graph, weights: Collection[Value]) -> Graph:
    """The graph with scales of channels multiplied into the weights before them; its inputs are the same.

    Args:
        graph: it.
        weights: which of its inputs are weights.
    """
    return _Merger(graph, weights).run()


class _Merger(Rewriter):
    def __init__(self, graph: Graph, weights: Collection[Value]) -> None:
        super().__init__(graph, {})
        self._known = weight_values(graph, weights)
        users = users_of(graph)
        self._once = {v for v, nodes in users.items() if len(nodes) == 1} - set(graph.outputs)
        self._waiting: dict[Value, _Scaled] = {}  # by results of the old graph

    def run(self) -> Graph:
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.old.nodes:
            self._scope = node.scope
            scaled = self._begun(node) or self._continued(node)
            if scaled is not None:
                self._waiting[node.outputs[0]] = scaled
                continue
            new = self.again(node, [self._value(v) for v in node.inputs], node.params)
            self.map.update(zip(node.outputs, new))
        self.graph.outputs = [self._value(v) for v in self.old.outputs]
        return self.graph

    def _value(self, v: Value) -> Value:
        """What stands for a value of the old graph; what has waited for more to come is written now."""
        scaled = self._waiting.pop(v, None)
        if scaled is not None:
            self.map[v] = self._written(scaled)
        return self.map[v]

    def _begun(self, node: Node) -> _Scaled | None:
        """A product or convolution with weights, in floats."""
        axes = _channels(node)
        if axes is None or node.inputs[1] not in self._known or node.inputs[0] in self._known:
            return None
        if node.outputs[0].dtype not in ("float32", "float64"):
            return None
        return _Scaled(node, [self._value(v) for v in node.inputs], *axes)

    def _continued(self, node: Node) -> _Scaled | None:
        """What is scaled or shifted once more, where nobody else needs the value before."""
        if node.prim.name not in CHAINED or len(set(node.inputs)) != 2:
            return None
        name = node.prim.name
        left, right = node.inputs
        before, other = (left, right) if left in self._waiting else (right, left)
        scaled = self._waiting.get(before)
        if scaled is None or before not in self._once or (before is right and name in ("sub", "div")):
            return None
        factor = self._by_channel(other, scaled)
        if factor is None:
            return None
        del self._waiting[before]
        scale, shift = scaled.scale, scaled.shift
        if name in ("add", "sub"):
            if shift is not None:
                factor = self._both(name, shift, factor)
            elif name == "sub":
                (factor,) = self.add(elementwise.neg, [factor], {})
            return replace(scaled, shift=factor)
        scale = self._both(name, scale if scale is not None else self._ones(factor), factor)
        return replace(scaled, scale=scale, shift=None if shift is None else self._both(name, shift, factor))

    def _both(self, name: str, a: Value, b: Value) -> Value:
        (value,) = self.add(getattr(elementwise, name), [a, b], {})
        return value

    def _ones(self, like: Value) -> Value:
        (one,) = self.add(structure.constant, [], {"value": np.ones((), like.dtype)})
        return self._spread(one, like.shape, ())

    def _by_channel(self, v: Value, scaled: _Scaled) -> Value | None:
        """A number for each channel, of which an array of the result's shape is made by repeating them; or None."""
        node = v.node
        if v not in self._known or node is None or node.prim.name != "broadcast_in_dim":
            return None
        (source,), dims = node.inputs, node.params["dims"]
        channels = scaled.node.outputs[0].shape[scaled.axis]
        if source.shape == () or source.shape == (1,):
            scalar = self._value(source)
            if source.shape == (1,):
                (scalar,) = self.add(structure.reshape, [scalar], {"shape": ()})
            return self._spread(scalar, (channels,), ())
        if tuple(dims) != (scaled.axis,) or source.shape != (channels,):
            return None
        return self._value(source)

    def _spread(self, v: Value, shape: tuple, dims: tuple[int, ...]) -> Value:
        (value,) = self.add(structure.broadcast_in_dim, [v], {"shape": shape, "dims": dims})
        return value

    def _written(self, scaled: _Scaled) -> Value:
        self._scope = scaled.node.scope
        x, w = scaled.inputs
        if scaled.scale is not None:
            w = self._both("mul", w, self._spread(scaled.scale, w.shape, (scaled.of_weights,)))
        (value,) = self.again(scaled.node, [x, w], scaled.node.params)
        if scaled.shift is not None:
            value = self._both("add", value, self._spread(scaled.shift, value.shape, (scaled.axis,)))
        return value


def _channels(node: Node) -> tuple[int, int] | None:
    """The axes of the channels, in the result and in the weights, of a product or convolution; else None."""
    name, rank = node.prim.name, len(node.outputs[0].shape) if node.outputs else 0
    if name not in ("conv", "conv_input_grad", "dot_general"):
        return None
    weights = node.inputs[1]
    if name == "conv":
        axes = rank - 1, len(weights.shape) - 1
    elif name == "conv_input_grad":
        if node.params["groups"] != 1:
            return None
        axes = rank - 1, len(weights.shape) - 2
    else:
        (_, contracted), (_, batch) = node.params["contract"], node.params["batch"]
        free = [axis for axis in range(len(weights.shape)) if axis not in contracted and axis not in batch]
        if len(free) != 1:
            return None
        axes = rank - 1, free[0]
    return None if isinstance(node.outputs[0].shape[axes[0]], Dim) else axes
