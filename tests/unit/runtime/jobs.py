"""A module of small jobs in machine code for the pool's tests, and their arguments."""

import functools

import numpy as np

from pronghorn.runtime.compile import CompiledModule, compile_ir
from pronghorn.runtime.native import RUNTIME_IR

# args is i64[]: 0 rounds, 1 a shared counter, 2 a failure code, 3 a callback's address, 8.. one slot a thread (8 apart)
_IR = (
    RUNTIME_IR
    + """
define internal ptr @slot(ptr %args, i64 %i) alwaysinline {
  %p = getelementptr i64, ptr %args, i64 %i
  ret ptr %p
}

; Each thread adds tid + 1 to its own slot.
define void @mark(ptr %ctx, ptr %args, i64 %tid) {
  %k = mul i64 %tid, 8
  %at = add i64 %k, 8
  %p = getelementptr i64, ptr %args, i64 %at
  %v = load i64, ptr %p
  %one = add i64 %tid, 1
  %w = add i64 %v, %one
  store i64 %w, ptr %p
  ret void
}

; Rounds of: thread 0 alone increments the shared counter without atomics; a barrier; every thread adds the counter,
; which all must see, to its own slot; a barrier.
define void @rounds(ptr %ctx, ptr %args, i64 %tid) {
entry:
  %n = load i64, ptr %args
  %shared = call ptr @slot(ptr %args, i64 1)
  %k = mul i64 %tid, 8
  %at = add i64 %k, 8
  %mine = getelementptr i64, ptr %args, i64 %at
  %leader = icmp eq i64 %tid, 0
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %after ]
  br i1 %leader, label %lead, label %meet
lead:
  %c = load i64, ptr %shared
  %c.next = add i64 %c, 1
  store i64 %c.next, ptr %shared
  br label %meet
meet:
  call void @ph_barrier(ptr %ctx)
  %seen = load i64, ptr %shared
  %v = load i64, ptr %mine
  %w = add i64 %v, %seen
  store i64 %w, ptr %mine
  call void @ph_barrier(ptr %ctx)
  br label %after
after:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %n
  br i1 %more, label %loop, label %out
out:
  ret void
}

; Threads take numbers below `rounds` from the shared counter and count theirs in their slots.
define void @chunks(ptr %ctx, ptr %args, i64 %tid) {
entry:
  %n = load i64, ptr %args
  %shared = call ptr @slot(ptr %args, i64 1)
  %k = mul i64 %tid, 8
  %at = add i64 %k, 8
  %mine = getelementptr i64, ptr %args, i64 %at
  br label %loop
loop:
  %i = call i64 @ph_next_chunk(ptr %shared)
  %more = icmp ult i64 %i, %n
  br i1 %more, label %take, label %out
take:
  %v = load i64, ptr %mine
  %w = add i64 %v, %i
  store i64 %w, ptr %mine
  br label %loop
out:
  ret void
}

; Every thread reports the code in args[2] plus its number.
define void @fail(ptr %ctx, ptr %args, i64 %tid) {
  %p = call ptr @slot(ptr %args, i64 2)
  %code = load i64, ptr %p
  %mine = add i64 %code, %tid
  call void @ph_fail(ptr %ctx, i64 %mine)
  ret void
}

; Thread number args[2] calls the function at args[3]; then all meet.
define void @callback(ptr %ctx, ptr %args, i64 %tid) {
  %p = call ptr @slot(ptr %args, i64 2)
  %who = load i64, ptr %p
  %me = icmp eq i64 %who, %tid
  br i1 %me, label %call, label %meet
call:
  %q = call ptr @slot(ptr %args, i64 3)
  %f = load ptr, ptr %q
  call void %f()
  br label %meet
meet:
  call void @ph_barrier(ptr %ctx)
  ret void
}
"""
)


@functools.cache
def module() -> CompiledModule:
    """The jobs, compiled (kept for the process's life: the pool runs their code)."""
    return compile_ir(_IR, name="jobs", verify=True, use_cache=False)


def job(name: str) -> int:
    """A job's address."""
    return module().address(name)


def arguments(rounds: int = 0, code: int = 0, callback: int = 0) -> np.ndarray:
    """Arguments for the jobs; `.ctypes.data` is what to pass."""
    args = np.zeros(8 + 8 * 64, np.int64)
    args[0], args[2], args[3] = rounds, code, callback
    return args


def slots(args: np.ndarray, threads: int) -> list[int]:
    """What each thread wrote."""
    return args[8 : 8 + 8 * threads : 8].tolist()
