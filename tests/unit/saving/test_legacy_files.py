"""Files of Keras 2: read with their weights, their optimizer's state and how they were compiled; and written."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, saving

FILES = Path(__file__).parents[2] / "data" / "keras2"
NAMES = ("convolutional", "functional", "attention", "embedding")


def recorded(name):
    with np.load(FILES / f"{name}.npz") as data:
        xs = [data[key] for key in sorted(data.files) if key.startswith("arr")]
        return xs[0] if len(xs) == 1 else xs, data["pred"]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_keras_2(name, tmp_path):
    x, expected = recorded(name)
    model = saving.load_model(FILES / f"{name}.h5")
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    assert int(model.optimizer.iterations.numpy()) == 2
    assert any(np.abs(v.numpy()).max() > 0 for v in model.optimizer.variables[2:])
    model.save(tmp_path / "again.h5")
    again = saving.load_model(tmp_path / "again.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_it_is_compiled_as_it_was():
    model = saving.load_model(FILES / "convolutional.h5")
    x, _ = recorded("convolutional")
    logs = model.evaluate(x, np.zeros(4), verbose=0, return_dict=True)
    assert set(logs) == {"accuracy", "loss"}
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(1e-3)
    assert saving.load_model(FILES / "convolutional.h5", compile=False).compiled is False


def test_weights_alone_by_order_and_by_name():
    x, expected = recorded("functional")
    model = keras.models.clone_model(saving.load_model(FILES / "functional.h5"))
    model.load_weights(FILES / "functional_weights.h5")
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    head = keras.Sequential([keras.Input((22,)), layers.Dense(2, name="out"), layers.Dense(1, name="mine")])
    before = head.layers[1].kernel.numpy().copy()
    head.load_weights(FILES / "functional_weights.h5", by_name=True)
    np.testing.assert_array_equal(head.layers[0].kernel.numpy(), model.get_layer("out").kernel.numpy())
    np.testing.assert_array_equal(head.layers[1].kernel.numpy(), before)


def test_weights_that_do_not_fit_change_nothing():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(3, name="out")])
    before = model.get_weights()
    with pytest.raises(ValueError, match="layers with weights"):
        model.load_weights(FILES / "functional_weights.h5")
    with pytest.raises(ValueError, match="shape"):
        model.load_weights(FILES / "functional_weights.h5", by_name=True)
    with pytest.warns(UserWarning, match="not loaded"):
        model.load_weights(FILES / "functional_weights.h5", by_name=True, skip_mismatch=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def dense_pair(*units):
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, name="first"), *[layers.Dense(n) for n in units]])


@pytest.mark.parametrize("by_name", [False, True])
def test_weights_of_other_shapes_are_passed_over_one_by_one(tmp_path, by_name):
    saved = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="first"), layers.Dense(2, name="end")])
    saved.save(tmp_path / "saved.h5")
    other = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="first"), layers.Dense(3, name="end")])
    before = other.get_weights()
    with pytest.raises(ValueError, match="pass skip_mismatch=True"):
        other.load_weights(tmp_path / "saved.h5", by_name=by_name)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights()))
    saved.layers[0].bias.assign([1.0, 2.0, 3.0, 4.0])
    saved.save(tmp_path / "saved.h5")
    with pytest.warns(UserWarning, match="first/kernel.*not loaded|not loaded.*first/kernel"):
        other.load_weights(tmp_path / "saved.h5", by_name=by_name, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].bias.numpy(), [1, 2, 3, 4])  # as in Keras: it fits
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), before[0])
    np.testing.assert_array_equal(other.layers[1].kernel.numpy(), before[2])


def test_layers_of_one_side_only_are_named(tmp_path):
    dense_pair(4, 4, 4).save(tmp_path / "saved.h5")
    other = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="first"), layers.Dense(1, name="mine")])
    with pytest.raises(
        ValueError, match=r"has 4 layers.*model has 2.*Only in the file: dense.*only in the model: mine"
    ):
        other.load_weights(tmp_path / "saved.h5")
    strange = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="strange")])
    with pytest.warns(UserWarning, match="nothing was loaded: no layer of the file .*strange"):
        strange.load_weights(tmp_path / "saved.h5", by_name=True)


def test_a_model_as_json():
    with h5py.File(FILES / "functional.h5") as file:
        text = file.attrs["model_config"]
    model = keras.models.model_from_json(text)
    assert model.name == "fun"
    assert [i.name for i in model.inputs] == ["a", "b"]


def altered(tmp_path, change, name="convolutional"):
    path = tmp_path / "altered.h5"
    path.write_bytes((FILES / f"{name}.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def set_layer(entry):
    def change(file):
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"].append(entry)
        file.attrs["model_config"] = json.dumps(config)

    return change


def link_outside(kind):
    def change(file):
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        group["kernel:0"] = kind

    return change


def huge(file):
    group = file["model_weights/dense/dense"]
    del group["kernel:0"]
    group.create_dataset("kernel:0", shape=(1 << 20, 1 << 20), dtype="float32", chunks=True, compression="gzip")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_layer({"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None], "name": "x"}}), "Lambda"),
        (set_layer({"class_name": "os>system", "config": {}}), "not known"),
        (set_layer({"class_name": "system", "config": {"command": "true"}, "module": "os"}), "not known"),
        (set_layer({"class_name": "Dense", "config": 3}), "dict"),
        (link_outside(h5py.ExternalLink("/etc/passwd", "/x")), "link"),
        (link_outside(h5py.SoftLink("/model_weights")), "link"),
        (huge, "damaged|trusted"),
        (lambda file: file.attrs.__setitem__("model_config", "{"), "model_config"),
        (lambda file: file.attrs.__delitem__("model_config"), "no model"),
        (lambda file: file["model_weights"].attrs.__delitem__("layer_names"), "layer_names"),
    ],
)
def test_files_that_are_damaged_or_hostile(tmp_path, change, said):
    with pytest.raises((ValueError, TypeError), match=said):
        saving.load_model(altered(tmp_path, change))


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "text.h5").write_text("not a model")
    with pytest.raises(ValueError, match="HDF5"):
        saving.load_model(tmp_path / "text.h5")


def test_long_lists_of_names(tmp_path):
    model = keras.Sequential([keras.Input((1,)), *(layers.Dense(1, name="d" * 900 + str(i)) for i in range(90))])
    model.save(tmp_path / "long.h5")
    with h5py.File(tmp_path / "long.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    again = saving.load_model(tmp_path / "long.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_an_unknown_function_of_tensorflow_is_named(tmp_path):
    def change(file):
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "TFOpLambda":
                layer["config"]["function"] = "raw_ops.WriteFile"
        file.attrs["model_config"] = json.dumps(config)

    with pytest.raises(ValueError, match="raw_ops.WriteFile"):
        saving.load_model(altered(tmp_path, change, "functional"))


def test_a_subclassed_model_needs_the_newer_format(tmp_path):
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(NotImplementedError, match=r"\.keras"):
        Own().save(tmp_path / "own.h5")
    assert not list(tmp_path.iterdir())


def test_json_of_late_versions_of_keras_2():
    """It names the layers' modules, and one shape for a layer that is built with two."""
    x = {"module": "keras.layers", "class_name": "InputLayer", "name": "x", "inbound_nodes": []}
    x["config"] = {"batch_input_shape": [None, 5, 4], "dtype": "float32", "name": "x"}
    attention = {"module": "keras.layers", "class_name": "MultiHeadAttention", "name": "a", "registered_name": None}
    attention["config"] = {"name": "a", "num_heads": 2, "key_dim": 2, "query_shape": None, "value_shape": None}
    attention["build_config"] = {"input_shape": [None, 5, 4]}
    attention["inbound_nodes"] = [[["x", 0, 0, {"value": ["x", 0, 0]}]]]
    config = {"name": "m", "layers": [x, attention], "input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}
    text = json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.21.0"})
    model = keras.models.model_from_json(text)
    assert model(np.ones((1, 5, 4), "float32")).shape == (1, 5, 4)


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5"])
@pytest.mark.parametrize(
    ("layer", "data"),
    [
        (layers.StringLookup, np.array(["a", "b", "a"])),
        (layers.IntegerLookup, np.array([7, 9, 7])),
        (layers.TextVectorization, np.array(["a b", "b c"])),
    ],
)
def test_learned_vocabularies_that_hdf5_files_have_no_place_for_are_told(tmp_path, recwarn, name, layer, data):
    learned = layer(name="words")
    learned.adapt(data)
    kind = "int64" if data.dtype.kind == "i" else "string"
    model = keras.Sequential([keras.Input((1,), dtype=kind), learned])
    with pytest.warns(UserWarning, match=rf"no place for.*without those of 'words' \({layer.__name__}\)\. Save it as"):
        model.save(tmp_path / name)
    recwarn.clear()
    model.save(tmp_path / "m.keras")
    model = keras.Sequential([keras.Input((1,), dtype=kind), layer(name="words", vocabulary=learned.get_vocabulary())])
    model.save(tmp_path / name)
    assert not recwarn.list
    assert saving.load_model(tmp_path / name).layers[0].get_vocabulary() == learned.get_vocabulary()


@pytest.mark.parametrize("name", NAMES)
def test_a_keras_file_of_keras_2(name):
    x, expected = recorded(name)
    model, other = (saving.load_model(FILES / f"{name}.{ending}") for ending in ("keras", "h5"))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    assert int(model.optimizer.iterations.numpy()) == 2
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert type(model.optimizer) is type(other.optimizer)
    y = np.zeros((4,) if name == "convolutional" else expected.shape)
    losses = [m.evaluate(x, y, verbose=0, return_dict=True) for m in (model, other)]
    assert losses[0] == losses[1]
    assert saving.load_model(FILES / f"{name}.keras", compile=False).compiled is False


def test_weights_of_a_keras_file_of_keras_2():
    x, expected = recorded("attention")
    model = keras.models.clone_model(saving.load_model(FILES / "attention.keras"))
    model.compile("rmsprop", "mae")
    model.load_weights(FILES / "attention.keras")
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)


