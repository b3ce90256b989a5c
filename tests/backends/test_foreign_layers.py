"""Functions and modules of other libraries as layers: JaxLayer, FlaxLayer, TorchModuleWrapper, TFSMLayer."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.engine.backends import engine as engines

pytestmark = pytest.mark.slow  # JAX compiles each of them

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.integers(0, 3, 24)


def needs(name):
    return pytest.mark.skipif(not engines.is_installed(name), reason=f"{name} is not installed")


def weights(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32") * 0.3


def classifier(layer, engine):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(6, activation="tanh"), layer, layers.Dense(3)])
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **({} if engine is None else {"backend": engine}),
    )
    return model


def trained(layer, engine, epochs=3):
    model = classifier(layer, engine)
    history = model.fit(X, Y, epochs=epochs, batch_size=10, shuffle=False, verbose=0)  # the last batch is shorter
    return model, history.history["loss"]


class Reference(layers.Layer):
    """What the foreign layers below compute."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(6, 4), initializer=lambda s, dtype=None: weights(6, 4), name="kernel")
        self.bias = self.add_weight(shape=(4,), initializer=lambda s, dtype=None: weights(4), name="bias")

    def call(self, x):
        return keras.ops.tanh(x @ self.kernel + self.bias)


# -- JAX --------------------------------------------------------------------------------------------------------------
@keras.saving.register_keras_serializable("foreign_layers")
def jax_dense(params, inputs):
    import jax.numpy as jnp

    return jnp.tanh(inputs @ params["kernel"] + params["bias"])


@keras.saving.register_keras_serializable("foreign_layers")
def jax_dense_init(rng, inputs):
    assert rng.shape == (2,) and inputs.shape == (1, 6)
    return {"kernel": weights(6, 4), "bias": weights(4)}


@needs("jax")
def test_a_function_of_jax_trains_as_our_layer_does():
    expected, losses = trained(Reference(), "jax")
    model, got = trained(layers.JaxLayer(jax_dense, params={"kernel": weights(6, 4), "bias": weights(4)}), "jax")
    np.testing.assert_allclose(got, losses, rtol=1e-4)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected.predict(X, verbose=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), expected.evaluate(X, Y, verbose=0), rtol=1e-3)
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    assert model.layers[1].trainable_weights[0].shape == (4,) and model.output_shape == (None, 3)


@needs("jax")
def test_a_function_of_jax_in_a_file(tmp_path):
    model, _ = trained(layers.JaxLayer(jax_dense, jax_dense_init), "jax", epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.compile(loaded.optimizer, loaded.loss, backend="jax")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@needs("jax")
def test_state_and_random_keys():
    import jax
    import jax.numpy as jnp

    def call(params, state, rng, inputs, training):
        if training:
            inputs = inputs * jax.random.bernoulli(rng, 0.5, inputs.shape)
            state = {"mean": state["mean"] * 0.5 + inputs.mean(0) * 0.5, "count": state["count"] + 1, "how": "kept"}
        return inputs * params["scale"] + state["mean"], state

    state = {"mean": np.zeros(6, "float32"), "count": 0, "how": "kept"}
    layer = layers.JaxLayer(call, params={"scale": jnp.ones(6)}, state=state, seed=3)
    model, _ = trained(layer, "jax", epochs=2)
    mean, count = sorted(layer.non_trainable_weights, key=lambda v: -len(v.shape))
    assert count.numpy() == 6 and np.abs(mean.numpy()).max() > 0
    first, second = (layer(X, training=True).numpy() for _ in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(layer(X).numpy(), layer(X).numpy())
    assert layers.JaxLayer(call, params={"scale": 1.0}, state=state).weights[0].shape == ()


@needs("jax")
def test_jax_differentiates_through_it():
    import jax

    layer = layers.JaxLayer(jax_dense, params={"kernel": weights(6, 4), "bias": weights(4)})
    slopes = jax.jit(jax.grad(lambda x: layer(x).sum()))(X)
    with keras.GradientTape() as tape:
        x = keras.ops.convert_to_tensor(X)
        tape.watch(x)
        value = keras.ops.sum(layer(x))
    np.testing.assert_allclose(tape.gradient(value, x), slopes, rtol=1e-4, atol=1e-6)


@needs("jax")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"call_fn": lambda params, inputs: inputs}, "init_fn"),
        ({"call_fn": lambda inputs, other: inputs}, "call_fn has the parameter 'other'"),
        ({"call_fn": lambda params: params}, "call_fn has no parameter 'inputs'"),
        ({"call_fn": lambda inputs: inputs, "init_fn": lambda rng: rng}, "init_fn has no parameter 'inputs'"),
    ],
)
def test_functions_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.JaxLayer(**arguments)


