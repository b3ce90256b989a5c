"""Programs of an engine's library: variables are that library's in them, and steps written for it train models."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.engine.backends import engine as engines

pytestmark = pytest.mark.slow  # JAX compiles each of them

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 4), "float32"), RNG.random((40, 3), "float32")


@pytest.fixture
def chosen(free_choice):
    """Chooses an engine for the test, and gives its library; skips where that is not installed."""

    def choose(name):
        library = pytest.importorskip(name)
        keras.config.set_backend(name)
        return library

    return choose


def network(cls=keras.Model):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(5, activation="relu")(inputs))
    return cls(inputs, keras.layers.Dense(3)(hidden))


def trained(model, name=None, **settings):
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"], backend=name, **settings)
    weights = np.linspace(0.5, 1, 40, dtype="float32")
    history = model.fit(X, Y, 16, epochs=2, shuffle=False, verbose=0, sample_weight=weights, validation_data=(X, Y))
    return history.history


class OnTorch(keras.Model):
    def train_step(self, data):
        import torch

        x, y, weights = data
        assert isinstance(x, torch.Tensor)
        self.zero_grad()
        outputs = self(x, training=True)
        loss = self.compute_loss(x, y, outputs, weights)
        loss.backward()
        variables = self.trainable_variables
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in variables], variables)
        self._loss_tracker.update_state(loss, sample_weight=x.shape[0])
        return self.compute_metrics(x, y, outputs, weights)


class OnTensorFlow(keras.Model):
    def train_step(self, data):
        import tensorflow as tf

        x, y, weights = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            loss = self.compute_loss(x, y, outputs, weights)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._loss_tracker.update_state(loss, sample_weight=x.shape[0])
        return self.compute_metrics(x, y, outputs, weights)


class OnJax(keras.Model):
    """It also takes the built-in steps' word for the rest."""

    def loss_and_updates(self, trainable, others, x, y, weights):
        outputs, others = self.stateless_call(trainable, others, x, training=True)
        return self.compute_loss(x, y, outputs, weights), (outputs, others)

    def train_step(self, state, data):
        import jax

        trainable, others, slots, counts = state
        x, y, weights = data
        differentiated = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (outputs, others)), gradients = differentiated(trainable, others, x, y, weights)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        tracker, compiled = self.metrics
        n = len(tracker.variables)
        tracked = tracker.stateless_update_state(counts[:n], loss, sample_weight=x.shape[0])
        counted = compiled.stateless_update_state(counts[n:], y, outputs, weights)
        logs = {"loss": tracker.stateless_result(tracked), **compiled.stateless_result(counted)}
        return logs, (trainable, others, slots, [*tracked, *counted])

    def test_step(self, state, data):
        return super().test_step(state, data)

    def predict_step(self, state, data):
        outputs, others = super().predict_step(state, data)
        return 2 * outputs, others


STYLES = [("jax", OnJax), ("tensorflow", OnTensorFlow), ("torch", OnTorch)]


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize(("name", "cls"), STYLES)
def test_a_step_in_the_librarys_style_trains_as_the_built_in_one(chosen, name, cls, eagerly):
    pytest.importorskip(name)
    theirs, ours = network(cls), network()
    expected = trained(ours)
    got = trained(theirs, name, run_eagerly=eagerly)
    assert got.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], values, rtol=1e-4, err_msg=key)
    assert int(theirs.optimizer.iterations) == int(ours.optimizer.iterations) == 6
    factor = 2 if cls is OnJax else 1
    np.testing.assert_allclose(theirs.predict(X, verbose=0), factor * ours.predict(X, verbose=0), rtol=1e-3, atol=1e-5)


def test_what_a_step_with_state_returns_is_checked(chosen):
    chosen("jax")

    class Logs(keras.Model):
        def train_step(self, state, data):
            return {"loss": 0.0}

    class Part(keras.Model):
        def train_step(self, state, data):
            return {"loss": 0.0}, state[:3]

    for cls, match in ((Logs, r"return a pair, \(logs, state\); got dict"), (Part, "all of its state")):
        model = network(cls)
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=rf"{cls.__name__}.train_step .*{match}"):
            model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("name", ["jax", "tensorflow", "torch"])
def test_a_variables_value_is_the_librarys(chosen, name):
    chosen(name)
    found = engines.engine(name)
    kernel = network().layers[1].kernel
    assert found.name in type(kernel.value).__module__ or type(kernel.value).__module__.startswith(found.roots)
    np.testing.assert_array_equal(np.asarray(found.to_numpy(found.kept(kernel.value))), kernel.numpy())
    theirs = kernel.value
    assert keras.ops.is_tensor(theirs) and keras.ops.is_tensor(keras.ops.ones(1))
    assert not keras.ops.is_tensor([theirs]) and not keras.ops.is_tensor(np.ones(1))
    keras.config.set_backend("pronghorn")
    assert not keras.ops.is_tensor(theirs)
    assert isinstance(kernel.value, type(keras.ops.ones(1)))


