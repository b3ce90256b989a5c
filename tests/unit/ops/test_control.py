"""Branches, loops and custom gradients: traced they give what they give at once."""

import numpy as np
import pytest

import pronghorn
from pronghorn import ops, tree
from pronghorn.engine.autodiff.tape import GradientTape
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify

X = np.array([1.0, 2.0, 3.0], "float32")


def both(fn, *arrays):
    """The result at once, and through a traced graph."""
    arrays = [np.asarray(a) for a in arrays]
    now = [np.asarray(t) for t in tree.flatten(fn(*map(ops.convert_to_tensor, arrays)))]
    avals = [Aval(a.shape, a.dtype.name) for a in arrays]
    graph = trace(lambda *xs: [ops.convert_to_tensor(t) for t in tree.flatten(fn(*xs))], avals).graph
    later = run(verify(graph), arrays)
    for a, b in zip(now, later, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    return now


@pytest.mark.parametrize("flag", [True, False])
def test_cond(flag):
    def fn(pred, x):
        return ops.cond(pred, lambda: {"a": x + 1, "b": x}, lambda: {"a": x * 2, "b": x * x})

    first, _ = both(fn, flag, X)
    np.testing.assert_allclose(first, X + 1 if flag else X * 2)


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 9])
def test_switch(index):
    def fn(i, x):
        return ops.switch(i, [lambda v: v + 1, lambda v: v * 2, lambda v: -v], x)

    expected = [X + 1, X * 2, -X][min(max(index, 0), 2)]
    np.testing.assert_allclose(both(fn, np.int32(index), X)[0], expected)


def test_while_loop_with_a_limit():
    def fn(x):
        return ops.while_loop(lambda i, v: i < 10, lambda i, v: (i + 1, v * 2), (0, x), maximum_iterations=3)

    count, value = both(fn, X)
    assert count == 3
    np.testing.assert_allclose(value, X * 8)


def test_while_loop_with_a_limit_that_is_known_when_it_runs():
    def fn(x, most):
        return ops.while_loop(lambda v: True, lambda v: v * 2, x, maximum_iterations=most)

    compiled = pronghorn.jit(fn)
    for most in (3, 5, 0):
        assert float(compiled(np.float32(1), np.int32(most))) == 2**most == float(fn(ops.ones(()), most))


def test_while_loop_of_one_array():
    assert both(lambda x: ops.while_loop(lambda v: ops.sum(v) < 50, lambda v: v * 2, x), X)[0].sum() == 96


def test_fori_loop_with_a_computed_end():
    def fn(n, x):
        return ops.fori_loop(0, n, lambda i, v: v + ops.cast(i, "float32"), x)

    np.testing.assert_allclose(both(fn, np.int32(4), X)[0], X + 6)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    def fn(xs):
        return ops.scan(lambda c, x: (c + x["v"], {"y": c * x["v"]}), 1.0, {"v": xs}, reverse=reverse)

    total, partial = both(fn, X)
    assert total == 7
    np.testing.assert_allclose(partial, [5 + 1, 4 * 2, 3] if reverse else [1, 4, 12])


def test_scan_over_nothing():
    carry, ys = ops.scan(lambda c, x: (c + x, c), ops.zeros(()), np.zeros((0,), "float32"))
    assert float(carry) == 0
    assert ys.shape == (0,)


def test_map_and_vectorized_map():
    for op in (ops.map, ops.vectorized_map):
        np.testing.assert_allclose(both(lambda x, op=op: op(lambda v: v * v, x), X)[0], X * X)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    x = np.arange(1, n + 1, dtype="float32")
    out = both(lambda v: ops.associative_scan(lambda a, b: a * b, v, reverse=reverse), x)[0]
    np.testing.assert_allclose(out, np.cumprod(x[::-1])[::-1] if reverse else np.cumprod(x))


def test_custom_gradient_eagerly_and_traced():
    @ops.custom_gradient
    def clipped(x):
        return x * x, lambda upstream: ops.clip(2 * x * upstream, -3, 3)

    x = ops.convert_to_tensor(X)
    with GradientTape() as tape:
        tape.watch(x)
        loss = ops.sum(clipped(x))
    np.testing.assert_allclose(tape.gradient(loss, x), [2, 3, 3])

    from pronghorn.engine.autodiff.backward import backward

    graph = trace(lambda v: backward([ops.sum(clipped(v))], None, [v]), [Aval((3,), "float32")]).graph
    np.testing.assert_allclose(run(graph, [X])[0], [2, 3, 3])


