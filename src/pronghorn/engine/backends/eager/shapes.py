"""For which calls one kernel holds: shapes with as few numbers in them as the code allows.

Elementwise, axes are merged and a repeated operand is given once, so that a kernel for ``[n, 32] + [32]`` serves all
shapes that end in 32. Others keep their extents, but for the number of rows where rows are computed alike, and for
those that make no difference to the code: the sizes of images that windows move over, and of what is multiplied by a
matrix with a row for each result, as resizing is. So one kernel resizes, and one pools, all levels of an image pyramid.
A convolution's images keep their size: minimal filtering needs it, and others took twice the time without it.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn.engine.graph.dim import Dim, Shape

#: The extent that is left open. No trace of a user's function has a symbol of this name.
ROWS = Dim.symbol("eager rows")

#: Rows from which a sum along them has a kernel for that number: how a long sum is cut depends on how long it is.
LONG_SUM = 512


class Call(NamedTuple):
    """A call as a kernel takes it.

    Attributes:
        arrays: the operands.
        shapes: theirs, with symbols such as `ROWS` for the open extents.
        repeats: for each operand the axes of the result that it has; the others repeat it. None: as it is.
        shape: the shape in which the kernel computes (elementwise).
        params: the primitive's parameters.
    """

    arrays: list[np.ndarray]
    shapes: list[Shape]
    repeats: list[tuple[int, ...] | None]
    shape: Shape
    params: dict[str, Any]

    @property
    def key(self) -> Hashable:
        """Equal for calls that one kernel serves."""
        kinds = tuple(a.dtype for a in self.arrays)
        params = tuple((k, _plain(v)) for k, v in sorted(self.params.items()))
        return kinds, tuple(map(_plain, self.shapes)), tuple(self.repeats), _plain(self.shape), params


def _plain(x: Any) -> Hashable:
    """A parameter with the open extent as None, whose comparison asks no trace."""
    if isinstance(x, tuple | list):
        return tuple(map(_plain, x))
    return None if isinstance(x, Dim) else x


def elementwise(arrays: Sequence[np.ndarray], params: dict[str, Any]) -> tuple[Call, list[int]]:
    """A call of an elementwise primitive, and the shape of what the kernel gives: 1 where all operands repeat."""
    extents: list[int] = []  # of merged axes
    merged: list[tuple[bool, ...]] = []  # which operands repeat along them
    given: list[int] = []
    for axis, extent in enumerate(arrays[0].shape):
        repeated = tuple(a.strides[axis] == 0 for a in arrays)
        if extent == 1 or all(repeated):
            given.append(1)
            continue
        given.append(extent)
        if merged and merged[-1] == repeated:
            extents[-1] *= extent
        else:
            extents.append(extent)
            merged.append(repeated)
    shape: Shape = (ROWS, *extents[1:]) if extents else ()
    bases, shapes, repeats = [], [], []
    for number, array in enumerate(arrays):
        axes = tuple(i for i, repeated in enumerate(merged) if not repeated[number])
        bases.append(_base(array).reshape([extents[i] for i in axes]))
        shapes.append(tuple(shape[i] for i in axes))
        repeats.append(axes if len(axes) < len(extents) else None)
    return Call(bases, shapes, repeats, shape, params), given


def _base(array: np.ndarray) -> np.ndarray:
    """What a repeated array repeats."""
    if 0 not in array.strides:
        return array
    return array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)]


#: Which operands have the rows as their first axis, where rows are computed alike.
_ROWS_OF = {
    **dict.fromkeys(("conv", "conv_input_grad", "window_sum", "window_max", "window_argmax", "window_sum_grad"), (0,)),
    **dict.fromkeys(("conv_filter_grad", "unpool", "pool_gather"), (0, 1)),
    **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "argmax", "argmin"), (0,)),
    "take": (1,),
}


_Open = dict[tuple[int, int], Dim]


def general(name: str, arrays: Sequence[np.ndarray], params: dict[str, Any]) -> Iterator[Call]:
    """A call of another primitive: with what may be open where that is possible, and with all numbers."""
    exact = Call(list(arrays), [a.shape for a in arrays], [None] * len(arrays), (), params)
    rows = _open_rows(name, arrays, params)
    if not all(arrays[i].shape[axis] > 1 for i, axis in rows):
        rows = {}
    others = {at: dim for at, dim in _open_others(name, arrays, params).items() if arrays[at[0]].shape[at[1]] > 1}
    if opened := others | rows:
        shapes = [tuple(opened.get((i, axis), d) for axis, d in enumerate(a.shape)) for i, a in enumerate(arrays)]
        changed = dict(params)
        if "input_shape" in changed:
            changed["input_shape"] = (ROWS, *changed["input_shape"][1:])
        yield exact._replace(shapes=shapes, params=changed)
    yield exact


def _open_rows(name: str, arrays: Sequence[np.ndarray], params: dict[str, Any]) -> _Open:
    """(operand, axis) of the rows, where they may be left open."""
    if name == "dot_general":
        (xc, yc), (xb, yb) = params["contract"], params["batch"]
        if 0 in xc and arrays[0].shape[0] >= LONG_SUM:
            return {}
        paired = {**dict(zip(xc, yc)), **dict(zip(xb, yb))}
        return dict.fromkeys([(0, 0), *([(1, paired[0])] if 0 in paired else [])], ROWS) if arrays[0].ndim else {}
    if "window" in params and (params["window"][0] != 1 or params["padding"][0] != (0, 0)):
        return {}
    return {(i, 0): ROWS for i in _ROWS_OF.get(name, ()) if arrays[i].ndim}


def _open_others(name: str, arrays: Sequence[np.ndarray], params: dict[str, Any]) -> _Open:
    """(operand, axis) of what else may be left open. The last axis stays a number: loops along it are unrolled."""
    if name in ("window_max", "window_sum"):
        return {(0, axis): _symbol(axis) for axis in range(1, arrays[0].ndim - 1)}
    if name == "dot_general" and params["contract"][1] == (1,) and arrays[1].ndim == 2:
        (inner,) = params["contract"][0]
        free = {(0, axis): _symbol(axis) for axis in range(1, arrays[0].ndim - 1) if axis != inner}
        return {**free, (1, 0): Dim.symbol("eager columns")}
    return {}


@functools.cache
def _symbol(axis: int) -> Dim:
    return Dim.symbol(f"eager extent {axis}")
