"""Stage *decompose*: write primitives that need it in terms of simpler ones, before kernels are made.

Padding of convolutions becomes an explicit pad, so that the contraction kernels never meet a border; channels that each
have a few filters of their own are repeated, so that kernels meet one channel and one filter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.compiler.contractions import widens
from pronghorn.engine.compiler.costs import MOST_PIECES
from pronghorn.engine.compiler.pooled import prepare_input_gradient
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.primitives.contraction import input_grad_border
from pronghorn.engine.graph.rewrite import Rewriter
from pronghorn.engine.runtime.host import Target

RULES: dict[str, Callable[[Rewriter, Node, list[Value]], list[Value] | None]] = {}


def rule(name: str) -> Callable:
    def register(fn: Callable) -> Callable:
        RULES[name] = fn
        return fn

    return register


def decompose(graph: Graph, target: Target) -> Graph:
    """``graph`` with the rules of this module applied."""
    return _Decomposer(graph, target).run()


class _Decomposer(Rewriter):
    def __init__(self, graph: Graph, target: Target):
        own = {"conv": self._conv, "conv_filter_grad": self._conv, "conv_input_grad": self._conv_input_grad}
        super().__init__(graph, {**RULES, **own})
        self.target = target
        self.padded: dict[tuple, Value] = {}
        self.repeated: dict[tuple[Value, int], Value] = {}

    def subgraph(self, graph: Graph) -> Graph:
        return _Decomposer(graph, self.target).run()

    def pad(self, x: Value, low: tuple, high: tuple) -> Value:
        """``x`` padded with zeros (cropped where negative); the same array where it is asked for again."""
        key = (x, low, high)
        if key not in self.padded:
            self.padded[key] = _pad(self, x, low, high)
        return self.padded[key]

    def _conv(self, rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value]:
        """The first operand, which is the convolution's input in both, padded beforehand."""
        x, other = inputs
        padding = node.params["padding"]
        x = self.pad(x, (0, *(low for low, _ in padding), 0), (0, *(high for _, high in padding), 0))
        filters = node.outputs[0].shape[-1]
        params = {**node.params, "padding": ((0, 0),) * len(padding)}
        if self._repeats(x.shape[-1], filters, x.dtype, params):
            x, params["groups"] = self._repeated(x, int(filters)), int(filters)
        return rw.add(node.prim, [x, other], params)

    def _conv_input_grad(self, rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value]:
        """A zero border around g: it is then the gradient of the same convolution with more padding."""
        pooled = prepare_input_gradient(rw, node, inputs, self.target)
        if pooled is not None:
            return pooled
        g, w = inputs
        p = node.params
        low, high = input_grad_border(p["input_shape"], g.shape, w.shape, p["strides"], p["padding"], p["dilation"])
        g = self.pad(g, (0, *low, 0), (0, *high, 0))
        padding = tuple((lo + s * a, hi + s * b) for (lo, hi), s, a, b in zip(p["padding"], p["strides"], low, high))
        shape, filters = p["input_shape"], g.shape[-1]
        params = {**p, "padding": padding}
        if not self._repeats(shape[-1], filters, g.dtype, p):
            return rw.add(P.conv_input_grad, [g, w], params)
        params |= {"input_shape": (*shape[:-1], filters), "groups": int(filters)}
        (each,) = rw.add(P.conv_input_grad, [g, w], params)
        (apart,) = rw.add(P.reshape, [each], {"shape": (*shape, int(filters) // int(shape[-1]))})
        return rw.add(P.reduce_sum, [apart], {"axes": (len(shape),)})

    def _repeats(self, channels: Extent, filters: Extent, dtype: str, params: dict[str, Any]) -> bool:
        """Whether each channel is convolved by itself with a few filters, fewer than two vectors have lanes.

        With as many copies of a channel as it has filters, vectors run along the channels of both sides.
        """
        groups = params["groups"]
        return 1 < groups == channels and groups < filters < 2 * groups * self.target.lanes(dtype)

    def _repeated(self, x: Value, filters: int) -> Value:
        """``x`` with each channel as often as it has filters."""
        if (x, filters) not in self.repeated:
            rank, copies = len(x.shape), filters // int(x.shape[-1])
            wide = {"shape": (*x.shape, copies), "dims": tuple(range(rank))}
            (spread,) = self.add(P.broadcast_in_dim, [x], wide)
            (self.repeated[x, filters],) = self.add(P.reshape, [spread], {"shape": (*x.shape[:-1], filters)})
        return self.repeated[x, filters]


def _pad(rw: Rewriter, x: Value, low: tuple, high: tuple) -> Value:
    """``x`` padded with zeros (cropped where negative); integers before they are widened, as contractions do that."""
    if not any(low) and not any(high):
        return x
    if x.node is not None and x.node.prim is P.cast and widens(x.node.inputs[0], x):
        return rw.add(P.cast, [_pad(rw, x.node.inputs[0], low, high)], x.node.params)[0]
    (zero,) = rw.add(P.constant, [], {"value": np.zeros((), dtypes.to_numpy(x.dtype))})
    rank = len(x.shape)
    return rw.add(P.pad, [x, zero], {"low": low, "high": high, "interior": (0,) * rank})[0]


@rule("dot_general")
def _outer_product(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    """Every product of an element of each, where no axis is contracted, as an elementwise product."""
    if node.params["contract"][0]:
        return None
    batch = node.params["batch"]
    (out,) = node.outputs
    shared = len(batch[0])
    free = len(inputs[0].shape) - shared
    first_free = (shared, shared + free)
    factors = []
    for x, batch_axes, start in zip(inputs, batch, first_free):
        free_axes = iter(range(start, len(out.shape)))
        dims = tuple(batch_axes.index(a) if a in batch_axes else next(free_axes) for a in range(len(x.shape)))
        factors.append(_spread(rw, x, out.shape, dims))
    return rw.add(P.mul, factors, {})


def _spread(rw: Rewriter, x: Value, shape: Shape, dims: tuple[int, ...]) -> Value:
    """``x`` broadcast so that its axis i is axis ``dims[i]``, whatever their order."""
    order = tuple(sorted(range(len(dims)), key=dims.__getitem__))
    if order != tuple(range(len(dims))):
        (x,) = rw.add(P.transpose, [x], {"perm": order})
    return rw.add(P.broadcast_in_dim, [x], {"shape": shape, "dims": tuple(sorted(dims))})[0]


@rule("concatenate")
def _concatenate(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    """Many pieces are joined in groups, these in groups, and so on."""
    if len(inputs) <= MOST_PIECES:
        return None
    groups = [inputs[i : i + MOST_PIECES] for i in range(0, len(inputs), MOST_PIECES)]
    joined = [rw.add(P.concatenate, group, node.params)[0] if len(group) > 1 else group[0] for group in groups]
    return _concatenate(rw, node, joined) or rw.add(P.concatenate, joined, node.params)


@rule("scatter")
def _scatter(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    """Sums and products of 16-bit floats are taken in float32 and rounded once."""
    x, indices, updates = inputs
    if x.dtype not in LOW_PRECISION or node.params["mode"] not in ("add", "mul"):
        return None
    wide = [rw.add(P.cast, [v], {"dtype": "float32"})[0] for v in (x, updates)]
    (total,) = rw.add(P.scatter, [wide[0], indices, wide[1]], node.params)
    return rw.add(P.cast, [total], {"dtype": x.dtype})
