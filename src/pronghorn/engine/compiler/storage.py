"""The values that have a buffer, and those of them that lie inside of another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pronghorn.engine.compiler.expr import Index
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.dim import Extent, Shape
from pronghorn.engine.graph.ir import Value

__all__ = ["Frame", "Place", "Storage", "row_major"]


def row_major(shape: Shape) -> tuple[Extent, ...]:
    """Strides of a contiguous array."""
    strides: list[Extent] = []
    stride: Extent = 1
    for extent in reversed(shape):
        strides.append(stride)
        stride = stride * extent
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True)
class Place:
    """The part of ``whole`` that begins at ``start``, an index for each axis."""

    whole: Value
    start: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What else is written into an array whose parts are written in their places.

    Attributes:
        borders: values that are zeros, in groups of one shape.
        copies: (the part, the value it is a copy of) for parts that cannot be computed there.
    """

    borders: tuple[tuple[Value, ...], ...]
    copies: tuple[tuple[Value, Value], ...]


class Storage(set[Value]):
    """The values that have a buffer.

    Attributes:
        places: where those lie that are part of another's buffer.
        frames: what those others consist of besides.
    """

    def __init__(self, values: Iterable[Value] = ()) -> None:
        super().__init__(values)
        self.places: dict[Value, Place] = {}
        self.frames: dict[Value, Frame] = {}

    def put(self, value: Value, place: Place) -> None:
        """Store ``value`` in a part of another's buffer."""
        self.add(value)
        self.places[value] = place

    def parts(self, whole: Value) -> list[Value]:
        """The values that lie inside of ``whole``."""
        return [value for value, place in self.places.items() if place.whole is whole]

    def offset(self, value: Value, index: tuple[Index, ...]) -> Index:
        """Which element of its buffer a value's element at ``index`` is."""
        place = self.places.get(value)
        if place is None:
            return linear(index, value.shape)
        return linear(tuple(i + start for i, start in zip(index, place.start)), place.whole.shape)

    def strides(self, value: Value) -> tuple[Extent, ...]:
        """How far apart in its buffer a value's elements are along each axis."""
        place = self.places.get(value)
        return row_major(value.shape if place is None else place.whole.shape)

    def origin(self, value: Value) -> Extent:
        """Which element of its buffer a value's first is."""
        return self.offset(value, tuple(Index() for _ in value.shape)).const
