"""Writes what a step runs: the functions of kernels, the list of their launches, and barriers where one is needed."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder
from pronghorn.engine.codegen.chains import Chain, chained
from pronghorn.engine.codegen.contract import emit_contract
from pronghorn.engine.codegen.launch import Emitted, Launch, Timed
from pronghorn.engine.codegen.listing import Listed, Listing, StepState
from pronghorn.engine.codegen.loops import emit_loops
from pronghorn.engine.codegen.pooled import Pooled, emit_pooled
from pronghorn.engine.codegen.preparation import Preparation
from pronghorn.engine.codegen.runs import cut_runs
from pronghorn.engine.codegen.scanned import Scanned
from pronghorn.engine.codegen.signature import Signature
from pronghorn.engine.codegen.slots import KernelTables, Streamed, Tables
from pronghorn.engine.codegen.special_kernels import emit_special
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.codegen.walker import count_cycles, count_done, read_clock
from pronghorn.engine.compiler.kernels import ContractionKernel, Kernel, LoopKernel, NodeKernel, PooledKernel, Program
from pronghorn.engine.compiler.memory import Lifetime
from pronghorn.engine.compiler.schedule import fill_kernel
from pronghorn.engine.graph.dim import Dim, Extent, substitute
from pronghorn.engine.graph.ir import Aval, Node, Value
from pronghorn.engine.runtime import debug
from pronghorn.engine.runtime.compile import Stream
from pronghorn.engine.runtime.host import Target


@dataclass
class _Pending:
    """What launches since the last barrier touch, by array: the runs of small kernels that do, 0 for all others."""

    reads: dict[Value, set[int]] = field(default_factory=dict)
    writes: dict[Value, set[int]] = field(default_factory=dict)

    def add(self, reads: set[Value], writes: set[Value], run: int) -> None:
        """Note what a launch touches."""
        for touched, values in ((self.reads, reads), (self.writes, writes)):
            for v in values:
                touched.setdefault(v, set()).add(run)

    def conflicts(self, reads: set[Value], writes: set[Value], run: int) -> bool:
        """Whether what is touched now must wait for any but the launches of ``run`` (0: for any)."""
        own = {run} if run else set()
        return any(
            touched.get(v, own) - own
            for touched, values in ((self.writes, reads), (self.writes, writes), (self.reads, writes))
            for v in values
        )


@dataclass
class _Written:
    """A kernel whose functions have been written: its name, arrays and memory, and what it launches."""

    name: str
    signature: Signature
    tables: KernelTables
    launches: list[Launch]


class StepEmitter:
    """Writes kernels and lists their launches; what loops, branches and calls of Python need is in `program`."""

    def __init__(
        self,
        program: Program,
        target: Target,
        external: set[Value],
        profile: bool = False,
        stream: Stream | None = None,
        weights: Collection[Value] = (),
    ):
        self.target, self.external, self.profile, self.stream = target, external, profile, stream
        self.module = ModuleBuilder()
        self.module.target = target
        self.tables = Tables()
        self.out = Emitted(self.module, self.tables)
        self.epoch = 0
        self.pending = _Pending()
        self.has_pending = False
        self.fb: FunctionBuilder = self.module.function(
            "step", [("ptr", "ctx"), ("ptr", "args"), ("i64", "tid"), ("i64", "first")], attributes="nounwind"
        )
        self.number = 0
        self.program = program
        self.held_in: dict[Value, Value] = {}  # what lies in the memory of another value, where code points to it
        self.functions: dict[str, str] = {}  # by their text without the name
        self.written: dict[Hashable, _Written] = {}  # by their signatures
        self.listing = Listing(self.module, profile)
        self.weights = weights
        self.preparation: Preparation | None = None  # not inside of loops and branches, which may not run
        self.repeats: Extent = 1
        self.run_number, self.run_end = 0, ""  # of the small kernels being written; where one that is code ends
        self.state = self._initial_state()

    def _initial_state(self) -> StepState:
        fb = self.fb
        bufs, dims, units = (fb.load("ptr", fb.gep("i64", "%args", i)) for i in range(3))
        state = StepState(bufs, dims, units, fb.alloca("i64"), fb.alloca("i64"))
        for variable, start in ((state.next, "%first"), (state.done, "0")):
            fb.store("i64", start, variable)
        if self.profile:
            row = fb.load("i64", fb.gep("i64", "%args", 5))
            state.ticks = fb.gep("i8", fb.load("ptr", fb.gep("i64", "%args", 4)), fb.mul(row, "%tid"))
        return state

    def _give_out(self, functions: Sequence[FunctionBuilder | str]) -> None:
        """Let functions that are finished be compiled."""
        if self.stream is not None:
            self.stream.add(self.module.text_of(functions), self.module.shared)

    def _write_listed(self) -> None:
        """Have the step's code run what has been listed, before other code follows."""
        self.listing.write(self.fb, self.state)

    # -- buffers ----------------------------------------------------------------------------------------------------
    def _touch(self, value: Value) -> None:
        """Note that a buffer is in use in this epoch."""
        root = self.tables.root(value)
        self.tables.buffer(root)
        root = self.held_in.get(root, root)
        if root in self.external or root in self.out.constants:
            return
        life = self.out.lifetimes.get(root)
        if life is None:
            self.out.lifetimes[root] = Lifetime(self.epoch, self.epoch)
        else:
            life.extend(self.epoch)

    def _touch_all(self, touched: set[Value], order: Sequence[Value]) -> None:
        """Note the use of buffers, those in ``order`` first: slots numbered in the order of a set would give one
        program another text in every process, which the cache of machine code would never find again."""
        ordered = dict.fromkeys(root for root in map(self.tables.root, order) if root in touched)
        for root in [*ordered, *touched.difference(ordered)]:
            self._touch(root)

    def _roots(self, values: set[Value]) -> set[Value]:
        return {self.tables.root(v) for v in values}

    def _adopt(self, program: Program) -> None:
        """Take in a program's aliases and constants."""
        self.tables.aliases.update(program.aliases)
        for node in program.graph.nodes:
            if node.prim.name == "constant" and node.params["value"].size != 1:
                self.out.constants[node.outputs[0]] = node.params["value"]

    # -- kernels ----------------------------------------------------------------------------------------------------
    def _kernels(self, kernels: Iterable[Kernel]) -> None:
        launches: list[Launch] = []
        for kernel in kernels:
            if kernel.node is None or not is_special(kernel):
                launches += self._launches(kernel)
                continue
            self._launch_all(launches)
            launches = []
            self._name(kernel)
            self._special(kernel, kernel.node)
        self._launch_all(launches)

    def _name(self, kernel: Kernel) -> None:
        self.number += 1
        kernel.name = f"k{self.number}_{kernel.node.prim.name if kernel.node else kernel.kind}"

    def _launches(self, kernel: Kernel) -> list[Launch]:
        """What to launch for a kernel, whose functions are written unless there are such."""
        self._name(kernel)
        zeroed: list[Launch] = []
        if isinstance(kernel, ContractionKernel) and kernel.zero_first:
            zeroed = self._launches(fill_kernel(kernel.stores[0].value))
        signature = Signature(kernel, self.tables.root)
        known = self.written.get(signature.key) if signature.key is not None else None
        own = self._write(kernel, signature) if known is None else self._again(known, kernel, signature)
        return zeroed + own

    def _write(self, kernel: Kernel, signature: Signature) -> list[Launch]:
        """Write a kernel's functions; what to launch."""
        tables = KernelTables(self.tables)
        before = len(self.module.functions)
        launches = self._emit(kernel, tables)
        names = self._share(before)
        self._give_out(self.module.functions[before:])
        for launch in launches:
            launch.label = launch.function
            launch.function = names.get(launch.function, launch.function)
            launch.buffers, launch.extents = tables.values, list(tables.extents)
        if signature.key is not None:
            self.written.setdefault(signature.key, _Written(kernel.name, signature, tables, launches))
        return launches

    def _again(self, known: _Written, kernel: Kernel, signature: Signature) -> list[Launch]:
        """What to launch for a kernel that has the code of one that is written, on its own arrays."""
        names = dict(zip(known.signature.symbols, map(Dim.symbol, signature.symbols)))
        arrays = dict(zip(known.signature.values, signature.values))
        memory = dict(zip(known.signature.roots, signature.roots))
        for value in known.tables.values:  # beside the kernel's arrays, memory that its functions need
            if value not in memory:
                shape = tuple(substitute(extent, names) for extent in value.shape)
                arrays[value] = memory[value] = Value(Aval(shape, value.dtype), value.graph)
        made = [
            replace(
                launch,
                units=launch.units.renamed(names),
                work=substitute(launch.work, names),
                extents=[
                    Streamed(substitute(e.nbytes, names)) if isinstance(e, Streamed) else substitute(e, names)
                    for e in launch.extents
                ],
                reads={arrays[v] for v in launch.reads},
                writes={arrays[v] for v in launch.writes},
                scope=kernel.scope,
                label=kernel.name + launch.label.removeprefix(known.name),
                pieces={arrays[v]: size for v, size in launch.pieces.items()},
                buffers=[memory[v] for v in launch.buffers],
            )
            for launch in known.launches
        ]
        if debug.enabled("verify"):
            _verify_equal(made, self._write(kernel, signature), {*signature.roots, *signature.values})
        return made

    def _emit(self, kernel: Kernel, tables: KernelTables) -> list[Launch]:
        """Write a kernel's functions."""
        if isinstance(kernel, NodeKernel):
            return emit_special(self.module, kernel, tables, self.target)
        if isinstance(kernel, ContractionKernel):
            return emit_contract(self.module, kernel, tables, self.target, bool(self.weights))
        if isinstance(kernel, PooledKernel):
            kind = Pooled if kernel.operands.pool else Scanned
            return [_launch_of(kernel, *emit_pooled(self.module, kernel, tables, self.target, kind))]
        assert isinstance(kernel, LoopKernel)
        units = emit_loops(self.module, kernel, tables, self.target)
        return [replace(_launch_of(kernel, units.count, units.cost), pieces=units.pieces)]

    def _share(self, before: int) -> dict[str, str]:
        """Drop functions written since ``before`` that are the same as earlier ones; the names that replace theirs."""
        names: dict[str, str] = {}
        again = True
        while again:  # functions may become the same once those that they call are
            again = False
            for function in self.module.functions[before:]:
                known = self._same(function) if isinstance(function, FunctionBuilder) else None
                if known is not None and isinstance(function, FunctionBuilder):
                    names[function.name] = known
                    again |= self.module.replace(function, known)
        return names

    def _same(self, function: FunctionBuilder) -> str | None:
        """The name of an earlier function with the same text, if there is one."""
        text = function.text().replace(f"@{function.name}(", "@(")
        known = self.functions.setdefault(text, function.name)
        return known if known != function.name else None

    def _special(self, kernel: Kernel, node: Node) -> None:
        raise NotImplementedError

    # -- running them -----------------------------------------------------------------------------------------------
    def _launch(self, launch: Launch) -> None:
        reads, writes = self._roots(launch.reads), self._roots(launch.writes)
        launch.barrier = self._order(reads, writes, launch.serial)
        self._touch_all(reads | writes, launch.buffers)
        self.listing.launch(*self._listed(launch))

    def _launch_all(self, launches: Iterable[Launch]) -> None:
        """Launches in a row."""
        launches = self._prepare(launches)
        chains = chained(launches, self.tables.root, self.target.l2_bytes)
        cuts = cut_runs(chains)
        for number, chain in enumerate(chains):
            if number in cuts.ends:
                self._end_run()
            if number in cuts.meetings:
                self._barrier()
            if len(chain.launches) == 1:
                self._launch(*chain.launches)
            else:
                self._chain(chain)
            chain.launches[0].barrier |= number in cuts.meetings

    def _prepare(self, launches: Iterable[Launch]) -> list[Launch]:
        """List those launches that depend on the weights alone; the others."""
        if self.preparation is None:
            return list(launches)
        first, rest = self.preparation.apart(launches)
        for launch in first:
            memory = dict.fromkeys(map(self.tables.root, launch.buffers))
            kept = [v for v in memory if v in self.preparation.kept and v not in self.external]
            self.external.update(kept)
            self.out.kept += kept
            self._launch(launch)
            self.out.prepared.append(launch.slot)
        return rest

    def _chain(self, chain: Chain) -> None:
        own = chain.launch()
        own.barrier = self._order(chain.reads, chain.writes, False)
        self._touch_all(chain.reads | chain.writes, [v for launch in chain.launches for v in launch.buffers])
        self._record(own)
        launches = [self._listed(replace(launch, serial=True, is_chained=True)) for launch in chain.launches]
        self.listing.chain(own, launches, chain.ratios)

    def _record(self, launch: Launch) -> None:
        """Give a launch its row in the table of launches."""
        launch.slot = len(self.out.launches)
        launch.phase, launch.repeats = self.out.barriers, self.repeats
        self.out.launches.append(launch)

    def _listed(self, launch: Launch) -> Listed:
        """A launch as the listing takes it."""
        self._record(launch)
        row = self._timed(launch.label, launch.scope, launch)
        buffers, extents = map(self.tables.buffer, launch.buffers), map(self.tables.extent, launch.known_extents())
        return launch, list(buffers), list(extents), max(row, 0)

    def _begin_run(self) -> None:
        """What follows, up to `_end_run`, is one grain."""
        self.run_number += 1
        self.listing.open_run()

    def _begin_code(self) -> None:
        """The same for code of the step's own, which is left to thread 0."""
        self._write_listed()
        fb = self.fb
        first = fb.load("i64", self.state.next)
        fb.store("i64", fb.add(first, 1), self.state.next)
        self.run_number += 1
        look, work, self.run_end = fb.label("mine"), fb.label("run"), fb.label("ran")
        fb.branch_if(fb.cmp("eq", "i64", "%tid", 0), look, self.run_end)
        fb.place(look)
        number = fb.let(f"call i64 @ph_take_whole(ptr %ctx, i64 {first}, i64 %tid)")
        fb.branch_if(fb.cmp("slt", "i64", number, 0), self.run_end, work)
        fb.place(work)

    def _end_run(self) -> None:
        self.listing.close_run()
        if self.run_end:
            fb = self.fb
            count_done(fb, self.state.done)
            fb.branch(self.run_end)
            fb.place(self.run_end)
            self.run_end = ""

    def _report(self, routine: str) -> None:
        fb = self.fb
        end, done = fb.load("i64", self.state.next), fb.load("i64", self.state.done)
        fb.emit(f"call void @{routine}(ptr %ctx, i64 {end}, i64 {done}, i64 %tid)")

    def _timed(self, name: str, scope: str, launch: Launch | None = None) -> int:
        """A new row of the table of cycles, if there is one."""
        if self.profile:
            self.out.timed.append(Timed(name, scope, launch))
        return len(self.out.timed) - 1

    @contextmanager
    def _clock(self, row: int) -> Iterator[None]:
        """Add the cycles that this thread spends on what is written inside, one unit, to a row."""
        if not self.profile:
            yield
            return
        start = read_clock(self.fb)
        yield
        count_cycles(self.fb, start, self.state.ticks, row, 1)

    def _order(self, reads: set[Value], writes: set[Value], small: bool, leader: bool = False) -> bool:
        """A barrier if another thread may still be at work on what the next kernel touches; whether there is one.

        A small kernel then is in a run, with ``leader`` one of its own.
        """
        if not small or leader:
            self._end_run()
        needed = self.pending.conflicts(reads, writes, self.run_number if self.listing.is_running else 0)
        if needed:
            self._barrier()
        if leader:
            self._begin_code()
        elif small and not self.listing.is_running:
            self._begin_run()
        self.pending.add(reads, writes, self.run_number if small else 0)
        self.has_pending = True
        return needed

    def _barrier(self) -> None:
        self._end_run()
        self.listing.meet()
        self.out.barriers += 1
        self.epoch += 1
        self.pending, self.has_pending = _Pending(), False

    def _settle(self) -> None:
        """A barrier unless nothing has run since the last one; then other code may follow."""
        if self.has_pending:
            self._barrier()
        self._write_listed()


