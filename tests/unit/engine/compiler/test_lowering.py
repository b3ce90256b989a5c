"""Which values lie in memory."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.kernels import LoopKernel
from pronghorn.engine.compiler.schedule import fuse
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.compiler.storing import choose_stored
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

SHAPE = (64, 32)
BATCH = Dim.symbol("batch")


def stored_sums(many, readers):
    """How many sums of ``many`` arrays are stored that ``readers`` reductions and products read."""

    def function(*arrays):
        total = arrays[0]
        for array in arrays[1:]:
            total = P.add(total, array)
        return [P.reduce_sum(P.neg(total) if reader % 2 else P.abs(total), axes=(reader,)) for reader in range(readers)]

    graph = trace(function, [Aval(SHAPE, "float32")] * many).graph
    sums = [n.outputs[0] for n in graph.nodes if n.prim is P.add]
    return len(choose_stored(graph, host_target()) & set(sums))


def test_a_sum_is_stored_where_that_is_less_to_read():
    assert stored_sums(many=6, readers=2) == 1  # 12 reads, or 8 and a write


def test_a_sum_is_computed_where_it_is_used():
    assert stored_sums(many=2, readers=2) == 0
    assert stored_sums(many=6, readers=1) == 0


def _gated(wanted=()):
    """A SiLU between products, forwards and backwards; `wanted`: more of its values that are results."""

    def fn(x, w, v, g):
        y = ops.matmul(x, w)
        share = ops.sigmoid(y)
        kept = {"share": share}
        h = y * share
        slope = ops.matmul(g, v) * share * (1 + y * (1 - share))
        return [ops.matmul(h, ops.transpose(v)), ops.matmul(ops.transpose(x), slope), *(kept[name] for name in wanted)]

    return fn


def _shares(rows, width, wanted=()):
    """How many sigmoids are stored."""
    shapes = [(rows, 8), (8, width), (8, width), (rows, 8)]
    traced = trace(_gated(wanted), [Aval(shape, "float32") for shape in shapes])
    graph = rewrite(traced.graph, host_target())
    return sum(v.node is not None and v.node.prim.name == "logistic" for v in choose_stored(graph, host_target()))


def test_what_is_large_and_quickly_made_again_is_not_stored(monkeypatch):
    monkeypatch.setenv("PRONGHORN_SKIP", "derivatives")  # which would keep what the sigmoid is needed for
    large = host_target().l2_bytes // 4 // 64 + 1  # at a typical batch
    assert _shares(BATCH, large) == 0
    assert _shares(BATCH, 16) == 1  # in a cache it is read faster than made
    assert _shares(BATCH, large, ["share"]) == 1


def test_a_mask_of_bytes_is_stored_where_drawing_it_again_takes_longer_than_to_read_it():
    def fn(x, w, g, key):
        kept = ops.less(P.random_bits(key, shape=(BATCH, large)), 1 << 31)
        y = ops.where(kept, ops.matmul(x, w), 0.0)
        return [ops.matmul(y, ops.transpose(w)), ops.where(kept, ops.matmul(g, w), 0.0)]

    large = host_target().l2_bytes // 64 + 1
    avals = [Aval(shape, "float32") for shape in ((BATCH, 8), (8, large), (BATCH, 8))]
    graph = rewrite(trace(fn, [*avals, Aval((2,), "uint32")]).graph, host_target())
    stored = choose_stored(graph, host_target())
    assert [v.dtype for v in stored if v.node is not None and v.node.prim.name in ("lt", "random_bits")] == ["bool"]


def test_what_is_made_of_arrays_that_a_user_does_not_read_is_stored():
    def fn(x, w, g):
        y = ops.exp(ops.matmul(x, w))
        return [ops.matmul(y, ops.transpose(w)), ops.matmul(g, w) * y * 2]

    large = host_target().l2_bytes // 4 // 64 + 1
    traced = trace(fn, [Aval(shape, "float32") for shape in ((BATCH, 8), (8, large), (BATCH, 8))])
    stored = choose_stored(rewrite(traced.graph, host_target()), host_target())
    assert any(v.node is not None and v.node.prim.name == "exp" for v in stored)


def test_what_is_made_of_values_that_are_made_again_takes_their_time_too():
    """Else a chain of activations would be computed from its beginning for the gradient of each bias."""

    def fn(x, *biases):
        y = x
        for b in biases:
            y = ops.tanh(y + b)
        return backward([ops.sum(y * y)], [np.float32(1)], list(biases))

    large = host_target().l2_bytes // 4 // 64 + 1
    traced = trace(fn, [Aval(shape, "float32") for shape in ((BATCH, large), *[(large,)] * 6)])
    stored = choose_stored(rewrite(traced.graph, host_target()), host_target())
    assert sum(v.node is not None and v.node.prim.name == "tanh" for v in stored) >= 2


@pytest.mark.parametrize("rows", [0, 1, 3, 40])
def test_what_is_made_again_has_the_same_values(rows):
    width = host_target().l2_bytes // 4 // 64 + 1
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype("float32") for shape in ((rows, 8), (8, width), (8, width), (rows, 8))]
    shapes = [(BATCH, 8), (8, width), (8, width), (BATCH, 8)]
    traced = trace(_gated(), [Aval(shape, "float32") for shape in shapes])
    for got, expected in zip(Executable(traced)(*arrays), run(traced.graph, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


def sums_of(function, *shapes):
    """How many partial sums each kernel over chunks of rows makes."""
    graph = trace(function, [Aval(shape, "float32") for shape in shapes]).graph
    kernels = fuse(graph, host_target()).kernels
    return [len(k.reductions) for k in kernels if isinstance(k, LoopKernel) and k.reductions and k.reductions[0].chunk]


def test_sums_that_read_the_same_rows_are_taken_together():
    rows = (BATCH, 64, 100)
    total = lambda x: P.reduce_sum(x, axes=(0, 1))  # noqa: E731
    assert sums_of(lambda x, y: [total(x), total(P.mul(x, y)), total(y)], rows, rows) == [3]
    assert sums_of(lambda x, y: [total(x), total(y)], rows, rows) == [1, 1]  # they share nothing

    def deviations(x):  # the second sum needs the first
        first = total(x)
        return [first, total(P.sub(x, P.broadcast_in_dim(first, shape=x.shape, dims=(2,))))]

    assert sums_of(deviations, rows) == [1, 1]
    assert sums_of(lambda x: [total(x), P.reduce_sum(P.abs(x), axes=(0, 2))], rows) == [1, 1]  # along other axes


def test_products_that_are_sums_in_chunks_are_taken_alone():
    rows = (BATCH, 6, 16, 6)

    def products(x):
        whole = {"contract": ((1, 3, 2), (1, 3, 2)), "batch": ((0,), (0,))}
        return [P.reduce_sum(x, axes=(1, 2, 3)), P.dot_general(x, x, **whole)]

    assert sums_of(products, rows) == [1, 1]
    x = np.arange(64 * 6 * 16 * 6, dtype="float32").reshape(64, 6, 16, 6) % 7
    traced = trace(products, [Aval(rows, "float32")])
    for got, expected in zip(Executable(traced)(x), run(traced.graph, [x]), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_sums_along_many_rows_are_not_split():
    total = lambda x: [P.reduce_sum(x, axes=(len(x.shape) - 1,))]  # noqa: E731
    assert sums_of(total, (BATCH, 16, 8000)) == []  # rows enough for all threads, each read from end to end
    assert sums_of(total, (BATCH, 8000)) == [1]
    assert sums_of(lambda x: [P.reduce_sum(x, axes=(0, 1))], (BATCH, 512, 1000)) == [1]  # results side by side


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_the_chunks_of_a_row_have_the_same_values(rows):
    x = np.random.default_rng(rows).normal(size=(rows, 3, 7, 901)).astype("float32")
    reductions = lambda x: [P.reduce_max(x, axes=(3, 2)), P.reduce_sum(P.exp(x), axes=(2, 3))]  # noqa: E731
    traced = trace(reductions, [Aval((BATCH, *x.shape[1:]), "float32")])
    for got, expected in zip(Executable(traced)(x), run(traced.graph, [x]), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def _first(x, limit, start=0, stride=1, axis=1):
    bounds = [(0, n) for n in x.shape]
    bounds[axis] = (start, limit)
    steps = tuple(stride if a == axis else 1 for a in range(x.ndim))
    return P.slice(x, start=tuple(b[0] for b in bounds), limit=tuple(b[1] for b in bounds), stride=steps)


@pytest.mark.parametrize(
    ("reads", "leading"),
    [
        (lambda keys, places: [_first(keys, 3), _first(places, 5)], 5),
        (lambda keys, places: [_first(places, 2), _first(_first(places, 4), 4, 1)], 4),
        (lambda keys, places: [_first(places, 4, 1)], None),
        (lambda keys, places: [_first(places, 4, 0, 2)], None),
        (lambda keys, places: [_first(places, 3), keys], None),
        (lambda keys, places: [_first(places, 3), P.reduce_sum(keys, axes=(1,))], None),
        (lambda keys, places: [_first(places, 3, axis=0)], 300),
    ],
)
def test_sorting_ends_where_nothing_more_is_read(reads, leading):
    def function(x):
        places = P.iota(shape=x.shape, dtype="int32", axis=1)
        return reads(*P.sort(x, places, axis=1, num_keys=1))

    traced = trace(function, [Aval((4, 300), "float32")])
    graph = traced.graph
    (kernel,) = (k for k in fuse(graph, host_target()).kernels if k.node is not None and k.node.prim is P.sort)
    assert kernel.leading == leading
    x = np.random.default_rng(0).integers(-9, 9, (4, 300)).astype("float32")
    for got, wanted in zip(Executable(traced)(x), run(graph, [x]), strict=True):
        np.testing.assert_array_equal(got, wanted)
