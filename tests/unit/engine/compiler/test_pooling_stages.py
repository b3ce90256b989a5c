"""The stages around max-pooling: each states a general rule, leaves meaning alone, and does what it is for."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.kernels import ContractionKernel, LoopKernel
from pronghorn.engine.compiler.narrow import narrow
from pronghorn.engine.compiler.pooled import pool_gradients, pooled_operands, scattered
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime.host import host_target, named_target

BATCH = Dim.symbol("batch")
SIZE, CHANNELS, FILTERS = 11, 32, 48


def block(activation, padding="valid", pool=2, stride=2, conv_stride=1):
    """A convolution, an activation and a max-pool; the loss is not symmetric in its positions."""

    def loss(x, w, b):
        y = activation(ops.conv(x, w, conv_stride, padding) + b)
        y = ops.max_pool(y, pool, stride, padding)
        return ops.sum(y * ops.sin(ops.cumsum(ops.ones_like(y), axis=-1)))

    return loss


def traced_gradients(loss):
    avals = [
        Aval((BATCH, SIZE, SIZE, CHANNELS), "float32"),
        Aval((3, 3, CHANNELS, FILTERS), "float32"),
        Aval((FILTERS,), "float32"),
    ]

    def step(x, w, b):
        value = loss(x, w, b)
        return [value, *backward([value], [np.float32(1)], [x, w, b])]

    return trace(step, avals)


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")


def arrays(batch=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, SIZE, SIZE, CHANNELS)).astype("float32")
    w = (rng.normal(size=(3, 3, CHANNELS, FILTERS)) * 0.1).astype("float32")
    return [x, w, rng.normal(size=FILTERS).astype("float32")]


def names(graph):
    return [n.prim.name for n in graph.nodes]


BLOCKS = {
    "relu": block(ops.relu),
    "tanh": block(ops.tanh),
    "same": block(ops.relu, "same"),
    "wide stride": block(ops.relu, stride=3),
    "overlapping": block(ops.relu, pool=3, stride=2),
    "strided convolution": block(ops.relu, conv_stride=2),
    "no activation": block(lambda x: x),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_mean_the_same(name):
    traced = traced_gradients(BLOCKS[name])
    executable = Executable(traced)
    for batch in (3, 1):
        inputs = arrays(batch)
        for got, expected in zip(executable(*inputs), run(traced.graph, inputs)):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_gradients_of_16_bits(dtype, monkeypatch):
    """All sums are of whole numbers, exact in float32 in any order, so that what is rounded is the same."""
    monkeypatch.setenv("PRONGHORN_TARGET", "avx512-emulated")  # whose registers hold all the taps

    def loss(x, w, b):
        y = ops.max_pool(ops.relu(ops.conv(x, w, 1, "valid") + b), 2, 2, "valid")
        return ops.sum(y * ops.cast(ops.reshape(ops.arange(4 * FILTERS) % 4 - 1, (4, FILTERS)), dtype))

    shapes = [(BATCH, SIZE, SIZE, CHANNELS), (3, 3, CHANNELS, FILTERS), (FILTERS,)]

    def step(x, w, b):
        value = loss(x, w, b)
        return backward([value], [np.ones((), dtypes.to_numpy(dtype))], [x, w, b])

    traced = trace(step, [Aval(shape, dtype) for shape in shapes])
    graph = rewrite(traced.graph, host_target(), check=True)
    assert sum(pooled_operands(n, host_target()) is not None for n in graph.nodes) == 2
    inputs = [np.sign(a).astype(dtypes.to_numpy(dtype)) for a in arrays()]
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        assert got.dtype == expected.dtype and got.astype("float32").any()
        np.testing.assert_array_equal(got.astype("float32"), expected.astype("float32"))


def test_tiles_of_bfloat16_are_faster_than_pooled_sums():
    def step(x, w):
        y = ops.max_pool(ops.conv(x, w, 1, "valid"), 2, 2, "valid")
        return backward([ops.sum(y)], [np.ones((), dtypes.to_numpy(x.dtype))], [x, w])

    shapes = [(BATCH, SIZE, SIZE, 16), (3, 3, 16, FILTERS)]
    found = {}
    for dtype in ("float32", "bfloat16"):
        traced = trace(step, [Aval(shape, dtype) for shape in shapes])
        for name in ("avx512", "amx"):
            target = named_target(name)
            graph = rewrite(traced.graph, target, check=True)
            found[dtype, name] = sum(pooled_operands(node, target) is not None for node in graph.nodes)
    assert found.pop(("bfloat16", "amx")) == 0 and set(found.values()) == {2}


BAD = (np.inf, -np.inf, np.nan)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("target", "channels"), [("avx512-emulated", 16), ("avx2", 8), ("sse2", 4)])
def test_zero_gradients_times_what_is_not_finite_are_nan(target, channels, dtype, monkeypatch):
    """At positions chosen, not chosen and in no window; in the input and in the kernel."""
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    window = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4, "dilation": (1,) * 4}
    conv = {"strides": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    x_shape, k_shape = (BATCH, 9, 9, channels), (3, 3, channels, 20)

    def gradients(x, w, g, argmax):
        g = P.unpool(g, argmax, input_shape=(x.shape[0], 7, 7, 20), **window)
        filters = P.conv_filter_grad(x, g, kernel_shape=k_shape, **conv)
        return [filters, P.conv_input_grad(g, w, input_shape=x.shape, **conv)]

    avals = [Aval(x_shape, dtype), Aval(k_shape, dtype), Aval((BATCH, 3, 3, 20), dtype)]
    traced = trace(gradients, [*avals, Aval((BATCH, 3, 3, 20), "int32")])
    graph = rewrite(traced.graph, host_target(), check=True)
    assert sum(pooled_operands(n, host_target()) is not None for n in graph.nodes) == 2
    executable = Executable(traced)
    rng = np.random.default_rng(5)
    for case in range(8):
        x = rng.integers(-2, 3, (3, 9, 9, channels)).astype(dtype)
        w = rng.integers(-2, 3, k_shape).astype(dtype)
        g = (rng.integers(-1, 2, (3, 3, 3, 20)) * rng.integers(0, 2, (3, 3, 3, 20))).astype(dtype)
        argmax = rng.integers(0, 4, g.shape).astype("int32")
        for array in (x, w)[case % 2 :][:1] if case < 6 else (x, w):
            array.reshape(-1)[rng.integers(0, array.size, 1 + case // 2)] = BAD[case % 3]
        if case == 5:
            g[...] = 0
        if case == 7:
            x[2, 8, 8, 1] = np.inf  # read at positions in no window alone
            g[0, 1, 1, 3] = np.nan
        with np.errstate(all="ignore"):
            expected = run(traced.graph, [x, w, g, argmax])
        for got, wanted in zip(executable(x, w, g, argmax), expected, strict=True):
            np.testing.assert_array_equal(got.astype("float32"), wanted.astype("float32"))


def test_a_weight_s_other_dtype_does_not_keep_the_bias_from_the_epilogue():
    def mixed(x, w, b):
        return [ops.relu(ops.cast(x, "bfloat16") @ ops.cast(w, "bfloat16") + ops.cast(b, "bfloat16"))]

    traced = trace(mixed, [Aval((BATCH, 8), "float32"), Aval((8, 4), "float32"), Aval((4,), "float32")])
    program = lower(rewrite(traced.graph, host_target()), host_target())
    assert [type(k) for k in program.kernels] == [LoopKernel] * 3 + [ContractionKernel]


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("stage", [pool_gradients, narrow])
def test_each_stage_alone_keeps_the_meaning(stage, name):
    graph = simplify(traced_gradients(BLOCKS[name]).graph)
    changed = verify(stage(graph))
    inputs = arrays()
    for got, expected in zip(run(changed, inputs), run(graph, inputs)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_gradients_reach_the_convolution_scattered_last():
    graph = simplify(pool_gradients(simplify(traced_gradients(BLOCKS["relu"]).graph)))
    (filters,) = [n for n in graph.nodes if n.prim is P.conv_filter_grad]
    (inputs,) = [n for n in graph.nodes if n.prim is P.conv_input_grad]
    assert scattered(filters.inputs[1]) is not None
    assert scattered(inputs.inputs[0]) is not None
    assert "pool_gather" not in names(graph)  # what the gradient needs of the activation is its pooled value


def test_the_sum_for_the_bias_needs_no_scattering():
    graph = simplify(pool_gradients(simplify(traced_gradients(BLOCKS["relu"]).graph)))
    (bias,) = [n for n in graph.nodes if n.prim is P.reduce_sum and n.outputs[0].shape == (FILTERS,)]
    assert bias.inputs[0].shape[1:3] == (4, 4)


def test_overlapping_windows_stay_dense():
    graph = rewrite(traced_gradients(BLOCKS["overlapping"]).graph, host_target(), check=True)
    gradients = [n for n in graph.nodes if n.prim.name in ("conv_filter_grad", "conv_input_grad")]
    assert len(gradients) == 2
    assert all(pooled_operands(n, host_target()) is None for n in gradients)


@pytest.mark.parametrize("name", ["overlapping", "relu"])
def test_the_stage_leaves_alone_what_it_does_nothing_for(name):
    graph = simplify(traced_gradients(BLOCKS[name]).graph)
    assert (pool_gradients(graph) is graph) == (name == "overlapping")


def test_convolution_makes_only_the_rows_that_are_pooled():
    graph = rewrite(traced_gradients(BLOCKS["relu"]).graph, host_target(), check=True)
    (conv,) = [n for n in graph.nodes if n.prim is P.conv]
    assert conv.outputs[0].shape == (BATCH, 8, 8, FILTERS)  # of 9 x 9


def test_a_value_that_others_read_is_not_cut():
    def both(x, w, b):
        y = ops.relu(ops.conv(x, w, 1, "valid") + b)
        return ops.sum(ops.max_pool(y, 2, 2, "valid")) + ops.sum(y)

    graph = rewrite(traced_gradients(both).graph, host_target(), check=True)
    (conv,) = [n for n in graph.nodes if n.prim is P.conv]
    assert conv.outputs[0].shape[1:3] == (9, 9)


def test_pooling_runs_in_the_convolution():
    program = lower(rewrite(traced_gradients(BLOCKS["relu"]).graph, host_target()), host_target())
    fused = [k for k in program.kernels if isinstance(k, ContractionKernel) and k.pool is not None]
    (kernel,) = fused
    fusion = kernel.pool
    assert sorted(r.reductions[0].op for r in fusion.readers) == ["argmax", "max"]
    assert not fusion.written


@pytest.mark.parametrize("fused", [True, False])
def test_the_first_of_equal_values_and_the_first_nan_win(fused):
    def pooled(x, w, b):
        y = ops.conv(x, w, 1, "valid") + b
        window = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4, "dilation": (1,) * 4}
        y = y if fused else y[:, :8, :8]  # what is cut is pooled by a kernel of its own
        return [P.window_max(y, **window), P.window_argmax(y, **window)]

    avals = [Aval(a.shape, "float32") for a in arrays()]
    traced = trace(pooled, avals)
    kernels = lower(rewrite(traced.graph, host_target()), host_target()).kernels
    assert any(isinstance(k, ContractionKernel) and k.pool is not None for k in kernels) == fused
    x, w, b = (np.round(2 * a) for a in arrays())  # so that sums are exact in any order
    x[:, 4:, :, :] = 1.0  # equal values in whole windows
    x[0, 0, 1, 0] = np.nan  # the first element of a window
    x[1, 2, 3, 0] = np.nan  # and elements after numbers
    for got, expected in zip(Executable(traced)(x, w, b), run(traced.graph, [x, w, b])):
        np.testing.assert_array_equal(got, expected)


def pooled_rows(x):
    """The largest of every two of 11 rows: the last row is in no window."""
    rows = {"window": (1, 2), "strides": (1, 2), "padding": ((0, 0),) * 2, "dilation": (1, 1)}
    return P.window_max(x, **rows)


def scattered_into(x):
    y = P.neg(x)
    return P.add(P.scatter(y, np.array([1], "int32"), P.constant(value=np.ones((1, 11), "float32")), mode="set"), y)


def sorted_second(x):
    return P.add(P.sort(x, P.neg(x), axis=0, num_keys=1)[1], P.neg(x))


@pytest.mark.parametrize("made", [scattered_into, sorted_second])
def test_what_makes_whole_arrays_alone_is_cut_behind_them(made):
    """What such a primitive reads stays whole, and each of its results is cut for itself."""
    traced = trace(lambda x: [pooled_rows(made(x))], [Aval((BATCH, 11), "float32")])
    x = np.random.default_rng(0).normal(size=(3, 11)).astype("float32")
    (expected,) = run(traced.graph, [x])
    np.testing.assert_array_equal(run(verify(narrow(traced.graph)), [x])[0], expected)
    np.testing.assert_array_equal(Executable(traced)(x)[0], expected)


@pytest.mark.parametrize("high", [0, 1, 3])
def test_padding_that_no_window_reads_is_not_made(high):
    """Rows that are read are never taken for padding: with none behind them, the last one is cut off apart."""

    def padded(x):
        low, fill = (0, 1), P.constant(value=np.zeros((), "float32"))
        y = P.pad(P.neg(x), fill, low=low, high=(0, high), interior=(0, 0))
        rows = {"window": (1, 3), "strides": (1, 2), "padding": ((0, 0),) * 2, "dilation": (1, 1)}
        return [P.window_max(y, **rows)]

    traced = trace(padded, [Aval((BATCH, 12 if high else 11), "float32")])
    narrowed = verify(narrow(traced.graph))
    read = next(n.inputs[0] for n in narrowed.nodes if n.prim is P.window_max)
    assert read.shape[1] == {0: 11, 1: 13, 3: 15}[high]
    assert read.node.prim is (P.pad if high else P.slice)
    x = np.random.default_rng(0).normal(size=(3, *traced.graph.inputs[0].shape[1:])).astype("float32")
    (expected,) = run(traced.graph, [x])
    np.testing.assert_array_equal(run(narrowed, [x])[0], expected)
    np.testing.assert_array_equal(Executable(traced)(x)[0], expected)


def test_what_is_padded_for_a_pool_is_computed_inside_of_the_padded_array():
    def fn(x, w):
        y = ops.relu(ops.conv(x, w, 1, "same"))
        return [ops.max_pool(ops.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 2), ops.sum(y, (0, 1, 2))]

    shapes = (BATCH, 24, 24, 3), (3, 3, 3, 32)
    graph = rewrite(trace(fn, [Aval(shape, "float32") for shape in shapes]).graph, host_target())
    program = lower(graph, host_target())
    assert any(value.shape[1:] == (24, 24, 32) for kernel in program.kernels for value in kernel.writes)
    assert not any(value.shape[1:] == (25, 25, 32) for kernel in program.kernels for value in kernel.writes)
