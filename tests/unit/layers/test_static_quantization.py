"""Integers on scales that were settled by data: layers, models, reports, files, and what is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.config import settings
from pronghorn.engine.runtime.host import named_target
from pronghorn.models import static_quantizing
from pronghorn.quantizers import StaticInt8QuantizationConfig
from pronghorn.quantizers.ranges import METHODS, Seen, grid


@pytest.fixture(autouse=True)
def on(monkeypatch):
    """What layers become is asked of a machine with VNNI, whatever this one is; or of another, if it is called."""

    def machine(name):
        monkeypatch.setattr(static_quantizing, "host_target", lambda: named_target(name))

    machine("avx512-bf16")
    return machine


def of_layers(shape, *inside):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *inside])


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("name", "quantized"), [("avx-vnni", 2), ("avx2", 1), ("neon-bf16", 2), ("neon", 0)])
def test_what_is_no_faster_on_a_machine_stays_in_floats(on, name, quantized):
    on(name)
    model = of_layers((40,), layers.Dense(48), layers.Dense(24))
    report = model.quantize("int8", calibration=data(20, 40))
    assert report.num_quantized == quantized
    assert len(report.skipped_by_reason(report.SKIP_SLOWER)) == 2 - quantized


LAYERS = {
    "Dense": ((40,), lambda: layers.Dense(16)),
    "Dense of rows": ((3, 40), lambda: layers.Dense(16, activation="relu", use_bias=False)),
    "EinsumDense": ((5, 40), lambda: layers.EinsumDense("abc,cde->abde", (None, 4, 8), bias_axes="de")),
    "EinsumDense, turned": ((5, 4, 10), lambda: layers.EinsumDense("abcd,ecd->abe", (None, 16), bias_axes="e")),
    "Conv1D": ((20, 16), lambda: layers.Conv1D(8, 3, padding="causal")),
    "Conv2D": ((9, 10, 16), lambda: layers.Conv2D(8, 3, padding="same", activation="relu")),
    "Conv2D, strides": ((9, 10, 16), lambda: layers.Conv2D(8, 3, padding="same", strides=2)),
    "Conv2D, dilated": ((9, 10, 16), lambda: layers.Conv2D(8, 3, dilation_rate=2)),
    "Conv3D": ((4, 5, 6, 8), lambda: layers.Conv3D(8, 2, padding="same")),
}


@pytest.mark.parametrize("shift", [0.0, 3.0, -3.0], ids=["around 0", "above", "below"])
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_are_those_of_the_rounded_numbers(name, shift):
    """Both operands rounded in NumPy, multiplied as floats: what is left is the rounding of float32."""
    shape, make = LAYERS[name]
    model = of_layers(shape, make())
    x = data(20, *shape) + np.float32(shift)
    layer = model.layers[0]
    floats = layer.kernel.numpy()
    layer.bias is not None and layer.bias.assign(data(*layer.bias.shape, seed=1))
    report = model.quantize(config=StaticInt8QuantizationConfig(x, method="max"))
    assert report.num_quantized == 1 and 0 < next(iter(report.errors.values())) < 0.02, report.render()
    assert layer.kernel.dtype == "int8" and layer.dtype_policy.name == "static_int8_from_float32"
    rounded = layer._scheme().dequantized(layer, layer._quantized_weights[0]).numpy()
    assert np.abs(rounded - floats).max() < np.abs(floats).max() / 127

    step, zero = 1 / float(layer.input_scale.numpy()), int(layer.input_zero.numpy())
    q = np.clip(np.rint(x * layer.input_scale.numpy()) + zero, -128, 127)
    reference = of_layers(shape, make())
    reference.layers[0]._kernel.assign(rounded)
    layer.bias is not None and reference.layers[0].bias.assign(layer.bias)
    expected = reference.predict(((q - zero) * step).astype("float32"), verbose=0)
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    np.testing.assert_allclose(model(x).numpy(), found, atol=2e-6 * np.abs(expected).max())
    assert model(x[:0]).shape == (0, *found.shape[1:])


def test_inputs_beyond_the_range_count_as_its_ends():
    model = of_layers((32,), layers.Dense(8, use_bias=False))
    x = np.abs(data(50, 32))
    model.quantize("int8", calibration=x)
    top = model.predict(np.full((1, 32), x.max(), "float32"), verbose=0)
    np.testing.assert_array_equal(model.predict(np.full((1, 32), 1e9, "float32"), verbose=0), top)
    np.testing.assert_array_equal(model.predict(np.full((1, 32), np.inf, "float32"), verbose=0), top)


@pytest.mark.parametrize("name", ["Dense", "EinsumDense", "Conv1D", "Conv2D, strides", "Conv3D"])
def test_gradients_are_those_of_the_layer_in_floats(name):
    shape, make = LAYERS[name]
    model = of_layers(shape, make())
    x = data(4, *shape)
    model.quantize("int8", calibration=x)
    reference = of_layers(shape, make())
    layer = model.layers[0]
    reference.layers[0]._kernel.assign(layer._scheme().dequantized(layer, layer._quantized_weights[0]))
    upstream = data(*model(x).shape, seed=3)
    found, expected = (
        keras.grad(lambda x, one=one: ops.sum(one(x) * upstream))(ops.convert_to_tensor(x))
        for one in (model, reference)
    )
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-4)


def test_a_model_is_quantized_by_parts_and_says_why():
    model = of_layers(
        (16, 16, 3),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="first"),
        layers.Conv2D(32, 3, padding="same", groups=2, name="grouped"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(32, 3, strides=2, activation="relu", name="body"),
        layers.GlobalAveragePooling2D(name="pool"),
        layers.Dense(64, activation="relu", name="dense"),
        layers.Dense(4, name="few"),
    )
    x = np.random.default_rng(0).uniform(size=(64, 16, 16, 3)).astype("float32")
    before = model.predict(x, verbose=0)
    report = model.quantize("int8", calibration=x, filters=lambda layer: layer.name != "filtered")
    why = {path.rpartition("/")[2]: reason for path, reason in report.skipped}
    assert [path.rpartition("/")[2] for path, *_ in report.quantized] == ["body", "dense"]
    assert why["first"] == why["few"] == report.SKIP_SLOWER
    assert why["grouped"] == why["norm"] == why["pool"] == report.SKIP_NO_SUPPORT
    after = model.predict(x, verbose=0)
    assert np.linalg.norm(after - before) < 0.03 * np.linalg.norm(before)
    assert "error 0." in report.render()
    with pytest.raises(ValueError, match="cannot be quantized again"):
        model.get_layer("body").quantize("static_int8", config=StaticInt8QuantizationConfig(x))
    again = model.quantize("int8", calibration=x)
    assert again.num_quantized == 0
    assert again.skipped_by_reason(again.SKIP_ALREADY_QUANTIZED)


def test_what_loses_too_much_stays_in_floats():
    model = of_layers((32,), layers.Dense(16, name="one"))
    x = data(64, 32)
    x[0, 0] = 1e5  # one number takes the whole range
    before = model.predict(x, verbose=0)
    report = model.quantize(config=StaticInt8QuantizationConfig(x[:32], method="max", max_error=1e-4))
    assert report.skipped_by_reason(report.SKIP_ERROR) and not report.quantized
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_a_layer_that_the_data_does_not_reach_stays_in_floats():
    class Branch(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(16), layers.Dense(16)
            self.used.build((None, 32)), self.unused.build((None, 32))
            self.built = True

        def call(self, x):
            return self.used(x)

    model = Branch()
    report = model.quantize("int8", calibration=data(8, 32))
    assert len(report.quantized) == 1 and report.skipped_by_reason(report.SKIP_UNSEEN)


def test_files(tmp_path):
    model = of_layers(
        (12, 12, 16), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(16, name="last")
    )
    x = data(32, 12, 12, 16)
    model.quantize("int8", calibration=x)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    model.save_weights(tmp_path / "m.weights.h5")
    other = of_layers(
        (12, 12, 16), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(16, name="last")
    )
    other.quantize("int8", calibration=x[:4])
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(x, verbose=0), expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_other_types_of_floats(policy, monkeypatch):
    monkeypatch.setattr(settings, "_settings", copy.copy(settings._settings))
    model = of_layers(
        (12, 12, 16), layers.Conv2D(16, 3, dtype=policy), layers.Flatten(), layers.Dense(16, dtype=policy)
    )
    x = data(16, 12, 12, 16)
    before = model.predict(x, verbose=0).astype("float32")
    assert model.quantize("int8", calibration=x).num_quantized == 2
    after = model.predict(x, verbose=0).astype("float32")
    assert np.linalg.norm(after - before) < 0.03 * np.linalg.norm(before)


BAD = {
    "empty": (np.zeros((0, 32), "float32"), "is empty"),
    "zeros": (np.zeros((8, 32), "float32"), "all zeros"),
    "NaN": (np.full((8, 32), np.nan, "float32"), "NaN or infinite"),
    "infinite": (np.full((8, 32), np.inf, "float32"), "NaN or infinite"),
    "another shape": (np.ones((8, 31), "float32"), "31"),
}


@pytest.mark.filterwarnings("ignore:`x` holds")
@pytest.mark.parametrize("name", BAD)
def test_bad_data(name):
    model = of_layers((32,), layers.Dense(16), layers.Dense(16))
    x, words = BAD[name]
    before = model.predict(data(4, 32), verbose=0)
    with pytest.raises(ValueError, match=words):
        model.quantize("int8", calibration=x)
    assert [layer.dtype_policy.name for layer in model.layers] == ["float32"] * 2
    assert not any("call" in vars(layer) for layer in model.layers)
    np.testing.assert_array_equal(model.predict(data(4, 32), verbose=0), before)


def test_bad_settings():
    x = data(4, 32)
    for wrong, words in (
        ({"method": "entropie"}, "nearest: entropy"),
        ({"percentile": 20}, "percentile"),
        ({"max_error": 0}, "max_error"),
        ({"batch_size": 0}, "batch_size"),
    ):
        with pytest.raises(ValueError, match=words):
            StaticInt8QuantizationConfig(x, **wrong)
    model = of_layers((32,), layers.Dense(16))
    with pytest.raises(ValueError, match="goes with mode='int8'"):
        model.quantize("int4", calibration=x)
    with pytest.raises(ValueError, match="no data"):
        model.quantize(config=StaticInt8QuantizationConfig())
    with pytest.raises(ValueError, match="StaticInt8QuantizationConfig"):
        model.quantize("static_int8")
    with pytest.raises(ValueError, match="which the model does"):
        model.layers[0].quantize(config=StaticInt8QuantizationConfig(x))
    model.layers[0].kernel.assign(np.full((32, 16), np.nan, "float32"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        model.quantize("int8", calibration=x)


def test_ranges():
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=100_000), 0)
    seen = Seen()
    for part in np.split(x, 10):
        seen.update(part)
    seen.update(np.float32([50.0]))  # an outlier, beyond what the bins reached
    seen.update(np.zeros(0))
    assert seen.counts.sum() == 100_001 and seen.most == 50
    ends = {name: method(seen, 99.9) for name, method in METHODS.items()}
    assert ends["max"] == (0, 50)
    assert 2.5 < ends["percentile"][1] < 3.6 and ends["percentile"][0] == 0
    assert 2.5 < ends["entropy"][1] < 8 and ends["entropy"][0] == 0
    for low, high in ((0, 1), (-1, 2), (-3, 0), (5, 9), (-9, -5), (0, 0)):
        step, zero = grid(low, high)
        assert -128 <= zero <= 127
        for number in (0, low, high):  # 0 has an integer of its own, and the ends have some
            assert abs((np.clip(np.rint(number / step) + zero, -128, 127) - zero) * step - number) <= step