def test_gradient_through_a_traced_scan():
    from pronghorn.engine.autodiff.backward import backward

    def slope(x):
        total, _ = ops.scan(lambda c, v: (c * v, c), 1.0, x)
        return backward([total], None, [x])

    np.testing.assert_allclose(run(trace(slope, [Aval((3,), "float32")]).graph, [X])[0], [6, 3, 2])


def test_branches_must_agree():
    with pytest.raises(ValueError, match="same shapes and types"):
        both(lambda p, x: ops.cond(p, lambda: x, lambda: x[:1]), True, X)


def test_the_state_of_a_loop_keeps_its_type():
    with pytest.raises(ValueError, match="shapes and types in which it got it"):
        trace(lambda x: ops.while_loop(lambda v: True, lambda v: ops.cast(v, "int32"), x), [Aval((), "float32")])


def test_jvp():
    out, slope, aux = ops.jvp(lambda x: (ops.sum(x * x), x), (X,), (np.ones(3),), has_aux=True)
    assert (float(out), float(slope), aux.shape) == (14.0, 12.0, (3,))


WEIGHTS = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
ROWS = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")


def test_vectorized_map_computes_all_slices_at_once():
    calls = []

    def fn(pair):
        calls.append(pair)
        row, number = pair
        return {"product": ops.matmul(row, WEIGHTS) * number, "best": ops.argmax(row), "none": ops.ones(2)}

    numbers = np.arange(5, dtype="float32")
    for run_it in (lambda f, *xs: f(*xs), lambda f, *xs: both(f, *xs)):
        calls.clear()
        out = run_it(lambda r, n: list(ops.vectorized_map(fn, (r, n)).values()), ROWS, numbers)
        best, none, product = sorted((np.asarray(t) for t in out), key=lambda t: (t.ndim, t.shape))
        np.testing.assert_allclose(product, ROWS @ WEIGHTS * numbers[:, None], rtol=1e-5)
        np.testing.assert_array_equal(best, ROWS.argmax(1))
        assert none.shape == (5, 2) and len(calls) <= 2  # eagerly and traced: once each


def test_vectorized_map_goes_one_by_one_where_it_must():
    def halved(row):
        return ops.while_loop(lambda v: ops.sum(v * v) > 0.1, lambda v: (v / 2,), (row,))[0]

    out = ops.vectorized_map(halved, ROWS)
    np.testing.assert_allclose(out, np.stack([ops.convert_to_numpy(halved(r)) for r in ROWS]))
    out = ops.vectorized_map(lambda row: row * 2 if float(ops.sum(row)) > 0 else row, ROWS)
    np.testing.assert_allclose(out, np.where(ROWS.sum(1, keepdims=True) > 0, ROWS * 2, ROWS))


def test_gradient_of_a_vectorized_map():
    x = ops.convert_to_tensor(ROWS)
    with GradientTape() as tape:
        tape.watch(x)
        loss = ops.sum(ops.vectorized_map(lambda row: ops.sum(row * row) * row[0], x))
    expected = 2 * ROWS * ROWS[:, :1] + np.eye(3)[0] * (ROWS**2).sum(1, keepdims=True)
    np.testing.assert_allclose(tape.gradient(loss, x), expected, rtol=1e-4, atol=1e-5)


def test_gradient_by_what_nested_maps_use():
    weights = ops.convert_to_tensor(X)
    elements = np.ones((2, 4, 3), "float32")
    for op in (ops.map, ops.vectorized_map):
        with GradientTape() as tape:
            tape.watch(weights)
            loss = ops.sum(op(lambda rows, op=op: op(lambda row: row * weights, rows), elements))
        np.testing.assert_array_equal(tape.gradient(loss, weights), [8, 8, 8])


def test_vectorized_map_of_arrays_of_several_extents():
    with pytest.raises(ValueError, match="vectorized_map: elements must be arrays with one extent"):
        ops.vectorized_map(lambda pair: pair[0], (np.ones(3), np.ones(4)))
