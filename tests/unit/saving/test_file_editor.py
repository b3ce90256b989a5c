"""`KerasFileEditor`: weights in files, changed object by object."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.saving import KerasFileEditor


@pytest.fixture
def model():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="inner")
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), inner])


@pytest.fixture
def editor(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    return KerasFileEditor(tmp_path / "m.weights.h5")


def test_what_it_changes_is_in_the_new_file(editor, tmp_path):
    editor.rename_object("/layers/dense", "first")
    editor.add_object("/layers/extra/part", {"0": np.ones(2, "float32")})
    editor.add_weights("/layers/extra/part", {"1": np.zeros((2, 2))})
    editor.delete_weight("part", "0")
    editor.save(tmp_path / "new.weights.h5")
    again = KerasFileEditor(tmp_path / "new.weights.h5").weights_dict["layers"]
    assert list(again["first"]) == ["0", "1"]
    assert list(again["extra"]["part"]) == ["1"]
    assert "dense" not in again
    editor.delete_object("extra")
    editor.resave_weights(tmp_path / "new.weights.h5")
    assert "extra" not in KerasFileEditor(tmp_path / "new.weights.h5").weights_dict["layers"]


def test_a_renamed_layer_loads_into_another_model(editor, model, tmp_path):
    editor.delete_object("/layers/sequential")
    editor.rename_object("/layers/dense", "dense_1")
    editor.save(tmp_path / "new.weights.h5")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(9), keras.layers.Dense(3)])
    with pytest.raises(ValueError):
        other.load_weights(tmp_path / "new.weights.h5")


def test_compare(editor, model, capsys):
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 4}
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5), keras.layers.Dense(3)])
    found = editor.compare(other)
    assert found["status"] == "error"
    assert found["error_count"] == 4
    assert "/layers/dense/0 has the shape 4x3 in the file and 4x5 in the model" in capsys.readouterr().out


def test_it_reads_whole_models(model, tmp_path, capsys):
    model.save(tmp_path / "m.keras")
    editor = KerasFileEditor(tmp_path / "m.keras")
    editor.summary()
    shown = capsys.readouterr().out
    assert "keras_version" in shown
    assert "4x3" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.rename_object("dense", "x"), "more than once"),
        (lambda e: e.rename_object("nothing", "x"), "no object called 'nothing'"),
        (lambda e: e.rename_object("/layers/dense", "sequential"), "cannot become"),
        (lambda e: e.delete_object("/layers/nothing"), "no object '/layers/nothing'"),
        (lambda e: e.delete_weight("/layers/dense", "7"), "which has 0, 1"),
        (lambda e: e.add_object("/layers/dense", {}), "there already"),
        (lambda e: e.add_object("../x", {}), "no path"),
        (lambda e: e.add_weights("/layers/dense", [1]), "maps names to arrays"),
        (lambda e: e.add_weights("/layers/dense", {"0": object()}), "no array of numbers"),
        (lambda e: e.save("x.h5"), ".weights.h5"),
    ],
)
def test_what_is_wrong_is_said(editor, change, said):
    with pytest.raises(ValueError, match=said):
        change(editor)


def test_other_files(tmp_path):
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ValueError, match="`.keras` or `.weights.h5`"):
        KerasFileEditor(tmp_path / "x.txt")
    with pytest.raises(FileNotFoundError):
        KerasFileEditor(tmp_path / "none.keras")
