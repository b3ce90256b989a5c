"""Shapes put together as arrays, of other arrays' extents, while a function is traced."""

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.held_extents import held_extents
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

BATCH = Dim.symbol("batch")


def _first(x):
    return ops.shape(x)[0]


CASES = {
    "joined": (lambda x: ops.concatenate([ops.expand_dims(_first(x), 0), [2, 6]], 0), (BATCH, 2, 6)),
    "of computed numbers": (lambda x: ops.concatenate([[_first(x) * 3], [4]], 0), (3 * BATCH, 4)),
    "stacked": (lambda x: ops.stack([_first(x), 2, 6]), (BATCH, 2, 6)),
    "of another type": (lambda x: ops.cast(ops.stack([_first(x), 12]), "int64"), (BATCH, 12)),
    "a part": (lambda x: ops.stack([_first(x), 12, 7])[:2], (BATCH, 12)),
    "computed with": (lambda x: ops.stack([_first(x), 2]) * ops.convert_to_tensor([2, 3]), (2 * BATCH, 6)),
    "repeated": (lambda x: ops.broadcast_to(ops.convert_to_tensor(_first(x)), (2,)), (BATCH, BATCH)),
    "none": (lambda x: ops.zeros((0,), "int32"), ()),
    "one left open": (lambda x: ops.concatenate([[_first(x)], [-1]], 0), (BATCH, -1)),
    "of values": (lambda x: ops.stack([ops.cast(x[0, 0], "int32"), 2]), None),
    "of a batch": (lambda x: ops.arange(_first(x)), None),
    "no integers": (lambda x: ops.convert_to_tensor([1.0, 2.0]), None),
    "two axes": (lambda x: ops.convert_to_tensor([[1, 2]]), None),
}


def as_traced(x):
    return x if x.is_traced else P.constant(value=x.numpy())


@pytest.mark.parametrize("case", CASES)
def test_what_a_vector_holds(case):
    fn, expected = CASES[case]
    held = []

    def ask(x):
        held.append(held_extents(as_traced(fn(x)).data))
        return [ops.sum(x)]

    trace(ask, [Aval((BATCH, 12), "float32")])
    assert held == [expected]


SHAPES = {
    "reshape": (lambda x: ops.reshape(x, ops.concatenate([[_first(x)], [3, -1]], 0)), lambda n: (n, 3, 4)),
    "tile": (lambda x: ops.tile(ops.ones((1, 3)), ops.stack([_first(x), 2])) * ops.sum(x), lambda n: (n, 6)),
    "broadcast_to": (lambda x: ops.broadcast_to(ops.sum(x), ops.stack([2, _first(x)])), lambda n: (2, n)),
}


@pytest.mark.parametrize("op", SHAPES)
def test_ops_take_it_as_a_shape(op):
    fn, shape = SHAPES[op]
    traced = trace(lambda x: [fn(x)], [Aval((BATCH, 12), "float32")])
    for batch in (0, 1, 3):
        x = np.random.default_rng(batch).random((batch, 12)).astype("float32")
        assert run(traced.graph, [x])[0].shape == shape(batch)


class CausalMask(layers.Layer):
    """A mask for each text, made as books make it: of extents that are not known before."""

    def call(self, inputs):
        size, length = ops.shape(inputs)[0], ops.shape(inputs)[1]
        mask = ops.cast(ops.arange(length)[:, None] >= ops.arange(length), "int32")
        repeats = ops.concatenate([ops.expand_dims(size, -1), ops.convert_to_tensor([1, 1])], axis=0)
        return ops.tile(ops.reshape(mask, (1, length, length)), repeats)


def test_attention_takes_a_mask_that_was_tiled():
    inputs = pronghorn.Input((None, 4))
    outputs = layers.MultiHeadAttention(2, 4)(inputs, inputs, attention_mask=CausalMask()(inputs))
    model = pronghorn.Model(inputs, outputs)
    x = np.random.default_rng(0).random((5, 3, 4)).astype("float32")
    causal = model.layers[-1](x, x, use_causal_mask=True)
    np.testing.assert_allclose(model.predict(x, batch_size=2, verbose=0), causal, rtol=1e-5, atol=1e-6)
    assert model.predict(x[:, :2], verbose=0).shape == (5, 2, 4)
