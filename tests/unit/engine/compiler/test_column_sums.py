"""Sums over the rows of what a contraction writes are begun by its epilogue, and are those of the plain program."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen import unit_sums
from pronghorn.engine.compiler import column_sums
from pronghorn.engine.compiler.kernels import ContractionKernel, LoopKernel
from pronghorn.engine.compiler.printer import print_program
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
TARGETS = ("host", "sse2", "avx2-emulated", "avx512-emulated")


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs; small results are summed, too. Nothing
    comes from the cache, whose code was made for others."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")
    monkeypatch.setenv("PRONGHORN_CACHE", "0")
    monkeypatch.setattr(column_sums, "FEWEST_SUMMED", 1)
    monkeypatch.setattr(unit_sums, "LEAST_SUMS_ROWS", 1)


@pytest.fixture
def begun(monkeypatch):
    """Lists the sums that epilogues begin: how many units are taken together, and how many arrays there are."""
    found = []
    begin = unit_sums.UnitSums.begin

    def noted(self, fb, row, first, last):
        found.append((self.together, len(self.arrays)))
        begin(self, fb, row, first, last)

    monkeypatch.setattr(unit_sums.UnitSums, "begin", noted)
    return found


def conv(strides=1, padding="same", **options):
    return lambda x, w: ops.conv(x, w, strides, padding, **options)


def depthwise(x, w):
    return ops.depthwise_conv(x, w, 1, "same")


# The contraction, the shapes of its operands, and whether its epilogue can sum.
CASES = {
    "dense": (ops.matmul, ((BATCH, 40, 24), (24, 70)), True),
    "columns of a few": (ops.matmul, ((BATCH, 100, 9), (9, 17)), True),
    "few rows": (ops.matmul, ((BATCH, 8, 1024), (1024, 1100)), None),
    "one column": (ops.matmul, ((BATCH, 700, 9), (9, 1)), None),
    "panels": (ops.matmul, ((BATCH, 24, 520), (520, 1100)), True),
    "1x1": (conv(), ((BATCH, 12, 11, 16), (1, 1, 16, 40)), True),
    "3x3": (conv(), ((BATCH, 13, 11, 32), (3, 3, 32, 48)), True),
    "3x3, many channels": (conv(), ((BATCH, 5, 5, 256), (3, 3, 256, 320)), True),
    "5x5": (conv(), ((BATCH, 12, 11, 32), (5, 5, 32, 64)), True),
    "5x5, many channels": (conv(), ((BATCH, 5, 5, 256), (5, 5, 256, 320)), True),
    "three taps": (conv(), ((BATCH, 41, 64), (3, 64, 64)), True),
    "strided": (conv(2), ((BATCH, 12, 13, 16), (3, 3, 16, 24)), True),
    "no channels to speak of": (conv(), ((BATCH, 16, 16, 3), (3, 3, 3, 20)), True),
    "depthwise": (depthwise, ((BATCH, 9, 14, 40), (3, 3, 40, 1)), True),
    "depthwise, two each": (depthwise, ((BATCH, 9, 14, 20), (3, 3, 20, 2)), True),
    "depthwise, forty each": (depthwise, ((BATCH, 9, 14, 3), (3, 3, 3, 40)), False),
    "groups": (conv(), ((BATCH, 9, 14, 32), (3, 3, 8, 64)), False),
}


def traced_sums(contraction, shapes):
    """The result, its sums by column, and those of its product with another array."""

    def fn(x, w, bias, other):
        y = ops.relu(contraction(x, w) + bias)
        axes = tuple(range(len(y.shape) - 1))
        return [y, ops.sum(y, axes), ops.sum(y * other, axes)]

    result = trace(lambda x, w: [contraction(x, w)], [Aval(s, "float32") for s in shapes]).graph.outputs[0].shape
    return trace(fn, [Aval(s, "float32") for s in (*shapes, result[-1:], result)])


def integers(traced, batch):
    """Arrays of which every sum is exact, in any order."""
    rng = np.random.default_rng(batch)
    shapes = [[batch if d is BATCH else d for d in value.shape] for value in traced.graph.inputs]
    return [rng.integers(-2, 3, shape).astype("float32") for shape in shapes]


def fused(traced):
    target = host_target()
    program = lower(rewrite(traced.graph, target, check=True), target, check=True)
    return program, [k for k in program.kernels if isinstance(k, ContractionKernel) and k.sums]


@pytest.mark.mostly_slow("dense-host", "3x3-avx2-emulated", "depthwise-sse2", "strided-avx512-emulated")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_sums_are_exact(name, target, begun, monkeypatch):
    if target != "host":
        monkeypatch.setenv("PRONGHORN_TARGET", target)
    contraction, shapes, sums = CASES[name]
    traced = traced_sums(contraction, shapes)
    program, (kernel,) = fused(traced)
    assert len(kernel.sums) == 1 and len(kernel.sums[0].elements) == 2
    assert "from sums over all rows of" in print_program(program)
    executable = Executable(traced)
    for batch in (3, 1, 0, 19):
        inputs = integers(traced, batch)
        for got, expected in zip(executable(*inputs), run(traced.graph, inputs), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert sums is None or bool(begun) == sums


FEW_ROWS = {
    "all columns": (conv(), ((BATCH, 39, 41, 8), (1, 1, 8, 40))),
    "panels": (ops.matmul, ((BATCH, 784, 96), (96, 520))),
}


@pytest.mark.parametrize("name", FEW_ROWS)
def test_units_of_few_rows_are_taken_together(name, begun, monkeypatch):
    """Else there would be about as many rows of sums as rows."""
    monkeypatch.setattr(unit_sums, "LEAST_SUMS_ROWS", 32)
    traced = traced_sums(*FEW_ROWS[name])
    inputs = integers(traced, 3)
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert begun[0][0] > 1


def test_units_of_too_few_rows(begun, monkeypatch):
    """Sums of units that are too small stay apart."""
    monkeypatch.setattr(unit_sums, "LEAST_SUMS_ROWS", 1 << 20)
    traced = traced_sums(*CASES["3x3"][:2])
    inputs = integers(traced, 3)
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert not begun


def test_products_that_differ_in_their_sums_alone():
    """Their kernels are not one: code is shared by what it depends on."""

    def fn(x, v, w, other):
        y, z = ops.matmul(x, v), ops.matmul(x, w)
        return [y, z, ops.sum(y, (0, 1)), ops.sum(z * z, (0, 1)), ops.sum(z * other, (0, 1))]

    shapes = [(BATCH, 40, 24), (24, 70), (24, 70), (BATCH, 40, 70)]
    traced = trace(fn, [Aval(shape, "float32") for shape in shapes])
    assert len(fused(traced)[1]) == 2
    inputs = integers(traced, 5)
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["dense", "panels", "3x3", "3x3, many channels", "depthwise"])
def test_same_bits_on_any_number_of_threads(name):
    contraction, shapes, _ = CASES[name]
    traced = traced_sums(contraction, shapes)
    rng = np.random.default_rng(0)
    shapes = [[13 if d is BATCH else d for d in value.shape] for value in traced.graph.inputs]
    inputs = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    before, results = pronghorn.config.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            pronghorn.config.set_num_threads(threads)
            results.append(Executable(traced)(*inputs))
    finally:
        pronghorn.config.set_num_threads(before)
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
    for got, expected in zip(results[0], run(traced.graph, inputs), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_what_is_not_finite_stays_in_its_column():
    contraction, shapes, _ = CASES["depthwise"]
    traced = traced_sums(contraction, shapes)
    inputs = integers(traced, 2)
    inputs[0][1, 3, 3, 5], inputs[0][0, 0, 0, 39] = np.nan, np.inf
    inputs[1][..., 39, :] = 1
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)


def gathered(fn, *avals):
    """How many sums contractions begin in a function's program, and how many kernels sum by themselves."""
    program, kernels = fused(trace(fn, [Aval(shape, dtype) for shape, dtype in avals]))
    apart = [k for k in program.kernels if isinstance(k, LoopKernel) and any(r.chunk for r in k.reductions)]
    return sum(len(k.sums) for k in kernels), len(apart)


