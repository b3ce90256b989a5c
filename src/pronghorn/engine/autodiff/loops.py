"""The gradient of a scan: a scan in the other direction.

One step is traced forward and backward together, and then cut in two. What the backward half uses of the forward half
is given by a second forward loop, stacked over the steps, which becomes one with the first (`engine/graph/joining.py`),
so nothing is computed twice. Gradients of what all steps share (weights) would be sums over the steps; where a step's
share is a matrix product or a sum, its operands are stacked instead and one product over all steps follows the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.autodiff.registry import Context, Gradients, is_differentiable
from pronghorn.engine.autodiff.rules.common import full, zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import TraceError, current_trace
from pronghorn.engine.graph.ir import Graph, Node, Value, needed
from pronghorn.engine.graph.joining import LoopJoiner
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.engine.graph.trace import inline, trace_body

Env = dict[Value, Tensor]


def scan_gradient(ctx: Context, cotangents: Sequence[Tensor | None]) -> Gradients:
    """The rule of `scan`."""
    loop = _Loop(ctx, cotangents)
    step = _trace_step(loop)
    stacks = _stack_residuals(loop, step)
    return _run_backward(loop, step, stacks)


class _Loop:
    """A scan's operands by their roles, and which of them take part in its differentiation."""

    def __init__(self, ctx: Context, cotangents: Sequence[Tensor | None]):
        self.ctx = ctx
        self.body: Graph = ctx.params["body"]
        self.num_consts, self.num_carry = ctx.params["num_consts"], ctx.params["num_carry"]
        fixed = self.num_consts + self.num_carry
        self.consts, self.init, self.xs = self.split(ctx.inputs)
        self.ys = ctx.outputs[self.num_carry :]
        self.carry_cts, self.y_cts = cotangents[: self.num_carry], cotangents[self.num_carry :]
        self.wanted_consts = [i for i in range(self.num_consts) if ctx.needs[i]]
        self.wanted_xs = [j for j in range(len(self.xs)) if ctx.needs[fixed + j]]
        self.smooth_carry = [i for i, t in enumerate(self.init) if is_differentiable(t)]
        self.given_ys = [k for k, c in enumerate(self.y_cts) if c is not None and is_differentiable(self.ys[k])]

    def split(self, inputs: Sequence) -> tuple[list, list, list]:
        """The body's inputs as consts, carry and slices."""
        fixed = self.num_consts + self.num_carry
        return list(inputs[: self.num_consts]), list(inputs[self.num_consts : fixed]), list(inputs[fixed:])


@dataclass
class _Step:
    """One step, forward and backward, as one graph."""

    graph: Graph
    captures: list[Tensor]  # concrete arrays that the graph uses, as leading inputs
    inputs: list[Value] = field(default_factory=list)  # the body's
    carry_cts: list[Value] = field(default_factory=list)
    y_cts: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)  # the body's
    forward_nodes: int = 0
    const_grads: list[Value | None] = field(default_factory=list)
    carry_grads: list[Value | None] = field(default_factory=list)
    x_grads: list[Value | None] = field(default_factory=list)

    @property
    def forward(self) -> list[Node]:
        return self.graph.nodes[: self.forward_nodes]

    @property
    def backward(self) -> list[Node]:
        return self.graph.nodes[self.forward_nodes :]

    @property
    def capture_values(self) -> list[Value]:
        return self.graph.inputs[: len(self.captures)]


def _trace_step(loop: _Loop) -> _Step:
    avals = [v.aval for v in loop.body.inputs]
    avals += [loop.body.outputs[i].aval for i in loop.smooth_carry]
    avals += [loop.body.outputs[loop.num_carry + k].aval for k in loop.given_ys]
    step = _Step(loop.body, [])

    def both_ways(*args: Tensor) -> list[Tensor]:
        inputs = args[: len(loop.body.inputs)]
        cts = args[len(inputs) :]
        outs = inline(loop.body, inputs)
        step.forward_nodes = len(_current_graph().nodes)
        consts, carry, slices = loop.split(inputs)
        wrt = [consts[i] for i in loop.wanted_consts] + [carry[i] for i in loop.smooth_carry]
        wrt += [slices[j] for j in loop.wanted_xs]
        targets = [outs[i] for i in loop.smooth_carry] + [outs[loop.num_carry + k] for k in loop.given_ys]
        grads = [None if g is None else _value(g) for g in backward(targets, cts, wrt)]
        step.inputs, step.outputs = list(map(_value, inputs)), list(map(_value, outs))
        ct_values = list(map(_value, cts))
        step.carry_cts = ct_values[: len(loop.smooth_carry)]
        step.y_cts = ct_values[len(loop.smooth_carry) :]
        a, b = len(loop.wanted_consts), len(loop.wanted_consts) + len(loop.smooth_carry)
        step.const_grads, step.carry_grads, step.x_grads = grads[:a], grads[a:b], grads[b:]
        return [tensor_of(v) for v in grads if v is not None]

    traced = trace_body(both_ways, avals, f"{loop.body.name}, both ways")
    step.graph, step.captures = traced.graph, traced.captures
    _join_loops(step)
    return step


