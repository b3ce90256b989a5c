"""The machine code behind every compiled step, as LLVM IR text: taking work, waiting for it, the pool's two ends.

A *job* is a function `void job(ptr ctx, ptr args, i64 tid, i64 first)` in machine code. `ph_run` runs one on the
calling thread; the other threads of the pool join in as they get to it, and nothing waits for one that has not. The
work of a job is cut into *grains*, numbered in the order in which the job names them, from `first` on; no number comes
twice. Every thread runs the whole job and so knows each grain's number; a grain is run by whoever takes it. Why
late threads can do no harm is in docs/design/threads.md. Jobs call these functions, which `RUNTIME_IR` defines:

- `i64 @ph_take(ptr ctx, i64 first, i64 end, i64 tid)`: takes one of the grains [first, end) if any is left, else -1;
- `i64 @ph_take_whole(ptr ctx, i64 first, i64 tid)`: the same for one grain, left to thread 0 if that comes soon;
- `void @ph_meet(ptr ctx, i64 end, i64 done, i64 tid)`: reports the grains that this thread has run since its last
  report and returns once all below `end` have been run;
- `void @ph_leave(ptr ctx, i64 end, i64 done, i64 tid)`: the same at the end of the job, where only thread 0 waits;
- `void @ph_decide(ptr ctx, i64 grain, i64 count, i8 verdict)`, `i64 @ph_decided(ptr ctx, i64 grain, i64 count)`: which
  way a job goes at its decision number `count`, written while running a grain, read by all (-1: no longer known);
- `void @ph_fail(ptr ctx, i64 code)`: reports a failure (a positive code). `ph_run` returns the largest code reported,
  so the answer does not depend on which thread came first; 0 means success.

What `ctx` holds is in `context`, how threads wait in `waiting`.
"""

from __future__ import annotations

import re
import sys

from pronghorn.engine.runtime.context import (
    ARGS,
    BACK_BITS,
    BUSY,
    DECISIONS,
    DONE,
    GO,
    INSIDE,
    JOB,
    MOST_DECISIONS,
    NEXT,
    STATUS,
    THREADS,
    WOKEN,
)
from pronghorn.engine.runtime.system import host_arch
from pronghorn.engine.runtime.waiting import PAUSE, sleep_kind, waiting_ir

WAKE_TIME = 2_000_000  # nanoseconds between two times that workers are woken where cores are short
DEFERENCE = 64  # pauses for which workers leave a whole launch to thread 0

STATUS_BUSY = -1  # what ph_run returns when the context is in use: the job has not run


