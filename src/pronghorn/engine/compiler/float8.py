"""Stage *widen float8*: eight-bit floats lie in memory as bytes and are computed with in float32.

Each is decoded where it is used and rounded after every operation, which is what the NumPy backend does too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.rewrite import Rewriter


@dataclass(frozen=True)
class Format:
    """An eight-bit float: how many bits its mantissa has, the exponent's bias, and its largest finite byte."""

    mantissa: int
    bias: int
    largest: int
    infinity: bool


FORMATS = {"float8_e4m3fn": Format(3, 7, 0x7E, False), "float8_e5m2": Format(2, 15, 0x7B, True)}

# Primitives that only move elements, so that bytes will do. The last are elementwise.
_MOVES = frozenset(
    {"broadcast_in_dim", "reshape", "transpose", "reverse", "slice", "pad", "concatenate", "dynamic_slice", "take"}
    | {"dynamic_update_slice", "pool_gather", "stop_gradient", "select"}
)


def widen_float8(graph: Graph) -> Graph:
    """``graph`` without eight-bit floats."""
    return _Widener(graph).run() if _has_float8(graph) else graph


def _has_float8(graph: Graph) -> bool:
    values = [*graph.inputs, *(v for n in graph.nodes for v in n.outputs)]
    return any(v.dtype in FORMATS for v in values) or any(map(_has_float8, graph.subgraphs()))


class _Widener(Rewriter):
    def __init__(self, graph: Graph):
        super().__init__(graph, {})

    def subgraph(self, graph: Graph) -> Graph:
        return _Widener(graph).run()

    def run(self) -> Graph:
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(Aval(v.shape, "uint8") if v.dtype in FORMATS else v.aval)
        for node in self.old.nodes:
            self._scope = node.scope
            self.map.update(zip(node.outputs, self._copy(node)))
        self.graph.outputs = [self.map[v] for v in self.old.outputs]
        return self.graph

    def _copy(self, node: Node) -> list[Value]:
        inputs = [self.map[v] for v in node.inputs]
        if not any(v.dtype in FORMATS for v in (*node.inputs, *node.outputs)):
            return self.add(node.prim, inputs, self._params(node))
        if node.prim is P.constant:
            return self.add(P.constant, [], {"value": node.params["value"].view(np.uint8)})
        if node.prim.name in _MOVES or node.prim.family == "control":
            return self.add(node.prim, inputs, self._params(node))
        if node.prim is P.bitcast:  # between the two, and with bytes
            return inputs if node.params["dtype"] != "int8" else self.add(P.cast, inputs, {"dtype": "int8"})
        wide = [self._decoded(v, x) for v, x in zip(node.inputs, inputs)]
        results = self.add(node.prim, wide, self._wide_params(node))
        return [self._encoded(x, v.dtype) if v.dtype in FORMATS else x for v, x in zip(node.outputs, results)]

    def _wide_params(self, node: Node) -> dict[str, Any]:
        return {k: "float32" if isinstance(p, str) and p in FORMATS else p for k, p in self._params(node).items()}

    # -- bits ---------------------------------------------------------------------------------------------------------
    def _apply(self, name: str, *operands: Value | int | float, **params: Any) -> Value:
        """A primitive; Python numbers take the shape and type of the last operand that is an array."""
        like = [v for v in operands if isinstance(v, Value)][-1]
        inputs = [v if isinstance(v, Value) else self._fill(v, like) for v in operands]
        return self.add(PRIMITIVES[name], inputs, params)[0]

    def _fill(self, number: int | float, like: Value) -> Value:
        (scalar,) = self.add(P.constant, [], {"value": np.asarray(number, like.dtype)})
        return self.add(P.broadcast_in_dim, [scalar], {"shape": like.shape, "dims": ()})[0]

    def _decoded(self, old: Value, bits: Value) -> Value:
        """The float32 values of bytes: shifted into place, a byte is the value times a power of two."""
        if old.dtype not in FORMATS:
            return bits
        f = FORMATS[old.dtype]
        wide = self._apply("cast", bits, dtype="int32")
        body = self._apply("shift_left", self._apply("and", wide, 0x7F), 23 - f.mantissa)
        number = self._apply("mul", self._apply("bitcast", body, dtype="float32"), 2.0 ** (127 - f.bias))
        size = self._apply("and", wide, 0x7F)
        number = self._apply("select", self._apply("gt", size, f.largest), float("nan"), number)
        if f.infinity:
            number = self._apply("select", self._apply("eq", size, f.largest + 1), float("inf"), number)
        return self._apply("select", self._apply("gt", wide, 0x7F), self._apply("neg", number), number)

    def _encoded(self, x: Value, dtype: str) -> Value:
        """The bytes nearest to float32 values, ties to even; too large is infinity, or NaN where there is none."""
        f = FORMATS[dtype]
        x = self._apply("cast", x, dtype="float32")
        drop = 23 - f.mantissa
        bits = self._apply("bitcast", x, dtype="int32")
        size = self._apply("and", bits, 0x7FFFFFFF)
        odd = self._apply("and", self._apply("shift_right", size, drop), 1)
        biased = self._apply("add", size, (1 << (drop - 1)) - 1 - ((127 - f.bias) << 23))
        normal = self._apply("shift_right", self._apply("add", biased, odd), drop)
        # below the normal numbers the float adder itself rounds, at the last bit that is kept
        pusher = 2.0 ** (1 - f.bias - f.mantissa + 23)
        pushed = self._apply("add", self._apply("bitcast", size, dtype="float32"), pusher)
        tiny = self._apply("sub", self._apply("bitcast", pushed, dtype="int32"), int(np.float32(pusher).view(np.int32)))
        result = self._apply("select", self._apply("lt", size, (128 - f.bias) << 23), tiny, normal)
        result = self._apply("select", self._apply("gt", result, f.largest), f.largest + 1, result)
        result = self._apply("select", self._apply("gt", size, 0x7F800000), 0x7F, result)
        sign = self._apply("and", self._apply("shift_right", bits, 24), 0x80)
        return self._apply("cast", self._apply("or", result, sign), dtype="uint8")
