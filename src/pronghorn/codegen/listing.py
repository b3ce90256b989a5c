"""What a step runs without a decision in between, as a list of numbers, and the function that goes through it.

A step of thousands of launches written as code took longer to compile than all of its kernels, each of which is there
once; as a constant table it takes no time, and no call of a launch costs more. The table's numbers:

    MEET                        report the grains that were run and wait for the others
    RUN words launch...         small kernels in a row, one grain; ``words`` is how many numbers all of it takes
    SHARE launch                a kernel whose units are shared out

where ``launch`` is: its function, its row in the table of launches, its row in the table of cycles, and what it finds
in its own tables: how many buffers and their slots, how many extents and theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.codegen.builder import FunctionBuilder, ModuleBuilder, Operand
from pronghorn.codegen.launch import Launch
from pronghorn.codegen.units import COLUMNS

MEET, RUN, SHARE = range(3)

_NUMBER = "i32"


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


class Listing:
    """The table, while a program is written, and in the end the function that goes through it."""

    def __init__(self, module: ModuleBuilder) -> None:
        self._module = module
        self._numbers: list[int] = []
        self._functions: dict[str, int] = {}
        self._written = 0  # numbers that the step's code has come to
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
        function = self._functions.setdefault(launch.function, len(self._functions))
        self._numbers += [function, launch.slot, row, len(buffers), *buffers, len(extents), *extents]
        self._most = max(self._most[0], len(buffers)), max(self._most[1], len(extents))

    def write(self, fb: FunctionBuilder, state: StepState) -> None:
        """Have the step's code, written so far, run what has been listed since the last time."""
        if self._written == len(self._numbers):
            return
        given = [("ptr", "%ctx"), ("ptr", state.bufs), ("ptr", state.dims), ("ptr", state.units), ("i64", "%tid")]
        given += [("ptr", state.next), ("ptr", state.done), ("ptr", state.ticks or "null")]
        given += [("i64", str(self._written)), ("i64", str(len(self._numbers)))]
        fb.emit(f"call void @run_list({', '.join(f'{ty} {value}' for ty, value in given)})")
        self._written = len(self._numbers)

    def finish(self, profile: bool) -> None:
        """Write the table and the function that goes through it."""
        if self._numbers:
            names = ", ".join(f"ptr @{name}" for name in self._functions)
            self._module.raw(f"@functions = private unnamed_addr constant [{len(self._functions)} x ptr] [{names}]")
            self._module.raw(
                f"@list = private unnamed_addr constant [{len(self._numbers)} x {_NUMBER}] "
                f"[{', '.join(f'{_NUMBER} {n}' for n in self._numbers)}]"
            )
            _Walker(self._module, *self._most, profile).write()