def _taking_ir(arch: str) -> str:
    return f"""
; A number is taken by compare-and-swap and never comes again, so that a thread that is late, in this job or from an
; earlier one, finds that the next is beyond the grains it asks for, and takes nothing. Threads with an odd number
; take the last grain that is left, the others the first.
define internal i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid) noinline nounwind {{
entry:
  %next.p = getelementptr i8, ptr %ctx, i64 {NEXT}
  %start = load atomic i64, ptr %next.p acquire, align 8
  %last = sub i64 %end, 1
  %odd = and i64 %tid, 1
  %is.odd = icmp ne i64 %odd, 0
  br label %look
look:
  %word = phi i64 [ %start, %entry ], [ %found, %try ]
  %n = lshr i64 %word, {BACK_BITS}
  %begun = icmp sge i64 %n, %first
  %more = icmp slt i64 %n, %end
  %ok = and i1 %begun, %more
  br i1 %ok, label %try, label %none
try:
  %kept = and i64 %word, {(1 << BACK_BITS) - 1}
  %fresh = icmp eq i64 %n, %first
  %back = select i1 %fresh, i64 0, i64 %kept
  %from.back = sub i64 %last, %back
  %from.front = sub i64 %n, %back
  %grain = select i1 %is.odd, i64 %from.back, i64 %from.front
  %back.next = add i64 %back, %odd
  %n.next = add i64 %n, 1
  %high = shl i64 %n.next, {BACK_BITS}
  %word.next = or i64 %high, %back.next
  %pair = cmpxchg ptr %next.p, i64 %word, i64 %word.next acq_rel acquire
  %found = extractvalue {{ i64, i1 }} %pair, 0
  %won = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %won, label %mine, label %look
mine:
  ret i64 %grain
none:
  ret i64 -1
}}

define internal i64 @ph_take_whole(ptr %ctx, i64 %first, i64 %tid) noinline nounwind {{
entry:
  %end = add i64 %first, 1
  %next.p = getelementptr i8, ptr %ctx, i64 {NEXT}
  %leads = icmp eq i64 %tid, 0
  br i1 %leads, label %take, label %defer
defer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %wait ]
  %word = load atomic i64, ptr %next.p acquire, align 8
  %n = lshr i64 %word, {BACK_BITS}
  %free = icmp eq i64 %n, %first
  br i1 %free, label %wait, label %take
wait:
  {PAUSE.get(arch, ("", ""))[1]}
  %i.next = add i64 %i, 1
  %again = icmp ult i64 %i.next, {DEFERENCE}
  br i1 %again, label %defer, label %take
take:
  %r = call i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid)
  ret i64 %r
}}

; Report %count grains as run; wake those who wait for these if they were the last below %end.
define internal void @ph_report(ptr %ctx, i64 %end, i64 %count) noinline nounwind {{
  %none = icmp eq i64 %count, 0
  br i1 %none, label %out, label %some
some:
  %done.p = getelementptr i8, ptr %ctx, i64 {DONE}
  %before = atomicrmw add ptr %done.p, i64 %count seq_cst
  %after = add i64 %before, %count
  %last = icmp eq i64 %after, %end
  br i1 %last, label %wake, label %out
wake:
  call void @ph_wake(ptr %done.p)
  br label %out
out:
  ret void
}}

; Return once all grains below %end have been run.
define internal void @ph_await(ptr %ctx, i64 %end, i64 %tid) noinline nounwind {{
entry:
  %done.p = getelementptr i8, ptr %ctx, i64 {DONE}
  %naps = icmp ne i64 %tid, 0
  br label %look
look:
  %done = load atomic i64, ptr %done.p acquire, align 8
  %all = icmp sge i64 %done, %end
  br i1 %all, label %out, label %wait
wait:
  call void @ph_wait(ptr %ctx, ptr %done.p, i64 %done, i1 %naps)
  br label %look
out:
  ret void
}}

define internal void @ph_meet(ptr %ctx, i64 %end, i64 %count, i64 %tid) noinline nounwind {{
  %p = getelementptr i8, ptr %ctx, i64 {THREADS}
  %n = load i64, ptr %p, align 8
  %alone = icmp eq i64 %n, 1
  br i1 %alone, label %out, label %meet
meet:
  call void @ph_report(ptr %ctx, i64 %end, i64 %count)
  call void @ph_await(ptr %ctx, i64 %end, i64 %tid)
  br label %out
out:
  ret void
}}

define internal void @ph_leave(ptr %ctx, i64 %end, i64 %count, i64 %tid) noinline nounwind {{
  %leads = icmp eq i64 %tid, 0
  br i1 %leads, label %meet, label %report
meet:
  call void @ph_meet(ptr %ctx, i64 %end, i64 %count, i64 0)
  ret void
report:
  call void @ph_report(ptr %ctx, i64 %end, i64 %count)
  ret void
}}

define internal ptr @ph_decision(ptr %ctx, i64 %count) alwaysinline nounwind {{
  %i = and i64 %count, {MOST_DECISIONS - 1}
  %offset = mul i64 %i, 8
  %at = add i64 %offset, {DECISIONS}
  %p = getelementptr i8, ptr %ctx, i64 %at
  ret ptr %p
}}

define internal void @ph_decide(ptr %ctx, i64 %grain, i64 %count, i8 %verdict) noinline nounwind {{
  %p = call ptr @ph_decision(ptr %ctx, i64 %count)
  %holds = icmp ne i8 %verdict, 0
  %bit = zext i1 %holds to i64
  %twice = mul i64 %grain, 2
  %word = add i64 %twice, %bit
  store atomic i64 %word, ptr %p release, align 8
  ret void
}}

define internal i64 @ph_decided(ptr %ctx, i64 %grain, i64 %count) noinline nounwind {{
  %p = call ptr @ph_decision(ptr %ctx, i64 %count)
  %word = load atomic i64, ptr %p acquire, align 8
  %written = lshr i64 %word, 1
  %known = icmp eq i64 %written, %grain
  %bit = and i64 %word, 1
  %r = select i1 %known, i64 %bit, i64 -1
  ret i64 %r
}}

define internal void @ph_fail(ptr %ctx, i64 %code) nounwind {{
  %p = getelementptr i8, ptr %ctx, i64 {STATUS}
  %before = atomicrmw umax ptr %p, i64 %code monotonic
  ret void
}}
"""


