"""Models of rows of different lengths; Keras on TensorFlow gave the losses."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import Input, Model, Sequential, data, layers, ops, optimizers
from pronghorn.data import RaggedTensor

_RNG = np.random.default_rng(0)
LENGTHS = _RNG.integers(1, 9, 40)
X = RaggedTensor.from_row_lengths(_RNG.integers(0, 30, LENGTHS.sum()).astype("int32"), LENGTHS)
Y = _RNG.normal(size=(40, 1)).astype("float32")


def _average():
    x = Input((None,), ragged=True, dtype="int32")
    return Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(layers.Embedding(30, 4)(x))))


def _greatest():
    x = Input((None,), dtype="int32")
    return Model(x, layers.Dense(1)(layers.GlobalMaxPooling1D()(layers.Embedding(30, 4)(x))))


def _normalized():
    parts = [layers.Activation("relu"), layers.LayerNormalization(), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    return Sequential([layers.Embedding(30, 4), *parts])


def _merged():
    x = Input((None,), ragged=True, dtype="int32")
    e = layers.Embedding(30, 4)(x)
    joined = layers.Concatenate()([e, layers.Add()([e, layers.ReLU()(e)])])
    return Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(joined)))


def _padded():
    x = Input((None,), ragged=True, dtype="int32")
    e = layers.Embedding(30, 4, mask_zero=True)(layers.Lambda(lambda x: x.to_tensor(), output_shape=(None,))(x))
    return Model(x, layers.Dense(1)(layers.LSTM(3)(e)))


class Own(Model):
    def __init__(self):
        super().__init__()
        self.table, self.score = layers.Embedding(30, 4), layers.Dense(1)

    def call(self, x):
        return self.score((self.table(x) * 2.0).reduced("max"))


LOSSES = {
    _average: [1.59998, 0.96613, 0.91524],
    _greatest: [1.37383, 1.09168, 0.84927],
    _normalized: [1.64883, 0.96716, 0.99532],
    _merged: [1.6202, 0.93835, 0.79401],
    _padded: [0.94935, 0.95297, 0.95259],
    Own: [1.85109, 1.26212, 0.9144],
}


def compiled(model, **settings):
    model.compile(optimizers.SGD(0.3), "mse", **settings)
    model.predict(X, verbose=0)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape).astype("float32") * 0.5 for w in model.get_weights()])
    return model


@pytest.mark.parametrize("make", LOSSES, ids=lambda make: make.__name__)
def test_training(make):
    model = compiled(make())
    history = model.fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history, LOSSES[make], rtol=2e-5)
    assert model.evaluate(X, Y, verbose=0) < history[0]


def test_of_a_data_set():
    model = compiled(_average())
    batches = data.Dataset.from_tensor_slices((X, Y)).batch(16)
    history = model.fit(batches, epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(history, LOSSES[_average], rtol=2e-5)
    np.testing.assert_allclose(
        model.predict(batches.map(lambda x, y: x), verbose=0), model.predict(X, verbose=0), rtol=1e-6
    )


def test_eagerly():
    class Whole(Own):
        def call(self, x):
            return self.score(ops.segment_max(self.table(x).flat_values * 2.0, x.value_rowids(), len(x)))

    model = Whole()
    model.compile(optimizers.SGD(0.3), "mse", run_eagerly=True)
    assert model.fit(X, Y, batch_size=16, verbose=0).history["loss"]


def test_shuffled_split_and_weighted():
    one, other = compiled(_average()), compiled(_average())
    settings = {"batch_size": 8, "validation_split": 0.25, "sample_weight": np.linspace(0, 1, 40), "verbose": 0}
    pronghorn.utils.set_random_seed(3)
    found = one.fit(X, Y, **settings).history
    pronghorn.utils.set_random_seed(3)
    assert other.fit(X.take(np.arange(40)), Y, **settings).history == found
    assert set(found) == {"loss", "val_loss"}


def test_predictions_of_rows():
    x = Input((None,), ragged=True, dtype="int32")
    model = Model(x, layers.Embedding(30, 2)(x))
    assert x.ragged and model.output.ragged and "ragged=True" in repr(x)
    found = model.predict(X, batch_size=16, verbose=0)
    assert isinstance(found, RaggedTensor) and found.to_list() == model(X).to_list()
    assert isinstance(model(X), RaggedTensor) and model(X).row_lengths().tolist() == LENGTHS.tolist()
    assert model.predict(np.array([[1, 2]]), verbose=0).shape == (1, 2, 2)


class Inverse(layers.Layer):
    """One over numbers, which is not finite for the zeros of padding."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return 1.0 / (x * self.scale)


