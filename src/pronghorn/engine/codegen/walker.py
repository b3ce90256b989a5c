"""The functions that go through a step's list of launches (`listing`); they are the same for every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand
from pronghorn.engine.codegen.units import COLUMNS

MEET, RUN, SHARE, CHAIN = range(4)

NUMBER = "i32"
PARAMETERS = (
    *((name, "ptr") for name in ("ctx", "bufs", "dims", "units")),
    ("tid", "i64"),
    *((name, "ptr") for name in ("next", "done", "ticks", "functions", "list")),
    *((name, "i64") for name in ("begin", "end")),
)
WALKERS = {False: "ph_run_list", True: "ph_run_list_timed"}
"""The functions that go through a list, by whether they count cycles."""

ROW_PARAMETERS = (
    *((name, "ptr") for name in ("bufs", "dims", "units", "ticks", "functions", "list")),
    *((name, "i64") for name in ("begin", "end")),
)
ROW_WALKERS = {False: "ph_run_all", True: "ph_run_all_timed"}
"""The functions that run all launches of a list, which this thread has to itself."""


def walkers(linkage: str = "") -> str:
    """The LLVM IR of the functions that go through a list, which call those of `runtime.native`."""
    module = ModuleBuilder()
    for profile, name in WALKERS.items():
        Walker(module, name, linkage, profile, PARAMETERS).write()
    for profile, name in ROW_WALKERS.items():
        Walker(module, name, linkage, profile, ROW_PARAMETERS).write_all()
    return module.text()


class Walker:
    """Writes a function that goes through a list from ``begin`` to ``end``."""

    def __init__(
        self, module: ModuleBuilder, name: str, linkage: str, profile: bool, given: Sequence[tuple[str, str]]
    ) -> None:
        parameters = [(ty, name) for name, ty in given]
        self.fb = fb = module.function(name, parameters, linkage=linkage, attributes="noinline nounwind")
        self.profile = profile
        self.at = fb.alloca("i64")
        most = [fb.cast("zext", fb.load(NUMBER, fb.gep(NUMBER, "%list", i)), NUMBER, "i64") for i in range(2)]
        self.bufs, self.dims = (fb.let(f"alloca {ty}, i64 {n}, align 64") for ty, n in zip(("ptr", "i64"), most))

    def write(self) -> None:
        """The function."""
        fb = self.fb
        fb.store("i64", "%begin", self.at)
        head, look, meet, other = fb.label("head"), fb.label("look"), fb.label("meet"), fb.label("other")
        run, share, out = fb.label("run"), fb.label("share"), fb.label("out")
        units, chain = fb.label("units"), fb.label("chain")
        fb.branch(head)
        fb.place(head)
        fb.branch_if(fb.cmp("slt", "i64", fb.load("i64", self.at), "%end"), look, out)
        fb.place(look)
        kind = self._number()
        fb.branch_if(fb.cmp("eq", "i64", kind, MEET), meet, other)
        fb.place(other)
        fb.branch_if(fb.cmp("eq", "i64", kind, RUN), run, units)
        fb.place(units)
        fb.branch_if(fb.cmp("eq", "i64", kind, SHARE), share, chain)
        for label, body in ((meet, self._meet), (run, self._run), (share, self._share), (chain, self._chain)):
            fb.place(label)
            body()
            fb.branch(head)
        fb.place(out)
        fb.ret()

    def write_all(self) -> None:
        """The function that runs launch after launch, all units of each."""
        fb = self.fb
        fb.store("i64", "%begin", self.at)
        head, work, out = fb.label("head"), fb.label("work"), fb.label("out")
        fb.branch(head)
        fb.place(head)
        fb.branch_if(fb.cmp("slt", "i64", fb.load("i64", self.at), "%end"), work, out)
        fb.place(work)
        function, units, row = self._launch()
        self._call(function, row, 0, self._column(units, 0))
        fb.branch(head)
        fb.place(out)
        fb.ret()

    def _number(self) -> str:
        """The number that comes next in the table."""
        fb = self.fb
        at = fb.load("i64", self.at)
        fb.store("i64", fb.add(at, 1), self.at)
        return fb.cast("zext", fb.load(NUMBER, fb.gep(NUMBER, "%list", at)), NUMBER, "i64")

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
        count_done(fb, "%done")
        fb.branch(out)
        fb.place(out)
        fb.store("i64", end, self.at)

    def _share(self) -> None:
        """Threads take a grain of units at a time until none are left."""
        fb = self.fb
        function, row_of_units, row = self._launch()
        units, grain, grains = (self._column(row_of_units, column) for column in range(COLUMNS))
        with self._grains(grains) as number:
            begin = fb.mul(number, grain)
            self._call(function, row, begin, fb.min(fb.add(begin, grain), units))

    def _chain(self) -> None:
        """Threads take a grain of units of all launches at a time until none are left."""
        fb = self.fb
        end = fb.add(fb.sub(fb.load("i64", self.at), 1), self._number())
        own = self._number()
        units, grain, grains = (self._column(own, column) for column in range(COLUMNS))
        first = fb.load("i64", self.at)
        with self._grains(grains) as number:
            begin = fb.mul(number, grain)
            stop = fb.min(fb.add(begin, grain), units)
            fb.store("i64", first, self.at)
            again, ran = fb.label("again"), fb.label("ran")
            fb.branch(again)
            fb.place(again)
            function, row_of_units, row = self._launch()
            ratio = self._number()
            self._call(function, row, fb.mul(begin, ratio), fb.min(fb.mul(stop, ratio), self._column(row_of_units, 0)))
            fb.branch_if(fb.cmp("slt", "i64", fb.load("i64", self.at), end), again, ran)
            fb.place(ran)
        fb.store("i64", end, self.at)

    @contextmanager
    def _grains(self, count: Operand) -> Iterator[Operand]:
        """A loop over the grains that this thread is to run, of so many; yields the number of each."""
        with taken(self.fb, "%next", "%done", count) as number:
            yield number

    def _launch(self) -> tuple[str, str, str]:
        """(function, row in the table of launches, row in that of cycles) of the launch that comes next; its tables are
        filled in."""
        fb = self.fb
        function = fb.load("ptr", fb.gep("ptr", "%functions", self._number()))
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
        count_cycles(self.fb, start, "%ticks", row, self.fb.sub(end, begin))


@contextmanager
def taken(fb: FunctionBuilder, following: str, done: str, count: Operand) -> Iterator[Operand]:
    """A loop over grains, of the ``count`` that come next, as long as this thread is given one; yields its number.

    Args:
        fb: the function being written, which has a ``%ctx`` and a ``%tid``.
        following: where the number of the first of them stands, and then that of the first behind them.
        done: where it is counted how many grains this thread has done.
        count: how many grains there are.
    """
    first = fb.load("i64", following)
    end = fb.add(first, count)
    fb.store("i64", end, following)
    head, work, out = fb.label("take"), fb.label("work"), fb.label("done")
    fb.branch(head)
    fb.place(head)
    number = fb.let(f"call i64 @ph_take(ptr %ctx, i64 {first}, i64 {end}, i64 %tid)")
    fb.branch_if(fb.cmp("slt", "i64", number, 0), out, work)
    fb.place(work)
    yield fb.sub(number, first)
    count_done(fb, done)
    fb.branch(head)
    fb.place(out)


def count_done(fb: FunctionBuilder, done: str) -> None:
    """One grain more that this thread has done."""
    fb.store("i64", fb.add(fb.load("i64", done), 1), done)


def read_clock(fb: FunctionBuilder) -> str:
    """The cycles that this core has counted."""
    return fb.call("llvm.readcyclecounter", "i64", [])


def count_cycles(fb: FunctionBuilder, start: str, ticks: str, row: Operand, units: Operand) -> None:
    """Add the cycles since ``start`` to a row of a thread's table of cycles, one to its calls, and the units done."""
    amounts: tuple[Operand, ...] = (fb.sub(read_clock(fb), start), 1, units)
    for offset, amount in enumerate(amounts):
        cell = fb.gep("i64", ticks, fb.add(fb.mul(row, len(amounts)), offset))
        fb.store("i64", fb.add(fb.load("i64", cell), amount), cell)
