"""The C function around a compiled step: it checks what it is given, fills in the step's tables and runs it.

    int NAME(const void *block, void *arena, size_t arena_bytes, int64_t sizes..., const void *arguments...,
             void *results...)

``block`` is there where the caller holds the variables. The arena has the tables first and then the temporaries;
nothing else is written but the results and, where a step assigns them, the variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pronghorn.engine.backends.aot.refusals import BLOCK_ALIGNMENT, Status, demand, demand_words
from pronghorn.engine.backends.aot.sizes import Sizes, most_rows
from pronghorn.engine.backends.aot.walking import CONTEXT_NUMBERS, RUN, RUN_CONTEXT
from pronghorn.engine.backends.llvm.build import Built
from pronghorn.engine.codegen.builder import FunctionBuilder, Operand
from pronghorn.engine.codegen.program import ALIGNMENT, FIRST_BLOCKS
from pronghorn.engine.codegen.units import COLUMNS, grain_limits
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, product
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.engine.runtime.machines import Machine

BLOCK_ARGS = 6  # numbers in the table of a block
MOST_BYTES = {64: 1 << 46, 32: 1 << 30}
"""By the width of pointers, the most bytes that anything may take."""


@dataclass(frozen=True)
class Block:
    """Where variables lie: in the library's constants, or in a block that the caller gives.

    Attributes:
        offsets: of each variable, in bytes.
        symbol: the name of the constants; empty where the caller gives the block.
        words: what the block begins with, as 64-bit numbers.
    """

    offsets: Mapping[GraphVariable, int]
    symbol: str = ""
    words: Sequence[int] = ()


@dataclass(frozen=True)
class Entry:
    """A function of a library.

    Attributes:
        name: the C function's.
        traced: what it computes.
        sizes: the symbols that are arguments, in order.
        block: where the variables lie.
        packed: offsets of the results in one structure; empty where each is an argument.
        limits: extents that must not be negative.
        is_parallel: whether there is a second function, which takes a parallel-for and its context first.
    """

    name: str
    traced: Traced
    sizes: Sequence[str]
    block: Block
    packed: Sequence[int] = ()
    limits: Sequence[Dim] = field(default_factory=list)
    is_parallel: bool = False

    @property
    def names(self) -> list[str]:
        """The C functions."""
        return [self.name, f"{self.name}_parallel"] if self.is_parallel else [self.name]


def limits_of(graph: Graph) -> list[Dim]:
    """The open extents of what a graph computes that might be negative for some sizes."""
    found: dict[Dim, None] = {}
    for node in graph.nodes:
        for value in node.outputs:
            for extent in value.shape:
                if isinstance(extent, Dim) and any(c < 0 for c in extent.terms.values()):
                    found.setdefault(extent)
    for inner in graph.subgraphs():
        found.update(dict.fromkeys(limits_of(inner)))
    return list(found)


class EntryWriter:
    """Writes the functions of an entry into the module of its step.

    Args:
        entry: the entry.
        built: its step.
        constants: where the step's constants lie: a symbol, and for each slot the offset.
        machine: the machine.
    """

    def __init__(self, entry: Entry, built: Built, constants: tuple[str, Mapping[int, int]], machine: Machine) -> None:
        self._entry, self._plan, self._machine = entry, built.plan, machine
        self._module = built.emitted.module
        self._constants = constants
        graph = entry.traced.graph
        self._arguments = [v.aval for v in graph.inputs[: entry.traced.num_args]]
        self._results = [v.aval for v in graph.outputs[: entry.traced.num_results]]
        self._place_tables()

    def _place_tables(self) -> None:
        """Where each table lies in the arena."""
        plan, word = self._plan, self._machine.pointer_bits // 8
        self._num_buffers = plan.buffers + 1  # the last is for what the code never reads
        self._dims_bytes, self._units_bytes = (8 * n for n in (len(plan.extents) + 1, self._num_units))
        at = 0
        self._at: dict[str, int] = {}
        pairs = [(f"{name}{i}{j}", size) for i in range(len(plan.row_symbols)) for j in range(2)
                 for name, size in (("dims", self._dims_bytes), ("units", self._units_bytes))]  # fmt: skip
        pairs += [(f"args{i}", 8 * BLOCK_ARGS) for i in range(len(plan.row_symbols))]
        tables = [
            ("bufs", self._num_buffers * word),
            ("dims", self._dims_bytes),
            ("units", self._units_bytes),
            ("args", 8 * (FIRST_BLOCKS + len(plan.row_symbols))),
            *pairs,
        ]
        for name, size in tables:
            self._at[name] = at
            at += -(-size // 8) * 8
        self._table_bytes = -(-at // ALIGNMENT) * ALIGNMENT

    @property
    def text(self) -> str:
        """The LLVM IR."""
        return self._module.text()

    @property
    def arena(self) -> int:
        """How many bytes a call needs; 0 where that depends on sizes."""
        if self._entry.sizes:
            return 0
        return self._plan.memory.layout({})[1] + self._table_bytes + ALIGNMENT - 1

    @property
    def _num_units(self) -> int:
        return COLUMNS * (len(self._plan.launches) + 1)

    @property
    def _size_parameters(self) -> list[tuple[str, str]]:
        return [("i64", f"size{i}") for i in range(len(self._entry.sizes))]

    @property
    def _size_operands(self) -> list[tuple[str, Operand]]:
        return [("i64", f"%size{i}") for i in range(len(self._entry.sizes))]

    def _env(self) -> dict[str, Operand]:
        return {name: f"%size{i}" for i, name in enumerate(self._entry.sizes)}

    def write(self) -> None:
        """All of its functions: ``NAME``; ``NAME.bytes``, of the arena; ``NAME.tables``, which depend on extents."""
        self._write_tables()
        self._write_bytes()
        self._write_call()

    def _write_tables(self) -> None:
        parameters = [("ptr", "dims"), ("ptr", "units"), *self._size_parameters]
        fb = self._module.function(
            f"{self._entry.name}.tables", parameters, linkage="internal", attributes="noinline nounwind"
        )
        sizes = Sizes(fb, self._env())
        for i, extent in enumerate(self._plan.extents):
            fb.store("i64", sizes.of(extent), fb.gep("i64", "%dims", i))
        for i, (units, cost, *_) in enumerate(self._plan.launches):
            least, most = grain_limits(cost)
            least = -(-least // units.group) * units.group  # no other thread takes the rest of a group
            row = fb.gep("i64", "%units", COLUMNS * i)
            fb.call("grain", "void", [("ptr", row), ("i64", sizes.units(units)), ("i64", least), ("i64", most)])
        fb.ret()

    # -- the arena ----------------------------------------------------------------------------------------------------
    def _write_bytes(self) -> None:
        """``i64 NAME.bytes(i64 sizes...)``: the bytes of the arena, 0 for sizes that are not allowed."""
        entry = self._entry
        fb = self._module.function(f"{entry.name}.bytes", self._size_parameters, "i64", "internal", "noinline nounwind")
        sizes = Sizes(fb, self._env())
        refused = fb.label("refused")
        for condition in self._conditions(fb, sizes):
            onward = fb.label("onward")
            fb.branch_if(condition, onward, refused)
            fb.place(onward)
        _, nbytes = sizes.places(self._plan.memory)
        fb.ret("i64", fb.add(nbytes, self._table_bytes + ALIGNMENT - 1))
        fb.place(refused)
        fb.ret("i64", 0)

    def _conditions(self, fb: FunctionBuilder, sizes: Sizes) -> Iterator[Operand]:
        """What has to hold of the sizes: the bounds of each first, without which nothing else can be computed."""
        entry, guards = self._entry, self._entry.traced.guards
        nbytes = [product(v.shape) * dtypes.itemsize(v.dtype) for v in (*self._arguments, *self._results)]
        most = most_rows(self._plan, list(entry.sizes), MOST_BYTES[self._machine.pointer_bits], nbytes)
        for name in entry.sizes:
            low, high = guards.ranges.get(name, (0, None))
            yield fb.cmp("sge", "i64", sizes.env[name], low or 0)
            yield fb.cmp("sle", "i64", sizes.env[name], most if high is None else min(most, high))
            for number in sorted(guards.excluded.get(name, ())):
                yield fb.cmp("ne", "i64", sizes.env[name], number)
        for extent in entry.limits:
            yield fb.cmp("sge", "i64", sizes.of(extent), 0)
        for extent, sign in guards.signs.items():
            yield fb.cmp("sgt" if sign else "sle", "i64", sizes.of(extent), 0)
        for extent in guards.nonzero:
            yield fb.cmp("ne", "i64", sizes.of(extent), 0)

    # -- the call -----------------------------------------------------------------------------------------------------
    def _write_call(self) -> None:
        entry, machine = self._entry, self._machine
        block = [] if entry.block.symbol else [("ptr", "block")]
        arguments = [("ptr", f"x{i}") for i in range(len(self._arguments))]
        results = [("ptr", "results")] if entry.packed else [("ptr", f"y{i}") for i in range(len(self._results))]
        arena = [("ptr", "arena"), (machine.size_type, "arena_bytes")]
        parameters = [*block, *arena, *self._size_parameters, *arguments, *results]
        if entry.is_parallel:
            fb = self._write_both(parameters)
        else:
            fb = self._module.function(entry.name, parameters, "i32", attributes="nounwind")
        self._check(fb, [f"%{name}" for _, name in (*block, ("ptr", "arena"), *arguments, *results)], bool(block))
        base = self._aligned(fb)
        tables = {name: fb.gep("i8", base, at) for name, at in self._at.items()}
        self._fill(fb, tables)
        self._fill_blocks(fb, tables)
        self._point(fb, tables["bufs"], fb.gep("i8", base, self._table_bytes))
        context = fb.alloca("i64", CONTEXT_NUMBERS, align=8)
        fb.store("i64", 0, context)
        if entry.is_parallel:
            fb.store("ptr", "%run", fb.gep("i64", context, RUN))
            fb.store("ptr", "%run_context", fb.gep("i64", context, RUN_CONTEXT))
        fb.emit(f"call void @step(ptr {context}, ptr {tables['args']}, i64 0, i64 0)")
        fb.ret("i32", Status.OK)

    def _write_both(self, parameters: Sequence[tuple[str, str]]) -> FunctionBuilder:
        """The functions with and without a parallel-for; returns the one that they call, to be written."""
        entry, handed = self._entry, [("ptr", "run"), ("ptr", "run_context")]
        operands: list[tuple[str, Operand]] = [(ty, f"%{name}") for ty, name in parameters]
        for name, own, given in zip(entry.names, ([], handed), ("null", None), strict=True):
            fb = self._module.function(name, [*own, *parameters], "i32", attributes="nounwind")
            first: list[tuple[str, Operand]] = [(ty, given or f"%{word}") for ty, word in handed]
            fb.ret("i32", fb.call(f"{entry.name}.run", "i32", [*first, *operands]))
        return self._module.function(f"{entry.name}.run", [*handed, *parameters], "i32", "internal", "nounwind")

    def _check(self, fb: FunctionBuilder, pointers: Sequence[str], has_block: bool) -> None:
        """Return an error's number unless all is as it should be."""
        entry, machine = self._entry, self._machine
        for pointer in pointers:
            demand(fb, fb.cmp("ne", "ptr", pointer, "null"), Status.NULL)
        alignments = {f"%x{i}": dtypes.itemsize(v.dtype) for i, v in enumerate(self._arguments)}
        if entry.packed:
            alignments["%results"] = max((dtypes.itemsize(v.dtype) for v in self._results), default=1)
        else:
            alignments |= {f"%y{i}": dtypes.itemsize(v.dtype) for i, v in enumerate(self._results)}
        if has_block:
            alignments["%block"] = BLOCK_ALIGNMENT
        together: Operand = 0  # the bits of all addresses that have to be zero
        for pointer, alignment in alignments.items():
            if alignment > 1:
                bits = fb.let(f"and i64 {fb.cast('ptrtoint', pointer, 'ptr', 'i64')}, {alignment - 1}")
                together = bits if together == 0 else fb.op("or", "i64", together, bits)
        if together != 0:
            demand(fb, fb.cmp("eq", "i64", together, 0), Status.ALIGNMENT)
        if has_block:
            demand_words(fb, "%block", entry.block.words)
        needed = fb.call(f"{entry.name}.bytes", "i64", self._size_operands)
        demand(fb, fb.cmp("ne", "i64", needed, 0), Status.SIZE)
        given: Operand = "%arena_bytes"
        if machine.pointer_bits < 64:
            given = fb.cast("zext", given, machine.size_type, "i64")
        demand(fb, fb.cmp("uge", "i64", given, needed), Status.ARENA)

    def _aligned(self, fb: FunctionBuilder) -> str:
        """The first address in the arena where tables may lie."""
        address = fb.cast("ptrtoint", "%arena", "ptr", "i64")
        return fb.gep("i8", "%arena", fb.let(f"and i64 {fb.sub(0, address)}, {ALIGNMENT - 1}"))

    def _fill(self, fb: FunctionBuilder, tables: Mapping[str, str]) -> None:
        """The tables for all rows, and what the step is given."""
        pointers = [("ptr", tables["dims"]), ("ptr", tables["units"])]
        fb.call(f"{self._entry.name}.tables", "void", [*pointers, *self._size_operands])
        values: list[tuple[str, Operand]] = [("ptr", tables[name]) for name in ("bufs", "dims", "units")]
        values += [("i64", self._num_buffers), ("i64", 0), ("i64", 0)]  # no table of cycles
        values += [("ptr", tables[f"args{i}"]) for i in range(len(self._plan.row_symbols))]
        self._store_words(fb, tables["args"], values)

    def _store_words(self, fb: FunctionBuilder, table: str, values: Sequence[tuple[str, Operand]]) -> None:
        for i, (ty, value) in enumerate(values):
            fb.store(ty, value, fb.gep("i64", table, i))

    def _fill_blocks(self, fb: FunctionBuilder, tables: Mapping[str, str]) -> None:
        """The tables of loops that take a block of rows at a time: for a block, and for the last one."""
        for i, symbol in enumerate(self._plan.row_symbols):
            place = list(self._entry.sizes).index(symbol)
            rows = self._size_operands[place][1]
            size, count = Sizes(fb, self._env()).row_blocks(rows)
            last = fb.sub(rows, fb.mul(fb.max(fb.sub(count, 1), 0), size))
            names = [f"{kind}{i}{j}" for kind in ("dims", "units") for j in range(2)]
            for j, number in enumerate((size, last)):
                operands = self._size_operands
                operands[place] = ("i64", number)
                given = [("ptr", tables[f"dims{i}{j}"]), ("ptr", tables[f"units{i}{j}"]), *operands]
                fb.call(f"{self._entry.name}.tables", "void", given)
            values: list[tuple[str, Operand]] = [("ptr", tables[name]) for name in names]
            self._store_words(fb, tables[f"args{i}"], [*values, ("i64", size), ("i64", count)])

    def _point(self, fb: FunctionBuilder, bufs: str, memory: str) -> None:
        """The addresses of all buffers."""
        entry, plan = self._entry, self._plan

        def place(slot: int, pointer: str) -> None:
            fb.store("ptr", pointer, fb.gep("ptr", bufs, slot % self._num_buffers))

        offsets, _ = Sizes(fb, self._env()).places(plan.memory)
        for slot, offset in offsets.items():
            place(slot, fb.gep("i8", memory, offset))
        symbol, constants = self._constants
        for slot, offset in constants.items():
            place(slot, fb.gep("i8", f"@{symbol}", offset))
        block = f"@{entry.block.symbol}" if entry.block.symbol else "%block"
        for slot, variable in zip(plan.variables, entry.traced.variables, strict=True):
            place(slot, fb.gep("i8", block, entry.block.offsets[variable]))
        for i, slot in enumerate(plan.arguments):
            place(slot, f"%x{i}")
        for i, slot in enumerate(plan.results):
            place(slot, fb.gep("i8", "%results", entry.packed[i]) if entry.packed else f"%y{i}")