X, W = ((BATCH, 40, 24), "float32"), ((24, 70), "float32")


def test_which_sums_are_begun():
    assert gathered(lambda x, w: [ops.sum(ops.matmul(x, w), (0, 1))], X, W) == (1, 0)
    # over other axes, of rows in another order, of the largest
    assert gathered(lambda x, w: [ops.sum(ops.matmul(x, w), (0, 2))], X, W)[0] == 0
    assert gathered(lambda x, w: [ops.max(ops.matmul(x, w), (0, 1))], X, W)[0] == 0
    # of products with other elements of the same result
    square = [((BATCH, 40, 24), "float32"), ((24, 24), "float32")]
    assert gathered(lambda x, w: [ops.sum((y := ops.matmul(x, w)) * ops.flip(y, -1), (0, 1))], *square)[0] == 0
    # of results that a contraction reaches only some of
    strided = [((BATCH, 9, 14, 32), "float32"), ((1, 1, 16, 32), "float32")]
    assert gathered(lambda x, w: [ops.sum(ops.conv_transpose(x, w, 2), (0, 1, 2))], *strided)[0] == 0
    # of dtypes that are rounded in memory
    low = [((BATCH, 40, 24), "bfloat16"), ((24, 70), "bfloat16")]
    assert gathered(lambda x, w: [ops.matmul(x, w), ops.sum(ops.matmul(x, w), (0, 1))], *low)[0] == 0


