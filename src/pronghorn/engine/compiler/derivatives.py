"""Stage *derivatives*: what a gradient is multiplied by behind an activation is one array, made with the activation.

A GELU's gradient is a sum of products of what comes from behind with functions of the activation's argument ``h``, a
dense layer's or a convolution's result. The argument is kept for it, and an error function and an exponential are
computed once more from each element. Factored, it is one product:

    g * a(h) + g * b(h) * c(h) = g * d(h)       d = a + b * c

The derivative ``d`` depends on ``h`` alone, as the activation does, so that the kernel which makes ``h`` can make both
from registers: ``d`` is kept in the place of ``h``, and the backward pass has one multiplication left
(`derivatives_to_keep`, which `storing.choose_stored` asks). Nothing is gained where a gradient is made from the result,
as behind a ReLU, a sigmoid or a tanh, or where ``h`` is needed for something else; such graphs stay as they are. So do
those in 16 bits, whose derivative would be rounded to these, and loops' bodies; and those where a zero is chosen, which
is one of an infinite gradient, too.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pronghorn.engine.compiler.costs import EXPENSIVE, MOST_CASES, MOVES, SMALL_SHARE, typical
from pronghorn.engine.compiler.lowering import CONTRACTIONS
from pronghorn.engine.compiler.simplify import scalar_constant
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of
from pronghorn.engine.graph.regions import starts_again
from pronghorn.engine.graph.rewrite import Rewriter


def factor_derivatives(graph: Graph) -> Graph:
    """``graph`` with gradients behind activations as products with one derivative; itself where there are none."""
    users = users_of(graph)
    order = {node: at for at, node in enumerate(graph.nodes)}
    found: dict[Node, _Gradient] = {}
    for node in graph.nodes:
        if node.prim.name in CONTRACTIONS and node.outputs[0].dtype in ("float32", "float64"):
            activation = _Activation.of(node.outputs[0], users, graph.outputs)
            gradient = activation and _gradient(activation, users, order, graph.outputs)
            if gradient:
                found[gradient.last] = gradient
    return _Factored(graph, found).run() if found else graph


def derivatives_to_keep(graph: Graph, stored: Collection[Value]) -> Iterator[tuple[Value, set[Value]]]:
    """The derivatives that are better kept than what they are made of.

    Args:
        graph: the graph.
        stored: the values that have a buffer, as far as is known.

    Yields:
        A derivative, and what need not be kept for it any more.
    """
    users = users_of(graph)
    for node in graph.nodes:
        if node.prim.name not in CONTRACTIONS:
            continue
        activation = _Activation.of(node.outputs[0], users, graph.outputs)
        if activation is None:
            continue
        missing = [v for v in activation.read if v not in stored]
        if len(missing) == 1 and activation.product not in activation.read:
            (value,) = missing
            others = activation.read - {value}
            if others and value.dtype == activation.product.dtype and activation.needs_product(value, others):
                yield value, activation.values - activation.read - {activation.product}


@dataclass(frozen=True)
class _Activation:
    """What is computed element by element from a contraction's result, numbers and inputs that are small beside it.

    Attributes:
        product: the contraction's result.
        values: it, and what is computed from it.
        read: those of the values that other nodes take, or that are results of the graph.
    """

    product: Value
    values: set[Value]
    read: set[Value]

    @staticmethod
    def of(product: Value, users: Mapping[Value, list[Node]], outputs: Collection[Value]) -> _Activation | None:
        """That of a contraction; None where nothing of it is expensive."""
        values, expensive = {product}, False
        waiting = [product]
        while waiting:
            for node in users.get(waiting.pop(), ()):  # one may be of it only once its other operand is known to be
                if node.outputs[0] not in values and _is_of(node, values, product):
                    expensive |= node.prim.name in EXPENSIVE
                    values.add(node.outputs[0])
                    waiting.append(node.outputs[0])
        if not expensive:
            return None
        read = {v for v in values if v in outputs or any(n.outputs[0] not in values for n in users.get(v, ()))}
        return _Activation(product, values, read)

    def needs_product(self, value: Value, known: Collection[Value]) -> bool:
        """Whether one of the values cannot be computed from ``known`` ones of them alone."""
        seen: set[Value] = set()
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if value is self.product:
                return True
            if value in self.values and value not in seen and value not in known and value.node is not None:
                seen.add(value)
                waiting.extend(value.node.inputs)
        return False


def _is_of(node: Node, values: Collection[Value], product: Value) -> bool:
    """Whether a node computes element by element from ``values``, and from numbers and small inputs."""
    if not node.prim.elementwise or starts_again(node) or node.outputs[0].shape != product.shape:
        return False
    return all(v in values or _is_given(v) for v in node.inputs)


def _is_given(value: Value) -> bool:
    """Whether a value is a number, or a far smaller input such as a bias, for all elements: a kernel can have it early.

    What is computed is not taken for one. It may be there in the backward pass only, as the mean of a gradient is.
    """
    node = value.node
    if node is None or node.prim is not P.broadcast_in_dim:
        return False
    (source,) = node.inputs
    small = SMALL_SHARE * typical(product(source.shape)) <= typical(product(value.shape))
    while source.node is not None and (source.node.prim is P.cast or source.node.prim.name in MOVES):
        (source,) = source.node.inputs
    return small and (source.node is None or source.node.prim is P.constant)


@dataclass(frozen=True)
class _Gradient:
    """A gradient that is linear in another.

    Attributes:
        source: the gradient that comes from behind.
        nodes: what is computed from it, in order, all of them multiples of it element by element.
        last: the only one of them whose result others take.
    """

    source: Value
    nodes: list[Node]
    last: Node


def _gradient(
    activation: _Activation, users: Mapping[Value, list[Node]], order: Mapping[Node, int], outputs: Collection[Value]
) -> _Gradient | None:
    """The gradient behind an activation, if all but one value of the activation are only needed for it."""
    for source in _sources(activation, users, order):
        nodes, ends = _multiples(source, activation, users, order, outputs)
        within = set(nodes)
        read = {v for v in activation.read if v in outputs or any(_is_other(n, within, activation) for n in users[v])}
        own = {v for node in nodes for v in node.inputs if v in activation.values}
        needs = any(activation.needs_product(v, read) for v in own)
        gains = len(read) == 1 and len(own) > 1 and needs and activation.product not in read
        if len(ends) == 1 and gains and _reaches_all(source, nodes, ends[0]):
            return _Gradient(source, nodes, ends[0])
    return None


def _is_other(node: Node, within: Collection[Node], activation: _Activation) -> bool:
    return node not in within and node.outputs[0] not in activation.values


def _sources(
    activation: _Activation, users: Mapping[Value, list[Node]], order: Mapping[Node, int]
) -> dict[Value, None]:
    """What is multiplied by values of an activation, or chosen by them, and is none: gradients from behind."""
    nodes = {n for v in activation.read for n in users.get(v, ()) if n.prim in (P.mul, P.div, P.select)}
    return {
        v: None
        for node in sorted(nodes, key=order.__getitem__)
        for v in node.inputs
        if v not in activation.values and not _is_given(v) and v.dtype == activation.product.dtype
    }


def _multiples(
    source: Value,
    activation: _Activation,
    users: Mapping[Value, list[Node]],
    order: Mapping[Node, int],
    outputs: Collection[Value],
) -> tuple[list[Node], list[Node]]:
    """The nodes that compute multiples of ``source`` by functions of the activation, and those that others take."""
    linear, nodes = {source}, []
    waiting = [(order[node], node) for node in users.get(source, ())]
    heapq.heapify(waiting)
    seen = {node for _, node in waiting}
    while waiting:
        _, node = heapq.heappop(waiting)
        given = [v in linear for v in node.inputs]
        known = all(v in activation.values or _is_given(v) for v, own in zip(node.inputs, given) if not own)
        if node.outputs[0].shape != source.shape or not known or not _is_linear(node, given):
            continue
        linear.add(node.outputs[0])
        nodes.append(node)
        for following in users.get(node.outputs[0], ()):
            if following not in seen:
                seen.add(following)
                heapq.heappush(waiting, (order[following], following))
    inside = set(nodes)
    return nodes, [node for node in nodes if _leaves(node.outputs[0], inside, users, outputs)]


def _leaves(
    value: Value, inside: Collection[Node], users: Mapping[Value, list[Node]], outputs: Collection[Value]
) -> bool:
    return value in outputs or any(node not in inside for node in users.get(value, ()))


def _is_linear(node: Node, given: list[bool]) -> bool:
    """Whether a node's result is a multiple of what its operands are multiples of; ``given``: which of them are."""
    name = node.prim.name
    if name in ("add", "sub"):
        return all(given)
    if name == "mul":
        return given != [True, True]
    if name == "select":
        return not given[0] and all(own or scalar_constant(v) == 0 for own, v in zip(given[1:], node.inputs[1:]))
    return name == "neg" or (name == "div" and not given[1])


