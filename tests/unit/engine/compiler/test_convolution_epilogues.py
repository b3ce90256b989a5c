"""What follows a convolution is computed with it, and what several kernels need of it is stored once."""

import re

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.kernels import ContractionKernel, Nest, PooledKernel
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")


def program(traced):
    target = host_target()
    return lower(rewrite(traced.graph, target, check=True), target, check=True)


def upsampled(**options):
    def layer(x, w, b, other):
        y = ops.conv_transpose(x, w, **options) + b
        return [ops.relu(y) * other, y]

    return layer


CASES = {
    "image": ((5, 7), (3, 3, 20, 16), {"strides": 2, "padding": "same"}),
    "few channels": ((4, 5), (3, 4, 1, 8), {"strides": (2, 3)}),
    "one channel": ((9,), (5, 1, 3), {"strides": 4, "padding": "valid"}),
    "row": ((6,), (2, 33, 16), {"strides": 2}),
    "wide": ((3, 4), (3, 3, 7, 5), {"strides": 1}),
}


@pytest.mark.mostly_slow("image-host", "one channel-host")
@pytest.mark.parametrize("target", ["host", "sse2", "avx2-emulated", "avx512-emulated"])
@pytest.mark.parametrize("name", CASES)
def test_a_strided_transposed_convolution_has_its_epilogue(name, target, monkeypatch):
    if target != "host":
        monkeypatch.setenv("PRONGHORN_TARGET", target)
    size, kernel, options = CASES[name]
    filters, channels = kernel[-2:]
    result = ops.conv_transpose(np.zeros((1, *size, channels), "f4"), np.zeros(kernel, "f4"), **options).shape[1:]
    shapes = [(BATCH, *size, channels), kernel, (filters,), (BATCH, *result)]
    traced = trace(upsampled(**options), [Aval(shape, "float32") for shape in shapes])
    contractions = [k for k in program(traced).kernels if isinstance(k, ContractionKernel)]
    assert len(contractions) == 1 and traced.graph.outputs[0].shape == shapes[-1]
    assert {s.value.shape for s in contractions[0].stores} == {shapes[-1]} and len(contractions[0].stores) == 2
    rng = np.random.default_rng(0)
    for batch in (0, 1, 3):
        inputs = [rng.integers(-3, 4, [batch if d is BATCH else d for d in s]).astype("float32") for s in shapes]
        for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_windows_that_meet_need_no_border_around_the_gradient():
    """Of a kernel as long as its strides, each tap finds an element."""

    def layer(x, w):
        return [ops.conv_transpose(x, w, strides=2)]

    traced = trace(layer, [Aval((BATCH, 6, 5, 16), "float32"), Aval((2, 2, 8, 16), "float32")])
    assert [type(k) for k in program(traced).kernels] == [ContractionKernel]
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-3, 4, s).astype("float32") for s in ((3, 6, 5, 16), (2, 2, 8, 16))]
    np.testing.assert_array_equal(Executable(traced)(*inputs)[0], run(traced.graph, inputs)[0])


def traced_step(padding="same"):
    """A convolution with a bias and a ReLU, read by another, with all gradients."""

    def step(x, w, b, v):
        y = ops.conv(ops.relu(ops.conv(x, w, padding=padding) + b), v, padding=padding)
        return backward([ops.sum(ops.sin(y))], [np.float32(1)], [x, w, b, v])

    shapes = [(BATCH, 9, 9, 16), (3, 3, 16, 32), (32,), (3, 3, 32, 16)]
    return trace(step, [Aval(shape, "float32") for shape in shapes]), shapes


def test_of_a_layer_only_its_activation_is_kept():
    """Its gradient tests that, not what came before."""
    kernels = program(traced_step("valid")[0]).kernels
    first = next(k for k in kernels if isinstance(k, ContractionKernel) and k.node.prim.name == "conv")
    assert [s.value.node.prim.name for s in first.stores] == ["select"]


def test_a_masked_gradient_and_a_padded_array_are_stored_once():
    made = program(traced_step()[0])
    written = [
        s.value
        for k in made.kernels
        if isinstance(k, Nest)
        for s in k.stores
        if s.value.shape and s.value.shape[0] == BATCH
    ]
    padded = [v for v in written if v.node is not None and v.node.prim.name == "pad"]
    assert len({(v.node.inputs[0], v.node.params["low"]) for v in padded}) == len(padded)
    masked = [v for v in written if v.node is not None and v.node.prim.name == "select"]
    assert len(masked) == 2 and all(v in made.aliases for v in masked)  # the activation and its gradient


def test_a_gradient_without_an_epilogue_is_not_masked_apart(monkeypatch):
    """Gradients behind a max-pool have kernels of their own: what follows is computed where it is used."""
    monkeypatch.setenv("PRONGHORN_TARGET", "avx512-emulated")

    def step(x, w, b, v):
        y = ops.max_pool(ops.relu(ops.conv(x, w) + b), 2)
        return backward([ops.sum(ops.max_pool(ops.relu(ops.conv(y, v)), 2) ** 2)], [np.float32(1)], [w, b, v])

    shapes = [(BATCH, 28, 28, 1), (3, 3, 1, 32), (32,), (3, 3, 32, 64)]
    kernels = program(trace(step, [Aval(shape, "float32") for shape in shapes])).kernels
    pooled = next(k for k in kernels if isinstance(k, PooledKernel) and k.node.prim.name == "conv_input_grad")
    (gradient,) = pooled.writes
    readers = [k for k in kernels if gradient in k.reads]
    assert len(readers) == 2 and all(s.value.shape != gradient.shape for k in readers for s in k.stores)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_gradients_mean_the_same(padding):
    traced, shapes = traced_step(padding)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=[3 if d is BATCH else d for d in s]).astype("float32") * 0.3 for s in shapes]
    inputs[0][1, 4, 4, 2] = np.nan
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("test", ["le", "gt"])
def test_a_gradient_s_test_of_a_rectified_value_keeps_nan(test):
    def step(x, g):
        zero = ops.zeros_like(x)
        y = ops.where(x <= zero, zero, x) if test == "le" else ops.where(x > zero, x, zero)
        again = ops.where(x <= zero, zero, g) if test == "le" else ops.where(x > zero, g, zero)
        return [y * y, again]

    traced = trace(step, [Aval((7,), "float32")] * 2)
    inputs = [np.float32([-1, -0.0, 0, 1, np.inf, -np.inf, np.nan]), np.arange(1, 8, dtype="float32")]
    for got, expected in zip(Executable(traced)(*inputs), run(traced.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("gate", [False, True])
def test_rows_of_an_epilogue_are_told_apart_only_where_it_matters(gate):
    """Places of images that lie one after another are one axis, unless something is read by the image alone."""
    shapes = [(BATCH, 7, 7, 20), (1, 1, 20, 24), (BATCH, 1, 1, 24) if gate else (BATCH, 7, 7, 24)]
    traced = trace(lambda x, w, other: [ops.conv(x, w) + other], [Aval(shape, "float32") for shape in shapes])
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3 if s[0] is BATCH else s[0], *s[1:])).astype("float32") for s in shapes]
    np.testing.assert_allclose(Executable(traced)(*arrays)[0], run(traced.graph, arrays)[0], rtol=1e-5, atol=1e-5)
    text = build(traced, (), host_target(), False).text
    divided = set(re.findall(r"(udiv|urem) i64 %v\d+, (\d+)\n", text))
    assert (("udiv", "49") in divided, ("urem", "49") in divided) == (gate, gate) and ("urem", "7") not in divided
