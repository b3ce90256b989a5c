"""How one axis passes through each primitive: which axes of the operands belong to an axis of the result.

Along such an axis a result can be computed a part at a time, out of parts of its operands. A primitive without a rule
has none. Rules are written from the result back, which says more: of an operand that does not have the axis, that it is
needed whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pronghorn.engine.graph.dim import identical, product
from pronghorn.engine.graph.ir import Node

OperandAxes = tuple["int | None", ...]
"""For each operand its axis that belongs to the result's; None: the operand is needed whole."""

Rule = Callable[[Node, int], "OperandAxes | None"]
_RULES: dict[str, Rule] = {}


def operand_axes(node: Node, axis: int) -> OperandAxes | None:
    """For each operand of a node, which of its axes belongs to the result's ``axis``; None if none can."""
    if node.prim.elementwise:
        return (axis,) * len(node.inputs)
    rule = _RULES.get(node.prim.name)
    return rule(node, axis) if rule else None


def result_axis(node: Node, axes: Sequence[int | None]) -> int | None:
    """The axis of a node's result that belongs to these axes of its operands (None: any), if there is one."""
    if len(node.outputs) != 1:
        return None
    for axis in range(len(node.outputs[0].shape)):
        found = operand_axes(node, axis)
        if found is not None and all(given is None or given == wanted for given, wanted in zip(axes, found)):
            return axis
    return None


def summed_axes(node: Node, axes: Sequence[int | None]) -> OperandAxes | None:
    """The operands' axes that a node sums over, if they agree with ``axes``: the result is the sum of those of parts.

    None if it does not sum over them.
    """
    if node.prim.name == "reduce_sum":
        return (axes[0],) if axes[0] in node.params["axes"] else None
    if node.prim.name == "dot_general":
        for pair in zip(*node.params["contract"]):
            if all(given is None or given == own for given, own in zip(axes, pair)):
                return pair
    return None


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


@_rule("broadcast_in_dim")
def _broadcast_in_dim(node: Node, axis: int) -> OperandAxes | None:
    (x,), dims = node.inputs, node.params["dims"]
    if axis not in dims or identical(x.shape[dims.index(axis)], 1):
        return (None,)
    return (dims.index(axis),)


@_rule("reshape")
def _reshape(node: Node, axis: int) -> OperandAxes | None:
    """An axis that is kept whole: with the same extent, behind and before as many elements."""
    (x,), shape = node.inputs, node.outputs[0].shape
    for own, extent in enumerate(x.shape):
        before = identical(product(x.shape[:own]), product(shape[:axis]))
        if before and identical(extent, shape[axis]) and not identical(extent, 1):
            return (own,)
    return None


@_rule("transpose")
def _transpose(node: Node, axis: int) -> OperandAxes | None:
    return (node.params["perm"][axis],)


@_rule("slice")
def _slice(node: Node, axis: int) -> OperandAxes | None:
    if not identical(node.inputs[0].shape[axis], node.outputs[0].shape[axis]):
        return None
    return _untouched(node, axis, [a for a, step in enumerate(node.params["stride"]) if step != 1])


@_rule("reverse")
def _reverse(node: Node, axis: int) -> OperandAxes | None:
    return _untouched(node, axis, node.params["axes"])


@_rule("cumsum", "cumprod", "cummax", "cummin")
def _cumulative(node: Node, axis: int) -> OperandAxes | None:
    return _untouched(node, axis, (node.params["axis"],))


def _untouched(node: Node, axis: int, worked_on: Sequence[int]) -> OperandAxes | None:
    return None if axis in worked_on else (axis,)


@_rule("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or")
def _reduce(node: Node, axis: int) -> OperandAxes | None:
    kept = [a for a in range(len(node.inputs[0].shape)) if a not in node.params["axes"]]
    return (kept[axis],)


@_rule("argmax", "argmin")
def _arg_reduce(node: Node, axis: int) -> OperandAxes | None:
    return (axis + (axis >= node.params["axis"]),)


@_rule("concatenate")
def _concatenate(node: Node, axis: int) -> OperandAxes | None:
    return None if axis == node.params["axis"] else (axis,) * len(node.inputs)


@_rule("dot_general")
def _dot_general(node: Node, axis: int) -> OperandAxes | None:
    x, y = node.inputs
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    if axis < len(xb):
        return (xb[axis], yb[axis])
    free_x = [a for a in range(len(x.shape)) if a not in xc and a not in xb]
    free_y = [a for a in range(len(y.shape)) if a not in yc and a not in yb]
    axis -= len(xb)
    return (free_x[axis], None) if axis < len(free_x) else (None, free_y[axis - len(free_x)])
