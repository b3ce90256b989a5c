"""Stage *matrices*: a product with a matrix of quantized numbers that was cut into more axes uses the matrix itself.

A quantized layer of attention unpacks its kernel as a matrix, and cuts the matrix into heads for its product:

    x[batch, width] times W[width, heads * size] as [width, heads, size]  ->  (x times W) as [batch, heads, size]

Only the result is cut then, which costs nothing, and the product is one that reads packed numbers as they lie (see
`half_bytes`).
"""

from __future__ import annotations

from math import prod

from pronghorn.engine.compiler.half_bytes import is_made_of_bytes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter


def join_axes(graph: Graph) -> Graph:
    """``graph`` with such products."""
    return Rewriter(graph, {"dot_general": _joined}).run()


def _joined(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value] | None:
    if any(node.params["batch"]):
        return None
    for cut, other in ((1, 0), (0, 1)):
        matrix, contract = _matrix(inputs[cut]), node.params["contract"]
        axis = None if matrix is None else _summed_axis(inputs[cut].shape, matrix.shape, contract[cut])
        if (
            matrix is None
            or axis is None
            or not _are_neighbours(contract[other])
            or not is_made_of_bytes(matrix, set())
        ):
            continue
        operands, first = [matrix, matrix], contract[other][0]
        shape = inputs[other].shape
        joined = (*shape[:first], matrix.shape[axis], *shape[first + len(contract[other]) :])
        (operands[other],) = rw.add(P.reshape, [inputs[other]], {"shape": joined})
        summed = ((first,), (axis,)) if cut else ((axis,), (first,))
        (product,) = rw.add(node.prim, operands, {**node.params, "contract": summed})
        return rw.add(P.reshape, [product], {"shape": node.outputs[0].shape})
    return None


def _matrix(value: Value) -> Value | None:
    """The matrix that ``value`` is cut from, if it is."""
    node = value.node
    if node is None or node.prim is not P.reshape or len(value.shape) < 3 or len(node.inputs[0].shape) != 2:
        return None
    return node.inputs[0] if all(isinstance(extent, int) for extent in value.shape) else None


def _summed_axis(shape: Shape, matrix: Shape, contract: tuple[int, ...]) -> int | None:
    """Which axis of a matrix the summed axes of an array cut from it are, in order; None if they are none."""
    count, rank = len(contract), len(shape)
    if contract == tuple(range(count)) and prod(shape[:count]) == matrix[0]:
        return 0
    if contract == tuple(range(rank - count, rank)) and prod(shape[rank - count :]) == matrix[1]:
        return 1
    return None


def _are_neighbours(axes: tuple[int, ...]) -> bool:
    return bool(axes) and axes == tuple(range(axes[0], axes[0] + len(axes)))
