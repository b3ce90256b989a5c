"""The format native: what it is told wrongly, what cannot be written, and the files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn._extras import install_command
from pronghorn.cli.main import main
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.machines import MACHINES
from pronghorn.export.native import linking
from pronghorn.export.native.checks import refuse_calls
from pronghorn.export.signature import inference

FILES = {"CMakeLists.txt", "README.md", "library.json", "libnet.a", "net.h", "net_test.c"}


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, name="y")], name="net")


@pytest.fixture
def no_linker(monkeypatch):
    monkeypatch.setattr(linking, "compiler", lambda machine: None)


def refused(model, path, error, words, **options):
    """It is refused, and nothing is written."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(error, match=words):
        model.export(path, format="native", verbose=False, **options)
    assert sorted(path.parent.iterdir()) == before


def test_what_is_told_wrongly(model, tmp_path):
    path = tmp_path / "net"
    refused(model, path, ValueError, "target='x86_64_v3'.*Did you mean 'x86-64-v3'", target="x86_64_v3")
    refused(model, path, ValueError, "target=None", target=None)
    refused(model, path, ValueError, "weights='zip' must be one of 'constants', 'file'", weights="zip")
    refused(model, path, TypeError, "no option 'opset_version'; it takes target, weights", opset_version=3)
    refused(model, path, ValueError, "call compile", training=True)
    refused(model, path, ValueError, "sample_weight is for steps of training", sample_weight=True)
    refused(model, path, ValueError, "target_signature is for steps", target_signature=keras.InputSpec(shape=(None, 2)))


def test_a_folder_of_others_is_left_alone(model, tmp_path, no_linker):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "mine.c").write_text("mine")
    refused(model, tmp_path / "net", ValueError, "folder with other things in it")
    assert [file.name for file in (tmp_path / "net").iterdir()] == ["mine.c"]
    (tmp_path / "file").write_text("")
    refused(model, tmp_path / "file", ValueError, "is a file")
    (tmp_path / "empty").mkdir()
    for _ in range(2):  # into an empty folder, and in place of what is there
        model.export(tmp_path / "empty", format="native", verbose=False)
        assert (tmp_path / "empty" / "libempty.a").is_file()


def test_a_disk_that_fills_leaves_nothing(model, tmp_path, no_linker, monkeypatch):
    path = tmp_path / "net"
    model.export(path, format="native", verbose=False)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    genuine = Path.write_bytes

    def full(self, content):
        if self.name == "README.md":
            raise OSError(28, "No space left on device")
        return genuine(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(model, path, OSError, "no space left")
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_link_to_a_folder_stays_one(model, tmp_path, no_linker):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    model.export(tmp_path / "link", format="native", verbose=False)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "link.h").is_file()


def test_files(model, tmp_path, no_linker, capsys):
    model.export(tmp_path / "net", format="native")
    told = capsys.readouterr().out
    assert "a C library for native, 6 files" in told and install_command("native") in told
    assert {file.name for file in (tmp_path / "net").iterdir()} == FILES
    page = (tmp_path / "net" / "README.md").read_text()
    assert "There is no shared library" in page and "Pronghorn's extra `native` brings a linker" in page
    about = json.loads((tmp_path / "net" / "library.json").read_text())
    assert about["functions"] == ["net_arena_size", "net_predict"]
    header = (tmp_path / "net" / "net.h").read_text()
    assert "int net_predict(void *arena, size_t arena_bytes, int64_t batch, const float *x, float *y);" in header
    assert "x            in: float[batch, 3]" in header and "y            out: float[batch, 2]" in header


def test_files_are_the_same_each_time(model, tmp_path, no_linker):
    contents = []
    for number in range(2):
        model.export(tmp_path / str(number) / "net", format="native", verbose=False, target="aarch64")
        contents.append({f.name: f.read_bytes() for f in (tmp_path / str(number) / "net").iterdir()})
    assert contents[0] == contents[1]


def test_names_are_made_those_of_c(tmp_path, no_linker):
    a, b = keras.Input((3,), name="double"), keras.Input((3,), name="a-b c")
    outputs = {"batch": layers.Add()([a, b]), "a b": layers.Multiply()([a, b])}
    model = keras.Model([a, b], outputs, name="2nd model")
    model.export(tmp_path / "my-model.v2", format="native", verbose=False)
    header = (tmp_path / "my-model.v2" / "my_model_v2.h").read_text()
    assert "const float *double_" in header and "const float *a_b_c" in header
    assert "float *batch_" in header and "float *a_b" in header
    assert "in: a-b c, float[batch, 3]" in header


