"""Matrices that are computed from halves of bytes, for the kernels that multiply by them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.casts import emit_cast
from pronghorn.engine.codegen.contraction import Array, Halves
from pronghorn.engine.codegen.evaluator import Evaluator
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.compiler.expr import Expr, Index, IndexValue
from pronghorn.engine.compiler.half_bytes import HalfBytes
from pronghorn.engine.compiler.kernels import LoopKernel, Store
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.ir import Aval, Value

__all__ = ["layout_of", "unpacked", "unpacking_kernel"]

_LOOKED_AT = 8  # steps whose groups are compared at a time


def layout_of(made: HalfBytes, tables: Tables) -> Halves:
    """Where a matrix's bytes lie, and what writes its zeros and scales."""
    source = Array(tables.buffer(made.source), made.source.dtype, made.offset)
    step, column = made.strides[made.summed], made.strides[1 - made.summed]
    return Halves(source, column, step, made.packed != made.summed, made.is_signed, _Coefficients(made))


def unpacking_kernel(made: HalfBytes, into: Value) -> LoopKernel:
    """The kernel that computes a matrix, in the order in which its bytes lie."""
    order = made.vars if made.strides[0] >= made.strides[1] else made.vars[::-1]
    offset = linear(tuple(map(Index.of, order)), tuple(var.extent for var in order))
    kernel = LoopKernel(vars=order, stores=[Store(into, made.element, offset)])
    kernel.reads, kernel.writes = made.reads(), {into}
    return kernel


def unpacked(made: HalfBytes) -> Aval:
    """The array that such a kernel fills."""
    rows, columns = (var.extent for var in made.vars)
    return Aval((rows * columns,), made.element.dtype)


@dataclass(frozen=True)
class _Coefficients:
    """See :class:`.contraction.few_rows.half_bytes.Coefficients`."""

    made: HalfBytes

    def has_zero(self) -> bool:
        return self.made.zero is not None

    def changes_inputs(self) -> bool:
        return bool(self.made.of_inputs())

    def has_groups(self) -> bool:
        return bool(self.made.groups())

    def of_inputs(
        self, fb: FunctionBuilder, slots: Slots, step: Operand, lanes: int, mask: Operand | None
    ) -> list[tuple[str, str]]:
        factors = self.made.of_inputs()
        ev = Evaluator(fb, slots, [factor for _, factor in factors], self.made.step)
        with ev.bind(self.made.step, step, hoist=False):
            ev.mask = mask
            return [
                ("f" + name, emit_cast(fb, ev.value(factor, lanes), factor.dtype, "float32", lanes))
                for name, factor in factors
            ]

    def end_of_group(self, fb: FunctionBuilder, slots: Slots, begin: Operand, stop: Operand) -> Operand:
        groups = [IndexValue(Index.of(term), "int64") for term in self.made.groups()]
        if not groups:
            return stop
        first = self._numbers(fb, slots, groups, begin, 1, None)
        lanes, ty = _LOOKED_AT, vec("i64", _LOOKED_AT)
        with fb.loop_carry(fb.add(begin, 1), stop, [("i64", stop)]) as loop:
            left = fb.sub(stop, loop.index)
            other = fb.splat("false", "i1", lanes)
            for own, number in zip(
                first, self._numbers(fb, slots, groups, loop.index, lanes, fb.mask_first(left, lanes)), strict=True
            ):
                differ = fb.cmp("ne", ty, fb.splat(own, "i64", lanes), number)
                other = fb.op("or", vec("i1", lanes), other, differ)
            bits = fb.cast("bitcast", other, vec("i1", lanes), f"i{lanes}")
            first_other = fb.call(f"llvm.cttz.i{lanes}", f"i{lanes}", [(f"i{lanes}", bits), ("i1", "false")])
            same = fb.min(fb.cast("zext", first_other, f"i{lanes}", "i64"), left)
            is_end = fb.cmp("slt", "i64", same, fb.min(left, lanes))
            here = fb.add(loop.index, same)
            loop.following.append(fb.select(is_end, "i64", here, stop))
            loop.onward = fb.select(is_end, "i64", stop, fb.add(loop.index, lanes))
        return loop.results[0]

    def _numbers(
        self,
        fb: FunctionBuilder,
        slots: Slots,
        groups: list[IndexValue],
        step: Operand,
        lanes: int,
        mask: Operand | None,
    ) -> list[str]:
        """By which group ``lanes`` steps go, for each term."""
        ev = Evaluator(fb, slots, groups, self.made.step if lanes > 1 else None)
        with ev.bind(self.made.step, step, hoist=False):
            ev.mask = mask
            return [ev.value(group, lanes) for group in groups]

    def at(
        self, fb: FunctionBuilder, slots: Slots, step: Operand, column: Operand, lanes: int, mask: Operand | None
    ) -> tuple[str | None, list[tuple[str, str]]]:
        made = self.made
        ev = Evaluator(fb, slots, made.coefficients(), made.column if lanes > 1 else None)
        with ExitStack() as stack:
            for var, value in ((made.step, step), (made.column, column)):
                stack.enter_context(ev.bind(var, value, hoist=False))
            ev.mask = mask

            def floats(expr: Expr) -> str:
                return emit_cast(fb, ev.value(expr, lanes), expr.dtype, "float32", lanes)

            zero = None if made.zero is None else floats(made.zero)
            return zero, [("f" + name, floats(factor)) for name, factor in made.of_groups()]
