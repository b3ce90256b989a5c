"""The gradient of a scan: nothing is computed twice, and weights' gradients are one product after the loop."""

import numpy as np
import pytest

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.joining import join_loops
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.engine.graph.verify import verify

LENGTH, BATCH, UNITS = 5, 4, 3
STATE = Aval((BATCH, UNITS), "float64")


def matmul(x, y):
    return P.dot_general(x, y, contract=((1,), (0,)), batch=((), ()))


def scan(body, consts, init, xs, reverse=False):
    return P.scan(*body.captures, *consts, *init, *xs, body=body.graph, num_consts=len(body.captures) + len(consts),
                  num_carry=len(init), length=LENGTH, reverse=reverse)  # fmt: skip


def recurrent(u, h, x):
    h = P.tanh(P.add(matmul(h, u), x))
    return [h, h]


def loss_and_gradients(u, h, xs):
    body = trace_body(recurrent, [Aval((UNITS, UNITS), "float64"), STATE, STATE])
    last, ys = scan(body, [u], [h], [xs])
    loss = P.add(P.reduce_sum(P.mul(ys, ys), axes=(0, 1, 2)), P.reduce_sum(last, axes=(0, 1)))
    return [loss, *backward([loss], None, [u, h, xs])]


AVALS = [Aval((UNITS, UNITS), "float64"), STATE, Aval((LENGTH, BATCH, UNITS), "float64")]


def names(graph):
    return [n.prim.name for n in graph.nodes]


def test_structure_of_the_gradient():
    graph = join_loops(verify(trace(loss_and_gradients, AVALS).graph))
    forward, back = (n for n in graph.nodes if n.prim.name == "scan")
    assert names(forward.params["body"]).count("dot_general") == 1
    # on the way back only h's cotangent needs a product in the loop, and tanh is not computed again
    inner = names(back.params["body"])
    assert inner.count("dot_general") == 1
    assert "tanh" not in inner
    # u's gradient: one product over all steps
    (product,) = [n for n in graph.nodes if n.prim.name == "dot_general"]
    assert product.params["contract"] == ((0, 1), (0, 1))


def test_numbers():
    rng = np.random.default_rng(0)
    u, h, xs = (rng.normal(size=a.shape) for a in AVALS)
    loss, gu, gh, gx = run(trace(loss_and_gradients, AVALS).graph, [u, h, xs])

    def value(u, h, xs):
        total = 0.0
        for x in xs:
            h = np.tanh(h @ u + x)
            total += np.sum(h * h)
        return total + np.sum(h)

    assert loss == pytest.approx(value(u, h, xs))
    for array, gradient in [(u, gu), (h, gh), (xs, gx)]:
        for index in [(0,) * array.ndim, (1,) * array.ndim, tuple(n - 1 for n in array.shape)]:
            ends = []
            for step in (-1e-6, 1e-6):
                before = array[index]
                array[index] = before + step
                ends.append(value(u, h, xs))
                array[index] = before
            assert gradient[index] == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6, abs=1e-8)


def test_two_gradients_of_one_loop():
    """Each asks the loop for more of its steps; they share what both need."""

    def fn(u, h, xs):
        body = trace_body(recurrent, [Aval((UNITS, UNITS), "float64"), STATE, STATE])
        last, ys = scan(body, [u], [h], [xs])
        first = P.reduce_sum(last, axes=(0, 1))
        second = P.reduce_sum(ys, axes=(0, 1, 2))
        return [*backward([first], None, [u]), *backward([second], None, [u]), *backward([first, second], None, [u])]

    rng = np.random.default_rng(1)
    a, b, both = run(verify(trace(fn, AVALS).graph), [rng.normal(size=v.shape) for v in AVALS])
    np.testing.assert_allclose(a + b, both)


def test_a_loop_in_a_loop():
    """d/dw of (((x w) w) ...) for 2 x 3 steps."""
    scalar = Aval((), "float64")

    def inner(w, h):
        return [P.mul(h, w)]

    def fn(w, x):
        def outer(w, h):
            body = trace_body(inner, [scalar, scalar])
            return list(P.scan(*body.captures, w, h, body=body.graph, num_consts=1 + len(body.captures), num_carry=1,
                               length=3, reverse=False))  # fmt: skip

        body = trace_body(outer, [scalar, scalar])
        (y,) = P.scan(*body.captures, w, x, body=body.graph, num_consts=1 + len(body.captures), num_carry=1, length=2,
                      reverse=False)  # fmt: skip
        return [y, *backward([y], None, [w, x])]

    y, gw, gx = run(verify(trace(fn, [scalar, scalar]).graph), [np.array(1.5), np.array(2.0)])
    assert y == pytest.approx(2 * 1.5**6)
    assert gw == pytest.approx(2 * 6 * 1.5**5)
    assert gx == pytest.approx(1.5**6)


