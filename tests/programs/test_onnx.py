"""Layers and whole models exported to ONNX and run by onnxruntime, with as many rows as come."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

import export_sweep  # noqa: E402
from random_models.generate import random_spec  # noqa: E402
from random_models.spec import build  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn import layers, ops  # noqa: E402

SCRIPT = Path(__file__).parents[2] / "docs" / "make_export.py"


@pytest.mark.mostly_slow(every=12)
@pytest.mark.parametrize("case", export_sweep.cases(), ids=lambda c: c.id)
def test_layers(case, tmp_path):
    error = export_sweep.attempt(case, tmp_path)
    assert bool(error) == ("onnx" in export_sweep.NOT_THERE.get(case.layer, ())), error


def test_the_page_says_what_the_tests_of_layers_expect():
    spec = importlib.util.spec_from_file_location("make_export", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(script.expected()), "run python docs/make_export.py"


def agrees(model, path, *batches, tolerance=1e-5):
    """Export a model, and compare what it gives for some batches."""
    model.export(path, format="onnx", verbose=False)
    for arrays in batches:
        assert export_sweep.difference(model, path, [np.asarray(a) for a in arrays]) <= tolerance


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def test_a_small_residual_network(tmp_path):
    x = keras.Input((16, 16, 3))
    h = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    h = layers.ReLU()(layers.BatchNormalization()(h))
    shortcut = layers.Conv2D(16, 1, strides=2)(h)
    h = layers.SeparableConv2D(16, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Concatenate()([layers.Add()([h, shortcut]), layers.MaxPooling2D(1)(h)])
    model = keras.Model(x, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(h)))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(drawn(8, 16, 16, 3), np.arange(8), epochs=1, verbose=0)  # moving averages of their own
    agrees(model, tmp_path / "m.onnx", *([drawn(n, 16, 16, 3)] for n in (1, 3, 7)))


@pytest.mark.slow
def test_a_text_classifier_with_masks_and_any_length(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    h = layers.Embedding(50, 8, mask_zero=True)(ids)
    h = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(h)
    h = layers.MultiHeadAttention(2, 4)(h, h)
    model = keras.Model(ids, layers.Dense(2)(layers.GRU(3)(layers.LayerNormalization()(h))))
    rng = np.random.default_rng(0)
    batches = [[rng.integers(0, 4, (n, t)).astype("int32") for _ in (0,)] for n, t in ((1, 5), (3, 2), (7, 9))]
    agrees(model, tmp_path / "m.onnx", *batches)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_models(seed, tmp_path):
    spec = random_spec(seed)
    if spec["policy"] not in ("float32", "mixed_float16"):
        spec["policy"] = "float32"  # onnxruntime has no convolutions of float64, and NumPy no bfloat16 to read
    model = build(spec, keras)
    tolerance = 1e-5 if spec["policy"] == "float32" else 2e-2
    fixed = any(x.shape[0] is not None for x in model.inputs)
    rng = np.random.default_rng(seed)

    def one(x, rows):
        shape = tuple((rows if axis == 0 else 5) if n is None else n for axis, n in enumerate(x.shape))
        return rng.integers(0, 3, shape).astype(x.dtype) if "int" in x.dtype else rng.normal(size=shape).astype(x.dtype)

    rows = (next(x.shape[0] for x in model.inputs if x.shape[0] is not None),) if fixed else (1, 4)
    agrees(model, tmp_path / "m.onnx", *([one(x, n) for x in model.inputs] for n in rows), tolerance=tolerance)


def test_loops_and_branches(tmp_path):
    class Model(keras.Model):
        def call(self, x):
            doubled = ops.while_loop(
                lambda i, y: ops.max(y) < 100.0, lambda i, y: (i + 1, y * 2.0), (0, ops.abs(x) + 1)
            )
            chosen = ops.cond(ops.max(x) > 1.0, lambda: x * 2.0, lambda: ops.cumsum(x, axis=0))
            return [*doubled, chosen, ops.fori_loop(0, 3, lambda i, y: y + ops.sin(y), x)]

    model = Model()
    model(drawn(2, 4))
    model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for x in (drawn(1, 4), drawn(5, 4) * 3, drawn(3, 4) * 0.1):
        for mine, theirs in zip(model(x), session.run(None, {"input_0": x})):
            assert export_sweep.relative(mine.numpy(), theirs) <= 1e-5


def test_dicts_of_inputs_and_outputs(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((None, 4), name="b")
    h = layers.Dense(4)(a)
    z = layers.Attention()([b, b])
    outputs = {"sum": layers.Add()([h, layers.GlobalMaxPooling1D()(z)]), "seq": z, "best": ops.argmax(h, axis=-1)}
    model = keras.Model({"a": a, "b": b}, outputs)
    agrees(model, tmp_path / "m.onnx", [drawn(1, 3), drawn(1, 5, 4)], [drawn(6, 3), drawn(6, 2, 4)])
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["a", "b"]
    assert [o.name for o in session.get_outputs()] == ["best", "seq", "sum"]


def test_the_number_of_rows_of_the_first_call_is_none_of_the_file(tmp_path):
    def shape_of(model):
        model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
        return onnxruntime.InferenceSession(tmp_path / "m.onnx").get_inputs()[0].shape

    called = keras.Sequential([layers.Dense(2)])
    called(np.ones((3, 4)))
    assert shape_of(called) == ["batch", 4]
    assert shape_of(keras.Sequential([keras.Input(batch_shape=(3, 4)), layers.Dense(2)])) == ["batch", 4]
    grid = layers.Lambda(lambda x: ops.matmul(np.ones((2, 3), "float32"), x))  # of three rows alone
    assert shape_of(keras.Sequential([keras.Input(batch_shape=(3, 4)), grid])) == [3, 4]


class OfDict(keras.Model):
    def call(self, inputs):
        return {"sums": ops.sum(inputs["b"], axis=-1), "twice": inputs["a"] * 2}


def test_a_model_of_ones_own_that_takes_a_dict(tmp_path):
    model, path = OfDict(), tmp_path / "model.onnx"
    arrays = {"b": np.ones((2, 4), "float32"), "a": np.ones((2, 3), "float32")}
    model(arrays)
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    sums, twice = session.run(["sums", "twice"], arrays)
    assert sums.tolist() == [4, 4] and twice.tolist() == [[2] * 3] * 2


#: Rounding of every operation: so many units of the type's own precision, at most.
@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("mixed_float16", 2e-3), ("mixed_bfloat16", 1.6e-2), ("float16", 2e-3), ("bfloat16", 1.6e-2)],
)
def test_narrow_types(policy, tolerance, tmp_path):
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
    h = layers.MaxPooling2D(dtype=policy)(layers.BatchNormalization(dtype=policy)(h))
    h = layers.LSTM(4, dtype=policy)(layers.Reshape((9, 4), dtype=policy)(h))
    model = keras.Model(x, layers.Dense(3, activation="softmax", dtype="float32")(h))
    agrees(model, tmp_path / "m.onnx", *([drawn(n, 8, 8, 3)] for n in (1, 3)), tolerance=tolerance)


def test_a_signature_with_numbers(tmp_path):
    x = keras.Input((5,))
    model = keras.Model(x, layers.Lambda(lambda x: x * 2 if x.shape[0] > 3 else x)(x))
    signature = [keras.InputSpec(shape=(4, 5))]
    model.export(tmp_path / "m.onnx", format="onnx", input_signature=signature, verbose=False)
    assert export_sweep.difference(model, tmp_path / "m.onnx", [drawn(4, 5)]) == 0
