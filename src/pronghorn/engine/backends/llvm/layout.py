"""The tables that a compiled step reads, filled in for one set of extents."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from pronghorn.engine.backends.llvm.step_plan import StepPlan
from pronghorn.engine.codegen.units import COLUMNS, Units, row_blocks
from pronghorn.engine.compiler.costs import BRIEF_CYCLES, JOINING_CYCLES, MEETING_CYCLES, SERIAL_CYCLES
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, Shape, evaluate
from pronghorn.engine.graph.ir import Aval

MOST_THREADS = 256  # of a step that is profiled
UNITS = 2  # of what a step is given: the table of units


_byte_of = ctypes.c_char.from_buffer


def address(array: np.ndarray) -> int:
    """Where an array's data lies."""
    try:  # a fifth of what the other takes
        return ctypes.addressof(_byte_of(array))
    except (TypeError, ValueError):  # empty, not to be written to, or of a type that Python's buffers have not
        return array.__array_interface__["data"][0]


def concrete(shape: Shape, env: Mapping[str, int]) -> tuple[int, ...]:
    """A shape as numbers."""
    return tuple(evaluate(e, env) for e in shape)


@dataclass
class BlockTables:
    """The tables that loops use which take a block of rows at a time.

    Attributes:
        dims, units: those of `Layout` for a block, and for the last one.
        args: what the step finds: the addresses of these tables, how many rows a block has, and how many blocks there
            are.
    """

    dims: tuple[np.ndarray, np.ndarray]
    units: tuple[np.ndarray, np.ndarray]
    args: np.ndarray

    @staticmethod
    def of(plan: StepPlan, env: Mapping[str, int], symbol: str) -> BlockTables:
        """The tables for the extents ``env``."""
        size, count = row_blocks(env[symbol])
        envs = [{**env, symbol: rows} for rows in (size, env[symbol] - max(count - 1, 0) * size)]
        dims, units = ((of(plan, envs[0]), of(plan, envs[1])) for of in (_dims, _units))
        return BlockTables(dims, units, np.array([*map(address, (*dims, *units)), size, count], np.int64))


