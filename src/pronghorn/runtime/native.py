"""The machine-code routines behind every compiled step, as LLVM IR text: barriers, work counters, the pool's two ends.

A *job* is a function `void job(ptr ctx, ptr args, i64 tid)` in machine code. `ph_run` starts one on every thread of a
pool; between its kernels the threads meet at `ph_barrier(ctx)`. Generated modules include `RUNTIME_IR`, which defines

- `void @ph_barrier(ptr ctx)`: returns when every thread of the step has called it; free with one thread;
- `i64 @ph_next_chunk(ptr counter)`: takes the next number from a shared i64 counter, for work handed out dynamically;
- `i64 @ph_num_threads(ptr ctx)`: how many threads run the step;
- `void @ph_fail(ptr ctx, i64 code)`: reports a failure (a positive code). `ph_run` returns the largest code reported,
  so the answer does not depend on which thread came first; 0 means success.

**The context** (`ctx`) is 1 KiB of memory, one per pool. Every word that some thread writes while others watch it is on
cache lines of its own (128 bytes: the CPUs that fetch lines in pairs, and Apple's, share at that grain). The offsets in
bytes are the constants below. An *event* is two i64: a value that changes when the event happens, and the number of
threads asleep until it does.

**Waiting** has three phases: spin with pauses, since the next kernel is usually microseconds away; yield, so that a
thread that was preempted gets a core; sleep in the kernel until woken. The low half of an event's value is the word
that the operating system compares before it puts a thread to sleep, so no wake-up is lost.
"""

from __future__ import annotations

import sys

from .system import host_arch

GO = 0  # event: the number of the step to run
DONE = 128  # event: the number of the last step that all workers have finished
GATE = 256  # event: how many barriers have opened
ARRIVED = 384  # i64: threads waiting at the barrier
FINISHED = 512  # i64: workers done with this step
JOB = 640  # ptr: the job's code; null asks the workers to leave
ARGS = 648  # ptr: its arguments
THREADS = 656  # i64: the number of threads, the caller's included; set once
SPINS = 664  # i64: how many pauses a waiting thread spins through before it yields
YIELDS = 672  # i64: how many times it yields before it sleeps
STATUS = 768  # i64: the largest failure code so far
BUSY = 896  # i64: 1 while a step runs, or for good once the pool is closed
CONTEXT_BYTES = 1024

STATUS_BUSY = -1  # what ph_run returns when the context is in use: the job has not run

# The number of the futex system call on the Linux ports whose words are little-endian.
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "loongarch64": 98}

_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    # An instruction barrier waits about as long as x86's pause; arm64's own `yield` hint does nothing.
    "aarch64": ("declare void @llvm.aarch64.isb(i32)", "call void @llvm.aarch64.isb(i32 15)"),
}


def _sleep_futex(number: int) -> str:
    return f"""
declare i64 @syscall(i64, ...)
define internal void @ph_os_wait(ptr %event, i64 %old, i64 %round) noinline nounwind {{
  %low = trunc i64 %old to i32
  %r = call i64 (i64, ...) @syscall(i64 {number}, ptr %event, i32 128, i32 %low, ptr null, ptr null, i32 0)
  ret void
}}
define internal void @ph_os_wake(ptr %event) noinline nounwind {{
  %r = call i64 (i64, ...) @syscall(i64 {number}, ptr %event, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  ret void
}}
"""


_SLEEP_WINDOWS = """
declare i32 @WaitOnAddress(ptr, ptr, i64, i32)
declare void @WakeByAddressAll(ptr)
define internal void @ph_os_wait(ptr %event, i64 %old, i64 %round) noinline nounwind {
  %compare = alloca i64, align 8
  store i64 %old, ptr %compare, align 8
  %r = call i32 @WaitOnAddress(ptr %event, ptr %compare, i64 8, i32 1000)
  ret void
}
define internal void @ph_os_wake(ptr %event) noinline nounwind {
  call void @WakeByAddressAll(ptr %event)
  ret void
}
"""

# Where the system has no public way to sleep on a word: naps of 50 us, and of 1 ms after some 100 ms of them.
_SLEEP_NAPS = """
declare i32 @usleep(i32)
define internal void @ph_os_wait(ptr %event, i64 %old, i64 %round) noinline nounwind {
  %early = icmp ult i64 %round, 1000
  %time = select i1 %early, i32 50, i32 1000
  %r = call i32 @usleep(i32 %time)
  ret void
}
define internal void @ph_os_wake(ptr %event) noinline nounwind {
  ret void
}
"""


