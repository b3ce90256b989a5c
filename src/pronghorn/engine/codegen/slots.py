"""Where a kernel finds its buffers and run-time extents: two tables that it is given."""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.units import Count
from pronghorn.engine.compiler.kernels import root_of
from pronghorn.engine.graph.dim import Dim, Extent
from pronghorn.engine.graph.ir import Value

MOST_WRITTEN = 4  # larger numbers are read from the table, in kernels that are no slower for it


@dataclass(frozen=True, slots=True)
class Streamed:
    """The size in bytes of an array, by which a kernel decides whether to store it past the caches; 0 where what it
    writes is read again before it leaves them."""

    nbytes: Extent


class Tables:
    """The numbering of a program's buffers (table ``bufs``) and run-time numbers (table ``dims``)."""

    def __init__(self) -> None:
        self.buffers: dict[Value, int] = {}
        self.extents: dict[Extent | Streamed, int] = {}
        self.aliases: dict[Value, Value] = {}

    def root(self, value: Value) -> Value:
        """The value whose memory ``value`` uses."""
        return root_of(value, self.aliases)

    def buffer(self, value: Value) -> int:
        """The slot of a value's buffer."""
        return self.buffers.setdefault(self.root(value), len(self.buffers))

    def extent(self, extent: Extent | Streamed) -> int:
        """The slot of a run-time extent."""
        return self.extents.setdefault(extent, len(self.extents))


class KernelTables(Tables):
    """The tables as one kernel sees them: its own buffers and extents, numbered in the order in which it uses them.

    The step hands each launch tables of just these, so that kernels that differ only in them are one function.
    """

    def __init__(self, whole: Tables) -> None:
        super().__init__()
        self.aliases = whole.aliases

    @property
    def values(self) -> list[Value]:
        """The buffers' values, in the order of their slots."""
        return list(self.buffers)


class Slots:
    """Access to the tables from one function: everything is loaded once, in its entry block.

    Args:
        fb: the function.
        tables: the kernel's tables.
        most_written: the largest number that is written into the code. Larger ones are read from the table, so that
            kernels that differ in them alone are one function.
    """

    def __init__(self, fb: FunctionBuilder, tables: Tables, most_written: int | None = None):
        self.fb, self.tables, self._most_written = fb, tables, most_written
        self._pointers: dict[int, str] = {}
        self._extents: dict[Extent, str] = {}
        self._divisors: dict[Extent, str] = {}
        self._low_bits: dict[tuple[Extent, int], str] = {}

    def pointer(self, value: Value) -> str:
        """The address of a value's buffer."""
        slot = self.tables.buffer(value)
        if slot not in self._pointers:
            self._pointers[slot] = self.fb.entry_load("ptr", "bufs", slot)
        return self._pointers[slot]

    def is_written(self, number: int) -> bool:
        """Whether a number stands in the code."""
        return self._most_written is None or abs(number) <= self._most_written

    def divisor(self, extent: Extent) -> Operand:
        """An extent to divide by, which is always written where it is known: that makes it a multiplication.

        One of 0 is taken as 1: arrays of no element are read nowhere, but where they would be is worked out.
        """
        if isinstance(extent, int):
            return extent
        if extent not in self._divisors:
            size, fb = self.extent(extent), self.fb
            is_some = fb.entry_let(f"icmp sgt i64 {size}, 0")
            self._divisors[extent] = fb.entry_let(f"select i1 {is_some}, i64 {size}, i64 1")
        return self._divisors[extent]

    def extent(self, extent: Extent) -> Operand:
        """An extent: an int, or loaded from the table. Multiples of one number are loaded once."""
        if isinstance(extent, int) and self.is_written(extent):
            return extent
        return self.loaded(extent)

    def loaded(self, extent: Extent) -> Operand:
        """The same, loaded however small it is, where kernels of any extents are to be one function."""
        if extent not in self._extents:
            base, factor = (extent, 1) if isinstance(extent, int) else _base_of(extent)
            if not self.is_written(factor):
                base, factor = extent, 1
            if base not in self._extents:
                self._extents[base] = self.fb.entry_load("i64", "dims", self.tables.extent(base))
            self._extents[extent] = self.fb.entry_mul(self._extents[base], factor)
        return self._extents[extent]

    def low_bits(self, nbytes: Extent, most: int, width: int) -> str:
        """The bits of an address within ``width`` bytes, a power of two, if an array has more than ``most`` bytes; else
        all bits."""
        key = nbytes, width
        if key not in self._low_bits:
            size = self.fb.entry_load("i64", "dims", self.tables.extent(Streamed(nbytes)))
            large = self.fb.entry_let(f"icmp sgt i64 {size}, {most}")
            self._low_bits[key] = self.fb.entry_let(f"select i1 {large}, i64 {width - 1}, i64 -1")
        return self._low_bits[key]

    def count(self, count: Count) -> Operand:
        """The number that a count stands for, at least 0."""
        number = self.fb.ceil_div(self.extent(count.extent), count.step)
        return self.fb.min(number, count.limit) if count.limit else number


def _base_of(extent: Dim) -> tuple[Extent, int]:
    """What an extent is a multiple of, and how many times."""
    if len(extent.terms) > 1:
        return extent, 1
    ((monomial, factor),) = extent.terms.items()
    return Dim({monomial: 1}), factor
