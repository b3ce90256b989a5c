"""Files whose parts are sound and whose contents are not: huge numbers, loops, links, bombs and headers that lie.

Each is refused with a documented error, at once, without memory, and nothing is written.
"""

import contextlib
import io
import json
import struct
import time
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.saving.inspection import inspect_file

DOCUMENTED = (ValueError, TypeError, NotImplementedError)
SECONDS = 10  # of this process: hundreds of times what a refusal takes
MEMORY = 200 << 20
KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")])


@pytest.fixture(scope="module")
def members(model, tmp_path_factory):
    """What is in a sound archive."""
    path = tmp_path_factory.mktemp("sound") / "m.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def archive_of(members, tmp_path):
    def make(config=None, added=(), method=zipfile.ZIP_STORED, weights=None):
        path = tmp_path / "bad.keras"
        others = {"config.json": config, "model.weights.h5": weights}
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in members.items():
                archive.writestr(name, content if others.get(name) is None else others[name])
            for name, content in added:
                archive.writestr(name, content)
        return path

    return make


@contextlib.contextmanager
def bounded(path):
    """Little time and memory, and no file but ``path``."""
    started = time.process_time()
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - started < SECONDS
    assert peak < MEMORY
    assert list(path.parent.iterdir()) == [path]


def refused(path, load, match=None, longest=3000):
    with bounded(path), pytest.raises(DOCUMENTED, match=match) as caught:
        load(path)
    assert len(str(caught.value)) < longest  # it is read by people


# -- configurations ---------------------------------------------------------------------------------------------------
NUMBERS = {
    "400 digits": "1" + "0" * 400, "5000 digits": "9" * 5000, "a million digits": "9" * 1_000_000, "infinity": "1e999",
    "less than everything": "-1e999", "NaN": "NaN", "2**62": str(2**62), "-2**63": str(-(2**63)), "a fraction": "3.25",
    "true": "true",
}  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_units(archive_of, members, number):
    config = members["config.json"].replace(b'"units": 3', f'"units": {NUMBERS[number]}'.encode())
    assert config != members["config.json"]
    refused(archive_of(config), keras.models.load_model)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("LSTM", {"units": 10**400}),
        ("Embedding", {"input_dim": 10**400, "output_dim": 2}),
        ("Dropout", {"rate": 10**400}),
        ("Dropout", {"rate": float("nan")}),
        ("BatchNormalization", {"axis": 10**400}),
        ("Reshape", {"target_shape": [2**62, 2**62]}),
        ("Conv1D", {"filters": 1, "kernel_size": [2**62]}),
        ("Conv1D", {"filters": 1, "kernel_size": 2, "dilation_rate": 2**62}),
        ("MaxPooling1D", {"pool_size": 10**400}),
        ("Discretization", {"bin_boundaries": [10**400]}),
        ("StringLookup", {"vocabulary": ["a"] * 100_000}),
    ],
)
def test_numbers_in_layers(archive_of, members, kind, settings):
    config = json.loads(members["config.json"])
    first, second = config["config"]["layers"]
    first["config"]["batch_shape"] = [None, 8, 4]
    second.update(class_name=kind, config={"name": "bad", **settings}, build_config={"input_shape": [None, 8, 4]})
    refused(archive_of(json.dumps(config)), keras.models.load_model)


@pytest.mark.parametrize("text", ["[" * 500_000, '{"a":' * 500_000 + "1" + "}" * 500_000])
def test_deep_nesting(archive_of, text):
    path = archive_of(text)
    for load in (keras.models.load_model, inspect_file):
        refused(path, load, "cannot be read")


@pytest.mark.parametrize(("layer", "onto"), [("a", "a"), ("a", "b"), ("b", "b")])
def test_layers_in_a_loop(tmp_path, layer, onto):
    x = keras.Input((4,), name="in")
    inner = layers.Dense(4, name="a")(x)
    config = json.loads(keras.Model(x, layers.Dense(4, name="b")(inner)).to_json())
    (entry,) = (each for each in config["config"]["layers"] if each["name"] == layer)
    entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = onto
    with pytest.raises(ValueError, match="loop"):
        keras.models.model_from_json(json.dumps(config))


# -- archives ---------------------------------------------------------------------------------------------------------
def test_very_many_members(archive_of):
    path = archive_of(added=[(f"assets/{i}", b"") for i in range(10_000)])
    for load in (keras.models.load_model, inspect_file):
        refused(path, load, "more than 10,000")


def test_bombs_in_assets(archive_of):
    path = archive_of(added=[("assets/layers/dense/x", bytes(300 << 20))], method=zipfile.ZIP_DEFLATED)
    for load in (keras.models.load_model, inspect_file):
        refused(path, load, "decompression bomb")


def test_archives_in_archives_stay_packed(archive_of):
    inner = bytes(1 << 24)
    for _ in range(4):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8):
                archive.writestr(f"{number}.zip", inner)
        inner = packed.getvalue()
    path = archive_of(added=[("assets/layers/dense/x.zip", inner)])
    with bounded(path):
        keras.models.load_model(path)
        inspect_file(path)


@pytest.mark.parametrize(
    "name", ["assets/" + "d/" * 20_000 + "x", "assets/" + "d/" * 1500 + "x", "assets/" + "d" * 5000]
)
def test_long_names_of_members(archive_of, name):
    refused(archive_of(added=[(name, b"x")]), keras.models.load_model)