_POOL_IR = f"""
; Take the context for one step: 1 if it was free.
define i64 @ph_acquire(ptr %ctx) nounwind {{
  %busy = getelementptr i8, ptr %ctx, i64 {BUSY}
  %pair = cmpxchg ptr %busy, i64 0, i64 1 acq_rel acquire
  %won = extractvalue {{ i64, i1 }} %pair, 1
  %r = zext i1 %won to i64
  ret i64 %r
}}

; Let workers join a job; wake those that sleep, though where cores are short only now and then.
define internal void @ph_open(ptr %ctx, i64 %first) nounwind {{
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  store atomic i64 %first, ptr %go.p seq_cst, align 8
  %sleepers = getelementptr i8, ptr %go.p, i64 8
  %n = load atomic i64, ptr %sleepers seq_cst, align 8
  %none = icmp eq i64 %n, 0
  br i1 %none, label %out, label %look
look:
  %woken.p = getelementptr i8, ptr %ctx, i64 {WOKEN}
  %woken = load i64, ptr %woken.p, align 8
  %now = call i64 @ph_now()
  %short = call i1 @ph_is_short(ptr %ctx, i64 %now)
  %since = sub i64 %now, %woken
  %recent = icmp slt i64 %since, {WAKE_TIME}
  %skip = and i1 %short, %recent
  br i1 %skip, label %out, label %wake
wake:
  store i64 %now, ptr %woken.p, align 8
  call void @ph_os_wake(ptr %go.p)
  br label %out
out:
  ret void
}}

; Run a job on all threads of a context; its status, or {STATUS_BUSY} at once if the context is in use. Taking and
; giving back the context here, in machine code, leaves no moment at which a signal's exception could keep it taken.
define i64 @ph_run(ptr %ctx, ptr %job, ptr %args) nounwind {{
  %free = call i64 @ph_acquire(ptr %ctx)
  %won = icmp eq i64 %free, 1
  br i1 %won, label %mine, label %taken
taken:
  ret i64 {STATUS_BUSY}
mine:
  %status.p = getelementptr i8, ptr %ctx, i64 {STATUS}
  store atomic i64 0, ptr %status.p monotonic, align 8
  ; a number that no other job has had, even one of no grains
  %next.p = getelementptr i8, ptr %ctx, i64 {NEXT}
  %word = load atomic i64, ptr %next.p monotonic, align 8
  %next = lshr i64 %word, {BACK_BITS}
  %first = add i64 %next, 1
  %opened = shl i64 %first, {BACK_BITS}
  store atomic i64 %opened, ptr %next.p monotonic, align 8
  %n.p = getelementptr i8, ptr %ctx, i64 {THREADS}
  %n = load i64, ptr %n.p, align 8
  %alone = icmp eq i64 %n, 1
  br i1 %alone, label %solo, label %start
solo:
  call void %job(ptr %ctx, ptr %args, i64 0, i64 %first)
  br label %end
start:
  %done.p = getelementptr i8, ptr %ctx, i64 {DONE}
  store atomic i64 %first, ptr %done.p monotonic, align 8
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  store atomic ptr %job, ptr %job.p release, align 8
  %args.p = getelementptr i8, ptr %ctx, i64 {ARGS}
  store atomic ptr %args, ptr %args.p release, align 8
  call void @ph_open(ptr %ctx, i64 %first)
  call void %job(ptr %ctx, ptr %args, i64 0, i64 %first)
  ; A worker that joins sees that the job has ended, or whoever looks for workers inside from now on sees it.
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  %ended = sub i64 0, %first
  store atomic i64 %ended, ptr %go.p seq_cst, align 8
  br label %end
end:
  %status = load atomic i64, ptr %status.p monotonic, align 8
  %busy = getelementptr i8, ptr %ctx, i64 {BUSY}
  store atomic i64 0, ptr %busy release, align 8
  ret i64 %status
}}

; What a worker thread does until the pool is closed. %seen is the value of GO when the pool was made.
define void @ph_work(ptr %ctx, i64 %tid, i64 %seen) nounwind {{
entry:
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  %inside.p = getelementptr i8, ptr %ctx, i64 {INSIDE}
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  %args.p = getelementptr i8, ptr %ctx, i64 {ARGS}
  br label %park
park:
  %last = phi i64 [ %seen, %entry ], [ %go, %open ], [ %go, %leave ]
  call void @ph_wait(ptr %ctx, ptr %go.p, i64 %last, i1 false)
  %go = load atomic i64, ptr %go.p acquire, align 8
  br label %open
open:
  %is.open = icmp sgt i64 %go, 0
  br i1 %is.open, label %join, label %park
join:
  %before = atomicrmw add ptr %inside.p, i64 1 seq_cst
  %job = load atomic ptr, ptr %job.p acquire, align 8
  %args = load atomic ptr, ptr %args.p acquire, align 8
  %still = load atomic i64, ptr %go.p seq_cst, align 8
  %same = icmp eq i64 %still, %go
  br i1 %same, label %check, label %leave
check:
  %asked = icmp eq ptr %job, null
  br i1 %asked, label %out, label %work
work:
  call void %job(ptr %ctx, ptr %args, i64 %tid, i64 %go)
  br label %leave
leave:
  %after = atomicrmw sub ptr %inside.p, i64 1 seq_cst
  br label %park
out:
  ret void
}}

; Ask the workers of an acquired context to leave.
define void @ph_stop(ptr %ctx) nounwind {{
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  store atomic ptr null, ptr %job.p release, align 8
  %next.p = getelementptr i8, ptr %ctx, i64 {NEXT}
  %word = load atomic i64, ptr %next.p monotonic, align 8
  %next = lshr i64 %word, {BACK_BITS}
  %go = add i64 %next, 1
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  call void @ph_signal(ptr %go.p, i64 %go)
  ret void
}}
"""


