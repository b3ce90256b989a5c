"""`Embedding`: indices that the table has no row for."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import GradientTape, Input, Model, Sequential, layers, ops
from pronghorn.data import RaggedTensor
from pronghorn.saving import load_model

GOOD = np.array([[0, 4], [2, 3]])


def model_of(kind):
    if kind == "sequential":
        return Sequential([layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)])
    text, other = Input((2,), name="text"), Input((3,), name="other")
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(5, 2)(text)), other])
    return Model([text, other], layers.Dense(1)(joined))


def inputs_of(kind, x):
    if kind == "sequential":
        return x
    other = np.zeros((len(x), 3), "float32")
    return {"other": other, "text": x} if kind == "dict" else [x, other]


@pytest.mark.parametrize(
    ("bad", "mend"),
    [(5, "largest index plus one, here 6"), (-1, "Number missing entries"), (17, "input_dim=18"), (7.0, "input_dim=8")],
)
def test_arrays(bad, mend):
    with pytest.raises(ValueError, match=rf"'embedding.*index {bad:.0f}.*5 rows.*0 to 4.*{mend}"):
        layers.Embedding(5, 2)(np.where(GOOD == 3, bad, GOOD))


@pytest.mark.parametrize("kind", ["sequential", "functional", "dict"])
def test_before_training(kind):
    model = model_of(kind)
    model.compile("sgd", "mse")
    y = np.zeros((2, 1), "float32")
    model.fit(inputs_of(kind, GOOD), y, verbose=0)
    before = model.get_weights()
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="index 6.*0 to 4"):
            run(inputs_of(kind, GOOD + 2), y, verbose=0)
    with pytest.raises(ValueError, match="index -1.*0 to 4"):
        model.predict(inputs_of(kind, GOOD - 1), verbose=0)
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))


def test_a_table_that_was_built_alone_is_built_again_by_its_configuration(tmp_path):
    table = layers.Embedding(4, 2)
    table.build()
    assert table.get_build_config() == {"shapes_dict": {}} and layers.Dense(1).get_build_config() is None
    Sequential([table]).save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.layers[0].embeddings.numpy(), table.embeddings.numpy())


def test_rows_of_different_lengths():
    layer = layers.Embedding(5, 2)
    table = layer(np.arange(5)).numpy()
    rows = RaggedTensor.of([[1], [], [2, 3]])
    found = layer(rows)
    assert found.nested_splits[0].tolist() == [0, 1, 1, 3]
    np.testing.assert_array_equal(found.flat_values.numpy(), table[[1, 2, 3]])
    assert layer(RaggedTensor.of([[[1], [2, 3]], []])).shape == (2, None, None, 2)
    assert layer(RaggedTensor.of([[], []], dtype="int32", depth=1)).flat_values.shape == (0, 2)
    with GradientTape() as tape:
        total = ops.sum(layer(rows).flat_values)
    (gradient,) = tape.gradient(total, layer.trainable_variables)
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient)[:, 0], [0, 1, 1, 1, 0])
    with pytest.raises(ValueError, match="the table has 5 rows"):
        layer(RaggedTensor.of([[1], [7, 3]]))
    with pytest.raises(ValueError, match=r"Pad them to one length first, with x\.to_tensor"):
        layers.Dense(2)(RaggedTensor.of([[1.0], [2.0, 3.0]]))
