"""Stage *simplify*: drop what is not needed, share what is equal, fold what is known."""

from __future__ import annotations

from collections.abc import Hashable
from math import prod
from typing import Any

import numpy as np

from pronghorn.engine.compiler.centered import sum_of_distances
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, Shape
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value, needed
from pronghorn.engine.graph.primitives.registry import MEANINGS
from pronghorn.engine.graph.regions import starts_again
from pronghorn.engine.graph.rewrite import SMALL, Rewriter, RewriteRule, node_key, with_graphs

FOLD_LIMIT = SMALL  # elements up to which an operation on constants is done now


def eliminate_dead(graph: Graph) -> Graph:
    """``graph`` without the nodes on which no output depends."""
    return _Needed(graph).run()


class _Needed(Rewriter):
    """Leaves nodes out; where none is dead, there or in a subgraph, the graph stays as it is."""

    def __init__(self, graph: Graph):
        super().__init__(graph, {})
        self.kept = needed(graph.nodes, graph.outputs)

    def run(self) -> Graph:
        inner = {sub: eliminate_dead(sub) for node in self.kept for sub in _bodies(node)}
        if len(self.kept) == len(self.old.nodes) and all(old is new for old, new in inner.items()):
            return self.old
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.kept:
            params = {k: inner[p] if isinstance(p, Graph) else p for k, p in node.params.items()}
            self.map.update(zip(node.outputs, self.graph.copy_node(node, [self.map[v] for v in node.inputs], params)))
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph


def _bodies(node: Node) -> list[Graph]:
    return [p for p in node.params.values() if isinstance(p, Graph)]


class Simplifier(Rewriter):
    """Common subexpressions, identities and constants."""

    def __init__(self, graph: Graph, rules: Any = None):
        super().__init__(graph, {})
        self._known: dict[Hashable, list[Value]] = {}
        self._rectified: dict[Value, Value] = {}  # a test of x against 0, to relu(x)

    def run(self) -> Graph:
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        for node in self.old.nodes:
            self._scope = node.scope
            self.map.update(zip(node.outputs, self._rewrite(node, [self.map[v] for v in node.inputs])))
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph

    def _rewrite(self, node: Node, inputs: list[Value]) -> list[Value]:
        same = _identity(node, inputs)
        if same is not None:
            return same
        if _is_of_nothing(node, inputs):
            return [self._zeros(v.aval) for v in node.outputs]
        params = node.params
        if _bodies(node):
            params = with_graphs(params, lambda body: Simplifier(body).run())
        if node.prim.name == "select":
            return self._select(node, inputs)
        nothing = sum_of_distances(node, inputs[0], self.shared, scalar_constant) if node.prim is P.reduce_sum else None
        if nothing is not None:
            return nothing
        return self.shared(node.prim, inputs, params, node)

    def _select(self, node: Node, inputs: list[Value]) -> list[Value]:
        """Where relu(x) is known, its gradient's test of x is one of relu(x), so that x itself need not be kept."""
        condition, *arms = inputs
        rectified = self._rectified.get(condition)
        if rectified is not None:
            test = condition.node
            assert test is not None
            again = self.shared(test.prim, [rectified, test.inputs[1]], test.params)
            return self.shared(node.prim, [*again, *arms], node.params, node)
        new = self.shared(node.prim, inputs, node.params, node)
        if _is_rectifier(condition, arms):
            self._rectified[condition] = new[0]
        return new

    def _zeros(self, aval: Aval) -> Value:
        """An array of zeros."""
        return self._spread(np.zeros((), dtypes.to_numpy(aval.dtype)), aval.shape)

    def _spread(self, number: np.ndarray, shape: Shape) -> Value:
        """An array of one number: that number, which code can hold, rather than memory to read."""
        [scalar] = self.shared(P.constant, [], {"value": number})
        return self.shared(P.broadcast_in_dim, [scalar], {"shape": shape, "dims": ()})[0]

    def shared(
        self, prim: P.Primitive, inputs: list[Value], params: dict[str, Any], like: Node | None = None
    ) -> list[Value]:
        """A node, or the equal one that is there already. ``like``: the old graph's node that does the same."""
        folded = _fold(prim, inputs, params)
        if folded is not None:
            if _is_uniform(folded):
                return [self._spread(folded.reshape(-1)[:1].reshape(()), folded.shape)]
            prim, inputs, params, like = P.constant, [], {"value": folded}, None
        key = node_key(prim, inputs, params)
        known = self._known.get(key)
        if known is None:
            known = self.add(prim, inputs, params) if like is None else self.again(like, inputs, params)
            self._known[key] = known
        return known


def _is_rectifier(condition: Value, arms: list[Value]) -> bool:
    """Whether the choice is ``x > 0 ? x : 0`` or ``x <= 0 ? 0 : x``, which keeps NaN."""
    test = condition.node
    if test is None or test.prim.name not in ("gt", "le") or not _is_zero(test.inputs[1]):
        return False
    kept, cleared = arms if test.prim.name == "gt" else arms[::-1]
    return kept is test.inputs[0] and _is_zero(cleared)


def _is_of_nothing(node: Node, inputs: list[Value]) -> bool:
    """Whether the results have no elements, or are sums of products of which there are none."""
    if node.prim.name in ("constant", "broadcast_in_dim", "iota"):
        return False
    return all(map(_is_empty, node.outputs)) or (node.prim.family == "contraction" and any(map(_is_empty, inputs)))


