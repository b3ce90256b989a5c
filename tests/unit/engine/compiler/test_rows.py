"""Rows that do not meet are told from rows that do: what is said to be apart is the same in pieces, bit for bit."""

import numpy as np
import pytest

from pronghorn import layers, ops, random
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.rows import rows_apart
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.variables import Variable

ROWS = 12
SHAPE = (4, 6)
SQUARE = np.linspace(-1, 1, 36, dtype="float32").reshape(6, 6)
TABLE = np.arange(40, dtype="float32").reshape(10, 4)


def graph_of(fn, shape=SHAPE):
    return trace(lambda x: [fn(x)], [Aval((Dim.symbol("batch"), *shape), "float32")]).graph


def merged(x):
    """Through one axis of rows and steps, and back."""
    flat = ops.matmul(ops.reshape(x, (-1, 6)), SQUARE)
    return ops.reshape(flat, (-1, 4, 6))


def loop(x):
    def step(carry, part):
        carry = ops.tanh(ops.matmul(carry, SQUARE) + part)
        return carry, carry * 2

    last, all_ = ops.scan(step, x[:, 0] * 0, ops.transpose(x, (1, 0, 2)))
    return last + ops.sum(all_, axis=0)


def counted(x):
    return ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, ops.sin(y)), (0, x))[1]


APART = {
    "elementwise": lambda x: ops.relu(x) * 2 + ops.ones_like(x),
    "a bias": lambda x: x + SQUARE[0],
    "a product": lambda x: ops.matmul(x, SQUARE),
    "a batched product": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "an einsum": lambda x: ops.einsum("bij,bkj,kl->bil", x, x, TABLE[:4]),
    "softmax": lambda x: ops.softmax(x, axis=-1),
    "statistics of a row": lambda x: (x - ops.mean(x, axis=(1, 2), keepdims=True)) / ops.std(x, axis=-1, keepdims=True),
    "sorted": lambda x: ops.sort(x, axis=1),
    "best": lambda x: ops.argmax(x, axis=1),
    "summed up": lambda x: ops.cumsum(x, axis=2),
    "turned": lambda x: ops.flip(ops.transpose(x, (0, 2, 1)), axis=1),
    "flat": lambda x: ops.reshape(x, (-1, 24)),
    "merged": merged,
    "cut and joined": lambda x: ops.concatenate([x[:, 1:3], ops.pad(x, ((0, 0), (1, 0), (0, 0)))], axis=1),
    "looked up": lambda x: ops.take(TABLE, ops.cast(ops.abs(x), "int32"), axis=0),
    "chosen": lambda x: ops.take(x, np.array([3, 0]), axis=1),
    "convolved": lambda x: ops.conv(x, SQUARE.reshape(2, 6, 3), padding="same"),
    "convolved backwards": lambda x: ops.conv_transpose(x, SQUARE.reshape(2, 3, 6), strides=2),
    "pooled": lambda x: ops.average_pool(ops.max_pool(x, 2, 1, padding="same"), 2, 2),
    "a loop": loop,
    "a loop with a counter": counted,
    "a branch": lambda x: ops.cond(np.bool_(True), lambda: x * 2, lambda: x),
    "of the first axis once it is another": lambda x: ops.transpose(
        ops.cumsum(ops.transpose(x, (1, 0, 2)), axis=0), (1, 0, 2)
    ),
    "constants for each row": lambda x: ops.concatenate([x, ops.ones_like(x)], axis=-1),
}

