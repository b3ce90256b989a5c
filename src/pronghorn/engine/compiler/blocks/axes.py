"""The axes that blocks follow: those that pass as `graph.axes` says, through primitives of which a block can be made.

Other primitives end a region. An axis of one element is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.graph import axes as every
from pronghorn.engine.graph.axes import OperandAxes
from pronghorn.engine.graph.dim import identical
from pronghorn.engine.graph.ir import Node

__all__ = ["OperandAxes", "operand_axes", "result_axis", "summed_axes"]

_FOLLOWED = frozenset(
    {"broadcast_in_dim", "reshape", "transpose", "slice", "reverse", "concatenate", "dot_general"}
    | {"cumsum", "cumprod", "cummax", "cummin", "argmax", "argmin"}
    | {"reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or"}
)


def _is_followed(node: Node) -> bool:
    return node.prim.elementwise or node.prim.name in _FOLLOWED


def operand_axes(node: Node, axis: int) -> OperandAxes | None:
    """For each operand of a node, which of its axes belongs to the result's ``axis``; None if none can."""
    if node.prim.elementwise:
        return (axis,) * len(node.inputs)
    if node.prim.name not in _FOLLOWED:
        return None
    found = every.operand_axes(node, axis)
    return None if node.prim.name == "reshape" and identical(node.outputs[0].shape[axis], 1) else found


def result_axis(node: Node, axes: Sequence[int | None]) -> int | None:
    """The axis of a node's result that belongs to these axes of its operands (None: any), if there is one."""
    return every.result_axis(node, axes) if _is_followed(node) else None


def summed_axes(node: Node, axes: Sequence[int | None]) -> OperandAxes | None:
    """The operands' axes that a node sums over, if they agree with ``axes``; None if it does not."""
    return every.summed_axes(node, axes) if _is_followed(node) else None
