"""The native thread pool: runs a job, which is a function in machine code, on every thread at once.

The calling thread is the job's thread 0. The others are Python threads parked inside one foreign call each, with the
interpreter lock released; they wait in machine code (see `native`), so they join a step in well under a microsecond
while they spin and in some tens of microseconds once they sleep. Nobody waits for one that has not joined: a job ends
when its work is done, while workers may still be on their way through its code (see `outlive`).

A pool runs one job at a time. A call that finds it at work (from another Python thread, or from a Python function that
the job itself called) runs its job on the calling thread alone, so nothing ever waits for itself; results are the same
to the bit for any number of threads.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import dataclasses
import functools
import threading
import time
from collections.abc import Callable

import numpy as np

from pronghorn.engine.runtime import context, forks, native, threads
from pronghorn.engine.runtime.arena import aligned_zeros
from pronghorn.engine.runtime.compile import CompiledModule, compile_ir

# A waiting thread spins about this long, then yields this often (some 2 ms on an idle machine), then sleeps. Short
# spins: a thread just woken may share its waker's core, and only a yield lets it run. Many yields: the pause between
# two steps of `fit` is often near a millisecond, and waking a thread that sleeps costs some 100 us.
_SPIN_SECONDS = 10e-6
_YIELDS = 3000
# With more threads than cores the one waited for may need this core to get on.
_SPIN_SECONDS_CROWDED = 1e-6

# Kernels keep up to some 400 KB on the stack, whatever the program has chosen for threads of its own.
_STACK_BYTES = 2 << 20

_EXIT_SECONDS = 5.0  # how long the interpreter's exit waits for a job that a daemon thread runs


@dataclasses.dataclass(frozen=True)
class _Natives:
    """The pool's entry points in machine code."""

    module: CompiledModule
    run: Callable[[int, int, int], int]
    run_briefly: Callable[[int, int, int], int]
    work: Callable[[int, int, int], None]
    acquire: Callable[[int], int]
    stop: Callable[[int], None]
    pauses_per_second: float


@functools.cache
def _natives(kind: str | None = None) -> _Natives:
    module = compile_ir(native.pool_ir(kind=kind), name="runtime")
    word, pointer = ctypes.c_int64, ctypes.c_void_p
    spin = module.function("ph_spin", None, word)
    best = min(_seconds(spin, 2000) for _ in range(3))
    return _Natives(
        module,
        module.function("ph_run", word, pointer, pointer, pointer),
        module.function("ph_run", word, pointer, pointer, pointer, keeps_lock=True),
        module.function("ph_work", None, pointer, word, word),
        module.function("ph_acquire", word, pointer),
        module.function("ph_stop", None, pointer),
        2000 / max(best, 1e-7),
    )


def _seconds(spin: Callable[[int], None], pauses: int) -> float:
    start = time.perf_counter()
    spin(pauses)
    return time.perf_counter() - start


