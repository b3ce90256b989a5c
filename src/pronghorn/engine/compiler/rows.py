"""Whether the rows of a graph's batch meet: if none does, they may be computed in any groups, with the same bits.

Of every value it is known along which axis the rows of the batch lie (there may be a fixed number of steps of that axis
for each row, as after a reshape), or that it has none. How an axis passes a primitive, the primitive says
(`graph.primitives.axes`); here stand those that have graphs of their own. Where no axis passes, rows meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pronghorn.engine.graph.axes import RowsMeet, axis_maps, fits
from pronghorn.engine.graph.dim import BATCH, Dim, Extent, Shape
from pronghorn.engine.graph.ir import Graph, Node, Value

Axis = int | None
Rule = Callable[..., list[Axis]]  # rule(symbol, node, axes of the inputs, **params) -> axes of the outputs
_RULES: dict[str, Rule] = {}


def rows_apart(graph: Graph, symbol: str = BATCH) -> bool:
    """Whether row i of every output depends on row i of the inputs, and on what has no rows, alone.

    Args:
        graph: its inputs with rows, and all of its outputs, have them along axis 0.
        symbol: the name of the number of rows.

    >>> from pronghorn import ops
    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph.trace import trace
    >>> rows = [Aval((Dim.symbol("batch"), 3), "float32")]
    >>> rows_apart(trace(lambda x: [ops.softmax(x)], rows).graph)
    True
    >>> rows_apart(trace(lambda x: [x - ops.mean(x, axis=0)], rows).graph)
    False
    """
    try:
        axes = _through(graph, symbol, [_first_axis(v.shape, symbol) for v in graph.inputs])
    except RowsMeet:
        return False
    return all(axis == 0 and v.shape[0] == Dim.symbol(symbol) for axis, v in zip(axes, graph.outputs))


def row_axes(graph: Graph, symbol: str) -> dict[Value, Axis] | None:
    """Along which axis of each value of a graph its rows lie (None: it has none); None where rows meet.

    Args:
        graph: its inputs with rows have them along axis 0.
        symbol: the name of the number of rows.
    """
    try:
        return _axes(graph, symbol, [_first_axis(v.shape, symbol) for v in graph.inputs])
    except RowsMeet:
        return None


def _first_axis(shape: Shape, symbol: str) -> Axis:
    if not _depends(shape, symbol):
        return None
    if shape[0] != Dim.symbol(symbol):
        raise RowsMeet
    return 0


def _through(graph: Graph, symbol: str, inputs: Sequence[Axis]) -> list[Axis]:
    """Where the rows of a graph's outputs lie, given where those of its inputs do."""
    known = _axes(graph, symbol, inputs)
    return [known[v] for v in graph.outputs]


def _axes(graph: Graph, symbol: str, inputs: Sequence[Axis]) -> dict[Value, Axis]:
    """The same for all values."""
    known: dict[Value, Axis] = dict(zip(graph.inputs, inputs))
    for value, axis in known.items():
        _check(value, axis, symbol)
    for node in graph.nodes:
        axes = [known[v] for v in node.inputs]
        for value, axis in zip(node.outputs, _of_node(symbol, node, axes)):
            _check(value, axis, symbol)
            known[value] = axis
    return known


def _of_node(symbol: str, node: Node, axes: list[Axis]) -> list[Axis]:
    if node.prim.elementwise:
        return [_agreed(axes)] * len(node.outputs)
    rule = _RULES.get(node.prim.name)
    if rule is not None:
        return rule(symbol, node, axes, **node.params)
    shape = node.outputs[0].shape
    for found in axis_maps(node):
        if found.result is not None and fits(found, axes) and _depends((shape[found.result],), symbol):
            return [found.result] * len(node.outputs)
    _need(all(axis is None for axis in axes))
    return [None] * len(node.outputs)  # that no extent depends on the rows is checked for every value


def _check(value: Value, axis: Axis, symbol: str) -> None:
    """Raise unless the number of rows is a factor of the extent along ``axis``, and of no other."""
    for i, extent in enumerate(value.shape):
        if _depends((extent,), symbol) != (i == axis):
            raise RowsMeet
        if i == axis and (not isinstance(extent, Dim) or list(extent.terms) != [(symbol,)]):
            raise RowsMeet


def _depends(shape: Shape, symbol: str) -> bool:
    return any(isinstance(extent, Dim) and symbol in extent.symbols for extent in shape)


def _agreed(axes: Sequence[Axis]) -> Axis:
    """The axis of operands that are combined element by element."""
    found = {axis for axis in axes if axis is not None}
    if len(found) > 1:
        raise RowsMeet
    return found.pop() if found else None


def _need(condition: bool) -> None:
    if not condition:
        raise RowsMeet


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


@_rule("extent")
def _extent(symbol: str, node: Node, axes: list[Axis], *, dim: Extent) -> list[Axis]:
    _need(not _depends((dim,), symbol))
    return [None]


# -- control flow -----------------------------------------------------------------------------------------------------
@_rule("scan")
def _scan(
    symbol: str, node: Node, axes: list[Axis], *, body: Graph, num_consts: int, num_carry: int, **params: Any
) -> list[Axis]:
    fixed = num_consts + num_carry
    _need(0 not in axes[fixed:] and not _depends((params["length"],), symbol))
    slices = [None if axis is None else axis - 1 for axis in axes[fixed:]]
    outputs = _through(body, symbol, [*axes[:fixed], *slices])
    carry, stacked = outputs[:num_carry], outputs[num_carry:]
    _need(carry == axes[num_consts:fixed])
    return [*carry, *(None if axis is None else axis + 1 for axis in stacked)]


@_rule("while_loop")
def _while_loop(
    symbol: str,
    node: Node,
    axes: list[Axis],
    *,
    cond: Graph,
    body: Graph,
    num_cond_consts: int,
    num_body_consts: int,
) -> list[Axis]:
    before = num_cond_consts + num_body_consts
    carry = axes[before:]
    _through(cond, symbol, [*axes[:num_cond_consts], *carry])
    _need(_through(body, symbol, [*axes[num_cond_consts:before], *carry]) == carry)
    return carry


@_rule("cond")
def _cond(symbol: str, node: Node, axes: list[Axis], *, true: Graph, false: Graph) -> list[Axis]:
    outputs = _through(true, symbol, axes[1:])
    _need(outputs == _through(false, symbol, axes[1:]))
    return outputs


@_rule("custom_vjp")
def _custom_vjp(
    symbol: str, node: Node, axes: list[Axis], *, num_args: int, num_outs: int, **params: Any
) -> list[Axis]:
    return axes[num_args : num_args + num_outs]