def is_special(kernel: Kernel) -> bool:
    """Whether a kernel is more than launches: control flow, or a call of Python."""
    return isinstance(kernel, NodeKernel) and kernel.node.prim.family in ("linalg", "control")


def _launch_of(kernel: Kernel, count: Extent, cost: float) -> Launch:

    return Launch(kernel.name, Units.of(count), cost, kernel.reads, kernel.writes, scope=kernel.scope)


def _verify_equal(made: list[Launch], fresh: list[Launch], roots: set[Value]) -> None:
    """Refuse launches that reuse a kernel's code and differ from those that writing it once more gives.

    ``roots``: the arrays of the kernel itself; others are memory that its functions need.
    """
    for mine, its in zip(made, fresh, strict=True):
        same = (
            mine.function,
            mine.units,
            mine.cost,
            mine.work,
            mine.label,
            mine.extents,
            mine.pieces,
            mine.reads & roots,
            mine.writes & roots,
        )
        if same != (
            its.function,
            its.units,
            its.cost,
            its.work,
            its.label,
            its.extents,
            its.pieces,
            its.reads & roots,
            its.writes & roots,
        ):
            raise AssertionError(f"{its.label} was given the code of {mine.function}, but has its own")
        if any(a is not b and (a in roots or a.aval != b.aval) for a, b in zip(mine.buffers, its.buffers, strict=True)):
            raise AssertionError(f"{its.label} was given other arrays for the code of {mine.function}")
