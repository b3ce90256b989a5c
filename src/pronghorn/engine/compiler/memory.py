"""Stage *plan memory*: where in the arena each temporary lies.

Lifetimes are counted in epochs: the stretches between barriers. Two buffers may share memory when their epochs do not
overlap. Sizes may depend on the batch; buffers are planned in classes whose sizes grow alike (fixed, or proportional to
one product of symbols), so that the plan is made once and serves every batch size. Those that grow otherwise, such as
by whole blocks of rows, are put into groups, in which one is used at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from pronghorn.engine.compiler.costs import typical
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, evaluate, product
from pronghorn.engine.graph.ir import Value

ALIGN = 64
SLACK = 64  # bytes after each buffer that vector code may read, never use


@dataclass
class Lifetime:
    """The first and last epoch in which a buffer is used."""

    first: int
    last: int

    def extend(self, epoch: int) -> None:
        """Include ``epoch``."""
        self.first, self.last = min(self.first, epoch), max(self.last, epoch)

    def meets(self, other: Lifetime) -> bool:
        """Whether both are in use in some epoch."""
        return self.first <= other.last and other.first <= self.last


@dataclass
class Placed:
    """A buffer's place: ``offset`` units into its class."""

    key: tuple
    offset: int
    units: int
    life: Lifetime


@dataclass
class Grouped:
    """A buffer of a size that fits no class, in bytes, and the number of its group."""

    size: Extent
    group: int
    life: Lifetime


@dataclass
class MemoryPlan:
    """Places of all temporaries, by value or by slot; `layout` gives addresses for one set of extents."""

    placed: dict[Any, Placed] = field(default_factory=dict)
    totals: dict[tuple, int] = field(default_factory=dict)
    grouped: dict[Any, Grouped] = field(default_factory=dict)

    def layout(self, env: Mapping[str, int]) -> tuple[dict[Any, int], int]:
        """(byte offset of every buffer, bytes in all)."""
        starts: dict[tuple, int] = {}
        at = 0
        for key, units in self.totals.items():
            starts[key] = at
            at += _round(units * _scale(key, env) + SLACK)
        offsets = {v: starts[p.key] + p.offset * _scale(p.key, env) for v, p in self.placed.items()}
        room: dict[int, int] = {}
        for g in self.grouped.values():
            room[g.group] = max(room.get(g.group, 0), _round(evaluate(g.size, env) + SLACK))
        groups = dict(zip(room, accumulate(room.values(), initial=at)))
        offsets |= {v: groups[g.group] for v, g in self.grouped.items()}
        return offsets, at + sum(room.values())


def _round(n: int) -> int:
    return -(-n // ALIGN) * ALIGN


def _scale(key: tuple, env: Mapping[str, int]) -> int:
    """How many units' worth of bytes a class takes: at extents of 0 as many as at 1, for sizes with a constant part."""
    scale = 1
    for symbol in key:
        scale *= env[symbol]
    return max(scale, 1)


def _classify(size: Extent) -> tuple[tuple, int] | None:
    """(class, units) of a size in bytes: the symbols it is proportional to, and how many bytes for each."""
    if isinstance(size, int):
        return (), _round(size + SLACK)
    assert isinstance(size, Dim)
    monomials = [m for m in size.terms if m]
    if len(monomials) != 1 or not all(isinstance(a, str) for a in monomials[0]):
        return None
    factor, constant = size.terms[monomials[0]], size.terms.get((), 0)
    if factor < 0 or constant < 0:
        return None
    return tuple(monomials[0]), _round(factor + constant + (SLACK if constant else 0))


def plan_memory(lifetimes: Mapping[Value, Lifetime]) -> MemoryPlan:
    """Places for buffers with the given lifetimes, the largest first, each as low as it fits."""
    plan = MemoryPlan()
    sized, others = [], []
    for value, life in lifetimes.items():
        size = product(value.shape) * dtypes.itemsize(value.dtype)
        kind = _classify(size)
        if kind is None:
            others.append((size, value, life))
        else:
            sized.append((kind, value, life))
    sized.sort(key=lambda t: -t[0][1])
    shelves: dict[tuple, _Shelf] = {}
    for (key, units), value, life in sized:
        offset = shelves.setdefault(key, _Shelf()).add(units, life)
        plan.placed[value] = Placed(key, offset, units, life)
        plan.totals[key] = max(plan.totals.get(key, 0), offset + units)
    plan.grouped = _groups(others)
    return plan


def _groups(buffers: list[tuple[Extent, Value, Lifetime]]) -> dict[Any, Grouped]:
    """Buffers in groups that are never in use at once, the largest (at a typical batch) first."""
    placed: dict[Any, Grouped] = {}
    groups: list[list[Lifetime]] = []
    for size, value, life in sorted(buffers, key=lambda buffer: -typical(buffer[0])):
        number = next((i for i, lives in enumerate(groups) if not any(map(life.meets, lives))), len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(life)
        placed[value] = Grouped(size, number, life)
    return placed


class _Shelf:
    """The buffers of one class that have a place, in the order of their offsets, as a table that NumPy looks through:
    deep models have thousands of buffers that live at the same time."""

    def __init__(self) -> None:
        self._table = np.empty((4, 64), np.int64)  # a row each: offset, end, first and last epoch
        self._count = 0

    def add(self, units: int, life: Lifetime) -> int:
        """The lowest offset at which a buffer fits between those that live when it does; it now lies there."""
        starts, ends, firsts, lasts = self._table[:, : self._count]
        meets = (firsts <= life.last) & (lasts >= life.first)
        starts = starts[meets]
        free = np.concatenate(([0], np.maximum.accumulate(ends[meets])))  # from where on, in front of each and at last
        fits = free[:-1] + units <= starts
        offset = int(free[fits.argmax()] if fits.any() else free[-1])
        self._insert((offset, offset + units, life.first, life.last))
        return offset

    def _insert(self, entry: tuple[int, int, int, int]) -> None:
        count = self._count
        if count == self._table.shape[1]:
            self._table = np.concatenate([self._table, np.empty_like(self._table)], axis=1)
        at = int(np.searchsorted(self._table[0, :count], entry[0], side="right"))
        self._table[:, at + 1 : count + 1] = self._table[:, at:count]
        self._table[:, at] = entry
        self._count += 1