def sleep_kind(system: str, arch: str) -> str:
    """How threads sleep on a system (a value of `sys.platform`): `"futex"`, `"address"` (Windows) or `"nap"`."""
    if system.startswith("linux") and arch in _FUTEX:
        return "futex"
    return "address" if system == "win32" else "nap"


def _waiting_ir(arch: str, system: str, kind: str) -> str:
    sleep = {"futex": _sleep_futex(_FUTEX.get(arch, 0)), "address": _SLEEP_WINDOWS, "nap": _SLEEP_NAPS}[kind]
    give_way = "SwitchToThread" if system == "win32" else "sched_yield"
    declare_pause, pause = _PAUSE.get(arch, ("", ""))
    return f"""{sleep}
{declare_pause}
declare i32 @{give_way}()

; Return once the event's value is no longer %old.
define internal void @ph_wait(ptr %ctx, ptr %event, i64 %old) noinline nounwind {{
entry:
  %spins.p = getelementptr i8, ptr %ctx, i64 {SPINS}
  %spins = load i64, ptr %spins.p, align 8
  %yields.p = getelementptr i8, ptr %ctx, i64 {YIELDS}
  %yields = load i64, ptr %yields.p, align 8
  %sleepers = getelementptr i8, ptr %event, i64 8
  br label %spin
spin:
  %s = phi i64 [ 0, %entry ], [ %s.next, %spin.more ]
  %v1 = load atomic i64, ptr %event acquire, align 8
  %same1 = icmp eq i64 %v1, %old
  br i1 %same1, label %spin.more, label %out
spin.more:
  {pause}
  %s.next = add i64 %s, 1
  %s.again = icmp ult i64 %s.next, %spins
  br i1 %s.again, label %spin, label %yield
yield:
  %y = phi i64 [ 0, %spin.more ], [ %y.next, %yield.more ]
  %v2 = load atomic i64, ptr %event acquire, align 8
  %same2 = icmp eq i64 %v2, %old
  br i1 %same2, label %yield.more, label %out
yield.more:
  %r = call i32 @{give_way}()
  %y.next = add i64 %y, 1
  %y.again = icmp ult i64 %y.next, %yields
  br i1 %y.again, label %yield, label %sleep
sleep:
  %round = phi i64 [ 0, %yield.more ], [ %round.next, %awake ]
  %asleep = atomicrmw add ptr %sleepers, i64 1 seq_cst
  %v3 = load atomic i64, ptr %event seq_cst, align 8
  %same3 = icmp eq i64 %v3, %old
  br i1 %same3, label %dream, label %awake
dream:
  call void @ph_os_wait(ptr %event, i64 %old, i64 %round)
  br label %awake
awake:
  %left = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  %round.next = add i64 %round, 1
  %v4 = load atomic i64, ptr %event acquire, align 8
  %same4 = icmp eq i64 %v4, %old
  br i1 %same4, label %sleep, label %out
out:
  ret void
}}

; Give the event a new value and wake whoever sleeps on it. Both accesses are sequentially consistent, as are those of a
; thread that falls asleep: either it sees the new value, or it is seen among the sleepers.
define internal void @ph_signal(ptr %event, i64 %value) nounwind {{
  store atomic i64 %value, ptr %event seq_cst, align 8
  %sleepers = getelementptr i8, ptr %event, i64 8
  %n = load atomic i64, ptr %sleepers seq_cst, align 8
  %none = icmp eq i64 %n, 0
  br i1 %none, label %out, label %wake
wake:
  call void @ph_os_wake(ptr %event)
  br label %out
out:
  ret void
}}
"""


