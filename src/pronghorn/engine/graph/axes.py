"""What is asked of the axes that pass a node (`graph.primitives.axes` has the rules of the primitives).

Along an axis that passes, a result can be computed a part at a time, out of parts of its operands. Answers are written
from the result back, which says more: of an operand that does not have the axis, that it is needed whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pronghorn.engine.graph.dim import identical
from pronghorn.engine.graph.ir import Node
from pronghorn.engine.graph.primitives.axes import AxisMap, OperandAxes

#: Parameters that say how long the axes of a result are: a part of it has others.
EXTENTS = frozenset({"shape", "limit", "sizes", "input_shape", "kernel_shape"})


class RowsMeet(Exception):
    """A value depends on more than one row, or on how many there are, where rows were to be computed apart."""


def axis_maps(node: Node) -> Iterator[AxisMap]:
    """The ways in which a node can be computed in parts."""
    return node.prim.axes(*(v.shape for v in node.inputs), **node.params)


def operand_axes(node: Node, axis: int) -> OperandAxes | None:
    """For each operand of a node, which of its axes belongs to the result's ``axis``; None if none can.

    An axis that a reshape splits or joins belongs to none.
    """
    if node.prim.elementwise:
        return (axis,) * len(node.inputs)
    for found in axis_maps(node):
        if found.result == axis and _keeps(node, found):
            return found.operands
    return None


def _keeps(node: Node, found: AxisMap) -> bool:
    """Whether the result is as long along the axis as the operand: of all primitives, only a reshape may change it."""
    if node.prim.name != "reshape":
        return True
    assert found.result is not None
    (own,) = found.operands
    return own is not None and identical(node.inputs[0].shape[own], node.outputs[0].shape[found.result])


def fits(found: AxisMap, axes: Sequence[int | None]) -> bool:
    """Whether a map takes the operands along these axes (None: any)."""
    for given, wanted in zip(axes, found.operands):  # noqa: SIM110 - asked often
        if given is not None and given != wanted:
            return False
    return True


def result_axis(node: Node, axes: Sequence[int | None]) -> int | None:
    """The axis of a node's results that belongs to these axes of its operands (None: any), if there is one."""
    if node.prim.elementwise:
        wanted = {axis for axis in axes if axis is not None} or {0}
        return wanted.pop() if len(wanted) == 1 and node.outputs[0].shape else None
    for found in axis_maps(node):
        if found.result is not None and fits(found, axes) and _keeps(node, found):
            return found.result
    return None


def summed_axes(node: Node, axes: Sequence[int | None]) -> OperandAxes | None:
    """The operands' axes that a node sums over, if they agree with ``axes``: the result is the sum of those of parts.

    None if it does not sum over them.
    """
    return next((found.operands for found in axis_maps(node) if found.joined == "add" and fits(found, axes)), None)
