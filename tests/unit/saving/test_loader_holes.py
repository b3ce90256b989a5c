"""The known holes of Keras's loader, one by one: a file that uses each is refused, and says why."""

import copy
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, saving

KERAS_2 = Path(__file__).parents[2] / "data" / "keras2"


def entry(module, name, config=None, registered=None):
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered}


def model_file(path, *added, change=None, members=None):
    """A `.keras` file of a small model with layers added to its configuration."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(found["config.json"])
    config["config"]["layers"] += added
    if change is not None:
        change(config)
    found["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**found, **(members or {})}.items():
            archive.writestr(name, data)
    return path


def refused(path, match, kind=(ValueError, TypeError)):
    """Loading the file is an error that says why, and has no effect."""
    here = sorted(os.listdir(path.parent))
    unsafe = keras.config.is_unsafe_deserialization_enabled()
    with pytest.raises(kind, match=match):
        saving.load_model(path)
    assert sorted(os.listdir(path.parent)) == here
    assert keras.config.is_unsafe_deserialization_enabled() is unsafe is False


@pytest.fixture
def bad(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bad.keras"


def test_cve_2025_1550_a_configuration_names_any_module(bad):
    call = entry("subprocess", "Popen", {"args": ["touch", "owned"]})
    refused(model_file(bad, call), "not known")
    function = {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}
    refused(model_file(bad, entry("keras.layers", "Lambda", {"name": "x", "function": function})), "not known|Lambda")
    refused(model_file(bad, entry("keras.layers", "Activation", {"name": "x", "activation": function})), "system")


def test_cve_2025_8747_a_lambda_of_a_public_function(bad):
    function = {"module": "builtins", "class_name": "function", "config": "load_model", "registered_name": "function"}
    layer = entry("keras.layers", "Lambda", {"name": "x", "function": function, "arguments": {"safe_mode": False}})
    layer["inbound_nodes"] = [{"args": ["other.keras"], "kwargs": {}}]
    refused(model_file(bad, layer), "load_model")


def test_cve_2025_9906_a_configuration_turns_the_safety_off(bad):
    off = entry("keras.config", "enable_unsafe_deserialization")
    code = entry(
        "keras.layers", "Lambda", {"function": {"class_name": "__lambda__", "config": {"value": {"code": ""}}}}
    )
    refused(model_file(bad, off, code), "enable_unsafe_deserialization")
    function = {**off, "module": "builtins", "class_name": "function", "config": "enable_unsafe_deserialization"}
    refused(model_file(bad, entry("keras.layers", "Activation", {"activation": function})), "unsafe")


def test_cve_2025_9905_code_in_a_legacy_file(tmp_path):
    path = tmp_path / "bad.h5"
    path.write_bytes((KERAS_2 / "convolutional.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        code = ["4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMEAAAAfABTAA==\n", None, None]
        added = {"class_name": "Lambda", "config": {"name": "x", "function": code, "function_type": "lambda"}}
        config["config"]["layers"].append(added)
        file.attrs["model_config"] = json.dumps(config)
    refused(path, "safe_mode|Lambda")


def test_cve_2025_49655_a_pickle_in_a_wrapper(bad):
    for name in ("TorchModuleWrapper", "JaxLayer", "FlaxLayer"):
        layer = entry("keras.layers", name, {"module": "gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAV0b3VjaJSFlFKULg=="})
        refused(model_file(bad, layer), name, (NotImplementedError, TypeError, ValueError))


def test_cve_2025_12058_a_vocabulary_that_is_a_path(bad, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("a\nb\n")
    for name in ("StringLookup", "TextVectorization", "IntegerLookup"):
        for path in (str(secret), "http://127.0.0.1:9/x", "gs://bucket/x"):
            layer = entry("keras.layers", name, {"name": "x", "vocabulary": path})
            refused(model_file(bad, layer), "vocabulary")


@pytest.mark.parametrize("kind", ["link", "dots", "link then through it"])
def test_cve_2025_12060_and_12638_tars_that_lead_outside(tmp_path, kind):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        if kind != "dots":
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, ".."
            tar.addfile(link)
        name = {"link": "x", "dots": "../owned", "link then through it": "link/owned"}[kind]
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="not unpacked"):
        keras.utils.get_file(origin=archive.as_uri(), cache_dir=tmp_path / "cache", extract=True)
    assert not list(tmp_path.rglob("owned"))


def test_cve_2026_0897_a_data_set_that_declares_a_huge_shape(tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with h5py.File(tmp_path / "bad.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", shape=(1 << 34, 1 << 4), dtype="float32", chunks=(1 << 20, 1))
        file["layers/dense/vars/1"] = np.zeros(1, "float32")
    with pytest.raises(ValueError, match="shape"):
        model.load_weights(tmp_path / "bad.weights.h5")


def test_cve_2026_1462_a_layer_that_loads_another_model(bad):
    layer = entry("keras.layers", "TFSMLayer", {"filepath": "/etc", "call_endpoint": "serve"})
    refused(model_file(bad, layer), "TFSMLayer", (NotImplementedError, TypeError, ValueError))


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_cve_2026_1669_data_that_lies_elsewhere(tmp_path, kind):
    (tmp_path / "secret").write_bytes(bytes(8))
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with h5py.File(tmp_path / "bad.weights.h5", "w") as file:
        group = file.create_group("layers/dense/vars")
        group["1"] = np.zeros(1, "float32")
        if kind == "external link":
            group["0"] = h5py.ExternalLink("secret", "/x")
        elif kind == "soft link":
            group["0"] = h5py.SoftLink("/layers/dense/vars/1")
        elif kind == "external storage":
            group.create_dataset("0", shape=(2, 1), dtype="float32", external=[(str(tmp_path / "secret"), 0, 8)])
        else:
            layout = h5py.VirtualLayout(shape=(2, 1), dtype="float32")
            layout[...] = h5py.VirtualSource(str(tmp_path / "secret"), "x", shape=(2, 1))
            group.create_virtual_dataset("0", layout)
    with pytest.raises(ValueError, match="link|another file"):
        model.load_weights(tmp_path / "bad.weights.h5")


def test_cve_2026_12479_a_layers_name_that_is_a_path(bad, tmp_path):
    layer = entry("keras.layers", "StringLookup", {"name": "../../owned", "vocabulary": None})
    refused(model_file(bad, layer, members={"assets/layers/x/vocabulary.txt": b"a"}), "name|/")
    model = keras.Sequential([keras.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a"])])
    with pytest.raises((TypeError, ValueError), match="/"):
        model.layers[0].name = "../../owned"
        model.save(tmp_path / "m.keras")
        saving.load_model(tmp_path / "m.keras")
    assert not list(tmp_path.parent.glob("owned*"))


def test_cve_2026_12481_a_lambda_without_a_safe_mode():
    config = {"name": "x", "function": {"class_name": "__lambda__", "config": {"value": {"code": "4wE="}}}}
    with pytest.raises(ValueError, match="safe_mode"):
        layers.Lambda.from_config(config)
    with pytest.raises(ValueError, match="safe_mode"):
        saving.deserialize_keras_object(entry("keras.layers", "Lambda", config))


def test_a_pickled_model_keeps_the_safety():
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x + 1)])
    data = pickle.dumps(model)
    with pytest.raises(ValueError, match="safe_mode|enable_unsafe_deserialization"):
        pickle.loads(data)
    copied = copy.deepcopy(model)  # nothing comes from outside here
    np.testing.assert_array_equal(copied(np.ones((1, 2), "float32")), [[2, 2]])


def test_a_function_that_is_a_class(bad):
    function = {"module": "builtins", "class_name": "function", "config": "Dense", "registered_name": "function"}
    refused(model_file(bad, entry("keras.layers", "Activation", {"activation": function})), "Dense")


BOMB = """
import os, resource, sys, time
import pronghorn as keras