_STEP_IR = f"""
define internal void @ph_barrier_meet(ptr %ctx, i64 %n) noinline nounwind {{
  %gate = getelementptr i8, ptr %ctx, i64 {GATE}
  %arrived = getelementptr i8, ptr %ctx, i64 {ARRIVED}
  %g = load atomic i64, ptr %gate acquire, align 8
  %before = atomicrmw add ptr %arrived, i64 1 acq_rel
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %n
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %arrived monotonic, align 8
  %g.next = add i64 %g, 1
  call void @ph_signal(ptr %gate, i64 %g.next)
  ret void
wait:
  call void @ph_wait(ptr %ctx, ptr %gate, i64 %g)
  ret void
}}

define internal void @ph_barrier(ptr %ctx) alwaysinline nounwind {{
  %p = getelementptr i8, ptr %ctx, i64 {THREADS}
  %n = load i64, ptr %p, align 8
  %alone = icmp eq i64 %n, 1
  br i1 %alone, label %out, label %meet
meet:
  call void @ph_barrier_meet(ptr %ctx, i64 %n)
  br label %out
out:
  ret void
}}

define internal i64 @ph_num_threads(ptr %ctx) alwaysinline nounwind {{
  %p = getelementptr i8, ptr %ctx, i64 {THREADS}
  %n = load i64, ptr %p, align 8
  ret i64 %n
}}

define internal i64 @ph_next_chunk(ptr %counter) alwaysinline nounwind {{
  %i = atomicrmw add ptr %counter, i64 1 monotonic
  ret i64 %i
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
  %n.p = getelementptr i8, ptr %ctx, i64 {THREADS}
  %n = load i64, ptr %n.p, align 8
  %alone = icmp eq i64 %n, 1
  br i1 %alone, label %solo, label %start
solo:
  call void %job(ptr %ctx, ptr %args, i64 0)
  br label %end
start:
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  store ptr %job, ptr %job.p, align 8
  %args.p = getelementptr i8, ptr %ctx, i64 {ARGS}
  store ptr %args, ptr %args.p, align 8
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  %go.old = load atomic i64, ptr %go.p monotonic, align 8
  %go = add i64 %go.old, 1
  call void @ph_signal(ptr %go.p, i64 %go)
  call void %job(ptr %ctx, ptr %args, i64 0)
  %done.p = getelementptr i8, ptr %ctx, i64 {DONE}
  br label %join
join:
  %done = load atomic i64, ptr %done.p acquire, align 8
  %all = icmp eq i64 %done, %go
  br i1 %all, label %end, label %wait
wait:
  call void @ph_wait(ptr %ctx, ptr %done.p, i64 %done)
  br label %join
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
  %done.p = getelementptr i8, ptr %ctx, i64 {DONE}
  %finished.p = getelementptr i8, ptr %ctx, i64 {FINISHED}
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  %args.p = getelementptr i8, ptr %ctx, i64 {ARGS}
  %n.p = getelementptr i8, ptr %ctx, i64 {THREADS}
  br label %park
park:
  %last = phi i64 [ %seen, %entry ], [ %go, %work ], [ %go, %tell ]
  call void @ph_wait(ptr %ctx, ptr %go.p, i64 %last)
  %go = load atomic i64, ptr %go.p acquire, align 8
  %job = load ptr, ptr %job.p, align 8
  %leave = icmp eq ptr %job, null
  br i1 %leave, label %out, label %work
work:
  %args = load ptr, ptr %args.p, align 8
  call void %job(ptr %ctx, ptr %args, i64 %tid)
  %before = atomicrmw add ptr %finished.p, i64 1 acq_rel
  %count = add i64 %before, 2
  %n = load i64, ptr %n.p, align 8
  %all = icmp eq i64 %count, %n
  br i1 %all, label %tell, label %park
tell:
  store atomic i64 0, ptr %finished.p monotonic, align 8
  call void @ph_signal(ptr %done.p, i64 %go)
  br label %park
out:
  ret void
}}

; Ask the workers of an acquired context to leave.
define void @ph_stop(ptr %ctx) nounwind {{
  %job.p = getelementptr i8, ptr %ctx, i64 {JOB}
  store ptr null, ptr %job.p, align 8
  %go.p = getelementptr i8, ptr %ctx, i64 {GO}
  %go.old = load atomic i64, ptr %go.p monotonic, align 8
  %go = add i64 %go.old, 1
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
  {_PAUSE.get(arch, ("", ""))[1]}
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %n
  br i1 %more, label %loop, label %out
out:
  ret void
}}
"""


def runtime_ir(arch: str | None = None, system: str | None = None, kind: str | None = None) -> str:
    """The IR that a generated module includes once, ahead of its own functions.

    Args:
        arch: LLVM's name of the architecture; the host's by default.
        system: a value of `sys.platform`; the host's by default.
        kind: how to sleep (see `sleep_kind`); the system's own way by default.

    Returns:
        LLVM IR text: declarations, and internal definitions that vanish where they are not used.
    """
    arch, system = arch or host_arch(), system or sys.platform
    return _waiting_ir(arch, system, kind or sleep_kind(system, arch)) + _STEP_IR


def pool_ir(arch: str | None = None, system: str | None = None, kind: str | None = None) -> str:
    """The IR of the pool's own module: the run entry, the workers' loop and what else `pool` calls.

    Args:
        arch: as for `runtime_ir`.
        system: as for `runtime_ir`.
        kind: as for `runtime_ir`.
    """
    return runtime_ir(arch, system, kind) + _POOL_IR + _spin_ir(arch or host_arch())


RUNTIME_IR = runtime_ir()