@dataclass
class Layout:
    """A step's tables for one set of extents.

    Attributes:
        env: the extents.
        bufs: the address of every buffer.
        dims: run-time extents.
        units: of every launch, see `Units.grain`.
        ticks: cycles, calls and units done of every thread and kernel, where the step is profiled.
        nbytes: what the temporaries need.
        slots: entries of ``bufs`` for the temporaries.
        offsets: where each of those lies in the arena.
        results: shape and type of each result.
        held: the variables' arrays whose addresses are in ``bufs``.
        seen: what `variable.moves` was as they were put there; None where they have to be looked at anew.
        blocks: for each extent of which loops take a block at a time, what stands in `BlockTables`.
        is_small: whether no launch is worth waking another thread for.
        is_brief: whether all of it takes less time than letting another thread have Python's lock, and getting it back.
        base: the arena's address that ``bufs`` was filled in for.
        once: of the launches that depend on the variables alone and run for these extents, their rows of ``units``,
            which hold no units.
        prepared: the number of what ``bufs`` has of their results (`preparing.Prepared`); 0 for nothing.
        args: what the step is given: the addresses of the tables above.
    """

    env: dict[str, int]
    bufs: np.ndarray
    dims: np.ndarray
    units: np.ndarray
    ticks: np.ndarray
    nbytes: int
    slots: np.ndarray
    offsets: np.ndarray
    results: list[tuple[tuple[int, ...], np.dtype]]
    held: list[np.ndarray | None]
    is_small: bool
    is_brief: bool
    seen: int | None = None
    blocks: list[BlockTables] = field(default_factory=list)
    base: int = -1
    once: dict[int, np.ndarray] = field(default_factory=dict)
    prepared: int = 0
    args: np.ndarray = field(init=False)
    args_address: int = field(init=False)

    def __post_init__(self) -> None:
        tables = [address(t) for t in (self.bufs, self.dims, self.units)]
        row = self.ticks.itemsize * self.ticks.shape[1] * self.ticks.shape[2]
        tables += [len(self.bufs), address(self.ticks), row, *(address(blocks.args) for blocks in self.blocks)]
        self.args = np.array(tables, np.int64)
        self.args_address = address(self.args)

    def move(self, base: int) -> None:
        """Have the temporaries lie in an arena at ``base``."""
        if self.base != base:
            self.bufs[self.slots] = self.offsets + base
            self.base = base

    def args_with(self, launches: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """What the step is given where launches run that depend on the variables alone; and a table that it names.

        They are arrays of their own, since a thread that is late in the call before still reads that one's.
        """
        args, units = self.args.copy(), self.units.copy()
        for number in launches:
            units[number * COLUMNS : (number + 1) * COLUMNS] = self.once[number]
        args[UNITS] = address(units)
        return args, units


def make_layout(plan: StepPlan, env: Mapping[str, int], results: list[Aval], timed: int) -> Layout:
    """The tables for the extents ``env``, with the addresses of temporaries, arguments and results left open.

    ``timed``: how many rows the table of cycles has.
    """
    offsets, nbytes = plan.memory.layout(env)
    units = _units(plan, env)
    return Layout(
        env=dict(env),
        bufs=np.zeros(plan.buffers + 1, np.int64),  # the last is for what the code never reads (slot -1)
        dims=_dims(plan, env),
        units=units,
        ticks=np.zeros((MOST_THREADS, timed, 3), np.int64),
        nbytes=nbytes,
        slots=np.array(list(offsets), np.intp),
        offsets=np.array(list(offsets.values()), np.int64),
        results=[(concrete(v.shape, env), dtypes.to_numpy(v.dtype)) for v in results],
        held=[None] * len(plan.variables),
        is_small=_is_small(plan, env),
        is_brief=_cycles(plan, env) < BRIEF_CYCLES,
        blocks=[BlockTables.of(plan, env, symbol) for symbol in plan.row_symbols],
        once=_taken_out(plan, units),
    )


def _dims(plan: StepPlan, env: Mapping[str, int]) -> np.ndarray:
    return np.array([evaluate(e, env) for e in plan.extents] or [0], np.int64)


def _units(plan: StepPlan, env: Mapping[str, int]) -> np.ndarray:
    table = [units.grain(env, cost) for units, cost, *_ in plan.launches]
    return np.array([*table, (0,) * COLUMNS], np.int64).ravel()


def _taken_out(plan: StepPlan, units: np.ndarray) -> dict[int, np.ndarray]:
    """Leave the launches that depend on the variables alone without units; those that had some."""
    rows = units.reshape(-1, COLUMNS)
    found = {number: rows[number].copy() for number in plan.prepared if rows[number][0]}
    rows[plan.prepared] = 0
    return found


def _of_every_call(plan: StepPlan) -> list[tuple[Units, float, bool, int, Extent]]:
    """The launches that run each time."""
    once = set(plan.prepared)
    return [launch for number, launch in enumerate(plan.launches) if number not in once]


def _is_small(plan: StepPlan, env: Mapping[str, int]) -> bool:
    """Whether a second thread would save less than it costs: a step that gains little has many barriers, at which
    threads wait for each other, between little work that they can share."""
    shared: dict[int, float] = {}  # cycles between two barriers that more than one thread can work on
    times: dict[int, int] = {}
    for units, cost, serial, phase, repeats in _of_every_call(plan):
        cycles = units.evaluate(env) * cost
        shared[phase] = shared.get(phase, 0.0) + (0.0 if serial or cycles < SERIAL_CYCLES else cycles)
        times[phase] = max(times.get(phase, 0), evaluate(repeats, env))
    saved = sum(times[phase] * (cycles / 2 - MEETING_CYCLES) for phase, cycles in shared.items())
    return saved < JOINING_CYCLES


def _cycles(plan: StepPlan, env: Mapping[str, int]) -> float:
    """What a step is expected to take on one thread."""
    return sum(
        units.evaluate(env) * cost * evaluate(repeats, env) for units, cost, _, _, repeats in _of_every_call(plan)
    )
