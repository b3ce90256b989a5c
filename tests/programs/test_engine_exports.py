"""Models exported to TensorFlow, PyTorch and JAX, and run by these with as many rows as come, without Pronghorn."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import export_sweep
import numpy as np
import pytest
from click.testing import CliRunner
from random_models.generate import random_spec
from random_models.spec import build

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.cli.main import main
from pronghorn.engine.backends import engine as engines
from pronghorn.export.formats import FORMATS

BY_TABLE = [
    pytest.param(
        name,
        marks=[
            pytest.mark.slow,  # the libraries compile for long
            pytest.mark.skipif(not engines.is_installed(format.engine), reason=f"{format.engine} is not installed"),
        ],
    )
    for name, format in FORMATS.items()
    if format.engine is not None
]
needs_tensorflow = pytest.mark.skipif(not engines.is_installed("tensorflow"), reason="tensorflow is not installed")


@pytest.fixture(params=BY_TABLE)
def format(request):
    """Each format of an engine's library, where that is installed."""
    return request.param


@pytest.fixture
def path(format, tmp_path):
    """Of a file or folder of the format."""
    return tmp_path / f"m{FORMATS[format].endings[0]}"


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def agrees(model, path, format, *batches, tolerance=1e-5):
    """Export a model, and compare what the library gives for some batches."""
    model.export(path, format=format, verbose=False)
    for difference in export_sweep.differences(model, path, map(list, batches), format):
        assert difference <= tolerance


@pytest.mark.mostly_slow(every=60)
@pytest.mark.parametrize("case", export_sweep.cases(), ids=lambda c: c.id)
def test_layers(case, format, tmp_path):
    error = export_sweep.attempt(case, tmp_path, format)
    assert bool(error) == (format in export_sweep.NOT_THERE.get(case.layer, ())), error


def small_network():
    x = keras.Input((8, 8, 3), name="image")
    h = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    h = layers.ReLU()(layers.BatchNormalization()(h))
    h = layers.Add()([layers.SeparableConv2D(4, 3, padding="same")(h), h])
    return keras.Model(x, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(h)))


def test_a_small_residual_network(format, path):
    model = small_network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(drawn(8, 8, 8, 3), np.arange(8) % 5, epochs=1, verbose=0)  # moving averages of their own
    agrees(model, path, format, *([drawn(n, 8, 8, 3)] for n in (1, 3, 17)))


@pytest.mark.slow
def test_a_text_classifier_with_masks_and_any_length(format, path):
    ids = keras.Input((None,), dtype="int32")
    h = layers.Embedding(50, 8, mask_zero=True)(ids)
    h = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(h)
    h = layers.MultiHeadAttention(2, 4)(h, h)
    model = keras.Model(ids, layers.Dense(2)(layers.GRU(3)(layers.LayerNormalization()(h))))
    rng = np.random.default_rng(0)
    batches = [[rng.integers(0, 4, (n, t)).astype("int32")] for n, t in ((1, 5), (3, 2), (7, 9))]
    agrees(model, path, format, *batches)


class Loops(keras.Model):
    def call(self, x):
        doubled = ops.while_loop(lambda i, y: ops.max(y) < 100.0, lambda i, y: (i + 1, y * 2.0), (0, ops.abs(x) + 1))
        chosen = ops.cond(ops.max(x) > 1.0, lambda: x * 2.0, lambda: ops.cumsum(x, axis=0))
        return [*doubled, chosen, ops.fori_loop(0, 3, lambda i, y: y + ops.sin(y), x)]


def test_loops_and_branches(format, path):
    model = Loops()
    model(drawn(2, 4))
    agrees(model, path, format, [drawn(1, 4)], [drawn(5, 4) * 3], [drawn(3, 4) * 0.1])


def test_dicts_of_inputs_and_outputs(format, path):
    b, a = keras.Input((None, 4), name="b"), keras.Input((3,), name="a")
    h = layers.Dense(4)(a)
    outputs = {"sum": layers.Add()([h, layers.GlobalMaxPooling1D()(b)]), "more": [b, ops.argmax(h, axis=-1)]}
    model = keras.Model({"b": b, "a": a}, outputs)
    agrees(model, path, format, [drawn(1, 3), drawn(1, 5, 4)], [drawn(6, 3), drawn(6, 2, 4)])


