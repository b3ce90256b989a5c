"""What `fit`, layers and random ops draw from NumPy's and from Python's generator, beside the real Keras.

Under one seed the order of the samples and the seeds of layers are those of Keras only if as much was drawn before.
A case is a function of the package and of `mark`, which notes where both generators stand; both packages must stand at
the same places.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import random

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")
pytestmark = pytest.mark.slow

X = np.random.RandomState(0).rand(20, 4).astype("float32")
Y = (X.sum(1, keepdims=True) > 2).astype("float32")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def made(k, built=True, **arguments):
    """A compiled model of two layers."""
    model = k.Sequential([*([k.Input((4,))] if built else []), k.layers.Dense(5), k.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


def fit(model, *data, **arguments):
    return model.fit(*(data or (X, Y)), **{"batch_size": 6, "epochs": 2, "verbose": 0, **arguments})


# -- fit ---------------------------------------------------------------------------------------------------------------
@case
def a_built_model_twice(k, mark):
    model = made(k, metrics=["mae"])
    for _ in range(2):
        fit(model)
        mark()


@case
def a_model_that_the_data_builds(k, mark):
    model = made(k, built=False)
    for _ in range(2):
        fit(model)
        mark()


@case
def compiled_again(k, mark):
    model = made(k)
    for metrics in (None, ["mae"], None):
        model.compile("sgd", "mse", metrics=metrics)
        fit(model)
        mark()


@case
def evaluated_first(k, mark):
    model = made(k)
    model.evaluate(X, Y, verbose=0)
    mark()
    fit(model)
    mark()


@case
def predicted_first(k, mark):
    model = made(k, built=False)
    model.predict(X, verbose=0)
    mark()
    fit(model)
    mark()


@case
def trained_on_a_batch_first(k, mark):
    model = made(k, built=False)
    model.train_on_batch(X, Y)
    mark()
    fit(model)
    mark()


@case
def a_model_tested_on_a_batch_first(k, mark):
    model = made(k, metrics=["mae"])
    model.test_on_batch(X, Y)
    fit(model)
    mark()


@case
def shuffled_within_batches(k, mark):
    model = made(k)
    for size in (6, 50):
        fit(model, shuffle="batch", batch_size=size)
        mark()


@case
def shuffled_within_a_batch_of_all(k, mark):
    fit(made(k), shuffle="batch", batch_size=50)
    mark()


@case
def in_order(k, mark):
    model = made(k)
    fit(model, shuffle=False)
    mark()
    fit(model)
    mark()


@case
def parts_of_the_data(k, mark):
    fit(made(k), validation_split=0.3)
    mark()
    fit(made(k), validation_data=(X, Y), class_weight={0: 1.0, 1: 2.0})
    mark()
    fit(made(k), sample_weight=np.arange(20.0), validation_split=0.1)
    mark()


@case
def fewer_steps_than_batches(k, mark):
    model = made(k)
    fit(model, steps_per_epoch=2, epochs=4)
    mark()
    fit(model, steps_per_epoch=4, epochs=2)
    mark()


@case
def several_steps_at_once(k, mark):
    fit(made(k, steps_per_execution=3))
    mark()


@case
def eagerly(k, mark):
    model = made(k, run_eagerly=True)
    fit(model)
    mark()
    model.run_eagerly = False
    fit(model)
    mark()


@case
def stopped_in_an_epoch(k, mark):
    model = made(k)

    class Stop(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    fit(model, callbacks=[Stop()])
    mark()
    fit(model)
    mark()


@case
def a_loss_that_layers_add(k, mark):
    class Penalty(k.layers.Layer):
        def call(self, x):
            self.add_loss(k.ops.mean(x**2))
            return x

    model = k.Sequential([k.Input((4,)), k.layers.Dense(3), Penalty()])
    model.compile("sgd")
    for _ in range(2):
        fit(model, X)
        mark()


@case
def a_loss_of_the_models_own(k, mark):
    class Own(k.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return k.ops.mean((y - y_pred) ** 2)

    for metrics in (None, ["mae"]):
        model = Own([k.Input((4,)), k.layers.Dense(1)])
        model.compile("sgd", metrics=metrics)
        for _ in range(2):
            fit(model)
            mark()


@case
def a_model_from_a_file(k, mark):
    model = made(k)
    fit(model)
    path = f"{k.__name__}.keras"
    model.save(path)
    loaded = k.models.load_model(path)
    mark()
    fit(loaded)
    mark()
    copied = k.models.clone_model(loaded)
    copied.compile("sgd", "mse")
    fit(copied)
    mark()


@case
def batches_by_number(k, mark):
    class Batches(k.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]

    model = made(k)
    for shuffle in (False, True, True):
        model.fit(Batches(), epochs=2, shuffle=shuffle, verbose=0)
        mark()
    model.compile("sgd", "mse")
    model.fit(Batches(), shuffle=True, verbose=0)
    mark()


# -- random ops and layers ---------------------------------------------------------------------------------------------
@case
def random_ops_without_a_seed(k, mark):
    mark()
    for op in (lambda: k.random.normal((2,)), lambda: k.random.uniform((2,)), lambda: k.random.shuffle(X)):
        op()
        mark()
    k.utils.set_random_seed(4)
    made(k)
    mark()
    k.random.shuffle(X)
    mark()
    k.random.normal((2,), seed=1)
    k.random.SeedGenerator()
    mark()
    k.random.dropout(X, 0.5)
    mark()


@case
def cleared(k, mark):
    k.random.normal((2,))
    k.backend.clear_session()
    mark()
    made(k)
    k.random.normal((2,))
    mark()


@case
def layers_without_a_seed(k, mark):
    layers = k.layers
    for layer in (
        layers.Dense(2), layers.Dense(2, kernel_initializer="he_normal", bias_initializer="zeros"),
        layers.Dropout(0.5), layers.Dropout(0.0), layers.GaussianNoise(0.1), layers.GaussianNoise(0.0),
        layers.GaussianDropout(0.3), layers.AlphaDropout(0.2), layers.BatchNormalization(),
        layers.Dense(2, kernel_initializer="orthogonal"), layers.Dense(2, kernel_initializer="truncated_normal"),
    ):  # fmt: skip
        mark()
        layer(X)
        mark()
    for layer in (
        layers.LSTM(2), layers.LSTM(2, dropout=0.5, recurrent_dropout=0.1), layers.GRU(2, recurrent_dropout=0.3),
        layers.SimpleRNN(2), layers.Bidirectional(layers.GRU(2)), layers.SpatialDropout1D(0.2),
        layers.Conv1D(2, 2), layers.SeparableConv1D(2, 2), layers.DepthwiseConv1D(2),
        layers.RNN([layers.LSTMCell(2), layers.GRUCell(2, dropout=0.4)]),
    ):  # fmt: skip
        mark()
        layer(X.reshape(4, 5, 4))
        mark()
    attention = layers.MultiHeadAttention(2, 2, dropout=0.1)
    attention(X.reshape(4, 5, 4), X.reshape(4, 5, 4))
    mark()
    layers.Embedding(5, 2)(np.arange(5))
    mark()


@case
def layers_of_images_without_a_seed(k, mark):
    images = np.random.RandomState(1).rand(2, 8, 8, 3).astype("float32")
    # Not RandomCrop, for which Keras draws one more that it does not use.
    for name, arguments in {
        "RandomFlip": (), "RandomRotation": (0.1,), "RandomZoom": (0.1,), "RandomTranslation": (0.1, 0.1),
    }.items():  # fmt: skip
        layer = getattr(k.layers, name)(*arguments)
        mark(name)
        layer(images, training=True)
        mark(name)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_as_much_is_drawn_as_in_keras(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places(pronghorn, CASES[name]) == places(keras, CASES[name])


def places(k, run):
    """Where the generators stand at each mark: the numbers that they would give next."""
    found = []

    def mark(*label):
        numpy_state, python_state = np.random.get_state(), random.getstate()
        found.append((*label, int(np.random.randint(2**31)), random.randrange(2**31)))
        np.random.set_state(numpy_state)
        random.setstate(python_state)

    k.utils.set_random_seed(7)
    run(k, mark)
    return found


@pytest.mark.parametrize("shuffle", [True, "batch"])
@pytest.mark.parametrize("built", [True, False])
def test_samples_come_in_keras_order(shuffle, built):
    def order(k):
        seen = []

        def loss(y_true, y_pred):
            if isinstance(y_true, k.KerasTensor) or "Tracer" in type(y_true).__name__:
                return k.ops.mean((y_true - y_pred) ** 2)
            seen.append(np.asarray(y_true)[:, 0].tolist())
            return k.ops.mean((y_true - y_pred) ** 2)

        k.utils.set_random_seed(5)
        model = made(k, built, loss=loss, run_eagerly=True)
        for epochs in (2, 1):
            fit(model, X, np.arange(20.0)[:, None], shuffle=shuffle, epochs=epochs)
        return [rows for rows in seen if all(row == int(row) for row in rows)]

    ours, theirs = order(pronghorn), order(keras)
    assert len(theirs) == 12
    assert ours == theirs
