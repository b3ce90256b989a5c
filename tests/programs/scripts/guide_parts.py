"""What the scripts in the style of Keras's guides share: data, models whose weights both libraries start with, figures.

What a reader of a guide writes for an engine, loops and steps, stands in each script.
"""

import keras
import numpy as np
from keras import layers

_rng = np.random.default_rng(1)
X = _rng.normal(size=(100, 8)).astype("float32")
LABELS = X[:, :3].argmax(-1).astype("int32")
WEIGHTS = np.linspace(0.2, 1, 100).astype("float32")
NOISE = np.sin(np.arange(128, dtype="float32")).reshape(32, 4)


def start(model, seed):
    """Give a model weights that do not depend on the library."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, np.shape(w)).astype("float32") for w in model.get_weights()])
    return model


class Penalty(layers.Layer):
    """A layer with a loss of its own."""

    def call(self, x):
        self.add_loss(0.01 * keras.ops.mean(keras.ops.square(x)))
        return x


def penalized():
    """A classifier with losses of its layers."""
    inputs = keras.Input((8,))
    hidden = Penalty()(layers.Dense(16, activation="relu", kernel_regularizer="l2")(inputs))
    return start(keras.Model(inputs, layers.Dense(3)(layers.BatchNormalization()(hidden))), 0)


def classifier(model_class):
    """A classifier of a class, compiled."""
    inputs = keras.Input((8,))
    hidden = layers.BatchNormalization()(layers.Dense(16, activation="relu")(inputs))
    model = start(model_class(inputs, layers.Dense(3)(hidden)), 0)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def judge_and_forger():
    """Two networks, of which one says whether an input is the other's."""
    judge = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    forger = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(8)])
    return start(judge, 1), start(forger, 2)


def show(name, values):
    """Print figures of which the test compares the numbers."""
    print("FIGURES", name, *(f"{float(v):.6f}" for v in np.ravel(values)))


def show_history(history):
    """Print what `fit` returned."""
    for name in sorted(history.history):
        show(name, history.history[name])


def show_training(model):
    """Train a classifier in the ways of `fit`, and print what came of it."""
    settings = {"batch_size": 16, "shuffle": False, "verbose": 0}
    histories = [
        model.fit(X, LABELS, epochs=2, validation_data=(X[:40], LABELS[:40]), **settings),
        model.fit(X, LABELS, sample_weight=WEIGHTS, **settings),
        model.fit(X, LABELS, class_weight={0: 1.0, 1: 0.5, 2: 2.0}, **settings),
    ]
    for history in histories:
        show_history(history)
    show("evaluate", model.evaluate(X, LABELS, verbose=0))
    show("predict", model.predict(X[:3], verbose=0))
    show("on_batch", model.train_on_batch(X[:8], LABELS[:8]))
    show("iterations", [int(model.optimizer.iterations)])