def _spin_ir(arch: str) -> str:
    """`ph_spin(n)`: n pauses, to learn how long one takes."""
    return f"""
define void @ph_spin(i64 %n) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %loop ]
  {PAUSE.get(arch, ("", ""))[1]}
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %n
  br i1 %more, label %loop, label %out
out:
  ret void
}}
"""


def runtime_ir(arch: str | None = None, system: str | None = None, kind: str | None = None) -> str:
    """The IR of what jobs call, for a module of jobs to include ahead of its own functions.

    Args:
        arch: LLVM's name of the architecture; the host's by default.
        system: a value of `sys.platform`; the host's by default.
        kind: how to sleep (see `sleep_kind`); the system's own way by default.

    Returns:
        LLVM IR text: declarations, and internal definitions that vanish where they are not used.
    """
    arch, system = arch or host_arch(), system or sys.platform
    return waiting_ir(arch, system, kind or sleep_kind(system, arch)) + _taking_ir(arch)


def pool_ir(arch: str | None = None, system: str | None = None, kind: str | None = None) -> str:
    """The IR of the pool's own module: the run entry, the workers' loop and what else `pool` calls.

    Args:
        arch: as for `runtime_ir`.
        system: as for `runtime_ir`.
        kind: as for `runtime_ir`.
    """
    return runtime_ir(arch, system, kind) + _POOL_IR + _spin_ir(arch or host_arch())


RUNTIME_IR = runtime_ir()

EXPORTED = ("ph_take", "ph_take_whole", "ph_meet", "ph_leave", "ph_decide", "ph_decided", "ph_fail")
"""What jobs call."""


def exported(text: str) -> str:
    """The definitions of `runtime_ir`, for other modules to call."""
    return re.sub(rf"^define internal (\S+ @({'|'.join(EXPORTED)})\()", r"define \1", text, flags=re.MULTILINE)
