"""A module of small jobs in machine code for the pool's tests, and their arguments."""

import functools

import numpy as np

from pronghorn.engine.runtime.compile import CompiledModule, compile_ir
from pronghorn.engine.runtime.native import RUNTIME_IR

GRAINS = 4  # of each round of a job

# args is i64[]: 0 a number, 1 a shared counter, 2 a code, 3 a callback's address, 8.. one slot a grain or a thread (8
# apart). Only code that holds a grain touches them: a thread may be so late that its job has ended.
_IR = f"""
define internal ptr @slot(ptr %args, i64 %i) alwaysinline {{
  %k = mul i64 %i, 8
  %at = add i64 %k, 8
  %p = getelementptr i64, ptr %args, i64 %at
  ret ptr %p
}}
define internal void @add(ptr %p, i64 %amount) alwaysinline {{
  %v = load i64, ptr %p
  %w = add i64 %v, %amount
  store i64 %w, ptr %p
  ret void
}}

; Grains of args[0]: whoever has one counts it in the slot of its thread.
define void @mark(ptr %ctx, ptr %args, i64 %tid, i64 %first) {{
entry:
  %n = load i64, ptr %args
  %end = add i64 %first, %n
  br label %loop
loop:
  %done = phi i64 [ 0, %entry ], [ %done.next, %take ]
  %i = call i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid)
  %none = icmp slt i64 %i, 0
  br i1 %none, label %out, label %take
take:
  %mine = call ptr @slot(ptr %args, i64 %tid)
  call void @add(ptr %mine, i64 1)
  %p = getelementptr i64, ptr %args, i64 1
  %sum = sub i64 %i, %first
  %old = atomicrmw add ptr %p, i64 %sum monotonic
  %done.next = add i64 %done, 1
  br label %loop
out:
  call void @ph_leave(ptr %ctx, i64 %end, i64 %done, i64 %tid)
  ret void
}}

; args[0] rounds of: one grain increments the shared counter without atomics; a barrier; {GRAINS} grains add the
; counter, which all must see, to slots of their own; a barrier.
define void @rounds(ptr %ctx, ptr %args, i64 %tid, i64 %first) {{
entry:
  %n = load i64, ptr %args
  br label %loop
loop:
  %r = phi i64 [ 0, %entry ], [ %r.next, %after ]
  %f = phi i64 [ %first, %entry ], [ %end, %after ]
  %whole = call i64 @ph_take_whole(ptr %ctx, i64 %f, i64 %tid)
  %f1 = add i64 %f, 1
  %end = add i64 %f1, {GRAINS}
  %not = icmp slt i64 %whole, 0
  br i1 %not, label %meet, label %lead
lead:
  %p = getelementptr i64, ptr %args, i64 1
  call void @add(ptr %p, i64 1)
  br label %meet
meet:
  %one = phi i64 [ 0, %loop ], [ 1, %lead ]
  call void @ph_meet(ptr %ctx, i64 %f1, i64 %one, i64 %tid)
  br label %share
share:
  %done = phi i64 [ 0, %meet ], [ %done.next, %take ]
  %i = call i64 @ph_take(ptr %ctx, i64 %f1, i64 %end, i64 %tid)
  %none = icmp slt i64 %i, 0
  br i1 %none, label %after, label %take
take:
  %which = sub i64 %i, %f1
  %mine = call ptr @slot(ptr %args, i64 %which)
  %q = getelementptr i64, ptr %args, i64 1
  %seen = load i64, ptr %q
  call void @add(ptr %mine, i64 %seen)
  %done.next = add i64 %done, 1
  br label %share
after:
  call void @ph_meet(ptr %ctx, i64 %end, i64 %done, i64 %tid)
  %r.next = add i64 %r, 1
  %more = icmp ult i64 %r.next, %n
  br i1 %more, label %loop, label %out
out:
  call void @ph_leave(ptr %ctx, i64 %end, i64 0, i64 %tid)
  ret void
}}

; {GRAINS} grains report the code in args[2] plus their number.
define void @fail(ptr %ctx, ptr %args, i64 %tid, i64 %first) {{
entry:
  %end = add i64 %first, {GRAINS}
  br label %loop
loop:
  %done = phi i64 [ 0, %entry ], [ %done.next, %take ]
  %i = call i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid)
  %none = icmp slt i64 %i, 0
  br i1 %none, label %out, label %take
take:
  %p = getelementptr i64, ptr %args, i64 2
  %code = load i64, ptr %p
  %which = sub i64 %i, %first
  %mine = add i64 %code, %which
  call void @ph_fail(ptr %ctx, i64 %mine)
  %done.next = add i64 %done, 1
  br label %loop
out:
  call void @ph_leave(ptr %ctx, i64 %end, i64 %done, i64 %tid)
  ret void
}}

; One grain, taken by thread number args[2], calls the function at args[3].
define void @callback(ptr %ctx, ptr %args, i64 %tid, i64 %first) {{
entry:
  %end = add i64 %first, 1
  %p = getelementptr i64, ptr %args, i64 2
  %who = load i64, ptr %p
  %me = icmp eq i64 %who, %tid
  br i1 %me, label %take, label %out
take:
  %i = call i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid)
  %q = getelementptr i64, ptr %args, i64 3
  %f = load ptr, ptr %q
  call void %f()
  br label %out
out:
  %done = phi i64 [ 0, %entry ], [ 1, %take ]
  call void @ph_leave(ptr %ctx, i64 %end, i64 %done, i64 %tid)
  ret void
}}

; Threads other than 0 call the function at args[3], holding no grain; thread 0 calls the one at args[2] in a grain.
define void @stray(ptr %ctx, ptr %args, i64 %tid, i64 %first) {{
entry:
  %end = add i64 %first, 1
  %leads = icmp eq i64 %tid, 0
  br i1 %leads, label %take, label %stray
stray:
  %p = getelementptr i64, ptr %args, i64 3
  %f = load ptr, ptr %p
  call void %f()
  br label %out
take:
  %i = call i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid)
  %q = getelementptr i64, ptr %args, i64 2
  %g = load ptr, ptr %q
  call void %g()
  br label %out
out:
  %done = phi i64 [ 0, %stray ], [ 1, %take ]
  call void @ph_leave(ptr %ctx, i64 %end, i64 %done, i64 %tid)
  ret void
}}
"""


@functools.cache
def module(runtime: str = RUNTIME_IR) -> CompiledModule:
    """The jobs, compiled (kept for the process's life: the pool runs their code)."""
    return compile_ir(runtime + _IR, name="jobs", verify=True, use_cache=False)


def job(name: str, runtime: str = RUNTIME_IR) -> int:
    """A job's address."""
    return module(runtime).address(name)


_all: list[np.ndarray] = []  # a late thread may still read the first number of an array


def arguments(number: int = 0, code: int = 0, callback: int = 0) -> np.ndarray:
    """Arguments for the jobs; `.ctypes.data` is what to pass."""
    args = np.zeros(8 + 8 * 64, np.int64)
    args[0], args[2], args[3] = number, code, callback
    _all.append(args)
    return args


def slots(args: np.ndarray, count: int) -> list[int]:
    """What lies in the first slots."""
    return args[8 : 8 + 8 * count : 8].tolist()


def rounds_total(rounds: int) -> list[int]:
    """What the slots hold after so many rounds in all."""
    return [rounds * (rounds + 1) // 2] * GRAINS
