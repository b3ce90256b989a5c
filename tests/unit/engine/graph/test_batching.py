"""Graphs of one element, computed for many: each rule against a loop over the elements."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.batching import _RULES, NotBatched, batched
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import inline, trace_body

SIZE = 3
WINDOW = {"window": (2, 1), "strides": (2, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]], "float32")


def floats(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def check(fn, *arguments):
    """``fn`` of each combination of arguments with and without a leading axis; at least one has it."""
    for many in np.ndindex(*(2,) * len(arguments)):
        if not any(many):
            continue
        elements = [np.stack([x + i * (x.dtype.kind == "f") for i in range(SIZE)]) for x in arguments]
        inputs = [Tensor(e if m else x) for e, x, m in zip(elements, arguments, many)]
        body = trace_body(lambda *xs: fn(*xs), [Aval(x.shape, str(x.dtype)) for x in arguments])
        try:
            out = batched(body.graph, [*body.captures, *inputs], [False] * len(body.captures) + list(many), SIZE)
        except NotBatched:
            assert many[1:] != (0,) * (len(many) - 1) or not many[0]  # the first operand alone always may
            continue
        for i in range(SIZE):
            row = [Tensor(e[i] if m else x) for e, x, m in zip(elements, arguments, many)]
            for got, wanted in zip(out, inline(body.graph, [*body.captures, *row])):
                np.testing.assert_allclose(got.numpy()[i], wanted.numpy(), rtol=1e-5, atol=1e-5)


CASES = {
    "elementwise": (lambda x, y: [P.add(P.sin(x), y), P.select(P.lt(x, y), x, P.neg(y))], floats(4), floats(4)),
    "broadcast_in_dim": (lambda x: [P.broadcast_in_dim(x, shape=(2, 4, 3), dims=(1,))], floats(4)),
    "reshape": (lambda x: [P.reshape(x, shape=(3, 4))], floats(2, 6)),
    "transpose": (lambda x: [P.transpose(x, perm=(2, 0, 1))], floats(2, 3, 4)),
    "reverse": (lambda x: [P.reverse(x, axes=(1,))], floats(2, 3)),
    "slice": (lambda x: [P.slice(x, start=(1, 0), limit=(3, 4), stride=(1, 2))], floats(3, 4)),
    "pad": (lambda x, fill: [P.pad(x, fill, low=(1,), high=(0,), interior=(1,))], floats(3), floats()),
    "concatenate": (lambda x, y: [P.concatenate(x, y, axis=1)], floats(2, 3), floats(2, 1)),
    "dynamic_slice": (
        lambda x, i, j: [P.dynamic_slice(x, i, j, sizes=(2, 3))], floats(4, 5), np.int32(1), np.int32(7)
    ),
    "dynamic_update_slice": (
        lambda x, y, i: [P.dynamic_update_slice(x, y, i)], floats(5), floats(2), np.int32(1)
    ),
    "reduce": (lambda x: [P.reduce_sum(x, axes=(0, 2)), P.reduce_max(x, axes=(1,))], floats(2, 3, 4)),
    "argmax": (lambda x: [P.argmax(x, axis=1), P.argmin(x, axis=0)], floats(3, 4)),
    "cumsum": (lambda x: [P.cumsum(x, axis=1, reverse=True)], floats(3, 4)),
    "sort": (lambda x, y: list(P.sort(x, y, axis=0, num_keys=1)), floats(5), floats(5)),
    "dot_general": (
        lambda x, y: [P.dot_general(x, y, contract=((2,), (1,)), batch=((0,), (0,)))], floats(2, 3, 4), floats(2, 4, 5)
    ),
    "conv": (
        lambda x, w: [P.conv(x, w, strides=(1,), padding=((1, 1),), dilation=(1,), groups=1)],
        floats(2, 5, 3), floats(3, 3, 4),
    ),
    "conv_input_grad": (
        lambda g, w: [
            P.conv_input_grad(g, w, input_shape=(2, 5, 3), strides=(1,), padding=((1, 1),), dilation=(1,), groups=1)
        ],
        floats(2, 5, 4), floats(3, 3, 4),
    ),
    "window": (
        lambda x: [
            op(x, window=(2, 1), strides=(2, 1), padding=((0, 0), (0, 0)), dilation=(1, 1))
            for op in (P.window_sum, P.window_max, P.window_argmax)
        ],
        floats(4, 3),
    ),
    "window gradients": (
        lambda x, g: [
            P.window_sum_grad(g, input_shape=(4, 3), **WINDOW),
            P.unpool(g, P.window_argmax(x, **WINDOW), input_shape=(4, 3), **WINDOW),
            P.pool_gather(x, P.window_argmax(x, **WINDOW), **WINDOW),
        ],
        floats(4, 3), floats(2, 3),
    ),
    "take": (lambda x, i: [P.take(x, i, axis=1)], floats(2, 4, 3), np.array([[0, 3], [5, -2]], "int32")),
    "scatter": (
        lambda x, i, u: [P.scatter(x, i, u, mode=mode) for mode in ("add", "set", "max")],
        floats(4, 2), np.array([0, 3, 4, -1], "int32"), floats(4, 2),
    ),
    "cholesky": (lambda x: [P.cholesky(P.add(x, Tensor(MATRIX)))], MATRIX),
    "svd": (lambda x: [P.svd(x, full_matrices=False, compute_uv=False)[0], *P.lu(x)], floats(3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    fn, *arguments = CASES[name]
    check(fn, *(np.asarray(x) for x in arguments))


def test_elements_with_indices_of_their_own():
    x, indices = floats(3, 4, 2), np.array([[0, 3], [1, 1], [2, 9]], "int32")
    out = ops.vectorized_map(lambda pair: P.take(pair[0], pair[1], axis=0), (x, indices))
    np.testing.assert_array_equal(out, np.stack([a[np.minimum(i, 3)] for a, i in zip(x, indices)]))
    out = ops.vectorized_map(lambda pair: ops.slice(pair[0], (pair[1][0], 0), (2, 2)), (x, indices))
    np.testing.assert_array_equal(out, np.stack([a[min(i[0], 2) :][:2] for a, i in zip(x, indices)]))


def test_what_has_no_rule_is_refused():
    body = trace_body(
        lambda x: [ops.while_loop(lambda v: ops.sum(v) < 9, lambda v: (v + 1,), (x,))[0]], [Aval((2,), "float32")]
    )
    assert "while_loop" not in _RULES
    with pytest.raises(NotBatched, match="while_loop"):
        batched(body.graph, [*body.captures, Tensor(floats(3, 2))], [False] * len(body.captures) + [True], 3)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "name", ["broadcast_in_dim", "reshape", "transpose", "slice", "pad", "cumsum", "window", "svd"]
)
def test_of_no_element_and_of_one(name, size):
    fn, *arguments = CASES[name]
    body = trace_body(lambda *xs: fn(*xs), [Aval(np.shape(x), str(np.asarray(x).dtype)) for x in arguments])
    many = [False] * len(body.captures) + [True] + [False] * (len(arguments) - 1)
    inputs = [Tensor(np.stack([arguments[0]])[:size]), *(Tensor(np.asarray(x)) for x in arguments[1:])]
    out = batched(body.graph, [*body.captures, *inputs], many, size)
    for got, wanted in zip(out, inline(body.graph, [*body.captures, *(Tensor(np.asarray(x)) for x in arguments)])):
        assert got.shape == (size, *wanted.shape)
        np.testing.assert_allclose(got.numpy(), wanted.numpy()[None][:size], rtol=1e-5)
