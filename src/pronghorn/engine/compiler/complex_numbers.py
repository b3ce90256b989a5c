"""Stage *split complex*: complex numbers become pairs of real ones, so that nothing below knows about them.

A complex input or output of the whole graph lies in memory as it does in NumPy: real and imaginary parts side by side,
that is, as a real array with one more axis of two. Inside, and in the bodies of loops, the parts are arrays of their
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.compiler.complex_functions import FUNCTIONS, Arithmetic, Pair, power
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter

PART = {"complex64": "float32", "complex128": "float64"}
Split = Value | Pair

# Primitives that treat real and imaginary parts alike, whatever their parameters.
_LINEAR = frozenset(
    {"neg", "add", "sub", "stop_gradient", "broadcast_in_dim", "reshape", "transpose", "reverse", "slice", "pad"}
    | {"concatenate", "reduce_sum", "cumsum", "window_sum", "window_sum_grad"}
)
# The same, beside operands that are not complex (positions, a condition).
_MIXED = frozenset({"select", "dynamic_slice", "dynamic_update_slice", "take", "unpool", "pool_gather"})


class ComplexError(NotImplementedError):
    """A primitive that the compiler cannot take apart into real ones."""


def split_complex(graph: Graph) -> Graph:
    """``graph`` without complex numbers."""
    return _Splitter(graph).run() if _has_complex(graph) else graph


def _has_complex(graph: Graph) -> bool:
    values = [*graph.inputs, *(v for n in graph.nodes for v in n.outputs)]
    return any(v.dtype in PART for v in values) or any(map(_has_complex, graph.subgraphs()))


class _Splitter(Rewriter):
    def __init__(self, graph: Graph):
        super().__init__(graph, {})
        self.parts: dict[Value, Pair] = {}
        self.m = Arithmetic(self)

    # -- graphs -------------------------------------------------------------------------------------------------------
    def run(self) -> Graph:
        for v in self.old.inputs:
            if v.dtype in PART:
                whole = self.graph.add_input(Aval((*v.shape, 2), PART[v.dtype]))
                self.parts[v] = self._separate(whole)
            else:
                self.map[v] = self.graph.add_input(v.aval)
        self._nodes()
        outputs = [self.of(v) for v in self.old.outputs]
        self.graph.outputs = [self._interleave(v) if isinstance(v, tuple) else v for v in outputs]
        return self.graph

    def subgraph(self, graph: Graph) -> Graph:
        """A body whose complex inputs and outputs are two arrays each."""
        inner = _Splitter(graph)
        for v in graph.inputs:
            if v.dtype in PART:
                part = Aval(v.shape, PART[v.dtype])
                inner.parts[v] = (inner.graph.add_input(part), inner.graph.add_input(part))
            else:
                inner.map[v] = inner.graph.add_input(v.aval)
        inner._nodes()
        inner.graph.outputs = inner.flat(graph.outputs)
        return inner.graph

    def _nodes(self) -> None:
        for node in self.old.nodes:
            self._scope = node.scope
            if any(v.dtype in PART for v in (*node.inputs, *node.outputs)):
                for old, new in zip(node.outputs, self._split(node)):
                    self._give(old, new)
            else:
                self.map.update(
                    zip(node.outputs, self.add(node.prim, [self.map[v] for v in node.inputs], self._params(node)))
                )

    def _give(self, old: Value, new: Split) -> None:
        if isinstance(new, tuple):
            self.parts[old] = new
        else:
            self.map[old] = new

    def of(self, value: Value) -> Split:
        """A value of the old graph in the new one."""
        return self.parts[value] if value.dtype in PART else self.map[value]

    def pair(self, value: Value) -> Pair:
        """A value as a complex number; a real one has the imaginary part zero."""
        new = self.of(value)
        return new if isinstance(new, tuple) else (new, self.m.fill(0, new))

    def flat(self, values: Iterable[Value]) -> list[Value]:
        """Values in the new graph, complex ones as two."""
        found: list[Value] = []
        for v in values:
            new = self.of(v)
            found.extend(new if isinstance(new, tuple) else (new,))
        return found

    # -- memory -------------------------------------------------------------------------------------------------------
    def _separate(self, whole: Value) -> Pair:
        *shape, _ = whole.shape
        zeros, ones = (0,) * len(shape), (1,) * (len(shape) + 1)
        parts = []
        for k in (0, 1):
            part = self.m.apply("slice", whole, start=(*zeros, k), limit=(*shape, k + 1), stride=ones)
            parts.append(self.m.apply("reshape", part, shape=tuple(shape)))
        return parts[0], parts[1]

    def _interleave(self, pair: Pair) -> Value:
        shape = pair[0].shape
        parts = [self.m.apply("reshape", v, shape=(*shape, 1)) for v in pair]
        return self.m.apply("concatenate", *parts, axis=len(shape))

    # -- nodes --------------------------------------------------------------------------------------------------------
    def _split(self, node: Node) -> Sequence[Split]:
        name = node.prim.name
        if name in _LINEAR:
            return [self._each(node, node.inputs)]
        if name in _MIXED or (name == "scatter" and node.params["mode"] in ("add", "set")):
            return [self._each(node, node.inputs)]
        if name in FUNCTIONS:
            return [FUNCTIONS[name](self.m, self.pair(node.inputs[0]))]
        if node.prim.family == "linalg":
            return self._linalg(node)
        if name in ("scan", "while_loop", "cond"):
            return self._control(node)
        rule = _RULES.get(name)
        if rule is None:
            raise ComplexError(
                f"{name} of complex numbers is not supported by the compiler. Write it with their real and imaginary "
                "parts, or compile with run_eagerly=True."
            )
        return [rule(self, node)]

    def _each(self, node: Node, operands: Sequence[Value]) -> Pair:
        """The node once for the real and once for the imaginary parts."""
        results = []
        for k in (0, 1):
            inputs = [p[k] if isinstance(p, tuple) else p for p in map(self.of, operands)]
            results.append(self.m.apply(node.prim.name, *inputs, **node.params))
        return results[0], results[1]

    def _linalg(self, node: Node) -> list[Split]:
        """Host calls see complex arrays: their operands and results lie in memory as NumPy's do."""
        operands = [self.of(v) for v in node.inputs]
        inputs = [self._interleave(v) if isinstance(v, tuple) else v for v in operands]
        flags = tuple(isinstance(v, tuple) for v in operands)
        new = Node(node.prim, inputs, {**node.params, COMPLEX_OPERANDS: flags}, node.scope)
        for i, v in enumerate(node.outputs):
            aval = Aval((*v.shape, 2), PART[v.dtype]) if v.dtype in PART else v.aval
            new.outputs.append(Value(aval, self.graph, new, i))
        self.graph.nodes.append(new)
        return [self._separate(w) if v.dtype in PART else w for v, w in zip(node.outputs, new.outputs)]

    def _control(self, node: Node) -> list[Split]:
        params = self._params(node)
        counts = {
            "scan": [("num_consts", 0), ("num_carry", node.params.get("num_consts", 0))],
            "while_loop": [("num_cond_consts", 0), ("num_body_consts", node.params.get("num_cond_consts", 0))],
        }
        for key, start in counts.get(node.prim.name, []):
            operands = node.inputs[start : start + node.params[key]]
            params[key] = sum(2 if v.dtype in PART else 1 for v in operands)
        outputs = iter(self.add(node.prim, self.flat(node.inputs), params))
        return [(next(outputs), next(outputs)) if v.dtype in PART else next(outputs) for v in node.outputs]


