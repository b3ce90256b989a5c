"""Stage *sparse sums*: a large array of zeros to which a few rows are added is not written out.

The gradient of an embedding is such an array: as large as the table, and zero but for the rows that a batch has looked
up. Where it is only read element by element, as by an optimizer, it becomes an array of the few sums, and for each row
of the table the place of its sum, if it has one:

    scatter(zeros(rows, ...), indices, updates, mode="add") = take(sums, place)
    place = scatter(full(rows, count), indices, iota(count), mode="min")
    sums = scatter(zeros(count + 1, ...), take(place, indices), updates, mode="add")

The last of the sums is that of nothing: rows without updates have their place there. Every sum is taken in the order of
the updates, as before: no bit changes.
"""

from __future__ import annotations

import numpy as np

from pronghorn.compiler.costs import typical
from pronghorn.compiler.storing import is_zeros
from pronghorn.graph import dtypes
from pronghorn.graph import primitives as P
from pronghorn.graph.dim import Extent, Shape, product
from pronghorn.graph.ir import Graph, Node, Value
from pronghorn.graph.rewrite import Rewriter

LEAST_ROW = 8  # elements of a row, so that looking up its place is little beside reading it
LEAST_BYTES = 256 * 1024  # arrays below stay in the cache anyway


def sparse_sums(graph: Graph) -> Graph:
    """``graph`` with sparse sums in place of large arrays that hold few rows."""
    read_whole = set(graph.outputs)
    for node in graph.nodes:
        if not node.prim.elementwise:
            read_whole.update(node.inputs)

    def rule(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
        return _sparse(rw, inputs) if node.outputs[0] not in read_whole and _pays(node) else None

    return Rewriter(graph, {"scatter": rule}).run()


def _pays(node: Node) -> bool:
    zeros, indices, _ = node.inputs
    rows, row = zeros.shape[0], product(zeros.shape[1:])
    if node.params["mode"] != "add" or not is_zeros(zeros) or not isinstance(rows, int) or not isinstance(row, int):
        return False
    large = rows * row * dtypes.itemsize(zeros.dtype) >= LEAST_BYTES
    return large and row >= LEAST_ROW and 2 * typical(product(indices.shape)) <= rows


def _sparse(rw: Rewriter, inputs: list[Value]) -> list[Value]:
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
    return [add(P.take, sums, place, axis=0)]