class OfDict(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return {"scores": self.dense(inputs["b"]), "sums": ops.sum(inputs["a"], axis=-1)}


def test_a_model_of_ones_own_that_takes_a_dict(format, path):
    model = OfDict()
    model({"b": drawn(2, 4), "a": drawn(2, 3)})
    model.export(path, format=format, verbose=False)
    run = export_sweep.RUNTIMES[format](path, {"b": None, "a": None})
    for rows in (1, 5):
        arrays = {"a": drawn(rows, 3), "b": drawn(rows, 4)}
        expected = model.predict_on_batch(arrays)
        for got, name in zip(run(list(arrays.values())), ("scores", "sums"), strict=True):
            np.testing.assert_allclose(got, expected[name], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "least"),
    [
        (lambda: layers.Conv2D(4, 3, activation="relu"), 3),
        (lambda: layers.MaxPooling2D(4), 4),
    ],
    ids=["convolution", "pooling"],
)
def test_images_of_any_size_that_is_large_enough(layer, least, format, path):
    model = keras.Sequential([keras.Input((None, None, 3)), layer(), layers.GlobalAveragePooling2D()])
    least = 2 * least if format == "torch" else least  # it takes a window of one place for a case of its own
    agrees(model, path, format, *([drawn(2, h, w, 3)] for h, w in [(least, least), (9, 11), (12, 20)]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_models(seed, format, path):
    spec = {**random_spec(seed), "policy": "float32"}
    model = build(spec, keras)
    fixed = any(x.shape[0] is not None for x in model.inputs)
    rng = np.random.default_rng(seed)

    def one(x, rows):
        shape = tuple((rows if axis == 0 else 5) if n is None else n for axis, n in enumerate(x.shape))
        return rng.integers(0, 3, shape).astype(x.dtype) if "int" in x.dtype else rng.normal(size=shape).astype(x.dtype)

    rows = (next(x.shape[0] for x in model.inputs if x.shape[0] is not None),) if fixed else (1, 4)
    agrees(model, path, format, *([one(x, n) for x in model.inputs] for n in rows))


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 2e-3), ("bfloat16", 1.6e-2), ("float64", 1e-12)])
def test_other_types(policy, tolerance, format, path):
    x = keras.Input((8, 8, 3), dtype="float64" if policy == "float64" else "float32")
    h = layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
    h = layers.MaxPooling2D(dtype=policy)(layers.BatchNormalization(dtype=policy)(h))
    h = layers.LSTM(4, dtype=policy)(layers.Reshape((9, 4), dtype=policy)(h))
    last = "float64" if policy == "float64" else "float32"
    model = keras.Model(x, layers.Dense(3, activation="softmax", dtype=last)(h))
    batches = ([drawn(n, 8, 8, 3).astype(x.dtype)] for n in (1, 3))
    agrees(model, path, format, *batches, tolerance=tolerance)


LOADS = {
    "tf_saved_model": """
import tensorflow as tf
loaded = tf.saved_model.load(path)
results = [loaded.serve(tf.constant(x)).numpy() for x in batches]
""",
    "torch": """
import torch
run = torch.export.load(path).module()
results = [run(torch.from_numpy(x)).detach().numpy() for x in batches]
""",
    "jax": """
import jax.export
run = jax.export.deserialize(bytearray(open(path, "rb").read())).call
results = [np.asarray(run(x)) for x in batches]
""",
}
ALONE = """
import json, sys
import numpy as np
path = sys.argv[1]
batches = [np.arange(n * 192, dtype="float32").reshape(n, 8, 8, 3) / 1000 for n in (1, 3, 17)]
{load}
assert not any(name.partition(".")[0] == "pronghorn" for name in sys.modules)  # (TensorFlow itself imports Keras)
print(json.dumps([r.tolist() for r in results]))
"""


@pytest.mark.slow
def test_a_process_without_pronghorn(format, path, tmp_path):
    model = small_network()
    model.export(path, format=format, verbose=False)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", ALONE.format(load=LOADS[format]), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    for rows, got in zip((1, 3, 17), json.loads(done.stdout.splitlines()[-1])):
        x = np.arange(rows * 192, dtype="float32").reshape(rows, 8, 8, 3) / 1000
        np.testing.assert_allclose(got, model.predict(x, verbose=0), atol=1e-5)


