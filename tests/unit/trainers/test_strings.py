"""Models that take strings: a layer of the model makes numbers of them, and training is compiled all the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.data import Dataset
from pronghorn.engine.graph.strings import StringArray

RNG = np.random.default_rng(0)
COLOURS = np.array(["red", "green", "blue"], object)
PLACES = RNG.integers(0, 3, (96, 1))
TABLE = {"colour": COLOURS[PLACES], "size": RNG.normal(size=(96, 1)).astype("float32")}
GREEN = (PLACES[:, 0] == 1).astype("float32")

TEXTS = np.array([f"{a} is {b}" for a in ("he", "she", "it") for b in ("good", "bad stuff", "very bad indeed")] * 8)
IS_GOOD = np.array([1.0, 0.0, 0.0] * 24, "float32")


@pytest.fixture(autouse=True)
def no_warnings():
    keras.utils.set_random_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that a step cannot be compiled
        yield


def table_model(**options):
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(TABLE["colour"])
    inputs = {"colour": keras.Input((1,), name="colour", dtype="string"), "size": keras.Input((1,), name="size")}
    x = layers.concatenate([lookup(inputs["colour"]), inputs["size"]])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"], **options)
    return model


def text_model(length=None, style="sequential"):
    vectorize = layers.TextVectorization(output_sequence_length=length)
    vectorize.adapt(TEXTS)
    parts = [vectorize, layers.Embedding(20, 8), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]

    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = parts

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    model = keras.Sequential(parts) if style == "sequential" else Subclass()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_a_column_of_a_table():
    model = table_model()
    history = model.fit(TABLE, GREEN, epochs=15, verbose=0)
    assert history.history["accuracy"][-1] == 1.0
    assert model.evaluate(TABLE, GREEN, verbose=0)[1] == 1.0
    new = {"colour": COLOURS[:, None], "size": np.zeros((3, 1), "float32")}
    assert list(model.predict(new, verbose=0)[:, 0] > 0.5) == [False, True, False]
    np.testing.assert_allclose(np.asarray(model(new)), model.predict(new, verbose=0), rtol=1e-5)


def test_compiled_and_eager_training_agree():
    losses = []
    for eager in (False, True):
        keras.utils.set_random_seed(3)
        model = table_model(run_eagerly=eager)
        losses.append(model.fit(TABLE, GREEN, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_and_strings_stay_together(shuffle):
    model = table_model()
    model.fit(TABLE, GREEN, epochs=15, batch_size=20, shuffle=shuffle, verbose=0)  # the last batch is smaller
    assert model.evaluate(TABLE, GREEN, verbose=0)[1] == 1.0


def test_data_sets_of_strings():
    data = Dataset.from_tensor_slices((TABLE, GREEN)).batch(32)
    model = table_model()
    assert model.fit(data, epochs=15, verbose=0).history["accuracy"][-1] == 1.0


def test_a_column_without_its_last_axis():
    model = table_model()
    flat = {name: column[:, 0] for name, column in TABLE.items()}
    assert model.fit(flat, GREEN, epochs=15, verbose=0).history["accuracy"][-1] == 1.0
    np.testing.assert_allclose(model.predict(flat, verbose=0), model.predict(TABLE, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model(flat)), model.predict(TABLE, verbose=0), rtol=1e-5)


def test_a_feature_space():
    space = keras.utils.FeatureSpace({"colour": "string_categorical", "size": "float_normalized"}, output_mode="concat")
    flat = {name: column[:, 0] for name, column in TABLE.items()}
    space.adapt(Dataset.from_tensor_slices(flat))
    inputs = space.get_inputs()
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(space.get_encoded_features()))
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    data = Dataset.from_tensor_slices((flat, GREEN)).batch(16)
    assert model.fit(data, epochs=15, verbose=0).history["accuracy"][-1] == 1.0


@pytest.mark.parametrize("length", [None, 6])
@pytest.mark.parametrize("style", ["sequential", "subclass"])
def test_texts(length, style):
    model = text_model(length, style)
    history = model.fit(TEXTS, IS_GOOD, batch_size=5, epochs=6, verbose=0)  # without a length, batches differ in width
    assert history.history["accuracy"][-1] == 1.0
    assert list(model.predict(np.array(["she is good", "it is bad stuff"]), verbose=0)[:, 0] > 0.5) == [True, False]


def test_a_finished_model_behind_a_vectorization():
    text = text_model(6)
    text.fit(TEXTS, IS_GOOD, epochs=1, verbose=0)
    whole = keras.Sequential([text, layers.Activation("linear")])
    np.testing.assert_allclose(whole.predict(TEXTS, verbose=0), text.predict(TEXTS, verbose=0), rtol=1e-6)


def test_a_train_step_of_ones_own():
    class Mine(keras.Model):
        def train_step(self, data):
            x, y = data
            assert isinstance(x["colour"], StringArray)
            with keras.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return {"my_loss": loss}

    plain = table_model()
    model = Mine(plain.input, plain.output)
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    losses = model.fit(TABLE, GREEN, epochs=15, verbose=0).history["my_loss"]
    assert losses[-1] < 0.3 < losses[0]


def test_strings_where_numbers_are_needed():
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="array of strings.*StringLookup"):
        model.fit(TABLE["colour"], GREEN, verbose=0)
    with pytest.raises(ValueError, match="array of strings"):
        model.fit(TABLE["size"], TABLE["colour"], verbose=0)
    with pytest.raises(ValueError, match="'dense.*takes numbers, got strings.*StringLookup"):
        layers.Dense(1)(TABLE["colour"])
    with pytest.raises(TypeError, match="strings.*StringLookup"):
        keras.ops.add(TABLE["colour"], 1)
