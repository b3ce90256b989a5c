"""Derivatives of activations, made with these and kept in place of what both are made of."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.derivatives import factor_derivatives
from pronghorn.engine.compiler.kernels import ContractionKernel
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
INPUTS, UNITS = 24, 40
KEPT = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu by tanh": lambda x: ops.gelu(x, approximate=True),
    "silu": ops.silu,
    "mish": lambda x: x * ops.tanh(ops.softplus(x)),
    "elu": ops.elu,
    "one for each sign": lambda x: ops.where(x > 0, ops.gelu(x, approximate=False), ops.silu(x)),
    "over a number": lambda x: ops.gelu(x, approximate=False) / 3.0,
}
OTHERS = {
    "gelu without its negative part": lambda x: ops.where(x > 0, ops.gelu(x, approximate=False), 0.0),
    "relu": ops.relu,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "none": lambda x: x,
    "and what it is made of": lambda x: ops.concatenate([x, ops.gelu(x, approximate=False)], axis=1),
    "two": lambda x: ops.concatenate([ops.silu(x), ops.gelu(x, approximate=False)], axis=1),
    "times what is as large": lambda x: ops.gelu(x, approximate=False) * ops.cumsum(ops.exp(x), axis=0),
}


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")


def layer(x, w, b):
    return ops.matmul(x, w) + b


def traced_step(act, dtype="float32", batch=BATCH, layer=layer, x=(INPUTS,), w=(INPUTS, UNITS)):
    """An activation's result and the gradients of what it is computed from, of a loss that tells all elements apart."""

    def step(x, w, b, v):
        y = act(layer(x, w, b))
        if y.shape[-1] != UNITS:
            v = ops.concatenate([v, v], axis=0)
        loss = ops.sum(ops.square(ops.matmul(y, v)))
        return [ops.sum(y), *backward([loss], [np.ones((), dtypes.to_numpy(dtype))], [x, w, b, v])]

    shapes = ((batch, *x), w, (UNITS,), (UNITS, 8))
    return trace(step, [Aval(shape, dtype) for shape in shapes])


def arrays(batch=37, x=(INPUTS,), w=(INPUTS, UNITS)):
    rng = np.random.default_rng(0)
    return [rng.normal(0, scale, s).astype("float32") for s, scale in
            (((batch, *x), 1), (w, 0.4), ((UNITS,), 1), ((UNITS, 8), 1))]  # fmt: skip


def stores(traced):
    """What the forward product's kernel stores."""
    program = lower(rewrite(traced.graph, host_target(), check=True), host_target(), check=True)
    first = next(k for k in program.kernels if isinstance(k, ContractionKernel))
    return first, {store.value for store in first.stores}


def assert_close(got, expected, tolerance=2e-5):
    for a, e in zip(got, expected, strict=True):
        assert a.dtype == "float32" and a.shape == e.shape
        np.testing.assert_allclose(a, e, atol=tolerance * max(1.0, np.abs(e).max(initial=0)))


def in_doubles(act, given, **options):
    traced = traced_step(act, "float64", **options)
    return run(traced.graph, [a.astype("float64") for a in given])


@pytest.mark.parametrize("name", KEPT)
def test_a_derivative_is_kept_in_place_of_what_it_is_made_of(name):
    traced = traced_step(KEPT[name])
    plain = simplify(traced.graph)
    factored = factor_derivatives(plain)
    verify(factored)
    assert factored is not plain
    kernel, stored = stores(traced)
    (product,) = kernel.node.outputs
    assert product not in stored and len(stored) == 2


@pytest.mark.parametrize("batch", [0, 1, 5, 37])
@pytest.mark.parametrize("name", KEPT)
def test_gradients(name, batch):
    given = arrays(batch)
    expected = in_doubles(KEPT[name], given)
    assert_close(run(factor_derivatives(simplify(traced_step(KEPT[name]).graph)), given), expected)
    assert_close(Executable(traced_step(KEPT[name]))(*given), expected)
    assert_close(Executable(traced_step(KEPT[name], batch=batch))(*given), expected)


