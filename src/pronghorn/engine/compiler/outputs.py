"""Stage *place outputs*: where a program's results lie, and how variables get their new values.

A variable is updated in place where the kernel that makes its new value is the last to look at the old one; otherwise
the new value is copied over it at the end. An argument that is given up gets the result that takes its place alike.
Results that are inputs, constants or variables' memory are copied out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pronghorn.engine.compiler.expr import Expr, Index, Load, walk
from pronghorn.engine.compiler.kernels import ContractionKernel, Kernel, LoopKernel, Nest, NodeKernel, Program
from pronghorn.engine.compiler.schedule import copy_kernel
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.ir import Value


def place_outputs(program: Program, places: Sequence[Value | None]) -> tuple[Program, list[Value]]:
    """The program with the copies that its outputs need.

    Args:
        program: it.
        places: for each output of its graph, the input that it is to lie in, such as a variable whose new value it is;
            None for results with memory of their own. Each input is given once.

    Returns:
        The program, and for each of those results a stored value of its own, for which the caller provides the memory.
    """
    graph = program.graph
    roots = [program.aliases.get(v, v) for v in graph.outputs]
    made_by = {program.aliases.get(v, v): k for k in program.kernels for v in k.writes}
    first: list[Kernel] = []  # copies of old values, before anything is overwritten
    last: list[Kernel] = []

    def copied(value: Value, where: list[Kernel]) -> Value:
        fresh = Value(value.aval, graph)
        where.append(copy_kernel(value, fresh))
        return fresh

    results = [r if r in made_by else copied(r, first) for r, v in zip(roots, places) if v is None]
    olds = {v for v in places if v is not None}
    updates = [(r, v) for r, v in zip(roots, places) if v is not None and r is not v]
    updates = [(copied(r, first) if r in olds else r, v) for r, v in updates]
    kernels = [*first, *program.kernels]
    in_place = _rows_in_place(program, updates)
    left = [(r, v) for r, v in updates if r not in in_place]
    in_place |= overwriting(Program(graph, kernels, program.aliases), left)
    last += [copy_kernel(root, variable) for root, variable in updates if in_place.get(root) is not variable]
    taken: set[Value] = set(in_place)
    for i, result in enumerate(results):
        if result in taken:
            results[i] = copied(result, last)
        taken.add(results[i])
    # what is copied out of a variable's memory must be there before another copy changes it: none does, as each
    # variable is written once
    return Program(graph, [*kernels, *last], {**program.aliases, **in_place}), results


def _rows_in_place(program: Program, updates: Sequence[tuple[Value, Value]]) -> dict[Value, Value]:
    """The values, each with other rows than the one before, that lead from old values to new ones, with the old."""
    over = change_rows_in_place(program, {v for _, v in updates})
    found: dict[Value, Value] = {}
    for new, old in updates:
        chain = [new]
        while chain[-1] in over:
            chain.append(over[chain[-1]])
        if chain.pop() is old and not found.keys() & chain:
            found.update(dict.fromkeys(chain, old))
    return found


def overwriting(program: Program, updates: Sequence[tuple[Value, Value]]) -> dict[Value, Value]:
    """Which new values may lie where the old ones do, since the kernel that makes one is the last to look at the old.

    Args:
        program: it.
        updates: new values (memory of the program's own) and the old ones, each of which is given once.
    """
    made_by = {program.aliases.get(v, v): k for k in program.kernels for v in k.writes}
    in_parts = {program.aliases[v] for k in program.kernels for v in k.writes if v in program.aliases}
    order = {kernel: at for at, kernel in enumerate(program.kernels)}
    last_read = {v: at for at, kernel in enumerate(program.kernels) for v in kernel.reads}
    in_place: dict[Value, Value] = {}
    for new, old in updates:
        kernel = made_by.get(new)
        is_last = kernel is not None and last_read.get(old, -1) <= order[kernel] and new not in in_parts
        if kernel is not None and is_last and new not in in_place and may_overwrite(kernel, new, old):
            in_place[new] = old
    return in_place


def may_overwrite(kernel: Kernel, root: Value, variable: Value) -> bool:
    """Whether ``kernel``, after which nothing reads ``variable``, may write ``root`` straight over it: of the old value
    it reads only the element that it is about to write."""
    if isinstance(kernel, NodeKernel):
        return variable in kernel.reads and _changes_rows(kernel, variable)
    if root.shape != variable.shape:
        return False
    if variable not in kernel.reads:
        return True
    return isinstance(kernel, Nest) and _reads_own_element(kernel, root, variable)


def change_rows_in_place(program: Program, carried: Collection[Value]) -> dict[Value, Value]:
    """Which arrays in a loop's body, or in a step, lie where those do of which they have other rows.

    The first of such a chain is what the loop carries; each is the last to look at the one before.

    Args:
        program: the body's, or the step's.
        carried: its inputs that the loop carries, or whose new values are outputs.
    """
    kept = {program.aliases.get(v, v) for v in program.graph.outputs}
    last_read = {v: at for at, kernel in enumerate(program.kernels) for v in kernel.reads}
    over: dict[Value, Value] = {}
    for at, kernel in enumerate(program.kernels):
        if not isinstance(kernel, NodeKernel) or kernel.node.prim.name != "scatter":
            continue
        old, new = _memory(kernel.node.inputs[0], kernel), kernel.node.outputs[0]
        is_carried = (old in carried or old in over) and old not in kept
        if is_carried and last_read[old] <= at and new not in program.aliases and _changes_rows(kernel, old):
            over[new] = old
    return over


def _memory(value: Value, kernel: NodeKernel) -> Value:
    """The memory that a kernel reads for an operand."""
    while value not in kernel.reads and value.node is not None and value.node.prim.name in ("reshape", "stop_gradient"):
        value = value.node.inputs[0]
    return value


def _changes_rows(kernel: NodeKernel, variable: Value) -> bool:
    """Whether a node gives a variable with other values in some rows, which are in memory of their own."""
    first, *others = (_memory(v, kernel) for v in kernel.node.inputs)
    if kernel.node.prim.name != "scatter" or first is not variable:
        return False
    return all(v is not variable and v.node is not None for v in others)


def _reads_own_element(kernel: Nest, root: Value, variable: Value) -> bool:
    """Whether ``variable`` is read only in the expressions that are stored, and there at the element stored.

    These are evaluated, all of them, once for each element (or vector of elements) and before that is stored.
    """
    if kernel.domain != root.shape:
        return False
    if isinstance(kernel, ContractionKernel):
        if kernel.pool or kernel.zero_first or any(variable in (p.a, p.b) for p in kernel.parts):
            return False
        if any(variable in s.kernel.reads or _loads(variable, *s.elements) for s in kernel.sums):
            return False
    elif isinstance(kernel, LoopKernel) and any(_loads(variable, *r.roots) for r in kernel.reductions):
        return False
    own = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    return all(load.offset == own for load in _loads(variable, *(s.expr for s in kernel.stores)))


def _loads(value: Value, *roots: Expr) -> list[Load]:
    return [e for e in walk(*roots) if isinstance(e, Load) and e.value is value]
