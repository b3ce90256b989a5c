"""The epilogue that pools a contraction's register tile (see `pronghorn.engine.compiler.pool_fusion`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import product as cartesian

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction import Place, TileResult
from pronghorn.engine.codegen.coordinates import lanes_along
from pronghorn.engine.codegen.elementwise import emit_elementwise, emit_zero_sign
from pronghorn.engine.codegen.evaluator import Evaluator
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.values import is_real, round_to, value_type
from pronghorn.engine.compiler.expr import Index, LoopVar
from pronghorn.engine.compiler.kernels import Axis, ContractionKernel, LoopKernel, PoolFusion
from pronghorn.engine.compiler.virtual import linear

Coordinates = Callable[[FunctionBuilder, Place, Slots], list[tuple[LoopVar, Operand]]]


class PoolEpilogue:
    """Called with each finished register tile.

    ``coordinates(fb, place, slots)`` gives the kernel's loop variables with their values at a place.
    """

    def __init__(self, kernel: ContractionKernel, fusion: PoolFusion, tables: Tables, coordinates: Coordinates):
        self.kernel, self.fusion, self.tables = kernel, fusion, tables
        self.coordinates = coordinates
        self._slots: dict[int, Slots] = {}

    def __call__(self, fb: FunctionBuilder, tile: TileResult) -> None:
        slots = self._slots.setdefault(id(fb), Slots(fb, self.tables))
        steps = [self._step(axis) for axis in tile.axes]
        rows = range(0, tile.sizes[0], steps[0])
        columns = range(0, tile.sizes[1], steps[1])
        for i, j, v in cartesian(rows, columns, range(tile.sizes[2])):
            order = cartesian(range(steps[0]), range(steps[1]))
            positions = sorted(order, key=self._row_major(tile))
            values = [self._position(fb, slots, tile, (i + di, j + dj, v)) for di, dj in positions]
            self._pool(fb, slots, tile.place(i, j, v), values)

    def _step(self, axis: Axis | None) -> int:
        return 1 if axis is None or axis.output is None else self.fusion.window[axis.output]

    def _row_major(self, tile: TileResult) -> Callable[[tuple[int, ...]], list[int]]:
        """The order of positions in a window: that of the result's axes."""
        numbers = [number for number, axis in enumerate(tile.axes) if axis is not None]
        numbers.sort(key=lambda number: getattr(tile.axes[number], "output", 0))
        return lambda steps: [steps[number] for number in numbers]

    def _position(self, fb: FunctionBuilder, slots: Slots, tile: TileResult, at: tuple[int, int, int]) -> str:
        """The value of one element that is pooled; other stores of the kernel are written."""
        place = tile.place(*at)
        kernel, fusion = self.kernel, self.fusion
        vector = self._vector(place)
        ev = Evaluator(fb, slots, [s.expr for s in kernel.stores], vector)
        with ExitStack() as stack:
            for var, value in self.coordinates(fb, place, slots):
                stack.enter_context(ev.bind(var, value, hoist=False))
            ev.mask = place.mask
            sums = round_to(fb, kernel.accumulated[0].dtype, tile.sums[at], place.lanes)
            ev.set_accumulated(0, sums, place.lanes)
            offset = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
            for s in kernel.stores:
                if s is not fusion.source or fusion.written:
                    ev.store(s.value, s.offset or offset, s.expr, place.lanes)
            return ev.value(fusion.source.expr, place.lanes)

    def _vector(self, place: Place) -> LoopVar | None:
        return lanes_along(self.kernel, place)[0]

    def _pool(self, fb: FunctionBuilder, slots: Slots, place: Place, values: list[str]) -> None:
        dtype, lanes = self.fusion.source.value.dtype, place.lanes
        best, where = values[0], literal(0, vec("i32", lanes))
        for number, value in enumerate(values[1:], 1):
            wins = _larger(fb, value, best, dtype, lanes)
            where = fb.select(wins, vec("i32", lanes), literal(number, vec("i32", lanes)), where)
            better = fb.select(wins, value_type(dtype, lanes), value, best)
            if is_real(dtype):
                better = emit_zero_sign(RealMath(fb, value_type(dtype), lanes), True, value, best, better)
            best = better
        for reader in self.fusion.readers:
            result = where if reader.reductions[0].op == "argmax" else best
            self._store(fb, slots, place, reader, result)

    def _store(self, fb: FunctionBuilder, slots: Slots, place: Place, reader: LoopKernel, result: str) -> None:
        vector = self._vector(place)
        lane_var = reader.vars[self.kernel.vars.index(vector)] if vector is not None else None
        ev = Evaluator(fb, slots, [s.expr for s in reader.stores], lane_var)
        places: list[Operand] = [value for _, value in self.coordinates(fb, place, slots)]
        with ExitStack() as stack:
            for axis, (var, value) in enumerate(zip(reader.vars, places)):
                stack.enter_context(ev.bind(var, fb.div(value, self.fusion.window[axis]), hoist=False))
            ev.mask = place.mask
            ev.set_accumulated(0, result, place.lanes)
            offset = linear(tuple(map(Index.of, reader.vars)), reader.domain)
            for s in reader.stores:
                ev.store(s.value, s.offset or offset, s.expr, place.lanes)


def _larger(fb: FunctionBuilder, value: str, best: str, dtype: str, lanes: int) -> str:
    """Whether a later value replaces the best so far: it is larger, or the first NaN."""
    greater = emit_elementwise(fb, "gt", [value, best], [dtype, dtype], "bool", lanes, {})
    if not is_real(dtype):
        return greater
    ty, flags = value_type(dtype, lanes), vec("i1", lanes)
    first_nan = fb.op("and", flags, fb.cmp("uno", ty, value, value), fb.cmp("ord", ty, best, best))
    return fb.op("or", flags, greater, first_nan)
