"""From a traced function to the text of its machine code and the plan of its tables: the compiler's stages in a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pronghorn.engine.backends.llvm import linking
from pronghorn.engine.backends.llvm.gathering import gather_rows
from pronghorn.engine.backends.llvm.step_plan import StepPlan, slots_of
from pronghorn.engine.codegen.launch import Emitted
from pronghorn.engine.codegen.launches import print_launches
from pronghorn.engine.codegen.program import emit_program
from pronghorn.engine.compiler.complex_numbers import ComplexError
from pronghorn.engine.compiler.memory import MemoryPlan, plan_memory
from pronghorn.engine.compiler.outputs import place_outputs
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.compiler.verify import verify_memory
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.runtime import debug
from pronghorn.engine.runtime.compile import CompilationError, Stream
from pronghorn.engine.runtime.host import Target


@dataclass
class Built:
    """What `build` made: the plan of the tables, and the compiler's own view of them and of the code."""

    plan: StepPlan
    emitted: Emitted

    @property
    def text(self) -> str:
        """The LLVM IR."""
        return linking.declarations() + self.emitted.module.text()


def build(
    traced: Traced,
    gathered: Collection[int],
    target: Target,
    profile: bool,
    stream: Stream | None = None,
    prepares: bool = False,
) -> Built:
    """Run all stages on a traced function.

    Args:
        traced: the function.
        gathered: arguments that are given as a whole array and row numbers.
        target: the machine.
        profile: whether the step counts the cycles of each kernel.
        stream: what compiles kernels while others are written.
        prepares: whether what depends on the variables alone is to run once for all calls; the step changes none.
    """
    name = traced.graph.name
    with debug.timed(f"kernels of {name}"):
        try:
            graph = gather_rows(traced.graph, gathered) if gathered else traced.graph
            places = _places(traced, len(graph.inputs))
            graph = rewrite(graph, target, places=places)
        except ComplexError as error:
            raise CompilationError(f"{name}: {error}") from None
        program = lower(graph, target)
        count = len(graph.inputs) - len(traced.variables)
        arguments, variables = graph.inputs[:count], graph.inputs[count:]
        program, results = place_outputs(program, [None if i is None else graph.inputs[i] for i in places])
        weights = variables if prepares else ()
        emitted = emit_program(program, target, {*graph.inputs, *results}, profile, stream, weights)
        memory = plan_memory(emitted.lifetimes)
        if debug.enabled("verify"):
            verify_memory(memory, emitted.lifetimes)
    debug.emit("kernels", name, lambda: print_launches(emitted))
    slots = emitted.tables.buffers
    plan = StepPlan(
        buffers=len(slots),
        extents=list(emitted.tables.extents),
        launches=[(x.units, x.cost, x.serial, x.phase, x.repeats) for x in emitted.launches],
        memory=_by_slot(memory, emitted),
        arguments=slots_of(arguments, slots),
        results=slots_of(results, slots),
        variables=slots_of(variables, slots),
        constants={slots[v]: a for v, a in emitted.constants.items() if v in slots},
        row_symbols=emitted.row_symbols,
        prepared=emitted.prepared,
        kept={slots[v]: _bytes(v) for v in emitted.kept},
    )
    return Built(plan, emitted)


def _bytes(value: Value) -> int:
    """The size of an array whose extents are known."""
    size = product(value.shape) * dtypes.itemsize(value.dtype)
    assert isinstance(size, int), value.shape
    return size


def _places(traced: Traced, inputs: int) -> list[int | None]:
    """For each output, the number of the input that it is to lie in: of so many, the variables are the last."""
    numbers = {v: inputs - len(traced.variables) + i for i, v in enumerate(traced.variables)}
    results = [traced.donated.get(i) for i in range(traced.num_results)]
    return [*results, *(numbers[v] for v in traced.updated)]


def _by_slot(memory: MemoryPlan, emitted: Emitted) -> MemoryPlan:
    slots = emitted.tables.buffers
    return MemoryPlan(
        {slots[v]: place for v, place in memory.placed.items() if v in slots},
        memory.totals,
        {slots[v]: place for v, place in memory.grouped.items() if v in slots},
    )
