"""Stage *fuse sums*: sums over the rows of what a contraction stores are begun by its epilogue.

The gradient of a bias, the statistics of a batch normalization and the sums in its gradient go over all rows of an
array that a contraction has just written, which by then is far away again. Its epilogue has each vector of it in a
register. What it cannot do, since results lie otherwise in its registers, the kernel of the sums does as before (see
`pronghorn.engine.codegen.unit_sums`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pronghorn.engine.compiler.costs import FEWEST_SUMMED, MOST_CODE, MOST_READ, MOST_UNIT_SUMS, typical
from pronghorn.engine.compiler.expr import Expr, Index, Load, Substitution, walk
from pronghorn.engine.compiler.kernels import ColumnSums, ContractionKernel, LoopKernel, Program, root_of
from pronghorn.engine.compiler.storing import code_of
from pronghorn.engine.compiler.virtual import linear
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Value

SUMMED = ("float32", "float64")  # dtypes that are the same in memory and in registers


def fuse_sums(program: Program) -> Program:
    """The program with kernels of sums over rows moved into the contractions that write the rows."""
    made_by = {root_of(v, program.aliases): n for n, kernel in enumerate(program.kernels) for v in kernel.writes}
    kernels = list(program.kernels)
    gone: set[int] = set()
    for number, kernel in enumerate(program.kernels):
        if not isinstance(kernel, ContractionKernel) or not _may_sum(kernel):
            continue
        for later in range(number + 1, len(kernels)):
            reader = program.kernels[later]
            if later in gone or not isinstance(reader, LoopKernel) or not (reader.reads & kernel.writes):
                continue
            if not _available(reader, kernel, number, program.aliases, made_by):
                continue
            sums = _sums(kernel, reader)
            if sums is not None:
                kernel = replace(
                    kernel,
                    sums=[*kernel.sums, sums],
                    reads=kernel.reads | (reader.reads - kernel.writes),
                    writes=kernel.writes | reader.writes,
                )
                gone.add(later)
        kernels[number] = kernel
    return replace(program, kernels=[k for n, k in enumerate(kernels) if n not in gone])


def _may_sum(kernel: ContractionKernel) -> bool:
    if kernel.pool is not None or kernel.zero_first:
        return False
    return len(kernel.parts) == 1 and len(kernel.vars) > 1 and typical(product(kernel.domain)) >= FEWEST_SUMMED


def _available(
    reader: LoopKernel,
    kernel: ContractionKernel,
    number: int,
    aliases: Mapping[Value, Value],
    made_by: Mapping[Value, int],
) -> bool:
    """Whether all else that the sums read is there before kernel ``number`` runs."""
    stored = {s.value for s in kernel.stores}
    return all(v in stored or made_by.get(root_of(v, aliases), -1) < number for v in reader.reads)


def _sums(kernel: ContractionKernel, reader: LoopKernel) -> ColumnSums | None:
    """What the epilogue adds up for a kernel, if that sums over all rows of the contraction's result, in chunks."""
    first = reader.reductions[0] if reader.reductions else None
    if first is None or first.chunk is None or len(reader.vars) != 2:
        return None
    chunk, column = reader.vars
    vars = (*first.vars, column)
    if chunk is not first.chunk or tuple(v.extent for v in vars) != kernel.domain:
        return None
    for r in reader.reductions:
        if r.op != "sum" or r.dtype not in SUMMED or r.element.dtype != r.dtype or r.vars != first.vars:
            return None
    own = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    known: dict[tuple[Value, Index], Expr] = {
        (e.value, e.offset): e for e in walk(*kernel.roots) if isinstance(e, Load)
    }
    known |= {(s.value, s.offset or own): s.expr for s in kernel.stores}
    rewrite = Substitution(dict(zip(vars, map(Index.of, kernel.vars), strict=True)), known)
    elements = [rewrite(r.element) for r in reader.reductions]
    found = [e for e in elements if e is not None]
    if len(found) < len(elements) or not _are_cheap(kernel, found):
        return None
    return ColumnSums(found, reader)


def _are_cheap(kernel: ContractionKernel, elements: list[Expr]) -> bool:
    """Whether an epilogue may compute the elements as well: they read no other element of what it stores, and no more
    than a kernel may."""
    loads = {e.value for e in walk(*elements) if isinstance(e, Load)}
    if loads & {s.value for s in kernel.stores} or any(s.value.dtype not in SUMMED for s in kernel.stores):
        return False
    below = list(walk(*kernel.roots, *elements))
    if sum(len(s.elements) for s in kernel.sums) + len(elements) > MOST_UNIT_SUMS:
        return False
    return sum(map(code_of, below)) <= MOST_CODE and len({e.value for e in below if isinstance(e, Load)}) <= MOST_READ
