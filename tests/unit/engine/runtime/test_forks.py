"""Forks while other threads hold something, each in a process of its own: a child that waits is ended by the test."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

_PRELUDE = """
import faulthandler
faulthandler.enable()  # says where each thread is, if the test ends the process
import gc, importlib.abc, importlib.util, os, sys, threading, time
import numpy as np
from llvmlite.binding import ffi
from pronghorn import jit, ops
from pronghorn.engine.backends import choice
from pronghorn.engine.runtime import forks
from pronghorn.engine.runtime.garbage import uncollected

number = 0
def compile_and_call():
    global number
    number += 1
    assert jit(lambda x: ops.tanh(x) + float(number))(np.zeros(3, "float32")).numpy()[0] == number

def meanwhile(block, child):
    inside, over = threading.Event(), threading.Event()
    def hold():
        with block:
            inside.set()
            over.wait()
    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    end = threading.Timer(0.2, over.set)
    end.start()
    process = os.fork()
    if process == 0:
        child()
        os._exit(0)
    thread.join(), end.join()
    assert os.waitpid(process, 0)[1] == 0

compile_and_call()
"""


def _run(script):
    source = Path(__file__).parents[4] / "src"
    path = os.pathsep.join([str(source), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _PRELUDE + script],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)
        _, err = process.communicate()
        pytest.fail(f"a process waits for a thread that it does not have:\n{err}")
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "block",
    [
        "ffi.lib._lock",  # llvmlite's
        "double._lock",
        "forks._forking.lock",  # another fork
    ],
)
def test_locks_of_other_threads(block):
    _run(
        f"""
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
double = Executable(trace(lambda x: [x + x], [Aval((3,), "float32")]))
def child():
    assert double(np.ones(3, "float32"))[0].tolist() == [2, 2, 2]
    compile_and_call()
meanwhile({block}, child)
assert double(np.ones(3, "float32"))[0].tolist() == [2, 2, 2]
compile_and_call()
"""
    )


def test_a_fork_waits_for_calls_of_llvm_and_for_imports():
    _run(
        """
class Slow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "pronghorn._slow" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        time.sleep(0.2)
        module.done = True
sys.meta_path.insert(0, Slow())

for slow in (lambda: forks.undisturbed(time.sleep, 0.2), lambda: importlib.import_module("pronghorn._slow")):
    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.05)
    process = os.fork()
    if process == 0:
        import pronghorn._slow
        os._exit(0 if pronghorn._slow.done else 1)
    thread.join()
    assert os.waitpid(process, 0)[1] == 0

process = forks.undisturbed(os.fork)  # it waits for no call of its own thread
if process == 0:
    compile_and_call()
    os._exit(0)
assert os.waitpid(process, 0)[1] == 0
"""
    )


def test_what_other_threads_are_at_goes_on_in_the_parent_alone():
    _run(
        """
meanwhile(uncollected(), lambda: (gc.isenabled() or os._exit(1), compile_and_call()))
assert gc.isenabled()
with uncollected():
    meanwhile(uncollected(), lambda: gc.isenabled() and os._exit(1))
assert gc.isenabled()
meanwhile(choice.running("a model", "numpy"), lambda: choice.choose("numpy"))
"""
    )


def test_many_forks_beside_threads_that_compile_and_call():
    _run(
        """
shared = jit(lambda x: ops.tanh(x) * 2.0)
x = np.ones(3, "float32")
def work(first):
    for number in range(first, first + 10):
        jit(lambda x: ops.exp(x) + float(number))(x), shared(x)
threads = [threading.Thread(target=work, args=(first,)) for first in (1000, 2000)]
for thread in threads:
    thread.start()
forks_made = 0
while any(thread.is_alive() for thread in threads) and forks_made < 8:
    process = os.fork()
    if process == 0:
        shared(x), compile_and_call()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    forks_made += 1
for thread in threads:
    thread.join()
"""
    )
