"""Modules of Flax as layers."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers

pytest.importorskip("jax")
linen = pytest.importorskip("flax.linen")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.integers(0, 3, 24)


@keras.saving.register_keras_serializable("flax_layers")
class Net(linen.Module):
    width: int = 5

    @linen.compact
    def __call__(self, inputs, training=False):
        x = linen.Dense(self.width)(inputs)
        x = linen.BatchNorm(use_running_average=not training)(x)
        return linen.Dropout(0.5, deterministic=not training)(linen.relu(x))

    def get_config(self):
        return {"width": self.width}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Two(linen.Module):
    def setup(self):
        self.a, self.b = linen.Dense(3), linen.Dense(4)

    def __call__(self, inputs):
        return self.a(inputs)

    def forward(self, inputs, training):
        return self.b(self.a(inputs)) * (2.0 if training else 1.0)


def classifier(layer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(6, activation="tanh"), layer, layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), backend="jax")
    return model


def test_a_module_trains_with_its_statistics_and_dropout(tmp_path):
    layer = layers.FlaxLayer(Net())
    model = classifier(layer)
    before = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=8, batch_size=10, verbose=0)
    assert model.evaluate(X, Y, verbose=0) < before  # dropout makes fit's own losses go up and down
    assert len(layer.trainable_weights) == 4 and len(layer.non_trainable_weights) == 2
    assert all(np.abs(v.numpy()).max() > 0 for v in layer.non_trainable_weights)
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    first, second = (layer(X[:4], training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.compile(loaded.optimizer, loaded.loss, backend="jax")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    model.export(tmp_path / "model.jax", format="jax", verbose=False)


def test_variables_that_a_module_has_already():
    import jax

    variables = Net().init(jax.random.PRNGKey(0), X)
    layer = layers.FlaxLayer(Net(), variables=variables)
    assert layer.built and len(layer.weights) == 6
    np.testing.assert_allclose(layer(X), Net().apply(variables, X), rtol=1e-6)
    assert layer(np.zeros((0, 6), "float32")).shape == (0, 5)


@pytest.mark.parametrize("method", [Two.forward, Two().forward, "forward", lambda m, inputs: m.forward(inputs, False)])
def test_what_is_called_of_a_module(method):
    layer = layers.FlaxLayer(Two(), method=method)
    assert layer(X).shape == (24, 4) and len(layer.weights) == 4
    assert layers.FlaxLayer(Two())(X).shape == (24, 3)


def test_what_is_no_module_or_method():
    with pytest.raises(TypeError, match="FlaxLayer takes a module of flax.linen.*got object"):
        layers.FlaxLayer(object())
    with pytest.raises(ValueError, match="Two has no method 'absent'"):
        layers.FlaxLayer(Two(), method="absent")