@needs("jax")
@pytest.mark.parametrize("other", [None, "numpy", "torch", "tensorflow", "pytensor"])
def test_another_engine_says_so_before_the_first_step(other):
    if other in engines.NAMES and not engines.is_installed(other):
        pytest.skip(f"{other} is not installed")
    layer = layers.JaxLayer(jax_dense, params={"kernel": weights(6, 4), "bias": weights(4)}, name="of_jax")
    model = classifier(layer, other)
    before = [w.copy() for w in model.get_weights()]
    for run in (lambda: model.fit(X, Y, verbose=0), lambda: model.predict(X, verbose=0)):
        with pytest.raises(NotImplementedError, match=r"(?s)of_jax.*jax.*backend='jax'"):
            run()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), backend="jax")
    model.fit(X, Y, verbose=0)


@needs("jax")
@pytest.mark.parametrize("training", [False, True])
def test_a_state_that_the_function_gives_back_as_it_was_is_not_assigned(training, tmp_path):
    """So that it can be exported, as by a layer of batch statistics."""

    def call(params, state, inputs, training):
        if training:
            state = {"mean": inputs.mean(0), "other": state["other"]}
        return inputs * params + state["mean"], state

    state = {"mean": np.ones(6, "float32"), "other": np.ones(2, "float32")}
    layer = layers.JaxLayer(call, params=np.float32(2.0), state=state)
    model = keras.Sequential([keras.Input((6,)), layer])
    keras.config.set_backend("jax")
    try:
        mean, other = layer.non_trainable_weights
        model(X, training=training)
        np.testing.assert_allclose(mean.numpy(), X.mean(0) if training else np.ones(6), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(other.numpy(), np.ones(2))
        model.export(tmp_path / "m.jax", format="jax", verbose=False)
        function, parameters = keras.interop.to_jax(model)
        np.testing.assert_allclose(function(parameters, X), X * 2 + mean.numpy(), rtol=1e-5, atol=1e-6)
    finally:
        keras.config.set_backend("pronghorn")


# -- PyTorch ----------------------------------------------------------------------------------------------------------
def torch_dense():
    import torch

    class Dense(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = torch.nn.Parameter(torch.tensor(weights(6, 4)))
            self.bias = torch.nn.Parameter(torch.tensor(weights(4)))

        def forward(self, x):
            return torch.tanh(x @ self.kernel + self.bias)

    return Dense()


@needs("torch")
def test_a_module_of_pytorch_trains_as_our_layer_does():
    expected, losses = trained(Reference(), "torch")
    module = torch_dense()
    model, got = trained(layers.TorchModuleWrapper(module), "torch")
    np.testing.assert_allclose(got, losses, rtol=1e-4)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected.predict(X, verbose=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(module.kernel.detach().numpy(), model.layers[1].weights[0].numpy())
    assert not np.allclose(module.kernel.detach().numpy(), weights(6, 4))


@needs("torch")
def test_a_module_runs_once_a_step_with_its_statistics_and_dropout(tmp_path):
    import torch

    class Counted(torch.nn.Module):
        calls = 0

        def __init__(self):
            super().__init__()
            self.linear, self.norm, self.drop = torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Dropout(0.3)

        def forward(self, x):
            if x.device.type != "meta":
                Counted.calls += 1
            return self.drop(self.norm(self.linear(x)))

    torch.manual_seed(0)
    layer = layers.TorchModuleWrapper(Counted())
    model = classifier(layer, "torch")
    model.fit(X, Y, epochs=1, batch_size=12, verbose=0)
    count = Counted.calls
    model.fit(X, Y, epochs=2, batch_size=12, verbose=0)
    assert Counted.calls - count == 4
    assert layer.module.norm.num_batches_tracked == 6
    assert np.abs(layer.module.norm.running_mean.numpy()).max() > 0
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))  # no dropout
    model.save_weights(tmp_path / "w.weights.h5")
    other = classifier(layers.TorchModuleWrapper(Counted()), "torch")
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@needs("torch")
def test_a_module_of_pytorch_in_a_file(tmp_path):
    import torch

    model, _ = trained(layers.TorchModuleWrapper(torch.nn.Linear(6, 4)), "torch", epochs=1)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    loaded.compile(loaded.optimizer, loaded.loss, backend="torch")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@needs("torch")
def test_pytorch_differentiates_through_a_wrapped_module():
    import torch

    module = torch_dense()
    layer = layers.TorchModuleWrapper(module)
    x = torch.tensor(X, requires_grad=True)
    layer(x).sum().backward()
    assert module.kernel.grad is not None
    with keras.GradientTape() as tape:
        ours = keras.ops.convert_to_tensor(X)
        tape.watch(ours)
        value = keras.ops.sum(layer(ours))
    of_x, of_kernel = tape.gradient(value, [ours, layer.weights[0]])
    np.testing.assert_allclose(of_x, x.grad, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(of_kernel, module.kernel.grad, rtol=1e-4, atol=1e-6)


@needs("torch")
def test_a_lazy_module_and_another_engine():
    import torch

    with pytest.raises(ValueError, match="lazy module"):
        layers.TorchModuleWrapper(torch.nn.LazyLinear(3))
    model = classifier(layers.TorchModuleWrapper(torch_dense(), name="of_torch"), None)
    with pytest.raises(NotImplementedError, match=r"(?s)of_torch.*backend='torch'"):
        model.fit(X, Y, verbose=0)


# -- TensorFlow -------------------------------------------------------------------------------------------------------
@pytest.fixture
def saved(tmp_path):
    if not engines.is_installed("tensorflow"):
        pytest.skip("tensorflow is not installed")
    import tensorflow as tf

    class Dense(tf.Module):
        def __init__(self):
            self.kernel, self.bias = tf.Variable(weights(6, 4), name="kernel"), tf.Variable(weights(4), name="bias")
            self.seen = tf.Variable(1.0, trainable=False, name="seen")

        @tf.function(input_signature=[tf.TensorSpec((None, 6))], autograph=False)
        def serve(self, x):
            return tf.tanh(x @ self.kernel + self.bias) * self.seen

    module = Dense()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"other": module.serve})
    return tmp_path / "saved"


def test_a_saved_model_trains_as_our_layer_does(saved):
    expected, losses = trained(Reference(), "tensorflow")
    layer = layers.TFSMLayer(saved)
    model, got = trained(layer, "tensorflow")
    np.testing.assert_allclose(got, losses, rtol=1e-4)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected.predict(X, verbose=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 1)
    with pytest.raises(NotImplementedError, match="backend='tensorflow'"):
        classifier(layers.TFSMLayer(saved), None).fit(X, Y, verbose=0)


def test_endpoints_and_files_of_saved_models(saved, tmp_path):
    other = layers.TFSMLayer(saved, call_endpoint="other", trainable=False)
    (output,) = other(X).values()
    np.testing.assert_allclose(output, layers.TFSMLayer(saved)(X), rtol=1e-5)
    assert not other.trainable_weights
    with pytest.raises(ValueError, match=r"(?s)no function 'absent'.*other"):
        layers.TFSMLayer(saved, call_endpoint="absent")
    model = keras.Sequential([keras.Input((6,)), layers.TFSMLayer(saved)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_allclose(loaded(X), model(X), rtol=1e-6)
