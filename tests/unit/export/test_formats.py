"""`Model.export`: what it is told wrongly, and what every format starts from."""

import builtins

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph.dim import Dim
from pronghorn.export import files, signature
from pronghorn.export.formats import FORMATS, export_model, format_of


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="net")


def test_formats_are_told(model, tmp_path):
    with pytest.raises(
        ValueError, match="format='onx' is not known. Formats: 'onnx', 'tf_saved_model', 'torch', 'jax'"
    ):
        model.export(tmp_path / "m", format="onx")
    for format in ("openvino", "litert"):
        with pytest.raises(NotImplementedError, match=f"'{format}' is not there yet: .*There: 'onnx'"):
            model.export(tmp_path / "m", format=format)
    with pytest.raises(TypeError, match="no option 'opset'; it takes opset_version"):
        model.export(tmp_path / "m", format="onnx", opset=20)
    with pytest.raises(TypeError, match="no option 'opset_version'; it takes none"):
        model.export(tmp_path / "m", format="torch", opset_version=20)
    with pytest.raises(ValueError, match="is a folder"):
        model.export(tmp_path, format="onnx")
    assert not any(tmp_path.iterdir())


def test_the_format_of_a_name():
    names = ("m.onnx", "m.pt2", "m.JAX", "m.savedmodel", "a.b/m")
    assert [format_of(name) for name in names] == ["onnx", "torch", "jax", "tf_saved_model", "tf_saved_model"]
    with pytest.raises(ValueError, match="'m.txt': the ending tells no format"):
        format_of("m.txt")


@pytest.mark.parametrize("format", ["tf_saved_model", "torch", "jax"])
def test_a_missing_library_is_named(format, model, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "is_installed", lambda name: False)
    name = FORMATS[format].engine
    engines.engine.cache_clear()
    with pytest.raises(ImportError, match=rf"pip install .*\[{name}\]'"):
        model.export(tmp_path / "m", format=format)
    assert not any(tmp_path.iterdir())
    engines.engine.cache_clear()


def test_an_archive_without_tensorflow(monkeypatch):
    monkeypatch.setattr(engines, "is_installed", lambda name: False)
    engines.engine.cache_clear()
    with pytest.raises(ImportError, match=r"pip install .*\[tensorflow\]'"):
        keras.export.ExportArchive()
    engines.engine.cache_clear()


def test_a_missing_package_is_named(model, tmp_path, monkeypatch):
    genuine = builtins.__import__

    def without_onnx(name, *args, **kwargs):
        if name.partition(".")[0] == "onnx":
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ImportError, match=r"pip install .*\[onnx\]'"):
        model.export(tmp_path / "m.onnx", format="onnx")
    assert not any(tmp_path.iterdir())


def test_names_are_those_of_inputs_layers_and_keys():
    a, b = keras.Input((3,), name="a"), keras.Input((None, 4), name="b")
    p, q = layers.Dense(2, name="p")(a), layers.GlobalMaxPooling1D(name="q")(b)
    found = signature.inference(keras.Model([b, a], [p, q]))
    assert (found.inputs, found.outputs) == (["b", "a"], ["p", "q"])
    batch, length = Dim.symbol("batch"), Dim.symbol("axis1")
    assert [v.shape for v in found.traced.graph.inputs[:2]] == [(batch, length, 4), (batch, 3)]
    found = signature.inference(keras.Model({"y": b, "x": a}, {"two": q, "one": p}))
    assert (found.inputs, found.outputs) == (["x", "y"], ["one", "two"])
    same = keras.Model(a, [p, p])
    assert signature.inference(same).outputs == ["p", "p_1"]
    through = signature.inference(keras.Model(a, [a, p]))
    assert (through.inputs, through.outputs) == (["a"], ["a_1", "p"])


def test_unknown_lengths_of_several_inputs_may_differ():
    a, b = keras.Input((None, 4)), keras.Input((None, 4))
    found = signature.inference(keras.Model([a, b], layers.Attention()([a, b])))
    (out,) = found.traced.graph.outputs[:1]
    assert out.shape[-1] == 4
    both = keras.Model([a, b], layers.Concatenate(axis=1)([a, b]))
    assert len(signature.inference(both).traced.graph.outputs[0].shape) == 3


class Sub(keras.Model):
    def __init__(self):
        super().__init__(name="sub")
        self.dense = layers.Dense(2)

    def call(self, x, training=False):
        assert not training
        return self.dense(x)


def test_a_subclassed_model_is_called_first_or_described():
    model = Sub()
    with pytest.raises(ValueError, match="'sub' are not known. Call it on data first, or pass input_signature"):
        signature.inference(model)
    described = signature.inference(model, [keras.InputSpec(shape=(None, 3))])
    assert described.traced.graph.inputs[0].shape == (Dim.symbol("batch"), 3)
    model = Sub()
    model(np.zeros((2, 3), "float32"))
    called = signature.inference(model)
    assert (called.inputs, called.outputs) == (["input_0"], ["output_0"])
    assert called.traced.graph.inputs[0].shape == (Dim.symbol("batch"), 3)


