"""The tables that a compiled step reads, filled in for one set of extents."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pronghorn.engine.backends.llvm.step_plan import StepPlan
from pronghorn.engine.codegen.units import COLUMNS, row_blocks
from pronghorn.engine.compiler.costs import BRIEF_CYCLES, JOINING_CYCLES, MEETING_CYCLES, SERIAL_CYCLES
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Shape, evaluate
from pronghorn.engine.graph.ir import Aval

MOST_THREADS = 256  # of a step that is profiled


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


def make_layout(plan: StepPlan, env: Mapping[str, int], results: list[Aval], timed: int) -> Layout:
    """The tables for the extents ``env``, with the addresses of temporaries, arguments and results left open.

    ``timed``: how many rows the table of cycles has.
    """
    offsets, nbytes = plan.memory.layout(env)
    return Layout(
        env=dict(env),
        bufs=np.zeros(plan.buffers + 1, np.int64),  # the last is for what the code never reads (slot -1)
        dims=_dims(plan, env),
        units=_units(plan, env),
        ticks=np.zeros((MOST_THREADS, timed, 3), np.int64),
        nbytes=nbytes,
        slots=np.array(list(offsets), np.intp),
        offsets=np.array(list(offsets.values()), np.int64),
        results=[(concrete(v.shape, env), dtypes.to_numpy(v.dtype)) for v in results],
        held=[None] * len(plan.variables),
        is_small=_is_small(plan, env),
        is_brief=_cycles(plan, env) < BRIEF_CYCLES,
        blocks=[BlockTables.of(plan, env, symbol) for symbol in plan.row_symbols],
    )


def _dims(plan: StepPlan, env: Mapping[str, int]) -> np.ndarray:
    return np.array([evaluate(e, env) for e in plan.extents] or [0], np.int64)


def _units(plan: StepPlan, env: Mapping[str, int]) -> np.ndarray:
    table = [units.grain(env, cost) for units, cost, *_ in plan.launches]
    return np.array([*table, (0,) * COLUMNS], np.int64).ravel()


def _is_small(plan: StepPlan, env: Mapping[str, int]) -> bool:
    """Whether a second thread would save less than it costs: a step that gains little has many barriers, at which
    threads wait for each other, between little work that they can share."""
    shared: dict[int, float] = {}  # cycles between two barriers that more than one thread can work on
    times: dict[int, int] = {}
    for units, cost, serial, phase, repeats in plan.launches:
        cycles = units.evaluate(env) * cost
        shared[phase] = shared.get(phase, 0.0) + (0.0 if serial or cycles < SERIAL_CYCLES else cycles)
        times[phase] = max(times.get(phase, 0), evaluate(repeats, env))
    saved = sum(times[phase] * (cycles / 2 - MEETING_CYCLES) for phase, cycles in shared.items())
    return saved < JOINING_CYCLES


def _cycles(plan: StepPlan, env: Mapping[str, int]) -> float:
    """What a step is expected to take on one thread."""
    return sum(units.evaluate(env) * cost * evaluate(repeats, env) for units, cost, _, _, repeats in plan.launches)
