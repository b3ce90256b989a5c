"""The table of how files spell functions."""

import inspect

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.serialization import keras_operations

ROWS = sorted(keras_operations._table().values())


def test_every_row_names_a_function_of_ours_with_its_settings():
    for row in ROWS:
        parameters = inspect.signature(keras_operations._public(row.function)).parameters
        assert set(row.settings) <= set(parameters), row


def test_no_two_rows_are_one_class():
    assert len({(row.module, row.name) for row in ROWS}) == len(ROWS)


def test_settings_and_arguments_find_their_places_again():
    einsum = keras_operations.WithSettings(keras.ops.einsum, {"subscripts": "ij,j->i"})
    np.testing.assert_array_equal(einsum(np.eye(2), np.ones(2)), [1, 1])
    row, settings, args, kwargs = keras_operations.spell(einsum, ["x", "y"], {})
    assert (row.name, settings, args, kwargs) == ("Einsum", {"subscripts": "ij,j->i"}, ["x", "y"], {})


def test_a_skipped_argument_makes_the_later_ones_keywords():
    _, _, args, kwargs = keras_operations.spell(keras.ops.where, ["c"], {"x2": 1.0})
    assert (args, kwargs) == (["c"], {"x2": 1.0})


def test_other_functions_have_no_spelling():
    assert keras_operations.spell(len, ["x"], {}) is None
    assert keras_operations.spell(keras.ops.mean, [], {"nonsense": 1}) is None


@pytest.mark.parametrize("module", ["os", "keras.src.ops", "keras.src.ops.numpy.mean", ""])
def test_only_rows_of_the_table_are_functions(module):
    assert keras_operations.function_of(module, "system") is None


def test_functions_survive_a_configuration():
    x = keras.Input((3,))
    model = keras.Model(x, keras.ops.mean(x * 2.0, axis=-1, keepdims=True) + keras.activations.relu(x))
    again = keras.models.clone_model(keras.Model.from_config(model.get_config()))
    data = np.float32([[1, -2, 4]])
    np.testing.assert_array_equal(again(data), model(data))
    classes = [layer["class_name"] for layer in again.get_config()["layers"]]
    assert sorted(classes) == ["Add", "InputLayer", "Mean", "Multiply", "Relu"]
