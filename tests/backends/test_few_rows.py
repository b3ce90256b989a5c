"""Products of few rows with large matrices in whole programs: what is fused, batches of any size, threads, loops."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pronghorn import jit, layers, ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen.contraction import Array, Axis, Contraction
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads

BATCH = Dim.symbol("batch")
ROWS = (1, 3, 16, 17, 30, 0)  # up to sixteen have code of their own


def two_layers(x, w, table, b):
    """A dense layer with an activation, and one whose matrix is turned, with what was before added."""
    y = P.dot_general(x, w, contract=((1,), (0,)), batch=((), ()))
    y = P.tanh(P.add(y, P.broadcast_in_dim(b, shape=y.shape, dims=(1,))))
    z = P.dot_general(y, table, contract=((1,), (1,)), batch=((), ()))
    return [P.add(z, x), y]


def traced(rows, dtype="float32", steps=500, columns=1101):
    shapes = ((rows, steps), (steps, columns), (steps, columns), (columns,))
    return trace(two_layers, [Aval(shape, dtype) for shape in shapes])


def arrays(rows, dtype="float32", steps=500, columns=1101):
    rng = np.random.default_rng(rows)
    shapes = ((rows, steps), (steps, columns), (steps, columns), (columns,))
    return [(rng.normal(size=shape) / 20).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("known", [False, True])
def test_what_follows_is_computed_and_any_batch_is_taken(known):
    graph = traced(BATCH)
    compiled = Executable(graph)
    for rows in ROWS:
        given = arrays(rows)
        function = Executable(traced(rows)) if known and rows else compiled
        for got, expected in zip(function(*given), run(graph.graph, given), strict=True):
            np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)


def test_bfloat16():
    graph = traced(BATCH, "bfloat16")
    compiled = Executable(graph)
    for rows in (1, 5, 16):
        given = arrays(rows, ml_dtypes.bfloat16)
        for got, expected in zip(compiled(*given), run(graph.graph, given), strict=True):
            np.testing.assert_allclose(got.astype("f4"), expected.astype("f4"), rtol=2e-2, atol=2e-2)


def test_threads_change_no_bit():
    compiled, given, found = Executable(traced(BATCH)), arrays(4), []
    before = threads.get_num_threads()
    try:
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            found.append(compiled(*given))
    finally:
        threads.set_num_threads(before)
    for other in found[1:]:
        for one, another in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


def test_a_row_is_the_same_in_any_small_batch():
    compiled, given = Executable(traced(BATCH)), arrays(16)
    whole = compiled(*given)
    for rows in (1, 2, 5):
        part = compiled(given[0][:rows], *given[1:])
        for one, another in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one, another[:rows])


def test_in_every_step_of_a_loop():
    rng = np.random.default_rng(0)
    w = (rng.normal(size=(800, 800)) / 30).astype("float32")
    xs = rng.normal(size=(20, 5, 800)).astype("float32")

    def steps(xs, w):
        def step(carry, x):
            after = ops.tanh(ops.matmul(carry, w) + x)
            return after, after[:, 0]

        return ops.scan(step, ops.zeros_like(xs[0]), xs)

    last, firsts = jit(steps)(xs, w)
    carry, expected = np.zeros_like(xs[0]), []
    for x in xs:
        carry = np.tanh(carry @ w + x)
        expected.append(carry[:, 0])
    np.testing.assert_allclose(last, carry, atol=1e-4)
    np.testing.assert_allclose(firsts, expected, atol=1e-4)


@pytest.mark.parametrize("rows", [3, 40])
def test_a_recurrent_layer_whose_batch_is_any(rows):
    layer = layers.SimpleRNN(800, return_sequences=True)
    x = (np.random.default_rng(0).normal(size=(rows, 6, 30)) / 10).astype("float32")
    layer.build(x.shape)
    got = np.asarray(jit(lambda x: layer(x))(x))
    w, u, b = (np.asarray(v) for v in layer.weights)
    carry = np.zeros((rows, 800), "float32")
    for t in range(6):
        carry = np.tanh(x[:, t] @ w + carry @ u + b)
        np.testing.assert_allclose(got[:, t], carry, atol=1e-4)


@pytest.mark.parametrize("through", [("int8", "int32"), ("uint8", "int16", "int32"), ("int8", "uint16", "int32")])
@pytest.mark.parametrize("rows", [2, 40])
def test_integers_are_widened_where_they_are_multiplied(rows, through):
    """What lies between may wrap: not every cast can be left out."""

    def multiplied(x, w):
        for dtype in through[1:]:
            x, w = P.cast(x, dtype=dtype), P.cast(w, dtype=dtype)
        return [P.dot_general(x, w, contract=((1,), (0,)), batch=((), ()))]

    graph = trace(multiplied, [Aval((BATCH, 330), through[0]), Aval((330, 1700), through[0])])
    rng = np.random.default_rng(0)
    info = np.iinfo(through[0])
    given = [rng.integers(info.min, info.max + 1, size=s).astype(through[0]) for s in ((rows, 330), (330, 1700))]
    (got,), (expected,) = Executable(graph)(*given), run(graph.graph, given)
    np.testing.assert_array_equal(got, expected)


def test_two_axes_of_rows_of_which_neither_is_known_are_one():
    """Else a tile would have rows along one of them alone, which may have one place."""
    tokens = Dim.symbol("tokens")
    axes = [Axis("a", BATCH, tokens * 40, 0, tokens * 50), Axis("b", tokens, 40, 0, 50), Axis("n", 50, 0, 1, 1)]
    arrays = [Array(slot, "float32") for slot in range(3)]
    spec = Contraction((*axes, Axis("k", 40, 1, 50)), *arrays).simplified()
    assert [axis.name for axis in spec.axes] == ["a*b", "n", "k"]

    def function(x, w, b):
        y = P.dot_general(x, w, contract=((2,), (0,)), batch=((), ()))
        return [P.add(P.tanh(y), P.broadcast_in_dim(b, shape=y.shape, dims=(0, 2)))]  # b differs along one of them

    shapes = ((BATCH, tokens, 40), (40, 50), (BATCH, 50))
    graph = trace(function, [Aval(shape, "float32") for shape in shapes])
    compiled = Executable(graph)
    for batch, many in ((1, 64), (64, 1), (3, 5), (0, 3), (3, 0), (2, 33)):
        rng = np.random.default_rng(batch)
        given = [rng.normal(size=s).astype("float32") for s in ((batch, many, 40), (40, 50), (batch, 50))]
        np.testing.assert_allclose(compiled(*given)[0], run(graph.graph, given)[0], rtol=2e-5, atol=2e-5)