# What a host call's parameters say beside the primitive's own: which operands are complex.
COMPLEX_OPERANDS = "complex operands"


def is_separated(node: Node) -> bool:
    """Whether a host call's complex operands and results are two each now, of which its shape rule knows nothing."""
    return COMPLEX_OPERANDS in node.params


# -- rules of single primitives ----------------------------------------------------------------------------------------
_Rule = Callable[[_Splitter, Node], Split]
_RULES: dict[str, _Rule] = {}


def _rule(*names: str) -> Callable[[_Rule], _Rule]:
    def register(rule: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _operands(s: _Splitter, node: Node) -> list[Pair]:
    return [s.pair(v) for v in node.inputs]


@_rule("constant")
def _constant(s: _Splitter, node: Node) -> Pair:
    value: np.ndarray = node.params["value"]
    parts = [np.ascontiguousarray(p).reshape(value.shape) for p in (value.real, value.imag)]
    first, second = (s.add(P.constant, [], {"value": p})[0] for p in parts)
    return first, second


@_rule("iota")
def _iota(s: _Splitter, node: Node) -> Pair:
    real = s.m.apply("iota", **{**node.params, "dtype": PART[node.params["dtype"]]})
    return real, s.m.fill(0, real)


@_rule("complex")
def _complex(s: _Splitter, node: Node) -> Pair:
    real, imag = (s.map[v] for v in node.inputs)
    return real, imag


@_rule("real", "imag", "conj", "abs", "is_finite")
def _parts(s: _Splitter, node: Node) -> Split:
    real, imag = s.pair(node.inputs[0])
    name = node.prim.name
    if name == "conj":
        return real, s.m.neg(imag)
    if name == "abs":
        return s.m.hypot(real, imag)
    if name == "is_finite":
        return s.m.apply("and", s.m.apply(name, real), s.m.apply(name, imag))
    return real if name == "real" else imag


@_rule("cast")
def _cast(s: _Splitter, node: Node) -> Split:
    target = node.params["dtype"]
    real, imag = s.pair(node.inputs[0])
    if target == "bool":
        both = s.m.apply("and", s.m.is_zero(real), s.m.is_zero(imag))
        return s.m.apply("not", both)
    if target in PART:
        return s.m.apply("cast", real, dtype=PART[target]), s.m.apply("cast", imag, dtype=PART[target])
    return s.m.apply("cast", real, dtype=target)


@_rule("mul", "div", "pow")
def _product(s: _Splitter, node: Node) -> Pair:
    x, y = _operands(s, node)
    return {"mul": s.m.times, "div": s.m.over, "pow": lambda a, b: power(s.m, a, b)}[node.prim.name](x, y)


@_rule("eq", "ne", "lt", "le", "gt", "ge")
def _compare(s: _Splitter, node: Node) -> Value:
    """Equality of both parts; the order is that of the real parts, then of the imaginary ones."""
    (a, b), (c, d) = _operands(s, node)
    name = node.prim.name
    if name in ("eq", "ne"):
        return s.m.apply("and" if name == "eq" else "or", s.m.apply(name, a, c), s.m.apply(name, b, d))
    strict = {"le": "lt", "ge": "gt"}.get(name, name)
    tied = s.m.apply("and", s.m.apply("eq", a, c), s.m.apply(name, b, d))
    return s.m.apply("or", s.m.apply(strict, a, c), tied)


@_rule("dot_general")
def _dot(s: _Splitter, node: Node) -> Pair:
    (a, b), (c, d) = _operands(s, node)

    def dot(x: Value, y: Value) -> Value:
        return s.m.apply("dot_general", x, y, **node.params)

    return s.m.sub(dot(a, c), dot(b, d)), s.m.add(dot(a, d), dot(b, c))


@_rule("reduce_prod")
def _reduce_prod(s: _Splitter, node: Node) -> Pair:
    """Halves multiplied until one element is left."""
    pair = s.pair(node.inputs[0])
    for axis in sorted(node.params["axes"], reverse=True):
        while (size := pair[0].shape[axis]) != 1:
            if not isinstance(size, int) or not size:
                raise ComplexError(f"A product of complex numbers needs a known number of factors, got {size}.")
            half = size // 2
            product = s.m.times(*(_range(s, pair, axis, start, start + half) for start in (0, half)))
            rest = _range(s, pair, axis, 2 * half, size) if size % 2 else None
            pair = product if rest is None else _joined(s, product, rest, axis)
        shape = pair[0].shape[:axis] + pair[0].shape[axis + 1 :]
        pair = s.m.apply("reshape", pair[0], shape=shape), s.m.apply("reshape", pair[1], shape=shape)
    return pair


def _range(s: _Splitter, pair: Pair, axis: int, start: int, stop: int) -> Pair:
    shape = pair[0].shape
    how: dict[str, Any] = {
        "start": tuple(start if a == axis else 0 for a in range(len(shape))),
        "limit": tuple(stop if a == axis else n for a, n in enumerate(shape)),
        "stride": (1,) * len(shape),
    }
    return s.m.apply("slice", pair[0], **how), s.m.apply("slice", pair[1], **how)


def _joined(s: _Splitter, x: Pair, y: Pair, axis: int) -> Pair:
    return s.m.apply("concatenate", x[0], y[0], axis=axis), s.m.apply("concatenate", x[1], y[1], axis=axis)