@pytest.mark.parametrize("name", OTHERS)
def test_graphs_that_gain_nothing_stay_as_they_are(name):
    traced = traced_step(OTHERS[name])
    plain = simplify(traced.graph)
    assert factor_derivatives(plain) is plain
    given = arrays()
    assert_close(Executable(traced)(*given), in_doubles(OTHERS[name], given), 1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_no_derivative_is_rounded_to_sixteen_bits(dtype):
    traced = traced_step(KEPT["gelu"], dtype)
    assert factor_derivatives(traced.graph) is traced.graph


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_nor_is_that_of_an_activation_in_sixteen_bits_alone(dtype):
    def act(x):
        return ops.cast(ops.gelu(ops.cast(x, dtype), approximate=False), x.dtype)

    plain = simplify(traced_step(act).graph)
    assert factor_derivatives(plain) is plain


def test_a_convolution():
    options = {"layer": lambda x, w, b: ops.conv(x, w, padding="same") + b, "x": (7, 5, 3), "w": (3, 3, 3, UNITS)}
    given = arrays(4, options["x"], options["w"])
    expected = in_doubles(ops.silu, given, **options)
    traced = traced_step(ops.silu, **options)
    kernel, stored = stores(traced)
    assert kernel.node.outputs[0] not in stored
    assert_close(Executable(traced)(*given), expected)


def test_what_is_computed_in_the_backward_pass_is_no_part_of_it():
    """A factor that is known only there would have the derivative wait for it, and what it is made of be kept."""

    def step(x, w, v):
        h = ops.matmul(x, w)
        y = ops.gelu(h, approximate=False)
        (g,) = backward([ops.sum(ops.square(ops.matmul(y, v)))], [np.float32(1)], [y])
        scaled = g * ops.max(ops.abs(g))
        return backward([y], [scaled], [x, w])

    shapes = ((BATCH, INPUTS), (INPUTS, UNITS), (UNITS, 8))
    traced = trace(step, [Aval(shape, "float32") for shape in shapes])
    kernel, stored = stores(traced)
    assert kernel.node.outputs[0] not in stored
    x, w, _, v = arrays()
    expected = run(traced.graph, [x, w, v])
    assert_close(Executable(traced)(x, w, v), expected)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, -0.0, 1e-40])
@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_numbers_at_the_edges_are_what_they_were(name, number, monkeypatch):
    """What was finite is so; of the rest, nothing is that was not a number, and an overflow may be gone."""
    x, w, b, v = arrays(3)
    w, b = np.eye(INPUTS, UNITS, dtype="float32"), b * 0
    x[1, 2] = number
    got = Executable(traced_step(KEPT[name]))(x, w, b, v)
    monkeypatch.setenv("PRONGHORN_SKIP", "derivatives")
    before = Executable(traced_step(KEPT[name]))(x, w, b, v)
    for new, old in zip(got, before, strict=True):
        finite = np.isfinite(old)
        assert abs(number) == 1e30 or (np.isfinite(new) == finite).all()
        np.testing.assert_allclose(new[finite], old[finite], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("act", [OTHERS["gelu without its negative part"], lambda x: ops.relu(ops.silu(x))])
def test_where_a_zero_is_chosen_an_infinite_gradient_is_one(act):
    """As that of the root of a sum of zeros is: a product of it with zero is no number."""

    def step(x, w):
        loss = ops.sum(ops.sqrt(ops.sum(act(ops.matmul(x, w)), axis=1)))
        return backward([loss], [np.float32(1)], [x, w])

    traced = trace(step, [Aval(shape, "float32") for shape in ((BATCH, INPUTS), (INPUTS, UNITS))])
    x, w = map(np.abs, arrays(3)[:2])
    x[1] *= -30
    expected = run(traced.graph, [x, w])
    assert np.isfinite(expected[0]).all() and not expected[0][1].any()
    assert_close(Executable(traced)(x, w), expected)


def test_a_derivative_of_a_derivative():
    def step(x, w, b):
        y = ops.sum(ops.gelu(layer(x, w, b), approximate=False))
        (g,) = backward([y], [np.float32(1)], [x])
        return [g, *backward([ops.sum(ops.square(g))], [np.float32(1)], [x, w])]

    traced = trace(step, [Aval(s, "float32") for s in ((BATCH, INPUTS), (INPUTS, UNITS), (UNITS,))])
    given = arrays()[:3]
    assert_close(Executable(traced)(*given), run(traced.graph, given), 1e-4)


def test_the_stage_can_be_left_out(monkeypatch):
    monkeypatch.setenv("PRONGHORN_SKIP", "derivatives")
    kernel, stored = stores(traced_step(KEPT["gelu"]))
    assert kernel.node.outputs[0] in stored
