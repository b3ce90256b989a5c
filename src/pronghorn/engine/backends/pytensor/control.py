"""Control flow over subgraphs: loops are operations that run their compiled bodies, branches PyTensor's `ifelse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.ifelse import ifelse

from pronghorn.engine.backends.interpreter import Bound, empty_results
from pronghorn.engine.backends.pytensor.mode import compiled
from pronghorn.engine.backends.pytensor.registry import Primitive, formulas, implements, run, shape_of, shaped
from pronghorn.engine.graph.ir import Aval, Graph

Body = Graph | Bound
Variables = tuple[Any, ...]


class _Loop(Primitive):
    """A loop, in Python over functions that PyTensor compiles once for each node.

    `pytensor.scan` has no loop that may not run at all or of any number of steps, keeps what every step gives, and
    takes seconds to rewrite.
    """

    def body(self, node: Apply, name: str, like: Sequence[Any]) -> Any:
        """The compiled function of the body that is the parameter ``name``, of variables like ``like``."""
        made = node.tag.__dict__.setdefault("bodies", {})
        if name not in made:
            inputs = [pt.TensorType(x.type.dtype, shape=shape_of(x))() for x in like]
            made[name] = compiled(inputs, run(self.params[name], inputs))
        return made[name]


class _Scan(_Loop):
    def inferred(self, avals: Sequence[Aval]) -> Sequence[Aval]:
        num_consts, num_carry, length = (self.params[k] for k in ("num_consts", "num_carry", "length"))
        stacked = empty_results(self.params["body"], num_carry)
        carry = avals[num_consts : num_consts + num_carry]
        return [*carry, *(Aval((length, *shape[1:]), dtype) for shape, dtype in stacked)]

    def computed(self, node: Apply, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        num_consts, num_carry, length = (self.params[k] for k in ("num_consts", "num_carry", "length"))
        fixed = num_consts + num_carry
        slices = [pt.TensorType(x.type.dtype, shape=shape_of(x)[1:])() for x in node.inputs[fixed:]]
        step = self.body(node, "body", [*node.inputs[:fixed], *slices])
        consts, carry, sequences = arrays[:num_consts], list(arrays[num_consts:fixed]), arrays[fixed:]
        stacked = [np.empty(x.type.shape, x.type.dtype) for x in node.outputs[num_carry:]]
        for i in range(length - 1, -1, -1) if self.params["reverse"] else range(length):
            out = step(*consts, *carry, *(s[i] for s in sequences))
            carry = out[:num_carry]
            for whole, y in zip(stacked, out[num_carry:]):
                whole[i] = y
        return [np.array(x) for x in carry] + stacked


class _While(_Loop):
    def inferred(self, avals: Sequence[Aval]) -> Sequence[Aval]:
        return avals[self.params["num_cond_consts"] + self.params["num_body_consts"] :]

    def computed(self, node: Apply, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        of_cond, of_body = self.params["num_cond_consts"], self.params["num_body_consts"]
        first = of_cond + of_body
        goes_on = self.body(node, "cond", [*node.inputs[:of_cond], *node.inputs[first:]])
        step = self.body(node, "body", node.inputs[of_cond:])
        carry = list(arrays[first:])
        while goes_on(*arrays[:of_cond], *carry)[0]:
            carry = step(*arrays[of_cond:first], *carry)
        return [np.array(x) for x in carry]


@implements
def scan(*xs: Any, body: Body, num_consts: int, num_carry: int, length: int, reverse: bool) -> Variables:
    carry = xs[num_consts : num_consts + num_carry]
    if not length:
        return (*carry, *(formulas.full(shape, 0, dtype) for shape, dtype in empty_results(body, num_carry)))
    how = {"num_consts": num_consts, "num_carry": num_carry, "length": length, "reverse": reverse}
    return tuple(_Scan("scan", {"body": body, **how})(*xs, return_list=True))


@implements
def while_loop(*xs: Any, cond: Body, body: Body, num_cond_consts: int, num_body_consts: int) -> Variables:
    how = {"num_cond_consts": num_cond_consts, "num_body_consts": num_body_consts}
    return tuple(_While("while_loop", {"cond": cond, "body": body, **how})(*xs, return_list=True))


@implements
def cond(pred: Any, *xs: Any, true: Body, false: Body) -> Variables:
    yes, no = run(true, xs), run(false, xs)
    if not yes:
        return ()
    found = ifelse(pred, yes, no)
    found = found if isinstance(found, (list, tuple)) else [found]
    return tuple(shaped(x, shape_of(y)) for x, y in zip(found, yes))


class _WithGradient(Op):
    """Args and outs, of which it gives the outs; the args' gradients are those of a graph."""

    __props__ = ("key",)

    def __init__(self, num_args: int, num_outs: int, vjp: Body):
        self.num_args, self.num_outs, self.vjp = num_args, num_outs, vjp
        self.key = object()  # each is one of its own
        self.view_map = {i: [num_args + i] for i in range(num_outs)}

    def make_node(self, *xs: Any) -> Apply:
        outs = xs[self.num_args : self.num_args + self.num_outs]
        return Apply(self, list(xs), [x.type() for x in outs])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        for storage, x in zip(output_storage, inputs[self.num_args :]):
            storage[0] = x

    def pullback(self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        behind = inputs[self.num_args + self.num_outs :]
        given = [
            formulas.full(shape_of(x), 0, x.type.dtype) if isinstance(c.type, DisconnectedType) else c
            for x, c in zip(outputs, cotangents)
        ]
        found = run(self.vjp, [*given, *behind])
        return [*found, *(disconnected_type() for _ in inputs[self.num_args :])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[i < self.num_args] * self.num_outs for i in range(len(node.inputs))]


@implements
def custom_vjp(*xs: Any, num_args: int, num_outs: int, vjp: Body) -> Variables:
    """The outs as they are. What PyTensor differentiates takes the args' gradients from ``vjp``, and from it alone."""
    return tuple(_WithGradient(num_args, num_outs, vjp)(*xs, return_list=True))