def _reaches_all(source: Value, nodes: list[Node], last: Node) -> bool:
    """Whether the last of the nodes is made from ``source`` at all elements, whatever they choose.

    Where a zero is chosen instead, as behind a ReLU, it is one even of an infinite gradient: a product is not.
    """
    cases: dict[Value, _Cases] = {source: {frozenset()}}
    for node in nodes:
        if node.prim is P.select:
            condition, *branches = node.inputs
            chosen = [(cases.get(v, set()), (condition, nth)) for nth, v in enumerate(branches)]
            found = {case | {(v, nth)} for known, (v, nth) in chosen for case in known if (v, 1 - nth) not in case}
        else:
            found = {case for v in node.inputs for case in cases.get(v, ())}
        cases[node.outputs[0]] = _joined(found) if len(found) <= MOST_CASES else set()
    return frozenset() in cases[last.outputs[0]]


_Cases = set[frozenset[tuple[Value, int]]]  # of each, what all of its conditions choose


def _joined(cases: _Cases) -> _Cases:
    """The same cases with those as one that a condition tells apart."""
    for case in cases:
        for condition, nth in case:
            either = case - {(condition, nth)}
            if either | {(condition, 1 - nth)} in cases:
                return _joined({either, *(other for other in cases if not other >= either)})
    return cases