@pytest.mark.parametrize("pooling", [layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D])
def test_functions_that_are_not_finite_at_zero(pooling):
    values = np.random.default_rng(2).uniform(0.5, 2, (10, 4)).astype("float32")
    rows, y = RaggedTensor.from_row_lengths(values, [1, 4, 2, 2, 1]), np.ones((5, 1))
    found = []
    for run_eagerly in (False, True):
        x = Input((None, 4), ragged=True)
        model = Model(x, layers.Dense(1, kernel_initializer="ones")(pooling()(Inverse()(x))))
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        history = model.fit(rows, y, epochs=3, batch_size=2, shuffle=False, verbose=0).history["loss"]
        found.append([*history, *model.predict(rows, verbose=0)[:, 0]])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_layers_of_ones_own_among_others():
    class Greatest(layers.Layer):
        def call(self, x):
            return ops.max(x.to_tensor(-1e9), axis=1) * ops.cast(ops.expand_dims(x.row_lengths(), 1), x.dtype)

    class Half(layers.Layer):
        def call(self, x):
            return x * 0.5

    x = Input((None, 2), ragged=True)
    half = Half()(layers.ReLU()(x))
    model = Model(x, [half, Greatest()(half)])
    assert half.ragged and not model.outputs[1].ragged and model.outputs[1].shape == (None, 2)
    rows = RaggedTensor.from_row_lengths(np.arange(6, dtype="float32").reshape(3, 2), [2, 1])
    halves, greatest = model.predict(rows, verbose=0)
    assert halves.to_list() == [[[0, 0.5], [1, 1.5]], [[2, 2.5]]] and greatest.tolist() == [[2, 3], [2, 2.5]]


def test_no_mask_of_rows():
    x = Input((None,), dtype="int32", ragged=True)
    table = layers.Embedding(3, 2, mask_zero=True)
    model = Model(x, layers.GlobalAveragePooling1D()(table(x)))
    rows = RaggedTensor.of([[0, 1, 2], [0, 0]])
    vectors = table.embeddings.numpy()
    np.testing.assert_allclose(model.predict(rows, verbose=0), [vectors.mean(axis=0), vectors[0]], rtol=1e-6)


def test_copies():
    for model in (_average(), Sequential([Input((None,), ragged=True, dtype="int32"), layers.Embedding(30, 2)])):
        assert pronghorn.models.clone_model(model).inputs[0].ragged
    sparse = Sequential([Input((5,), sparse=True), layers.Dense(2)])
    assert pronghorn.models.clone_model(sparse).inputs[0].sparse


def test_saving(tmp_path):
    model = _average()
    model.save(tmp_path / "model.keras")
    again = pronghorn.saving.load_model(tmp_path / "model.keras")
    assert again.inputs[0].ragged
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_texts():
    texts = np.array(["a b c", "b", "zzz a"], object)
    words = layers.TextVectorization(ragged=True, vocabulary=["a", "b"])
    x = Input((), dtype="string")
    rows = Model(x, words(x))
    assert rows.predict(texts, verbose=0).to_list() == rows(texts).to_list() == words(texts).to_list()
    model = Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(layers.Embedding(5, 2)(words(x)))))
    model.compile("sgd", "mse")
    model.fit(texts, np.ones(3), batch_size=2, verbose=0)
    np.testing.assert_allclose(model.predict(texts, verbose=0), model(texts).numpy(), rtol=1e-5)


def test_what_there_is_not():
    model = compiled(_average())
    with pytest.raises(ValueError, match="pad_sequences|to_tensor"):
        model.fit(X, X, verbose=0)
    with pytest.raises(ValueError, match=r"targets are rows.*to_tensor"):
        model.fit(data.Dataset.from_tensor_slices((X, X)).batch(8), verbose=0)
    with pytest.raises(ValueError, match=r"StringLookup"):
        model.predict(RaggedTensor.of([["a"], []]), verbose=0)
    with pytest.raises(ValueError, match=r"of shape \(None, None\)"):
        model(RaggedTensor.from_row_lengths(np.ones((3, 2), "float32"), [1, 2]))
    dense = Sequential([layers.Embedding(30, 2), layers.Dense(1, name="scores")])
    with pytest.raises(ValueError, match=r"'scores' \(Dense\).*different lengths"):
        dense.predict(X, verbose=0)
