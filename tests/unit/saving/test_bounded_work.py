"""Files that would cause work without end are refused, in little time."""

import json
import zipfile

import h5py
import pytest

import pronghorn as keras
from pronghorn.cli.inspect import print_file
from pronghorn.serialization import budget


def _model(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="a" * 40)]).save(path)
    return path


def _rewritten(path, change=None, extra=()):
    """The file with its configuration changed, and with members added."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if change:
        config = json.loads(members["config.json"])
        change(config)
        members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        for name, data in extra:
            archive.writestr(name, data)
    return path


def _with_pattern(pattern):
    policy = {"class_name": "DTypePolicy", "config": {"name": "bfloat16"}}
    table = {"class_name": "DTypePolicyMap", "config": {"default_policy": None, "policy_map": {pattern: policy}}}

    def change(config):
        config["config"]["layers"][1]["config"]["dtype"] = table

    return change


@pytest.mark.parametrize("pattern", ["(a+)+!", "a*a*a*a*!", "(a|a)*!", "a{1,9}!" * 9])
def test_a_pattern_that_backtracks(tmp_path, pattern):
    with pytest.raises(ValueError, match="could take for ever"):
        keras.models.load_model(_rewritten(_model(tmp_path), _with_pattern(pattern)))


@pytest.mark.parametrize("pattern", ["encoder/dense", "encoder/.*", ".*/dense_[0-9]+"])
def test_patterns_that_models_have(tmp_path, pattern):
    keras.models.load_model(_rewritten(_model(tmp_path), _with_pattern(pattern)))


def test_a_pattern_against_a_long_name():
    with budget.variables_limited(1e9, ""):
        table = keras.dtype_policies.DTypePolicyMap("float32", {"a*.*!": keras.dtype_policies.DTypePolicy("bfloat16")})
    with pytest.raises(ValueError, match="too many to be a layer's"):
        table["a" * 100_000]


@pytest.mark.slow
def test_many_assets_that_unpack_to_much(tmp_path):
    blank = bytes(1 << 22)
    path = _rewritten(_model(tmp_path), extra=[(f"assets/{i}", blank) for i in range(100)])
    with pytest.raises(ValueError, match="decompression bomb"):
        keras.models.load_model(path)


def test_a_configuration_of_very_many_layers(monkeypatch):
    monkeypatch.setattr(budget, "_OBJECTS", 300)
    model = json.loads(keras.Sequential([keras.Input((2,)), keras.layers.ReLU()]).to_json())
    entry = model["config"]["layers"][1]
    model["config"]["layers"] += [{**entry, "config": {**entry["config"], "name": f"r{i}"}} for i in range(1000)]
    with pytest.raises(ValueError, match="more than 300 objects"):
        keras.models.model_from_json(json.dumps(model))


def test_deeply_nested_models():
    inner = model = json.loads(keras.Sequential([keras.Input((2,))]).to_json())
    for i in range(300):
        entry = {**model, "config": {"name": f"s{i}", "layers": []}}
        inner["config"]["layers"] = [entry]
        inner = entry
    for text in (json.dumps(model), "[" * 100_000):
        with pytest.raises((ValueError, TypeError)):
            keras.models.model_from_json(text)


@pytest.mark.slow
def test_inspecting_many_arrays(tmp_path, capsys):
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        for i in range(1500):
            file.create_dataset(f"layers/dense_{i}/vars/0", data=[0.0])
    print_file(str(path))
    print_file(str(path), arrays=True)
    assert capsys.readouterr().out.count("and 500 more") == 2
