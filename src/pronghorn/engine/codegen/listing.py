"""What a step runs without a decision in between, as a list of numbers, which the functions of `walker` go through.

A step of thousands of launches written as code took longer to compile than all of its kernels, each of which is there
once; as a constant table it takes no time, and no call of a launch costs more. The table's numbers:

    MEET                        report the grains that were run and wait for the others
    RUN words launch...         small kernels in a row, one grain; ``words`` is how many numbers all of it takes
    SHARE launch                a kernel whose units are shared out
    CHAIN words row (launch ratio)...
                                kernels over the same rows, whose units are shared out together: the row of all in the
                                table of launches, and of each kernel how many units a unit of all is

where ``launch`` is: its function, its row in the table of launches, its row in the table of cycles, and what it finds
in its own tables: how many buffers and their slots, how many extents and theirs. Ahead of all stands how many buffers
and how many extents a launch has at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder
from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.walker import (
    CHAIN,
    MEET,
    NUMBER,
    PARAMETERS,
    ROW_PARAMETERS,
    ROW_WALKERS,
    RUN,
    SHARE,
    WALKERS,
)


@dataclass
class StepState:
    """Where a step keeps what it knows, as operands of its code: pointers, and the thread's number.

    Attributes:
        bufs, dims, units: the step's tables.
        next: holds the number of the next grain that the step will name.
        done: holds how many grains this thread has run and not reported.
        ticks: this thread's part of the table of cycles, if the step is profiled.
    """

    bufs: str
    dims: str
    units: str
    next: str
    done: str
    ticks: str = ""


@dataclass
class RowTables:
    """The tables of a block of rows, as operands of the step's code."""

    bufs: str
    dims: str
    units: str
    ticks: str


Listed = tuple[Launch, list[int], list[int], int]
"""A launch, the slots of what it finds in its tables, and its row in that of cycles."""


class Listing:
    """The table, while a program is written, and in the end the function that goes through it."""

    def __init__(self, module: ModuleBuilder, profile: bool) -> None:
        self._module = module
        self._walker, self._row_walker = WALKERS[profile], ROW_WALKERS[profile]
        self._numbers: list[int] = [0, 0]
        self._functions: dict[str, int] = {}
        self._written = len(self._numbers)  # numbers that the step's code has come to
        self._run = -1  # where the run that is open begins
        self._most = (1, 1)  # buffers and extents of one launch

    @property
    def is_running(self) -> bool:
        """Whether a run of small kernels is open."""
        return self._run >= 0

    def meet(self) -> None:
        """Threads wait for each other."""
        self._numbers.append(MEET)

    def open_run(self) -> None:
        """The launches that follow, up to `close_run`, are one grain."""
        self._run = len(self._numbers)
        self._numbers += [RUN, 0]

    def close_run(self) -> None:
        """End the run that is open, if one is."""
        if self.is_running:
            self._numbers[self._run + 1] = len(self._numbers) - self._run
            self._run = -1

    def launch(self, launch: Launch, buffers: list[int], extents: list[int], row: int) -> None:
        """A launch: of the run that is open, or shared out.

        Args:
            launch: what to run.
            buffers, extents: the slots, in the step's tables, of what it finds in its own.
            row: its row in the table of cycles.
        """
        if not self.is_running:
            self._numbers.append(SHARE)
        self._launch(launch, buffers, extents, row)

    def chain(self, whole: Launch, launches: Sequence[Listed], ratios: Sequence[int]) -> None:
        """Launches over the same rows.

        Args:
            whole: how all are shared out.
            launches: what to run.
            ratios: how many units of each a unit of the whole is.
        """
        begin = len(self._numbers)
        self._numbers += [CHAIN, 0, whole.slot]
        for launch, ratio in zip(launches, ratios, strict=True):
            self._launch(*launch)
            self._numbers.append(ratio)
        self._numbers[begin + 1] = len(self._numbers) - begin

    def _launch(self, launch: Launch, buffers: list[int], extents: list[int], row: int) -> None:
        function = self._functions.setdefault(launch.function, len(self._functions))
        self._numbers += [function, launch.slot, row, len(buffers), *buffers, len(extents), *extents]
        self._most = max(self._most[0], len(buffers)), max(self._most[1], len(extents))

    def write(self, fb: FunctionBuilder, state: StepState) -> None:
        """Have the step's code, written so far, run what has been listed since the last time."""
        if self._written == len(self._numbers):
            return
        given = ["%ctx", state.bufs, state.dims, state.units, "%tid", state.next, state.done, state.ticks or "null"]
        given += ["@functions", "@list", str(self._written), str(len(self._numbers))]
        operands = (f"{ty} {value}" for (_, ty), value in zip(PARAMETERS, given, strict=True))
        fb.emit(f"call void @{self._walker}({', '.join(operands)})")
        self._written = len(self._numbers)

    def run_all(self, fb: FunctionBuilder, tables: RowTables, launches: Sequence[Listed]) -> None:
        """Have the step's code, in which nothing is left to write, run launches one after the other, on this thread."""
        for launch in launches:
            self._launch(*launch)
        given = [tables.bufs, tables.dims, tables.units, tables.ticks or "null", "@functions", "@list"]
        given += [str(self._written), str(len(self._numbers))]
        operands = (f"{ty} {value}" for (_, ty), value in zip(ROW_PARAMETERS, given, strict=True))
        fb.emit(f"call void @{self._row_walker}({', '.join(operands)})")
        self._written = len(self._numbers)

    def finish(self) -> None:
        """Write the table."""
        self._numbers[:2] = self._most
        names = ", ".join(f"ptr @{name}" for name in self._functions)
        self._module.raw(f"@functions = private unnamed_addr constant [{len(self._functions)} x ptr] [{names}]")
        self._module.raw(
            f"@list = private unnamed_addr constant [{len(self._numbers)} x {NUMBER}] "
            f"[{', '.join(f'{NUMBER} {n}' for n in self._numbers)}]"
        )
