"""Launches that depend on the weights alone, such as packing them into panels: they need not run at every call.

A step that changes no variable computes the same of its weights each time: panels of matrices, transforms of filters,
scales that a normalization's moments give. Such launches stand in front of all others, and what they write lies in
memory that stays. The runtime lets them run once for the values that the variables have; later, they have no units.
Every bit is as if they ran each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.slots import Streamed
from pronghorn.engine.compiler.kernels import Program
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, product
from pronghorn.engine.graph.ir import Value

MOST_KEPT = 3  # times the bytes of all weights; a transform of filters takes up to four times those of its own


class Preparation:
    """Finds a program's launches of this kind.

    Args:
        program: it.
        weights: the variables' values.
        external: values whose memory the caller provides.
        constants: arrays that the program holds; others may come to them.
        root: leads to the memory of a value.
    """

    def __init__(
        self,
        program: Program,
        weights: Collection[Value],
        external: Collection[Value],
        constants: Collection[Value],
        root: Callable[[Value], Value],
    ) -> None:
        self._external, self._constants, self._root = external, constants, root
        self._weights = set(weights)
        self._room = MOST_KEPT * sum(_bytes(v) for v in weights)
        self._times = Counter(v for kernel in program.kernels for v in {root(v) for v in kernel.writes})
        self.kept: set[Value] = set()

    def apart(self, launches: Iterable[Launch]) -> tuple[list[Launch], list[Launch]]:
        """Launches that stand one after the other: those that depend on the weights alone, and the others."""
        launches = list(launches)
        times = Counter(v for launch in launches for v in {self._root(v) for v in launch.writes})
        first: list[Launch] = []
        rest: list[Launch] = []
        for launch in launches:
            writes = {self._root(v) for v in launch.writes}
            reads = {self._root(v) for v in launch.reads} - writes
            once = all(times[v] == 1 and self._times[v] < 2 and v not in self._external for v in writes)
            if once and self._is_of_weights(reads) and _is_fixed(launch, reads | writes) and self._pays(reads, writes):
                self.kept |= writes
                self._room -= sum(map(_bytes, writes))
                first.append(launch)
            else:
                rest.append(launch)
        return _packing_always(first, rest)

    def _is_of_weights(self, reads: set[Value]) -> bool:
        return all(v in self._weights or v in self._constants or v in self.kept for v in reads)

    def _pays(self, reads: set[Value], writes: set[Value]) -> bool:
        """Whether what stays takes no more memory than it may: weights that are stored in few bits stay so."""
        narrowest = min((dtypes.itemsize(v.dtype) for v in reads), default=0)
        wider = sum(_bytes(v) for v in writes if dtypes.itemsize(v.dtype) > narrowest)
        return wider <= sum(map(_bytes, reads)) and sum(map(_bytes, writes)) <= self._room


def _packing_always(first: list[Launch], rest: list[Launch]) -> tuple[list[Launch], list[Launch]]:
    """The launches with panels for any number of rows, where those that read a matrix as it lies save packing alone."""
    few = {_kernel_of(launch) for launch in rest if launch.few_rows and launch.label.endswith(".few")}
    packed = {_kernel_of(launch) for launch in first if launch.lays_out and launch.units.only is not None} & few
    rest = [launch for launch in rest if not (launch.few_rows and _kernel_of(launch) in packed)]
    always = [[_always(v) if _kernel_of(v) in packed else v for v in part] for part in (first, rest)]
    return always[0], always[1]


def _kernel_of(launch: Launch) -> str:
    return launch.label.rpartition(".")[0]


def _always(launch: Launch) -> Launch:
    return replace(launch, units=replace(launch.units, only=None))


def _is_fixed(launch: Launch, memory: set[Value]) -> bool:
    """Whether a launch does the same whatever the extents are that differ from call to call, if it runs."""
    if launch.units.counts or any(isinstance(extent, Dim) for v in memory for extent in v.shape):
        return False
    sizes = [e.nbytes if isinstance(e, Streamed) else e for e in launch.extents]
    return launch.lays_out or not any(isinstance(size, Dim) for size in sizes)


def _bytes(value: Value) -> int:
    size = product(value.shape) * dtypes.itemsize(value.dtype)
    return size if isinstance(size, int) else 0