def test_what_is_not_there_before_is_waited_for():
    """The second sum needs the first, for which all rows must be there."""

    def fn(x, w):
        y = ops.matmul(x, w)
        mean = ops.sum(y, (0, 1)) / 100.0
        return [y, ops.sum(ops.abs(y - mean), (0, 1))]

    assert gathered(fn, X, W) == (1, 1)


def test_the_stage_can_be_left_out(monkeypatch):
    monkeypatch.setenv("PRONGHORN_SKIP", "sums")
    assert gathered(lambda x, w: [ops.sum(ops.matmul(x, w), (0, 1))], X, W) == (0, 1)


def test_a_new_value_written_over_an_old_one():
    """A sum that reads what its kernel would overwrite is no reason to read it late, or to overwrite it early."""
    model = pronghorn.Sequential([pronghorn.Input((12, 12, 16)), pronghorn.layers.Conv2D(24, 1)])
    model.compile(pronghorn.optimizers.SGD(0.5), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((70, 12, 12, 16)), rng.standard_normal((70, 12, 12, 24))
    start = model.get_weights()
    losses = []
    for eager in (False, True):
        model.set_weights(start)
        model.compile(pronghorn.optimizers.SGD(0.5), "mse", run_eagerly=eager)
        losses.append(model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


SEEN_THROUGH = {
    "a tile": lambda t: ops.tile(t, (5, 1)),
    "a repeat": lambda t: ops.repeat(t, 3, 0),
    "a turned array": lambda t: ops.reshape(ops.transpose(t), (-1, 24)),
}


@pytest.mark.parametrize("name", SEEN_THROUGH)
def test_rows_that_are_looked_up(name):
    """An index that is read from memory may stand inside of a quotient or a remainder."""

    def fn(x, w, table, i):
        y = ops.matmul(x, w)
        return [y, ops.sum(y * ops.take(SEEN_THROUGH[name](table), i, axis=0), (0, 1))]

    shapes = [((BATCH, 40, 8), "float32"), ((8, 24), "float32"), ((6, 24), "float32"), ((BATCH, 40), "int32")]
    traced = trace(fn, [Aval(shape, dtype) for shape, dtype in shapes])
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-2, 3, (3, *shape[1:]) if shape[0] is BATCH else shape) for shape, _ in shapes[:3]]
    inputs = [*(array.astype("float32") for array in inputs), rng.integers(0, 6, (3, 40)).astype("int32")]
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
