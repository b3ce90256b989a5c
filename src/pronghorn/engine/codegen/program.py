"""A whole program in machine code: every kernel, and the step function that runs them in order on all threads.

The step is ``void step(ptr ctx, ptr args, i64 tid, i64 first)``. Every thread runs it and knows the number of every
grain of work, from ``first`` on: some units of a large kernel, or a few small kernels in a row. A grain is run by the
thread that takes it, and at a barrier, which stands only where a kernel needs what another thread may be writing, a
thread waits for the grains before it. ``args`` points to the tables: buffers, run-time extents, (units, units of a
grain, grains) of every launch; the number of buffers; where the step is profiled, a table of cycles and the bytes it
has for each thread; and, for each extent of which loops take a block at a time, the tables of a block (`row_loops`).
Launches stand in a table that one function goes through (`listing`); the step's own code is
what loops, branches and calls of Python need in between.

Threads that are late run through what others have done and take nothing: between grains, a step reads only its own
stack, the tables and what `ph_decided` says, never a buffer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from pronghorn.engine.codegen.builder import Operand
from pronghorn.engine.codegen.launch import Emitted, HostCall, Launch
from pronghorn.engine.codegen.listing import RowTables
from pronghorn.engine.codegen.preparation import Preparation
from pronghorn.engine.codegen.row_loops import LoopParts, RowBlocks, ahead, blocks_of, by_rows
from pronghorn.engine.codegen.step import StepEmitter, is_special
from pronghorn.engine.codegen.walker import taken
from pronghorn.engine.compiler.kernels import Kernel, Program
from pronghorn.engine.compiler.outputs import change_rows_in_place, overwriting
from pronghorn.engine.compiler.schedule import copy_kernel
from pronghorn.engine.compiler.stages import lower
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.runtime.compile import Stream
from pronghorn.engine.runtime.host import Target

ALIGNMENT = 64
FIRST_BLOCKS = 6  # of the step's arguments: the tables of blocks of rows


@dataclass(frozen=True, slots=True)
class KeptRows:
    """An array of what a loop carries: before its first step, and after each.

    Attributes:
        memory: the array, of a row more than there are steps.
        carry, output: what is carried, before a step and after it: a row and the next (the one before, where the
            loop runs backwards).
        results: what is stacked of it, each with whether that is after a step: all rows but the first, or but the last.
    """

    memory: Value
    carry: Value
    output: Value
    results: list[tuple[Value, bool]]


class ProgramEmitter(StepEmitter):
    """Writes a program and those nested in its loops and branches."""

    def run(self) -> Emitted:
        """Everything."""
        fb = self.fb
        self.places: dict[Kernel, tuple[Program, int]] = {}  # of loops, in their programs
        self.copies: dict[Value, Value] = {}  # outputs of bodies that are copies, and what they are copies of
        self.decisions = fb.alloca("i64")
        fb.store("i64", 0, self.decisions)
        self.lost = fb.label("lost")
        if any(p.node is not None and p.node.prim.family == "control" for p in self.program.kernels):
            self._private_buffers()
        self._program(self.program)
        self._end_run()
        self._write_listed()
        fb.branch(self.lost)
        fb.place(self.lost)
        self._report("ph_leave")
        fb.ret()
        before = len(self.module.functions)
        self.listing.finish()
        self._give_out([fb, *self.module.functions[before:]])
        return self.out

    def _private_buffers(self) -> None:
        """A table of buffers of this thread's own, whose entries loops may change without telling the others, and one
        for a block of rows."""
        fb = self.fb
        count = fb.load("i64", fb.gep("i64", "%args", 3))
        mine, self.row_bufs = (fb.let(f"alloca ptr, i64 {count}, align 64") for _ in range(2))
        self._copy_table(self.state.bufs, mine)
        self.state.bufs = mine

    def _copy_table(self, source: str, target: str) -> None:
        fb = self.fb
        with fb.loop(0, fb.load("i64", fb.gep("i64", "%args", 3))) as i:
            fb.store("ptr", fb.load("ptr", fb.gep("ptr", source, i)), fb.gep("ptr", target, i))

    def _adopt(self, program: Program) -> None:
        super()._adopt(program)
        self.places |= {kernel: (program, at) for at, kernel in enumerate(program.kernels) if is_special(kernel)}

    def _program(self, program: Program) -> None:
        self._adopt(program)
        if self.weights:
            given = (self.weights, self.external, self.out.constants, self.tables.root)
            self.preparation = Preparation(program, *given)
        self._kernels(program.kernels)

    def _special(self, kernel: Kernel, node: Node) -> None:
        if node.prim.family == "linalg":
            self._host_call(kernel, node)
        elif node.prim.name == "scan":
            self._scan(kernel, node)
        elif node.prim.name == "while_loop":
            self._while(kernel, node)
        else:
            self._branch(node)

    def _copy(self, source: Value, target: Value) -> None:
        if self.tables.root(source) is not self.tables.root(target):
            preparation, self.preparation = self.preparation, None  # a loop changes what it starts with
            self._kernels([copy_kernel(source, target)])
            self.preparation = preparation

    def _host_call(self, kernel: Kernel, node: Node) -> None:
        if self.out.callback is None:
            self.out.callback = Value(Aval((), "int64"), Graph())
            self.external.add(self.out.callback)
        call = HostCall(node, kernel.reads, kernel.writes, len(self.out.host_calls))
        self.out.host_calls.append(call)
        reads, writes = self._roots(call.reads), self._roots(call.writes)
        self._order(reads, writes, True, leader=True)
        self._touch_all(reads | writes, [*node.inputs, *node.outputs])
        fb = self.fb
        slot = self.tables.buffer(self.out.callback)
        code = fb.load("ptr", fb.gep("ptr", self.state.bufs, slot))
        with self._clock(self._timed(f"host_{node.prim.name}", node.scope)):
            fb.emit(f"call void {code}(i64 {call.number}, ptr {self.state.bufs})")
        self._end_run()

    # -- control flow -----------------------------------------------------------------------------------------------
    @contextmanager
    def _region(self, repeats: Extent = 1) -> Any:
        """Code that may run many times or not at all: barriers around it."""
        self._settle()
        self.epoch += 1
        outside, self.repeats = self.repeats, self.repeats * repeats
        preparation, self.preparation = self.preparation, None
        yield
        self._settle()
        self.epoch += 1
        self.repeats, self.preparation = outside, preparation

    def _decide(self, verdict: Value) -> str:
        """Whether a truth value holds, the same for every thread whenever it comes here.

        Thread 0 decides, which thus never loses its way; one that is thousands of decisions late does and leaves.
        """
        fb = self.fb
        self._settle()
        grain, count = fb.load("i64", self.state.next), fb.load("i64", self.decisions)
        fb.store("i64", fb.add(count, 1), self.decisions)
        self._begin_code()
        truth = fb.load("i8", fb.load("ptr", self._slot_address(verdict)))
        fb.emit(f"call void @ph_decide(ptr %ctx, i64 {grain}, i64 {count}, i8 {truth})")
        self._barrier()
        self._write_listed()
        known = fb.let(f"call i64 @ph_decided(ptr %ctx, i64 {grain}, i64 {count})")
        follow = fb.label("follow")
        fb.branch_if(fb.cmp("slt", "i64", known, 0), self.lost, follow)
        fb.place(follow)
        return fb.cmp("ne", "i64", known, 0)

    def _nested(
        self, graph: Graph, inputs: Mapping[Value, Value], carried: Sequence[Value] = (), may_stay: bool = True
    ) -> tuple[Program, list[Value]]:
        """The program of a body whose ``inputs`` lie in the memory of outer values, and its outputs, each with memory
        of its own (a copy is added where it has not) or in that of the input that is ``carried`` in its place."""
        program = lower(graph, self.target, is_body=True)
        self._adopt(program)
        self.tables.aliases.update(inputs)
        self.tables.aliases.update(change_rows_in_place(program, carried))
        claimed: set[Value] = set(graph.inputs)
        outputs = []
        for place, v in enumerate(program.graph.outputs):
            root = program.aliases.get(v, v)
            if may_stay and place < len(carried) and root is carried[place]:
                outputs.append(root)
                continue
            if root in claimed or root.node is None or root in self.out.constants:
                fresh = Value(v.aval, program.graph)
                program.kernels.append(copy_kernel(root, fresh))
                self.copies[fresh] = root
                root = fresh
            claimed.add(root)
            outputs.append(root)
        return program, outputs

    def _slot_address(self, value: Value) -> str:
        return self.fb.gep("ptr", self.state.bufs, self.tables.buffer(value))

    def _keep(self, values: Sequence[Value], first: int) -> None:
        """Buffers that live from epoch ``first`` to now."""
        for v in values:
            self._touch(v)
            root = self.tables.root(v)
            if root in self.out.lifetimes:
                self.out.lifetimes[root].extend(first)

    def _is_left(self, kernel: Kernel, memory: Value, value: Value) -> bool:
        """Whether ``memory``, which a loop or branch reads, is a temporary of its program that nobody needs behind it,
        and holds as much as ``value``."""
        if memory in self.external or memory in self.out.constants or memory in self.held_in:
            return False
        if (product(memory.shape), memory.dtype) != (product(value.shape), value.dtype):
            return False
        program, number = self.places[kernel]
        made, behind = program.kernels[:number], program.kernels[number + 1 :]
        needed = {v for later in behind for v in later.reads}.union(program.graph.outputs)
        return memory in self._roots({v for k in made for v in k.writes}) and memory not in self._roots(needed)

    def _carry_in_results(
        self, kernel: Kernel, carried: Iterable[tuple[Value, Value, Value, Value]], operands: Sequence[Value]
    ) -> None:
        """Have what a loop writes in place lie where its results do, and these where a temporary did that is left.

        Args:
            kernel: the loop.
            carried: of each value that it carries, the one in the body, the new one, the first one and the result.
            operands: the memory of all that it reads.
        """
        for v, new, start, end in carried:
            if self.tables.root(new) is v and self.tables.root(end) is end:
                self.tables.aliases[v] = end
                if operands.count(start) == 1 and end not in self.external and self._is_left(kernel, start, end):
                    self.tables.aliases[end] = start

    def _once(
        self, program: Program, changing: Sequence[Value], length: Extent
    ) -> tuple[list[Launch] | None, list[Value]]:
        """Launch ahead of a loop what is the same in every round.

        Args:
            program: the body's.
            changing: what differs from round to round.
            length: the number of rounds.

        Returns:
            The launches of a round, None where the body has a special kernel; and what lives as long as the loop.
        """
        if any(map(is_special, program.kernels)):
            return None, []
        launches = [launch for kernel in program.kernels for launch in self._launches(kernel)]
        first, launches = ahead(launches, changing, length, self.tables.root)
        for launch in self._prepare(first):
            self._launch(launch)
        return launches, [v for launch in first for v in launch.writes]

    def _scan(self, kernel: Kernel, node: Node) -> None:
        p = node.params
        body, nc, nk = p["body"], p["num_consts"], p["num_carry"]
        operands = [self.tables.root(v) for v in node.inputs]
        constants = dict(zip(body.inputs[:nc], operands[:nc]))
        program, outputs = self._nested(body, constants, body.inputs[nc : nc + nk], may_stay=False)
        updates = zip(outputs[:nk], body.inputs[nc : nc + nk])
        in_place = overwriting(program, [(new, old) for new, old in updates if self.tables.root(new) is new])
        self.tables.aliases.update(in_place)
        loop = LoopParts(
            body=body,
            length=p["length"],
            start=operands[nc : nc + nk],
            end=node.outputs[:nk],
            carry=body.inputs[nc : nc + nk],
            outputs=outputs,
            slices=list(zip(body.inputs[nc + nk :], operands[nc + nk :])),
            results=list(zip(outputs[nk:], node.outputs[nk:])),
        )
        self.external.update(v for v, _ in loop.moving)
        launches, kept = self._once(program, [*body.inputs[nc:], *outputs], p["length"])
        has_launches = launches is not None
        if launches is not None:
            loop.launches = launches
            blocks = blocks_of(loop, constants, self.tables.root)
            if blocks is not None:
                self._scan_by_rows(loop, blocks, p["reverse"])
                return
        rows = self._kept_rows(kernel, loop) if has_launches else []
        self._carry_in_results(kernel, zip(loop.carry, outputs, loop.start, loop.end), operands)
        last = self._number(loop.length)
        self._point_at_rows(rows, *((last, last) if p["reverse"] else (0, 0)))
        for v, start in zip(loop.carry, loop.start):
            self._copy(start, v)
        first_epoch = self.epoch
        with self._region(loop.length), self._steps(loop.length, p["reverse"]) as t:
            for v, whole in loop.moving:
                self._point(v, self._place(whole), t)
            behind = self.fb.add(t, 1)
            self._point_at_rows(rows, *((behind, t) if p["reverse"] else (t, behind)))
            self._launch_all(loop.launches)
            self._kernels(() if has_launches else program.kernels)
            self._settle()
            for a, b in zip(loop.carry, outputs):
                self._swap(a, b)
        self._keep([*loop.carry, *outputs[:nk], *operands, *node.outputs[nk:], *kept], first_epoch)
        self._point_at_rows(rows, *((0, 0) if p["reverse"] else (last, last)))
        for kept_rows in rows:
            for whole, is_new in kept_rows.results:
                self._point(whole, self._place(kept_rows.memory), int(is_new != p["reverse"]), of=kept_rows.carry)
        for v, final in zip(loop.carry, loop.end):
            self._copy(v, final)
        for kept_rows in rows:
            self._touch(kept_rows.memory)

    def _kept_rows(self, kernel: Kernel, loop: LoopParts) -> list[KeptRows]:
        """What a loop carries and stacks, too, before a step or after it.

        One array has it as it was before each step and after the last, so that a step writes what it carries where it
        stays. The loop then copies nothing there.
        """
        found = []
        for v, new in zip(loop.carry, loop.outputs):
            if self.tables.root(new) is not new or self.tables.root(v) is not v or not _is_aligned(v):
                continue
            same = [(part, whole) for part, whole in loop.results if self.copies.get(part) in (v, new)]
            same = [(part, whole) for part, whole in same if self._may_share(kernel, whole)]
            if not same:
                continue
            memory = Value(Aval((loop.length + 1, *v.shape), v.dtype), loop.body)
            parts = {part for part, _ in same}
            loop.results = [pair for pair in loop.results if pair[0] not in parts]
            loop.launches = [launch for launch in loop.launches if not launch.writes & parts]
            self.external.update([v, new])
            self.held_in |= {whole: memory for _, whole in same}
            found.append(KeptRows(memory, v, new, [(whole, self.copies[part] is new) for part, whole in same]))
        return found

    def _may_share(self, kernel: Kernel, whole: Value) -> bool:
        """Whether what a loop stacks may lie in an array with others: it is not asked for elsewhere, as results are."""
        program, _ = self.places[kernel]
        results = self._roots(set(program.graph.outputs))
        return whole not in self.external and whole not in results and self.tables.root(whole) is whole

    def _point_at_rows(self, rows: Sequence[KeptRows], before: Operand, after: Operand) -> None:
        """Have what is carried lie in these rows of its array: ``before`` a step and ``after`` it."""
        if rows:
            self._end_run()
            self._write_listed()
        for kept in rows:
            self._touch(kept.memory)
            whole = self._place(kept.memory)
            self._point(kept.carry, whole, before)
            self._point(kept.output, whole, after)

    def _scan_by_rows(self, loop: LoopParts, blocks: RowBlocks, reverse: bool) -> None:
        """All steps of a loop for a block of rows at a time, each block a grain."""
        fb, state = self.fb, self.state
        begin = [launch for v, start in zip(loop.carry, loop.start) for launch in self._launches(copy_kernel(start, v))]
        end = [launch for v, final in zip(loop.carry, loop.end) for launch in self._launches(copy_kernel(v, final))]
        begin, body, end = (by_rows(launches, blocks.symbol) for launches in (begin, loop.launches, end))
        together = [*begin, *body, *end]
        sliced, stacked = ([whole for _, whole in pairs] for pairs in (loop.slices, loop.results))
        reads = self._roots({v for launch in together for v in launch.reads}.union(sliced))
        writes = self._roots({v for launch in together for v in launch.writes}.union(stacked))
        own = Launch("", blocks.units, blocks.cycles, reads, writes, label=f"loop by {blocks.symbol}")
        own.barrier = self._order(reads, writes, False)
        self._touch_all(reads | writes, [*(v for launch in together for v in launch.buffers), *sliced, *stacked])
        self._record(own)
        self._write_listed()
        table = fb.load("ptr", fb.gep("i64", "%args", FIRST_BLOCKS + self._row_symbol(blocks.symbol)))
        rows, count = (fb.load("i64", fb.gep("i64", table, i)) for i in (4, 5))
        listed = [list(map(self._listed, launches)) for launches in (begin, body, end)]
        with taken(fb, state.next, state.done, count) as block:
            is_last = fb.cmp("eq", "i64", block, fb.sub(count, 1))
            dims, units = (
                fb.select(is_last, "ptr", *(fb.load("ptr", fb.gep("i64", table, i)) for i in (last, last - 1)))
                for last in (1, 3)
            )
            row = fb.mul(block, rows)
            wholes = [self._place(whole) for _, whole in loop.moving]  # may be memory of rows, too
            self._copy_table(state.bufs, self.row_bufs)
            self.state = replace(state, bufs=self.row_bufs)
            for v, size in blocks.row_bytes.items():
                here = fb.gep("i8", self._place(v), fb.mul(row, self._number(size)))
                fb.store("ptr", here, self._slot_address(v))
            tables = RowTables(self.row_bufs, dims, units, state.ticks)
            self.listing.run_all(fb, tables, listed[0])
            with self._steps(loop.length, reverse) as t:
                for (v, _), whole in zip(loop.moving, wholes):
                    self._point(v, whole, t, fb.mul(row, self._number(blocks.row_bytes.get(self.tables.root(v), 0))))
                self.listing.run_all(fb, tables, listed[1])
                for a, b in zip(loop.carry, loop.outputs):
                    self._swap(a, b)
            self.listing.run_all(fb, tables, listed[2])
            self.state = state

    def _row_symbol(self, symbol: str) -> int:
        """The number of an extent of which loops take a block at a time."""
        if symbol not in self.out.row_symbols:
            self.out.row_symbols.append(symbol)
        return self.out.row_symbols.index(symbol)

    def _number(self, extent: Extent) -> Operand:
        """An extent as an operand of the step's code."""
        fb = self.fb
        if isinstance(extent, int):
            return extent
        return fb.load("i64", fb.gep("i64", self.state.dims, self.tables.extent(extent)))

    @contextmanager
    def _steps(self, length: Extent, reverse: bool) -> Any:
        fb = self.fb
        count = self._number(length)
        # never unrolled away: the body must be written once, whatever the count
        with fb.loop_carry(0, count, []) as loop:
            yield fb.sub(fb.sub(count, 1), loop.index) if reverse else loop.index

    def _place(self, value: Value) -> str:
        """Where a value's memory is, by the table in use."""
        return self.fb.load("ptr", self._slot_address(value))

    def _point(self, part: Value, whole: str, t: Operand, offset: Operand = 0, of: Value | None = None) -> None:
        """Have ``part``'s entry in the table point to row ``t`` of what is at ``whole``, ``offset`` bytes into it.

        A row is as large as ``part``, or as ``of``.
        """
        fb, of = self.fb, of or part
        row = self._number(product(of.shape) * dtypes.itemsize(of.dtype))
        fb.store("ptr", fb.gep("i8", whole, fb.add(fb.mul(t, row), offset)), self._slot_address(part))

    def _swap(self, a: Value, b: Value) -> None:
        if self.tables.root(a) is self.tables.root(b):
            return
        fb = self.fb
        pa, pb = fb.load("ptr", self._slot_address(a)), fb.load("ptr", self._slot_address(b))
        fb.store("ptr", pb, self._slot_address(a))
        fb.store("ptr", pa, self._slot_address(b))

    def _while(self, kernel: Kernel, node: Node) -> None:
        p = node.params
        nc, nb = p["num_cond_consts"], p["num_body_consts"]
        operands = [self.tables.root(v) for v in node.inputs]
        carry = p["body"].inputs[nb:]
        body, outputs = self._nested(p["body"], dict(zip(p["body"].inputs[:nb], operands[nc : nc + nb])), carry)
        own = [(new, old) for new, old in zip(outputs, carry) if self.tables.root(new) is new and new is not old]
        self.tables.aliases.update(overwriting(body, own))
        starts = operands[nc + nb :]
        self._carry_in_results(kernel, zip(carry, outputs, starts, node.outputs), operands)
        launches, kept = self._once(body, [*carry, *outputs], 1)
        shared = dict(zip(p["cond"].inputs[:nc], operands[:nc])) | dict(zip(p["cond"].inputs[nc:], carry))
        condition, (verdict,) = self._nested(p["cond"], shared)
        for v, start in zip(carry, starts):
            self._copy(start, v)
        first = self.epoch
        fb = self.fb
        with self._region():
            head, work, done = fb.label("while"), fb.label("do"), fb.label("done")
            fb.branch(head)
            fb.place(head)
            self._kernels(condition.kernels)
            fb.branch_if(self._decide(verdict), work, done)
            fb.place(work)
            self._launch_all(launches or ())
            self._kernels(body.kernels if launches is None else ())
            self._settle()
            for a, b in zip(carry, outputs):
                self._swap(a, b)
            fb.branch(head)
            fb.place(done)
        self._keep([*carry, *outputs, *operands, verdict, *kept], first)
        for v, final in zip(carry, node.outputs):
            self._copy(v, final)

    def _branch(self, node: Node) -> None:
        pred, *operands = (self.tables.root(v) for v in node.inputs)
        arms = []
        for name in ("true", "false"):
            graph = node.params[name]
            arms.append(self._nested(graph, dict(zip(graph.inputs, operands))))
        first = self.epoch
        fb = self.fb
        chosen = self._decide(pred)
        labels = fb.label("true"), fb.label("false")
        done = fb.label("done")
        fb.branch_if(chosen, *labels)
        for label, (program, outputs) in zip(labels, arms):
            fb.place(label)
            with self._region():
                self._kernels(program.kernels)
                for v, final in zip(outputs, node.outputs):
                    self._copy(v, final)
            fb.branch(done)
        fb.place(done)
        self._keep([pred, *operands, *node.outputs], first)


def _is_aligned(value: Value) -> bool:
    """Whether rows as large as a value start where lines of memory do, if the first does."""
    known = prod(extent for extent in value.shape if isinstance(extent, int))
    return known * dtypes.itemsize(value.dtype) % ALIGNMENT == 0


def emit_program(
    program: Program,
    target: Target,
    external: set[Value],
    profile: bool = False,
    stream: Stream | None = None,
    weights: Collection[Value] = (),
) -> Emitted:
    """The machine code (as LLVM IR) of a program.

    Args:
        program: the program.
        target: the machine.
        external: values whose memory the caller provides.
        profile: whether the step counts the cycles of each kernel.
        stream: what compiles kernels while others are written.
        weights: the variables' values, if what depends on them alone is to run once for all calls.
    """
    return ProgramEmitter(program, target, external, profile, stream, weights).run()