class _Factored(Rewriter):
    """Makes each gradient the product of its source and a derivative; what was there is dead then."""

    def __init__(self, graph: Graph, found: Mapping[Node, _Gradient]):
        super().__init__(graph, {node.prim.name: _factored for node in found})
        self.found = found

    def subgraph(self, graph: Graph) -> Graph:
        return graph

    def derivative(self, gradient: _Gradient) -> Value:
        """What the gradient's source is multiplied by: the same nodes, applied to 1."""
        factors = {gradient.source: self._one(gradient.source)}
        for node in gradient.nodes:
            operands = [factors.get(v) or self.map[v] for v in node.inputs]
            others = [v for v in node.inputs if v is not gradient.source]
            if node.prim is P.mul and len(others) == 1:
                factors[node.outputs[0]] = self.map[others[0]]
            else:
                [factors[node.outputs[0]]] = self.add(node.prim, operands, node.params)
        return factors[gradient.last.outputs[0]]

    def _one(self, like: Value) -> Value:
        [one] = self.add(P.constant, [], {"value": np.ones((), dtypes.to_numpy(like.dtype))})
        return self.add(P.broadcast_in_dim, [one], {"shape": like.shape, "dims": ()})[0]


def _factored(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    assert isinstance(rw, _Factored)
    gradient = rw.found.get(node)
    if gradient is None:
        return None
    return rw.add(P.mul, [rw.map[gradient.source], rw.derivative(gradient)], {})
