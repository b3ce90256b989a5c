"""What beginners do wrong, and that the message says the mend; and that nobody is warned who did nothing wrong."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers

X = np.linspace(-1, 1, 160, dtype="float32").reshape(32, 5)
Y = np.arange(32) % 3


def _fit(stack, loss="sparse_categorical_crossentropy", x=X, y=Y, **options):
    model = keras.Sequential(stack) if isinstance(stack, list) else stack
    model.compile("sgd", loss, run_eagerly=True)
    return model.fit(x, y, verbose=0, **options)


@pytest.mark.parametrize(
    ("loss", "labels", "shape", "mend"),
    [
        ("sparse_categorical_crossentropy", (4,), (8, 8, 1), r"2 axes more.*Flatten\(\) or GlobalAveragePooling2D\(\)"),
        ("categorical_crossentropy", (4, 3), (8, 8, 1), r"2 axes more.*Flatten\(\)"),
        ("mse", (4,), (8, 3), r"1 axis more.*GlobalAveragePooling1D\(\).*return_sequences=False"),
        ("categorical_crossentropy", (4, 2), (8,), r"Check the number of units of the last layer \(3\)"),
    ],
)
def test_a_flatten_that_was_forgotten(loss, labels, shape, mend):
    with pytest.raises(ValueError, match=mend):
        _fit([keras.Input(shape), layers.Dense(3)], loss, np.zeros((4, *shape)), np.zeros(labels))


@pytest.mark.parametrize("after", [layers.LSTM(4), layers.Conv1D(3, 3), layers.GRU(2)])
def test_a_recurrent_layer_that_gives_one_step_alone(after):
    with pytest.raises(ValueError, match=r"Layer 'first' \(LSTM\) gives only its last step.*return_sequences=True"):
        keras.Sequential([keras.Input((7, 5)), layers.LSTM(4, name="first"), after])


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (5,)])
def test_one_sample_without_a_batch_axis(shape):
    stack = [keras.Input(shape), *([layers.Conv2D(2, 3)] if len(shape) == 3 else []), layers.Dense(1)]
    model = keras.Sequential(stack)
    with pytest.raises(ValueError, match=r"The batch axis is missing: pass x\[None\]"):
        model.predict(np.zeros(shape), verbose=0)


def test_a_last_axis_is_still_added_where_it_is_what_lacks():
    model = keras.Sequential([keras.Input((8, 1)), layers.Flatten()])
    assert model.predict(np.zeros((4, 8)), verbose=0).shape == (4, 8)
    assert keras.Sequential([keras.Input((None, 1)), layers.Identity()])(np.zeros((4, 8))).shape == (4, 8, 1)


def test_old_and_misspelled_arguments_of_optimizers():
    with pytest.raises(ValueError, match="'lr', which is called learning_rate"):
        keras.optimizers.Adam(lr=0.1)
    with pytest.raises(ValueError, match="'momentun', nearest: momentum"):
        keras.optimizers.SGD(momentun=0.1)


def test_columns_of_strings_are_named():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"age": [1, 2], "city": ["Bonn", "Köln"], "tall": [True, False]})
    with pytest.raises(ValueError, match=r"`x`: the table has a column without numbers: 'city' \(such as 'Bonn'\)"):
        _fit([layers.Dense(1)], "mse", table, np.ones(2))
    with pytest.raises(ValueError, match="`y`: the table has a column without numbers: 'city'"):
        _fit([layers.Dense(1)], "mse", np.ones((2, 3)), table[["city"]])
    _fit([layers.Dense(1)], "mse", table[["age", "tall"]], np.ones(2))


_ENDS = {
    "softmax as a layer": [layers.Dense(3), layers.Softmax()],
    "softmax as an activation": [layers.Dense(3), layers.Activation("softmax")],
    "dropout behind a softmax": [layers.Dense(3, activation="softmax"), layers.Dropout(0.1)],
    "weights that are not trained": [layers.Dense(3, activation="softmax"), layers.Dense(3, trainable=False)],
    "weights with a constraint": [layers.Dense(3, activation="softmax"), layers.Dense(3, kernel_constraint="non_neg")],
    "a function of its own": [layers.Dense(3), layers.Lambda(keras.ops.softmax)],
    "sigmoid": [layers.Dense(3, activation="sigmoid")],
}


@pytest.mark.parametrize("end", _ENDS.values(), ids=_ENDS)
def test_no_false_alarm_about_probabilities(end):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _fit([keras.Input((5,)), *end])


def test_no_false_alarm_about_logits():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _fit([layers.Dense(3)], keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        _fit([layers.Dense(1)], "mse")
        x = keras.Input((5,))
        _fit(keras.Model(x, keras.ops.softmax(layers.Dense(3)(x))))
        both = keras.Model(x, [layers.Dense(3, activation="softmax")(x), layers.Dense(3)(x)])
        _fit(both, ["sparse_categorical_crossentropy", "mse"], y=[Y, np.zeros((32, 3))])


@pytest.mark.parametrize("inner", [[], [layers.Dropout(0.1)], [layers.Reshape((3,))]])
def test_a_softmax_that_was_forgotten_is_told_once(inner):
    model = keras.Sequential([keras.Input((5,)), keras.Sequential([layers.Dense(3, name="last")]), *inner])
    with pytest.warns(UserWarning, match="'last' for probabilities.*activation='softmax'.*from_logits=True"):
        _fit(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="activation='sigmoid'"):
        _fit([keras.Input((5,)), layers.Dense(1)], "binary_crossentropy", y=Y > 0)


class _Subclassed(keras.Model):
    """A model that is no graph of layers."""

    def __init__(self, last, end=None):
        super().__init__()
        self.first, self.last, self.end = layers.Dense(4, activation="relu"), last, end or (lambda x: x)

    def call(self, x):
        return self.end(self.last(self.first(x)))


def _fit_compiled(model, loss="sparse_categorical_crossentropy", y=Y):
    model.compile("sgd", loss)
    return model.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("last", "loss", "y", "activation"),
    [
        (layers.Dense(3, name="last"), "sparse_categorical_crossentropy", Y, "softmax"),
        (layers.Dense(3, use_bias=False, name="last"), "categorical_crossentropy", np.eye(3)[Y], "softmax"),
        (layers.Dense(1, dtype="mixed_bfloat16", name="last"), keras.losses.BinaryCrossentropy(), Y > 0, "sigmoid"),
    ],
)
def test_a_softmax_that_a_model_of_ones_own_lacks(last, loss, y, activation):
    model = _Subclassed(last)
    with pytest.warns(UserWarning, match=f"'last' for probabilities.*activation='{activation}'"):
        _fit_compiled(model, loss, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, verbose=0)
        model.evaluate(X, y, verbose=0)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (layers.Dense(3, activation="softmax"), None),
        (layers.Dense(3), keras.ops.softmax),
        (layers.Dense(3), lambda x: x / keras.ops.sum(x, -1, keepdims=True)),
        (layers.Dense(3), keras.ops.abs),
        (layers.Dense(3, trainable=False), None),
        (layers.Dense(3, kernel_constraint="non_neg"), None),
    ],
)
def test_no_false_alarm_about_a_model_of_ones_own(last, end):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _fit_compiled(_Subclassed(last, end))


def test_no_false_alarm_where_a_model_of_ones_own_has_logits_or_several_outputs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _fit_compiled(_Subclassed(layers.Dense(3)), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        _fit_compiled(_Subclassed(layers.Dense(3)), "mse", np.zeros((32, 3)))
        both = _Subclassed(layers.Dense(3), lambda x: (x, keras.ops.softmax(x)))
        _fit_compiled(both, [None, "sparse_categorical_crossentropy"])


def test_a_loss_that_is_no_number_for_three_epochs_is_told_once():
    def run(epochs):
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e30), "mse", run_eagerly=True)
        model.fit(np.full((4, 1), 1e4), np.ones(4), epochs=epochs, verbose=0)

    with pytest.warns(UserWarning, match="for three epochs.*TerminateOnNaN") as told:
        run(8)
    assert len([w for w in told if "three epochs" in str(w.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(2)


def test_a_name_without_an_ending_is_told_the_whole_name(tmp_path):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"mymodel\.keras'.*zipped=False.*model\.export"):
        model.save(tmp_path / "mymodel")


def test_a_layer_that_loses_the_samples_is_told():
    class Mixed(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(8, 6))

        def call(self, x):
            return keras.ops.matmul(self.w, x)

    words = r"layer 'mixer' \(Mixed\) makes an output of shape \(8, 8\) of inputs of shape \(None, 8\)"
    inputs = keras.Input((8,))
    x = np.ones((6, 8), "float32")
    for model in (
        keras.Model(inputs, layers.Dense(1)(Mixed(name="mixer")(inputs))),
        keras.Sequential([keras.Input((8,)), Mixed(name="mixer"), layers.Dense(1)]),
    ):
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match=words):
            model.predict(x, verbose=0)
        with pytest.warns(UserWarning, match=words), pytest.raises(ValueError, match="6 and 8"):
            model.fit(x, np.ones((6, 1)), verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras.Sequential([keras.Input((8,)), layers.Dense(1)]).predict(x, verbose=0)
        keras.Sequential([keras.Input(batch_shape=(6, 8)), layers.Dense(1)]).predict(x, verbose=0)


def test_a_model_may_call_anything_its_outputs():
    class Counting(keras.Model):
        def __init__(self):
            super().__init__()
            self.outputs, self.dense = 3, layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    assert Counting().predict(np.ones((4, 2)), verbose=0).shape == (4, 1)
