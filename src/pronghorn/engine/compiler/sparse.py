"""Stage *sparse sums*: a large array of zeros to which a few rows are added is not written out.

The gradient of an embedding is such an array: as large as the table, and zero but for the rows that a batch has looked
up. Where it is only read element by element, as by an optimizer, it becomes an array of the few sums, and for each row
of the table the place of its sum, if it has one:

    scatter(zeros(rows, ...), indices, updates, mode="add") = take(sums, place)
    place = scatter(full(rows, count), indices, iota(count), mode="min")
    sums = scatter(zeros(count + 1, ...), take(place, indices), updates, mode="add")

The last of the sums is that of nothing: rows without updates have their place there. Every sum is taken in the order of
the updates, as before: no bit changes.

Where all that becomes of it is that an input plus or minus some numbers times it is the input's new value, as in plain
gradient descent, the other rows are not even looked at: they stay as they are. (A number that is not finite, such as a
learning rate or what gradients are clipped with whose norm is NaN, would have made NaN of them.)

    x - scatter(zeros(rows, ...), indices, updates, mode="add") * c = scatter(x, indices, rows, mode="set")
    rows = take(x, indices) - take(sums, take(place, indices)) * c
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from pronghorn.engine.compiler.costs import LEAST_SPARSE_BYTES, LEAST_SPARSE_ROW, typical
from pronghorn.engine.compiler.storing import is_zeros
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape, product
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter


def sparse_sums(graph: Graph) -> Graph:
    """``graph`` with sparse sums in place of large arrays that hold few rows."""
    return _Sparse(graph).run() if any(n.prim is P.scatter and _pays(n) for n in graph.nodes) else graph


@dataclass
class _Sums:
    """A few rows of an array whose others are 0.

    Attributes:
        indices: which rows there were updates for, maybe repeatedly.
        inside: which of these are rows of the array.
        own: for each of them the place of its sum.
        sums: the sums.
    """

    indices: Value
    inside: Value
    own: Value
    sums: Value


class _Sparse(Rewriter):
    def __init__(self, graph: Graph):
        super().__init__(graph, {"scatter": _scatter, "sub": _changed, "add": _changed})
        self.found: dict[Value, _Sums] = {}  # by the array, in the new graph
        self.outputs = set(graph.outputs)
        self.read_whole = self.outputs.copy()
        for node in graph.nodes:
            if not node.prim.elementwise:
                self.read_whole.update(node.inputs)

    def subgraph(self, graph: Graph) -> Graph:
        return sparse_sums(graph)


def _scatter(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    assert isinstance(rw, _Sparse)
    return _sparse(rw, inputs) if node.outputs[0] not in rw.read_whole and _pays(node) else None


def _changed(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    """An input's new value, of which few rows change."""
    assert isinstance(rw, _Sparse)
    x, change = inputs
    steps = _steps_from(rw.found, change) if node.outputs[0] in rw.outputs and x in rw.graph.inputs else None
    if steps is None:
        return None
    whole, factors = steps
    few = rw.found[whole]
    (count,), row = few.indices.shape, x.shape[1:]

    def chosen(array: Value, places: Value) -> Value:
        """Rows of an array; those of indices that are none are left out at last."""
        [nothing] = rw.add(P.constant, [], {"value": np.asarray(0, dtypes.to_numpy(places.dtype))})
        [first] = rw.add(P.broadcast_in_dim, [nothing], {"shape": (count,), "dims": ()})
        [within] = rw.add(P.select, [few.inside, places, first], {})
        return rw.add(P.take, [array, within], {"axis": 0})[0]

    value = chosen(few.sums, few.own)
    for step in reversed(factors):
        numbers = [v.node.inputs[0] for v in step.inputs if v.node is not None and _is_number(v)]
        spread = [rw.add(P.broadcast_in_dim, [n], {"shape": (count, *row), "dims": ()})[0] for n in numbers]
        [value] = rw.add(step.prim, [spread[0], value] if _is_number(step.inputs[0]) else [value, *spread], {})
    [value] = rw.add(node.prim, [chosen(x, few.indices), value], {})
    return rw.add(P.scatter, [x, few.indices, value], {"mode": "set"})


def _steps_from(found: Container[Value], value: Value) -> tuple[Value, list[Node]] | None:
    """A sparse array that a value is made of by numbers alone, and the nodes that do, the last one first."""
    steps: list[Node] = []
    while value not in found:
        node = value.node
        if node is None or node.prim.name not in ("mul", "div", "neg"):
            return None
        steps.append(node)
        arrays = [v for v in node.inputs if not _is_number(v)]
        if len(arrays) != 1 or (node.prim.name == "div" and arrays[0] is not node.inputs[0]):
            return None
        [value] = arrays
    return value, steps


def _is_number(value: Value) -> bool:
    """Whether a value is one number, everywhere."""
    node = value.node
    return node is not None and node.prim is P.broadcast_in_dim and node.inputs[0].shape == ()


def _pays(node: Node) -> bool:
    zeros, indices, _ = node.inputs
    rows, row = zeros.shape[0], product(zeros.shape[1:])
    if node.params["mode"] != "add" or not is_zeros(zeros) or not isinstance(rows, int) or not isinstance(row, int):
        return False
    large = rows * row * dtypes.itemsize(zeros.dtype) >= LEAST_SPARSE_BYTES
    return large and row >= LEAST_SPARSE_ROW and 2 * typical(product(indices.shape)) <= rows


def _sparse(rw: _Sparse, inputs: list[Value]) -> list[Value]:
    zeros, indices, updates = inputs
    (rows, *row), count = zeros.shape, product(indices.shape)

    def add(prim: P.Primitive, *operands: Value, **params: object) -> Value:
        return rw.add(prim, list(operands), params)[0]

    def full(extent: Extent, dtype: str, shape: Shape) -> Value:
        if isinstance(extent, int):
            number = add(P.constant, value=np.asarray(extent, dtypes.to_numpy(dtype)))
        else:
            number = add(P.cast, add(P.extent, dim=extent), dtype=dtype)
        return add(P.broadcast_in_dim, number, shape=shape, dims=())

    indices = add(P.cast, add(P.reshape, indices, shape=(count,)), dtype="int64")
    updates = add(P.reshape, updates, shape=(count, *row))
    order = add(P.iota, shape=(count,), dtype="int32", axis=0)
    place = add(P.scatter, full(count, "int32", (rows,)), indices, order, mode="min")
    # an update whose index is out of range is dropped, as before
    at_least = add(P.ge, indices, full(0, "int64", (count,)))
    below = add(P.lt, indices, full(rows, "int64", (count,)))
    inside = add(P.and_, at_least, below)
    own = add(P.select, inside, add(P.take, place, indices, axis=0), full(count + 1, "int32", (count,)))
    sums = add(P.scatter, full(0, zeros.dtype, (count + 1, *row)), own, updates, mode="add")
    whole = add(P.take, sums, place, axis=0)
    rw.found[whole] = _Sums(indices, inside, own, sums)
    return [whole]
