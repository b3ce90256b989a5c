"""Loops and branches. Bodies of ONNX's see the names around them, so constants are not handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.export.onnx.lowering import Held, Lowering, held_type
from pronghorn.export.onnx.ops import Op, OpGraph, Tensor
from pronghorn.export.onnx.registry import lowers
from pronghorn.export.onnx.structure import flipped, whole_in_any_order


class _Body:
    """One of our subgraphs as the body of a loop or branch.

    Args:
        b: the lowering of the graph around it.
        graph: the subgraph.
        outer: values around it, for the leading inputs.
        label: what to call the others.
    """

    def __init__(self, b: Lowering, graph: Graph, outer: Sequence[Value], label: str):
        own = graph.inputs[len(outer) :]
        self.lowering = Lowering(graph, b.file, b, dict(zip(graph.inputs, outer)))
        self.inputs = [Tensor(b.file.names.fresh(f"{label}/in"), held_type(v.dtype), v.shape) for v in own]
        for value, tensor in zip(own, self.inputs):
            self.lowering.held_values[value] = Held(tensor.name, value.shape)
        self.lowering.run()

    def results(self, values: Sequence[Value], label: str) -> list[Tensor]:
        """Outputs for values: names of their own, made in the body."""
        tensors = []
        for v in values:
            name = self.lowering.file.names.fresh(f"{label}/out")
            self.lowering.ops.append(Op("Identity", [self.lowering.full(v)], [name]))
            tensors.append(Tensor(name, held_type(v.dtype), v.shape))
        return tensors


def _rename(b: Lowering, names: Sequence[str], values: Sequence[Value]) -> list[Held]:
    return [Held(name, v.shape) for name, v in zip(names, values)]


@lowers("scan")
def scan(b: Lowering, node: Node) -> list[Held]:
    consts, carried = node.params["num_consts"], node.params["num_carry"]
    outer, first = node.inputs[:consts], node.inputs[consts : consts + carried]
    sequences = node.inputs[consts + carried :]
    if node.params["length"] == 0:  # of which onnxruntime makes an error
        nothing = [b.op("Expand", b.scalar(0, v.dtype), b.file.vector(v.shape)) for v in node.outputs[carried:]]
        return [*(b.held(v) for v in first), *_rename(b, nothing, node.outputs[carried:])]
    body = _Body(b, node.params["body"], outer, "scan")
    outputs = body.results(node.params["body"].outputs, "scan")
    count = len(node.outputs)
    backwards = int(node.params["reverse"])
    start = [b.full(v) for v in first]
    if sequences:
        found = [_steps(b, v) for v in sequences]
        attributes: dict[str, Any] = {"body": OpGraph(body.inputs, body.lowering.ops, outputs)}
        attributes["num_scan_inputs"] = len(sequences)
        if any(axis for _, axis in found):
            attributes["scan_input_axes"] = tuple(axis for _, axis in found)
        if backwards:
            attributes["scan_input_directions"] = (1,) * len(sequences)
        if backwards and count > carried:
            attributes["scan_output_directions"] = (1,) * (count - carried)
        names = b.ops_of("Scan", [*start, *(name for name, _ in found)], count, **attributes)
        return _rename(b, names, node.outputs)
    names = _loop(b, b.file.extent(node.params["length"]), "", start, body, outputs, None)
    if backwards:
        names[carried:] = [flipped(b, n, [0]) for n in names[carried:]]
    return _rename(b, names, node.outputs)


def _steps(b: Lowering, value: Value) -> tuple[str, int]:
    """A sequence, and the axis along which its steps lie."""
    name, order = whole_in_any_order(b, value)
    axis = order.index(0)
    if [a for a in order if a] == list(range(1, len(order))):
        return name, axis
    return b.full(value), 0


def _loop(
    b: Lowering, most: str, go_on: str, start: list[str], body: _Body, outputs: list[Tensor], condition: str | None
) -> list[str]:
    """ONNX's Loop: at most so many steps, and while a condition holds."""
    number, was = b.file.names.fresh("loop/step"), b.file.names.fresh("loop/was")
    if condition is None:
        condition = b.file.names.fresh("loop/go_on")
        body.lowering.ops.append(Op("Identity", [was], [condition]))
    graph = OpGraph([Tensor(number, "int64", ()), Tensor(was, "bool", ()), *body.inputs], body.lowering.ops)
    graph.outputs = [Tensor(condition, "bool", ()), *outputs]
    steps = b.op("Squeeze", most, b.ints(0)) if most else ""
    return b.ops_of("Loop", [steps, go_on, *start], len(outputs), body=graph)


@lowers("while_loop")
def while_loop(b: Lowering, node: Node) -> list[Held]:
    """The condition is computed in front of the loop, and at the end of each step."""
    of_cond, of_body = node.params["num_cond_consts"], node.params["num_body_consts"]
    cond_consts, body_consts = node.inputs[:of_cond], node.inputs[of_cond : of_cond + of_body]
    carry = node.inputs[of_cond + of_body :]
    cond: Graph = node.params["cond"]
    start = [b.full(v) for v in carry]
    go_on = _inlined(b, b, cond, cond_consts, [Held(n, v.shape) for n, v in zip(start, carry)], b.ops)
    body = _Body(b, node.params["body"], body_consts, "while")
    outputs = body.results(node.params["body"].outputs, "while")
    again = _inlined(b, b, cond, cond_consts, [Held(t.name, t.shape) for t in outputs], body.lowering.ops)
    condition = b.file.names.fresh("while/go_on")
    body.lowering.ops.append(Op("Identity", [again], [condition]))
    return _rename(b, _loop(b, "", go_on, start, body, outputs, condition), node.outputs)


def _inlined(
    b: Lowering, around: Lowering, graph: Graph, outer: Sequence[Value], arguments: Sequence[Held], ops: list[Op]
) -> str:
    """Append a subgraph of one result to ``ops``; the result's name."""
    inner = Lowering(graph, b.file, around, dict(zip(graph.inputs, outer)))
    inner.held_values.update(zip(graph.inputs[len(outer) :], arguments))
    inner.run()
    result = inner.full(graph.outputs[0])
    ops += inner.ops
    return result


@lowers("cond")
def cond(b: Lowering, node: Node) -> list[Held]:
    pred, *operands = node.inputs
    branches: dict[str, Any] = {}
    for key, name in (("true", "then_branch"), ("false", "else_branch")):
        graph = node.params[key]
        body = _Body(b, graph, operands, name)
        outputs = body.results(graph.outputs, name)
        branches[name] = OpGraph([], body.lowering.ops, outputs)
    names = b.ops_of("If", [b.full(pred)], len(node.outputs), **branches)
    return _rename(b, names, node.outputs)
