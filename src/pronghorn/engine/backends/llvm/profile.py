"""How long each kernel of a compiled step takes: `Model.profile`, and `PRONGHORN_DEBUG=time`."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pronghorn._wording import counted
from pronghorn.engine.codegen.launch import Emitted, Launch
from pronghorn.engine.codegen.units import COLUMNS, row_blocks
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import evaluate, product
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.peak import peak_gflops

MIN_WIDTH = 120  # a narrower table would fold every name
NOTEBOOK_WIDTH = 92


@dataclass(frozen=True)
class KernelTime:
    """What one kernel takes in a step.

    Attributes:
        kernel: its name, as `PRONGHORN_DEBUG=kernels` prints it.
        layer: the layer, loss, metric or optimizer that it computes for; one that ends with `(gradient)` is part of the
            backward pass.
        ms: milliseconds, all threads together.
        share: of the time in all kernels, 0 to 1.
        calls: how often threads called it.
        units: into how many pieces its work is cut.
        gflops: of a contraction, 10^9 multiplications and additions a second of a thread; 0 for others.
        peak: those as a share of what a thread can do at best, 0 to 1.
        nbytes: the size of the arrays that it reads and writes, each counted once for each time that it runs in a step.
    """

    kernel: str
    layer: str
    ms: float
    share: float
    calls: float
    units: int
    gflops: float
    peak: float
    nbytes: int


class Profile:
    """The kernels of a compiled step and what they take, collected while it runs.

    Attributes:
        name: what was measured, such as `"sequential.train_step"`.
        rows: how many kernels and calls are counted.
        steps: how many steps were counted. The first is left out: it pays for page faults.
        seconds: how long those took in all.
        threads: how many threads worked.
    """

    def __init__(self, name: str, emitted: Emitted):
        self.name, self._timed = name, emitted.timed
        self._root: Callable[[Value], Value] = emitted.tables.root
        self.rows = count = len(emitted.timed)
        self._cycles, self._calls = np.zeros(count), np.zeros(count, np.int64)
        self._work, self._units, self._nbytes = np.zeros(count), [0] * count, [0] * count
        self._warm: set[int] = set()
        self.steps, self.seconds, self.threads = 0, 0.0, 1

    def record(self, ticks: np.ndarray, units: np.ndarray, env: Mapping[str, int], seconds: float) -> None:
        """Take in the table of one step, which took ``seconds``, and clear it."""
        if id(ticks) in self._warm:
            self._cycles += ticks[:, :, 0].sum(axis=0)
            calls = ticks[:, :, 1].sum(axis=0)
            self._calls += calls
            done = ticks[:, :, 2].sum(axis=0)
            for i, timed in enumerate(self._timed):
                if timed.launch is not None:
                    once = self._units[i] = int(units[COLUMNS * timed.launch.slot])
                    runs = done[i] / max(once, 1)  # more than one for what is inside of a loop
                    if timed.launch.by_rows:  # a call for each block of rows
                        runs = calls[i] / max(row_blocks(env[timed.launch.by_rows])[1], 1)
                    self._work[i] += 2.0 * runs * evaluate(timed.launch.work, env)
                    self._nbytes[i] = round(runs * self._touched(timed.launch, env))
            self.steps += 1
            self.seconds += seconds
            self.threads = int((ticks[:, :, 1].sum(axis=1) > 0).sum())
        self._warm.add(id(ticks))
        ticks.fill(0)

    def _touched(self, launch: Launch, env: Mapping[str, int]) -> int:
        touched: dict[Value, int] = {}  # by buffer, of which a value may be a part
        for value in launch.reads | launch.writes:
            root = self._root(value)
            touched[root] = min(touched.get(root, 0) + _nbytes(value, env), _nbytes(root, env))
        return sum(touched.values())

    @property
    def ms(self) -> float:
        """Milliseconds a step."""
        return 1e3 * self.seconds / max(self.steps, 1)

    @property
    def kernels(self) -> list[KernelTime]:
        """A row for each kernel that had something to do, slowest first."""
        return sorted(self.in_order, key=lambda row: -row.ms)

    @property
    def in_order(self) -> list[KernelTime]:
        """A row for each kernel that had something to do, in the order in which they run."""
        seconds = self._cycles / cycles_per_second()
        inside = float(seconds.sum()) or 1.0
        rows = []
        for i, timed in enumerate(self._timed):
            if timed.launch is not None and not self._units[i]:
                continue  # there is another for this number of rows
            gflops = float(self._work[i] / seconds[i] / 1e9) if seconds[i] and self._work[i] else 0.0
            row = KernelTime(
                kernel=timed.name,
                layer=timed.scope,
                ms=1e3 * float(seconds[i]) / max(self.steps, 1),
                share=float(seconds[i]) / inside,
                calls=float(self._calls[i]) / max(self.steps, 1),
                units=self._units[i],
                gflops=gflops,
                peak=gflops / peak_gflops(),
                nbytes=self._nbytes[i],
            )
            rows.append(row)
        return rows

    @property
    def layers(self) -> dict[str, float]:
        """Milliseconds a step of each layer's kernels, all threads together, slowest first."""
        total: dict[str, float] = {}
        for row in self.kernels:
            total[row.layer] = total.get(row.layer, 0.0) + row.ms
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def trace(self) -> dict[str, Any]:
        """A step as a Chrome trace, which `chrome://tracing` and https://ui.perfetto.dev show.

        The kernels follow one another, each as long as it takes on average, as if the threads shared it evenly; a row
        above has the layers that they compute for. What a step takes besides is left out.
        """
        events: list[dict[str, Any]] = [
            {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": self.name}},
            {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "layers"}},
            {"ph": "M", "pid": 1, "tid": 2, "name": "thread_name", "args": {"name": "kernels"}},
        ]
        layer: dict[str, Any] = {}
        now = 0.0
        for row in self.in_order:
            span = 1e3 * row.ms / self.threads  # microseconds
            owner = row.layer or "of no layer"
            if owner != layer.get("name"):
                layer = {"ph": "X", "pid": 1, "tid": 1, "name": owner, "ts": now, "dur": 0.0}
                events.append(layer)
            layer["dur"] += span
            what = {"layer": row.layer, "units": row.units, "GFLOP/s": row.gflops, "bytes": row.nbytes}
            events.append({"ph": "X", "pid": 1, "tid": 2, "name": row.kernel, "ts": now, "dur": span, "args": what})
            now += span
        return {"displayTimeUnit": "ns", "traceEvents": events}

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write `trace()` as JSON, compressed if the path ends with `.gz`."""
        data = json.dumps(self.trace()).encode()
        with open(path, "wb") as stream:
            stream.write(gzip.compress(data) if os.fspath(path).endswith(".gz") else data)

    def __repr__(self) -> str:
        return f"<Profile of {self.name}: {self.ms:.3f} ms a step, {counted(len(self._timed), 'kernel')}>"

    def show(self, file: object = None, smallest: float = 0.0) -> None:
        """Print the table.

        Args:
            file: where to; the standard output by default.
            smallest: kernels with a smaller share than this (0 to 1) become one line.
        """
        console = Console(file=file)  # type: ignore[arg-type]
        # A notebook's page is as wide as it is; a terminal can be made wider.
        console.width = min(console.width, NOTEBOOK_WIDTH) if console.is_jupyter else max(console.width, MIN_WIDTH)
        console.print(self.table(smallest))

    def show_at_end(self) -> None:
        """Print the table on the standard error stream, if any step was counted."""
        if self.steps:
            self.show(sys.stderr)

    def table(self, smallest: float = 0.0) -> object:
        """The kernels as a `rich` table; see `show`."""
        rows = self.kernels
        title = (
            f"{self.name}: {self.ms:.3f} ms a step over {counted(self.steps, 'step')}, "
            f"{sum(row.ms for row in rows):.3f} ms of it "
            f"in kernels (sum over {self.threads} {'thread' if self.threads == 1 else 'threads'}; the peak of one is "
            f"{peak_gflops():.0f} GFLOP/s)"
        )
        table = Table(title=title, title_justify="left")
        for heading in ("kernel", "layer"):
            table.add_column(heading, overflow="fold")
        for heading in ("ms", "%", "units", "GFLOP/s", "% of peak", "kB"):
            table.add_column(heading, justify="right")
        for row in rows:
            if row.share >= smallest:
                speed = (f"{row.gflops:.1f}", f"{100 * row.peak:.0f}") if row.gflops else ("", "")
                size = f"{row.nbytes / 1e3:,.1f}"
                table.add_row(
                    row.kernel, row.layer, f"{row.ms:.4f}", f"{100 * row.share:.1f}", str(row.units), *speed, size
                )
        rest = [row for row in rows if row.share < smallest]
        if rest:
            ms, share = sum(row.ms for row in rest), sum(row.share for row in rest)
            table.add_row(f"{len(rest)} smaller ones", "", f"{ms:.4f}", f"{100 * share:.1f}")
        return table


def _nbytes(value: Value, env: Mapping[str, int]) -> int:
    return evaluate(product(value.shape), env) * dtypes.to_numpy(value.dtype).itemsize


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
