"""What the runtime knows of a compiled step beside its machine code: plain data, which can be kept on disk with it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.memory import Grouped, Lifetime, MemoryPlan, Placed
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, FloorDiv

ABSENT = -1  # the slot of what the code never reads


@dataclass
class StepPlan:
    """The tables of a step, for any extents.

    Attributes:
        buffers: how many buffers there are.
        extents: the table of run-time extents.
        launches: units of each launch, rough cycles of a unit, whether one thread does it all, how many barriers stand
            before it, and how often it runs.
        memory: places of the temporaries, by their slots.
        arguments, results, variables: slots of everything whose address changes from call to call.
        constants: arrays by their slots.
        row_symbols: the extents of which loops take a block at a time.
        prepared: the numbers of launches that depend on the variables alone (`codegen.preparation`).
        kept: the bytes of the memory that these write to, by its slots.
    """

    buffers: int
    extents: list[Extent]
    launches: list[tuple[Units, float, bool, int, Extent]]
    memory: MemoryPlan
    arguments: list[int]
    results: list[int]
    variables: list[int]
    constants: dict[int, np.ndarray] = field(default_factory=dict)
    row_symbols: list[str] = field(default_factory=list)
    prepared: list[int] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)


def to_bytes(plan: StepPlan) -> bytes:
    """A plan as bytes, for `from_bytes`."""
    memory = plan.memory
    text = json.dumps(
        {
            "buffers": plan.buffers,
            "extents": [_extent_out(e) for e in plan.extents],
            "launches": [[_units_out(units), *rest, _extent_out(repeats)] for units, *rest, repeats in plan.launches],
            "placed": [
                [slot, p.key, p.offset, p.units, p.life.first, p.life.last] for slot, p in memory.placed.items()
            ],
            "totals": [[key, units] for key, units in memory.totals.items()],
            "grouped": [
                [slot, _extent_out(g.size), g.group, g.life.first, g.life.last] for slot, g in memory.grouped.items()
            ],
            "arguments": plan.arguments,
            "results": plan.results,
            "variables": plan.variables,
            "row_symbols": plan.row_symbols,
            "prepared": plan.prepared,
            "kept": list(plan.kept.items()),
            "constants": [[slot, dtypes.name_of(a.dtype), a.shape] for slot, a in plan.constants.items()],
        }
    ).encode()
    out = io.BytesIO()
    out.write(len(text).to_bytes(8, "little") + text)
    for array in plan.constants.values():
        out.write(np.ascontiguousarray(array).tobytes())
    return out.getvalue()


def from_bytes(data: bytes) -> tuple[StepPlan, bytes]:
    """The plan at the start of ``data``, and what follows it.

    Raises:
        ValueError, KeyError, TypeError: it is no plan.
    """
    at = 8 + int.from_bytes(data[:8], "little")
    given = json.loads(data[8:at])
    memory: MemoryPlan = MemoryPlan(
        {slot: Placed(tuple(key), at_, units, Lifetime(a, b)) for slot, key, at_, units, a, b in given["placed"]},
        {tuple(key): units for key, units in given["totals"]},
        {slot: Grouped(_extent_in(size), group, Lifetime(a, b)) for slot, size, group, a, b in given["grouped"]},
    )
    constants = {}
    for slot, dtype, shape in given["constants"]:
        kind = dtypes.to_numpy(dtype)
        size = int(np.prod(shape, dtype=np.int64))
        constants[slot] = np.frombuffer(data, kind, size, at).reshape(shape)
        at += size * kind.itemsize
    plan = StepPlan(
        buffers=given["buffers"],
        extents=[_extent_in(e) for e in given["extents"]],
        launches=[(_units_in(*units), *rest, _extent_in(repeats)) for units, *rest, repeats in given["launches"]],
        memory=memory,
        arguments=given["arguments"],
        results=given["results"],
        variables=given["variables"],
        constants=constants,
        row_symbols=given["row_symbols"],
        prepared=given["prepared"],
        kept=dict(given["kept"]),
    )
    return plan, data[at:]


def slots_of(values: Sequence[Any], slots: Mapping[Any, int]) -> list[int]:
    """The slot of each value."""
    return [slots.get(v, ABSENT) for v in values]


def _units_out(units: Units) -> Any:
    counts = [[_extent_out(count.extent), count.step, count.limit] for count in units.counts]
    return [units.constant, counts, units.only and [_extent_out(units.only[0]), *units.only[1:]], units.group]


def _units_in(constant: int, counts: Any, only: Any, group: int) -> Units:
    read = tuple(Count(_extent_in(e), step, limit) for e, step, limit in counts)
    return Units(constant, read, only and (_extent_in(only[0]), only[1], only[2]), group)


def _extent_out(extent: Extent) -> Any:
    if isinstance(extent, int):
        return extent
    return [
        [c, [a if isinstance(a, str) else [_extent_out(a.dim), a.divisor] for a in m]] for m, c in extent.terms.items()
    ]


def _extent_in(data: Any) -> Extent:
    if isinstance(data, int):
        return data
    terms = {}
    for coefficient, atoms in data:
        monomial = tuple(a if isinstance(a, str) else FloorDiv(_dim(a[0]), a[1]) for a in atoms)
        terms[monomial] = coefficient
    return Dim(terms)


def _dim(data: Any) -> Dim:
    extent = _extent_in(data)
    return extent if isinstance(extent, Dim) else Dim({(): extent})
