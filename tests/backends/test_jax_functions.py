"""Models as pure functions of JAX's arrays, and their parameters."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import interop, layers

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.slow  # JAX compiles for long
jnp = jax.numpy

RNG = np.random.default_rng(0)


def network(seed=3):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.5),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def images(count=5):
    return RNG.normal(size=(count, 8, 8, 2)).astype("float32")


def test_inference_for_any_number_of_rows():
    model = network()
    function, parameters = interop.to_jax(model)
    jitted = jax.jit(function)
    for rows in (5, 1, 0, 7):
        x = images(rows)
        expected = model.predict(x, verbose=0) if rows else np.zeros((0, 3))
        for f in (function, jitted):
            got = f(parameters, x)
            assert isinstance(got, jax.Array)
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_the_parameters_are_copies_by_path():
    model = network()
    function, parameters = interop.to_jax(model)
    assert set(parameters) == {"trainable", "non_trainable"}
    by_path = {v.path: v for v in model.weights}
    assert set(parameters["trainable"]) == {v.path for v in model.trainable_weights}
    assert set(parameters["non_trainable"]) == {v.path for v in model.non_trainable_weights}
    before = function(parameters, images())
    for values in parameters.values():
        for path, value in values.items():
            np.testing.assert_array_equal(value, by_path[path].numpy())
    x = images()
    before = function(parameters, x)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_array_equal(function(parameters, x), before)


def test_gradients_and_vmap():
    model, x = network(), images()
    function, parameters = interop.to_jax(model)

    def loss(trainable, x):
        return jnp.sum(function({**parameters, "trainable": trainable}, x) ** 2)

    slopes, of_x = jax.jit(jax.grad(loss, argnums=(0, 1)))(parameters["trainable"], x)
    with keras.GradientTape() as tape:
        tensor = keras.ops.convert_to_tensor(x)
        tape.watch(tensor)
        value = keras.ops.sum(model(tensor) ** 2)
    *expected, expected_of_x = tape.gradient(value, [*model.trainable_variables, tensor])
    for variable, e in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(slopes[variable.path], e, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(of_x, expected_of_x, rtol=1e-3, atol=1e-4)
    jax.grad(lambda p: jnp.sum(function(p, x)))(parameters)  # the whole tree
    each = jax.vmap(lambda row: function(parameters, row[None])[0])(x)
    np.testing.assert_allclose(each, function(parameters, x), rtol=1e-4, atol=1e-5)


def test_training_with_state_is_training_by_fit():
    x, y = images(12), RNG.integers(0, 3, 12)
    model, other = network(), network()
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    other.compile(keras.optimizers.SGD(0.1), crossentropy)
    other.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)

    function, parameters = interop.to_jax(model, training=True)

    def loss(trainable, parameters, x, y):
        outputs, after = function({**parameters, "trainable": trainable}, x)
        picked = jax.nn.log_softmax(outputs)[jnp.arange(len(y)), y]
        return -picked.mean(), after

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    for _ in range(2):
        for start in (0, 4, 8):
            (_, parameters), slopes = step(
                parameters["trainable"], parameters, x[start : start + 4], y[start : start + 4]
            )
            parameters["trainable"] = jax.tree.map(lambda p, g: p - 0.1 * g, parameters["trainable"], slopes)
    for mine, variable in zip(model.variables, other.variables, strict=True):
        group = parameters["trainable" if variable.trainable else "non_trainable"]
        np.testing.assert_allclose(group[mine.path], variable.numpy(), rtol=1e-3, atol=1e-5, err_msg=mine.path)
    for variable, fresh in zip(model.variables, network().variables, strict=True):  # nothing is assigned
        np.testing.assert_array_equal(variable.numpy(), fresh.numpy())


def test_several_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b", dtype="int32")
    model = keras.Model({"a": a, "b": b}, {"x": layers.Dense(2)(a), "y": [layers.Embedding(5, 4)(b)]})
    function, parameters = interop.to_jax(model)
    inputs = {"a": np.ones((6, 3), "float32"), "b": np.ones((6, 2), "int64")}
    got, expected = function(parameters, inputs), model(inputs)
    np.testing.assert_allclose(got["x"], expected["x"], rtol=1e-5)
    np.testing.assert_allclose(got["y"][0], expected["y"][0], rtol=1e-5)
    with pytest.raises(ValueError, match="takes 2 arrays, got 1"):
        function(parameters, inputs["a"])


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x, y, training=False):
        return self.dense(x) + y


def test_a_subclassed_model_of_several_arguments():
    model = Two()
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    expected = model(x, y)
    function, parameters = interop.to_jax(model)
    np.testing.assert_allclose(function(parameters, x, y), expected, rtol=1e-6)


def test_models_that_cannot_be_such_a_function():
    with pytest.raises(ValueError, match="not known"):
        interop.to_jax(keras.Sequential([layers.Dense(2)]))
    stateful = keras.Sequential([keras.Input(batch_shape=(2, 3, 4)), layers.LSTM(3, stateful=True)])
    with pytest.raises(NotImplementedError, match="assigns"):
        interop.to_jax(stateful)
    function, parameters = interop.to_jax(stateful, training=True)
    x = np.ones((2, 3, 4), "float32")
    first, parameters = function(parameters, x)
    second, _ = function(parameters, x)
    assert not np.allclose(first, second)
    np.testing.assert_allclose(first, stateful(x), rtol=1e-5)
    np.testing.assert_allclose(second, stateful(x), rtol=1e-5)
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    inputs = keras.Input((1,), dtype="string")
    with pytest.raises(NotImplementedError, match="strings"):
        interop.to_jax(keras.Model(inputs, lookup(inputs)))
