"""Compiled steps whose products are of bfloat16 pairs: exact sums, any number of rows and threads, no byte beyond."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen import contract
from pronghorn.engine.codegen.contraction import plan_pairs
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import lacks, named_target, native_target

BATCH = Dim.symbol("batch")
BFLOAT16 = dtypes.to_numpy("bfloat16")
REAL = tuple(name for name in ("amx", "avx512-bf16") if not lacks(native_target(), named_target(name)))
TARGETS = ("amx-emulated", "avx512-bf16-emulated", *REAL)


def dense(x, w, v):
    """Two layers with a bias' place taken by numbers, and a result of another type."""
    y = ops.relu(ops.matmul(x, w) + ops.cast(ops.arange(40) % 3 - 1, "bfloat16"))
    return ops.cast(ops.matmul(y, v), "float32") * 2


def image(x, w, v):
    """Pooled and not pooled, to channels that fill no vector, and along merged axes."""
    y = ops.max_pool(ops.relu(ops.conv(x, w, 1, "valid")), 2, 2, "valid")
    return ops.conv(y, v, 1, "same")


def attention(x, w, v):
    """Products of two arrays that are computed, for each of some heads."""
    q, k = (ops.reshape(ops.matmul(x, m), (-1, 12, 4, 16)) for m in (w, v))
    return ops.einsum("bqhd,bkhd->bhqk", q, k)


STEPS = {
    "dense": (dense, [(BATCH, 70), (70, 40), (40, 33)]),
    "image": (image, [(BATCH, 9, 10, 24), (3, 3, 24, 20), (1, 1, 20, 40)]),
    "attention": (attention, [(BATCH, 12, 64), (64, 64), (64, 64)]),
}


def traced_step(name):
    """The result and, of its sum weighted by small whole numbers, the gradients."""
    function, shapes = STEPS[name]

    def step(*arguments):
        y = function(*arguments)
        weights = ops.cast(ops.arange(y.shape[-1]) % 3 - 1, y.dtype)
        total = ops.sum(y * weights)
        return [y, *backward([total], [np.ones((), total.dtype)], arguments)]

    return trace(step, [Aval(shape, "bfloat16") for shape in shapes])


@pytest.fixture(autouse=True)
def planned(monkeypatch):
    """The plans that are made: wherever pairs can be multiplied, whatever that gains."""
    made = []

    def whatever_it_gains(spec, machine, usual, apart):
        made.append(plan_pairs(spec, machine, None, apart))
        return made[-1]

    monkeypatch.setattr(contract, "plan_pairs", whatever_it_gains)
    monkeypatch.setattr(contract, "_GAIN", 0.0)
    monkeypatch.setenv("PRONGHORN_CACHE", "0")  # which does not know of this
    return made


def arguments_of(name, batch, draw):
    shapes = [tuple(batch if isinstance(d, Dim) else d for d in shape) for shape in STEPS[name][1]]
    return [draw(shape).astype(BFLOAT16) for shape in shapes]


@pytest.mark.mostly_slow("dense-amx-emulated")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", STEPS)
def test_sums_of_whole_numbers_are_exact(monkeypatch, planned, name, target):
    """On arrays between forbidden pages, in memory full of NaNs; with no row, one, some, more than a block."""
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")
    traced = traced_step(name)
    executable = Executable(traced)
    assert sum(plan is not None for plan in planned) >= 6
    for batch in (0, 1, 5, 33):
        rng = np.random.default_rng(batch)
        inputs = arguments_of(name, batch, lambda shape, rng=rng: rng.integers(-1, 2, shape))
        for _ in range(2):  # against the page behind, then the page before
            for got, expected in zip(executable(*inputs), run(traced.graph, inputs), strict=True):
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got.astype("f8"), expected.astype("f8"))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", STEPS)
def test_same_bits_for_any_number_of_threads(monkeypatch, name, target):
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    rng = np.random.default_rng(3)
    inputs = arguments_of(name, 130, lambda shape: rng.normal(size=shape))
    executable = Executable(traced_step(name))
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3, 7):
            threads.set_num_threads(count)
            results.append(executable(*inputs))
    finally:
        threads.set_num_threads(before)
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(first.view("u1"), other.view("u1"))


CONTRACTIONS = [case for case in CASES if case.prim in ("dot_general", "conv", "conv_input_grad", "conv_filter_grad")]


@pytest.mark.mostly_slow("amx-emulated", *REAL)
@pytest.mark.parametrize("target", TARGETS)
def test_every_contraction_of_the_table(monkeypatch, planned, target):
    """The cases that all backends are tested on, as bfloat16: compiled together, and exact on whole numbers."""
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    cases = list(
        {(case.prim, *(a.shape for a in case.args()), str(case.params)): case for case in CONTRACTIONS}.values()
    )
    rng = np.random.default_rng(0)
    arguments = [[rng.integers(-1, 2, array.shape).astype(BFLOAT16) for array in case.args()] for case in cases]
    inputs = [array for arrays in arguments for array in arrays]

    def every(*tensors):
        rest = iter(tensors)
        operands = [[next(rest) for _ in arrays] for arrays in arguments]
        return [PRIMITIVES[case.prim](*given, **case.params) for case, given in zip(cases, operands)]

    traced = trace(every, [Aval(array.shape, "bfloat16") for array in inputs])
    results = Executable(traced)(*inputs)
    assert sum(plan is not None for plan in planned) >= 50
    for case, got, expected in zip(cases, results, run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got.astype("f8"), expected.astype("f8"), err_msg=case.id)
