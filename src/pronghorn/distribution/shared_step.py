"""A step that several processes compute together, or one in pieces: what runs it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn.calls.batch import OwnRows
from pronghorn.distribution import pieces
from pronghorn.distribution.communicator import Communicator
from pronghorn.distribution.partition.stages import Exchange, Program, Stages
from pronghorn.distribution.pieces import TreeSum
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.numpy.executable import copied_into
from pronghorn.engine.backends.table_executable import TableExecutable
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import BATCH, evaluate
from pronghorn.engine.graph.ir import Value

_MOST_FREE = 64  # arrays, from batches of other sizes
_LINE = 64  # bytes: parts of a flat buffer begin at a line of the cache
_SUMMED_WIDER = {"float16": "float32", "bfloat16": "float32", "bool": "int32"}


class Part(NamedTuple):
    """A term's place in a flat buffer."""

    exchange: Exchange
    dtype: str
    start: int
    stop: int
    shape: tuple[int, ...]


class SharedStep:
    """Runs a step in stages, with the interface of `pronghorn.engine.backends.llvm.Executable`.

    Args:
        stages: the step in stages.
        gathered: arguments that come as a pair (array, row numbers).
        engine: what runs the programs.
        communicator: the processes.
        fixed: whether batches are cut into pieces and summed in an order that do not depend on how many there are.
        own_rows: whether each process is given its rows alone, rather than the whole batch.
    """

    rows_at_once: int | None = None  # rows meet
    takes_shares = True

    def __init__(
        self,
        stages: Stages,
        gathered: Sequence[int],
        engine: str,
        communicator: Communicator,
        fixed: bool,
        own_rows: bool,
    ):
        self._stages, self._communicator, self._fixed = stages, communicator, fixed
        self._own_rows = own_rows and communicator.count > 1
        self._gathered = frozenset(gathered)
        made = [stage.program for stage in stages.stages] + ([] if stages.last is None else [stages.last])
        self._executables = {id(program): self._compiled(program, engine) for program in made}
        self.taken_later = {name for program in made for name in program.takes if isinstance(name, Value)}
        self._layouts: dict[tuple[int, int], tuple[dict[str, int], list[Part]]] = {}
        self.buffers = Buffers()

    def _compiled(self, program: Program, engine: str) -> Any:
        gathered = [i for i, name in enumerate(program.takes) if type(name) is int and name in self._gathered]
        return choice.executable(engine, program.traced, gathered)

    def __call__(self, *arguments: Any) -> list[np.ndarray]:
        """Return the step's results for the whole batch; every process is given the same."""
        total = self._rows(arguments)
        if self._own_rows:
            edges = [0, *itertools.accumulate(self._communicator.everyones(total))]
            shares = [range(i, i + 1) for i in range(self._communicator.count)]
            return _Run(self, arguments, edges, shares).results()
        count = pieces.fixed_count(total) if self._fixed else self._communicator.count
        shares = [pieces.share(count, self._communicator.count, r) for r in range(self._communicator.count)]
        return _Run(self, arguments, pieces.bounds(total, count), shares).results()

    def _rows(self, arguments: Sequence[Any]) -> int:
        number = self._stages.row_arguments[0]
        if isinstance(arguments[number], OwnRows):
            return arguments[number].total
        return len(arguments[number][1]) if number in self._gathered else arguments[number].shape[0]

    def layout(self, number: int, total: int) -> tuple[dict[str, int], list[Part]]:
        """How the terms of a stage lie in flat buffers, one for each type: their lengths, and the parts.

        Args:
            number: of the stage.
            total: rows of the batch.
        """
        key = number, total
        if key not in self._layouts:
            lengths: dict[str, int] = {}
            parts = []
            for exchange in self._stages.stages[number].exchanges:
                if not exchange.is_sum:
                    continue
                own = exchange.part.dtype
                dtype = _SUMMED_WIDER.get(own, own)
                shape = tuple(evaluate(extent, {"total": total}) for extent in exchange.part.shape)
                start, size = lengths.get(dtype, 0), int(np.prod(shape, dtype=np.int64))
                parts.append(Part(exchange, dtype, start, start + size, shape))
                line = _LINE // dtypes.itemsize(dtype)
                lengths[dtype] = start + -(-size // line) * line
            if len(self._layouts) > 256:
                self._layouts.clear()
            self._layouts[key] = lengths, parts
        return self._layouts[key]


class Buffers:
    """Flat arrays that are used again from step to step."""

    def __init__(self) -> None:
        self._free: dict[tuple[str, int], list[np.ndarray]] = {}
        self._used: list[np.ndarray] = []

    def take(self, dtype: str, length: int) -> np.ndarray:
        """Return an array that nobody uses."""
        free = self._free.setdefault((dtype, length), [])
        array = free.pop() if free else np.zeros(length, dtypes.to_numpy(dtype))
        self._used.append(array)
        return array

    def give_back(self, array: np.ndarray) -> None:
        """Take an array back."""
        self._used = [used for used in self._used if used is not array]
        self._free.setdefault((dtypes.name_of(array.dtype), len(array)), []).append(array)

    def give_back_all(self) -> None:
        """Take all arrays back, at the end of a step."""
        if sum(map(len, self._free.values())) > _MOST_FREE:
            self._free.clear()
        for array in self._used:
            self._free.setdefault((dtypes.name_of(array.dtype), len(array)), []).append(array)
        self._used = []


class _Run:
    """A step for one batch."""

    def __init__(self, step: SharedStep, arguments: Sequence[Any], edges: Sequence[int], shares: Sequence[range]):
        self._step, self._arguments, self._total = step, arguments, edges[-1]
        self._bounds, self._shares = edges, shares
        self._own = shares[step._communicator.rank]
        self._wholes: dict[Value, np.ndarray] = {}
        self._kept: dict[tuple[int, Value], np.ndarray] = {}
        self._marker = np.empty((self._total, 0), np.int8)
        self._direct: dict[int, np.ndarray] = {}

    def results(self) -> list[np.ndarray]:
        stages = self._step._stages
        try:
            for number in range(len(stages.stages)):
                self._stage(number)
            found: list[np.ndarray] = []
            if stages.last is not None:
                found = self._step._executables[id(stages.last)](*self._operands(stages.last, None))
        finally:
            self._step.buffers.give_back_all()
        return [self._direct[i] if place is None else found[place] for i, place in enumerate(stages.results)]

    def _stage(self, number: int) -> None:
        step, stage = self._step, self._step._stages.stages[number]
        lengths, parts = step.layout(number, self._total)
        gathers = [e for e in stage.exchanges if not e.is_sum]
        own_rows: dict[int, list[np.ndarray]] = {i: [] for i in range(len(gathers))}
        sums = {dtype: TreeSum(self._added) for dtype in lengths}
        for piece in self._own:
            flat = {dtype: step.buffers.take(dtype, length) for dtype, length in lengths.items()}
            given = self._run(stage.program, piece, parts, flat)
            for dtype, buffer in flat.items():
                sums[dtype].take(piece, 1, buffer)
            for i, exchange in enumerate(gathers):
                own_rows[i].append(given[exchange.part])
        self._sum(lengths, parts, sums)
        for i, exchange in enumerate(gathers):
            self._gather(exchange, own_rows[i])

    def _run(
        self, program: Program, piece: int, parts: Sequence[Part], flat: Mapping[str, np.ndarray]
    ) -> dict[Value, np.ndarray]:
        """Run a stage's program on a piece; terms go into the flat buffers."""
        places = {p.exchange.part: flat[p.dtype][p.start : p.stop].reshape(p.shape) for p in parts}
        executable = self._step._executables[id(program)]
        into = [places[v] if v in places and places[v].dtype == _dtype(v) else None for v in program.gives]
        given = dict(zip(program.gives, _called(executable, self._operands(program, piece), into)))
        for value, place in places.items():
            if given[value] is not place:
                np.copyto(place, given[value], casting="unsafe")
        for value, array in given.items():
            if value in self._step.taken_later:  # a flat buffer is summed into
                self._kept[piece, value] = array.copy() if value in places else array
        return given

    def _operands(self, program: Program, piece: int | None) -> list[Any]:
        start, stop = (0, self._total) if piece is None else self._bounds[piece : piece + 2]
        return [self._operand(name, piece, start, stop) for name in program.takes]

    def _operand(self, name: int | Value | str, piece: int | None, start: int, stop: int) -> Any:
        if name == "total":
            return self._marker
        if name == "start":
            return np.asarray(start, np.int32)
        if isinstance(name, Value):
            return self._wholes[name] if name in self._wholes else self._kept[piece, name]  # type: ignore[index]
        argument = self._arguments[name]  # type: ignore[index]
        if name not in self._step._stages.row_arguments or self._step._own_rows:
            return argument
        if isinstance(argument, OwnRows):
            return argument.array[start - argument.start : stop - argument.start]
        if name in self._step._gathered:
            return argument[0], argument[1][start:stop]
        return argument[start:stop]

    def _added(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        np.add(one, other, out=one)
        self._step.buffers.give_back(other)
        return one

    def _sum(self, lengths: Mapping[str, int], parts: Sequence[Part], sums: Mapping[str, TreeSum]) -> None:
        step, communicator = self._step, self._step._communicator
        whole: dict[str, np.ndarray] = {}
        for dtype, length in lengths.items():
            if step._fixed:
                whole[dtype] = communicator.sum_in_order(sums[dtype], self._shares, length, dtypes.to_numpy(dtype))
            elif communicator.count == 1:
                whole[dtype] = sums[dtype].result()
            else:
                whole[dtype] = step.buffers.take(dtype, length)
                communicator.sum(sums[dtype].result(), whole[dtype])
        for part in parts:
            array = whole[part.dtype][part.start : part.stop].reshape(part.shape)
            own = _dtype(part.exchange.part)
            self._give(part.exchange, array if array.dtype == own else array.astype(own))

    def _gather(self, exchange: Exchange, own: Sequence[np.ndarray]) -> None:
        shape = [evaluate(extent, {BATCH: 1, "total": self._total}) for extent in exchange.part.shape]
        empty = np.empty((0, *shape[1:]), _dtype(exchange.part))
        array = np.ascontiguousarray(np.concatenate([empty, *own]) if len(own) != 1 else own[0])
        rows = [shape[0] * (self._bounds[r.stop] - self._bounds[r.start]) for r in self._shares]
        self._give(exchange, self._step._communicator.rows(array, rows))

    def _give(self, exchange: Exchange, array: np.ndarray) -> None:
        if exchange.result is None:
            self._wholes[exchange.whole] = array
        else:
            self._direct[exchange.result] = array


def _dtype(value: Value) -> np.dtype:
    return dtypes.to_numpy(value.dtype)


def _called(executable: Any, operands: Sequence[Any], into: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """Results, in those arrays that are given; another engine's are put there."""
    if isinstance(executable, TableExecutable):
        return copied_into(into, [np.asarray(result) for result in executable(*operands)])
    return executable(*operands, into=into)
