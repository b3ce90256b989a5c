"""The outputs that labels are checked against are found once for a kind of batch, and anew where they may differ."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.trainers import checks


@pytest.fixture
def found(monkeypatch):
    """The models whose outputs were looked for, in order."""
    models = []
    plain = checks.output_spec

    def output_spec(model, batch):
        models.append(model)
        return plain(model, batch)

    monkeypatch.setattr(checks, "output_spec", output_spec)
    return models


def dense(**settings):
    model = keras.Sequential([keras.Input((None, 4)), layers.Dense(3)])
    model.compile("sgd", "mse", **settings)
    return model


def data(*shape):
    return np.ones(shape, "float32")


def test_once_for_all_runs(found):
    model = dense()
    x, y = data(6, 5, 4), data(6, 5, 3)
    for _ in range(3):
        model.fit(x, y, verbose=0, validation_data=(x, y))
        model.evaluate(x, y, verbose=0)
    assert len(found) == 1


def test_also_where_the_first_run_builds_the_model(found):
    model = keras.Sequential([layers.Dense(3)])
    model.compile("sgd", "mse")
    for _ in range(3):
        model.fit(data(6, 4), data(6, 3), verbose=0)
    assert len(found) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.add(layers.ReLU()),
        lambda model: setattr(model.layers[0], "activation", ops.tanh),
        lambda model: model.compile("sgd", "mse"),
        lambda model: setattr(model.layers[0], "dtype_policy", "mixed_bfloat16"),
        lambda model: setattr(model, "run_eagerly", False),
        lambda model: model.quantize("int8"),
    ],
    ids=["a layer", "an attribute", "compile", "a policy", "run_eagerly", "quantize"],
)
def test_anew_after_a_change(found, change):
    model = dense()
    for _ in range(2):
        model.fit(data(6, 5, 4), data(6, 5, 3), verbose=0)
    change(model)
    model.evaluate(data(6, 5, 4), data(6, 5, 3), verbose=0)
    assert len(found) == 2


def test_other_shapes_and_types_are_looked_at(found):
    model = dense()
    for x in (data(6, 5, 4), data(6, 7, 4), data(6, 5, 4).astype("int32"), data(2, 5, 4)):
        model.evaluate(x, data(len(x), x.shape[1], 3), verbose=0)
    assert len(found) == 3


def test_labels_that_do_not_fit_are_found_in_every_run():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    right, wrong = np.array([0, 1, 2]), np.array([0, 1, 3])
    for _ in range(2):
        model.fit(data(3, 4), right, verbose=0)
        with pytest.raises(ValueError, match="class number 3"):
            model.fit(data(3, 4), wrong, verbose=0)
        with pytest.raises(ValueError, match="needs class numbers"):
            model.fit(data(3, 4), np.eye(3), verbose=0)


def test_a_smaller_last_layer_is_seen():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.Softmax()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    labels = np.array([0, 1, 4])
    model.fit(data(3, 4), labels, verbose=0)
    model.pop()
    model.add(layers.Dense(3, activation="softmax"))
    with pytest.raises(ValueError, match="class number 4"):
        model.fit(data(3, 4), labels, verbose=0)


def test_what_depends_on_values_is_not_kept(found):
    class ByValue(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x) if float(ops.sum(x)) > 0 else self.dense(x) * 2.0

    model = ByValue()
    model.compile("sgd", "mse", run_eagerly=True)
    for _ in range(2):
        model.fit(data(3, 4), data(3, 2), verbose=0)
    assert len(found) == 2 and not model._trainer_state.output_specs