class Pool:
    """Some threads that run jobs together.

    Most callers want `run`, which uses the process's shared pool.

    Args:
        num_threads: how many threads, the caller's included.
        sleep: how idle threads sleep, to try another system's way (see `waiting.sleep_kind`); this system's by default.
    """

    def __init__(self, num_threads: int, *, sleep: str | None = None) -> None:
        self.requested = num_threads
        self._natives = _natives(sleep)
        self._words = aligned_zeros(context.CONTEXT_BYTES // 8, np.int64)
        self._address = self._words.ctypes.data
        # A daemon thread may still be in machine code, watching these words, while the interpreter takes itself apart:
        # they are never freed.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._words))
        crowded = num_threads > threads.available_cores()
        spin = _SPIN_SECONDS_CROWDED if crowded else _SPIN_SECONDS
        self._set(context.SPINS, max(1, int(spin * self._natives.pauses_per_second)))
        self._set(context.YIELDS, _YIELDS)
        self._workers = self._start_workers(num_threads - 1)
        self._set(context.THREADS, 1 + len(self._workers))

    def _set(self, offset: int, value: int) -> None:
        self._words[offset // 8] = value

    def _start_workers(self, count: int) -> list[threading.Thread]:
        before = threading.stack_size()
        _set_stack_size(_STACK_BYTES)
        try:
            return self._started(count)
        finally:
            _set_stack_size(before)

    def _started(self, count: int) -> list[threading.Thread]:
        workers = []
        for tid in range(1, count + 1):
            worker = threading.Thread(
                target=self._natives.work, args=(self._address, tid, 0), name=f"pronghorn-{tid}", daemon=True
            )
            try:
                worker.start()
            except RuntimeError:  # the system has no more threads, or the interpreter is exiting: do with these
                break
            workers.append(worker)
        return workers

    @property
    def num_threads(self) -> int:
        """How many threads run a job: as many as requested, unless the system had fewer to give."""
        return 1 + len(self._workers)

    def run(self, job: int, args: int) -> int:
        """Run a job on every thread that comes to it and return when all its work is done.

        Its code and arguments must `outlive` it.

        Args:
            job: the address of a machine-code function `void job(ptr ctx, ptr args, i64 tid, i64 first)`.
            args: an address passed on to it.

        Returns:
            0, or the largest failure code that the job reported; `native.STATUS_BUSY` if the pool is running another
            job or closed, in which case the job did not run.
        """
        return self._natives.run(self._address, job, args)

    def run_briefly(self, job: int, args: int) -> int:
        """`run` that keeps Python's lock: for a job without Python in it that takes some microseconds.

        A thread that gives the lock away may get it back after another's turn only, which lasts a thousand times as
        long. The pool has to have one thread: workers would need the lock to begin.
        """
        return self._natives.run_briefly(self._address, job, args)

    def is_joined(self) -> bool:
        """Whether a worker is in some job, which may have ended."""
        return bool(self._words[context.INSIDE // 8])

    def try_acquire(self) -> bool:
        """Keep the pool from running jobs for good; False if it is running one, and nothing is changed."""
        return bool(self._natives.acquire(self._address))

    def stop_workers(self) -> None:
        """End the threads of a pool acquired for good."""
        self._natives.stop(self._address)
        for worker in self._workers:
            worker.join()

    def close(self) -> None:
        """Wait for the running job, if any, and end the threads. The pool runs nothing afterwards."""
        while not self.try_acquire():
            time.sleep(0.0005)
        self.stop_workers()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _set_stack_size(nbytes: int) -> None:
    """Of the threads started from now on, 0 for the system's choice; stays as it is where that cannot be had."""
    with contextlib.suppress(ValueError, RuntimeError):
        threading.stack_size(nbytes)


class _State:
    """The process's shared pool, the one-thread contexts used beside it, and whether the process is exiting."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.leaving: list[Pool] = []  # shared before, with workers that may still be on their way out of a job
        self.solos: list[Pool] = []
        self.exiting = False
        self.lock = threading.RLock()  # held only to replace the pool, never while a job runs
        self.ended: list[object] = []
        self.ended_lock = threading.RLock()


_state = _State()


def run(job: int, args: int) -> int:
    """Run a job on the process's shared pool, or on this thread alone if the pool is at work.

    The pool has `threads.get_num_threads()` threads; it is made at the first call.

    Args:
        job: the address of a machine-code function `void job(ptr ctx, ptr args, i64 tid, i64 first)`. It and what it
            reads must `outlive` it.
        args: an address passed on to it.

    Returns:
        0, or the largest failure code that the job reported through `ph_fail`.

    A signal such as Ctrl-C that arrives meanwhile takes effect when the job is done.
    """
    pool = _state.pool
    if pool is None or pool.requested != threads.get_num_threads():
        pool = _renew_pool()
    status = pool.run(job, args)
    return status if status != native.STATUS_BUSY else run_alone(job, args)


def _renew_pool() -> Pool:
    """Make the shared pool, or make it anew for another number of threads unless it is at work just now."""
    with _state.lock:
        old, wanted = _state.pool, threads.get_num_threads()
        if old is not None and (_state.exiting or old.requested == wanted or not old.try_acquire()):
            return old
        if old is not None:
            _state.leaving.append(old)  # before it is the pool no more: `outlive` looks at the two in the other order
            _state.pool = None
            old.stop_workers()
            _state.leaving.remove(old)
        pool = Pool(1 if _state.exiting else wanted)
        _state.pool = pool
        return pool


def run_briefly(job: int, args: int) -> int:
    """Run a job on this thread only, and keep Python's lock: for jobs of some microseconds that call no Python."""
    for solo in _state.solos:
        status = solo.run_briefly(job, args)
        if status != native.STATUS_BUSY:
            return status
    return run_alone(job, args)


def run_alone(job: int, args: int) -> int:
    """Run a job on this thread only, which wakes no other: for jobs too small to share; see `run`."""
    for solo in list(_state.solos):
        status = solo.run(job, args)
        if status != native.STATUS_BUSY:
            return status
    if _state.exiting and threading.current_thread() is not threading.main_thread():
        # The interpreter is about to free what this daemon thread's job would use; the process ends under it instead.
        while True:
            time.sleep(3600)
    solo = Pool(1)
    _state.solos.append(solo)
    return run_alone(job, args)


def outlive(thing: object) -> None:
    """Keep what ended jobs had until no worker can be reading it any more.

    To be called with the code and the tables of jobs that will not run again: a worker that lost its core amid one of
    them finds on waking that there is nothing left to do, but needs them to find its way out.
    """
    with _state.ended_lock:
        ended = _state.ended
        ended.append(thing)
        count = len(ended)  # more may come while the next line runs, from the garbage collector
        pool = _state.pool
        if not (pool is not None and pool.is_joined()) and not any(old.is_joined() for old in list(_state.leaving)):
            del ended[:count]


def _at_exit() -> None:
    """Let running jobs end, keep others from starting, and stop the workers, before the interpreter frees memory."""
    _state.exiting = True
    deadline = time.monotonic() + _EXIT_SECONDS
    for pool in [*_state.solos, *([_state.pool] if _state.pool else [])]:
        while not (acquired := pool.try_acquire()) and time.monotonic() < deadline:
            time.sleep(0.0005)
        if acquired and pool is _state.pool:
            pool.stop_workers()


@forks.in_child
def _begin_anew() -> None:
    # Threads do not survive a fork, and the lock may have been held by one of them.
    global _state
    _state = _State()


atexit.register(_at_exit)