def test_what_is_told_wrongly(format, path, tmp_path):
    words = keras.Input((3,), dtype="string", name="words")
    looked_up = keras.Model(words, layers.StringLookup(vocabulary=["a"])(words))
    if format == "tf_saved_model":
        looked_up.export(path, format=format, verbose=False)
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ValueError, match="is a file; this format is a folder"):
            looked_up.export(tmp_path / "file", format=format)
        with pytest.raises(ValueError, match="folder with other things in it"):
            looked_up.export(tmp_path, format=format)
    else:
        with pytest.raises(NotImplementedError, match="no arrays of strings, which the input 'words' takes"):
            looked_up.export(path, format=format)
        stateful = keras.Sequential([keras.Input((5, 3), batch_size=2), layers.LSTM(4, stateful=True)])
        with pytest.raises(NotImplementedError, match="stateful=False"):
            stateful.export(path, format=format)
        with pytest.raises(ValueError, match="is a folder"):
            small_network().export(tmp_path, format=format)
        assert not path.exists()
    with pytest.raises(ValueError, match="are not known. Call it on data first"):
        Loops().export(tmp_path / "n", format=format)
    assert not (tmp_path / "n").exists()


def test_what_a_format_cannot_express_is_named(format, path, monkeypatch):
    made = pytest.importorskip(f"pronghorn.export.programs.{FORMATS[format].engine}")
    monkeypatch.setitem(made.LACKS, "cholesky", "because of this test")
    x = keras.Input((4, 4))
    y = layers.Lambda(lambda t: ops.cholesky(t), name="factor")(x)
    with pytest.raises(NotImplementedError, match="layer 'net/factor', primitive cholesky: because of this test"):
        keras.Model(x, y, name="net").export(path, format=format)
    monkeypatch.undo()

    def stops(*arrays, **params):
        raise RuntimeError("it stops here")

    table = engines.engine(FORMATS[format].engine).table
    monkeypatch.setitem(table, "cholesky", stops)
    with pytest.raises(NotImplementedError, match=r"layer 'net/factor', primitive cholesky, .*\(it stops here\)"):
        keras.Model(x, y, name="net").export(path, format=format)
    assert not path.exists()


def test_the_command(format, path, tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="net")
    model.save(tmp_path / "m.keras")
    for arguments in ([path], ["--force", path], ["--format", format, tmp_path / "other"]):
        result = CliRunner().invoke(main, ["export", str(tmp_path / "m.keras"), *map(str, arguments)])
        assert result.exit_code == 0, result.output
        assert "Exported net" in result.output
    assert export_sweep.difference(model, path, [drawn(4, 3)], format) <= 1e-6
    result = CliRunner().invoke(main, ["export", str(tmp_path / "m.keras"), str(path)])
    assert "exists already; pass --force" in result.output


def test_options_of_jax(tmp_path, monkeypatch):
    made = pytest.importorskip("pronghorn.export.programs.jax")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="net")
    model.export(tmp_path / "m.jax", format="jax", platforms=("cpu", "cuda", "tpu"), verbose=False)
    assert export_sweep.difference(model, tmp_path / "m.jax", [drawn(4, 3)], "jax") <= 1e-6
    for platforms in ("gpu", (), ["cpu", "npu"]):
        with pytest.raises(ValueError, match="platforms=.* must be some of 'cpu', 'cuda', 'rocm', 'tpu'"):
            model.export(tmp_path / "n.jax", format="jax", platforms=platforms)
    monkeypatch.setattr(made, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="'net' has .* of weights"):
        model.export(tmp_path / "n.jax", format="jax")
    assert not (tmp_path / "n.jax").exists()


# -- SavedModel -------------------------------------------------------------------------------------------------------
def saved(tmp_path, archive):
    import tensorflow as tf

    archive.write_out(tmp_path / "m", verbose=False)
    return tf.saved_model.load(str(tmp_path / "m"))


