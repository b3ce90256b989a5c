"""What reductions add up in: a register or a stack slot for each, a lane for each element that is taken at once."""

from __future__ import annotations

import numpy as np

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.elementwise import emit_elementwise
from pronghorn.engine.codegen.values import value_type
from pronghorn.engine.compiler.kernels import Reduction
from pronghorn.engine.graph import dtypes

_COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "and": "and", "or": "or"}


def neutral(op: str, dtype: str) -> float | int | bool:
    """The value that changes nothing."""
    if op in ("sum", "or"):
        return 0
    if op == "prod":
        return 1
    if op == "and":
        return True if dtype == "bool" else -1 if dtype.startswith("int") else int(np.iinfo(dtype).max)
    lowest = op in ("max", "argmax")
    if dtype == "bool":
        return not lowest
    if dtypes.is_integer(dtype):
        info = np.iinfo(dtype)
        return int(info.min if lowest else info.max)
    return float("-inf") if lowest else float("inf")


class State:
    """The accumulator of one reduction: a stack slot that the optimiser turns into a register.

    Args:
        fb: the function being written.
        reduction: what is accumulated.
        lanes: how many of its elements at once.
        along_lanes: whether the lanes are elements of one result, to be combined in the end.
        kept: an array of accumulators, the place of the first lane in it, and whether there is nothing in it yet.
    """

    def __init__(
        self,
        fb: FunctionBuilder,
        reduction: Reduction,
        lanes: int,
        along_lanes: bool = False,
        kept: tuple[str, Operand, bool] | None = None,
    ):
        self.fb, self.lanes, self.op, self.along_lanes = fb, lanes, reduction.op, along_lanes
        self.reduction = reduction
        self.dtype = reduction.element.dtype
        self.result = reduction.dtype
        self.ty = value_type(self.dtype, lanes)
        self.slot = fb.alloca(self.ty)
        self.start = neutral(self.op, self.dtype)
        start = literal(self.start, self.ty)
        if kept is not None:
            array, at, empty = kept
            self.kept = fb.gep(value_type(self.dtype), array, at)
            start = start if empty else fb.load(self.ty, self.kept)
        fb.store(self.ty, start, self.slot)
        self.arg = self.op.startswith("arg")
        if self.arg:
            self.where_ty = vec("i32", lanes)
            self.where = fb.alloca(self.where_ty)
            fb.store(self.where_ty, literal(-1, self.where_ty), self.where)

    def keep(self) -> None:
        """Write it back to the array that it was taken from."""
        self.fb.store(self.ty, self.fb.load(self.ty, self.slot), self.kept)

    def update(self, value: str, index: str, mask: Operand | None = None) -> None:
        """Take in one element per lane; ``index`` is the number of each, for argmax."""
        fb = self.fb
        old = fb.load(self.ty, self.slot)
        if not self.arg:
            if mask is not None:
                value = fb.select(mask, self.ty, value, literal(self.start, self.ty))
            fb.store(self.ty, self._combined(self.lanes, old, value), self.slot)
            return
        where = fb.load(self.where_ty, self.where)
        better = self._better(self.lanes, value, index, old, where)
        if mask is not None:
            better = fb.op("and", vec("i1", self.lanes), better, mask)
        fb.store(self.ty, fb.select(better, self.ty, value, old), self.slot)
        fb.store(self.where_ty, fb.select(better, self.where_ty, index, where), self.where)

    def _combined(self, lanes: int, a: str, b: str) -> str:
        return emit_elementwise(self.fb, _COMBINE[self.op], [a, b], [self.dtype] * 2, self.dtype, lanes, {})

    def _better(self, lanes: int, value: str, index: str, old: str, where: str) -> str:
        """Whether (value, index) comes before (old, where): larger (or smaller), NaN first, then the lower index."""
        fb = self.fb
        ty, ity, b = value_type(self.dtype, lanes), vec("i32", lanes), vec("i1", lanes)
        compare = "gt" if self.op == "argmax" else "lt"

        def test(name: str, x: str, y: str) -> str:
            return emit_elementwise(fb, name, [x, y], [self.dtype] * 2, "bool", lanes, {})

        first = fb.cmp("ult", ity, index, where)  # -1, "none yet", is the largest unsigned number
        wins = fb.op("or", b, test(compare, value, old), fb.op("and", b, test("eq", value, old), first))
        if ty.endswith("float") or "float" in ty or "double" in ty:
            nan, was = fb.cmp("uno", ty, value, value), fb.cmp("uno", ty, old, old)
            keep = fb.op("xor", b, was, literal(True, b))
            wins = fb.op("and", b, wins, keep)
            earlier = fb.op("or", b, keep, first)
            wins = fb.op("or", b, wins, fb.op("and", b, nan, earlier))
        return wins

    def finish(self) -> str:
        """The result in each lane."""
        if self.arg:
            return self.fb.load(self.where_ty, self.where)
        return self._as_result(self.fb.load(self.ty, self.slot), self.lanes)

    def finish_lanes(self) -> str:
        """The one result over all lanes, combined in halves: an order that is always the same."""
        fb, lanes = self.fb, self.lanes
        value = fb.load(self.ty, self.slot)
        where = fb.load(self.where_ty, self.where) if self.arg else ""
        while lanes > 1:
            half = lanes // 2
            parts = self._halves(value_type(self.dtype), value, lanes)
            if self.arg:
                places = self._halves("i32", where, lanes)
                better = self._better(half, parts[1], places[1], parts[0], places[0])
                value = fb.select(better, value_type(self.dtype, half), parts[1], parts[0])
                where = fb.select(better, vec("i32", half), places[1], places[0])
            else:
                value = self._combined(half, parts[0], parts[1])
            lanes = half
        return where if self.arg else self._as_result(value, 1)

    def _halves(self, scalar: str, value: str, lanes: int) -> list[str]:
        ty = vec(scalar, lanes)
        if lanes == 2:
            return [self.fb.extract(ty, value, lane) for lane in (0, 1)]
        half = lanes // 2
        return [self.fb.shuffle(ty, value, "poison", range(start, start + half)) for start in (0, half)]

    def _as_result(self, value: str, lanes: int) -> str:
        if self.dtype == self.result:
            return value
        params = {"dtype": self.result}
        return emit_elementwise(self.fb, "cast", [value], [self.dtype], self.result, lanes, params)


def keep_all(states: list[State]) -> None:
    for state in states:
        state.keep()
