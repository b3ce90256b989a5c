"""`PRONGHORN_DEBUG=time`: how long each kernel of a compiled step takes, as a table when the program ends."""

from __future__ import annotations

import atexit
import ctypes
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pronghorn.codegen.program import Emitted
from pronghorn.graph.dim import evaluate
from pronghorn.runtime.compile import compile_ir


@dataclass
class Row:
    """What one kernel took, all steps and threads together."""

    name: str
    scope: str
    calls: int
    seconds: float
    units: int = 0
    gflops: float = 0.0


class Profile:
    """Collects the cycles that steps count.

    Cycles become seconds by the clock's rate, measured over the steps themselves. The first step of each layout is left
    out: it pays for page faults.
    """

    def __init__(self, name: str, emitted: Emitted):
        self.name, self._timed = name, emitted.timed
        count = len(emitted.timed)
        self._cycles, self._calls = np.zeros(count), np.zeros(count, np.int64)
        self._work, self._units = np.zeros(count), [0] * count
        self._warm: set[int] = set()
        self.steps, self.seconds, self._threads = 0, 0.0, 1
        atexit.register(self.show)

    def record(self, ticks: np.ndarray, units: np.ndarray, env: Mapping[str, int], seconds: float) -> None:
        """Take in the table of one step, which took ``seconds``, and clear it."""
        if id(ticks) in self._warm:
            self._cycles += ticks[:, :, 0].sum(axis=0)
            self._calls += ticks[:, :, 1].sum(axis=0)
            for i, timed in enumerate(self._timed):
                if timed.launch is not None:
                    self._units[i] = int(units[2 * timed.launch.slot])
                    self._work[i] += 2.0 * evaluate(timed.launch.work, env)
            self.steps += 1
            self.seconds += seconds
            self._threads = int((ticks[:, :, 1].sum(axis=1) > 0).sum())
        self._warm.add(id(ticks))
        ticks.fill(0)

    def rows(self) -> list[Row]:
        """The kernels, slowest first."""
        rate = cycles_per_second()
        rows = []
        for i, timed in enumerate(self._timed):
            seconds = self._cycles[i] / rate
            gflops = self._work[i] / seconds / 1e9 if seconds and self._work[i] else 0.0
            rows.append(Row(timed.name, timed.scope, int(self._calls[i]), seconds, self._units[i], gflops))
        return sorted(rows, key=lambda row: -row.seconds)

    def show(self) -> None:
        """Print the table on the standard error stream."""
        if not self.steps:
            return
        from rich.console import Console

        Console(file=sys.stderr, width=140).print(self.table())

    def table(self) -> object:
        """The kernels as a `rich` table. Times are milliseconds a step, the sum over all threads."""
        from rich.table import Table

        rows = self.rows()
        inside = sum(row.seconds for row in rows)
        per_step = 1e3 / self.steps
        title = (
            f"{self.name}: {self.seconds * per_step:.3f} ms a step over {self.steps} steps, "
            f"{inside * per_step:.3f} ms of it in kernels (sum over {self._threads} threads)"
        )
        table = Table(title=title, title_justify="left")
        for heading in ("kernel", "layer"):
            table.add_column(heading, overflow="fold")
        for heading in ("ms", "%", "calls", "units", "GFLOP/s"):
            table.add_column(heading, justify="right")
        for row in rows:
            share = 100 * row.seconds / inside if inside else 0.0
            speed = f"{row.gflops:.1f}" if row.gflops else ""
            calls = f"{row.calls / self.steps:.0f}"
            table.add_row(
                row.name, row.scope, f"{row.seconds * per_step:.4f}", f"{share:.1f}", calls, str(row.units), speed
            )
        return table


_rate = 0.0


def cycles_per_second() -> float:
    """The rate of the counter that `llvm.readcyclecounter` reads."""
    global _rate
    if not _rate:
        text = "declare i64 @llvm.readcyclecounter()\n"
        text += "define i64 @now() { %t = call i64 @llvm.readcyclecounter() \n ret i64 %t }"
        clock = compile_ir(text, name="clock")
        now = clock.function("now", ctypes.c_int64)
        start, first = time.perf_counter(), now()
        while time.perf_counter() - start < 0.02:
            pass
        _rate = (now() - first) / (time.perf_counter() - start)
    return _rate
