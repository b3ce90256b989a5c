"""Temporaries are computed over operands that nothing reads any more, to the same bits, and over no others."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.compiler.in_place import compute_in_place
from pronghorn.engine.compiler.kernels import Program
from pronghorn.engine.compiler.schedule import fuse
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.compiler.verify import InvalidProgram, verify_program
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
ROWS = (0, 1, 2, 7, 33)


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages; nothing comes from the cache."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")
    monkeypatch.setenv("PRONGHORN_CACHE", "0")


def traced(function, *shapes, dtype="float32"):
    return trace(lambda *x: [*function(*x)], [Aval(shape, dtype) for shape in shapes])


def over(function, *shapes):
    """The temporaries that are computed over others, as pairs of kernels' numbers: the one that makes each, and the one
    that made what it takes the place of."""
    graph = rewrite(traced(function, *shapes).graph, host_target())
    program = fuse(graph, host_target())
    found = verify_program(compute_in_place(program))
    made = {v: number for number, kernel in enumerate(program.kernels) for v in kernel.writes}
    return [(made[v], made[w]) for v, w in found.aliases.items() if v in made and v not in program.aliases]


def softmax(x, w):
    return [ops.matmul(ops.softmax(ops.matmul(x, w)), w)]


def test_a_softmax_lies_where_its_scores_did():
    """The scores, their maximum, the exponentials, their sum, the shares, and the product that reads these."""
    assert over(softmax, (BATCH, 24), (24, 24)) == [(2, 0), (4, 0)]


def test_what_is_asked_for_stays():
    assert over(lambda x, w: [ops.softmax(ops.matmul(x, w))], (BATCH, 24), (24, 24)) == [(2, 0)]
    assert over(lambda x, w: [y := ops.matmul(x, w), ops.matmul(ops.softmax(y), w)], (BATCH, 24), (24, 24)) == [(4, 2)]


def test_arguments_stay():
    assert over(lambda x, w: [ops.matmul(ops.softmax(x), w)], (BATCH, 24), (24, 24)) == [(3, 1)]


def test_what_is_read_later_stays():
    def later(x, w):
        y = ops.matmul(x, w)
        return [ops.matmul(ops.matmul(ops.softmax(y), w), ops.transpose(y))]

    assert over(later, (BATCH, 24), (24, 24)) == [(4, 2)]


def test_what_is_read_elsewhere_stays():
    def turned(x, w):
        y = ops.matmul(x, w)
        return [ops.matmul(ops.flip(y, 0) * ops.sum(y, axis=0) + ops.max(y, axis=-1, keepdims=True), w)]

    assert over(turned, (32, 24), (24, 24)) == []


def test_no_kernel_waits_for_others_that_read_too():
    """The scores' column maxima may be at work when the exponentials begin, unless these need what is made later."""

    def beside(x, w, z, late):
        y = ops.matmul(x, w)
        early = 0 if late else ops.sum(z, axis=0)
        largest = ops.max(y, axis=0)
        factors = ops.sum(z, axis=0) if late else early
        return [largest, ops.matmul(ops.exp(y * factors), w)]

    shapes = (64, 24), (24, 24), (300, 24)
    assert over(lambda x, w, z: beside(x, w, z, late=False), *shapes) == []
    assert over(lambda x, w, z: beside(x, w, z, late=True), *shapes) == [(3, 0)]


def test_a_result_over_a_result():
    """Two in a row take the same memory."""

    def twice(x, w):
        y = ops.softmax(ops.matmul(x, w))
        return [ops.matmul(y / (1 + ops.sum(y, axis=0)), w)]

    assert {old for _, old in over(twice, (64, 24), (24, 24))} == {0}


def mlp_step(x, w, v):
    def loss(w, v):
        h = ops.gelu(ops.matmul(x, w))
        h = h - ops.mean(h, axis=-1, keepdims=True)
        return ops.sum(ops.logsumexp(ops.matmul(h, v), axis=-1))

    return ops.grad(loss, argnums=(0, 1))(w, v)


