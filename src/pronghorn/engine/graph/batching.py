"""A graph of one element as the computation of many at once: every primitive gets one more, leading axis.

`batched` goes through the nodes of a graph and applies each primitive to whole batches. What does not depend on the
elements is computed once. Most primitives do the same along one more axis (`graph.primitives.axes` says which); those
whose operands have the axis in several ways have a rule here, which is itself written in primitives. For the rest, such
as loops, `NotBatched` is raised, and the caller goes over the elements one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape, product
from pronghorn.engine.graph.ir import Graph, Value
from pronghorn.engine.graph.tensor import Tensor, tensor_of


class NotBatched(NotImplementedError):
    """There is no rule for a primitive, or none for operands that depend on the elements as these do."""


class Operand(NamedTuple):
    """A node's operand: ``many`` tells whether it has the leading axis, or is the same for all elements."""

    tensor: Tensor
    many: bool


Rule = Callable[..., Any]  # rule(size, operands, **params) -> results with the leading axis
_RULES: dict[str, Rule] = {}


def batched(graph: Graph, inputs: Sequence[Tensor], many: Sequence[bool], size: Extent) -> list[Tensor]:
    """The results of ``graph`` for ``size`` elements, each with a leading axis.

    Args:
        graph: what is computed of one element.
        inputs: for each input of the graph, an array for each element along axis 0, or one for all.
        many: which of the two.
        size: the number of elements.

    Raises:
        NotBatched: if there is no rule for one of the primitives.
    """
    known: dict[Value, Operand] = {v: Operand(x, m) for v, x, m in zip(graph.inputs, inputs, many)}
    for node in graph.nodes:
        operands = [known[v] for v in node.inputs]
        depends = any(operand.many for operand in operands)
        if not depends:
            out = node.prim(*(operand.tensor for operand in operands), **node.params)
        elif node.prim.elementwise:
            out = node.prim(*(_each(operand, size) for operand in operands), **node.params)
        elif node.prim.name in _RULES:
            out = _RULES[node.prim.name](size, operands, **node.params)
        else:
            out = _along_one_more(node.prim, size, operands, node.params)
        for value, tensor in zip(node.outputs, out if isinstance(out, tuple) else (out,)):
            known[value] = Operand(tensor, depends)
    return [_each(known[v], size) for v in graph.outputs]


def _each(operand: Operand, size: Extent) -> Tensor:
    """The operand with the leading axis."""
    x = operand.tensor
    if operand.many:
        return x
    return P.broadcast_in_dim(x, shape=(size, *x.shape), dims=tuple(range(1, x.ndim + 1)))


def _along_one_more(prim: P.Primitive, size: Extent, operands: Sequence[Operand], params: dict[str, Any]) -> Any:
    """A primitive that does the same to each element along one more axis, as its rule for axes says."""
    shapes = [(size, *(x.tensor.shape[1:] if x.many else x.tensor.shape)) for x in operands]
    params = {**params, **{name: more(params[name], size) for name, more in _WITH_ONE_MORE.items() if name in params}}
    found = next((m.operands for m in prim.axes(*shapes, **params) if m.result == 0), None)
    if found is None:
        raise NotBatched(f"{prim.name} has no rule.")
    if any(x.many and axis is None for x, axis in zip(operands, found)):
        raise NotBatched(f"{prim.name}: not all of its operands may differ from element to element.")
    return prim(*(x.tensor if axis is None else _each(x, size) for x, axis in zip(operands, found)), **params)


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _only_first(name: str, operands: Sequence[Operand]) -> Tensor:
    """The first operand, where it alone depends on the elements."""
    if not operands[0].many or any(operand.many for operand in operands[1:]):
        raise NotBatched(f"{name}: only its first operand may differ from element to element.")
    return operands[0].tensor