def peak():  # in kB; Linux counts in ru_maxrss what the parent held when it forked
    if os.path.exists("/proc/self/status"):
        return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

base = peak()
started = time.perf_counter()
try:
    keras.models.load_model(sys.argv[1])
    print("loaded")
except (ValueError, TypeError, NotImplementedError) as error:
    print(type(error).__name__, str(error)[:200].replace(chr(10), " "))
print(peak() - base, time.perf_counter() - started)
"""


def bombs(path):
    """Files of at most some kB that would unfold to gigabytes, or keep a loader busy for ever."""
    wide = entry("keras.layers", "Dense", {"name": "wide", "units": 1 << 40})
    unrolled = entry("keras.layers", "LSTM", {"name": "x", "units": 1, "unroll": True, "return_sequences": True})

    def sequences(config):
        config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**8, 1]
        config["config"]["layers"][1:] = [unrolled]

    inner = entry("keras.layers", "LSTM", {"name": "deep", "units": 1, "return_sequences": True})
    for number in range(40):
        inner = entry("keras.layers", "Bidirectional", {"name": f"b{number}", "layer": inner})

    def nested(config):
        config["config"]["layers"][0]["config"]["batch_shape"] = [None, 3, 1]
        config["config"]["layers"][1:] = [inner]

    def pictures(config):
        config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**9, 10**9, 10**9]

    yield model_file(path / "wide.keras", wide)
    yield model_file(path / "unrolled.keras", change=sequences)
    yield model_file(path / "nested.keras", change=nested)
    yield model_file(path / "pictures.keras", change=pictures)
    yield model_file(path / "spectrogram.keras", entry("keras.layers", "MelSpectrogram", {"fft_length": 1 << 34}))
    yield model_file(
        path / "embedding.keras", entry("keras.layers", "Embedding", {"input_dim": 10**9, "output_dim": 64})
    )
    yield model_file(path / "buckets.keras", entry("keras.layers", "CategoryEncoding", {"num_tokens": 10**12}))
    zeros = path / "zeros.keras"
    model_file(zeros)
    with zipfile.ZipFile(zeros, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/layers/dense/zeros", bytes(1 << 24))
    yield zeros
    with h5py.File(path / "w.h5", "w") as file:
        for number in range(40):
            shape = (1 << 30,)
            file.create_dataset(
                f"layers/dense/vars/{number}", shape=shape, dtype="float32", chunks=(1 << 20,), compression=9
            )
    yield model_file(path / "chunks.keras", members={"model.weights.h5": (path / "w.h5").read_bytes()})


@pytest.mark.slow
def test_bombs_take_neither_memory_nor_time(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(keras.__file__).parents[1])}
    for file in bombs(tmp_path):
        assert file.stat().st_size < 80_000
        command = [sys.executable, "-c", BOMB, file]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (file.name, done.stderr[-1000:])
        said, figures = done.stdout.strip().splitlines()
        kilobytes, seconds = map(float, figures.split())
        assert said != "loaded" or file.stem in ("pictures", "buckets", "spectrogram"), file.name
        assert kilobytes < 400_000, (file.name, said, figures)
        assert seconds < 30, (file.name, said, figures)


def test_a_text_that_is_said_to_be_gigabytes_long(tmp_path):
    """HDF5 allocates what the file says before it looks whether it is there."""
    path = tmp_path / "bad.h5"
    keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(path)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    at = data.index(heap.to_bytes(8, "little"))
    while at >= 0:
        data[at - 4 : at] = (0xF0000000).to_bytes(4, "little")
        at = data.find(heap.to_bytes(8, "little"), at + 8)
    path.write_bytes(data)
    command = [sys.executable, "-c", BOMB, path]
    environment = {**os.environ, "PYTHONPATH": str(Path(keras.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    said, figures = done.stdout.strip().splitlines()
    assert said.startswith("ValueError"), done.stderr
    assert float(figures.split()[0]) < 400_000
