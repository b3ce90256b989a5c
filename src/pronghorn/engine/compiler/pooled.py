"""Stage *pooled gradients*: behind a max-pool only one gradient in each window is not zero.

The gradient of a max-pool scatters each window's gradient to one position (`unpool`). What follows it on the way back
is elementwise and keeps zeros (the gradient of an activation), so it can be done on the pooled values before they are
scattered: ``f(unpool(g), c) = unpool(f(g, pool_gather(c)))``. Sums over positions then need no scattering at all, and a
convolution's gradients take the pooled values and their positions directly (`codegen.pooled`).

The gradient of a maximum over whole axes, as of a global max-pool, is as sparse but for ties, which share it. It stays
as it is; a convolution's gradients look through it for what is not zero (`codegen.scanned`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pronghorn.engine.compiler.costs import (
    DEEPEST_SCANNED,
    LEAST_SCANNED_WINDOW,
    LEAST_WINDOW,
    MOST_TAP_VECTORS,
    POOLED_SUMS_BYTES,
    TILES_WINDOW,
)
from pronghorn.engine.compiler.kernels import PooledOperands
from pronghorn.engine.compiler.simplify import scalar_constant
from pronghorn.engine.compiler.virtual import windows_overlap
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter
from pronghorn.engine.runtime.host import Target

# Unary primitives that map zero to zero.
_KEEP_ZERO = frozenset({"neg", "cast", "abs", "sign"})
_RECTIFIERS = ("gt", "le")  # select(x > 0, x, 0), and select(x <= 0, 0, x), which keeps NaN
_WINDOW = ("window", "strides", "padding", "dilation")


def pool_gradients(graph: Graph) -> Graph:
    """``graph`` with elementwise work moved to the pooled side of `unpool`."""
    return _Pooler(graph).run() if _scatters(graph) else graph


def _scatters(graph: Graph) -> bool:
    return any(scattered(v) is not None for node in graph.nodes for v in node.outputs) or any(
        map(_scatters, graph.subgraphs())
    )


def scattered(value: Value) -> Node | None:
    """The `unpool` node that makes ``value``, if its windows do not overlap."""
    node = value.node
    return node if node is not None and node.prim is P.unpool and not windows_overlap(node) else None


def _is_zero(value: Value) -> bool:
    return scalar_constant(value) == 0


class _Pooler(Rewriter):
    def __init__(self, graph: Graph):
        super().__init__(
            graph,
            dict.fromkeys(_KEEP_ZERO, self._unary)
            | {"select": self._select, "mul": self._mul, "reduce_sum": self._reduce_sum},
        )
        # x (in the new graph) and the name of a test -> select(x > 0, x, 0) or select(x <= 0, 0, x)
        self._rectified: dict[tuple[Value, str], Value] = {}
        self._gathered: dict[tuple[Value, Value], Value] = {}

    def subgraph(self, graph: Graph) -> Graph:
        return _Pooler(graph).run()

    # -- rules ------------------------------------------------------------------------------------------------------
    def _unary(self, _: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
        pool = scattered(inputs[0])
        if pool is None:
            return None
        (inner,) = self.add(node.prim, [pool.inputs[0]], node.params)
        return self._unpool(pool, inner)

    def _select(self, _: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
        condition, *arms = inputs
        for number, (value, other) in enumerate((arms, arms[::-1])):
            if not _is_zero(other):
                continue
            pool = scattered(value)
            if pool is not None:
                kept = self._gather(self._sign_of_rectified(condition), pool)
                inner = [pool.inputs[0], self._fill(other, pool)]
                (chosen,) = self.add(P.select, [kept, *(inner[::-1] if number else inner)], {})
                return self._unpool(pool, chosen)
            if self._compared(condition, _RECTIFIERS[number]) is value:
                new = self.add(P.select, inputs, {})
                self._rectified[value, _RECTIFIERS[number]] = new[0]
                return new
        return None

    def _mul(self, _: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
        for g, other in (inputs, inputs[::-1]):
            pool = scattered(g)
            if pool is not None:
                (inner,) = self.add(P.mul, [pool.inputs[0], self._gather(other, pool)], {})
                return self._unpool(pool, inner)
        return None

    def _reduce_sum(self, _: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
        """Each window has one position, so the sum over all positions is the sum over the windows."""
        pool = scattered(inputs[0])
        if pool is None or any(p != (0, 0) for p in pool.params["padding"]):
            return None
        pooled = {a for a, w in enumerate(pool.params["window"]) if w > 1}
        if not pooled <= set(node.params["axes"]):
            return None
        return self.add(P.reduce_sum, [pool.inputs[0]], node.params)

    # -- pieces -----------------------------------------------------------------------------------------------------
    def _unpool(self, pool: Node, inner: Value) -> list[Value]:
        return self.add(P.unpool, [inner, pool.inputs[1]], pool.params)

    def _fill(self, constant: Value, pool: Node) -> Value:
        return self._gather(constant, pool)

    def _compared(self, condition: Value, test: str) -> Value | None:
        """x, if the condition is ``x > 0``, or whatever the test is."""
        node = condition.node
        return node.inputs[0] if node is not None and node.prim.name == test and _is_zero(node.inputs[1]) else None

    def _sign_of_rectified(self, condition: Value) -> Value:
        """A test of x against 0 as one of relu(x), so that x itself need not be kept."""
        for test in _RECTIFIERS:
            x = self._compared(condition, test)
            rectified = None if x is None else self._rectified.get((x, test))
            if rectified is not None:
                assert condition.node is not None
                return self.add(condition.node.prim, [rectified, condition.node.inputs[1]], {})[0]
        return condition

    def _gather(self, value: Value, pool: Node) -> Value:
        """``value`` at the positions that the pool chose."""
        argmax = pool.inputs[1]
        key = (value, argmax)
        if key not in self._gathered:
            self._gathered[key] = self._gather_new(value, pool, argmax)
        return self._gathered[key]

    def _gather_new(self, value: Value, pool: Node, argmax: Value) -> Value:
        node = value.node
        shape = argmax.shape
        window = {k: pool.params[k] for k in _WINDOW}
        chooser = argmax.node
        if chooser is not None and chooser.prim is P.window_argmax and chooser.inputs[0] is value:
            return self.add(P.window_max, [value], window)[0]
        if node is not None and scalar_constant(value) is not None and node.prim is P.broadcast_in_dim:
            return self.add(P.broadcast_in_dim, node.inputs, {"shape": shape, "dims": ()})[0]
        if node is not None and node.prim.elementwise:
            inputs = [self._gather(v, pool) for v in node.inputs]
            return self.add(node.prim, inputs, node.params)[0]
        return self.add(P.pool_gather, [value, argmax], window)[0]


# -- convolutions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Selected:
    """A gradient that is not zero at about one position of each window: by a `pool`, or as equal to an extremum over
    axes (then ``pool`` is None, and more positions may share an extremum)."""

    pool: Node | None
    window: int


def _selected(value: Value) -> _Selected | None:
    pool = scattered(value)
    if pool is not None:
        return _Selected(pool, prod(pool.params["window"]))
    window = _share_of_extremum(value, DEEPEST_SCANNED)
    return _Selected(None, window) if window >= LEAST_SCANNED_WINDOW else None


def _share_of_extremum(value: Value, depth: int) -> int:
    """Of how many elements of ``value`` about one is not zero, because the others are no extremum; 1 if not known."""
    node = value.node
    if node is None or not depth:
        return 1
    name = node.prim.name
    if name == "eq":
        return max(map(_reduced_extent, node.inputs, node.inputs[::-1]))
    if name in _KEEP_ZERO:
        return _share_of_extremum(node.inputs[0], depth - 1)
    if name == "mul":
        return max(_share_of_extremum(v, depth - 1) for v in node.inputs)
    if name == "select":
        arms = node.inputs[1:]
        return max((_share_of_extremum(v, depth - 1) for v, other in (arms, arms[::-1]) if _is_zero(other)), default=1)
    return 1


def _reduced_extent(top: Value, x: Value) -> int:
    """Over how many elements of ``x`` each element of ``top`` is the extremum; 1 if it is none."""
    spread = top.node
    if spread is None or spread.prim is not P.broadcast_in_dim:
        return 1
    reduced = spread.inputs[0].node
    if reduced is not None and reduced.prim.name == "reshape":
        reduced = reduced.inputs[0].node
    if reduced is None or reduced.prim.name not in ("reduce_max", "reduce_min") or reduced.inputs[0] is not x:
        return 1
    extents = [x.shape[a] for a in reduced.params["axes"]]
    return prod(e for e in extents if isinstance(e, int))


def pooled_operands(node: Node, target: Target) -> PooledOperands | None:
    """The operands, if the node is a convolution's gradient that the pooled kernels compute (better)."""
    name = node.prim.name
    if name not in ("conv_filter_grad", "conv_input_grad"):
        return None
    gradient = node.inputs[1 if name == "conv_filter_grad" else 0]
    selected = _selected(gradient)
    if selected is None or not _fits(node, gradient, selected, target):
        return None
    values, argmax = selected.pool.inputs if selected.pool else (gradient, None)
    if name == "conv_filter_grad":
        return PooledOperands(selected.pool, values, argmax, node.inputs[0])
    turned = node.inputs[1].node  # decompose has made the kernel a view of its transpose
    if turned is None or turned.prim is not P.transpose:
        return None
    return PooledOperands(selected.pool, values, argmax, turned.inputs[0])


