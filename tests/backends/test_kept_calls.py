"""Graphs of calls with arrays of other libraries, kept for later calls of the same kind."""

import gc
import weakref

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.engine.backends import choice, foreign_calls
from pronghorn.engine.backends import engine as engines

pytestmark = pytest.mark.slow  # JAX compiles each of them

RNG = np.random.default_rng(0)


@pytest.fixture(params=["jax", "tensorflow", "torch"])
def library(request, monkeypatch):
    """An engine, which is chosen where its arrays shall be parameters."""
    if not engines.is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr(choice._choice, "name", "torch" if request.param == "torch" else "llvm")
    return engines.engine(request.param)


@pytest.fixture
def traces(monkeypatch):
    """Counts the calls that are traced."""
    counted = []

    def count(*args):
        counted.append(args)
        return traced(*args)

    traced = foreign_calls._traced
    monkeypatch.setattr(foreign_calls, "_traced", count)
    return counted


def array(library, values):
    with library.computing():
        return library.from_numpy(np.asarray(values, "float32"))


def numpy(library, x):
    return np.array(library.to_numpy(x))


def network():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((6, 4)), layers.LSTM(5), layers.Dense(4, activation="relu"), layers.BatchNormalization(),
         layers.Dropout(0.4), layers.Dense(3, activation="softmax")]
    )  # fmt: skip


def test_a_call_of_the_same_kind_is_not_traced_again(library, traces):
    model, x = network(), RNG.normal(size=(5, 6, 4))
    expected = model.predict(x, verbose=0)
    for _ in range(3):
        np.testing.assert_allclose(numpy(library, model(array(library, x))), expected, rtol=1e-4, atol=1e-6)
    assert len(traces) == 1
    other = RNG.normal(size=(2, 6, 4))
    np.testing.assert_allclose(
        numpy(library, model(array(library, other))), model.predict(other, verbose=0), rtol=1e-4, atol=1e-6
    )
    model(array(library, other), training=False)
    assert len(traces) == 3


def test_weights_and_random_numbers_are_those_of_the_call(library, traces):
    model, x = network(), RNG.normal(size=(5, 6, 4))
    outputs = [numpy(library, model(array(library, x), training=True)) for _ in range(4)]
    assert len(traces) == 1
    other = network()
    for i, got in enumerate(outputs):
        np.testing.assert_allclose(got, other(x, training=True), rtol=1e-3, atol=1e-5, err_msg=f"call {i}")
    for mine, variable in zip(model.variables, other.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), variable.numpy(), rtol=1e-4, atol=1e-5)
    model.set_weights([w * 0 for w in model.get_weights()])
    np.testing.assert_allclose(numpy(library, model(array(library, x))), 1 / 3, rtol=1e-6)


def changed_activation(model):
    model.layers[1].activation = keras.activations.get("tanh")


def changed_rate(model):
    model.layers[3].rate = 0.0


def changed_policy(model):
    model.layers[1].dtype_policy = keras.dtype_policies.get("mixed_bfloat16")


@pytest.mark.parametrize("change", [changed_activation, changed_rate, changed_policy])
def test_a_setting_that_changes(library, traces, change):
    model, x = network(), array(library, RNG.normal(size=(5, 6, 4)))
    for _ in range(3):
        model(x, training=True)
    count = len(traces)
    change(model)
    model(x, training=True)
    assert len(traces) == count + 1


class Own(layers.Layer):
    calls = 0

    def call(self, x):
        Own.calls += 1
        return x * Own.calls


def test_code_of_the_users_is_run_each_time(library):
    Own.calls = 0
    model = keras.Sequential([keras.Input((2,)), Own()])
    Own.calls = 0
    x = array(library, np.ones((1, 2)))
    assert [numpy(library, model(x))[0, 0] for _ in range(3)] == [1, 2, 3]
    twice = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x * (Own.calls + 1))])
    Own.calls = 0
    assert numpy(library, twice(x))[0, 0] == 1
    Own.calls = 1
    assert numpy(library, twice(x))[0, 0] == 2