def _next(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def _behind(first: Any) -> Callable[[Any, Extent], Any]:
    return lambda value, size: (first, *value)


#: Parameters of primitives that have a rule for axes, with one more axis before the others.
_WITH_ONE_MORE: dict[str, Callable[[Any, Extent], Any]] = {
    **dict.fromkeys(("shape", "limit", "input_shape"), lambda value, size: (size, *value)),
    **dict.fromkeys(("start", "low", "high", "interior"), _behind(0)),
    **dict.fromkeys(("stride", "window", "strides", "dilation"), _behind(1)),
    **dict.fromkeys(("perm", "dims"), lambda value, size: (0, *_next(value))),
    "padding": _behind((0, 0)),
    "axes": lambda value, size: _next(value),
    "axis": lambda value, size: value + 1,
}


def _to_front(x: Tensor, axis: int) -> Tensor:
    if axis == 0:
        return x
    return P.transpose(x, perm=(axis, *(i for i in range(x.ndim) if i != axis)))


# -- what has rules of its own: operands that may depend on the elements or not ---------------------------------------
@_rule("dynamic_slice")
def _dynamic_slice(size: Extent, operands: Sequence[Operand], *, sizes: Shape) -> Tensor:
    x, starts = operands[0], operands[1:]
    if not any(start.many for start in starts):
        first = tensor_of(np.asarray(0, np.int32))
        return P.dynamic_slice(x.tensor, first, *(start.tensor for start in starts), sizes=(size, *sizes))
    # Each element starts elsewhere: a gather from the flattened array.
    extents = x.tensor.shape[1:] if x.many else x.tensor.shape
    if not all(isinstance(n, int) for n in (*extents, *sizes)):
        raise NotBatched("dynamic_slice: its extents are not known.")
    shape = (size, *sizes)
    place = P.mul(P.iota(shape=shape, dtype="int32", axis=0), math.prod(extents) if x.many else 0)
    for axis, (start, extent, part) in enumerate(zip(starts, extents, sizes)):
        last = P.min(P.max(P.cast(_each(start, size), dtype="int32"), 0), extent - part)
        here = P.add(
            P.broadcast_in_dim(last, shape=shape, dims=(0,)), P.iota(shape=shape, dtype="int32", axis=axis + 1)
        )
        place = P.add(place, P.mul(here, math.prod(extents[axis + 1 :])))
    return P.take(P.reshape(x.tensor, shape=(product(x.tensor.shape),)), place, axis=0)


@_rule("dynamic_update_slice")
def _dynamic_update_slice(size: Extent, operands: Sequence[Operand]) -> Tensor:
    if any(start.many for start in operands[2:]):
        raise NotBatched("dynamic_update_slice: its starts may not differ from element to element.")
    x, update = (_each(operand, size) for operand in operands[:2])
    first = tensor_of(np.asarray(0, np.int32))
    return P.dynamic_update_slice(x, update, first, *(start.tensor for start in operands[2:]))


# -- contractions -----------------------------------------------------------------------------------------------------
@_rule("dot_general")
def _dot_general(size: Extent, operands: Sequence[Operand], *, contract: tuple, batch: tuple) -> Tensor:
    x, y = operands
    xc, yc = (_next(axes) if o.many else tuple(axes) for axes, o in zip(contract, operands))
    xb, yb = (_next(axes) if o.many else tuple(axes) for axes, o in zip(batch, operands))
    if x.many and y.many:
        return P.dot_general(x.tensor, y.tensor, contract=(xc, yc), batch=((0, *xb), (0, *yb)))
    out = P.dot_general(x.tensor, y.tensor, contract=(xc, yc), batch=(xb, yb))
    free = x.tensor.ndim - len(xc) - len(xb)  # the elements are the first free axis of the operand that has them
    return _to_front(out, len(xb) if x.many else len(xb) + free)


@_rule("conv")
def _conv(size: Extent, operands: Sequence[Operand], **params: Any) -> Tensor:
    x = _only_first("conv", operands)
    images = P.reshape(x, shape=(size * x.shape[1], *x.shape[2:]))
    out = P.conv(images, operands[1].tensor, **params)
    return P.reshape(out, shape=(*x.shape[:2], *out.shape[1:]))


@_rule("conv_input_grad")
def _conv_input_grad(size: Extent, operands: Sequence[Operand], *, input_shape: Shape, **params: Any) -> Tensor:
    g = _only_first("conv_input_grad", operands)
    images = P.reshape(g, shape=(size * g.shape[1], *g.shape[2:]))
    shape = (size * input_shape[0], *input_shape[1:])
    out = P.conv_input_grad(images, operands[1].tensor, input_shape=shape, **params)
    return P.reshape(out, shape=(size, *input_shape))


# -- indexing ---------------------------------------------------------------------------------------------------------
@_rule("take")
def _take(size: Extent, operands: Sequence[Operand], *, axis: int) -> Tensor:
    x, indices = operands
    if not indices.many:
        return P.take(x.tensor, indices.tensor, axis=axis + 1)
    if not x.many:
        return _to_front(P.take(x.tensor, indices.tensor, axis=axis), axis)
    # The rows of all elements below one another; each element's indices are moved to its own.
    own = P.transpose(x.tensor, perm=(0, axis + 1, *(i for i in range(1, x.tensor.ndim) if i != axis + 1)))
    count, rest = own.shape[1], own.shape[2:]
    rows = _own_rows(indices.tensor, _limited(indices.tensor, count), count)
    out = P.take(P.reshape(own, shape=(size * count, *rest)), rows, axis=0)
    places = tuple(range(1, indices.tensor.ndim))
    others = tuple(range(indices.tensor.ndim, out.ndim))
    return P.transpose(out, perm=(0, *others[:axis], *places, *others[axis:]))


def _number(extent: Extent, like: Tensor) -> Tensor:
    """An extent as an array of ``like``'s shape."""
    scalar = tensor_of(np.asarray(extent, np.int32)) if isinstance(extent, int) else P.extent(dim=extent)
    return P.broadcast_in_dim(scalar, shape=like.shape, dims=())


def _limited(indices: Tensor, count: Extent) -> Tensor:
    indices = P.cast(indices, dtype="int32")
    return P.max(P.min(indices, P.sub(_number(count, indices), 1)), 0)


def _own_rows(like: Tensor, rows: Tensor, count: Extent) -> Tensor:
    element = P.iota(shape=like.shape, dtype="int32", axis=0)
    return P.add(P.mul(element, _number(count, rows)), rows)


@_rule("scatter")
def _scatter(size: Extent, operands: Sequence[Operand], *, mode: str) -> Tensor:
    x, indices, updates = (_each(operand, size) for operand in operands)
    count, rest = x.shape[1], x.shape[2:]
    rows = P.cast(indices, dtype="int32")
    inside = P.and_(P.ge(rows, 0), P.lt(rows, _number(count, rows)))
    beyond = _number(size * count, rows)  # what is out of range is dropped, and must not land in the next element
    rows = P.select(inside, _own_rows(rows, rows, count), beyond)
    out = P.scatter(P.reshape(x, shape=(size * count, *rest)), rows, updates, mode=mode)
    return P.reshape(out, shape=x.shape)
