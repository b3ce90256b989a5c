"""How threads wait for each other in machine code, as LLVM IR text.

An *event* is two i64: a value that changes when the event happens, and the number of threads asleep until it does.
Waiting for one has three phases: spin with pauses, since what is waited for is usually microseconds away; yield, so
that a thread that was preempted gets a core; sleep in the kernel until woken. A yield that takes long shows that others
want the cores: for a while, waiting threads then sleep at once. The low half of an event's value is the word that the
operating system compares before it puts a thread to sleep, so no wake-up is lost.

- `void @ph_wait(ptr ctx, ptr event, i64 old, i1 naps)`: returns once the event's value is another;
- `void @ph_signal(ptr event, i64 value)`: gives it one; `void @ph_wake(ptr event)`: where it has changed already;
- `i64 @ph_now()`: nanoseconds since some moment, by a clock that nobody sets;
- `i1 @ph_is_short(ptr ctx, i64 now)`: whether cores are short.
"""

from __future__ import annotations

from pronghorn.engine.runtime.context import SHORT, SPINS, YIELDS

LONG_YIELD = 100_000  # nanoseconds: another thread has had the core meanwhile
SHORT_TIME = 5_000_000  # nanoseconds
NAP = 200_000  # nanoseconds

# The number of the futex system call on the Linux ports whose words are little-endian.
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "loongarch64": 98}

