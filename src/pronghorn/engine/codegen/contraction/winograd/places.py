"""Where in C a vector of results belongs."""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.contraction.nest import Coordinates, Place, linear, past_of, store_elements
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import Slots

__all__ = ["place_at"]


def place_at(
    fb: FunctionBuilder,
    spec: Contraction,
    slots: Slots,
    values: dict[str, Operand],
    vector: Axis,
    lanes: int,
    valid: Operand,
    c_base: str,
    machine: HasFeatures,
    streams: bool = True,
) -> Place:
    """The place at ``values``, of ``lanes`` adjacent elements along ``vector``, the first ``valid`` of them in C.

    ``streams``: whether what is stored there may go past the caches.
    """
    strides = {axis.name: slots.extent(axis.c) for axis in spec.axes}
    offset = linear(fb, [(value, strides[name]) for name, value in values.items()])
    place = Place(
        coords=Coordinates(fb, slots, spec.axes, values),
        offset=fb.add(slots.extent(spec.c.offset), offset),
        lanes=lanes,
        valid=valid,
        mask=None if valid == lanes else fb.mask_first(valid, lanes),
        stride=1,
        axis=vector.whole,
        store=lambda value: None,
        streams=streams,
    )
    past = past_of(fb, slots, spec, vector, lanes) if streams else None
    place.store = lambda value: store_elements(fb, value, c_base, place, spec.c, spec.sum_dtype, machine, past)
    return place