def rewritten(name, path, change):
    """A file of Keras 2 with another configuration."""
    with zipfile.ZipFile(FILES / f"{name}.keras") as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, json.dumps(change(json.loads(data))) if member == "config.json" else data)
    return path


def with_class(name, registered, **more):
    def change(config):
        config["config"]["layers"][-1] |= {"module": None, "class_name": name, "registered_name": registered, **more}
        return config

    return change


def test_classes_of_ones_own_in_a_keras_file_of_keras_2(tmp_path):
    @saving.register_keras_serializable("mine")
    class Dense(layers.Dense):
        def call(self, x):
            return 2 * super().call(x)

    file = rewritten("embedding", tmp_path / "own.keras", with_class("Dense", "mine>Dense"))
    assert type(saving.load_model(file).layers[-1]) is Dense
    file = rewritten("embedding", tmp_path / "other.keras", with_class("Other", "Other"))
    with pytest.raises(ValueError, match=r"written by Keras 2, and something in it cannot be read.*'Other'.*tf_keras"):
        saving.load_model(file)
    assert isinstance(saving.load_model(file, custom_objects={"Other": Dense}).layers[-1], Dense)


def test_code_in_a_keras_file_of_keras_2_is_refused(tmp_path):
    code = {"class_name": "__lambda__", "config": {"value": ["AAAA", None, None]}}
    inner = {"name": "f", "function": code, "function_type": "lambda"}
    change = with_class("Lambda", None, module="keras.layers", config=inner)
    with pytest.raises(ValueError, match=r"(?i)lambda"):
        saving.load_model(rewritten("embedding", tmp_path / "m.keras", change))


def test_what_keras_2_notes_of_its_losses_and_of_sgd(tmp_path):
    loss = {"class_name": "Huber", "config": {"reduction": "auto", "name": "huber_loss", "fn": "huber", "delta": 2.0}}

    def change(config):
        config["compile_config"] |= {"optimizer": "sgd", "loss": {"module": "keras.losses", **loss}}
        return config

    model = saving.load_model(rewritten("embedding", tmp_path / "m.keras", change))
    assert isinstance(model.loss, keras.losses.Huber)
    assert model.loss.get_config()["delta"] == 2.0
    assert int(model.optimizer.iterations.numpy()) == 2  # and momenta, which SGD does not have, are left
