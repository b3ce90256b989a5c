"""Graphs traced with a symbolic batch give, for each batch size, what graphs traced with that size give."""

import numpy as np
import pytest

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.engine.graph.verify import verify

HOW = {"strides": (2, 1), "padding": ((1, 0), (1, 1)), "dilation": (1, 1), "groups": 1}
POOL = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4, "dilation": (1,) * 4}


def convolution(x, w):
    y = P.conv(x, w, **HOW)
    return P.add(P.window_max(P.tanh(y), **POOL), P.window_sum(y, **POOL))


def dense(x, w):
    rows = P.reshape(x, shape=(x.shape[0] * 12, 8))
    y = P.dot_general(rows, P.reshape(w, shape=(8, 9)), contract=((1,), (0,)), batch=((), ()))
    return P.logistic(P.reshape(y, shape=(x.shape[0], 108)))


def structure(x, w):
    n = x.shape[0]
    head = P.slice(x, start=(0, 1, 0, 0), limit=(n, 8, 6, 2), stride=(1, 3, 2, 1))
    both = P.concatenate(head, P.reverse(head, axes=(0, 2)), axis=0)
    wide = P.pad(both, P.constant(value=np.asarray(0.5)), low=(0, 1, -1, 0), high=(0, 0, 2, 0), interior=(0, 1, 0, 0))
    return P.transpose(wide, perm=(3, 0, 2, 1))


def reductions(x, w):
    largest = P.reduce_max(x, axes=(1, 2))
    count = P.cast(P.extent(dim=x.shape[0] * 2), dtype="float64")
    mean = P.div(P.reduce_sum(x, axes=(0, 1, 2)), P.broadcast_in_dim(count, shape=(2,), dims=()))
    corner = P.slice(x, start=(0,) * 4, limit=(x.shape[0], 3, 1, 2), stride=(1,) * 4)
    scaled = P.mul(largest, P.broadcast_in_dim(mean, shape=largest.shape, dims=(1,)))
    return P.add(scaled, P.reduce_prod(corner, axes=(1, 2)))


def gathers(x, w):
    index = P.cast(P.rem(P.mul(P.iota(shape=(x.shape[0],), dtype="int32", axis=0), 5), 3), dtype="int32")
    rows = P.take(P.reshape(w, shape=(9, 8)), index, axis=0)
    summed = P.scatter(P.constant(value=np.zeros((3, 8))), index, rows, mode="add")
    total = P.broadcast_in_dim(P.reduce_sum(summed, axes=(0,)), shape=rows.shape, dims=(1,))
    return P.mul(P.sort(P.cumsum(rows, axis=0, reverse=True), axis=1, num_keys=1)[0], total)


def cumulative(x, w):
    flat = P.reshape(x, shape=(x.shape[0] * 2, 48))
    return P.add(P.cummax(flat, axis=0, reverse=False), P.cumprod(flat, axis=1, reverse=False))


def recurrence(x, w):
    """Along an axis of known length, with the batch in the carry; and a weight that all steps share."""
    steps = P.transpose(P.reshape(x, shape=(x.shape[0], 8, 12)), perm=(1, 0, 2))
    weight = P.reshape(w, shape=(12, 6))
    state = Aval((x.shape[0], 6), "float64")

    def step(weight, h, x):
        h = P.tanh(P.add(P.dot_general(x, weight, contract=((1,), (0,)), batch=((), ())), h))
        return [h, P.mul(h, h)]

    body = trace_body(step, [Aval((12, 6), "float64"), state, Aval((x.shape[0], 12), "float64")])
    zero = P.broadcast_in_dim(P.constant(value=np.asarray(0.0)), shape=state.shape, dims=())
    h, ys = P.scan(*body.captures, weight, zero, steps, body=body.graph, num_consts=1 + len(body.captures), num_carry=1,
                   length=8, reverse=False)  # fmt: skip
    return P.add(h, P.reduce_sum(ys, axes=(0,)))


PROGRAMS = [convolution, dense, structure, reductions, gathers, cumulative, recurrence]


def value_and_gradients(program):
    def fn(x, w):
        y = program(x, w)
        grads = backward([P.mul(y, y)], None, [x, w])
        return [y, *(g for g in grads if g is not None)]

    return fn


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_symbolic_batch(program):
    rng = np.random.default_rng(3)
    w = rng.normal(size=(3, 3, 2, 4))
    shape = (8, 6, 2)
    avals = [Aval((Dim.symbol("batch"), *shape), "float64"), Aval(w.shape, "float64")]
    symbolic = verify(trace(value_and_gradients(program), avals).graph)
    for batch in (1, 4):
        x = rng.normal(size=(batch, *shape))
        static = trace(value_and_gradients(program), [Aval(x.shape, "float64"), avals[1]]).graph
        for a, b in zip(run(symbolic, [x, w]), run(static, [x, w]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_arrays_that_do_not_fit_are_refused():
    graph = trace(lambda x, y: [P.add(x, y)], [Aval((Dim.symbol("n"), 2), "float32")] * 2).graph
    with pytest.raises(ValueError, match="extent of n was expected, got 4"):
        run(graph, [np.zeros((3, 2), "float32"), np.zeros((4, 2), "float32")])
    with pytest.raises(ValueError, match="takes 2 arrays, got 1"):
        run(graph, [np.zeros((3, 2), "float32")])