def _is_empty(value: Value) -> bool:
    return any(isinstance(d, int) and d == 0 for d in value.shape)


def _small_constant(value: Value) -> np.ndarray | None:
    """The array that a value is known to be, if it is small."""
    if any(not isinstance(d, int) for d in value.shape) or prod(map(int, value.shape)) > FOLD_LIMIT:
        return None
    node = value.node
    if node is not None and node.prim is P.constant:
        return node.params["value"]
    if node is not None and node.prim is P.broadcast_in_dim:
        filling = node.inputs[0].node
        if filling is not None and filling.prim is P.constant and filling.params["value"].size == 1:
            return np.full(value.shape, filling.params["value"].reshape(-1)[0])
    return None


def _has_one_element(value: Value) -> bool:
    return all(isinstance(d, int) and d == 1 for d in value.shape)


def _is_uniform(array: np.ndarray) -> bool:
    """Whether an array of several elements has the same bits in each."""
    return array.size > 1 and array.tobytes() == array.reshape(-1)[:1].tobytes() * array.size


_NO_FOLD = frozenset(
    {"constant", "iota", "extent", "random_bits", "scan", "while_loop", "cond", "custom_vjp", "foreign_call"}
)


def _fold(prim: P.Primitive, inputs: list[Value], params: dict[str, Any]) -> np.ndarray | None:
    """The result of a small operation on constants."""
    if prim.name in _NO_FOLD or prim.family == "linalg" or not inputs:
        return None
    if prim is P.broadcast_in_dim and _has_one_element(inputs[0]):
        return None
    constants = [_small_constant(v) for v in inputs]
    if any(c is None for c in constants) or _has_dim(params):
        return None
    avals = prim.infer([v.aval for v in inputs], params)
    if len(avals) != 1 or np.prod([int(d) for d in avals[0].shape]) > FOLD_LIMIT:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(MEANINGS[prim.name](*constants, **params), dtypes.to_numpy(avals[0].dtype))


def _has_dim(param: Any) -> bool:
    if isinstance(param, dict):
        return any(map(_has_dim, param.values()))
    if isinstance(param, (tuple, list)):
        return any(map(_has_dim, param))
    return isinstance(param, Dim)


def scalar_constant(value: Value) -> Any:
    """The number that fills ``value``, if it is a constant seen through broadcasts, else None."""
    node = value.node
    while node is not None and node.prim.name in ("broadcast_in_dim", "reshape"):
        value = node.inputs[0]
        node = value.node
    if node is None or node.prim is not P.constant or node.params["value"].size != 1:
        return None
    return node.params["value"].reshape(-1)[0].item()


def _identity(node: Node, inputs: list[Value]) -> list[Value] | None:
    """Operands that a node returns unchanged."""
    name, params = node.prim.name, node.params
    out = node.outputs[0]
    if name == "stop_gradient":
        return None if starts_again(node) else [inputs[0]]
    if name == "custom_vjp":
        n = params["num_args"]
        return inputs[n : n + params["num_outs"]]
    if not inputs:
        return None
    x = inputs[0]
    if name in ("reshape", "broadcast_in_dim", "transpose", "slice", "pad") and x.shape == out.shape:
        if name == "transpose" and params["perm"] != tuple(range(len(x.shape))):
            return None
        if name == "pad" and any(params["low"]):
            return None
        if name == "slice" and any(s != 1 for s in params["stride"]):
            return None
        return [x]
    if name == "cast" and x.dtype == out.dtype:
        return [x]
    if (name == "reverse" or name.startswith("reduce_")) and not params["axes"]:
        return [x]
    if name in ("concatenate",) and len(inputs) == 1:
        return [x]
    if name in ("mul", "div") and scalar_constant(inputs[1]) == 1:
        return [x]
    if name == "mul" and scalar_constant(x) == 1:
        return [inputs[1]]
    if name in ("add", "sub") and _is_zero(inputs[1]):
        return [x]
    if name == "add" and _is_zero(x):
        return [inputs[1]]
    return None


def _is_zero(value: Value) -> bool:
    """Whether adding ``value`` changes nothing (-0.0 becomes 0.0, which compares equal)."""
    return scalar_constant(value) == 0


def _merge_transposes(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    inner = inputs[0].node
    if inner is None or inner.prim is not P.transpose:
        return None
    perm = tuple(inner.params["perm"][p] for p in node.params["perm"])
    return rw.add(P.transpose, [inner.inputs[0]], {"perm": perm})


def _merge_reshapes(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    inner = inputs[0].node
    if inner is None or inner.prim is not P.reshape:
        return None
    return rw.add(P.reshape, [inner.inputs[0]], {"shape": node.params["shape"]})


# chains of moves become one
_MERGED: dict[str, RewriteRule] = {"transpose": _merge_transposes, "reshape": _merge_reshapes}


def _merged(graph: Graph) -> Graph:
    """The graph with chains of moves merged; where there are none, there and in its subgraphs, the graph itself."""
    return Rewriter(graph, _MERGED).run() if _has_chains(graph) else graph


def _has_chains(graph: Graph) -> bool:
    return any(
        (node.prim.name in _MERGED and node.inputs[0].node is not None and node.inputs[0].node.prim is node.prim)
        or any(map(_has_chains, _bodies(node)))
        for node in graph.nodes
    )


def simplify(graph: Graph) -> Graph:
    """The graph with dead nodes, identities, repeated and constant computations removed."""
    return eliminate_dead(Simplifier(_merged(eliminate_dead(graph))).run())
