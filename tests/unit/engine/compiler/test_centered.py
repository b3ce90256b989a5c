"""Sums of distances from a mean are not computed, and what is not such a sum is."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

BATCH = Dim.symbol("batch")


def spread_number(number, extent):
    return P.broadcast_in_dim(np.float32(number), shape=(extent,), dims=())


def sums(graph):
    return sum(node.prim is P.reduce_sum for node in graph.nodes)


def gradients(axes):
    def fn(x, g):
        mean, variance = ops.moments(x, axes, keepdims=True)
        y = (x - mean) * ops.rsqrt(variance + 1e-3)
        return [y, *backward([y], [g], [x])]

    return fn


@pytest.mark.parametrize(("shape", "axes"), [((BATCH, 3, 4), (0, 1)), ((5, 3, 4), (0, 2)), ((BATCH, 7), (-1,))])
def test_gradient_of_a_normalization(shape, axes):
    """Of its five sums (mean, variance, and three of the gradient) one is left out; numbers are the same."""
    graph = trace(gradients(axes), [Aval(shape, "float32")] * 2).graph
    short = simplify(graph)
    assert sums(short) == 4
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal([6 if e is BATCH else e for e in shape]).astype("float32") for _ in range(2)]
    for ours, theirs in zip(run(short, arrays), run(graph, arrays), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_stays_so():
    x = np.ones((4, 3), "float32")
    x[1, 0], x[2, 1] = np.inf, np.nan
    graph = trace(gradients((0,)), [Aval((BATCH, 3), "float32")] * 2).graph
    with np.errstate(all="ignore"):
        ours, theirs = (run(g, [x, np.ones_like(x)])[1] for g in (simplify(graph), graph))
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))


def test_the_sum_itself():
    def fn(x, c):
        mean = P.div(P.reduce_sum(x, axes=(0,)), spread_number(8, 3))
        apart = P.sub(x, P.broadcast_in_dim(mean, shape=(8, 3), dims=(1,)))
        apart = P.mul(P.broadcast_in_dim(c, shape=(8, 3), dims=(1,)), apart)
        return [P.reduce_sum(P.neg(P.add(apart, apart)), axes=(0,))]

    graph = simplify(trace(fn, [Aval((8, 3), "float32"), Aval((3,), "float32")]).graph)
    assert sums(graph) == 1
    x, c = np.ones((8, 3), "float32"), np.array([2, np.nan, np.inf], "float32")
    x[3, 0] = 7.3
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run(graph, [x, c])[0], [0, np.nan, np.nan])
        assert np.isnan(run(graph, [np.full((8, 3), np.inf, "float32"), np.ones(3, "float32")])[0]).all()


@pytest.mark.parametrize("other", ["none", "axes", "count", "array", "weights"])
def test_other_sums_stay(other):
    def fn(x, y):
        total = P.reduce_sum(x, axes=(0,))
        count = spread_number(5 if other == "count" else 4, 4)
        spread = P.broadcast_in_dim(P.div(total, count), shape=(4, 4), dims=(1,))
        apart = P.sub(y if other == "array" else x, spread)
        apart = P.mul(apart, y) if other == "weights" else apart
        return [P.reduce_sum(apart, axes=(1,) if other == "axes" else (0,))]

    graph = trace(fn, [Aval((4, 4), "float32")] * 2).graph
    assert sums(simplify(graph)) == (1 if other == "none" else 2)
