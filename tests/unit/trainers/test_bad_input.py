"""Bad input: one paragraph that names what came, what was expected and the mend, before any training."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn
from pronghorn import layers
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.outputs import align


@pytest.fixture
def fails(make_model):
    """Return a function that checks that `fit` fails with the given words before it trains."""

    def check(words, x, y=None, model=None, **arguments):
        model = model or make_model()
        before = [w.tobytes() for w in model.get_weights()]
        with pytest.raises(ValueError) as caught:
            model.fit(x, y, verbose=0, **arguments)
        message = str(caught.value)
        for word in words:
            assert word in message, message
        assert "\n" not in message
        assert [w.tobytes() for w in model.get_weights()] == before

    return check


def test_labels_that_do_not_fit_the_loss(fails, make_model, data):
    x, y = data
    one_hot = np.eye(3, dtype="float32")[y]
    fails(
        ["one-hot", "sparse_categorical_crossentropy", "to_categorical(y, 3)"],
        x,
        y,
        make_model("categorical_crossentropy"),
    )
    fails(["one-hot", "to_categorical"], x, y[:, None], make_model("categorical_crossentropy"))
    fails(["class numbers", "np.argmax"], x, one_hot)
    fails(["(batch, 3)", "(batch, 4)"], x, np.eye(4)[y], make_model("categorical_crossentropy"))
    fails(["sigmoid"], x, y, make_model("binary_crossentropy"))


def test_labels_that_no_regression_loss_can_compare(fails, make_model, data):
    x, y = data
    fails(["mean_squared_error", "(batch, 3)", "(batch, 2)", "units"], x, np.ones((50, 2)), make_model("mse"))
    fails(["mean_absolute_error", "(batch,)"], x, y, make_model("mae"))
    for units, labels in ((1, y), (1, y[:, None]), (3, np.ones((50, 3, 1))), (3, np.ones((50, 1)))):
        make_model("mse", units=units, metrics=None).fit(x, labels, verbose=0)


def test_batch_size_in_the_input_shape(fails, data):
    x, y = data
    model = pronghorn.Sequential([pronghorn.layers.Dense(3, input_shape=(50, 6))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    fails(["(None, 50, 6)", "(None, 6)", "leaves the batch axis out", "write (6,)"], x, y, model)


def test_labels_of_a_binary_cross_entropy_that_are_no_probabilities(make_model, data):
    x, y = data
    model = make_model("binary_crossentropy", units=1)
    for labels, words in ((y, "from 0 to 2.*sparse_categorical"), (y.clip(0, 1) * 2 - 1, "from -1 to 1.*hinge")):
        with pytest.warns(UserWarning, match=words):
            model.fit(x, labels, verbose=0)


def test_a_loss_that_gives_none(fails, make_model, data):
    fails(["gave None", "return"], *data, make_model(lambda y_true, y_pred: None))


def test_class_numbers_out_of_range(fails, data):
    x, y = data
    fails(["class number 3", "0 to 2", "subtract 1"], x, y + 1)
    fails(["class number -1", "ignore_class"], x, y - 1)
    fails(["class number 9", "10 units"], x, np.where(y == 2, 9, y))


def test_ignored_class_numbers_are_no_error(make_model, data):
    x, y = data
    loss = pronghorn.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    make_model(loss, metrics=None).fit(x, y - 1, verbose=0)


def test_classes_before_a_last_axis_that_losses_drop(fails):
    inputs = layers.Input((1, 4))
    model = pronghorn.Model(inputs, layers.Permute((2, 1))(layers.Dense(5)(inputs)))
    loss = pronghorn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    x, y = np.ones((3, 1, 4), "float32"), np.array([[0], [2], [4]])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(model.train_on_batch(x, y), rel=1e-6)
    fails(["class number 5", "5 classes"], x, y + 1, model)


def test_lengths(fails, data):
    x, y = data
    fails(["`x` has 50", "`y` has 20", "same number of samples"], x, y[:20])
    fails(["`sample_weight` has 3"], x, y, sample_weight=np.ones(3))
    fails(["empty"], x[:0], y[:0])


def test_values(fails, make_model, data):
    x, y = data
    holes = x.copy()
    holes[3, 2] = np.nan
    fails(["1 NaN", "(3, 2)", "column 2", "nan_to_num"], holes, y)
    fails(["class numbers", "NaN among its 50", "ignore_class"], x, np.where(y == 1, np.nan, y))
    fails(["`y` holds", "lost"], x, np.where(y == 1, np.nan, y), make_model("mse", units=1))
    fails(["class_weight"], x, np.where(y == 1, np.nan, y), class_weight={0: 1.0})
    fails(["Python objects", "pad_sequences"], np.array([[1], [1, 2]], dtype=object), y[:2])
    fails(["strings", "StringLookup"], np.array([["a"] * 6] * 50), y)
    fails(["different lengths", "pad_sequences"], [[1, 2], [3]], y[:2])


def test_inputs_that_do_not_fit_the_model(fails, data):
    x, y = data
    fails(["dense", "6"], x[:, :4], y)


def test_arguments(fails, data):
    x, y = data
    fails(["batch_size"], x, y, batch_size=0)
    fails(["epochs"], x, y, epochs="many")
    fails(["validation_split"], x, y, validation_split=1.5)
    fails(["one of the two parts would be empty"], x[:1], y[:1], validation_split=0.5)
    fails(["class_weight", "dict"], x, y, class_weight=[1, 2])
    fails(["cannot both"], x, y, class_weight={0: 1.0}, sample_weight=np.ones(50))


def test_generators(fails, data):
    x, y = data
    fails(["`y` must not be given"], iter([(x, y)]), y)
    fails(["got one of 4"], iter([(x, y, y, y)]))
    fails(["empty"], iter([]))


def test_names(make_model):
    for arguments, words in (
        ({"optimizer": "adm"}, "adam"),
        ({"loss": "mean_square_error"}, "mean_squared_error"),
        ({"metrics": ["acuracy"]}, "accuracy|Accuracy"),
        ({"metrics": "accuracy"}, "list"),
        ({"steps_per_execution": 0}, "steps_per_execution"),
        ({"run_eagerly": True, "jit_compile": True}, "contradict"),
    ):
        with pytest.raises(ValueError, match=words):
            make_model(**arguments)
    with pytest.raises(TypeError, match="loss_weights"):
        make_model(loss_weights="heavy")


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_before_compile(data, method):
    model = pronghorn.Sequential([pronghorn.layers.Dense(1)], name="net")
    with pytest.raises(ValueError, match=r"compile\(\).*'net'"):
        getattr(model, method)(*data)


def test_a_model_without_a_loss_says_so(data):
    model = pronghorn.Sequential([pronghorn.layers.Dense(1)])
    model.compile("sgd")
    with pytest.warns(UserWarning, match="no loss"):
        model.fit(*data, verbose=0)


def test_outputs_and_what_belongs_to_them():
    pred = [np.zeros((2, 1)), np.zeros((2, 2))]

    def is_leaf(x):
        return x is None or isinstance(x, str)

    assert align("mse", pred, ["a", "b"], "loss", is_leaf) == ["mse", "mse"]
    assert align(["x", None], pred, ["a", "b"], "loss", is_leaf) == ["x", None]
    assert align({"b": "x"}, pred, ["a", "b"], "loss", is_leaf) == [None, "x"]
    with pytest.raises(ValueError, match="a, b"):
        align({"c": "x"}, pred, ["a", "b"], "loss", is_leaf)
    with pytest.raises(ValueError, match="3 entries"):
        align(["x"] * 3, pred, ["a", "b"], "loss", is_leaf)
    with pytest.raises(ValueError, match="2 outputs"):
        CompileLoss("mse")(np.zeros((2, 1)), pred)


@pytest.mark.parametrize("outputs", ["a single one", "a list", "a dict"])
def test_keys_that_name_no_output_of_a_model_with_one(data, outputs):
    x, y = data
    inputs = pronghorn.Input((6,))
    output = layers.Dense(3, name="species")(inputs)
    named = {"a single one": output, "a list": [output], "a dict": {"species": output}}[outputs]
    model = pronghorn.Model(inputs, named)
    model.compile("sgd", pronghorn.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="`y` has the key 'kind', which names no output.*'species'"):
        model.fit(x, {"kind": y}, verbose=0)
    with pytest.raises(ValueError, match="`y` has the key 'kind', which names no output.*'species'"):
        model.fit(x, {"species": y, "kind": y}, verbose=0)
    weights = np.ones(len(x), "float32")
    with pytest.raises(ValueError, match="`sample_weight` has the key 'kind', which names no output.*'species'"):
        model.fit(x, {"species": y}, sample_weight={"kind": weights}, verbose=0)
    model.fit(x, {"species": y}, sample_weight={"species": weights}, verbose=0)


def test_a_model_that_is_built_by_its_data_has_a_name_for_its_output_too(data):
    model = pronghorn.Sequential([layers.Dense(3, activation="softmax", name="species")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="`y` has the key 'kind', which names no output.*'species'"):
        model.fit(data[0], {"kind": data[1]}, verbose=0)
    model.fit(data[0], {"species": data[1]}, verbose=0)


def test_an_output_that_nobody_named_takes_any_key(data):
    class Subclassed(pronghorn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Subclassed()
    model.compile("sgd", pronghorn.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert "loss" in model.fit(data[0], {"kind": data[1]}, verbose=0).history


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("returned", "words"), [(None, "nothing \\(None\\)"), (1.0, "a float"), ((), "a tuple")])
def test_steps_that_return_no_logs(eager, returned, words):
    class Own(pronghorn.Sequential):
        def train_step(self, data):
            return returned

        def test_step(self, data):
            return returned

    model = Own([pronghorn.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager)
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    for run in (model.fit, model.train_on_batch):
        with pytest.raises(TypeError, match=rf'Own.train_step returned {words}; .*return {{"loss": loss}}'):
            run(x, y)
    for run in (model.evaluate, model.test_on_batch):
        with pytest.raises(TypeError, match=f"Own.test_step returned {words}"):
            run(x, y)


@pytest.mark.parametrize("loss", ["mse", lambda y_true, y_pred: (y_true - y_pred) ** 2])
def test_complex_labels_are_told(loss):
    model = pronghorn.Sequential([pronghorn.Input((2,)), layers.Dense(1)])
    model.compile("sgd", loss)
    x, y = np.ones((4, 2), "float32"), np.full((4, 1), 1 + 2j, "complex64")
    for run in (model.fit, model.evaluate):
        with pytest.warns(UserWarning, match="targets are complex numbers, so their imaginary parts are left out"):
            run(x, y, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y.real, verbose=0)


def test_complex_inputs_and_weights_of_samples_are_told():
    def made(dtype="float32"):
        inputs = pronghorn.Input((2,), dtype=dtype, name="x")
        model = pronghorn.Model(inputs, layers.Dense(1)(pronghorn.ops.real(inputs)))
        model.compile("sgd", "mse")
        return model

    x, y = np.full((4, 2), 1 + 2j, "complex64"), np.ones((4, 1), "float32")
    words = "input 'x' is of float32, but complex numbers came, so their imaginary parts are left out"
    for run in (lambda: made().fit(x, y, verbose=0), lambda: made().predict(x, verbose=0), lambda: made()(x)):
        with pytest.warns(UserWarning, match=words):
            run()
    weights = np.full(4, 1 + 2j, "complex64")
    for run in (made().fit, made().evaluate):
        with pytest.warns(UserWarning, match="weights of samples are complex numbers, so their imaginary parts"):
            run(x.real, y, sample_weight=weights, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made("complex64").fit(x, y, sample_weight=weights.real, verbose=0)
        made().fit(x.real, y, verbose=0)