def test_a_fixed_number_of_rows_is_no_parameter(model, tmp_path, no_linker):
    signature = [keras.InputSpec(shape=(8, 3), dtype="float32")]
    model.export(tmp_path / "net", format="native", verbose=False, input_signature=signature)
    header = (tmp_path / "net" / "net.h").read_text()
    assert "int64_t" not in header and "x            in: float[8, 3]" in header
    assert "size_t net_arena_size(void);" in header and "#define NET_ARENA_BYTES " in header


@pytest.mark.parametrize("target", [name for name, each in MACHINES.items() if not each.levels])
def test_a_library_of_one_layer_is_small(target, tmp_path, no_linker):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="one")
    model.export(tmp_path / "one", format="native", verbose=False, target=target)
    content = (tmp_path / "one" / "libone.a").read_bytes()
    assert objects.loaded_size(content[content.index(b"\x7fELF") :]) < 4096


def test_what_a_library_cannot_have(tmp_path, no_linker):
    def of(function):
        x = keras.Input((3, 3))
        return keras.Model(x, layers.Lambda(function, name="mine")(x))

    path = tmp_path / "net"
    for function, words in (
        (lambda x: ops.linalg.inv(x), "layer 'functional.*/mine', primitive .*matrix factorisations"),
        (lambda x: ops.cast(x, "complex64"), "is complex64; cast it to float32"),
    ):
        refused(of(function), path, NotImplementedError, f"nothing was written. .*{words}")
    words = keras.Sequential([keras.Input((3,), dtype="string"), layers.StringLookup(vocabulary=["a", "b"])])
    refused(words, path, NotImplementedError, "C has no arrays of strings")
    states = keras.Sequential([keras.Input(batch_shape=(2, 3, 3)), layers.LSTM(2, stateful=True)])
    refused(states, path, NotImplementedError, "keeps nothing between calls")


def test_functions_of_the_c_library_are_named_with_their_layers():
    x = keras.Input((3,))
    found = inference(keras.Model(x, layers.Lambda(lambda x: ops.arctan2(x, 2.0), name="mine")(x)))
    words = "layer 'functional.*/mine', primitive atan2: it calls the C library's atan2f, .*; the model: .* __udivdi3"
    with pytest.raises(NotImplementedError, match=f"nothing was written. {words}"):
        refuse_calls(["atan2f", "__udivdi3"], [found.traced.graph])
    refuse_calls([], [found.traced.graph])


def test_steps_that_return_what_a_library_cannot_have(tmp_path, no_linker):
    class Own(keras.Sequential):
        logs = staticmethod(lambda y: {})

        def train_step(self, data):
            return self.logs(self(data[0]))

        test_step = train_step

    model = Own([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    refused(model, tmp_path / "net", NotImplementedError, "returns no logs", training=True)
    model.logs = lambda y: {"rows": y}
    refused(model, tmp_path / "net", NotImplementedError, r"'rows' of shape \(batch, 2\)", training=True)


def test_training_with_open_extents_is_refused(tmp_path, no_linker):
    model = keras.Sequential([keras.Input((None, 3)), layers.LSTM(2)])
    model.compile("adam", "mse")
    refused(model, tmp_path / "net", ValueError, "the number of samples alone may be open", training=True)


def test_targets_that_a_loss_asks_for(tmp_path, no_linker):
    x = keras.Input((4,), name="x")
    outputs = {"kind": layers.Dense(3)(x), "size": layers.Dense(2)(x)}
    model = keras.Model(x, outputs, name="net")
    losses = {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"}
    model.compile("adam", losses, metrics={"kind": "accuracy"})
    model.export(tmp_path / "net", format="native", verbose=False, training=True)
    header = (tmp_path / "net" / "net.h").read_text()
    assert "const int32_t *y_kind" in header and "const float *y_size" in header
    assert "y_kind       in: int32_t[batch]" in header and "y_size       in: float[batch, 2]" in header
    assert "    float kind_accuracy;" in header and "} net_logs;" in header
    assert not any(v.numpy().any() for v in model.metrics_variables)


def test_the_command(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.compile("adam", "mse")
    model.save("m.keras")
    run = CliRunner().invoke
    done = run(main, ["export", "m.keras", "net", "--format", "native", "--target", "riscv64", "--weights", "file"])
    assert done.exit_code == 0, done.output
    assert "a C library for riscv64" in done.output and (tmp_path / "net" / "net.weights").is_file()
    done = run(main, ["export", "m.keras", "trained", "--format", "native", "--target", "aarch64", "--training"])
    assert done.exit_code == 0, done.output
    assert "trained_train_step" in (tmp_path / "trained" / "trained.h").read_text()
    done = run(main, ["export", "m.keras", "other", "--format", "native", "--target", "arm64"])
    assert done.exit_code != 0 and "Did you mean 'aarch64'" in done.output
