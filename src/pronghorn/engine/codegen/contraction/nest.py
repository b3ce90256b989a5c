"""What the kernels of a contraction share: sizes from the run-time table, units to coordinates, and places in C."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pronghorn.engine.codegen.arguments import base_pointer
from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, llvm_type, size_of, vec
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.convert import HasFeatures, convert, storage_type
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.codegen.streaming import past_caches, stream
from pronghorn.engine.graph.dim import product

__all__ = [
    "Coordinates",
    "Place",
    "ask_for",
    "base_of",
    "linear",
    "load_elements",
    "past_of",
    "split_unit",
    "store_elements",
    "zero",
]


def linear(fb: FunctionBuilder, terms: Iterable[tuple[Operand, Operand]]) -> Operand:
    """The sum of index times stride."""
    total: Operand = 0
    for index, stride in terms:
        total = fb.add(total, fb.mul(index, stride))
    return total


def ask_for(fb: FunctionBuilder, line: str, to_write: bool = False, locality: int = 3) -> None:
    """Has a line of memory brought near, of an address that need not be there; 3 is the first-level cache."""
    fb.call("llvm.prefetch.p0", "void", [("ptr", line), *(("i32", number) for number in (int(to_write), locality, 1))])


def base_of(fb: FunctionBuilder, slots: Slots, array: Array) -> str:
    """Where an array's first element lies."""
    return fb.gep(storage_type(array.dtype), base_pointer(fb, array.slot), slots.extent(array.offset))


def split_unit(fb: FunctionBuilder, unit: Operand, counts: Sequence[Operand]) -> list[Operand]:
    """The index along each of the loops that were flattened into units, the last running fastest."""
    indices: list[Operand] = []
    for count in reversed(counts[1:]):
        if count == 1:
            indices.append(0)
            continue
        indices.append(fb.rem(unit, count))
        unit = fb.div(unit, count)
    return [unit, *reversed(indices)] if counts else []


class Coordinates(Mapping[str, Operand]):
    """The coordinates of a place by the caller's axis names; those of merged axes are worked out when asked for.

    ``slots`` are those of the function that asks.
    """

    def __init__(self, fb: FunctionBuilder, slots: Slots, axes: Sequence[Axis], values: Mapping[str, Operand]) -> None:
        self._fb, self.slots, self._values = fb, slots, values
        self._axes = {name: axis for axis in axes if axis.name in values for name in (part.name for part in axis.whole)}

    def __getitem__(self, name: str) -> Operand:
        return self.counted(name, ())

    def __contains__(self, name: object) -> bool:
        return name in self._axes  # `Mapping` would ask for the coordinate, which is code

    def counted(self, name: str, counts_on: Container[tuple[str, str]]) -> Operand:
        """The coordinate along an axis that counts beyond its end for those outside of it in ``counts_on``.

        ``counts_on`` has pairs of axes, merged one inside the other. Of such a pair the outer is 0: no division is
        needed to tell them apart.
        """
        axis = self._axes[name]
        value, parts = self._values[axis.name], axis.whole
        last = first = next(number for number, part in enumerate(parts) if part.name == name)
        if last + 1 < len(parts) and (name, parts[last + 1].name) in counts_on:
            return 0
        while first and (parts[first - 1].name, parts[first].name) in counts_on:
            first -= 1
        value = self._fb.div(value, self._size(parts[last + 1 :]))
        return value if first == 0 else self._fb.rem(value, self._size(parts[first : last + 1]))

    def _size(self, parts: Sequence[Axis]) -> Operand:
        return self.slots.divisor(product(tuple(part.extent for part in parts)))

    def merged(self) -> Iterator[tuple[Axis, Axis]]:
        """Pairs of axes of the result that are merged, the outer first."""
        for axis in dict.fromkeys(self._axes.values()):
            if not axis.reduced:
                yield from pairwise(axis.whole)

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)


@dataclass(slots=True)
class Place:
    """Where in C an accumulator belongs.

    Attributes:
        coords: the coordinates of its first lane by axis name.
        offset: that lane's element offset from C's base pointer.
        lanes: its width.
        valid: how many of the lanes are in C (an i64).
        mask: holds for those; None if that is all.
        stride: from one lane to the next in C, in elements.
        axis: the axis that the lanes run along, or those it was merged from; ``()`` for a scalar.
        store: writes a sum, of the accumulators' dtype, to C.
        streams: whether what is stored here may go past the caches, which takes code for both ways.
    """

    coords: Coordinates
    offset: Operand
    lanes: int
    valid: Operand
    mask: Operand | None
    stride: Operand
    axis: tuple[Axis, ...]
    store: Callable[[Operand], None]
    streams: bool = False


def load_elements(
    fb: FunctionBuilder,
    pointer: str,
    dtype: str,
    sum_dtype: str,
    count: int,
    machine: HasFeatures,
    mask: Operand | None,
) -> Operand:
    """``count`` adjacent elements in the accumulators' dtype; zeros where the mask fails."""
    ty = vec(storage_type(dtype), count)
    value = fb.load(ty, pointer) if mask is None else fb.masked_load(ty, pointer, mask)
    return convert(fb, value, dtype, sum_dtype, count, machine)


def store_elements(
    fb: FunctionBuilder,
    value: Operand,
    base: str,
    place: Place,
    array: Array,
    sum_dtype: str,
    machine: HasFeatures,
    past: str | None = None,
) -> None:
    """Writes an accumulator to its place in C, converted to C's dtype; scattered lanes one by one.

    ``past``: where whole vectors go past the caches, see `past_of`.
    """
    value = convert(fb, value, sum_dtype, array.dtype, place.lanes, machine)
    scalar = storage_type(array.dtype)
    pointer = fb.gep(scalar, base, place.offset)
    ty = vec(scalar, place.lanes)
    if place.stride == 1 or place.lanes == 1:
        if place.mask is None and past is not None:
            stream(fb, ty, value, pointer, past)
        elif place.mask is None:
            fb.store(ty, value, pointer)
        else:
            fb.masked_store(ty, value, pointer, place.mask)
    else:
        slot = fb.shared_alloca(ty)
        fb.store(ty, value, slot)
        with fb.loop(0, place.valid) as lane:
            item = fb.load(scalar, fb.gep(scalar, slot, lane))
            fb.store(scalar, item, fb.gep(scalar, pointer, fb.mul(lane, place.stride)))


def past_of(fb: FunctionBuilder, slots: Slots, spec: Contraction, vector: Axis, lanes: int) -> str | None:
    """Where vectors of C go past the caches, see `past_caches`."""
    free = [axis for axis in spec.axes if not axis.reduced]
    ty = vec(storage_type(spec.c.dtype), lanes)
    nbytes = product(tuple(axis.extent for axis in free)) * size_of(storage_type(spec.c.dtype))
    return past_caches(fb, slots, ty, nbytes, [axis.c for axis in free if axis.name != vector.name])


def zero(dtype: str, count: int) -> str:
    """Zero in ``count`` lanes."""
    return "zeroinitializer" if count > 1 else literal(0, llvm_type(dtype))
