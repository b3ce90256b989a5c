"""Arrays put together, and taken apart."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.shaping import expand_dims, part, ravel


def _alike(xs: Any) -> list[Tensor]:
    """Arrays in their promoted type."""
    parts = list(xs)
    if not parts:
        raise ValueError("Nothing to join: at least one array is needed.")
    dtype = B.result_dtype(*parts)
    return [B.cast(x, dtype) for x in parts]


@symbolic_aware
def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Arrays one after the other along an axis; beside it their shapes must be equal.

    >>> concatenate([[1, 2], [3]]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    parts = _alike(xs)
    if axis is None:
        raise ValueError("concatenate: axis must be an integer; ravel the arrays first to join them flat.")
    return _joined("concatenate", parts, B.axis_of(axis, parts[0].ndim))


def _joined(name: str, parts: list[Tensor], axis: int) -> Tensor:
    first = parts[0]
    for other in parts[1:]:
        same = other.ndim == first.ndim and all(
            B.equal_extents(a, b) for i, (a, b) in enumerate(zip(first.shape, other.shape)) if i != axis
        )
        if not same:
            shapes = " and ".join(str(p.shape) for p in parts)
            raise ValueError(f"{name}: beside axis {axis} the arrays must have one shape, got {shapes}.")
    return first if len(parts) == 1 else P.concatenate(*parts, axis=axis)


@symbolic_aware
def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Arrays of one shape side by side along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=-1).numpy()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    parts = _alike([B.convert(x)[i] for i in builtins.range(len(x))] if isinstance(x, (Tensor, np.ndarray)) else x)
    for other in parts[1:]:
        if other.ndim != parts[0].ndim:
            raise ValueError(f"stack: arrays must have one shape, got {[p.shape for p in parts]}.")
    axis = B.axis_of(axis, parts[0].ndim + 1)
    return _joined("stack", [expand_dims(p, axis) for p in parts], axis)


@symbolic_aware
def hstack(xs: Sequence[Any]) -> Tensor:
    """Arrays one after the other along axis 1, or along axis 0 if they have only one.

    >>> hstack([[1, 2], [3]]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    parts = [_at_least_1d(p) for p in _alike(xs)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1)


@symbolic_aware
def vstack(xs: Sequence[Any]) -> Tensor:
    """Arrays one after the other along axis 0; those with one axis count as rows.

    >>> vstack([[1, 2], [3, 4]]).numpy()
    array([[1, 2],
           [3, 4]], dtype=int32)
    """
    parts = [_at_least_1d(p) for p in _alike(xs)]
    return concatenate([expand_dims(p, 0) if p.ndim == 1 else p for p in parts], 0)


@symbolic_aware
def column_stack(xs: Sequence[Any]) -> Tensor:
    """Arrays one after the other along axis 1; those with one axis count as columns.

    >>> column_stack([[1, 2], [3, 4]]).tolist()
    [[1, 3], [2, 4]]
    """
    parts = [_at_least_1d(p) for p in _alike(xs)]
    return concatenate([expand_dims(p, 1) if p.ndim == 1 else p for p in parts], 1)


@symbolic_aware
def dstack(xs: Sequence[Any]) -> Tensor:
    """Arrays one after the other along axis 2, which they get where they lack it.

    >>> dstack([[1, 2], [3, 4]]).numpy()
    array([[[1, 3],
            [2, 4]]], dtype=int32)
    """
    parts = [_at_least_1d(p) for p in _alike(xs)]
    parts = [expand_dims(p, 0) if p.ndim == 1 else p for p in parts]
    return concatenate([expand_dims(p, 2) if p.ndim == 2 else p for p in parts], 2)


def _at_least_1d(x: Tensor) -> Tensor:
    return P.reshape(x, shape=(1,)) if x.ndim == 0 else x


@symbolic_aware
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """``x2`` after ``x1`` along ``axis``, or both flattened.

    >>> append([1, 2], [3]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    x, y = _alike((x1, x2))
    if axis is None:
        return P.concatenate(ravel(x), ravel(y), axis=0)
    return concatenate([x, y], axis)


@symbolic_aware
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """``x`` cut into parts along an axis.

    Args:
        x: the array.
        indices_or_sections: a number of equal parts, or the places where to cut.
        axis: the axis.

    Raises:
        ValueError: if equal parts are not possible.

    >>> [t.tolist() for t in split([1, 2, 3, 4], 2)]
    [[1, 2], [3, 4]]
    """
    return _split("split", x, indices_or_sections, axis, equal=True)


@symbolic_aware
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """`split` in which the parts may differ in length by one; the first ones are longer.

    >>> [part.numpy().tolist() for part in array_split([1, 2, 3, 4, 5], 2)]
    [[1, 2, 3], [4, 5]]
    """
    return _split("array_split", x, indices_or_sections, axis, equal=False)


def _split(name: str, x: Any, cuts: Any, axis: int, equal: bool) -> list[Tensor]:
    x = B.convert(x)
    axis = B.axis_of(axis, x.ndim)
    size = x.shape[axis]
    if isinstance(cuts, (int, np.integer)):
        places: Iterable[Extent] = _equal_cuts(name, size, int(cuts), equal)
        return [part(x, axis, low, high) for low, high in _pieces(places, size)]
    given = cuts.numpy() if isinstance(cuts, Tensor) else cuts
    places = [int(i) for i in np.asarray(given).reshape(-1)]
    places = [min(max(i + size if i < 0 else i, 0), size) for i in places]
    return [part(x, axis, low, max(low, high)) for low, high in _pieces(places, size)]


def _pieces(places: Iterable[Extent], size: Extent) -> Iterator[tuple[Extent, Extent]]:
    """Where the parts between cuts start and end."""
    return itertools.pairwise(itertools.chain([0], places, [size]))


def _equal_cuts(name: str, size: Extent, sections: int, equal: bool) -> Iterator[Extent]:
    """The places where to cut, one by one: there may be more than any memory holds."""
    if sections < 1:
        raise ValueError(f"{name}: at least one part is needed, got {sections}.")
    if equal and comparable(size) and size % sections != 0:
        raise ValueError(f"{name}: an axis of {size} does not divide into {sections} equal parts; use array_split.")
    step, longer = size // sections, size % sections
    if equal:  # a symbolic extent is taken to divide; the slices are checked when it is known
        return (step * i for i in builtins.range(1, sections))
    return (step * i + min(i, longer) for i in builtins.range(1, sections))


@symbolic_aware
def hsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 1, or along axis 0 of an array with one.

    >>> [part.numpy().tolist() for part in hsplit([[1, 2, 3, 4]], 2)]
    [[[1, 2]], [[3, 4]]]
    """
    x = B.convert(x)
    return _split("hsplit", x, indices_or_sections, 0 if x.ndim == 1 else 1, equal=True)


@symbolic_aware
def vsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 0.

    >>> [part.numpy().tolist() for part in vsplit([[1, 2], [3, 4]], 2)]
    [[[1, 2]], [[3, 4]]]
    """
    return _split("vsplit", x, indices_or_sections, 0, equal=True)


@symbolic_aware
def dsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 2.

    >>> [part.shape for part in dsplit([[[1, 2, 3, 4]]], 2)]
    [(1, 1, 2), (1, 1, 2)]
    """
    return _split("dsplit", x, indices_or_sections, 2, equal=True)
