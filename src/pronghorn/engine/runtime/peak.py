"""What one thread of this machine can do at best: its rate of multiplications in vector registers."""

from __future__ import annotations

import ctypes
import functools
import time

from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.host import Target, host_target

_CHAINS = 12  # independent sums: enough to keep two units of latency four or five busy
_ROUNDS = 20_000


@functools.cache
def peak_gflops() -> float:
    """GFLOP/s of one thread in float32, measured with multiply-adds that never leave the registers.

    A multiplication and an addition count as two. Takes about 20 ms, once in a process.
    """
    target = host_target()
    lanes = target.lanes("float32")
    module = compile_ir(_loop(target, lanes), name="peak")
    run = module.function("peak", ctypes.c_float, ctypes.c_int64)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        run(_ROUNDS)
        best = min(best, time.perf_counter() - start)
    return 2.0 * lanes * _CHAINS * _ROUNDS / best / 1e9


def _loop(target: Target, lanes: int) -> str:
    vector = f"<{lanes} x float>"
    chains = range(_CHAINS)
    starts = "\n".join(f"  %s{i} = phi {vector} [splat (float {i}.0), %entry], [%n{i}, %loop]" for i in chains)
    multiply = f"call reassoc contract {vector} @llvm.fmuladd.v{lanes}f32"
    # the factor is known at run time only, so that no pass can compute the sums ahead or drop the multiplication
    steps = "\n".join(f"  %n{i} = {multiply}({vector} %s{i}, {vector} %x, {vector} %x)" for i in chains)
    sums = "\n".join(f"  %t{i + 1} = fadd {vector} %t{i}, %n{i}" for i in chains)
    return f"""
declare {vector} @llvm.fmuladd.v{lanes}f32({vector}, {vector}, {vector})
define float @peak(i64 %rounds) {{
entry:
  %n = sitofp i64 %rounds to float
  %r = fdiv float 1.0, %n
  %x0 = insertelement {vector} poison, float %r, i32 0
  %x = shufflevector {vector} %x0, {vector} poison, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%next, %loop]
{starts}
{steps}
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %rounds
  br i1 %more, label %loop, label %end
end:
  %t0 = fadd {vector} %x, %x
{sums}
  %first = extractelement {vector} %t{_CHAINS}, i32 0
  ret float %first
}}
"""
