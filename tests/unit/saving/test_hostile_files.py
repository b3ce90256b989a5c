"""Files that try to do more than hold a model: each is refused, whatever it holds."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, saving
from pronghorn.saving import archive
from pronghorn.serialization import budget


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), layers.Dense(1)])


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "good.keras"
    model.save(path)
    return path


def rewrite(source, target, change):
    """Copy an archive with its members, a dict of bytes, changed."""
    with zipfile.ZipFile(source) as archive_:
        members = {name: archive_.read(name) for name in archive_.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive_:
        for name, data in members.items():
            archive_.writestr(name, data)
    return target


def with_layer(saved, target, layer):
    """A file whose last layer is given by a configuration."""

    def change(members):
        config = json.loads(members["config.json"])
        config["config"]["layers"].append(layer)
        members["config.json"] = json.dumps(config).encode()

    return rewrite(saved, target, change)


def entry(module, name, config=None, registered=None):
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered}


@pytest.mark.parametrize(
    "layer",
    [
        entry("os", "system", {"command": "touch owned"}),
        entry("builtins", "exec", {}),
        entry("subprocess", "Popen", {"args": ["true"]}),
        entry("pronghorn.utils", "get_file", {}),
        entry("keras.utils", "get_file", {"origin": "http://127.0.0.1/"}),
        entry("keras.config", "enable_unsafe_deserialization"),
        entry("keras.src.config", "enable_unsafe_deserialization"),
        entry("keras.models", "load_model", {"filepath": "x", "safe_mode": False}),
        entry("keras.layers", "TFSMLayer", {"filepath": "/etc"}),
        entry("keras.layers", "TorchModuleWrapper", {"module": "gASV"}),
        entry("keras.saving", "load_model"),
    ],
    ids=lambda layer: f"{layer['module']}.{layer['class_name']}",
)
def test_a_file_names_only_layers(saved, tmp_path, layer):
    path = with_layer(saved, tmp_path / "bad.keras", layer)
    before = keras.config.is_unsafe_deserialization_enabled()
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        saving.load_model(path)
    assert keras.config.is_unsafe_deserialization_enabled() is before is False


def test_code_in_a_lambda_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        saving.load_model(tmp_path / "code.keras")
    loaded = saving.load_model(tmp_path / "code.keras", safe_mode=False)
    np.testing.assert_array_equal(np.asarray(loaded(np.zeros((1, 2), "float32"))), [[1, 1]])


@pytest.mark.parametrize("function", ["load_model", "get_file", "load_weights", "save_model", "Dense", "eval", "load"])
def test_a_lambda_calls_no_function_of_ours_that_reads_files(saved, tmp_path, function):
    named = {"module": "builtins", "class_name": "function", "config": function, "registered_name": "function"}
    layer = entry("keras.layers", "Lambda", {"name": "l", "function": named, "arguments": {"safe_mode": False}})
    with pytest.raises((TypeError, ValueError)):
        saving.load_model(with_layer(saved, tmp_path / "bad.keras", layer))


def test_members_that_lead_outside(saved, tmp_path):
    for name in ("assets/../../owned", "assets/a\\..\\..\\owned", "assets//owned", "assets/C:/owned"):
        path = rewrite(saved, tmp_path / "bad.keras", lambda members, name=name: members.update({name: b"x"}))
        with pytest.raises(ValueError, match="outside its folder"):
            saving.load_model(path)
    assert not (tmp_path.parent / "owned").exists()


def test_members_that_do_not_belong_are_not_touched(saved, tmp_path):
    path = rewrite(saved, tmp_path / "odd.keras", lambda members: members.update({"../owned": b"x", "/owned": b"x"}))
    saving.load_model(path)
    assert not (tmp_path.parent / "owned").exists()


def test_links_in_archives(saved, tmp_path):
    path = rewrite(saved, tmp_path / "bad.keras", lambda members: None)
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive_:
        archive_.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="a link"):
        saving.load_model(path)


def test_bombs_are_refused_before_they_unfold(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_SMALL", 1 << 16)
    path = rewrite(saved, tmp_path / "bomb.keras", lambda members: members.update({"assets/zeros": bytes(1 << 24)}))
    with pytest.raises(ValueError, match="would take"):
        saving.load_model(path)


def test_deep_configurations(saved, tmp_path):
    def change(members):
        members["config.json"] = b'{"class_name": "Sequential", "config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"

    with pytest.raises(ValueError, match="config"):
        saving.load_model(rewrite(saved, tmp_path / "deep.keras", change))


@pytest.mark.parametrize("cut", [0, 10, 500])
def test_files_cut_short(saved, tmp_path, cut):
    (tmp_path / "cut.keras").write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(ValueError, match="is no .keras file"):
        saving.load_model(tmp_path / "cut.keras")
    (tmp_path / "cut.weights.h5").write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(ValueError, match="is no weights file"):
        keras.Sequential([keras.Input((2,)), layers.Dense(1)]).load_weights(tmp_path / "cut.weights.h5")


def hostile_weights(path, make):
    """A weights file for the small model whose kernel is made by a function."""
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/1"] = np.zeros(1, "float32")
        make(file, file["layers/dense/vars"])
    return path


def soft(file, group):
    file["elsewhere"] = np.zeros((2, 1), "float32")
    group["0"] = h5py.SoftLink("/elsewhere")


def external(file, group):
    group["0"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file, group):
    group.create_dataset("0", shape=(2, 1), dtype="float32", external=[("/etc/passwd", 0, 8)])


def virtual(file, group):
    layout = h5py.VirtualLayout(shape=(2, 1), dtype="float32")
    layout[...] = h5py.VirtualSource("other.h5", "x", shape=(2, 1))
    group.create_virtual_dataset("0", layout)


def strings(file, group):
    group.create_dataset("0", data=np.array([["a"], ["b"]], dtype=object), dtype=h5py.string_dtype())


def references(file, group):
    group.create_dataset("0", shape=(2, 1), dtype=h5py.ref_dtype)


def promises(file, group):
    group.create_dataset("0", shape=(2, 1 << 40), dtype="float32", chunks=(1, 1 << 20), compression="gzip")


@pytest.mark.parametrize("make", [soft, external, external_storage, virtual, strings, references, promises])
def test_weights_are_numbers_in_the_file_itself(model, tmp_path, make):
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.load_weights(hostile_weights(tmp_path / "bad.weights.h5", make))
    for left, right in zip(before, model.get_weights()):
        np.testing.assert_array_equal(left, right)


def test_linked_groups(model, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/vars/0"] = np.zeros((2, 1), "float32")
    with h5py.File(tmp_path / "bad.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
    with pytest.raises(ValueError, match="is a link"):
        model.load_weights(tmp_path / "bad.weights.h5")


def test_a_huge_shape_is_not_read(tmp_path):
    from pronghorn.saving.weights_store import WeightsReader

    with h5py.File(tmp_path / "bad.weights.h5", "w") as file:
        file.create_dataset("vars/0", shape=(1 << 50,), dtype="uint8", chunks=(1 << 20,))
        file.create_dataset("vars/1", shape=(1 << 40,), dtype="float32")
    with WeightsReader(tmp_path / "bad.weights.h5") as reader:
        for key in "01":
            with pytest.raises(ValueError, match="not to be trusted"):
                reader.get("")[key]


@pytest.mark.parametrize("function", ["get", "serialize", "deserialize", "attach"])
def test_functions_that_do_not_calculate(saved, tmp_path, function):
    named = {"module": "builtins", "class_name": "function", "config": function, "registered_name": "function"}
    for layer in (
        entry("keras.layers", "Activation", {"name": "l", "activation": named}),
        entry("keras.layers", "Lambda", {"name": "l", "function": named}),
    ):
        with pytest.raises(TypeError, match=function):
            saving.load_model(with_layer(saved, tmp_path / "bad.keras", layer))


@pytest.mark.parametrize(
    "dtype", ["U100000000", "S4000000000", "O", "object", "(1000000000,)f8", {"names": ["a"], "formats": ["f8"]}, [], 5]
)
@pytest.mark.parametrize("tag", ["__numpy__", "__tensor__"])
def test_arrays_in_configurations_are_of_numbers_or_text(tag, dtype):
    for value in ("a", [1]):
        with pytest.raises((TypeError, ValueError), match="holds numbers or text"):
            saving.deserialize_keras_object({"class_name": tag, "config": {"value": value, "dtype": dtype}})


@pytest.mark.parametrize("array", [np.array([["a", "bcd"]]), np.array([True]), np.array([1.5], "float16")])
def test_arrays_in_configurations_come_back(array):
    back = saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(array))))
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype


def functional_file(saved, target, call):
    """A file of a functional model of two layers, the first of which is given with its calls."""
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 2], "dtype": "float32"}}

    def layer(data, *calls):
        return {
            **data,
            "name": data["config"]["name"],
            "inbound_nodes": [{"args": args, "kwargs": {}} for args in calls],
        }

    def of(name, position=0):
        return {**tensor, "config": {**tensor["config"], "keras_history": [name, 0, position]}}

    def change(members):
        first = entry("keras.layers", "InputLayer", {"name": "i", "batch_shape": [None, 2], "dtype": "float32"})
        last = entry("keras.layers", "Dense", {"name": "d", "units": 1})
        layers_ = [layer(first), layer(call[0], [of("i") if x == "i" else x for x in call[1]]), layer(last, [of("x")])]
        inner = {"name": "f", "layers": layers_, "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}
        members["config.json"] = json.dumps(entry("keras.src.models.functional", "Functional", inner)).encode()

    return rewrite(saved, target, change)


@pytest.mark.parametrize(
    "name, settings, arguments",
    [
        ("Arange", {}, [10**9]),
        ("Linspace", {"num": 10**9}, [0, 1]),
        ("Pad", {"pad_width": [[0, 10**9], [0, 0]]}, [[[1.0]]]),
        ("Tile", {"repeats": [10**9]}, [[1.0]]),
    ],
)
def test_nothing_is_computed_while_a_file_is_loaded(saved, tmp_path, name, settings, arguments):
    call = entry("keras.src.ops.numpy", name, {"name": "x", **settings}, name)
    path = functional_file(saved, tmp_path / "bad.keras", (call, arguments))
    with pytest.raises(ValueError, match="nothing that the model"):
        saving.load_model(path)


@pytest.mark.parametrize(
    ("place", "name", "settings"),
    [("core", "Unstack", {"num": 10**9}), ("numpy", "Split", {"indices_or_sections": 10**12})],
)
def test_endless_graphs(saved, tmp_path, monkeypatch, place, name, settings):
    monkeypatch.setattr(budget, "_OPERATIONS", 2_000)
    call = entry(f"keras.src.ops.{place}", name, {"name": "x", **settings}, name)
    path = functional_file(saved, tmp_path / "bad.keras", (call, ["i"]))
    with pytest.raises(ValueError, match="more than 2,000 operations"):
        saving.load_model(path)


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_configuration_that_unfolds_to_much(saved, tmp_path, method):
    path = tmp_path / "bad.keras"
    with zipfile.ZipFile(saved) as archive_, zipfile.ZipFile(path, "w", method) as bad:
        bad.writestr("config.json", b'{"class_name": [' + b"{}," * (1 << 22) + b"{}]}")
        bad.writestr("model.weights.h5", archive_.read("model.weights.h5"))
    with pytest.raises(ValueError, match="would take"):
        saving.load_model(path)
