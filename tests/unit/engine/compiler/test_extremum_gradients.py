"""Gradients of convolutions behind a maximum over positions, of which all but a few elements are zero."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.costs import LEAST_SCANNED_WINDOW
from pronghorn.engine.compiler.pooled import pooled_operands
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
TARGETS = {"sse2": 4, "avx2-emulated": 8, "avx512-emulated": 16}  # and their lanes


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")


def traced_step(x, kernel, reduce=ops.max, dtype="float32", **options):
    """The gradients of a convolution, a ReLU and an extremum over all positions; the loss tells channels apart."""
    axes = tuple(range(1, len(x) + 1))

    def step(x, w):
        y = reduce(ops.relu(ops.conv(x, w, **options)), axis=axes)
        loss = ops.sum(y * ops.cast(ops.arange(kernel[-1]) % 3 + 1, dtype))
        return backward([loss], [np.ones((), dtypes.to_numpy(dtype))], [x, w])

    return trace(step, [Aval((BATCH, *x, kernel[-2]), dtype), Aval(kernel, dtype)])


def scanned(traced):
    """How many gradients are looked through for what is not zero."""
    graph = rewrite(traced.graph, host_target(), check=True)
    found = [pooled_operands(node, host_target()) for node in graph.nodes]
    return sum(operands is not None and operands.pool is None for operands in found)


def whole_numbers(shape, dtype="float32"):
    """Sums of their products are exact in any order, unless a gradient is shared."""
    return np.random.default_rng(0).integers(-2, 3, shape).astype(dtype)


def assert_equal(traced, *arrays, tolerance=0.0):
    with np.errstate(all="ignore"):
        expected = run(traced.graph, list(arrays))
    for got, wanted in zip(Executable(traced)(*arrays), expected, strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got.astype("float32"), wanted.astype("float32"), tolerance, tolerance)


CASES = {
    "words": ((23,), (5, 16, 20), {}),
    "many taps": ((40,), (9, 64, 3), {}),
    "parts of the channels": ((30,), (9, 64, 60), {}),
    "image": ((7, 9), (3, 3, 16, 33), {}),
    "padded": ((6, 6), (3, 3, 16, 16), {"padding": "same"}),
    "strided": ((13, 11), (3, 2, 32, 5), {"strides": 2}),
    "dilated": ((30,), (3, 16, 8), {"dilation_rate": 4, "padding": "same"}),
    "one tap": ((17,), (1, 16, 1), {}),
    "least": ((LEAST_SCANNED_WINDOW,), (1, 16, 2), {}),
}


@pytest.mark.mostly_slow("avx512")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_means_the_same(name, target, monkeypatch):
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    positions, kernel, options = CASES[name]
    traced = traced_step(positions, kernel, **options)
    assert scanned(traced) == 2
    for batch in (0, 1, 19):
        rng = np.random.default_rng(batch)
        x, w = rng.normal(size=(batch, *positions, kernel[-2])), rng.normal(size=kernel)
        inputs = [x.astype("float32"), w.astype("float32")]
        for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(initial=0))


@pytest.mark.parametrize("reduce", [ops.max, ops.min, ops.amax], ids=["max", "min", "amax"])
def test_positions_that_tie_share_a_gradient(reduce):
    """Many do: an input that repeats, and for the minimum of a ReLU all zeros."""
    traced = traced_step((32,), (2, 16, 20), reduce)
    assert scanned(traced) == 2
    x = whole_numbers((5, 32, 16))
    x[:, 8:16] = x[:, :8]
    x[1], x[2] = 0, x[2, :1]
    assert_equal(traced, x, whole_numbers((2, 16, 20)), tolerance=1e-5)


@pytest.mark.mostly_slow("avx512")
@pytest.mark.parametrize("target", TARGETS)
def test_zero_times_what_is_not_finite_is_nan(target, monkeypatch):
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    traced = traced_step((18,), (3, TARGETS[target], 21), padding="same")
    for place in range(3):
        for bad in (np.inf, np.nan):
            x, w = whole_numbers((3, 18, TARGETS[target])), whole_numbers((3, TARGETS[target], 21))
            if place != 1:
                x[1, 4, 2] = bad
            if place != 0:
                w[1, 3, 20] = bad
            assert_equal(traced, x, w, tolerance=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_of_16_bits(dtype, monkeypatch):
    monkeypatch.setenv("PRONGHORN_TARGET", "avx512-emulated")
    traced = traced_step((17,), (2, 16, 17), dtype=dtype)
    assert scanned(traced) == 2
    rng = np.random.default_rng(1)
    x = rng.permutation(3 * 17 * 16).reshape(3, 17, 16) % 7  # few ties, whose shares would be rounded
    assert_equal(traced, *(a.astype(dtypes.to_numpy(dtype)) for a in (x, whole_numbers((2, 16, 17)))))


@pytest.mark.parametrize(("kernel", "units"), [((5, 64, 64), 16), ((1, 16, 7), 16), ((9, 64, 60), 2 * 16)])
def test_the_input_is_looked_through_once_for_channels_whose_sums_are_near(kernel, units, monkeypatch):
    monkeypatch.setenv("PRONGHORN_TARGET", "avx512-emulated")
    emitted = build(traced_step((40,), kernel), frozenset(), host_target(), False).emitted
    (launch,) = (launch for launch in emitted.launches if launch.label.endswith("conv_filter_grad"))
    assert launch.units.typical == units


def test_same_bits_on_any_number_of_threads():
    traced = traced_step((200,), (5, 64, 64))
    rng = np.random.default_rng(2)
    inputs = [rng.normal(size=shape).astype("float32") for shape in ((33, 200, 64), (5, 64, 64))]
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            results.append([np.asarray(a).tobytes() for a in Executable(traced)(*inputs)])
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_a_gradient_of_all_positions_is_multiplied_as_it_is():
    """One that also comes from elsewhere is not sparse, nor is that of an extremum over few."""

    def step(x, w):
        y = ops.relu(ops.conv(x, w))
        return backward([ops.sum(ops.max(y, axis=1)) + ops.mean(y)], [np.float32(1)], [x, w])

    mixed = trace(step, [Aval((BATCH, 40, 16), "float32"), Aval((3, 16, 8), "float32")])
    assert scanned(mixed) == 0
    assert scanned(traced_step((LEAST_SCANNED_WINDOW - 1,), (1, 16, 8))) == 0