def _fits(node: Node, gradient: Value, selected: _Selected, target: Target) -> bool:
    p = node.params
    filters = node.prim.name == "conv_filter_grad"
    x = node.inputs[0].shape if filters else p["input_shape"]
    kernel = node.outputs[0].shape if filters else node.inputs[1].shape
    unpadded = all(pad == (0, 0) for pad in p["padding"])
    return unpadded and p["groups"] == 1 and _sizes_fit(x, kernel, gradient, selected, target)


def _sizes_fit(x: Shape, kernel: Shape, gradient: Value, selected: _Selected, target: Target) -> bool:
    dtype = gradient.dtype
    if dtype != "float32" and (dtype not in LOW_PRECISION or not _has_room(x)):
        return False
    lanes = target.lanes("float32")
    has_tiles = dtype == "bfloat16" and target.pairs.startswith("amx")
    if not all(isinstance(d, int) for d in x[1:]) or x[-1] % lanes != 0:
        return False
    if selected.window < (TILES_WINDOW if has_tiles else LEAST_WINDOW):
        return False
    if selected.pool is None:
        return True
    unpadded = all(pad == (0, 0) for pad in selected.pool.params["padding"])
    return unpadded and prod(kernel[:-1]) // lanes <= MOST_TAP_VECTORS * target.registers // 32


