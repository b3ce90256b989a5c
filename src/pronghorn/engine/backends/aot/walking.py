"""The functions that go through a library's list of launches: on the calling thread, or by the caller's parallel-for.

What ``ctx`` points to is, as 64-bit numbers: the number of the next grain, which way the last decision went, the
caller's ``void run(void *context, int64_t count, void (*body)(void *data, int64_t i), void *data)`` or null, and its
context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pronghorn.engine.codegen.builder import ModuleBuilder, Operand
from pronghorn.engine.codegen.walker import PARAMETERS, ROW_PARAMETERS, ROW_WALKERS, SHARE, WALKERS, Walker, taken

CONTEXT_NUMBERS = 4
RUN, RUN_CONTEXT = 2, 3
_GIVEN = ("bufs", "dims", "units", "functions", "list")  # what a grain needs to know, with its place in the list
_GRAIN, _BODY = "ph_run_grain", "ph_run_body"


def walkers(is_parallel: bool) -> str:
    """Their LLVM IR, which calls the functions of `sequential`.

    Args:
        is_parallel: whether a caller may hand over a parallel-for.
    """
    module = ModuleBuilder()
    kind = _Parallel if is_parallel else Walker
    kind(module, WALKERS[False], "internal", False, PARAMETERS).write()
    Walker(module, ROW_WALKERS[False], "internal", False, ROW_PARAMETERS).write_all()
    if is_parallel:
        given = (*((name, "ptr") for name in _GIVEN), ("at", "i64"), ("i", "i64"))
        _Grain(module, _GRAIN, "internal", False, given).write()
        _write_body(module)
    return module.text()


class _Parallel(Walker):
    """Hands the grains of a launch over, where there is a parallel-for."""

    def _share(self) -> None:
        self._note()
        super()._share()

    def _chain(self) -> None:
        self._note()
        super()._chain()

    def _note(self) -> None:
        """Remember where in the list the launches begin, of which the kind has been read."""
        self._start = self.fb.sub(self.fb.load("i64", self.at), 1)

    @contextmanager
    def _grains(self, count: Operand) -> Iterator[Operand]:
        fb = self.fb
        run = fb.load("ptr", fb.gep("i64", "%ctx", RUN))
        handed, alone, over = fb.label("handed"), fb.label("alone"), fb.label("over")
        several = fb.op("and", "i1", fb.cmp("ne", "ptr", run, "null"), fb.cmp("sgt", "i64", count, 1))
        fb.branch_if(several, handed, alone)
        fb.place(handed)
        data = fb.alloca("i64", len(_GIVEN) + 1, align=8)
        for i, name in enumerate(_GIVEN):
            fb.store("ptr", f"%{name}", fb.gep("i64", data, i))
        fb.store("i64", self._start, fb.gep("i64", data, len(_GIVEN)))
        context = fb.load("ptr", fb.gep("i64", "%ctx", RUN_CONTEXT))
        fb.emit(f"call void {run}(ptr {context}, i64 {count}, ptr @{_BODY}, ptr {data})")
        following = fb.add(fb.load("i64", "%next"), count)
        for place in ("%next", "%ctx"):
            fb.store("i64", following, place)
        fb.branch(over)
        fb.place(alone)
        with taken(fb, "%next", "%done", count) as number:
            yield number
        fb.branch(over)
        fb.place(over)


class _Grain(Walker):
    """Runs one grain of the launches at a place in the list."""

    def write(self) -> None:
        fb = self.fb
        fb.store("i64", "%at", self.at)
        share, chain, out = fb.label("share"), fb.label("chain"), fb.label("out")
        fb.branch_if(fb.cmp("eq", "i64", self._number(), SHARE), share, chain)
        for label, body in ((share, self._share), (chain, self._chain)):
            fb.place(label)
            body()
            fb.branch(out)
        fb.place(out)
        fb.ret()

    @contextmanager
    def _grains(self, count: Operand) -> Iterator[Operand]:
        yield "%i"


def _write_body(module: ModuleBuilder) -> None:
    """``void body(void *data, int64_t i)``, which the caller's parallel-for runs."""
    fb = module.function(_BODY, [("ptr", "data"), ("i64", "i")], linkage="internal", attributes="nounwind")
    given = [f"ptr {fb.load('ptr', fb.gep('i64', '%data', i))}" for i in range(len(_GIVEN))]
    at = fb.load("i64", fb.gep("i64", "%data", len(_GIVEN)))
    fb.emit(f"call void @{_GRAIN}({', '.join(given)}, i64 {at}, i64 %i)")
    fb.ret()
