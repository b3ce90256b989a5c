"""Saving models and weights, and loading them."""

import json
import os
import warnings
import zipfile

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import initializers, layers, saving
from pronghorn.saving.tree_walk import saveables
from pronghorn.serialization import objects as serialization


def small_model():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )


class Nested(keras.Model):
    """Layers in attributes, lists, dicts, twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.zed = layers.Dense(2)
        self.a1 = layers.Dense(2)
        self.Zed = layers.Dense(2)
        self.list10 = [layers.Dense(2)]
        self._p = layers.Dense(2)
        self.l2 = [layers.Dense(2), [layers.Dense(2)], self.zed]
        self.by_name = {"x": layers.Dense(2)}
        self.alias = self.zed

    def call(self, x):
        order = (self.zed, self.a1, self.Zed, self.list10[0], self._p, self.l2[0], self.l2[1][0], self.by_name["x"])
        for layer in order:
            x = layer(x)
        return x


def assert_same_weights(a, b):
    assert [tuple(v.shape) for v in a.weights] == [tuple(v.shape) for v in b.weights]
    for left, right in zip(a.weights, b.weights):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_a_model_comes_back(tmp_path):
    model = small_model()
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, 0.25, variable.dtype))
    model.save(tmp_path / "model.keras")
    loaded = saving.load_model(tmp_path / "model.keras")
    assert_same_weights(model, loaded)
    assert [v.numpy().tolist() for v in loaded.optimizer.variables] == [
        v.numpy().tolist() for v in model.optimizer.variables
    ]
    assert not saving.load_model(tmp_path / "model.keras", compile=False).compiled


def test_the_archive_has_the_members_of_keras(tmp_path):
    small_model().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert archive.namelist()[:3] == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["keras_version"]
        config = json.loads(archive.read("config.json"))
    assert (config["module"], config["class_name"]) == ("keras", "Sequential")
    assert list(tmp_path.iterdir()) == [tmp_path / "model.keras"]  # nothing left beside it


def test_paths_are_those_of_keras():
    model = Nested()
    model(np.ones((1, 2), "float32"))
    assert [path for path, _ in saveables(model)] == [
        "",
        "Zed",
        "a1",
        "alias",
        "by_name/dense",
        "l2/dense",
        "l2/container/dense",
        "layers/dense_3",
        "layers/dense_4",
    ]


def test_weights_of_a_subclassed_model_come_back(tmp_path):
    first, second = Nested(), Nested()
    for model in (first, second):
        model(np.ones((1, 2), "float32"))
    first.save_weights(tmp_path / "a.weights.h5")
    second.load_weights(tmp_path / "a.weights.h5")
    assert_same_weights(first, second)


def test_bfloat16_weights_come_back(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    model.save(tmp_path / "model.keras")
    assert_same_weights(model, saving.load_model(tmp_path / "model.keras"))


def test_a_folder_instead_of_a_file(tmp_path):
    model = small_model()
    model.save(tmp_path / "model", zipped=False)
    assert sorted(os.listdir(tmp_path / "model")) == ["config.json", "metadata.json", "model.weights.h5"]
    assert_same_weights(model, saving.load_model(tmp_path / "model"))


def test_a_registered_layer_comes_back(tmp_path):
    @saving.register_keras_serializable(package="test_model_files")
    class Scale(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1],), initializer="random_normal")

        def call(self, x):
            return x * self.w

    model = keras.Sequential([keras.Input((3,)), Scale()])
    model.save(tmp_path / "model.keras")
    assert_same_weights(model, saving.load_model(tmp_path / "model.keras"))


def test_an_unknown_class_names_the_mend(tmp_path):
    class Unknown(layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((3,)), Unknown()]).save(tmp_path / "model.keras")
    with pytest.raises(TypeError, match="custom_objects"):
        saving.load_model(tmp_path / "model.keras")
    saving.load_model(tmp_path / "model.keras", custom_objects={"Unknown": Unknown})


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    model = small_model()
    model.save_weights(tmp_path / "a.weights.h5")
    other = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"does not fit the model(.|\n)*dense.*shape(.|\n)*skip_mismatch"):
        other.load_weights(tmp_path / "a.weights.h5")
    for left, right in zip(before, other.get_weights()):
        np.testing.assert_array_equal(left, right)
    with pytest.warns(UserWarning, match="not loaded"):
        other.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_a_file_for_another_model_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["something"] = np.zeros(3)
    with pytest.raises(ValueError, match="has no weights for this model"):
        small_model().load_weights(tmp_path / "a.weights.h5")


def test_weights_from_a_model_file(tmp_path):
    first, second = small_model(), small_model()
    first.save(tmp_path / "model.keras")
    second.load_weights(tmp_path / "model.keras")
    assert_same_weights(first, second)


def test_overwriting(tmp_path, monkeypatch):
    model = small_model()
    path = tmp_path / "model.keras"
    path.write_text("precious")
    monkeypatch.setattr("sys.stdin", open(os.devnull))
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(path, overwrite=False)
    assert path.read_text() == "precious"
    model.save(path)
    saving.load_model(path)


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    model = small_model()
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    old = path.read_bytes()

    def fail(store):
        raise OSError("disk full")

    monkeypatch.setattr(model.layers[-1], "save_own_variables", fail, raising=False)
    with pytest.raises(OSError, match="disk full"):
        model.save_weights(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["a.weights.h5"]


@pytest.mark.parametrize("name", ["model", "model.h5.gz", "model.pb"])
def test_unknown_endings(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.keras"):
        small_model().save(tmp_path / name)
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        small_model().save_weights(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        saving.load_model(tmp_path / name)


@saving.register_keras_serializable("short_lived")
class Starts(layers.Layer):
    """Says how it starts with objects that are gone as soon as they are written."""

    def __init__(self, first, second, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = (initializers.get(name) for name in (first, second))
        self.names = [first, second]

    def get_config(self):
        first, second = (saving.serialize_keras_object(initializers.get(name)) for name in self.names)
        return {**super().get_config(), "first": first, "second": second}


def test_objects_that_are_gone_are_not_taken_for_others(tmp_path):
    """Another object may get the id of one that is gone, and is none the less another."""
    names = ["zeros", "ones"] * 10
    model = keras.Sequential([keras.Input((2,)), *(Starts(names[i], names[i + 1]) for i in range(0, 20, 2))])
    model.save(tmp_path / "model.keras")
    loaded = saving.load_model(tmp_path / "model.keras")
    for layer in loaded.layers:
        assert isinstance(layer.first, initializers.Zeros) and isinstance(layer.second, initializers.Ones)


@pytest.mark.parametrize("name", ["Adam", "SGD", "AdamW"])
def test_optimizers_of_keras_on_pytorch_are_read(name):
    module = f"keras.src.backend.torch.optimizers.torch_{name.lower()}"
    config = {"module": module, "class_name": name, "config": {"learning_rate": 0.25}, "registered_name": name}
    found = saving.deserialize_keras_object(config)
    assert type(found) is getattr(keras.optimizers, name) and float(found.learning_rate) == 0.25


def test_a_format_that_is_named_too_is_left_to_the_ending(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.warns(UserWarning, match="save_format.*Leave it out; got 'keras_v3'"):
        model.save(tmp_path / "model.keras", save_format="keras_v3")
    assert keras.saving.load_model(tmp_path / "model.keras").count_params() == 3
    with pytest.raises(ValueError, match="save_format='tf'.*end with '.keras'"):
        model.save(tmp_path / "model", save_format="tf")


def test_what_is_inside_goes_through_the_public_function(monkeypatch):
    """Libraries put a function of their own in its place, which knows more kinds of values, such as classes."""
    original = serialization.deserialize_keras_object

    def knowing_types(config, *args, **kwargs):
        return int if config == "type:int" else original(config, *args, **kwargs)

    monkeypatch.setattr(serialization, "deserialize_keras_object", knowing_types)
    assert knowing_types({"a": ["type:int", 1], "b": {"c": "type:int"}}) == {"a": [int, 1], "b": {"c": int}}


def test_arrays_of_the_engines_libraries_are_kept_as_tensors():
    array = pytest.importorskip("jax.numpy").array([1.5, 2.0], "float32")
    config = saving.serialize_keras_object({"value": array})
    assert config["value"] == {"class_name": "__tensor__", "config": {"value": [1.5, 2.0], "dtype": "float32"}}
    np.testing.assert_array_equal(saving.deserialize_keras_object(config)["value"], [1.5, 2.0])


@pytest.mark.parametrize("make", [Nested, lambda: keras.Sequential([layers.Dense(2, name="zed")])])
def test_saving_before_there_are_weights_is_told(make, tmp_path):
    model = make()
    with pytest.warns(UserWarning, match=r"before it has been built, so the file holds no weights of .*build\(\)"):
        model.save(tmp_path / "model.keras")
    model(np.ones((1, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "model.keras")


def test_a_model_whose_parts_alone_are_called_is_saved_without_a_word(tmp_path):
    class Pair(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = small_model(), small_model()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pair().save(tmp_path / "model.keras")
