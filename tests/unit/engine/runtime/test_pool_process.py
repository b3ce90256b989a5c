"""The pool through a process's life: forks, signals and exits, each in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PRELUDE = """
import os, threading, time
import jobs
from pronghorn.engine.runtime import pool, threads
from pronghorn.engine.runtime.callback import Callback
threads.set_num_threads(2)

def check():
    args = jobs.arguments(50)
    assert pool.run(jobs.job("rounds"), args.ctypes.data) == 0
    assert jobs.slots(args, jobs.GRAINS) == jobs.rounds_total(50), args[:40]

def slow(seconds):
    callback = Callback(lambda: time.sleep(seconds))
    args = jobs.arguments(callback=callback.address)
    pool.run(jobs.job("callback"), args.ctypes.data)
    callback.raise_error()

check()
"""


def _start(script):
    here = Path(__file__).parent
    source = Path(__file__).parents[4] / "src"
    path = os.pathsep.join([str(here), str(source), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + script],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(script):
    process = _start(script)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err


@pytest.mark.parametrize(
    "script",
    [
        "",
        "time.sleep(0.05)",
        "threading.Thread(target=check).start()",
        # a daemon thread amid its jobs
        "threading.Thread(target=lambda: [check() for _ in iter(int, 1)], daemon=True).start(); time.sleep(0.05)",
        # a daemon thread amid a job of its own while the main thread has the pool
        "threading.Thread(target=slow, args=(0.3,), daemon=True).start(); time.sleep(0.1); check()",
        # jobs at exit, before and after the pool has stopped
        "import atexit; atexit.register(check)",
        "del pool, threads, jobs",
    ],
)
def test_exit_is_clean(script):
    out, err = _run(script)
    assert (out, err) == ("", "")


def test_exit_after_an_exception():
    process = _start("raise SystemExit(3)")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")


def test_jobs_at_exit_run_alone_once_the_workers_have_left():
    # handlers run last registered first; the pool's own was registered when it was imported
    script = """
import atexit
atexit.unregister(pool._at_exit)
atexit.register(lambda: (check(), print("ran")))
atexit.register(pool._at_exit)
"""
    assert _run(script)[0] == "ran\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_its_own_pool():
    script = """
for _ in range(3):
    child = os.fork()
    check()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
# a fork while another thread is amid a job
thread = threading.Thread(target=slow, args=(0.3,))
thread.start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    check()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
check()
"""
    _run(script)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_takes_effect_after_the_step_and_leaves_the_pool_usable():
    script = """
print("ready", flush=True)
done = 0
try:
    while True:
        slow(0.01)
        done += 1
except KeyboardInterrupt:
    check()
    print("interrupted")
"""
    process = _start(script)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "interrupted\n"), err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_many_signals_never_leave_the_pool_taken():
    script = """
import signal
class Stop(Exception): pass
def handler(*_): raise Stop
signal.signal(signal.SIGALRM, handler)
args = jobs.arguments(3)
job = jobs.job("rounds")
caught = 0
while caught < 200:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        while True:
            pool.run(job, args.ctypes.data)
    except Stop:
        caught += 1
signal.setitimer(signal.ITIMER_REAL, 0)
check()
"""
    _run(script)


def test_workers_have_room_for_kernels_whatever_other_threads_have():
    script = """
threading.stack_size(128 * 1024)
import numpy as np
import pronghorn
model = pronghorn.Sequential([pronghorn.Input((34, 34, 128)), pronghorn.layers.Conv2D(128, 3)])
model.compile("sgd", "mse")
x = np.ones((16, 34, 34, 128), "float32")
threads.set_num_threads(3)
model.fit(x, np.zeros((16, 32, 32, 128), "float32"), verbose=0)
model.predict(x, verbose=0)
assert threading.stack_size() == 128 * 1024
"""
    _run(script)
