"""Ops while a function is traced with an unknown batch: shapes stay symbolic, values come out right for any batch."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.active import TraceError
from pronghorn.engine.graph.dim import Dim, SymbolicDimError
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify

BATCH = Dim.symbol("batch")


def traced(fn, *shapes, dtype="float32", hint=None):
    """What ``fn`` is for arrays of these shapes, its graph verified."""
    avals = [Aval(s, dtype) for s in shapes]
    hints = None if hint is None else {"batch": hint}
    result = trace(lambda *xs: [ops.convert_to_tensor(r) for r in _flat(fn(*xs))], avals, hints=hints)
    verify(result.graph)
    return result


def _flat(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def sample(shape, batch, seed=0):
    concrete = tuple(batch if isinstance(n, Dim) else n for n in shape)
    return np.random.default_rng(seed).normal(size=concrete).astype("float32")


CASES = {
    "mean": (lambda x: ops.mean(x), [(BATCH, 3)]),
    "extent minus array": (lambda x: x.shape[0] - ops.sum(ops.cast(x, "int32")), [(BATCH, 3)]),
    "array minus extent": (lambda x: ops.sum(ops.cast(x, "int32")) - x.shape[0], [(BATCH, 3)]),
    "mean over batch": (lambda x: ops.mean(x, axis=0), [(BATCH, 3)]),
    "var": (lambda x: ops.var(x, axis=0), [(BATCH, 3)]),
    "softmax": (lambda x: ops.softmax(x), [(BATCH, 3)]),
    "reshape": (lambda x: ops.reshape(x, (-1, 2)), [(BATCH, 4, 3)]),
    "flatten": (lambda x: ops.reshape(x, (ops.shape(x)[0], 12)), [(BATCH, 4, 3)]),
    "computing with an extent": (lambda x: ops.sum(x) / ops.shape(x)[0] + ops.log(ops.shape(x)[0]), [(BATCH, 3)]),
    "segments": (lambda x: ops.segment_sum(x[:, 0], ops.arange(x.shape[0]), num_segments=x.shape[0] * 2), [(BATCH, 3)]),
    "broadcast": (lambda x, y: x * 2 + y, [(BATCH, 3), (3,)]),
    "matmul": (lambda x, y: ops.matmul(x, y), [(BATCH, 3), (3, 2)]),
    "batched matmul": (lambda x, y: x @ y, [(BATCH, 2, 3), (BATCH, 3, 4)]),
    "einsum": (lambda x, y: ops.einsum("bij,kj->bik", x, y), [(BATCH, 2, 3), (4, 3)]),
    "conv": (lambda x, w: ops.conv(x, w, 2, "same"), [(BATCH, 6, 6, 2), (3, 3, 2, 4)]),
    "max_pool": (lambda x: ops.max_pool(x, 2), [(BATCH, 6, 6, 2)]),
    "average_pool": (lambda x: ops.average_pool(x, 3, 2, "same"), [(BATCH, 6, 6, 2)]),
    "concatenate": (lambda x, y: ops.concatenate([x, y], 1), [(BATCH, 3), (BATCH, 2)]),
    "concatenate batch": (lambda x, y: ops.concatenate([x, y], 0), [(BATCH, 3), (2, 3)]),
    "stack": (lambda x: ops.stack([x, x], 1), [(BATCH, 3)]),
    "first row": (lambda x: x[0], [(BATCH, 3)]),
    "last row": (lambda x: x[-1], [(BATCH, 3)]),
    "reversed": (lambda x: x[::-1, ::-1], [(BATCH, 3)]),
    "without the last": (lambda x: x[:-1], [(BATCH, 3)]),
    "columns": (lambda x: x[:, 1:], [(BATCH, 3)]),
    "new axes": (lambda x: x[:, None, ..., None], [(BATCH, 3)]),
    "arrays": (lambda x: x[:, [0, 2]], [(BATCH, 3)]),
    "two arrays": (lambda x: x[:, [0, 1], [1, 0]], [(BATCH, 2, 2)]),
    "take_along_axis": (lambda x: ops.take_along_axis(x, ops.argsort(x, 1), 1), [(BATCH, 4)]),
    "top_k": (lambda x: ops.top_k(x, 2), [(BATCH, 4)]),
    "one_hot": (lambda x: ops.one_hot(ops.argmax(x, -1), 4), [(BATCH, 4)]),
    "cumsum": (lambda x: ops.cumsum(x, 0), [(BATCH, 2)]),
    "tile": (lambda x: ops.tile(x, (1, 2)), [(BATCH, 2)]),
    "repeat": (lambda x: ops.repeat(x, 2, axis=0), [(BATCH, 2)]),
    "arange": (lambda x: ops.arange(ops.shape(x)[0]), [(BATCH, 2)]),
    "ones": (lambda x: ops.ones(ops.shape(x)), [(BATCH, 2)]),
    "batch_norm": (lambda x: ops.batch_normalization(x, *ops.moments(x, 0), -1), [(BATCH, 3)]),
    "pad": (lambda x: ops.pad(x, ((1, 1), (0, 2)), "edge"), [(BATCH, 3)]),
    "roll": (lambda x: ops.roll(x, 1, 0), [(BATCH, 3)]),
    "median": (lambda x: ops.median(x, 0), [(BATCH, 3)]),
    "attention": (lambda x: ops.dot_product_attention(x, x, x, is_causal=True), [(BATCH, 3, 2, 4)]),
    "resize": (lambda x: ops.image.resize(x, (4, 5)), [(BATCH, 3, 3, 2)]),
    "scan": (lambda x: ops.scan(lambda c, r: (c + r, c), ops.zeros((3,)), x), [(BATCH, 3)]),
    "loss": (
        lambda x: ops.sparse_categorical_crossentropy(ops.argmax(x, 1), x, from_logits=True),
        [(BATCH, 3)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_any_batch(name):
    fn, shapes = CASES[name]
    function = traced(fn, *shapes, hint=5)
    for batch in (1, 2, 5):
        if not function.guards.hold({"batch": batch}):
            assert (name, batch) == ("roll", 1)
            continue
        arrays = [sample(s, batch, seed=i) for i, s in enumerate(shapes)]
        expected = [np.asarray(r) for r in _flat(fn(*map(ops.convert_to_tensor, arrays)))]
        for got, want in zip(run(function.graph, arrays), expected, strict=True):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: x[:2],
        lambda x: x + np.ones((2, 3), "float32"),
        lambda x: ops.matmul(np.ones((2, 5), "float32"), x),
        lambda x: ops.concatenate([x, np.ones((4, 1), "float32")], 1),
        lambda x: ops.diagonal(x),
    ],
)
def test_what_depends_on_the_batch_asks_for_it(fn):
    with pytest.raises(SymbolicDimError):
        traced(fn, (BATCH, 3))


@pytest.mark.parametrize(
    "fn", [lambda x: ops.nonzero(x), lambda x: ops.unique(x), lambda x: x[x > 0], lambda x: ops.bincount(x > 0)]
)
def test_shapes_that_depend_on_values_cannot_be_traced(fn):
    with pytest.raises(TraceError, match="depends on the values"):
        traced(fn, (3,))
