"""Kernels as text."""

from __future__ import annotations

from pronghorn.engine.compiler.kernels import ContractionKernel, Kernel, LoopKernel, Nest, Program


def print_program(program: Program) -> str:
    """A block a kernel: its loops, what it reduces or contracts, what it stores."""
    return "\n".join(_kernel(k, n) for n, k in enumerate(program.kernels))


def _kernel(kernel: Kernel, number: int) -> str:
    loops = " x ".join(f"{v.name}<{v.extent}" for v in kernel.vars) if isinstance(kernel, Nest) else ""
    what = kernel.node.prim.name if kernel.node else ""
    lines = [f"kernel {number} {kernel.kind} {what} [{loops}]" + (f"   # {kernel.scope}" if kernel.scope else "")]
    for r in kernel.reductions if isinstance(kernel, LoopKernel) else ():
        over = " x ".join(f"{v.name}<{v.extent}" for v in r.vars)
        lines.append(f"    acc = {r.op} over [{over}] of {r.element!r}")
    for p in kernel.parts if isinstance(kernel, ContractionKernel) else ():
        axes = " ".join(f"{x.name}<{x.extent}:{x.a},{x.b},{x.c}" for x in p.axes)
        lines.append(f"    acc = sum b{id(p.a) % 10007}+{p.a_offset} * b{id(p.b) % 10007}+{p.b_offset} over {axes}")
    for sums in kernel.sums if isinstance(kernel, ContractionKernel) else ():
        for store, element in zip(sums.kernel.stores, sums.elements, strict=True):
            lines.append(f"    b{id(store.value) % 10007} {store.value.aval} from sums over all rows of {element!r}")
    for s in kernel.stores if isinstance(kernel, Nest) else ():
        where = "" if s.offset is None else f" at [{s.offset!r}]"
        lines.append(f"    b{id(s.value) % 10007} {s.value.aval}{where} = {s.expr!r}")
    return "\n".join(lines)
