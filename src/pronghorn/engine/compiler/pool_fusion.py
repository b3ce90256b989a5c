"""Stage *fuse pools*: a convolution whose result only pooling windows read pools it in registers.

The register tile of the convolution then covers whole windows; the maxima, and the positions that the gradient will
need, are taken from the accumulators, and the convolution's own result is never written.
"""

from __future__ import annotations

from dataclasses import replace

from pronghorn.engine.compiler.costs import MOST_POSITIONS
from pronghorn.engine.compiler.expr import Load, walk
from pronghorn.engine.compiler.kernels import ContractionKernel, LoopKernel, PoolFusion, Program
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Value


def fuse_pools(program: Program) -> Program:
    """The program with pooling kernels moved into the convolutions whose results they read."""
    made_by = {v: n for n, kernel in enumerate(program.kernels) for v in kernel.writes}
    outputs = {program.aliases.get(v, v) for v in program.graph.outputs}
    kernels = list(program.kernels)
    gone: set[int] = set()
    for number, kernel in enumerate(program.kernels):
        if not isinstance(kernel, ContractionKernel):
            continue
        fusion = _fusion(program, number, kernel, made_by)
        if fusion is None:
            continue
        source = fusion.source.value
        others = [k for n, k in enumerate(program.kernels) if source in k.reads and k not in fusion.readers]
        fusion.written = bool(others) or source in outputs or source in program.aliases  # a part of what others read
        gone.update(n for n, k in enumerate(program.kernels) if k in fusion.readers)
        reads = kernel.reads.union(*(reader.reads - {source} for reader in fusion.readers))
        writes = kernel.writes.union(*(reader.writes for reader in fusion.readers))
        kernels[number] = replace(
            kernel, pool=fusion, reads=reads, writes=writes - (set() if fusion.written else {source})
        )
    return replace(program, kernels=[k for n, k in enumerate(kernels) if n not in gone])


def _fusion(program: Program, number: int, kernel: ContractionKernel, made_by: dict[Value, int]) -> PoolFusion | None:
    if kernel.node is None or kernel.node.prim is not P.conv or len(kernel.parts) != 1 or kernel.zero_first:
        return None
    for store in kernel.stores:
        fusion = None
        for reader in program.kernels[number + 1 :]:
            if not isinstance(reader, LoopKernel):
                continue
            window = _window(reader, store.value)
            if window is None or not _available(reader, store.value, number, made_by):
                continue
            fusion = fusion or PoolFusion(window, store)
            if fusion.window == window:
                fusion.readers.append(reader)
        if fusion is not None:
            return fusion
    return None


def _window(reader: LoopKernel, source: Value) -> tuple[int, ...] | None:
    """The window, if the kernel takes maxima of ``source`` over windows that tile it."""
    node = reader.node
    if not reader.reductions or node is None or node.prim not in (P.window_max, P.window_argmax):
        return None
    (reduction,) = reader.reductions
    p = node.params
    window = tuple(p["window"])
    if not isinstance(reduction.element, Load) or reduction.element.value is not source:
        return None
    if node.inputs[0].shape != source.shape or reduction.chunk is not None or window != tuple(p["strides"]):
        return None
    if any(pad != (0, 0) for pad in p["padding"]) or any(d != 1 for d in p["dilation"]):
        return None
    axes = [a for a, w in enumerate(window) if w > 1]
    size = 1
    for a in axes:
        extent = source.shape[a]
        if a in (0, len(window) - 1) or not isinstance(extent, int) or extent % window[a]:
            return None
        size *= window[a]
    return window if 1 <= len(axes) <= 2 and size <= MOST_POSITIONS else None


def _available(reader: LoopKernel, source: Value, number: int, made_by: dict[Value, int]) -> bool:
    """Whether all else that the kernel reads is there before kernel ``number`` runs."""
    loads = {e.value for e in walk(*(s.expr for s in reader.stores)) if isinstance(e, Load)}
    return all(v is not source and made_by.get(v, -1) < number for v in loads)
