"""Sums of padded arrays as concatenations: the same numbers, and only where each array lies beside the others."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.pads import join_pads
from pronghorn.engine.compiler.stages import rewrite_for_engines
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify


def padded(x, low, high, fill=0.0, axis=1, interior=0):
    at = lambda n: tuple(n if i == axis else 0 for i in range(2))  # noqa: E731
    return P.pad(x, P.constant(value=np.float32(fill)), low=at(low), high=at(high), interior=at(interior))


def added(*xs):
    total, *rest = xs
    for x in rest:
        total = P.add(total, x)
    return total


SUMS = {
    "two that fill": (lambda a, b: added(padded(a, 0, 3), padded(b, 2, 0)), ["concatenate"]),
    "the other way round": (lambda a, b: added(padded(b, 2, 0), padded(a, 0, 3)), ["concatenate"]),
    "zeros around": (lambda a, b: added(padded(a, 1, 5), padded(b, 3, 2)), ["concatenate", "constant", "pad"]),
    "three": (lambda a, b: added(padded(a, 0, 5), padded(b, 4, 0), padded(a, 2, 3)), ["concatenate"]),
    "four, in pairs": (
        lambda a, b: added(added(padded(a, 0, 8), padded(b, 4, 3)), added(padded(a, 2, 6), padded(b, 7, 0))),
        ["concatenate"],
    ),
}
OTHERS = {
    "one over the other": lambda a, b: added(padded(a, 0, 2), padded(b, 1, 0)),
    "a gap": lambda a, b: added(padded(a, 0, 4), padded(b, 3, 0)),
    "another axis": lambda a, b: added(padded(a, 0, 4, axis=0), padded(padded(a, 4, 0, axis=0), 0, 0)),
    "no zeros": lambda a, b: added(padded(a, 0, 3, fill=1.0), padded(b, 2, 0)),
    "holes": lambda a, b: added(padded(a, 0, 3, interior=1), padded(b, 3, 0)),
    "something else": lambda a, b: added(padded(a, 0, 3), P.concatenate(a, b, axis=1)),
    "a part taken off": lambda a, b: added(padded(a, -1, 3), padded(b, 1, 0)),
}


def graph_of(fn):
    traced = trace(lambda a, b: [fn(a, b)], [Aval((4, 2), "float32"), Aval((4, 3), "float32")])
    return traced.graph


RNG = np.random.default_rng(0)
GIVEN = [RNG.normal(size=(4, 2)).astype("float32"), RNG.normal(size=(4, 3)).astype("float32")]
GIVEN[0][0], GIVEN[1][1, 0] = (np.nan, np.inf), -np.inf


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    fn, left = SUMS[name]
    graph = graph_of(fn)
    joined = join_pads(graph)
    verify(joined)
    assert sorted({node.prim.name for node in joined.nodes}) == left
    np.testing.assert_array_equal(run(joined, GIVEN)[0], run(graph, GIVEN)[0])


@pytest.mark.parametrize("name", OTHERS)
def test_what_stays(name):
    graph = graph_of(OTHERS[name])
    assert join_pads(graph) is graph


def test_any_number_of_rows_and_in_loops():
    rows = Dim.symbol("rows")
    first, fill = Aval((rows, 2), "float32"), SUMS["two that fill"][0]
    traced = trace(
        lambda a, b: list(ops.scan(lambda c, v: (c, fill(c, v)), a, b)), [first, Aval((7, rows, 3), "float32")]
    )
    [scan] = rewrite_for_engines(traced.graph).nodes
    assert [node.prim.name for node in scan.params["body"].nodes] == ["concatenate"]