def test_arguments_that_are_compared(library, traces):
    add, x, y = layers.Add(), array(library, np.ones((2, 3))), array(library, np.full((2, 3), 2))
    add.build([(2, 3), (2, 3)])
    assert numpy(library, add([x, y])).tolist() == [[3] * 3] * 2
    assert numpy(library, add([y, x])).tolist() == [[3] * 3] * 2
    assert len(traces) == 1
    assert numpy(library, add([y, y])).tolist() == [[4] * 3] * 2  # one array twice
    assert len(traces) == 2
    assert numpy(library, add([x, np.full((2, 3), 5, "float32")])).tolist() == [[6] * 3] * 2
    assert numpy(library, add([x, np.full((2, 3), 6, "float32")])).tolist() == [[7] * 3] * 2
    assert len(traces) == 4


def test_models_and_arrays_are_let_go(library):
    model, x = network(), array(library, np.ones((5, 6, 4)))
    model(x)
    held = weakref.ref(model)
    del model
    gc.collect()
    assert held() is None


LAYERS = {
    "dense": lambda: (layers.Dense(4, activation="gelu"), (3, 5)),
    "relu": lambda: (layers.ReLU(negative_slope=0.1), (3, 5)),
    "softmax": lambda: (layers.Dense(4, activation="softmax"), (3, 5)),
    "conv": lambda: (layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"), (2, 8, 8, 2)),
    "depthwise": lambda: (layers.DepthwiseConv2D(3, activation="tanh"), (2, 8, 8, 2)),
    "transposed": lambda: (layers.Conv1DTranspose(3, 3, strides=2), (2, 5, 2)),
    "max pool": lambda: (layers.MaxPooling2D(3, 2, padding="same"), (2, 8, 8, 2)),
    "average pool": lambda: (layers.AveragePooling1D(2), (2, 8, 3)),
    "lstm": lambda: (layers.LSTM(4, return_sequences=True), (2, 5, 3)),
    "gru": lambda: (layers.GRU(4), (2, 5, 3)),
    "normalization": lambda: (layers.LayerNormalization(), (3, 5)),
    "batch normalization": lambda: (layers.BatchNormalization(), (3, 5)),
    "attention": lambda: (keras.Sequential([keras.Input((4, 6)), SelfAttention()]), (2, 4, 6)),
    "resizing": lambda: (layers.Resizing(5, 7), (2, 4, 4, 2)),
    "concatenation": lambda: (layers.Concatenate(), (2, 3)),
}


def SelfAttention():
    x = keras.Input((4, 6))
    return keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x))


def called(layer, x):
    return layer([x, x] if isinstance(layer, layers.Concatenate) else x)


def gradients(library, layer, x):
    """The slopes by the inputs, and in PyTorch by the weights too."""
    if library.name == "jax":
        import jax

        return [numpy(library, jax.grad(lambda x: jax.numpy.sum(called(layer, x) ** 2))(array(library, x)))]
    if library.name == "torch":
        import torch

        inputs = torch.tensor(x, requires_grad=True)
        parameters = list(layer.parameters())
        for p in parameters:
            p.grad = None
        (called(layer, inputs) ** 2).sum().backward()
        return [numpy(library, t.grad) for t in (inputs, *parameters) if t.grad is not None]
    import tensorflow as tf

    inputs = array(library, x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = tf.reduce_sum(called(layer, inputs) ** 2)
    return [numpy(library, tape.gradient(value, inputs))]


@pytest.mark.mostly_slow("dense", "lstm")
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_the_first_call(library, name, traces):
    layer, shape = LAYERS[name]()
    x = RNG.normal(size=shape).astype("float32")
    called(layer, x)
    first = gradients(library, layer, x)
    traced = len(traces)
    second = gradients(library, layer, x)
    assert len(traces) == traced
    assert len(first) == len(second) > 0
    for a, b in zip(first, second):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
