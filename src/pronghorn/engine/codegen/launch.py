"""What a step runs, in order, and what is known of it: plain data that codegen makes and the runtime reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.slots import Streamed, Tables
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.compiler.costs import SERIAL_CYCLES
from pronghorn.engine.compiler.memory import Lifetime
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Node, Value

Pieces = dict[Value, int]
"""By array, how many elements of it a unit touches, where each unit touches its own alone."""


@dataclass
class Launch:
    """One function to run over its units."""

    function: str
    units: Units
    cost: float  # rough cycles of a unit
    reads: set[Value]
    writes: set[Value]
    serial: bool = False
    slot: int = -1
    scope: str = ""
    barrier: bool = False  # threads meet before it
    phase: int = 0  # the number of barriers written before it
    repeats: Extent = 1  # how often threads come to its phase in a step, as far as known
    by_rows: str = ""  # the extent of which it is run for a block at a time, see `row_loops`
    few_rows: bool = False  # takes the place of others where there are few rows
    work: Extent = 0  # multiplications (each with an addition) of a contraction
    label: str = ""  # the kernel's own name, where its function is shared with others
    pieces: Pieces = field(default_factory=dict)
    lays_out: bool = False  # brings an operand into another layout, whatever the extents of others are
    is_chained: bool = False  # its units are run with those of others over the same rows, see `chains`
    buffers: list[Value] = field(default_factory=list)  # what the function finds in its table of buffers
    extents: list[Extent | Streamed] = field(default_factory=list)  # and in that of extents

    def known_extents(self) -> list[Extent]:
        """What the function finds in its table of extents. Where others go over the same rows soon, it stores nothing
        past the caches."""
        near = self.is_chained or bool(self.by_rows)
        return [(0 if near else e.nbytes) if isinstance(e, Streamed) else e for e in self.extents]

    def __post_init__(self) -> None:
        self.serial = self.serial or self.cost * self.units.typical < SERIAL_CYCLES or self.units.typical < 2


@dataclass
class HostCall:
    """A call of Python code (matrix factorisations), by thread 0."""

    node: Node
    reads: set[Value]
    writes: set[Value]
    number: int = -1


@dataclass
class Timed:
    """What one row of the table of cycles counts: a launch, or a host call."""

    name: str
    scope: str
    launch: Launch | None = None


@dataclass
class Emitted:
    """What `codegen.program` made, for the runtime to fill the tables."""

    module: ModuleBuilder
    tables: Tables
    launches: list[Launch] = field(default_factory=list)
    host_calls: list[HostCall] = field(default_factory=list)
    lifetimes: dict[Value, Lifetime] = field(default_factory=dict)
    constants: dict[Value, Any] = field(default_factory=dict)
    callback: Value | None = None
    barriers: int = 0
    row_symbols: list[str] = field(default_factory=list)  # whose rows loops take a block at a time
    timed: list[Timed] = field(default_factory=list)  # empty unless the step is profiled
    prepared: list[int] = field(default_factory=list)  # launches that depend on the weights alone, see `preparation`
    kept: list[Value] = field(default_factory=list)  # the memory that these write to
