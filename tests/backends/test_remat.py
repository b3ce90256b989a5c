"""Regions that are computed again in the backward pass: `remat` and `RematScope`."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.backends import choice
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.backends.llvm.build import rewrite
from pronghorn.engine.compiler.stages import rewrite_for_engines
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.regions import is_region, open_regions
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

pytestmark = pytest.mark.slow  # JAX compiles each of them

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8)).astype("float32")
Y = RNG.integers(0, 3, 12)
MODES = [
    {"mode": "full"},
    {"mode": "activations"},
    {"mode": "larger_than", "output_size_threshold": 100},
    {"mode": "list_of_layers", "layer_names": ["wide"]},
]


def regions(graph):
    own = [n for n in graph.nodes if n.prim.name == "cond" and is_region(n.params)]
    return len(own) + sum(regions(n.params["true"]) for n in own)


def network(scope=None):
    keras.utils.set_random_seed(1)
    with keras.RematScope(**(scope or {"mode": None})):
        inputs = keras.Input((8,))
        x = layers.Dense(16, activation="tanh", name="wide", kernel_regularizer="l2")(inputs)
        x = layers.BatchNormalization(name="normal")(x)
        x = layers.Dropout(0.3, name="drop")(x)
        x = layers.ActivityRegularization(l2=0.1, name="penalty")(x)
        outputs = layers.Dense(3, name="narrow")(ops.sin(x))
    return keras.Model(inputs, outputs)


def traced_step(f):
    """A function and the gradient of its sum, as one graph."""

    def step(x):
        with GradientTape() as tape:
            tape.watch(x)
            value = ops.sum(f(x))
        return [value, tape.gradient(value, x)]

    return trace(step, [Aval((12, 8), "float32")]).graph


@pytest.mark.parametrize(("scope", "count"), list(zip(MODES, [6, 2, 5, 1])), ids=[m["mode"] for m in MODES])
def test_which_layers_are_regions(scope, count):
    """Each is one region in the forward pass and one in the backward pass."""
    graph = traced_step(network(scope))
    assert regions(graph) == 2 * count
    assert regions(traced_step(network())) == 0
    assert regions(rewrite_for_engines(graph)) == 2 * count


def test_scopes_nest_and_end():
    with keras.RematScope("full"):
        with keras.RematScope(None):
            plain = layers.Dense(8)
        remade = layers.Dense(8)
    after = layers.Dense(8)
    for layer in (plain, remade, after):
        layer.build((12, 8))
    assert [regions(traced_step(layer)) for layer in (plain, remade, after)] == [0, 2, 0]


def test_our_own_engine_opens_them():
    graph = traced_step(network(MODES[0]))
    assert regions(open_regions(graph)) == 0 == regions(open_regions(open_regions(graph)))
    assert not any(n.prim.name == "cond" for n in rewrite(graph, host_target()).nodes)


def trained(engine, scope=None):
    model = network(scope)
    model.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], backend=engine
    )
    history = model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    return model, history.history


def same_training(engine, scope):
    (plain, expected), (model, got) = trained(engine), trained(engine, scope)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, err_msg=name)
    for mine, other in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-3, atol=1e-5, err_msg=mine.path)


@pytest.mark.parametrize("scope", MODES, ids=[m["mode"] for m in MODES])
def test_training_is_the_same(scope):
    same_training("pronghorn", scope)


@pytest.mark.slow
@pytest.mark.parametrize("scope", MODES, ids=[m["mode"] for m in MODES])
def test_training_on_every_engine_is_the_same(engine, scope):
    same_training(engine.name, scope)


def test_a_function_with_state():
    counter = keras.Variable(0.0)

    def count(x):
        counter.assign(counter + 1)
        return ops.sin(x) * counter

    got = keras.jit(lambda x: keras.remat(count)(x))(X)
    np.testing.assert_allclose(got, np.sin(X), rtol=1e-5)
    assert float(counter) == 1


def test_eager_code_and_nests_of_results():
    f = keras.remat(lambda x, y=2: {"a": x * y, "b": (x, None)})
    out = f(ops.ones(2), y=3)
    assert out["a"].numpy().tolist() == [3, 3] and out["b"][1] is None
    assert f.__name__ == "<lambda>"
    assert keras.jit(f)(np.ones(2, "float32"))["a"].numpy().tolist() == [2, 2]


def test_activations_of_layers_within_layers():
    """A recurrent layer's activation is its cell's, which was made in the scope, too."""
    with keras.RematScope("activations"):
        layer = layers.LSTM(4)
    assert layer(ops.ones((2, 3, 5))).shape == (2, 4)
    assert layer(ops.ones((2, 3, 5))).shape == (2, 4)  # built by now, so that the scope counts


def test_an_unknown_mode():
    with pytest.raises(ValueError, match=r"mode='some' is not known"):
        keras.RematScope("some")


# -- libraries --------------------------------------------------------------------------------------------------------
def test_jax_checkpoints_what_it_differentiates():
    jax = pytest.importorskip("jax")
    plain, model = network(), network(MODES[0])

    def loss(model):
        return lambda x: ops.sum(model(x) ** 2)

    text = str(jax.make_jaxpr(jax.grad(loss(model)))(X))
    assert text.count("remat2[") >= 6
    assert "remat2[" not in str(jax.make_jaxpr(jax.grad(loss(plain)))(X))
    np.testing.assert_allclose(jax.grad(loss(model))(X), jax.grad(loss(plain))(X), rtol=1e-4, atol=1e-5)
    rows = jax.vmap(jax.grad(lambda row: ops.sum(model(row[None]) ** 2)))(X)
    np.testing.assert_allclose(rows, jax.grad(loss(plain))(X), rtol=1e-4, atol=1e-5)


def test_jax_computes_again_in_our_steps():
    """In the program that XLA gets, behind a barrier: both products, a second time."""
    jax = pytest.importorskip("jax")
    engine = engines.engine("jax")

    def products(f):
        graph = rewrite_for_engines(traced_step(f))
        with engine.computing():
            text = jax.jit(lambda x: engine.run(graph, [x])).lower(jax.numpy.asarray(X)).as_text()
        return text.count("dot_general"), text.count("optimization_barrier")

    matrix = RNG.normal(size=(8, 8)).astype("float32")
    inner = lambda x: ops.tanh(ops.matmul(ops.tanh(ops.matmul(x, matrix)), matrix))  # noqa: E731
    assert (products(inner), products(keras.remat(inner))) == ((4, 0), (6, 2))


def test_jax_functions_with_jax_in_them():
    jax = pytest.importorskip("jax")
    f = keras.remat(lambda x: ops.sum(jax.numpy.sin(jax.numpy.exp(x))) + jax.numpy.sum(ops.cos(x)))
    text = str(jax.make_jaxpr(jax.grad(f))(X))
    assert "remat2[" in text or "checkpoint[" in text
    np.testing.assert_allclose(jax.grad(f)(X), np.cos(np.exp(X)) * np.exp(X) - np.sin(X), rtol=1e-3, atol=1e-5)


def test_pytorch_keeps_less_for_the_backward_pass(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(choice._choice, "name", "torch")

    def kept(model):
        sizes = []
        x = torch.tensor(X, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            value = (model(x) ** 2).sum()
        value.backward()
        return sum(sizes), x.grad

    chain = lambda x: ops.sin(ops.exp(ops.sin(ops.exp(x * 0.1))))  # noqa: E731
    plain, expected = kept(chain)
    less, got = kept(keras.remat(chain))
    assert less < plain
    torch.testing.assert_close(got, expected)
    (_, expected), (_, got) = kept(network()), kept(network(MODES[0]))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_tensorflow_under_a_tape():
    tf = pytest.importorskip("tensorflow")
    plain, model = network(), network(MODES[0])

    def slopes(model):
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(value, x)

    np.testing.assert_allclose(slopes(model), slopes(plain), rtol=1e-4, atol=1e-5)