@pytest.mark.parametrize(("at", "value"), [(8, 1), (10, 99)])
def test_members_that_are_encrypted_or_packed_in_an_unknown_way(archive_of, at, value):
    path = archive_of()
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + at] = value
    path.write_bytes(data)
    refused(path, keras.models.load_model, "encrypted or packed in an unknown way")


# -- HDF5 -------------------------------------------------------------------------------------------------------------
def soft(file):
    file[KERNEL] = h5py.SoftLink(f"/{BIAS}")


def soft_loop(file):
    file[KERNEL] = h5py.SoftLink(f"/{KERNEL}")


def external(file):
    file[KERNEL] = h5py.ExternalLink("/etc/passwd", "/x")


def objects(file):
    file.create_dataset(KERNEL, (4, 3), dtype=h5py.ref_dtype)[0, 0] = file.ref


def regions(file):
    file.create_dataset(KERNEL, (4, 3), dtype=h5py.regionref_dtype)[0, 0] = file[BIAS].regionref[:]


@pytest.mark.parametrize("make", [soft, soft_loop, external, objects, regions])
def test_links_and_references(model, tmp_path, make):
    path = tmp_path / "bad.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        make(file)
    refused(path, model.load_weights)


def test_groups_that_hold_themselves(model, tmp_path):
    path = tmp_path / "bad.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        file["layers/again"] = file["layers"]
    refused(path, inspect_file)


def doubled(path):
    """Adds forty groups, each at two places of the one before: there are 2**40 ways through them."""
    with h5py.File(path, "r+") as file:
        group = file.create_group("more")
        for _ in range(40):
            below = group.create_group("a")
            group["b"] = below
            group = below


@pytest.mark.parametrize("read", [inspect_file, keras.saving.KerasFileEditor])
def test_groups_that_lie_at_two_places(model, tmp_path, read):
    path = tmp_path / "bad.weights.h5"
    model.save_weights(path)
    doubled(path)
    refused(path, read, "also at another place")


@pytest.mark.parametrize("read", [keras.models.load_model, inspect_file])
def test_models_whose_groups_lie_at_two_places(archive_of, members, tmp_path_factory, read):
    weights = tmp_path_factory.mktemp("weights") / "model.weights.h5"
    weights.write_bytes(members["model.weights.h5"])
    doubled(weights)
    refused(archive_of(weights=weights.read_bytes()), read, "also at another place")


def test_models_of_keras_2_whose_groups_lie_at_two_places(model, tmp_path):
    path = tmp_path / "bad.h5"
    model.save(path)
    doubled(path)
    refused(path, keras.models.load_model, "also at another place")


def test_giant_attributes(model, tmp_path):
    """They are not read; where one is, it has to be text."""
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs.create("model_config", np.zeros(1 << 25, "u1"))
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"dense"])
    for load in (keras.models.load_model, inspect_file):
        refused(path, load)


def test_very_many_names_of_layers(model, tmp_path):
    path = tmp_path / "bad.h5"
    model.save(path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array([b"dense"] * 200)
    refused(path, keras.models.load_model, "200 layers with weights")


# -- safetensors ------------------------------------------------------------------------------------------------------
def described(shape, start, stop, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


SOUND = {KERNEL: described([4, 3], 0, 48), BIAS: described([3], 48, 60)}
HEADERS = {
    "all the same bytes": {KERNEL: described([4, 3], 0, 48), BIAS: described([3], 0, 12)},
    "overlapping": {KERNEL: described([4, 3], 0, 48), BIAS: described([3], 36, 48)},
    "negative offsets": {**SOUND, KERNEL: described([4, 3], -48, 0)},
    "negative shape": {**SOUND, KERNEL: described([-4, -3], 0, 48)},
    "more than 64 bits": {**SOUND, KERNEL: described([2**62, 4], 0, 48)},
    "beyond the end": {**SOUND, BIAS: described([2**40], 48, 48 + 2**42)},
    "very many axes": {**SOUND, KERNEL: described([1] * 1000 + [4, 3], 0, 48)},
    "very many arrays": lambda: {f"layers/{i}/vars/0": described([0], 0, 0) for i in range(150_000)},
    "the same name twice": json.dumps(SOUND)[:-1] + f', "{KERNEL}": {json.dumps(SOUND[KERNEL])}' + "}",
    "the same field twice": json.dumps(SOUND).replace('"shape": [3]', '"shape": [4], "shape": [3]'),
    "deep": '{"a":' * 100_000,
    "nothing": "",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_safetensors(model, tmp_path, name):
    pytest.importorskip("safetensors")
    found = HEADERS[name]() if callable(HEADERS[name]) else HEADERS[name]
    header = (found if isinstance(found, str) else json.dumps(found)).encode()
    path = tmp_path / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(60))
    for load in (model.load_weights, inspect_file):
        refused(path, load)


@pytest.mark.parametrize("length", [61, 10**9, 2**63, 2**64 - 1])
def test_headers_that_are_longer_than_the_file(model, tmp_path, length):
    pytest.importorskip("safetensors")
    path = tmp_path / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", length) + json.dumps(SOUND).encode())
    refused(path, model.load_weights, "is no safetensors file")