class _Walker:
    """Writes ``run_list``, which goes through the table from ``begin`` to ``end``."""

    def __init__(self, module: ModuleBuilder, buffers: int, extents: int, profile: bool) -> None:
        names = ("ctx", "bufs", "dims", "units", "tid", "next", "done", "ticks", "begin", "end")
        parameters = [("i64" if name in ("tid", "begin", "end") else "ptr", name) for name in names]
        self.fb = module.function("run_list", parameters, linkage="internal", attributes="noinline nounwind")
        self.profile = profile
        self.bufs, self.dims = self.fb.alloca("ptr", buffers), self.fb.alloca("i64", extents)
        self.at = self.fb.alloca("i64")

    def write(self) -> None:
        """The function."""
        fb = self.fb
        fb.store("i64", "%begin", self.at)
        head, look, meet, other = fb.label("head"), fb.label("look"), fb.label("meet"), fb.label("other")
        run, share, out = fb.label("run"), fb.label("share"), fb.label("out")
        fb.branch(head)
        fb.place(head)
        fb.branch_if(fb.cmp("slt", "i64", fb.load("i64", self.at), "%end"), look, out)
        fb.place(look)
        kind = self._number()
        fb.branch_if(fb.cmp("eq", "i64", kind, MEET), meet, other)
        fb.place(other)
        fb.branch_if(fb.cmp("eq", "i64", kind, RUN), run, share)
        for label, body in ((meet, self._meet), (run, self._run), (share, self._share)):
            fb.place(label)
            body()
            fb.branch(head)
        fb.place(out)
        fb.ret()

    def _number(self) -> str:
        """The number that comes next in the table."""
        fb = self.fb
        at = fb.load("i64", self.at)
        fb.store("i64", fb.add(at, 1), self.at)
        return fb.cast("zext", fb.load(_NUMBER, fb.gep(_NUMBER, "@list", at)), _NUMBER, "i64")

    def _meet(self) -> None:
        fb = self.fb
        end, done = fb.load("i64", "%next"), fb.load("i64", "%done")
        fb.emit(f"call void @ph_meet(ptr %ctx, i64 {end}, i64 {done}, i64 %tid)")
        fb.store("i64", 0, "%done")

    def _run(self) -> None:
        fb = self.fb
        end = fb.add(fb.sub(fb.load("i64", self.at), 1), self._number())
        first = fb.load("i64", "%next")
        fb.store("i64", fb.add(first, 1), "%next")
        number = fb.let(f"call i64 @ph_take_whole(ptr %ctx, i64 {first}, i64 %tid)")
        work, again, ran, out = fb.label("work"), fb.label("again"), fb.label("ran"), fb.label("passed")
        fb.branch_if(fb.cmp("slt", "i64", number, 0), out, work)
        fb.place(work)
        fb.branch(again)
        fb.place(again)
        function, units, row = self._launch()
        self._call(function, row, 0, self._column(units, 0))
        fb.branch_if(fb.cmp("slt", "i64", fb.load("i64", self.at), end), again, ran)
        fb.place(ran)
        self._count_done()
        fb.branch(out)
        fb.place(out)
        fb.store("i64", end, self.at)

    def _share(self) -> None:
        """Threads take a grain of units at a time until none are left."""
        fb = self.fb
        function, row_of_units, row = self._launch()
        units, grain, grains = (self._column(row_of_units, column) for column in range(COLUMNS))
        first = fb.load("i64", "%next")
        end = fb.add(first, grains)
        fb.store("i64", end, "%next")
        head, work, done = fb.label("take"), fb.label("work"), fb.label("done")
        fb.branch(head)
        fb.place(head)
        number = fb.let(f"call i64 @ph_take(ptr %ctx, i64 {first}, i64 {end}, i64 %tid)")
        fb.branch_if(fb.cmp("slt", "i64", number, 0), done, work)
        fb.place(work)
        begin = fb.mul(fb.sub(number, first), grain)
        self._call(function, row, begin, fb.min(fb.add(begin, grain), units))
        self._count_done()
        fb.branch(head)
        fb.place(done)

    def _launch(self) -> tuple[str, str, str]:
        """(function, row in the table of launches, row in that of cycles) of the launch that comes next; its tables are
        filled in."""
        fb = self.fb
        function = fb.load("ptr", fb.gep("ptr", "@functions", self._number()))
        units, row = self._number(), self._number()
        for ty, whole, own in (("ptr", "%bufs", self.bufs), ("i64", "%dims", self.dims)):
            with fb.loop(0, self._number()) as i:
                fb.store(ty, fb.load(ty, fb.gep(ty, whole, self._number())), fb.gep(ty, own, i))
        return function, units, row

    def _column(self, row: str, column: int) -> str:
        fb = self.fb
        return fb.load("i64", fb.gep("i64", "%units", fb.add(fb.mul(row, COLUMNS), column)))

    def _call(self, function: str, row: str, begin: Operand, end: Operand) -> None:
        call = f"call void {function}(ptr {self.bufs}, ptr {self.dims}, i64 {begin}, i64 {end})"
        if not self.profile:
            self.fb.emit(call)
            return
        start = read_clock(self.fb)
        self.fb.emit(call)
        count_cycles(self.fb, start, "%ticks", row)

    def _count_done(self) -> None:
        self.fb.store("i64", self.fb.add(self.fb.load("i64", "%done"), 1), "%done")


def read_clock(fb: FunctionBuilder) -> str:
    """The cycles that this core has counted."""
    return fb.call("llvm.readcyclecounter", "i64", [])


def count_cycles(fb: FunctionBuilder, start: str, ticks: str, row: Operand) -> None:
    """Add the cycles since ``start`` to a row of this thread's table of cycles, and one to the calls."""
    spent = fb.sub(read_clock(fb), start)
    for offset, amount in ((0, spent), (1, 1)):
        cell = fb.gep("i64", ticks, fb.add(fb.mul(row, 2), offset))
        fb.store("i64", fb.add(fb.load("i64", cell), amount), cell)
