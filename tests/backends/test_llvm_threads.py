"""Compiled functions among threads and batch sizes; narrower instruction sets."""

import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pronghorn.backends.llvm import Executable
from pronghorn.backends.numpy import run
from pronghorn.graph import primitives as P
from pronghorn.graph.dim import Dim
from pronghorn.graph.ir import Aval
from pronghorn.graph.trace import trace
from pronghorn.runtime import pool, threads
from pronghorn.runtime.host import native_target

BATCH = Dim.symbol("batch")
HERE = Path(__file__).parent


def network(x, w):
    """Something with loops that are shared out, barriers and temporaries."""
    y = P.tanh(P.dot_general(x, w, contract=((1,), (0,)), batch=((), ())))
    total = P.reduce_sum(y, axes=(0,))
    y = P.sub(y, P.broadcast_in_dim(total, shape=y.shape, dims=(1,)))
    return [P.dot_general(y, w, contract=((1,), (1,)), batch=((), ())), total, P.cumsum(y, axis=0, reverse=False)]


@pytest.fixture
def compiled():
    return Executable(trace(network, [Aval((BATCH, 64), "float32"), Aval((64, 48), "float32")]))


def arrays(batch, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, 64)).astype("float32"), (rng.normal(size=(64, 48)) / 8).astype("float32")


def test_batch_sizes_that_change_and_an_arena_that_grows(compiled):
    expected = {}
    for batch in (3, 500, 1, 64, 2000, 3, 500, 64):
        x, w = arrays(batch)
        got = compiled(x, w)
        if batch not in expected:
            expected[batch] = got
            for a, b in zip(got, run(compiled.traced.graph, [x, w]), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * batch**0.5)
        for a, b in zip(got, expected[batch], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture
def restore_threads():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def test_the_number_of_threads_may_change_between_calls(compiled, restore_threads):
    x, w = arrays(300)
    first = compiled(x, w)
    for count in (1, 2, 4, 3):
        threads.set_num_threads(count)
        for a, b in zip(compiled(x, w), first, strict=True):
            np.testing.assert_array_equal(a, b)


def test_two_python_threads_call_one_executable(compiled):
    inputs = [arrays(batch, seed) for seed, batch in enumerate((5, 200, 31, 200))]
    expected = [compiled(*pair) for pair in inputs]
    start = threading.Barrier(4)

    def calls(which):
        start.wait()
        for i in range(60):
            k = (which + i) % len(inputs)
            for a, b in zip(compiled(*inputs[k]), expected[k], strict=True):
                np.testing.assert_array_equal(a, b)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(calls, range(4)))


def test_two_python_threads_call_two_executables():
    graphs = [trace(network, [Aval((BATCH, 64), "float32"), Aval((64, 48), "float32")]) for _ in range(2)]
    executables = [Executable(g) for g in graphs]
    x, w = arrays(100)
    expected = executables[0](x, w)

    def calls(executable):
        for _ in range(50):
            for a, b in zip(executable(x, w), expected, strict=True):
                np.testing.assert_array_equal(a, b)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(calls, executables))


# A few cases of every kind of kernel, for code of another instruction set.
SUBSET = "exp or add or cast or reduce_sum or argmax or sort or dot_general or conv or window_max or unpool or take"
SUBSET += " or scatter or random_bits or scan or cumsum or select or pad"


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86-64")
@pytest.mark.parametrize("target", ["sse2", "avx2", "avx512-emulated"])
def test_other_instruction_sets(target):
    if target == "avx2" and native_target().vector_bits < 256:
        pytest.skip("this machine has no AVX2")
    source = HERE.parents[1] / "src"
    env = {**os.environ, "PRONGHORN_TARGET": target, "PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "-x"]
    command += [str(HERE / "test_llvm.py"), "-k", f"test_every_primitive and ({SUBSET})"]
    done = subprocess.run(command, env=env, cwd=HERE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_a_small_step_wakes_no_other_thread(monkeypatch):
    rows = Dim.symbol("batch")
    executable = Executable(trace(lambda x: [P.tanh(P.add(x, x))], [Aval((rows, 2000), "float32")]))
    large = np.random.default_rng(0).normal(size=(100, 2000)).astype("float32")
    used = []
    run_shared = pool.run
    monkeypatch.setattr(pool, "run", lambda *args: used.append(args) or run_shared(*args))
    (expected,) = executable(large)
    assert used
    used.clear()
    (small,) = executable(large[:1])
    assert not used
    np.testing.assert_array_equal(small, expected[:1])
