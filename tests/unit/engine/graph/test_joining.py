"""Loops over the same operands become one where they carry the same."""

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.joining import join_loops
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.engine.graph.verify import verify

VECTOR = Aval((3,), "float32")
AVALS = [VECTOR, Aval((4, 3), "float32")]


def scan(body, init, xs, reverse=False):
    body = trace_body(body, [VECTOR, VECTOR])
    return P.scan(init, xs, body=body.graph, num_consts=0, num_carry=1, length=4, reverse=reverse)


def sums(c, x):
    c = P.add(c, P.sin(x))
    return [c, c]


def sums_and_more(c, x):
    c = P.add(c, P.sin(x))
    return [c, P.cos(x), c, P.mul(x, x)]


def products(c, x):
    c = P.mul(c, x)
    return [c, x]


def loops(graph):
    return [n for n in graph.nodes if n.prim.name == "scan"]


def arguments():
    rng = np.random.default_rng(0)
    return [rng.normal(size=a.shape).astype("float32") for a in AVALS]


def test_one_loop_for_two():
    graph = trace(lambda c, xs: [*scan(sums, c, xs), *scan(sums_and_more, c, xs)], AVALS).graph
    joined = verify(join_loops(graph))
    [loop] = loops(joined)
    assert len(loop.outputs) == 4  # what both give is there once
    assert [n.prim.name for n in loop.params["body"].nodes].count("sin") == 1
    for one, other in zip(run(graph, arguments()), run(joined, arguments())):
        np.testing.assert_array_equal(one, other)


def test_what_one_loop_gives_twice_stays_twice():
    def twice(c, x):
        c = P.add(c, P.sin(x))
        return [c, P.sin(x), P.sin(x), x]

    graph = trace(lambda c, xs: [*scan(twice, c, xs), *scan(sums_and_more, c, xs)], AVALS).graph
    joined = verify(join_loops(graph))
    assert len(loops(joined)) == 1
    for one, other in zip(run(graph, arguments()), run(joined, arguments())):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "second",
    [
        lambda c, xs: scan(products, c, xs),
        lambda c, xs: scan(sums, c, xs, reverse=True),
        lambda c, xs: scan(sums, P.neg(c), xs),
    ],
    ids=["another carry", "the other way", "other operands"],
)
def test_loops_that_differ_stay_two(second):
    graph = trace(lambda c, xs: [*scan(sums, c, xs), *second(c, xs)], AVALS).graph
    joined = join_loops(graph)
    assert [len(n.params["body"].nodes) for n in loops(joined)] == [len(n.params["body"].nodes) for n in loops(graph)]
    for one, other in zip(run(graph, arguments()), run(joined, arguments())):
        np.testing.assert_array_equal(one, other)


def test_the_third_joins_its_like():
    graph = trace(lambda c, xs: [*scan(products, c, xs), *scan(sums, c, xs), *scan(products, c, xs)], AVALS).graph
    assert len(loops(verify(join_loops(graph)))) == 2


def test_loops_in_bodies():
    def body(c, x):
        xs = P.broadcast_in_dim(x, shape=(4, 3), dims=(1,))
        return [P.add(scan(sums, c, xs)[0], scan(sums_and_more, c, xs)[0]), x]

    graph = trace(lambda c, xs: scan(body, c, xs), AVALS).graph
    [loop] = loops(verify(join_loops(graph)))
    assert len(loops(loop.params["body"])) == 1


def test_a_graph_without_such_loops_is_left_as_it_is():
    graph = trace(lambda c, xs: scan(sums, c, xs), AVALS).graph
    assert join_loops(graph) is graph