PAUSE = {
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
define internal void @ph_os_nap(ptr %event, i64 %old) noinline nounwind {{
  %time = alloca [2 x i64], align 8
  store i64 0, ptr %time, align 8
  %ns = getelementptr i64, ptr %time, i64 1
  store i64 {NAP}, ptr %ns, align 8
  %low = trunc i64 %old to i32
  %r = call i64 (i64, ...) @syscall(i64 {number}, ptr %event, i32 128, i32 %low, ptr %time, ptr null, i32 0)
  ret void
}}
define internal void @ph_os_wake(ptr %event) noinline nounwind {{
  %r = call i64 (i64, ...) @syscall(i64 {number}, ptr %event, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  ret void
}}
"""


_SLEEP_WINDOWS = f"""
declare i32 @WaitOnAddress(ptr, ptr, i64, i32)
declare void @WakeByAddressAll(ptr)
define internal void @ph_os_wait(ptr %event, i64 %old, i64 %round) noinline nounwind {{
  %compare = alloca i64, align 8
  store i64 %old, ptr %compare, align 8
  %r = call i32 @WaitOnAddress(ptr %event, ptr %compare, i64 8, i32 1000)
  ret void
}}
define internal void @ph_os_nap(ptr %event, i64 %old) noinline nounwind {{
  %compare = alloca i64, align 8
  store i64 %old, ptr %compare, align 8
  %r = call i32 @WaitOnAddress(ptr %event, ptr %compare, i64 8, i32 {max(1, NAP // 1_000_000)})
  ret void
}}
define internal void @ph_os_wake(ptr %event) noinline nounwind {{
  call void @WakeByAddressAll(ptr %event)
  ret void
}}
"""

# Where the system has no public way to sleep on a word: naps of 50 us, and of 1 ms after some 100 ms of them.
_SLEEP_NAPS = f"""
declare i32 @usleep(i32)
define internal void @ph_os_wait(ptr %event, i64 %old, i64 %round) noinline nounwind {{
  %early = icmp ult i64 %round, 1000
  %time = select i1 %early, i32 50, i32 1000
  %r = call i32 @usleep(i32 %time)
  ret void
}}
define internal void @ph_os_nap(ptr %event, i64 %old) noinline nounwind {{
  %r = call i32 @usleep(i32 {NAP // 1000})
  ret void
}}
define internal void @ph_os_wake(ptr %event) noinline nounwind {{
  ret void
}}
"""

_CLOCK = """
declare i32 @clock_gettime(i32, ptr)
define internal i64 @ph_now() noinline nounwind {{
  %time = alloca [2 x i64], align 8
  %r = call i32 @clock_gettime(i32 {monotonic}, ptr %time)
  %s = load i64, ptr %time, align 8
  %ns.p = getelementptr i64, ptr %time, i64 1
  %ns = load i64, ptr %ns.p, align 8
  %whole = mul i64 %s, 1000000000
  %now = add i64 %whole, %ns
  ret i64 %now
}}
"""

# Whole seconds apart, as ticks times 1e9 would overflow after 15 minutes at the 10 MHz that are usual.
_CLOCK_WINDOWS = """
declare i32 @QueryPerformanceCounter(ptr)
declare i32 @QueryPerformanceFrequency(ptr)
define internal i64 @ph_now() noinline nounwind {
  %count = alloca i64, align 8
  %frequency = alloca i64, align 8
  %r1 = call i32 @QueryPerformanceCounter(ptr %count)
  %r2 = call i32 @QueryPerformanceFrequency(ptr %frequency)
  %c = load i64, ptr %count, align 8
  %f = load i64, ptr %frequency, align 8
  %s = udiv i64 %c, %f
  %rest = urem i64 %c, %f
  %whole = mul i64 %s, 1000000000
  %part = mul i64 %rest, 1000000000
  %ns = udiv i64 %part, %f
  %now = add i64 %whole, %ns
  ret i64 %now
}
"""


def sleep_kind(system: str, arch: str) -> str:
    """How threads sleep on a system (a value of `sys.platform`): `"futex"`, `"address"` (Windows) or `"nap"`."""
    if system.startswith("linux") and arch in _FUTEX:
        return "futex"
    return "address" if system == "win32" else "nap"


def _clock_ir(system: str) -> str:
    """`ph_now()`: nanoseconds since some moment."""
    if system == "win32":
        return _CLOCK_WINDOWS
    return _CLOCK.format(monotonic=6 if system == "darwin" else 1)


def waiting_ir(arch: str, system: str, kind: str) -> str:
    """The routines that wait for an event and make it happen.

    Args:
        arch: LLVM's name of the architecture.
        system: a value of `sys.platform`.
        kind: how to sleep, see `sleep_kind`.
    """
    sleep = {"futex": _sleep_futex(_FUTEX.get(arch, 0)), "address": _SLEEP_WINDOWS, "nap": _SLEEP_NAPS}[kind]
    give_way = "SwitchToThread" if system == "win32" else "sched_yield"
    declare_pause, pause = PAUSE.get(arch, ("", ""))
    return f"""{sleep}{_clock_ir(system)}
{declare_pause}
declare i32 @{give_way}()

; Whether cores are short just now.
define internal i1 @ph_is_short(ptr %ctx, i64 %now) alwaysinline nounwind {{
  %until.p = getelementptr i8, ptr %ctx, i64 {SHORT}
  %until = load atomic i64, ptr %until.p monotonic, align 8
  %short = icmp slt i64 %now, %until
  ret i1 %short
}}

; Return once the event's value is no longer %old; or earlier, after a nap of which nobody knows, if %naps and cores are
; short: nobody then has to wake this thread.
define internal void @ph_wait(ptr %ctx, ptr %event, i64 %old, i1 %naps) noinline nounwind {{
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
  br i1 %s.again, label %spin, label %look
look:
  %start = call i64 @ph_now()
  %short1 = call i1 @ph_is_short(ptr %ctx, i64 %start)
  br i1 %short1, label %drowsy, label %yield
yield:
  %y = phi i64 [ 0, %look ], [ %y.next, %yield.more ]
  %then = phi i64 [ %start, %look ], [ %now, %yield.more ]
  %r = call i32 @{give_way}()
  %v2 = load atomic i64, ptr %event acquire, align 8
  %now = call i64 @ph_now()
  %away = sub i64 %now, %then
  %long = icmp sgt i64 %away, {LONG_YIELD}
  br i1 %long, label %crowd, label %yielded
crowd:
  %until.p = getelementptr i8, ptr %ctx, i64 {SHORT}
  %until = add i64 %now, {SHORT_TIME}
  store atomic i64 %until, ptr %until.p monotonic, align 8
  br label %yielded
yielded:
  %same2 = icmp eq i64 %v2, %old
  br i1 %same2, label %yield.more, label %out
yield.more:
  %y.next = add i64 %y, 1
  %y.fewer = icmp ult i64 %y.next, %yields
  %calm = xor i1 %long, true
  %y.again = and i1 %y.fewer, %calm
  br i1 %y.again, label %yield, label %tired
tired:
  %dozes = and i1 %long, %naps
  br i1 %dozes, label %nap, label %sleep
drowsy:
  br i1 %naps, label %nap, label %sleep
nap:
  call void @ph_os_nap(ptr %event, i64 %old)
  ret void
sleep:
  %round = phi i64 [ 0, %tired ], [ 0, %drowsy ], [ %round.next, %awake ]
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
  call void @ph_wake(ptr %event)
  ret void
}}
define internal void @ph_wake(ptr %event) nounwind {{
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
