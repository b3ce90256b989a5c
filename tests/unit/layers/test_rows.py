"""Layers on rows of different lengths: what they give for each value, they give for an array of that row alone."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import GradientTape, layers, models, ops
from pronghorn.data import RaggedTensor

VALUES = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
LENGTHS = [3, 1, 2]
ROWS = RaggedTensor.from_row_lengths(VALUES, LENGTHS)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Activation("tanh"),
        layers.ReLU(),
        layers.LeakyReLU(),
        layers.ELU(),
        layers.Softmax(),
        layers.Identity(),
        layers.Dropout(0.5),
        layers.GaussianNoise(0.5),
        layers.Rescaling(2.0, 1.0),
        layers.Normalization(mean=1.0, variance=4.0),
        layers.LayerNormalization(),
        layers.LayerNormalization(axis=2),
        layers.RMSNormalization(),
        layers.UnitNormalization(),
        layers.BatchNormalization(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_each_value(layer):
    found = layer(ROWS)
    assert isinstance(found, RaggedTensor) and found.splits.tolist() == ROWS.splits.tolist()
    for i in range(len(ROWS)):
        np.testing.assert_allclose(found[i].numpy(), layer(ROWS[i][None])[0].numpy(), rtol=1e-6)


def test_pooling():
    rows = RaggedTensor.from_row_lengths(-np.abs(VALUES), [3, 0, 3])
    for layer, of in ((layers.GlobalAveragePooling1D(), np.mean), (layers.GlobalMaxPooling1D(), np.max)):
        found = layer(rows).numpy()
        np.testing.assert_allclose(found[[0, 2]], [of(rows[i].numpy(), axis=0) for i in (0, 2)], rtol=1e-6)
    assert found[1].tolist() == [float(np.finfo("float32").min)] * 2  # as TensorFlow has it
    assert np.isnan(layers.GlobalAveragePooling1D()(rows).numpy()[1]).all()


def test_several():
    double = ROWS + ROWS
    assert layers.Add()([ROWS, double]).to_list() == (ROWS + double).to_list()
    joined = layers.Concatenate()([ROWS, double])
    assert tuple(joined.shape) == (3, None, 4) and joined[1].tolist() == [
        [*ROWS[1].tolist()[0], *double[1].tolist()[0]]
    ]


def test_rows_by_keyword():
    assert layers.ReLU()(inputs=ROWS).to_list() == layers.ReLU()(ROWS).to_list()
    assert layers.Add()(inputs=[ROWS, ROWS]).to_list() == (ROWS + ROWS).to_list()
    pooled = layers.GlobalAveragePooling1D()
    assert pooled(inputs=ROWS).tolist() == pooled(ROWS).tolist()
    numbers = RaggedTensor.of([[1, 2], [], [3]])
    table = layers.Embedding(5, 2)
    assert table(inputs=numbers).to_list() == table(numbers).to_list()
    model = models.Sequential([layers.Input((None,), dtype="int32", ragged=True), table, layers.GlobalMaxPooling1D()])
    assert model(inputs=numbers).tolist() == model(numbers).tolist()
    with pytest.raises(ValueError, match=r"Dense.* takes arrays, got rows of different lengths"):
        layers.Dense(2)(inputs=ROWS)

    class ByKeywordAlone(layers.Layer):
        def call(self, *, x):
            return x

    assert ByKeywordAlone()(x=ROWS).to_list() == ROWS.to_list()


def test_batch_statistics_are_of_the_values_alone():
    found = layers.BatchNormalization()(ROWS, training=True)
    wanted = layers.BatchNormalization()(VALUES[None], training=True)[0]
    np.testing.assert_allclose(found.flat_values.numpy(), wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "inputs", "said"),
    [
        (layers.Dense(2, name="d"), ROWS, r"'d' \(Dense\).*different lengths.*to_tensor"),
        (layers.LSTM(2), ROWS, r"LSTM.*different lengths"),
        (layers.Conv1D(2, 2), ROWS, r"Conv1D.*different lengths"),
        (layers.Flatten(), ROWS, r"Flatten.*different lengths"),
        (layers.LayerNormalization(axis=1), ROWS, r"LayerNormalization.*axis=1"),
        (layers.BatchNormalization(axis=1), ROWS, r"BatchNormalization.*axis=1"),
        (layers.Concatenate(axis=1), [ROWS, ROWS], r"Concatenate.*axis=1"),
        (layers.Softmax(), RaggedTensor.of([[1.0], []]), r"Softmax.*axis=-1"),
        (layers.Activation("softmax"), RaggedTensor.of([[1.0], []]), r"Activation.*axis=-1"),
        (layers.GlobalAveragePooling1D(data_format="channels_first"), ROWS, r"data_format='channels_first'"),
        (layers.GlobalMaxPooling1D(data_format="channels_first"), ROWS, r"data_format='channels_first'"),
        (layers.Add(), [ROWS, RaggedTensor.from_row_lengths(VALUES, [1, 3, 2])], r"Add.*with others.*same lengths"),
        (
            layers.Add(),
            [ROWS, ROWS.with_flat_values(VALUES[:, 0])],
            r"Add.*with others.*as many axes",
        ),
        (layers.Add(), [ROWS, ops.ones((3, 3, 2))], r"Add.*with an array of shape \(3, 3, 2\)"),
    ],
)
def test_what_there_is_not(layer, inputs, said):
    with pytest.raises(ValueError, match=said):
        layer(inputs)


def test_layers_of_ones_own_get_rows_as_they_are():
    class Total(layers.Layer):
        def call(self, x):
            return ops.sum(x.to_tensor(), axis=1)

    wanted = [np.sum(row.numpy(), axis=0) for row in ROWS]
    np.testing.assert_allclose(Total()(ROWS).numpy(), wanted, rtol=1e-5)
    np.testing.assert_allclose(layers.Lambda(lambda x: ops.sum(x.to_tensor(), axis=1))(ROWS).numpy(), wanted, rtol=1e-5)


def test_functions_of_ones_own_get_rows_as_they_are():
    numbers = RaggedTensor.of([[1.0, 2.0, 3.0], [5.0]])

    class Centred(layers.Activation):
        def call(self, x):
            return x - ops.expand_dims(ops.sum(x.to_tensor(), axis=1) / ops.cast(x.row_lengths(), "float32"), 1)

    assert Centred("relu")(numbers).to_list() == [[-1, 0, 1], [0]]
    assert layers.Activation(lambda x: x * 2.0)(numbers).to_list() == [[2, 4, 6], [10]]
    assert layers.Activation("relu")(numbers).to_list() == numbers.to_list()


def test_softmax_of_vectors():
    found = layers.Activation("softmax")(ROWS).flat_values.numpy()
    np.testing.assert_allclose(found, layers.Softmax()(VALUES).numpy(), rtol=1e-6)


def test_an_infinity_counts_for_its_own_row_alone():
    rows = RaggedTensor.from_row_lengths(np.array([[1.0], [np.inf], [3.0], [5.0]], "float32"), [2, 1, 1])
    assert layers.GlobalAveragePooling1D()(rows).tolist() == [[np.inf], [3], [5]]


def test_gradients():
    table = layers.Embedding(5, 2)
    rows = RaggedTensor.of([[1, 2], [3]])
    with GradientTape() as tape:
        loss = ops.sum(layers.GlobalAveragePooling1D()(layers.ReLU(negative_slope=1.0)(table(rows))))
    found = tape.gradient(loss, table.trainable_variables)[0].numpy()
    np.testing.assert_allclose(found[:, 0], [0, 0.5, 0.5, 1, 0])
