"""Compiled functions among threads and batch sizes; narrower instruction sets."""

import gc
import os
import platform
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pronghorn import layers, ops
from pronghorn.engine.backends.llvm import Executable, kept_steps, linking
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen import walker
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import native, pool, threads
from pronghorn.engine.runtime.host import native_target

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
@pytest.mark.parametrize("target", ["sse2", "avx2", "avx512-emulated", "amx-emulated"])
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


@pytest.mark.parametrize("is_in_a_cycle", [False, True])
@pytest.mark.parametrize("is_kept", [False, True])
def test_code_that_goes_is_whole_when_it_is_handed_over(monkeypatch, tmp_path, is_kept, is_in_a_cycle):
    """The collector ends all of a cycle at once; what workers may be in has to outlive that too."""
    monkeypatch.setenv("PRONGHORN_CACHE_DIR", str(tmp_path))
    handed = []
    monkeypatch.setattr(pool, "outlive", handed.append)
    x = np.ones((64, 1000), "float32")
    for _ in range(2 if is_kept else 1):
        executable = Executable(trace(lambda x: [P.tanh(P.add(x, x))], [Aval((64, 1000), "float32")]))
        executable(x)
    assert executable.module.from_cache == is_kept
    ended, me = executable, weakref.ref(executable)
    if is_in_a_cycle:
        ended.itself = ended
    gc.collect()
    handed.clear()
    del executable, ended
    gc.collect()
    assert me() is None
    ((module, layouts),) = handed
    assert module.address("step") and len(layouts) == 1


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


# Threads lose their cores at the worst moments: about every sixteenth time that one comes by, in an order that depends
# on how all of them come by.
DISTURBANCE = """
@ph_times = internal global i64 0
declare i32 @usleep(i32)
define internal void @ph_disturb() noinline nounwind {
  %n = atomicrmw add ptr @ph_times, i64 1 monotonic
  %a = mul i64 %n, 6364136223846793005
  %b = lshr i64 %a, 48
  %c = and i64 %b, 15
  %hit = icmp eq i64 %c, 5
  br i1 %hit, label %sleep, label %out
sleep:
  %d = lshr i64 %a, 52
  %e = and i64 %d, 255
  %time = trunc i64 %e to i32
  %r = call i32 @usleep(i32 %time)
  br label %out
out:
  ret void
}
"""
DISTURBED = ("@ph_take(", "@ph_take_whole(", "@ph_await(", "@ph_report(")


def disturbed(text):
    parts = text.split("define ")
    for i, part in enumerate(parts):
        if any(name in part.splitlines()[0] for name in DISTURBED):
            head, body = part.split("{\n", 1)
            label, body = body.split("\n", 1) if body.startswith("entry:") else ("entry:", body)
            parts[i] = f"{head}{{\n{label}\n  call void @ph_disturb()\n{body}"
    assert "define ".join(parts).count("call void @ph_disturb") == len(DISTURBED)
    return "define ".join(parts) + DISTURBANCE


def winding(x, w):
    """Loops within loops, branches, host calls: with small kernels and with some that are shared out."""

    def step(state, row):
        count, h = state
        h = ops.tanh(h @ w + row)
        h = ops.cond(ops.sum(h) > 0, lambda: h * 0.9 - 0.1, lambda: ops.flip(h, axis=0))
        h, total, _ = ops.while_loop(
            lambda h, total, i: ops.logical_and(total < 3.0, i < 4),
            lambda h, total, i: (ops.sin(h + total), total + ops.mean(h * h), i + 1),
            (h, ops.zeros(()), 0),
        )
        return (count + 1, h), ops.sum(h, axis=0) + total

    (count, h), rows = ops.scan(step, (0, x), ops.stack([x[:1] * k for k in range(7)]))
    lower = ops.cholesky(ops.matmul(ops.transpose(w), w) + ops.eye(w.shape[0]))
    return [h @ lower, rows, count]


@pytest.mark.parametrize("calls", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_threads_that_lose_their_cores_change_no_bit(monkeypatch, restore_threads, calls):
    shapes = [Aval((BATCH, 160), "float32"), Aval((160, 160), "float32")]
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(100, 160)).astype("float32"), (rng.normal(size=(160, 160)) / 9).astype("float32")
    traced = trace(lambda x, w: winding(x, w), shapes)
    threads.set_num_threads(1)
    expected = Executable(traced)(x, w)
    own = (native.RUNTIME_IR + walker.walkers("internal")).replace(
        "declare i64 @llvm.smin.i64(i64, i64)\n", ""
    )  # the step declares it, too
    monkeypatch.setattr(linking, "declarations", lambda: disturbed(own))
    monkeypatch.setattr(kept_steps, "key", lambda *_: None)
    executable = Executable(traced)
    for count in (2, 8):
        threads.set_num_threads(count)
        for _ in range(calls):
            for a, b in zip(executable(x, w), expected, strict=True):
                np.testing.assert_array_equal(a, b)


def is_small(model, x):
    executable = Executable(trace(lambda x: [model(x)], [Aval((BATCH, *x.shape[1:]), "float32")]))
    executable(x)
    ((layout,),) = executable._layouts.values()
    return layout.is_small


def recurrent_mean(sequences):
    """A recurrent layer whose rows meet in every step."""
    kernel = ops.full((16, 16), 0.1)

    def step(state, x):
        state = ops.tanh(ops.matmul(state - ops.mean(state, axis=0), kernel) + x)
        return state, None

    return ops.scan(step, ops.zeros_like(sequences[:, 0]), ops.transpose(sequences, (1, 0, 2)))[0]


def test_a_step_of_small_kernels_between_barriers_stays_on_one_thread():
    assert is_small(recurrent_mean, np.zeros((32, 12, 16), "float32"))
    assert is_small(layers.LSTM(8), np.zeros((32, 2, 8), "float32"))
    assert is_small(layers.LSTM(64), np.zeros((1, 40, 64), "float32"))  # one block of rows
    assert not is_small(layers.LSTM(32), np.zeros((32, 12, 16), "float32"))  # no barriers between the steps
    assert not is_small(layers.LSTM(256), np.zeros((32, 12, 16), "float32"))


def test_threads_that_compile_first_share_what_steps_call(monkeypatch):
    monkeypatch.setattr(linking, "_modules", {})
    monkeypatch.setattr(linking, "_linked", set())
    made = []
    version = f"another {kept_steps.compiler()}"  # kept on disk, and of no other compiler
    compiled = linking.compile_ir
    met = threading.Barrier(4)

    def compile_together(*args, **kwargs):
        met.wait()
        made.append(compiled(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(linking, "compile_ir", compile_together)
    addresses = []
    monkeypatch.setattr(linking.llvm, "add_symbol", lambda name, address: addresses.append((name, address)))
    with ThreadPoolExecutor(4) as others:
        list(others.map(linking.link, [version] * 4))
    assert len(made) == 4 and len(set(addresses)) == len(addresses) / 4
    linking.link(version)
    assert len(made) == 4