@needs_tensorflow
def test_a_saved_model_is_keras_default_and_has_its_parts(tmp_path):
    import tensorflow as tf

    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([b, a], [layers.Dense(2, name="p")(a), layers.BatchNormalization()(b)])
    model.export(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert set(loaded.signatures) == {"serve", "serving_default"}
    given = {"a": tf.constant(drawn(3, 3)), "b": tf.constant(drawn(3, 4))}
    served = loaded.signatures["serving_default"](**given)
    assert set(served) == {"output_0", "output_1"}
    for mine, theirs in zip(loaded.serve([given["b"], given["a"]]), (served["output_0"], served["output_1"])):
        np.testing.assert_array_equal(mine, theirs)
    assert [v.shape for v in loaded.trainable_variables] == [v.shape for v in model.trainable_variables]
    assert [v.shape for v in loaded.non_trainable_variables] == [v.shape for v in model.non_trainable_variables]
    assert len(loaded.variables) == len(model.variables)
    loaded.variables[0].assign(tf.zeros((3, 2)))  # no constants of the graph
    np.testing.assert_array_equal(loaded.serve([given["b"], given["a"]])[0], np.zeros((3, 2)))


@needs_tensorflow
def test_strings_are_looked_up(tmp_path):
    import tensorflow as tf

    words = keras.Input((3,), dtype="string", name="words")
    model = keras.Model(words, layers.StringLookup(vocabulary=["a", "b"])(words))
    model.export(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert loaded.serve(tf.constant([["a", "x", "b"]])).numpy().tolist() == [[1, 0, 2]]


@needs_tensorflow
def test_several_endpoints(tmp_path):
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])
    head = keras.layers.Dense(5)
    archive = keras.export.ExportArchive()
    with pytest.raises(ValueError, match="'dense.*' has not been built"):
        archive.track(head)
    head.build((None, 2))
    archive.track(model)
    archive.track_and_add_endpoint("head", head, [keras.InputSpec(shape=(None, 2))])
    archive.add_endpoint("serve", model)
    rows = keras.InputSpec(shape=(None, 3), dtype="float32")
    archive.add_endpoint("scores", lambda x, scale: {"y": ops.softmax(model(x) * scale), "n": [x]}, [rows, drawn()])
    archive.add_endpoint("twice", tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None, 3], tf.float32)]))
    archive.add_variable_collection("of_head", head.variables)
    loaded = saved(tmp_path, archive)
    x = drawn(7, 3)
    np.testing.assert_allclose(loaded.serve(x), model(x), atol=1e-6)
    np.testing.assert_allclose(loaded.scores(x, 3.0)["y"], ops.softmax(model(x) * 3.0), atol=1e-6)
    named = loaded.signatures["scores"](input_0=tf.constant(x), input_1=tf.constant(3.0))
    np.testing.assert_allclose(named["y"], ops.softmax(model(x) * 3.0), atol=1e-6)
    by_name = loaded.signatures["serving_default"](input_0=drawn(4, 2))["output_0"]
    np.testing.assert_allclose(by_name, head(drawn(4, 2)), atol=1e-6)
    np.testing.assert_array_equal(loaded.twice(x), x * 2)
    assert [v.shape for v in loaded.of_head] == [(2, 5), (5,)]
    assert len(archive.variables) == len(archive.trainable_variables) == 6 and not archive.non_trainable_variables


@needs_tensorflow
def test_an_endpoint_may_assign_variables(tmp_path):
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), layers.LSTM(4, stateful=True)])
    archive = keras.export.ExportArchive()
    archive.track_and_add_endpoint("step", model, [keras.InputSpec(shape=(2, 5, 3))])
    loaded, x = saved(tmp_path, archive), drawn(2, 5, 3)
    for _ in range(3):
        np.testing.assert_allclose(loaded.step(x), model(x), atol=1e-6)


@needs_tensorflow
def test_an_archive_is_told_wrongly(tmp_path):
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    model = small_network()
    with pytest.raises(ValueError, match="no endpoint yet"):
        archive.write_out(tmp_path / "m")
    with pytest.raises(ValueError, match="must be a layer, a model or an object that TensorFlow tracks, got str"):
        archive.track("model")
    archive.add_endpoint("serve", model)
    for name in ("serve", "a b", "_hidden", "variables", 3):
        with pytest.raises(ValueError, match="is taken already|must be a name"):
            archive.add_endpoint(name, model)
    with pytest.raises(ValueError, match="fn must be a function, got int"):
        archive.add_endpoint("f", 3)
    for function in (lambda x: x, tf.function(lambda x: x)):
        with pytest.raises(ValueError, match="input_signature is needed for 'f'"):
            archive.add_endpoint("f", function)
    with pytest.raises(ValueError, match="must be a list with an entry for each argument, got InputSpec"):
        archive.add_endpoint("f", lambda x: x, keras.InputSpec(shape=(None, 3)))
    with pytest.raises(ValueError, match="come in a list, tuple or set; got Variable"):
        archive.add_variable_collection("v", model.variables[0])
    with pytest.raises(ValueError, match="there is a int"):
        archive.add_variable_collection("v", [3])
    assert not any(tmp_path.iterdir())