def _has_room(x: Shape) -> bool:
    return all(isinstance(d, int) for d in x[1:]) and 4 * prod(map(int, x[1:])) <= POOLED_SUMS_BYTES


def prepare_input_gradient(rw: Rewriter, node: Node, inputs: list[Value], target: Target) -> list[Value] | None:
    """For `decompose`: a conv_input_grad of a pooled gradient with its kernel turned to ``[co, *k, ci]``, if it
    fits."""
    g, w = inputs
    selected = _selected(g)
    p = node.params
    low = tuple(max(lo, 0) for lo, _ in p["padding"])
    shape = p["input_shape"]
    spatial = tuple(d + lo + hi for d, (lo, hi) in zip(shape[1:-1], p["padding"]))
    padded = (shape[0], *spatial, shape[-1])
    cropped = any(pad < 0 for pair in p["padding"] for pad in pair)
    if selected is None or cropped or p["groups"] != 1 or not _sizes_fit(padded, w.shape, g, selected, target):
        return None
    rank = len(w.shape)
    (turned,) = rw.add(P.transpose, [w], {"perm": (rank - 1, *range(rank - 1))})
    (back,) = rw.add(P.transpose, [turned], {"perm": (*range(1, rank), 0)})
    params = {**p, "input_shape": padded, "padding": ((0, 0),) * len(low)}
    dx = rw.add(P.conv_input_grad, [g, back], params)
    if padded == shape:
        return dx
    start = (0, *low, 0)
    limit = tuple(a + b for a, b in zip(start, shape))
    return rw.add(P.slice_, dx, {"start": start, "limit": limit, "stride": (1,) * len(shape)})
