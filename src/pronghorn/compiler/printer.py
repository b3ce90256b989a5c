"""Kernels as text."""

from __future__ import annotations

from pronghorn.compiler.kernels import Kernel, Program


def print_program(program: Program) -> str:
    """A block a kernel: its loops, what it reduces or contracts, what it stores."""
    return "\n".join(_kernel(k, n) for n, k in enumerate(program.kernels))


def _kernel(kernel: Kernel, number: int) -> str:
    loops = " x ".join(f"{v.name}<{v.extent}" for v in kernel.vars)
    what = kernel.node.prim.name if kernel.node else ""
    lines = [f"kernel {number} {kernel.kind} {what} [{loops}]" + (f"   # {kernel.scope}" if kernel.scope else "")]
    for r in kernel.reductions:
        over = " x ".join(f"{v.name}<{v.extent}" for v in r.vars)
        lines.append(f"    acc = {r.op} over [{over}] of {r.element!r}")
    for p in kernel.parts:
        dims = " ".join(f"{d.name}<{d.extent}:{d.a},{d.b},{d.c}" for d in p.dims)
        lines.append(f"    acc = sum b{id(p.a) % 10007}+{p.a_offset} * b{id(p.b) % 10007}+{p.b_offset} over {dims}")
    for s in kernel.stores:
        lines.append(f"    b{id(s.value) % 10007} {s.value.aval} = {s.expr!r}")
    return "\n".join(lines)