def test_what_a_body_uses_from_outside():
    """A captured array gets its gradient; one of integers is just used."""
    scalar = Aval((), "float64")

    def fn(w, k):
        body = trace_body(lambda h: [P.mul(P.add(h, P.cast(k, dtype="float64")), w)], [scalar])
        (y,) = P.scan(*body.captures, P.constant(value=np.asarray(0.0)), body=body.graph, num_consts=len(body.captures),
                      num_carry=1, length=2, reverse=False)  # fmt: skip
        return [y, *backward([y], None, [w])]

    y, gw = run(verify(trace(fn, [scalar, Aval((), "int32")]).graph), [np.array(3.0), np.array(2, np.int32)])
    assert (y, gw) == (2 * 9 + 2 * 3, 2 * 2 * 3 + 2)  # k w^2 + k w


def test_the_scan_that_is_differentiated_stays_as_it_is():
    before = []

    def fn(u, h, xs):
        body = trace_body(recurrent, [Aval((UNITS, UNITS), "float64"), STATE, STATE])
        last, _ = scan(body, [u], [h], [xs])
        node = last.data.node
        before.append((node, node.params, node.params["body"], len(node.outputs)))
        loss = P.reduce_sum(P.mul(last, last), axes=(0, 1))
        return [loss, *backward([loss], None, [u, h, xs]), *backward([loss], None, [u])]

    graph = trace(fn, AVALS).graph
    [(node, params, body, count)] = before
    assert node.params is params and params["body"] is body and len(node.outputs) == count
    # compiled, it and what both gradients ask for are one loop, and so are the loops on the way back
    assert names(join_loops(graph)).count("scan") == 2


def inner_loop(u, h, x):
    """A step with a loop in it, whose steps' values its gradient needs."""
    body = trace_body(lambda u, h: [P.tanh(matmul(h, u))], [Aval((UNITS, UNITS), "float64"), STATE])
    [h] = scan(body, [u], [P.add(h, x)], [])
    return [h]


def nested(u, h, xs):
    body = trace_body(inner_loop, [Aval((UNITS, UNITS), "float64"), STATE, STATE])
    [last] = scan(body, [u], [h], [xs])
    loss = P.reduce_sum(P.mul(last, last), axes=(0, 1))
    return [loss, *backward([loss], None, [u, h, xs])]


def primitives_in(graph):
    return [*names(graph), *(name for sub in graph.subgraphs() for name in primitives_in(sub))]


def test_loops_in_loops_do_not_run_again_on_the_way_back():
    graph = join_loops(verify(trace(nested, AVALS).graph))
    forward, back = (n for n in graph.nodes if n.prim.name == "scan")
    assert primitives_in(forward.params["body"]).count("tanh") == 1
    assert "tanh" not in primitives_in(back.params["body"])


def test_numbers_of_loops_in_loops():
    rng = np.random.default_rng(1)
    u, h, xs = (rng.normal(size=a.shape) for a in AVALS)
    graph = trace(nested, AVALS).graph
    found = run(graph, [u, h, xs])
    for one, other in zip(found, run(join_loops(graph), [u, h, xs])):
        np.testing.assert_array_equal(one, other)
    step = 1e-6
    for number, array in enumerate((u, h, xs)):
        moved = array.copy()
        moved[(0,) * array.ndim] += step
        given = [moved if i == number else a for i, a in enumerate((u, h, xs))]
        slope = (run(graph, given)[0] - found[0]) / step
        np.testing.assert_allclose(found[1 + number][(0,) * array.ndim], slope, rtol=1e-4, atol=1e-5)


def test_a_row_of_a_bias_is_summed_after_the_loop():
    def cell(b, h, x):
        row = P.reshape(P.slice(b, start=(1, 0), limit=(2, UNITS), stride=(1, 1)), shape=(UNITS,))
        h = P.tanh(P.add(P.add(h, P.broadcast_in_dim(row, shape=(BATCH, UNITS), dims=(1,))), x))
        return [h, h]

    def gradients(b, h, xs):
        body = trace_body(cell, [Aval((2, UNITS), "float64"), STATE, STATE])
        _, ys = scan(body, [b], [h], [xs])
        loss = P.reduce_sum(P.mul(ys, ys), axes=(0, 1, 2))
        return [loss, *backward([loss], None, [b])]

    made = trace(gradients, [Aval((2, UNITS), "float64"), STATE, Aval((LENGTH, BATCH, UNITS), "float64")]).graph
    graph = join_loops(verify(made))
    assert not {"reduce_sum", "pad"} & {
        name for n in graph.nodes if n.prim is P.scan for name in names(n.params["body"])
    }
    rng = np.random.default_rng(0)
    b, h, xs = (rng.standard_normal(v.aval.shape) for v in graph.inputs)
    _, slope = run(graph, [b, h, xs])
    step = 1e-6 * np.eye(2 * UNITS).reshape(-1, 2, UNITS)
    numeric = [(run(graph, [b + d, h, xs])[0] - run(graph, [b - d, h, xs])[0]) / 2e-6 for d in step]
    np.testing.assert_allclose(np.asarray(slope).ravel(), np.ravel(numeric), rtol=1e-6, atol=1e-8)
