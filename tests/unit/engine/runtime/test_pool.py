import gc
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from pronghorn.engine.runtime import native, pool, threads
from pronghorn.engine.runtime.callback import Callback
from pronghorn.engine.runtime.pool import Pool

KINDS = [None] if sys.platform == "win32" else [None, "nap"]  # this system's way to sleep, and the portable one


@pytest.fixture
def num_threads():
    """Sets the shared pool's size, and restores the default afterwards."""
    yield threads.set_num_threads
    threads.set_num_threads(None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_grain_is_run_once(jobs, n, kind):
    args = jobs.arguments(1000)
    with Pool(n, sleep=kind) as p:
        assert p.num_threads == n
        for _ in range(200):
            assert p.run(jobs.job("mark"), args.ctypes.data) == 0
    counts = jobs.slots(args, n + 1)
    assert sum(counts) == 200 * 1000 and counts[n] == 0
    assert args[1] == 200 * sum(range(1000))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_barriers_order_what_threads_see(jobs, n, kind):
    rounds = 300
    args = jobs.arguments(rounds)
    with Pool(n, sleep=kind) as p:
        for _ in range(3):
            p.run(jobs.job("rounds"), args.ctypes.data)
    assert jobs.slots(args, jobs.GRAINS) == jobs.rounds_total(3 * rounds)


def test_a_brief_job_keeps_pythons_lock(jobs):
    """No other thread has a turn before it is over, and its results are those of other ways."""
    args = jobs.arguments(1000)
    for times in (1, 2):
        assert pool.run_briefly(jobs.job("mark"), args.ctypes.data) == 0
        assert sum(jobs.slots(args, 2)) == times * 1000
    assert pool.run_briefly(jobs.job("fail"), jobs.arguments(code=7).ctypes.data) == 7 + jobs.GRAINS - 1


@pytest.mark.parametrize("n", [1, 3])
def test_the_largest_failure_code_is_returned_and_forgotten(jobs, n):
    with Pool(n) as p:
        assert p.run(jobs.job("fail"), jobs.arguments(code=7).ctypes.data) == 7 + jobs.GRAINS - 1
        assert p.run(jobs.job("mark"), jobs.arguments(5).ctypes.data) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_sleeping_workers_wake(jobs, kind):
    ran = []
    callback = Callback(lambda: ran.append(threading.current_thread().name))
    args = jobs.arguments(code=1, callback=callback.address)
    with Pool(3, sleep=kind) as p:
        for _ in range(3):
            time.sleep(0.05)  # far longer than they spin and yield
            p.run(jobs.job("callback"), args.ctypes.data)
    assert ran == ["pronghorn-1"] * 3


@pytest.mark.parametrize("who", [0, 1])
def test_threads_wait_asleep_for_a_slow_one(jobs, who):
    callback = Callback(lambda: time.sleep(0.05))
    args = jobs.arguments(code=who, callback=callback.address)
    with Pool(2) as p:
        before = time.process_time()
        assert p.run(jobs.job("callback"), args.ctypes.data) == 0
        assert time.process_time() - before < 0.04


def test_a_closed_pool_runs_nothing(jobs):
    p = Pool(2)
    p.close()
    args = jobs.arguments()
    assert p.run(jobs.job("mark"), args.ctypes.data) == native.STATUS_BUSY
    assert not args.any()


def test_the_shared_pool_follows_set_num_threads(jobs, num_threads):
    for n in (2, 3, 1, 2):
        num_threads(n)
        args = jobs.arguments(5)
        assert pool.run(jobs.job("mark"), args.ctypes.data) == 0
        assert args[1] == sum(range(5))
        assert pool._state.pool.num_threads == n


@pytest.mark.parametrize("who", [0, 1])
def test_a_job_s_callback_may_run_jobs(jobs, num_threads, who):
    num_threads(2)
    inner = jobs.arguments(10)
    results = []

    def body():
        results.append(pool.run(jobs.job("rounds"), inner.ctypes.data))
        num_threads(3)  # takes effect when the pool is free again
        results.append(pool.run(jobs.job("mark"), inner.ctypes.data))

    callback = Callback(body)
    args = jobs.arguments(code=who, callback=callback.address)
    assert pool.run(jobs.job("callback"), args.ctypes.data) == 0
    callback.raise_error()
    assert results == [0, 0]
    assert jobs.slots(inner, 1) == [55 + 10]  # all on one thread
    pool.run(jobs.job("mark"), jobs.arguments(5).ctypes.data)
    assert pool._state.pool.num_threads == 3


def test_python_threads_run_jobs_at_once(jobs, num_threads):
    num_threads(2)
    work = [jobs.arguments(20) for _ in range(4)]
    failures = []

    def client(args):
        for _ in range(50):
            failures.append(pool.run(jobs.job("rounds"), args.ctypes.data))

    clients = [threading.Thread(target=client, args=(args,)) for args in work]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == [0] * 200
    for args in work:
        assert args[1] == 1000 and jobs.slots(args, jobs.GRAINS) == jobs.rounds_total(1000)


@pytest.fixture
def stray(jobs, num_threads):
    """Has a worker be away amid a job that has ended, as one that has lost its core is; yields what calls it back."""
    num_threads(2)
    away, back = threading.Event(), threading.Event()
    leave, arrive = Callback(lambda: (away.set(), back.wait(30))), Callback(lambda: away.wait(0.5))
    start, given = time.monotonic(), []
    while not away.is_set() and time.monotonic() - start < 25:  # a job that soon follows another may wake nobody
        given.append(jobs.arguments(code=arrive.address, callback=leave.address))
        assert pool.run(jobs.job("stray"), given[-1].ctypes.data) == 0
    assert time.monotonic() - start < 25 and away.is_set() and not back.is_set()
    yield back.set
    back.set()
    while pool._state.pool.is_joined():
        time.sleep(0.001)


def test_no_job_waits_for_a_thread_that_is_away(jobs, stray):
    args = jobs.arguments(200)
    for _ in range(3):
        assert pool.run(jobs.job("rounds"), args.ctypes.data) == 0
    assert jobs.slots(args, jobs.GRAINS) == jobs.rounds_total(600)
    more = jobs.arguments(1000)
    stray()  # the worker comes back while others of its number are taken
    for _ in range(200):
        assert pool.run(jobs.job("mark"), more.ctypes.data) == 0
    assert sum(jobs.slots(more, 2)) == 200_000 and more[1] == 200 * sum(range(1000))


def test_what_a_job_had_outlives_a_thread_that_is_late_in_it(stray):
    tables = np.zeros(3)
    kept = weakref.ref(tables)
    pool.outlive(tables)
    del tables
    gc.collect()
    assert kept() is not None
    stray()
    while pool._state.pool.is_joined():
        time.sleep(0.001)
    pool.outlive(None)
    assert kept() is None


def test_what_a_job_had_outlives_a_late_thread_of_the_pool_before(jobs, stray, num_threads, monkeypatch):
    """Another thread is just waiting for that pool's workers to end."""
    waiting, stop_workers = threading.Event(), Pool.stop_workers

    def told(self):
        waiting.set()
        stop_workers(self)

    monkeypatch.setattr(Pool, "stop_workers", told)
    num_threads(3)
    args = jobs.arguments(5)
    other = threading.Thread(target=pool.run, args=(jobs.job("mark"), args.ctypes.data))
    other.start()
    try:
        assert waiting.wait(30)
        tables = np.zeros(3)
        kept = weakref.ref(tables)
        pool.outlive(tables)
        del tables
        assert kept() is not None
    finally:
        stray()
        other.join(30)
    assert not other.is_alive() and args[1] == sum(range(5)) and not pool._state.leaving
    while pool._state.pool.is_joined():
        time.sleep(0.001)
    pool.outlive(None)
    assert kept() is None


def test_what_a_job_had_is_let_go_at_once_if_nobody_is_late():
    tables = np.zeros(3)
    kept = weakref.ref(tables)
    while pool._state.pool is not None and pool._state.pool.is_joined():
        time.sleep(0.001)
    pool.outlive(tables)
    del tables
    assert kept() is None