def convolutions(x, w, v):
    y = ops.relu(ops.conv(ops.relu(ops.conv(x, w, 1, "same")), w, 1, "same") + x)
    y = y - ops.mean(y, axis=(0, 1, 2))
    return [ops.conv(y * ops.sigmoid(ops.max(y, axis=-1, keepdims=True)), v, 2, "same"), ops.max_pool(y, 2)]


def loop(x, w, v):
    def step(state, _):
        a = ops.softmax(ops.matmul(state, w))
        return a / (1 + ops.sum(a, axis=-1, keepdims=True)), ops.matmul(ops.softmax(ops.matmul(v, w)), w)

    state, kept = ops.scan(step, x, None, length=5)
    return [state, kept]


CASES = {
    "softmax": (softmax, ((BATCH, 24), (24, 24))),
    "two columns": (softmax, ((BATCH, 2), (2, 2))),
    "training step": (mlp_step, ((BATCH, 24), (24, 40), (40, 70))),
    "convolutions": (convolutions, ((BATCH, 9, 10, 16), (3, 3, 16, 16), (3, 3, 16, 5))),
    "few channels": (convolutions, ((BATCH, 6, 5, 3), (3, 3, 3, 3), (2, 2, 3, 1))),
    "a loop": (loop, ((BATCH, 16), (16, 16), (8, 16))),
}


@pytest.mark.parametrize("target", ["host", "avx2-emulated", "avx512-emulated"])
@pytest.mark.parametrize("case", CASES)
def test_the_bits_are_those_of_arrays_apart(case, target, monkeypatch):
    function, shapes = CASES[case]
    if target != "host":
        monkeypatch.setenv("PRONGHORN_TARGET", target)
    monkeypatch.setenv("PRONGHORN_SKIP", "inplace")
    apart = Executable(traced(function, *shapes))
    monkeypatch.setenv("PRONGHORN_SKIP", "")
    together = Executable(traced(function, *shapes))
    rng = np.random.default_rng(0)
    for rows in ROWS:
        sizes = [[rows if isinstance(n, Dim) else n for n in shape] for shape in shapes]
        arguments = [rng.standard_normal(size).astype("float32") for size in sizes]
        for mine, its in zip(together(*arguments), apart(*arguments), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_what_is_the_same_in_every_step_stays_ahead_of_the_loop(monkeypatch):
    monkeypatch.setenv("PRONGHORN_SKIP", "inplace")
    function, shapes = CASES["a loop"]
    apart = build(traced(function, *shapes), (), host_target(), False).text
    monkeypatch.setenv("PRONGHORN_SKIP", "")
    assert build(traced(function, *shapes), (), host_target(), False).text == apart


def test_training_is_the_same_to_the_bit(monkeypatch):
    def weights():
        keras.utils.set_random_seed(0)
        layers = keras.layers
        x = inputs = keras.Input((6, 16))
        for _ in range(2):
            y = layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x, use_causal_mask=True)
            x = layers.LayerNormalization()(x + y)
            x = x + layers.Dense(16)(layers.Dropout(0.2)(layers.Dense(32, activation="gelu")(x)))
        x = layers.BatchNormalization()(layers.Conv1D(16, 3, padding="same", activation="swish")(x))
        model = keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.LSTM(8)(x)))
        model.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(0)
        model.fit(rng.random((37, 6, 16), "float32"), rng.integers(0, 4, 37), batch_size=16, epochs=2, verbose=0)
        return model.get_weights()

    mine = weights()
    monkeypatch.setenv("PRONGHORN_SKIP", "inplace")
    for one, other in zip(mine, weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_reading_what_has_been_overwritten_is_refused():
    program = fuse(rewrite(traced(softmax, (BATCH, 24), (24, 24)).graph, host_target()), host_target())
    first, *_, last = program.kernels
    (scores,), (exponentials,) = first.writes, program.kernels[-2].writes
    verify_program(program)
    wrong = Program(program.graph, program.kernels, {**program.aliases, exponentials: scores})
    program.graph.outputs.append(scores)
    with pytest.raises(InvalidProgram, match="output .* has been overwritten"):
        verify_program(wrong)
    last.reads = {*last.reads, scores}
    with pytest.raises(InvalidProgram, match="reads .* has been overwritten"):
        verify_program(wrong)
