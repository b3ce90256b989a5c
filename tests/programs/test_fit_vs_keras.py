"""What users pass to `compile`, `fit`, `evaluate` and `predict`, beside the real Keras: the same names and numbers.

A case is a function of the package, which returns logs, histories or arrays; both packages must return the same.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")
pytestmark = pytest.mark.slow

X = np.random.RandomState(0).rand(20, 4).astype("float32")
Y = (X.sum(1, keepdims=True) > 2).astype("float32")
CLASSES = np.random.RandomState(2).randint(0, 3, 20)
PLAIN = {"verbose": 0, "shuffle": False, "batch_size": 8}
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


# -- models ------------------------------------------------------------------------------------------------------------
def filled(model):
    """The model with weights that depend on their places alone."""
    for i, weight in enumerate(model.weights):
        if weight.dtype == "float32":
            weight.assign(np.random.RandomState(i).uniform(-0.5, 0.5, weight.shape))
    return model


def binary(k, **arguments):
    """One input, one output."""
    model = filled(
        k.Sequential([k.Input((4,)), k.layers.Dense(5, activation="tanh"), k.layers.Dense(1, activation="sigmoid")])
    )
    defaults = {"optimizer": k.optimizers.SGD(0.1), "loss": "binary_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**defaults, **arguments})
    return model


def double(k, kind=list, **arguments):
    """Two inputs through a shared layer, two outputs."""
    first, second = k.Input((4,), name="i1"), k.Input((4,), name="i2")
    shared = k.layers.Dense(3, name="shared")
    joined = k.layers.Concatenate()([shared(first), shared(second)])
    a = k.layers.Dense(1, name="a")(joined)
    b = k.layers.Dense(3, activation="softmax", name="b")(joined)
    model = filled(k.Model([first, second], {"a": a, "b": b} if kind is dict else kind([a, b])))
    defaults = {"optimizer": k.optimizers.SGD(0.1), "loss": ["mse", "sparse_categorical_crossentropy"]}
    model.compile(**{**defaults, **arguments})
    return model


def batches(*parts, count=3, repeat=False):
    """A generator of batches of four."""
    while True:
        for start in range(0, 4 * count, 4):
            yield tuple(part[start : start + 4] for part in parts)
        if not repeat:
            return


# -- data --------------------------------------------------------------------------------------------------------------
@case
def a_table_of_pandas(k):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {"p": [1, 2, 3, 4], "q": [1.0, 2, 3, 4], "r": [True, False, True, True], "s": [0, 0, 1, 1]}
    )
    return binary(k).fit(table, pandas.Series([0, 1, 1, 0]), **PLAIN)


@case
def flat_targets(k):
    return binary(k).fit(X, Y[:, 0], epochs=2, **PLAIN)


@case
def targets_of_other_types(k):
    return [binary(k).fit(X, Y.astype(kind), **PLAIN) for kind in ("bool", "int64", "float64")]


@case
def lists_of_inputs_and_targets(k):
    return double(k).fit([X, X * 2], [Y, CLASSES], epochs=2, **PLAIN)


@case
def tuples_of_inputs_and_targets(k):
    return double(k, tuple).fit((X, X * 2), (Y, CLASSES), **PLAIN)


@case
def inputs_by_name(k):
    return double(k).fit({"i1": X, "i2": X * 2, "more": X}, [Y, CLASSES], **PLAIN)


@case
def targets_by_name(k):
    return double(k).fit([X, X * 2], {"a": Y, "b": CLASSES}, **PLAIN)


@case
def a_dict_of_outputs(k):
    model = double(
        k, dict, loss={"a": "mse", "b": "sparse_categorical_crossentropy"}, metrics={"b": ["accuracy"], "a": "mae"}
    )
    targets = {"a": Y, "b": CLASSES}
    history = model.fit([X, X * 2], targets, validation_split=0.25, **PLAIN)
    return history, model.evaluate([X, X * 2], targets, verbose=0), model.predict([X, X * 2], verbose=0, batch_size=7)


@case
def generators(k):
    model = binary(k)
    return [
        model.fit(batches(X, Y), verbose=0),
        model.fit(batches(X, Y, repeat=True), steps_per_epoch=3, epochs=2, verbose=0),
        model.evaluate(batches(X, Y), verbose=0),
        model.predict(batches(X, Y), verbose=0),
    ]


@case
def generators_with_weights(k):
    return binary(k, weighted_metrics=["mae"]).fit(batches(X, Y, np.arange(20.0)), verbose=0)


@case
def generators_of_nested_batches(k):
    def nested():
        for start in (0, 4, 8):
            rows = slice(start, start + 4)
            yield {"i1": X[rows], "i2": X[rows]}, {"a": Y[rows], "b": CLASSES[rows]}

    return double(k).fit(nested(), verbose=0)


@case
def batches_of_different_sizes(k):
    return binary(k).fit(((X[:n], Y[:n]) for n in (3, 5, 1, 4)), verbose=0)


@case
def py_datasets(k):
    class Batches(k.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    return binary(k).fit(Batches(), epochs=2, verbose=0, shuffle=False, validation_data=Batches())


@case
def integers_into_an_embedding(k):
    model = filled(
        k.Sequential([k.Input((3,), dtype="int32"), k.layers.Embedding(5, 2), k.layers.Flatten(), k.layers.Dense(1)])
    )
    model.compile("sgd", "mse")
    return model.fit(np.random.RandomState(0).randint(0, 5, (20, 3)), Y, **PLAIN)


# -- weights of samples and classes ------------------------------------------------------------------------------------
@case
def class_weights(k):
    return [
        binary(k).fit(X, Y, class_weight={0: 0.3, 1: 2.0}, epochs=2, **PLAIN),
        binary(k).fit(X, Y, class_weight={1: 2.0}, **PLAIN),
    ]


@case
def class_weights_of_one_hot_rows(k):
    model = filled(k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="softmax")]))
    model.compile("sgd", "categorical_crossentropy", weighted_metrics=["accuracy"])
    return model.fit(X, k.utils.to_categorical(CLASSES, 3), class_weight={0: 1, 1: 2, 2: 3}, **PLAIN)


@case
def sample_weights(k):
    model = binary(k, weighted_metrics=["accuracy", "mae"])
    return model.fit(X, Y, sample_weight=np.arange(20), validation_split=0.3, epochs=2, **PLAIN)


@case
def sample_weights_of_outputs(k):
    model = double(k, metrics=[["mae"], ["accuracy"]], weighted_metrics=[["mae"], ["accuracy"]])
    return model.fit([X, X * 2], [Y, CLASSES], sample_weight=[np.arange(20.0), np.ones(20)], **PLAIN)


@case
def weights_of_time_steps(k):
    model = filled(k.Sequential([k.Input((3, 4)), k.layers.Dense(1)]))
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    x = np.random.RandomState(1).rand(6, 3, 4)
    return model.fit(x, x.sum(-1, keepdims=True), sample_weight=np.random.RandomState(3).rand(6, 3), **PLAIN)


# -- validation, steps and single batches ------------------------------------------------------------------------------
@case
def validation(k):
    model = binary(k)
    return [
        model.fit(X, Y, validation_split=0.3, epochs=2, **PLAIN),
        model.fit(X, Y, validation_data=(X[:5], Y[:5], np.arange(5.0)), **PLAIN),
        model.fit(X, Y, validation_data=(X[:5], Y[:5]), validation_freq=2, epochs=4, **PLAIN),
        model.fit(X, Y, validation_data=(X, Y), validation_steps=1, validation_batch_size=4, **PLAIN),
    ]


@case
def steps(k):
    model = binary(k)
    return [
        model.fit(X, Y, steps_per_epoch=2, epochs=3, **PLAIN),
        model.evaluate(X, Y, steps=2, batch_size=4, verbose=0),
        model.predict(X, steps=1, batch_size=4, verbose=0),
        binary(k, steps_per_execution=2).fit(X, Y, epochs=2, **PLAIN),
    ]


@case
def single_batches(k):
    model = binary(k)
    return [
        model.train_on_batch(X, Y),
        model.train_on_batch(X, Y, class_weight={0: 0.1, 1: 3.0}, return_dict=True),
        model.train_on_batch(X, Y, sample_weight=np.arange(20.0)),
        model.test_on_batch(X, Y, return_dict=True),
        model.predict_on_batch(X),
    ]


@case
def names_of_metrics(k):
    model = double(k, metrics=[["mae"], ["accuracy"]])
    results = model.evaluate([X, X * 2], [Y, CLASSES], verbose=0)
    return [results, model.metrics_names, [metric.name for metric in model.metrics]]


# -- losses ------------------------------------------------------------------------------------------------------------
@case
def reductions(k):
    return binary(k, loss=k.losses.BinaryCrossentropy(reduction="sum")).fit(X, Y, epochs=2, **PLAIN)


@case
def functions_as_losses(k):
    return [
        binary(k, loss=lambda y, p: k.ops.abs(y - p)).fit(X, Y, **PLAIN),
        binary(k, loss=lambda y, p: k.ops.mean(k.ops.square(y - p))).fit(X, Y, **PLAIN),
    ]


@case
def weights_of_losses(k):
    given = ([0.5, 2.0], {"a": 0.5, "b": 2.0})
    return [double(k, loss_weights=w).evaluate([X, X], [Y, CLASSES], verbose=0, return_dict=True) for w in given]


@case
def an_output_without_a_loss(k):
    return double(k, loss=[None, "sparse_categorical_crossentropy"]).fit([X, X], [Y, CLASSES], **PLAIN)


@case
def losses_for_a_whole_tuple(k):
    def distance(y_true, y_pred):
        return sum(k.ops.mean(k.ops.square(p)) for p in k.tree.flatten(y_pred))

    return double(k, tuple, loss=[distance, ("mse", None)]).fit([X, X], (Y, CLASSES), **PLAIN)


# -- models of users' own ----------------------------------------------------------------------------------------------
@case
def losses_that_are_added(k):
    class Added(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=k.regularizers.L2(0.1))
            self.norm = k.layers.BatchNormalization()

        def call(self, x, training=False):
            h = self.norm(x, training=training)
            self.add_loss(0.01 * k.ops.sum(k.ops.abs(h)))
            return self.dense(h)

    model = Added()
    model.compile(k.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return [model.fit(X, Y, epochs=2, **PLAIN), model.evaluate(X, Y, verbose=0), len(model.losses)]


@case
def no_targets(k):
    class Reconstruction(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(4, kernel_initializer="ones")

        def call(self, x):
            y = self.dense(x)
            self.add_loss(k.ops.mean(k.ops.square(y - x)))
            return y

    model = Reconstruction()
    model.compile(k.optimizers.SGD(0.01))
    return [model.fit(X, epochs=2, **PLAIN), model.evaluate(X, verbose=0)]


@case
def a_compute_loss_of_ones_own(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1, kernel_initializer="ones")
            self.tracker = k.metrics.Mean(name="own")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = k.ops.mean(k.ops.abs(y - y_pred))
            self.tracker.update_state(loss * 2)
            return loss

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "extra": 3.0}

    model = Own()
    model.compile(k.optimizers.SGD(0.01), metrics=["mse"])
    return [model.fit(X, Y, epochs=2, **PLAIN), model.evaluate(X, Y, verbose=0, return_dict=True)]


@case
def models_in_models_and_freezing(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="relu"), k.layers.Dropout(0.0)], name="inner")
    inputs = k.Input((4,))
    model = filled(k.Model(inputs, k.layers.Dense(1)(inner(inputs))))
    model.compile(k.optimizers.SGD(0.1), "mse")
    before = model.fit(X, Y, **PLAIN)
    inner.trainable = False
    model.compile(k.optimizers.SGD(0.1), "mse")
    return [before, model.fit(X, Y, **PLAIN), len(model.trainable_variables), inner.get_weights()]


@case
def one_model_called_twice(k):
    encoder = k.Sequential([k.Input((4,)), k.layers.Dense(3)], name="encoder")
    a, b = k.Input((4,)), k.Input((4,))
    model = filled(k.Model([a, b], k.layers.Dot(1)([encoder(a), encoder(b)])))
    model.compile(k.optimizers.SGD(0.1), "mse")
    return model.fit([X, X[::-1].copy()], Y, **PLAIN)


@case
def stateless_calls(k):
    model = binary(k)
    outputs, state = model.stateless_call(
        [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables], X
    )
    return [k.ops.convert_to_numpy(outputs), len(state)]


@case
def nested_outputs_of_a_subclass(k):
    class Nested(k.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = k.layers.Dense(3), k.layers.Dense(1)

        def call(self, inputs):
            first, second = inputs
            return self.a(first), [self.b(second)]

    model = Nested()
    model((X[:1], X[:1]))
    filled(model).compile(k.optimizers.SGD(0.1), "mse")
    return [model.fit((X, X), (X[:, :3], [Y]), **PLAIN), model.predict((X, X), verbose=0)]


# -- optimizers and callbacks ------------------------------------------------------------------------------------------
@case
def optimizers_with_options(k):
    options = ({"clipnorm": 0.1}, {"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_momentum": 0.5})
    results = []
    for chosen in options:
        model = binary(k, optimizer=k.optimizers.SGD(0.5, **chosen))
        results += [model.fit(X, Y, epochs=3, **PLAIN), model.evaluate(X, Y, verbose=0)]
    return results


@case
def learning_rates(k):
    scheduler = k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    plateau = k.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10)
    decay = k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    return [
        binary(k).fit(X, Y, epochs=3, callbacks=[scheduler, plateau], **PLAIN),
        binary(k, optimizer=k.optimizers.SGD(decay)).fit(X, Y, epochs=2, **PLAIN),
    ]


@case
def stopping_early(k):
    stop = k.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True, min_delta=1.0)
    model = binary(k)
    history = model.fit(X, Y, validation_data=(X, Y), epochs=10, callbacks=[stop], **PLAIN)
    return [history, stop.stopped_epoch, stop.best_epoch, model.get_weights()]


# -- the comparison ----------------------------------------------------------------------------------------------------
def assert_same(ours, theirs, where):
    if hasattr(theirs, "history"):
        ours, theirs = ours.history, theirs.history
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}/{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), where
        for i, pair in enumerate(zip(ours, theirs)):
            assert_same(*pair, f"{where}/{i}")
    elif isinstance(theirs, str):
        assert ours == theirs, where
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=where)


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_keras(name):
    assert_same(CASES[name](pronghorn), CASES[name](keras), name)
