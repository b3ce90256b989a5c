"""How axes pass the primitives: for each axis of operands and results, what may be done along it in parts.

A rule takes the operands' shapes and the parameters, as the rule for types does, and yields an `AxisMap` for each way
in which the primitive can be computed in parts. It claims only what holds for every number; along an axis that no map
names, elements meet or move. The compiler (blocks, rows), `graph.batching` and `distribution.partition` read these
rules, through `pronghorn.engine.graph.axes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pronghorn.engine.graph.dim import Shape, identical, product

OperandAxes = tuple["int | None", ...]
"""For each operand its axis that belongs to a part; None: every part needs all of it."""


class AxisMap(NamedTuple):
    """A way to compute a primitive in parts: the operands are cut along these axes into equally many parts, in order.

    Attributes:
        operands: the axis of each operand; None: every part needs all of it.
        result: the axis along which the results of the parts, one after the other, are the result (of several results,
            each); None where parts are joined element by element.
        joined: the name of the primitive that joins the parts then, such as ``"add"`` for a sum.
    """

    operands: OperandAxes
    result: int | None
    joined: str = ""


AxisRule = Callable[..., Iterator[AxisMap]]
"""``rule(*shapes, **params)`` yields maps; of several to one axis of the result, the first is taken."""


def elementwise(*shapes: Shape, **params: Any) -> Iterator[AxisMap]:
    """Every axis by itself."""
    return (AxisMap((axis,) * len(shapes), axis) for axis in range(len(shapes[0])))


def none(*shapes: Shape, **params: Any) -> Iterator[AxisMap]:
    """No axis: an element depends on its place in the whole, or nothing is known."""
    return iter(())


def of_graphs(*shapes: Shape, **params: Any) -> Iterator[AxisMap]:
    """What its graphs say: whoever asks goes through these."""
    return iter(())


def _beside(shape: Shape, axes: Sequence[int]) -> list[int]:
    return [axis for axis in range(len(shape)) if axis not in axes]


# -- structure --------------------------------------------------------------------------------------------------------
def iota(*, shape: Shape, axis: int, **params: Any) -> Iterator[AxisMap]:
    """Every axis but that which is numbered."""
    return (AxisMap((), own) for own in _beside(shape, (axis,)))


def broadcast_in_dim(x: Shape, *, shape: Shape, dims: tuple[int, ...]) -> Iterator[AxisMap]:
    """Every axis; for new ones and those that grow, the operand is needed whole."""
    for axis, extent in enumerate(shape):
        is_kept = axis in dims and identical(x[dims.index(axis)], extent)
        yield AxisMap((dims.index(axis) if is_kept else None,), axis)


def reshape(x: Shape, *, shape: Shape) -> Iterator[AxisMap]:
    """Axes with equally many elements before them; of one there may be several steps to a step of the other."""
    before = [product(shape[:axis]) for axis in range(len(shape))]
    for own in range(len(x)):
        first = product(x[:own])
        yield from (AxisMap((own,), axis) for axis, other in enumerate(before) if identical(first, other))


def transpose(x: Shape, *, perm: tuple[int, ...]) -> Iterator[AxisMap]:
    """Every axis, at its new place."""
    return (AxisMap((own,), axis) for axis, own in enumerate(perm))


def reverse(x: Shape, *, axes: tuple[int, ...]) -> Iterator[AxisMap]:
    """Every axis but those that are turned round."""
    return (AxisMap((axis,), axis) for axis in _beside(x, axes))


def cut(x: Shape, *, start: Shape, limit: Shape, stride: tuple[int, ...]) -> Iterator[AxisMap]:
    """Axes that are kept from end to end."""
    for axis, extent in enumerate(x):
        if stride[axis] == 1 and identical(start[axis], 0) and identical(limit[axis], extent):
            yield AxisMap((axis,), axis)


def pad(x: Shape, fill: Shape, *, low: Any, high: Any, interior: Any) -> Iterator[AxisMap]:
    """Axes without a border; the fill is needed whole."""
    for axis, borders in enumerate(zip(low, high, interior)):
        if all(identical(border, 0) for border in borders):
            yield AxisMap((axis, None), axis)


def concatenate(*shapes: Shape, axis: int) -> Iterator[AxisMap]:
    """Every axis but that along which operands are joined."""
    return (AxisMap((own,) * len(shapes), own) for own in _beside(shapes[0], (axis,)))


def dynamic_slice(x: Shape, *starts: Shape, sizes: Shape) -> Iterator[AxisMap]:
    """Axes that are kept from end to end; starts are needed whole."""
    whole = (None,) * len(starts)
    return (AxisMap((axis, *whole), axis) for axis, size in enumerate(sizes) if identical(size, x[axis]))


def dynamic_update_slice(x: Shape, update: Shape, *starts: Shape) -> Iterator[AxisMap]:
    """Axes along which the update is as long as what it goes into; starts are needed whole."""
    whole = (None,) * len(starts)
    return (AxisMap((axis, axis, *whole), axis) for axis, size in enumerate(update) if identical(size, x[axis]))


# -- reductions -------------------------------------------------------------------------------------------------------
def reduction(joined: str) -> AxisRule:
    """A reduction whose parts are joined by a primitive."""

    def rule(x: Shape, *, axes: tuple[int, ...]) -> Iterator[AxisMap]:
        """Axes that stay, and those that are reduced: of their parts, the results reduced in the same way."""
        yield from (AxisMap((own,), axis) for axis, own in enumerate(_beside(x, axes)))
        yield from (AxisMap((own,), None, joined) for own in axes)

    return rule


def position(x: Shape, *, axis: int) -> Iterator[AxisMap]:
    """Every axis but that which is searched."""
    return (AxisMap((own,), result) for result, own in enumerate(_beside(x, (axis,))))


def along_one(*shapes: Shape, axis: int, **params: Any) -> Iterator[AxisMap]:
    """Every axis but that along which elements are added up or sorted."""
    return (AxisMap((own,) * len(shapes), own) for own in _beside(shapes[0], (axis,)))


# -- contractions -----------------------------------------------------------------------------------------------------
def dot_general(x: Shape, y: Shape, *, contract: tuple, batch: tuple) -> Iterator[AxisMap]:
    """Batch axes, the free axes of one operand, and axes that are summed over: of these parts, the sum."""
    (xc, yc), (xb, yb) = contract, batch
    axes: list[OperandAxes] = [*zip(xb, yb)]
    axes += [(own, None) for own in _beside(x, (*xb, *xc))]
    axes += [(None, own) for own in _beside(y, (*yb, *yc))]
    yield from (AxisMap(own, axis) for axis, own in enumerate(axes))
    yield from (AxisMap(pair, None, "add") for pair in zip(xc, yc))


def _of_images(kernel: Shape, strides: tuple, padding: tuple) -> Iterator[AxisMap]:
    """Images, and the spatial axes along which a kernel has one element and stays inside."""
    yield AxisMap((0, None), 0)
    for axis, of_axis in enumerate(zip(kernel, strides, padding), 1):
        if of_axis == (1, 1, (0, 0)):
            yield AxisMap((axis, None), axis)


def conv(x: Shape, w: Shape, *, strides: tuple, padding: tuple, groups: int, **params: Any) -> Iterator[AxisMap]:
    """Images, output channels, and input channels: of these, the sum."""
    last = len(x) - 1
    yield from _of_images(w, strides, padding)
    if groups == 1:
        yield AxisMap((None, last), last)
        yield AxisMap((last, last - 1), None, "add")


def conv_input_grad(
    g: Shape, w: Shape, *, strides: tuple, padding: tuple, groups: int, **params: Any
) -> Iterator[AxisMap]:
    """Images, input channels, and output channels: of these, the sum."""
    last = len(g) - 1
    yield from _of_images(w, strides, padding)
    if groups == 1:
        yield AxisMap((None, last - 1), last)
        yield AxisMap((last, last), None, "add")


def conv_filter_grad(x: Shape, g: Shape, *, groups: int, **params: Any) -> Iterator[AxisMap]:
    """Channels of either operand, and images: of these, the sum."""
    last = len(x) - 1
    if groups == 1:
        yield AxisMap((last, None), last - 1)
        yield AxisMap((None, last), last)
    yield AxisMap((0, 0), None, "add")


# -- windows ----------------------------------------------------------------------------------------------------------
def window(*shapes: Shape, window: tuple, strides: tuple, padding: tuple, **params: Any) -> Iterator[AxisMap]:
    """Axes along which windows have one element."""
    for axis, of_axis in enumerate(zip(window, strides, padding)):
        if of_axis == (1, 1, (0, 0)):
            yield AxisMap((axis,) * len(shapes), axis)


# -- indexing ---------------------------------------------------------------------------------------------------------
def take(x: Shape, indices: Shape, *, axis: int) -> Iterator[AxisMap]:
    """Axes of the indices, and those of the operand but that which is indexed."""
    yield from (AxisMap((own, None), own) for own in range(axis))
    yield from (AxisMap((None, own), axis + own) for own in range(len(indices)))
    yield from (AxisMap((own, None), own - 1 + len(indices)) for own in range(axis + 1, len(x)))


def scatter(x: Shape, indices: Shape, updates: Shape, *, mode: str) -> Iterator[AxisMap]:
    """Axes of what is written, behind the first; indices are needed whole."""
    return (AxisMap((own, None, own - 1 + len(indices)), own) for own in range(1, len(x)))


# -- matrices ---------------------------------------------------------------------------------------------------------
def matrices(*shapes: Shape, **params: Any) -> Iterator[AxisMap]:
    """The axes before those of the matrices."""
    return (AxisMap((axis,) * len(shapes), axis) for axis in range(len(shapes[0]) - 2))


def triangular_solve(a: Shape, b: Shape, **params: Any) -> Iterator[AxisMap]:
    """The axes before those of the matrices, and the columns that are solved for."""
    yield from matrices(a, b)
    yield AxisMap((None, len(b) - 1), len(b) - 1)
