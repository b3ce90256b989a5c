"""Weights in several files, and in safetensors files."""

import json

import ml_dtypes
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.saving.safetensors_store import SafetensorsReader, SafetensorsWriter

safetensors = pytest.importorskip("safetensors.numpy")

GB = 1 << 30


def a_model(seed=0, dtype="float32"):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", dtype=dtype),
            layers.BatchNormalization(),
            layers.Dense(4, dtype=dtype),
        ]
    )
    model.compile("adam", "mse")
    model.fit(np.ones((8, 16)), np.ones((8, 4)), verbose=0)
    return model


def state(model):
    return [v.numpy() for v in [*model.variables, *model.optimizer.variables]]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(state(one), state(other), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_safetensors_round_trip(tmp_path, dtype):
    model, other = a_model(0, dtype), a_model(1, dtype)
    path = tmp_path / "w.safetensors"
    model.save_weights(path)
    other.load_weights(path)
    assert same(model, other)
    if dtype == "float32":
        arrays = safetensors.load_file(path)
        np.testing.assert_array_equal(arrays["layers/dense/vars/0"], model.layers[0].kernel.numpy())
    else:
        assert model.layers[0].kernel.numpy().dtype == ml_dtypes.bfloat16


def test_damaged_safetensors(tmp_path):
    model = a_model()
    path = tmp_path / "w.safetensors"
    model.save_weights(path)
    data = path.read_bytes()
    for bad in (b"", b"\xff" * 64, data[:100], data[:-1], (1 << 60).to_bytes(8, "little") + data[8:]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="safetensors"):
            model.load_weights(path)


DTYPES = (
    *(
        "bool",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    ),
    *("complex64", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_type_in_a_safetensors_file(dtype, order, tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, 6) if dtype == "bool" else np.array([1, 2, 3, 4, 120, -4])
    array = np.array(bits.reshape(2, 3).astype(dtype), order=order)
    with SafetensorsWriter(tmp_path / "w.safetensors") as writer:
        writer.make("layers/dense")["0"] = array
    with SafetensorsReader(tmp_path / "w.safetensors") as reader:
        read = reader.get("layers/dense")["0"]
    assert read.dtype == array.dtype
    assert read.tobytes() == array.tobytes()


def test_other_weights_in_a_safetensors_file(tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.save_file({"encoder.weight": np.ones((2, 2), "float32")}, path)
    with pytest.raises(ValueError, match="no weights for this model"):
        a_model().load_weights(path)


def test_several_files(tmp_path):
    model, other = a_model(0), a_model(1)
    path = tmp_path / "w.weights.json"
    model.save_weights(path, max_shard_size=2100 / GB)
    files = sorted(tmp_path.glob("w_*.weights.h5"))
    assert len(files) >= 3
    assert set(json.loads(path.read_text())["weight_map"]) >= {"/layers/dense/vars", "/optimizer/vars"}
    other.load_weights(path)
    assert same(model, other)


def test_saving_again_leaves_only_the_new_files(tmp_path):
    path = tmp_path / "w.weights.json"
    a_model(0).save_weights(path, max_shard_size=2100 / GB)
    before = set(tmp_path.iterdir())
    model, other = a_model(2), a_model(1)
    model.save_weights(path, max_shard_size=4000 / GB)
    after = set(tmp_path.iterdir())
    assert before & after == {path}
    other.load_weights(path)
    assert same(model, other)


def test_an_array_too_large_for_a_file_leaves_the_old_ones(tmp_path):
    path = tmp_path / "w.weights.json"
    model = a_model(0)
    model.save_weights(path, max_shard_size=2100 / GB)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="max_shard_size"):
        model.save_weights(path, max_shard_size=200 / GB)
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


def test_the_other_ending_is_told(tmp_path):
    with pytest.warns(UserWarning, match="w.weights.json"):
        a_model().save_weights(tmp_path / "w.weights.h5", max_shard_size=1)
    assert (tmp_path / "w.weights.json").exists()
    with pytest.raises(ValueError, match="'.weights.json'"):
        a_model().save_weights(tmp_path / "w.bin", max_shard_size=1)
    with pytest.raises(ValueError, match="positive"):
        a_model().save_weights(tmp_path / "w.weights.json", max_shard_size=0)


@pytest.mark.parametrize("file", ["../w_00000.weights.h5", "/etc/passwd", "sub/w.weights.h5", 3, "w_00000.json"])
def test_an_index_names_only_files_beside_it(tmp_path, file):
    path = tmp_path / "w.weights.json"
    path.write_text(json.dumps({"weight_map": {"/layers/dense/vars": [file]}}))
    with pytest.raises(ValueError, match="refused"):
        a_model().load_weights(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', "[" * 100_000])
def test_what_is_no_index(tmp_path, text):
    path = tmp_path / "w.weights.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="index"):
        a_model().load_weights(path)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "w.weights.json"
    model = a_model()
    model.save_weights(path, max_shard_size=2100 / GB)
    sorted(tmp_path.glob("w_*.weights.h5"))[0].unlink()
    before = state(model)
    with pytest.raises(ValueError, match="not beside it"):
        model.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, state(model)))