def _join_loops(step: _Step) -> None:
    """Have what the way back needs of loops within this one be stacked on the way forward."""
    joiner = LoopJoiner(step.graph)
    graph, new = joiner.graph, joiner.map
    forward = {new[v].node for node in step.forward for v in node.outputs}

    step.inputs, step.outputs = [new[v] for v in step.inputs], [new[v] for v in step.outputs]
    step.carry_cts, step.y_cts = [new[v] for v in step.carry_cts], [new[v] for v in step.y_cts]
    grads = (step.const_grads, step.carry_grads, step.x_grads)
    step.const_grads, step.carry_grads, step.x_grads = ([None if v is None else new[v] for v in g] for g in grads)
    step.graph, step.forward_nodes = graph, len(forward)


def _current_graph() -> Graph:
    trace = current_trace()
    if trace is None:
        raise TraceError("a loop's gradient: the traced function has ended.")
    return trace.graph


def _value(tensor: Tensor) -> Value:
    """The value of the graph that is being traced for ``tensor``."""
    return cast(Value, tensor.data)


def _invariant(loop: _Loop, step: _Step) -> set[Value]:
    """Forward values that are the same in all steps: the way back computes them anew rather than have them stacked."""
    known = {*step.capture_values, *loop.split(step.inputs)[0]}
    for node in step.forward:
        if all(v in known for v in node.inputs):
            known.update(node.outputs)
    return known


def _stack_residuals(loop: _Loop, step: _Step) -> Env:
    """What the way back uses of the way forward, stacked over the steps, by the value in one step."""
    _, carry, slices = loop.split(step.inputs)
    forward_values = {v for node in step.forward for v in node.outputs}.union(carry)
    invariant = _invariant(loop, step)
    stacks: Env = {}
    stacks.update(zip(step.y_cts, [c for k in loop.given_ys if (c := loop.y_cts[k]) is not None]))
    stacks.update(zip(step.outputs[loop.num_carry :], loop.ys))
    stacks.update(zip(slices, loop.xs))
    extra = []
    for value in _used(step.backward, [*step.const_grads, *step.carry_grads, *step.x_grads]):
        if value in forward_values and value not in invariant and value not in stacks and value not in extra:
            extra.append(value)
    if extra:
        stacks.update(zip(extra, _run_forward_again(loop, step, extra)))
    return stacks


def _used(nodes: Iterable[Node], values: Iterable[Value | None]) -> Iterable[Value]:
    for node in nodes:
        yield from node.inputs
    for value in values:
        if value is not None:
            yield value


def _run_forward_again(loop: _Loop, step: _Step, extra: list[Value]) -> list[Tensor]:
    """The stacked ``extra`` values, of a loop that runs once more and stacks them, too.

    The loop that is there stays as it is; in a traced function the two become one (`pronghorn.engine.graph.joining`).
    """

    def fn(*args: Tensor) -> list[Tensor]:
        env: Env = dict(zip(step.inputs, args))
        _replay(step.forward, env)
        return [env[v] for v in [*step.outputs, *extra]]

    body = trace_body(fn, [v.aval for v in step.inputs], loop.body.name).graph
    return list(P.scan(*loop.ctx.inputs, **{**loop.ctx.params, "body": body})[len(loop.ctx.outputs) :])


def _replay(nodes: Iterable[Node], env: Env) -> None:
    """Apply ``nodes`` to the values in ``env``."""
    for node in nodes:
        out = node.prim(*(env[v] for v in node.inputs), **node.params)
        env.update(zip(node.outputs, out if isinstance(out, tuple) else (out,)))


