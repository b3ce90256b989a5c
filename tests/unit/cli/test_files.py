"""`pronghorn inspect` and `pronghorn convert`."""

import itertools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pronghorn as keras
from pronghorn.cli.main import main
from pronghorn.saving.inspection import inspect_file

pytest.importorskip("safetensors")
KERAS_2 = Path(__file__).parents[2] / "data" / "keras2"


@pytest.fixture
def model():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="deep")], name="inner")
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2, name="head")(inner(x)) * 2.0)
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    return model


def run(*arguments, code=0):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def test_inspect_shows_a_model(model, tmp_path):
    model.save(tmp_path / "m.keras")
    shown = run("inspect", tmp_path / "m.keras")
    for part in ("Adam, learning_rate=0.01", "mse", "mae", "head", "units=2", "3x2 2", "23 in 4 arrays", "saved"):
        assert part in shown
    assert "\x1b" not in shown


def test_inspect_shows_long_names_whole(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["sparse_top_k_categorical_accuracy"])
    model.save(tmp_path / "m.keras")
    facts = dict(inspect_file(tmp_path / "m.keras").facts)
    assert facts["loss"] == "sparse_categorical_crossentropy"
    assert facts["metrics"] == "sparse_top_k_categorical_accuracy"
    model.compile("adam", "mse", metrics=[keras.metrics.Mean("x" * 60)])
    model.save(tmp_path / "m.keras")
    assert dict(inspect_file(tmp_path / "m.keras").facts)["metrics"] == "x" * 47 + "…"
    assert "vars/0" in run("inspect", "--arrays", tmp_path / "m.keras")


def test_every_format_says_the_same(model, tmp_path):
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
    for name in ("m.weights.h5", "m.safetensors"):
        model.save_weights(tmp_path / name)
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=200 / (1 << 30))
    for file in tmp_path.glob("m.*"):
        facts = inspect_file(file)
        assert facts.parameters == 23, file
        assert len(facts.optimizer) == 10, file
        assert "23 in 4 arrays" in run("inspect", file)


def test_inspect_shows_files_of_keras_2():
    for ending in ("h5", "keras"):
        shown = run("inspect", KERAS_2 / f"convolutional.{ending}")
        assert "Keras 2 model" in shown
        assert "Adam" in shown
    assert "3x3x2x4 4" in shown
    assert "Keras 2 weights" in run("inspect", KERAS_2 / "functional_weights.h5")


def test_convert_goes_round(model, tmp_path):
    model.save(tmp_path / "a.keras")
    chain = ["a.keras", "b.h5", "c.keras", "d.safetensors", "e.weights.json", "f.weights.h5"]
    for source, target in itertools.pairwise(chain):
        run("convert", tmp_path / source, tmp_path / target)
    x = np.ones((2, 4), "float32")
    expected = model.predict(x, verbose=0)
    again = keras.models.load_model(tmp_path / "c.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    fresh = keras.models.clone_model(model)
    for name in chain[3:]:
        fresh.set_weights([np.zeros_like(w) for w in fresh.get_weights()])
        fresh.load_weights(tmp_path / name)
        np.testing.assert_array_equal(fresh.predict(x, verbose=0), expected)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("nowhere.keras", "b.keras", "no file"),
        ("a.keras", "a.weights.h5", "exists"),
        ("a.weights.h5", "b.keras", "weights only"),
        ("a.keras", "b.txt", "must end in"),
        ("a.txt", "b.keras", "end in"),
        ("bad.keras", "b.keras", "zip"),
        (KERAS_2 / "functional_weights.h5", "b.weights.h5", "Keras 2"),
    ],
)
def test_convert_says_what_is_wrong(model, tmp_path, source, target, said):
    model.save(tmp_path / "a.keras")
    model.save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "bad.keras").write_text("x")
    before = sorted(tmp_path.iterdir())
    shown = run("convert", tmp_path / source, tmp_path / target, code=1)
    assert said in shown
    assert "Traceback" not in shown
    assert sorted(tmp_path.iterdir()) == before


def test_inspect_says_what_is_wrong(tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"PK" + b"\0" * 90)
    assert "zip" in run("inspect", tmp_path / "bad.keras", code=1)
    assert "no file" in run("inspect", tmp_path / "none.keras", code=1)


def test_convert_imports_what_registers_classes(tmp_path, monkeypatch):
    (tmp_path / "mine_to_convert.py").write_text(
        "import pronghorn as keras\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Doubling(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import mine_to_convert

    model = keras.Sequential([keras.Input((2,)), mine_to_convert.Doubling()])
    model.save("m.keras")
    run("convert", "--import", "mine_to_convert", "m.keras", "m.h5")
    assert type(keras.models.load_model("m.h5").layers[-1]) is mine_to_convert.Doubling


def test_inspect_sends_no_commands_to_the_terminal(tmp_path):
    """A stranger chose the names in a file; with them he could clear the screen, or write what is not so."""
    path = tmp_path / "m.keras"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="x\x1b[2J")], name="m\x1b]0;t\x07")
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/\x1b[31m.txt", "")
    for arguments in ([], ["--arrays"]):
        shown = run("inspect", *arguments, path)
        assert "\x1b" not in shown and "\x07" not in shown
        assert "\\x1b[2J" in shown


def test_inspect_of_a_folder_without_a_model(tmp_path):
    assert "holds no model" in run("inspect", tmp_path, code=1)


def test_inspect_opens_models_within_models_and_breaks_no_word(tmp_path, monkeypatch):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu", name="within")], name="inner")
    path = tmp_path / "nested.keras"
    keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="outer")]).save(path)
    facts = {layer.name: layer for layer in inspect_file(path).layers}
    within = {layer.name: layer for layer in facts["inner"].layers}["within"]
    assert facts["inner"].parameters == within.parameters == 15
    assert [array.shape for array in within.arrays] == [(4, 3), (3,)] and facts["outer"].parameters == 8
    monkeypatch.setenv("COLUMNS", "60")
    shown = CliRunner().invoke(main, ["inspect", str(path)]).output
    assert "  within (Dense)" in shown and "units=3, activation=relu" in shown and "4x3 3" in shown
    assert all(len(line) <= 60 for line in shown.splitlines() if "│" in line)