def test_a_signature_replaces_shapes_and_types(model):
    found = signature.inference(model, [keras.InputSpec(shape=(5, 3), dtype="float64")])
    assert repr(found.traced.graph.inputs[0].aval) == "float64[5,3]"
    with pytest.raises(ValueError, match="input_signature has the structure"):
        signature.inference(model, {"a": keras.InputSpec(shape=(5, 3))})
    with pytest.raises(ValueError, match="needs InputSpecs with a shape"):
        signature.inference(model, [3])


def test_what_depends_on_the_number_of_rows_is_refused():
    x = keras.Input((5,))
    model = keras.Model(x, layers.Lambda(lambda x: x * 2 if x.shape[0] > 3 else x)(x), name="branchy")
    with pytest.raises(
        ValueError, match=r"'branchy' computes depends on its inputs' extents .*batch >= 4.*input_signature"
    ):
        signature.inference(model)
    assert signature.inference(model, [keras.InputSpec(shape=(2, 5))]).traced.graph.outputs


def test_states_are_refused():
    stateful = keras.Sequential([keras.Input((5, 3), batch_size=2), layers.LSTM(4, stateful=True)])
    with pytest.raises(NotImplementedError, match="rnn_state.*stateful=False"):
        signature.inference(stateful).refuse_states()
    with pytest.raises(NotImplementedError, match="^to_x: .*rnn_state.*what it gives keeps nothing.*stateful=False"):
        signature.inference(stateful, purpose=signature.conversion("to_x")).refuse_states()


def test_errors_of_a_conversion_do_not_speak_of_exports():
    """Which have an argument input_signature."""
    x = keras.Input((5,))
    model = keras.Model(x, layers.Lambda(lambda x: x * 2 if x.shape[0] > 3 else x)(x))
    for given, message in [(model, "^to_x: .*batch_shape"), (Sub(), "^to_x: .*Call it on data first.$")]:
        with pytest.raises(ValueError, match=message):
            signature.inference(given, purpose=signature.conversion("to_x"))


def test_strings_are_looked_up_or_refused():
    words = keras.Input((3,), dtype="string", name="words")
    lookup = layers.StringLookup(vocabulary=["a"], mask_token="", output_mode="one_hot")
    found = signature.inference(keras.Model(words, lookup(words)))
    batch = Dim.symbol("batch")
    assert (found.inputs, found.numbers, found.strings) == (["words"], [], {"words": (batch, 3)})
    (host,) = found.traced.host
    assert host(np.array([["a", "", "b"]])).tolist() == [[1, -1, 0]]
    assert found.traced.graph.outputs[0].shape == (batch, 3, 2)

    one = keras.Input((1,), dtype="string", name="one")
    with pytest.raises(NotImplementedError, match=r"layer 'tv' \(TextVectorization\) works on strings in Python"):
        signature.inference(keras.Model(one, layers.TextVectorization(vocabulary=["a"], name="tv")(one)))
    several = layers.StringLookup(vocabulary=["a"], num_oov_indices=2)
    with pytest.raises(NotImplementedError, match="num_oov_indices=2"):
        signature.inference(keras.Model(words, several(words)))


class FirstWord(keras.Model):
    def __init__(self):
        super().__init__()
        self.lookup = layers.StringLookup(vocabulary=["a"])

    def call(self, x):
        return self.lookup(x[:, :1])


def test_python_on_strings_is_refused():
    with pytest.raises(NotImplementedError, match="strings of the input 'words' is Python"):
        signature.inference(FirstWord(), [keras.KerasTensor((None, 3), dtype="string", name="words")])


def test_losses_of_a_trace_are_not_kept():
    x = keras.Input((3,))
    model = keras.Model(x, layers.ActivityRegularization(l2=0.1)(x * ops.mean(x)))
    signature.inference(model)
    assert model.losses == []


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "m"
    for text in ("one", "two"):
        files.check_folder(path, "mark")
        with files.replacing_folder(path) as fresh:
            fresh.mkdir()
            (fresh / "mark").write_text(text)
        assert (path / "mark").read_text() == text
    with pytest.raises(OSError, match="could not be written"), files.replacing_folder(path) as fresh:
        fresh.mkdir()
        raise OSError(28, "No space left on device")
    assert (path / "mark").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_folder_of_something_else_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="folder with other things in it \\(there is no saved_model.pb\\)"):
        files.check_folder(tmp_path, "saved_model.pb")
    with pytest.raises(ValueError, match="is a file; this format is a folder"):
        files.check_folder(tmp_path / "notes.txt", "saved_model.pb")
    files.check_folder(tmp_path / "new", "saved_model.pb")


def test_what_is_no_model(tmp_path):
    with pytest.raises(TypeError, match="a model is expected, got 3"):
        export_model(3, tmp_path / "m.onnx", format="onnx")
