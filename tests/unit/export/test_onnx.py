"""What the ONNX files look like: few nodes, the operators one expects, weights by their names; and what is refused."""

import numpy as np
import pytest
from click.testing import CliRunner

onnx = pytest.importorskip("onnx")

import pronghorn as keras  # noqa: E402
from pronghorn import layers, ops  # noqa: E402
from pronghorn.cli.main import main  # noqa: E402
from pronghorn.export.onnx import onnx_graph  # noqa: E402


def parts(*stack, shape):
    """The kinds of the nodes of a model, and its initializers."""
    model = keras.Sequential([keras.Input(shape), *stack], name="m")
    graph, file = onnx_graph(model)
    return [op.kind for op in graph.ops], file.initializers, graph


def test_a_dense_layer():
    kinds, arrays, graph = parts(layers.Dense(4, activation="relu", name="d"), shape=(5,))
    assert kinds == ["MatMul", "Add", "Relu"]
    assert set(arrays) == {"m/d/kernel", "m/d/bias"}
    assert [(t.name, t.dtype, str(t.shape)) for t in graph.outputs] == [("d", "float32", "(batch, 4)")]


def test_convolutions_follow_each_other_without_transposes():
    first = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D()]
    second = [layers.Conv2D(4, 3), layers.AveragePooling2D(2), layers.GlobalAveragePooling2D()]
    kinds, _, _ = parts(*first, *second, shape=(16, 16, 3))
    assert kinds == [
        "Transpose", "Conv", "Relu", "Mul", "Add", "MaxPool", "Conv", "AveragePool", "ReduceSum", "Div",
    ]  # fmt: skip


def test_a_transposed_convolution():
    kinds, arrays, _ = parts(layers.Conv2DTranspose(4, 3, strides=2, padding="same"), shape=(8, 8, 3))
    assert kinds == ["Transpose", "ConvTranspose", "Transpose"]
    assert sorted(a.shape for a in arrays.values()) == [(3, 4, 3, 3), (4,)]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_a_recurrent_layer_is_one_scan(kind):
    layer = getattr(layers, kind)(8, name="r")
    kinds, arrays, graph = parts(layer, shape=(None, 4))
    assert kinds.count("Scan") == 1
    assert "Transpose" not in kinds
    assert graph.count() < 40
    assert {name for name in arrays if "kernel" in name} == {
        f"m/r/{layer.cell.name}/{k}" for k in ("kernel", "recurrent_kernel")
    }


def test_attention_is_a_few_products():
    x = keras.Input((None, 8))
    graph, _ = onnx_graph(keras.Model(x, layers.MultiHeadAttention(2, 4)(x, x)))
    kinds = [op.kind for op in graph.ops]
    assert kinds.count("MatMul") == 6
    assert len(kinds) < 30


def test_what_is_known_is_computed_now():
    kinds, arrays, _ = parts(layers.LayerNormalization(), layers.Rescaling(2.0), shape=(64,))
    assert "Sqrt" in kinds  # of the input
    folded, arrays, _ = parts(layers.BatchNormalization(), shape=(512,))
    assert folded == ["Mul", "Add"]
    assert sorted(a.shape for a in arrays.values()) == [(512,), (512,)]


def test_narrow_weights_stay_narrow():
    for policy, itemsize in (("float16", 2), ("bfloat16", 2), ("mixed_float16", 2)):
        stack = [layers.Dense(32, dtype=policy), layers.Dense(32, dtype=policy)]
        _, arrays, _ = parts(*stack, shape=(32,))
        assert {a.dtype.itemsize for a in arrays.values() if a.ndim == 2} == {itemsize}, policy


def test_everything_that_cannot_be_written_is_named_at_once(tmp_path):
    x = keras.Input((4, 4))
    y = layers.Lambda(lambda t: ops.cholesky(t), name="factor")(x)
    y = layers.Lambda(lambda t: t + keras.random.normal((4, 4)), name="noise")(y)
    model = keras.Model(x, y, name="net")
    with pytest.raises(NotImplementedError) as caught:
        model.export(tmp_path / "m.onnx", format="onnx")
    assert "layer 'net/factor', primitive cholesky: ONNX has no matrix factorisations" in str(caught.value)
    assert "layer 'net/noise', primitive random_bits: " in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch, capsys):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    path = tmp_path / "m.onnx"
    model.export(path, format="onnx")
    assert "opset 20, 2 nodes" in capsys.readouterr().out
    before = path.read_bytes()
    model.export(path, format="onnx", verbose=False)
    assert path.read_bytes() == before  # the same model, the same bytes
    assert not capsys.readouterr().out
    bad = keras.Sequential([keras.Input((3, 3)), layers.Lambda(lambda t: ops.inv(t))])
    with pytest.raises(NotImplementedError):
        bad.export(path, format="onnx")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="could not be written"):
        keras.Sequential([keras.Input((3,)), layers.Dense(9)]).export(path, format="onnx")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_opsets(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.export(tmp_path / "m.onnx", format="onnx", opset_version=21, verbose=False)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 21
    for version in (7, 10_000, "20"):
        with pytest.raises(ValueError, match="opset_version=.* must be from 19 to"):
            model.export(tmp_path / "m.onnx", format="onnx", opset_version=version)


def test_more_weights_than_a_file_holds(monkeypatch, tmp_path):
    monkeypatch.setattr("pronghorn.export.onnx.files.MOST_BYTES", 100)
    model = keras.Sequential([keras.Input((30,)), layers.Dense(2)], name="big")
    with pytest.raises(ValueError, match="'big' has .* bytes of weights"):
        model.export(tmp_path / "m.onnx", format="onnx")
    assert not any(tmp_path.iterdir())


def test_the_command(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="net")
    model.save(tmp_path / "m.keras")

    def run(*arguments):
        return CliRunner().invoke(main, ["export", *map(str, arguments)])

    source, target = tmp_path / "m.keras", tmp_path / "m.onnx"
    result = run(source, target)
    assert result.exit_code == 0, result.output
    assert "Exported net" in result.output
    np.testing.assert_array_equal(
        onnx.numpy_helper.to_array(onnx.load(target).graph.initializer[0]), model.layers[0].kernel.numpy()
    )
    assert "exists already; pass --force" in run(source, target).output
    assert run("--force", "--opset", 21, source, target).exit_code == 0
    assert "tells no format" in run(source, tmp_path / "m.txt").output
    assert run(tmp_path / "none.keras", tmp_path / "n.onnx").exit_code == 1
