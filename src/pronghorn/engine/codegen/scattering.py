"""Scatter: updates combined into rows of an array, in order."""

from __future__ import annotations

from functools import partial

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel, whole_or_masked
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, llvm_type
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.cumulative import block_lanes, combine
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.values import is_signed, load_value, store_value, value_type
from pronghorn.engine.graph.dim import Extent

__all__ = ["emit_scatter", "scatter_units"]


def scatter_units(inner: Extent, dtype: str) -> Extent:
    """How many units of work there are: blocks of columns, a cache line wide; ``inner`` may be an int or symbolic.

    >>> scatter_units(64, "float32"), scatter_units(1, "int32")
    (4, 1)
    """
    lanes = block_lanes(dtype)
    return (inner + (lanes - 1)) // lanes


def emit_scatter(
    module: ModuleBuilder,
    name: str,
    tables: Tables,
    mode: str,
    dtype: str,
    index_dtype: str,
    rows: Extent,
    inner: Extent,
    count: Extent,
    source: int | None,
    indices: int,
    updates: int,
    target: int,
) -> None:
    """Writes the kernel of ``scatter``. A unit of work does its columns for all updates, in their order.

    Values are rounded to ``dtype`` after every update; sums in a 16-bit float are better taken in float32.

    Args:
        module: where the kernel goes.
        name: its name.
        tables: where the step has run-time extents.
        mode: ``"add"``, ``"set"``, ``"max"``, ``"min"`` or ``"mul"``.
        dtype: the element type of the array and of the updates.
        index_dtype: the integer type of the indices.
        rows: the array's first extent; updates of other rows are dropped.
        inner: how many elements a row has.
        count: how many updates there are.
        source: the slot of the array to start from; None for one of zeros.
        indices: the slot of the indices.
        updates: the slot of the updates, ``[count, inner]``.
        target: the slot of the result.
    """
    fb = start_kernel(module, name)
    extent = Slots(fb, tables).extent
    x = None if source is None else base_pointer(fb, source)
    at, new, out = (base_pointer(fb, slot) for slot in (indices, updates, target))
    height, width, total = extent(rows), extent(inner), extent(count)
    lanes = _lanes(width, dtype)
    kernel = _Scatter(fb, mode, dtype, index_dtype, height, width, total, lanes)
    with fb.loop("%begin", "%end") as unit:
        column = fb.mul(unit, block_lanes(dtype))
        if isinstance(width, int) and width % lanes == 0:
            kernel.unit(x, at, new, out, column, None)
        else:
            unit_of = partial(kernel.unit, x, at, new, out, column)
            whole_or_masked(fb, fb.sub(width, column), lanes, unit_of)
    fb.ret()


def _lanes(width: Operand, dtype: str) -> int:
    """The vector to use: a unit's block, or less where rows are known to be shorter."""
    block = block_lanes(dtype)
    if not isinstance(width, int):
        return block
    return min(block, 1 << max(0, width - 1).bit_length())


class _Scatter:
    """Writes the loops of one unit of work."""

    def __init__(
        self,
        fb: FunctionBuilder,
        mode: str,
        dtype: str,
        index_dtype: str,
        rows: Operand,
        inner: Operand,
        count: Operand,
        lanes: int,
    ) -> None:
        self.fb, self.mode, self.dtype, self.index_dtype = fb, mode, dtype, index_dtype
        self.rows, self.inner, self.count, self.lanes = rows, inner, count, lanes
        self.memory = storage_type(dtype)

    def unit(self, x: str | None, at: str, new: str, out: str, column: Operand, mask: str | None) -> None:
        """Starts the unit's columns off, then applies all updates to them."""
        fb = self.fb
        with fb.loop(0, self.rows if x is None else self._rows_to_copy(x, out)) as row:
            self._store(self._start(x, row, column, mask), out, row, column, mask)
        with fb.loop(0, self.count) as number:
            row = self._index(at, number)
            with fb.if_(fb.cmp("ult", "i64", row, self.rows)):
                value = self._load(new, number, column, mask)
                if self.mode != "set":
                    old = self._load(out, row, column, mask)
                    value = combine(fb, self.mode, old, value, self.dtype, self.lanes)
                self._store(value, out, row, column, mask)

    def _rows_to_copy(self, x: str, out: str) -> Operand:
        """All, unless the array lies where the result is to lie, as a variable's old value does."""
        fb = self.fb
        return fb.select(fb.cmp("eq", "ptr", x, out), "i64", 0, self.rows)

    def _start(self, x: str | None, row: Operand, column: Operand, mask: str | None) -> str:
        if x is None:
            return literal(0, value_type(self.dtype, self.lanes))
        return self._load(x, row, column, mask)

    def _index(self, at: str, number: Operand) -> Operand:
        """A row as i64; a negative one is a huge unsigned number."""
        fb, ty = self.fb, llvm_type(self.index_dtype)
        index = fb.load(ty, fb.gep(ty, at, number))
        return index if ty == "i64" else fb.cast("sext" if is_signed(self.index_dtype) else "zext", index, ty, "i64")

    def _address(self, base: str, row: Operand, column: Operand) -> str:
        return self.fb.gep(self.memory, base, self.fb.add(self.fb.mul(row, self.inner), column))

    def _load(self, base: str, row: Operand, column: Operand, mask: str | None) -> str:
        return load_value(self.fb, self.dtype, self._address(base, row, column), self.lanes, mask)

    def _store(self, value: str, base: str, row: Operand, column: Operand, mask: str | None) -> None:
        store_value(self.fb, self.dtype, value, self._address(base, row, column), self.lanes, mask)