def test_losses_of_layers_are_differentiable(chosen):
    torch = chosen("torch")

    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.sum(x))
            return x

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Penalty()(keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5))(inputs)))
    kernel = model.layers[1].kernel
    model(torch.from_numpy(X))
    added, regularized = model.losses
    added.backward()
    np.testing.assert_allclose(kernel.value.grad, np.repeat(X.sum(0)[:, None], 3, 1), rtol=1e-5)
    model.zero_grad()
    regularized.backward()
    np.testing.assert_allclose(kernel.value.grad, kernel.numpy(), rtol=1e-5)


def test_functions_of_torch_take_ours(chosen):
    torch = chosen("torch")
    variable = keras.Variable(np.float32([1, 2]))
    tensor = torch.ones(2)
    assert torch.equal(torch.cat([keras.ops.ones(2), tensor]), torch.ones(4))
    assert torch.equal(tensor + keras.ops.ones(2), 2 * tensor)
    torch.sum(torch.square(variable)).backward()
    assert variable.value.grad.tolist() == [2, 4]


def test_weights_as_a_state_dict(chosen):
    torch = chosen("torch")
    model = network()
    kept = {name: t.clone() for name, t in model.state_dict().items()}
    assert list(kept) == [v.path for v in model.weights]
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    assert model.load_state_dict(kept) == ([], [])
    assert torch.equal(model.layers[1].kernel.value, kept[model.layers[1].kernel.path])
    assert model.train() is model.eval() is model.to("cpu")
    with pytest.raises(ValueError, match="set_default_device"):
        model.to("meta")
    with pytest.raises(RuntimeError, match="no weights for .*'more'"):
        model.load_state_dict({**kept, "more": torch.ones(1)})


def test_a_function_of_tensorflow_sees_weights_that_any_engine_trained(chosen):
    tf = chosen("tensorflow")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    function = tf.function(lambda x: model(x))
    x = tf.constant(X)
    kernel, bias = model.weights
    for name in ("pronghorn", "numpy", "jax", "torch", "tensorflow"):
        if name in engines.NAMES and not engines.is_installed(name):
            continue
        old = kernel.numpy()
        model.compile("sgd", "mse", backend=name)
        model.fit(X, Y, verbose=0)
        assert not np.allclose(old, kernel.numpy()), name
        np.testing.assert_allclose(function(x), X @ kernel.numpy() + bias.numpy(), rtol=1e-4, err_msg=name)
    kernel.assign(np.zeros((4, 3)))
    np.testing.assert_allclose(function(x), np.broadcast_to(bias.numpy(), (40, 3)))


def test_tapes_of_tensorflow_know_variables(chosen):
    tf = chosen("tensorflow")
    model = keras.Sequential([keras.layers.Embedding(10, 3), keras.layers.Flatten(), keras.layers.Dense(1)])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.constant([[1, 2], [3, 3]])))
        loss += tf.add_n([tf.nn.l2_loss(v) for v in model.trainable_variables])
    rows, kernel, bias = tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(bias, [2.0])
    before = model.layers[0].embeddings.numpy()
    keras.optimizers.SGD(1.0).apply([rows, kernel, bias], model.trainable_variables)
    changed = np.any(before * 0 != model.layers[0].embeddings.numpy() - before, axis=1)
    assert changed.all()
    np.testing.assert_allclose(model.layers[2].bias.numpy(), [-2.0])


def test_functions_of_tensorflow_draw_and_count_when_they_run(chosen):
    tf = chosen("tensorflow")
    seed, metric, dropout = keras.random.SeedGenerator(1), keras.metrics.Mean(), keras.layers.Dropout(0.5)

    @tf.function
    def drawn(x):
        metric.update_state(x)
        return keras.random.normal((3,), seed=seed), dropout(x, training=True), metric.result()

    first, second = drawn(tf.ones((4, 8))), drawn(tf.ones((4, 8)))
    assert not np.allclose(first[0], second[0]) and not np.allclose(first[1], second[1])
    assert float(metric.count.numpy()) == 8 and float(second[2]) == 1
    expected = keras.random.SeedGenerator(1)
    np.testing.assert_allclose(first[0], keras.random.normal((3,), seed=expected), rtol=1e-5)


def test_random_numbers_that_jax_would_fix_are_refused(chosen):
    jax = chosen("jax")
    seed = keras.random.SeedGenerator(1)
    with pytest.raises(RuntimeError, match="assigns the variable .* while jax traces"):
        jax.jit(lambda x: x + keras.random.normal((3,), seed=seed))(np.ones(3))
    assert jax.jit(lambda x: x + keras.random.normal((3,), seed=1))(np.ones(3)).shape == (3,)
