"""FeatureSpace: columns of a table, each by its kind."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.data import Dataset
from pronghorn.utils import FeatureSpace

TABLE = {
    "size": [i / 10 for i in range(10)],
    "price": [float(i) for i in range(10)],
    "age": [float(i * i) for i in range(10)],
    "rooms": list(range(10)),
    "city": [str(i % 3) for i in range(10)],
}


def test_one_vector_of_all_columns():
    kinds = {"size": "float", "price": "float_normalized", "age": "float_discretized", "rooms": "integer_categorical"}
    space = FeatureSpace({**kinds, "city": "string_hashed"}, crosses=[("rooms", "city")])
    with pytest.raises(ValueError, match=r"adapt\(data\)` first; .*: price, age, rooms"):
        space(TABLE)
    space.adapt(Dataset.from_tensor_slices(TABLE))
    encoded = np.asarray(space(TABLE))
    assert encoded.shape == (10, 1 + 1 + 32 + 11 + 32 + 32)
    ends = np.cumsum([32, 32, 1, 11, 1])  # in the order of the columns' names, the cross at the end
    age, city, price, rooms, size, cross = np.split(encoded, ends, axis=1)
    np.testing.assert_allclose(size[:, 0], TABLE["size"], rtol=1e-6)
    np.testing.assert_allclose(price.mean(), 0, atol=1e-5)
    for one_hot in (age, city, rooms, cross):
        assert (one_hot.sum(1) == 1).all() and set(np.unique(one_hot)) == {0, 1}
    one = space({column: values[3] for column, values in TABLE.items()})
    np.testing.assert_array_equal(one, encoded[3])


def test_batches_adapt_like_rows():
    spaces = []
    for data in (Dataset.from_tensor_slices(TABLE), Dataset.from_tensor_slices(TABLE).batch(4), TABLE):
        space = FeatureSpace({"price": "float_normalized", "rooms": "integer_categorical"})
        space.adapt(data)
        spaces.append(np.asarray(space(TABLE)))
    np.testing.assert_allclose(spaces[0], spaces[1], rtol=1e-5)
    np.testing.assert_allclose(spaces[0], spaces[2], rtol=1e-5)


def test_a_bar_while_it_adapts(capsys):
    space = FeatureSpace({"price": "float_normalized"})
    space.adapt(Dataset.from_tensor_slices(TABLE))
    assert capsys.readouterr().out == ""
    count = len(TABLE["price"])
    space.adapt(Dataset.from_tensor_slices(TABLE), verbose=2)
    assert f"{count}/{count}" in capsys.readouterr().out
    space.adapt((row for row in Dataset.from_tensor_slices(TABLE)), verbose=1)
    assert f"{count}/" in capsys.readouterr().out


def test_a_dict_of_integers_saved_and_loaded(tmp_path):
    space = FeatureSpace(
        {
            "rooms": FeatureSpace.integer_categorical(output_mode="int"),
            "city": FeatureSpace.string_categorical(num_oov_indices=0, output_mode="int"),
            "size": FeatureSpace.float_rescaled(scale=2.0, offset=1.0),
        },
        crosses=[FeatureSpace.cross(("rooms", "city"), 8, "int")],
        output_mode="dict",
    )
    space.adapt(Dataset.from_tensor_slices(TABLE))
    encoded = space(TABLE)
    assert set(encoded) == {"rooms", "city", "size", "rooms_X_city"}
    assert set(np.asarray(encoded["city"]).ravel()) == {0, 1, 2} and np.asarray(encoded["rooms_X_city"]).max() < 8
    np.testing.assert_allclose(np.asarray(encoded["size"])[:, 0], 1 + 2 * np.array(TABLE["size"]), rtol=1e-6)
    space.save(tmp_path / "space.keras")
    loaded = keras.saving.load_model(tmp_path / "space.keras")
    for column, values in loaded(TABLE).items():
        np.testing.assert_array_equal(values, encoded[column])


def test_in_a_model():
    space = FeatureSpace({"size": "float", "age": FeatureSpace.float_discretized(3, bin_boundaries=[10.0, 40.0])})
    features = space.get_encoded_features()
    assert features.shape == (None, 4)
    model = keras.Model(space.get_inputs(), keras.layers.Dense(1)(features))
    columns = {column: np.array(TABLE[column], "float32")[:, None] for column in ("size", "age")}
    assert model.predict(columns, verbose=0).shape == (10, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": {}}, "cannot be None or empty"),
        ({"features": {"a": "floats"}}, "unknown kind 'floats'; nearest: float"),
        ({"features": {"a": "float"}, "output_mode": "vector"}, "must be 'concat' or 'dict', got 'vector'"),
        ({"features": {"a": "integer_hashed"}, "crosses": [("a", "b")]}, "'b' of a_X_b is not"),
        (
            {"features": {"a": "integer_hashed", "b": "integer_hashed"}, "crosses": [("a", "b")], "crossing_dim": None},
            "`crossing_dim` must say",
        ),
        ({"features": {"a": "float", "b": "integer_hashed"}, "crosses": [("a", "b")]}, "'a' .* comes out as floats"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpace(**arguments)


def test_data_is_checked():
    space = FeatureSpace({"rooms": "integer_categorical"})
    with pytest.raises(ValueError, match="no column 'rooms'"):
        space.adapt({"room": [1]})
    with pytest.raises(ValueError, match="Take labels away first"):
        space.adapt(Dataset.from_tensor_slices((TABLE, np.zeros(10))))
    space.adapt(TABLE)
    with pytest.raises(ValueError, match="no column rooms"):
        space({"city": ["a"]})


def test_gaps_are_told_by_column():
    space = FeatureSpace({"price": "float_normalized", "age": "float_discretized", "size": "float"})
    table = {name: np.array(TABLE[name]) for name in ("price", "age", "size")}
    for values in table.values():
        values[3] = np.nan
    with pytest.warns(UserWarning, match="NaN") as told:
        space.adapt(table)
    words = [str(w.message) for w in told]
    assert [word.partition("NaN")[0] for word in words] == [
        f"FeatureSpace.adapt: the column {name!r} holds 1 " for name in ("price", "age")
    ]
