"""Sums over all rows of a contraction's result that its epilogue begins (see `pronghorn.engine.compiler.column_sums`).

A unit of the main kernel adds each vector of its results to a row of sums of its own, which stays in the first-level
cache. The kernel that would have gone over all rows of the result then goes over these. What a unit is follows from
extents alone, and so do the bits of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pronghorn.engine.codegen.arguments import base_pointer
from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal
from pronghorn.engine.codegen.contraction import AnyPlan, ChannelwisePlan, Plan, WidePlan, WinogradPlan
from pronghorn.engine.codegen.contraction.unit_rows import UnitRows
from pronghorn.engine.codegen.evaluator import Evaluator
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.codegen.values import value_type
from pronghorn.engine.compiler.costs import FEWEST_SUMMED_ROWS, LEAST_SUMS_ROWS, MANY_UNITS, typical
from pronghorn.engine.compiler.expr import Index, Load, LoopVar, walk
from pronghorn.engine.compiler.kernels import ContractionKernel, LoopKernel
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Aval, Value

ZEROED = 16  # elements at a time


class UnitSums:
    """The sums of one contraction kernel: arrays of a row for each unit, and how they are made.

    Args:
        kernel: it, whose ``sums`` they are.
        rows: how many rows of sums there are.
        together: how many units one is for.
        tables: where kernels find the arrays.
    """

    def __init__(self, kernel: ContractionKernel, rows: Extent, together: int, tables: Tables) -> None:
        assert kernel.node is not None
        self.kernel, self.tables, self.rows, self.together = kernel, tables, rows, together
        self.column = kernel.vars[-1]
        self.elements = [element for sums in kernel.sums for element in sums.elements]
        graph = kernel.node.outputs[0].graph
        self.arrays = [Value(Aval((self.rows, self.column.extent), e.dtype), graph) for e in self.elements]
        self._rows: dict[int, list[str]] = {}  # where the unit's rows begin, by function
        self._collected: list[str] | None = None

    def units(self, usual: Units) -> Units:
        """Those of the main kernel, where ``usual`` has none together."""
        return usual if self.together == 1 else replace(Units.of(self.rows), only=usual.only)

    def begin(self, fb: FunctionBuilder, row: Operand, first: Operand, last: Operand) -> None:
        """Zero the columns from ``first`` to ``last`` of a row, which a unit is about to add to."""
        slots = Slots(fb, self.tables)
        start = fb.mul(row, slots.extent(self.column.extent))
        rows = self._rows[id(fb)] = []
        for array in self.arrays:
            scalar = value_type(array.dtype)
            rows.append(fb.gep(scalar, base_pointer(fb, self.tables.buffer(array)), start))
            whole = fb.add(first, fb.mul(fb.div(fb.sub(last, first), ZEROED), ZEROED))
            for begin, end, many in ((first, whole, ZEROED), (whole, last, 1)):
                ty = value_type(array.dtype, many)
                if begin != end:
                    with fb.loop(begin, end, many) as column:
                        fb.store(ty, literal(0, ty), fb.gep(scalar, rows[-1], column))

    def types(self, lanes: int) -> list[str]:
        """The types of the vectors that are added up."""
        return [value_type(array.dtype, lanes) for array in self.arrays]

    def take(self, fb: FunctionBuilder, ev: Evaluator, lanes: int, column: Callable[[], Operand]) -> None:
        """Add the elements at a place, which ``ev`` computes, from a column on, or keep them for who collects them."""
        values = [ev.value(element, lanes) for element in self.elements]
        if self._collected is not None:
            self._collected = values
        else:
            self.add(fb, values, column(), lanes, ev.mask)

    def collected(self, body: Callable[[], None]) -> list[str]:
        """The elements that the epilogue takes in ``body``."""
        self._collected = []
        body()
        values, self._collected = self._collected, None
        return values

    def add(
        self, fb: FunctionBuilder, values: Sequence[str], column: Operand, lanes: int, mask: Operand | None
    ) -> None:
        """Add vectors to the unit's sums from a column on."""
        for value, array, row in zip(values, self.arrays, self._rows[id(fb)], strict=True):
            ty, here = value_type(array.dtype, lanes), fb.gep(value_type(array.dtype), row, column)
            if mask is None or lanes == 1:
                fb.store(ty, fb.op("fadd", ty, fb.load(ty, here), value), here)
            else:
                fb.masked_store(ty, fb.op("fadd", ty, fb.masked_load(ty, here, mask), value), here, mask)

    def kernels(self) -> list[LoopKernel]:
        """Those that add up the units' sums."""
        made, arrays = [], iter(self.arrays)
        for sums in self.kernel.sums:
            unit = LoopVar("unit", self.rows)
            offset = Index(0, {unit: self.column.extent, sums.kernel.vars[-1]: 1})
            reductions = [
                replace(reduction, element=Load(next(arrays), offset), vars=(unit,))
                for reduction in sums.kernel.reductions
            ]
            roots = [*(s.expr for s in sums.kernel.stores), *(r.element for r in reductions)]
            reads = {e.value for e in walk(*roots) if isinstance(e, Load)}
            made.append(replace(sums.kernel, reductions=reductions, reads=reads))
        return made


def unit_sums(kernel: ContractionKernel, plan: AnyPlan, tables: Tables) -> UnitSums | None:
    """The sums that a contraction's epilogue can begin: None where lanes run along anything but the last axis."""
    last = len(kernel.vars) - 1
    if not kernel.sums or not isinstance(plan, Plan | WinogradPlan | WidePlan | ChannelwisePlan) or plan.dot:
        return None
    (axis, *merged) = plan.vector.whole
    step = axis.c if axis.group else axis.step
    others = [other for other in plan.spec.axes if other.name != plan.vector.name]
    is_shared = any(other.output == last and other.extent != 1 for outer in others for other in outer.whole)
    if merged or is_shared or axis.output != last or axis.first != 0 or step != 1:
        return None
    units = plan.unit_rows
    if units is None:
        return None
    many, together = _together(units)
    if many * units.length < min(LEAST_SUMS_ROWS, typical(product(kernel.domain[:-1]))):
        return None  # that many rows of sums are as much to go through as the result
    return UnitSums(kernel, (units.count + (many - 1)) // many, together, tables)


def _together(units: UnitRows) -> tuple[int, int]:
    """How many units of other rows are taken together, and how many that is with all panels of these: until they have
    rows enough, but as many as leave groups enough for many threads, and one by one where they are long enough."""
    if units.panels == 0 or (units.panels > 1 and units.length >= LEAST_SUMS_ROWS):
        return 1, 1
    most = typical(units.count) // MANY_UNITS
    many = max(1, min(-(-FEWEST_SUMMED_ROWS // max(1, units.length)), most))
    return many, many * units.panels