def _run_backward(loop: _Loop, step: _Step, stacks: Env) -> Gradients:
    emitted: list[Value] = []  # per-step values that the loop must stack for the products after it
    later = _Later(loop, step, stacks, emitted)
    deferred = [g is not None and later.plan(g) for g in step.const_grads]
    summed = [g for g, d in zip(step.const_grads, deferred) if g is not None and not d]
    ys = [g for g in step.x_grads if g is not None]
    ys += [v for v in emitted if v not in ys]
    roots = [*summed, *(g for g in step.carry_grads if g is not None), *ys]

    nodes = needed([*(n for n in step.forward if _is_invariant(n, later.invariant)), *step.backward], roots)
    used = set(_used(nodes, roots))
    shared = [v for v in [*step.capture_values, *step.inputs[: loop.num_consts]] if v in used]
    stacked = [v for v in stacks if v in used]
    num_carry = len(step.carry_cts)

    def fn(*args: Tensor) -> list[Tensor]:
        a, b, c = len(shared), len(shared) + num_carry, len(shared) + num_carry + len(summed)
        env: Env = dict(zip([*shared, *step.carry_cts], args))
        env.update(zip(stacked, args[c:]))
        _replay(nodes, env)
        carry = [zeros_like(t) if g is None else env[g] for g, t in zip(step.carry_grads, args[a:b])]
        sums = [P.add(total, env[g]) for g, total in zip(summed, args[b:c])]
        return [*carry, *sums, *(env[v] for v in ys)]

    inputs = [v.aval for v in [*shared, *step.carry_cts, *summed, *stacked]]
    body = trace_body(fn, inputs, f"gradient of {loop.body.name}")
    shared_values = dict(zip([*step.capture_values, *step.inputs[: loop.num_consts]], [*step.captures, *loop.consts]))
    start = [zeros_like(loop.init[i]) if loop.carry_cts[i] is None else loop.carry_cts[i] for i in loop.smooth_carry]
    found = P.scan(
        *body.captures,
        *(shared_values[v] for v in shared),
        *start,
        *(full(v.shape, v.dtype, 0) for v in summed),
        *(stacks[v] for v in stacked),
        body=body.graph,
        num_consts=len(body.captures) + len(shared),
        num_carry=num_carry + len(summed),
        length=loop.ctx.params["length"],
        reverse=not loop.ctx.params["reverse"],
    )
    carry_found, sums_found = found[:num_carry], list(found[num_carry : num_carry + len(summed)])
    later.stacks.update(zip(ys, found[num_carry + len(summed) :]))
    const_found = [
        None if g is None else later.build(g) if d else sums_found.pop(0) for g, d in zip(step.const_grads, deferred)
    ]
    x_found = [None if g is None else later.stacks[g] for g in step.x_grads]
    return _in_place(loop, const_found, carry_found, x_found)


def _in_place(
    loop: _Loop, consts: Sequence[Tensor | None], carry: Sequence[Tensor], xs: Sequence[Tensor | None]
) -> Gradients:
    gradients: list[Tensor | None] = [None] * len(loop.ctx.inputs)
    fixed = loop.num_consts + loop.num_carry
    places = [
        *loop.wanted_consts,
        *(loop.num_consts + i for i in loop.smooth_carry),
        *(fixed + j for j in loop.wanted_xs),
    ]
    for place, gradient in zip(places, [*consts, *carry, *xs]):
        gradients[place] = gradient
    return tuple(gradients)


def _is_invariant(node: Node, invariant: set[Value]) -> bool:
    return all(v in invariant for v in node.outputs)


def _is_zero(value: Value) -> bool:
    return value.node is not None and value.node.prim is P.constant and not value.node.params["value"].any()


class _Later:
    """Sums over all steps that are cheaper as one operation after the loop.

    ``plan`` says whether a step's share can be had from stacked values, and notes which are missing; ``build`` makes
    the sum when all of them are there.
    """

    def __init__(self, loop: _Loop, step: _Step, stacks: Env, emitted: list[Value]):
        self.stacks, self.emitted = dict(stacks), emitted
        self.invariant = _invariant(loop, step)
        self.own = {v for node in step.backward for v in node.outputs}.union(step.carry_cts)

    def plan(self, share: Value) -> bool:
        """Whether the sum of ``share`` over the steps can be built later."""
        before = len(self.emitted)
        possible = self._possible(share)
        if not possible:
            del self.emitted[before:]
        return possible

    def _possible(self, share: Value) -> bool:
        node = share.node
        if share not in self.own or node is None:
            return False
        if node.prim.name == "add":
            return all(self._possible(v) for v in node.inputs)
        if node.prim.name in ("transpose", "reshape") or (node.prim.name == "pad" and _is_zero(node.inputs[1])):
            return self._possible(node.inputs[0])
        if node.prim.name == "reduce_sum" or (node.prim.name == "dot_general" and not node.params["batch"][0]):
            return all(self._stackable(v) for v in node.inputs)
        return False

    def _stackable(self, value: Value) -> bool:
        if value in self.stacks or value in self.emitted:
            return True
        if value not in self.own:
            return False  # a weight: the same in all steps
        self.emitted.append(value)
        return True

    def build(self, share: Value) -> Tensor:
        """The sum of ``share`` over the steps."""
        node = cast(Node, share.node)
        if node.prim.name == "add":
            return P.add(*(self.build(v) for v in node.inputs))
        if node.prim.name in ("transpose", "reshape"):
            return node.prim(self.build(node.inputs[0]), **node.params)
        if node.prim.name == "pad":  # with zeros, whose sum is zero
            inner = self.build(node.inputs[0])
            return P.pad(inner, full((), inner.dtype, 0), **node.params)
        operands = [self.stacks[v] for v in node.inputs]
        if node.prim.name == "reduce_sum":
            return P.reduce_sum(operands[0], axes=(0, *(a + 1 for a in node.params["axes"])))
        x, y = node.params["contract"]
        contract = ((0, *(a + 1 for a in x)), (0, *(a + 1 for a in y)))
        return P.dot_general(*operands, contract=contract, batch=((), ()))