MEETING = {
    "statistics of the batch": lambda x: x - ops.mean(x, axis=0),
    "of everything": lambda x: x / ops.max(x),
    "softmax over rows": lambda x: ops.softmax(x, axis=0),
    "summed up": lambda x: ops.cumsum(x, axis=0),
    "sorted": lambda x: ops.sort(x, axis=0),
    "turned": lambda x: ops.flip(x, axis=0),
    "rolled": lambda x: ops.roll(x, 1, axis=0),
    "each with each": lambda x: ops.matmul(ops.reshape(x, (-1, 24)), ops.transpose(ops.reshape(x, (-1, 24)))),
    "numbered": lambda x: x + ops.reshape(ops.cast(ops.arange(ops.shape(x)[0]), "float32"), (-1, 1, 1)),
    "counted": lambda x: x / ops.cast(ops.shape(x)[0], "float32"),
    "twice": lambda x: ops.concatenate([x, x], axis=0),
    "random": lambda x: x + random.uniform(ops.shape(x), seed=random.SeedGenerator(1)),
    "mixed by a reshape": lambda x: ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, 4, 6)),
    "rows along another axis": lambda x: ops.transpose(x, (1, 0, 2)),
    "no rows": lambda x: ops.sum(x),
    "not as many": lambda x: ops.reshape(x, (-1, 6)),
    "until all are small": lambda x: ops.while_loop(lambda y: ops.any(y > 1), lambda y: (y / 2,), (x,))[0],
    "a branch that all rows decide": lambda x: ops.cond(ops.all(x > 0), lambda: x * 2, lambda: x),
    "over rows": lambda x: ops.scan(lambda c, part: (c + part, c), x[0], x)[1],
    "added up by number": lambda x: x + ops.sum(ops.segment_sum(x, ops.cast(ops.abs(x[:, 0, 0]), "int32"), 3)),
}


@pytest.mark.parametrize("name", APART)
def test_rows_apart(name):
    graph = graph_of(APART[name])
    assert rows_apart(graph)
    x = np.random.default_rng(0).uniform(-2, 2, (ROWS, *SHAPE)).astype("float32")
    whole = run(graph, [x])[0]
    pieces = np.concatenate([run(graph, [x[i : i + 5]])[0] for i in range(0, ROWS, 5)])
    np.testing.assert_allclose(whole, pieces, rtol=1e-6)  # NumPy's products round by their size


@pytest.mark.parametrize("name", MEETING)
def test_rows_that_meet(name):
    try:
        graph = graph_of(MEETING[name])
    except Exception:
        pytest.fail("the case cannot be traced with any number of rows")
    assert not rows_apart(graph)


def test_without_a_symbol_nothing_is_apart():
    assert not rows_apart(trace(lambda x: [x + 1], [Aval((3, 2), "float32")]).graph)


def test_inputs_with_rows_along_another_axis():
    assert not rows_apart(trace(lambda x: [ops.transpose(x)], [Aval((3, Dim.symbol("batch")), "float32")]).graph)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(3), (6,)),
        (layers.BatchNormalization(), (6,)),
        (layers.LayerNormalization(), (4, 6)),
        (layers.Conv2D(3, 2), (5, 5, 2)),
        (layers.DepthwiseConv2D(2), (5, 5, 2)),
        (layers.LSTM(3), (4, 6)),
        (layers.Bidirectional(layers.GRU(3, return_sequences=True)), (4, 6)),
        (layers.TimeDistributed(layers.Dense(3)), (4, 6)),
        (layers.Dropout(0.5), (4, 6)),
        (layers.GlobalAveragePooling1D(), (4, 6)),
        (layers.UpSampling2D(2), (5, 5, 2)),
        (layers.Normalization(mean=1.0, variance=2.0), (6,)),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_layers_in_inference_keep_rows_apart(layer, shape):
    layer.build((None, *shape))
    assert rows_apart(graph_of(layer, shape))


def test_batch_statistics_meet():
    layer = layers.BatchNormalization()
    layer.build((None, 6))
    assert not rows_apart(graph_of(lambda x: layer(x, training=True), (6,)))


def test_attention_keeps_rows_apart():
    layer = layers.MultiHeadAttention(2, 3)
    layer.build((None, 4, 6), (None, 4, 6))
    assert rows_apart(graph_of(lambda x: layer(x, x, use_causal_mask=True)))


def test_variables_have_no_rows():
    kernel = Variable(SQUARE)
    assert rows_apart(graph_of(lambda x: ops.matmul(x, kernel)))
