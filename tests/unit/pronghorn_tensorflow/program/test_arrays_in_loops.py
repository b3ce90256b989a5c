"""`tf.TensorArray` in loops over `tf.range` within a compiled function, as recurrent layers of one's own have them."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")
X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


class Decaying(keras.layers.Layer):
    """At each step half of what was before, and what comes."""

    @tf.function
    def call(self, x):
        steps = tf.shape(x)[1]
        found, state = tf.TensorArray(tf.float32, size=steps), tf.zeros_like(x[:, 0])
        for step in tf.range(steps):
            state = state * 0.5 + x[:, step]
            found = found.write(step, state)
        return tf.transpose(found.stack(), [1, 0, 2])


def expected(x):
    states = [x[:, 0]]
    for step in range(1, x.shape[1]):
        states.append(states[-1] * 0.5 + x[:, step])
    return np.stack(states, 1)


@pytest.mark.filterwarnings("error")
def test_steps_of_a_layer_on_arrays():
    layer = Decaying()
    for x in (X, X[:, :2], X[:1], X[:, :1]):
        np.testing.assert_allclose(np.asarray(layer(x)), expected(x), rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_in_a_model_for_any_number_of_steps():
    model = keras.Sequential([keras.Input((None, 3)), Decaying(), keras.layers.GlobalMaxPooling1D()])
    for x in (X, X[:, :2]):
        np.testing.assert_allclose(model.predict(x, verbose=0), expected(x).max(axis=1), rtol=1e-6)
    model = keras.Sequential([keras.Input((None, 3)), Decaying(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, X[..., :1], verbose=0).history["loss"]).all()
    assert np.isfinite(model.fit(X[:, :3], X[:, :3, :1], verbose=0).history["loss"]).all()


class ByStep(keras.layers.Layer):
    """Each row, or each step, times weights: written one by one, or at once."""

    def __init__(self, axis, is_loop=True):
        super().__init__()
        self.axis, self.is_loop = axis, is_loop

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")

    @tf.function
    def call(self, x):
        if not self.is_loop:
            return x * self.w
        count = tf.shape(x)[self.axis]
        found = tf.TensorArray(tf.float32, size=count)
        for i in tf.range(count):
            found = found.write(i, (x[i] if self.axis == 0 else x[:, i]) * self.w)
        return found.stack() if self.axis == 0 else tf.transpose(found.stack(), [1, 0, 2])


class Called(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("steps", [5, None, "subclassed"])
def test_trains_as_what_is_written_at_once(axis, steps):
    """Seven rows in batches of four: the last one is short."""
    x = np.random.default_rng(1).normal(size=(7, 5, 3)).astype("float32")
    found = []
    for is_loop in (True, False):
        layer = ByStep(axis, is_loop)
        model = Called(layer) if steps == "subclassed" else keras.Sequential([keras.Input((steps, 3)), layer])
        model.compile("sgd", "mse")
        losses = model.fit(x, 2 * x, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
        found.append((losses, layer.w.numpy(), model.predict(x, batch_size=4, verbose=0)))
    for ours, expected in zip(*found):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert not np.allclose(found[0][1], 1)
