"""Training with rounded numbers: what prepared layers compute and learn, and what conversion makes of them."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops, quantizers
from pronghorn.engine.runtime.host import named_target
from pronghorn.layers.quantization.fake_int8 import MOMENTUM, rounded_inputs, rounded_weight
from pronghorn.models import static_quantizing
from pronghorn.quantizers.ranges import grid


@pytest.fixture(autouse=True)
def with_vnni(monkeypatch):
    """What layers become is asked of a machine with VNNI, whatever this one is."""
    monkeypatch.setattr(static_quantizing, "host_target", lambda: named_target("avx512-bf16"))


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 8)),
            layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Flatten(name="flat"),
            layers.Dense(16, activation="relu", name="dense"),
            layers.Dense(2, name="few"),
        ]
    )


@pytest.mark.parametrize("ends", [(0.0, 3.0), (-1.0, 2.5), (-4.0, -1.0), (0.0, 0.0), (2.0, 9.0)], ids=str)
def test_inputs_are_rounded_on_the_grid_of_the_integers(ends):
    x = np.concatenate([data(200) * 4, [0.0, -0.0, np.inf, -np.inf, *ends]]).astype("float32")
    step, zero = grid(*ends)
    expected = (np.clip(np.rint(x * np.float32(1 / step)) + zero, -128, 127) - zero) * np.float32(step)
    found = rounded_inputs(ops.array(x), *(ops.array(end, "float32") for end in ends)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.isnan(rounded_inputs(ops.array([np.nan]), *(ops.array(end, "float32") for end in ends)).numpy()).all()


def test_the_gradient_is_that_of_what_is_not_rounded():
    ends = ops.array(-1.0), ops.array(2.0)
    x = ops.array([-1.5, -0.9, 0.0, 0.3, 1.9, 2.2])
    slope = keras.grad(lambda x: ops.sum(rounded_inputs(x, *ends) * 3.0))(x)
    assert slope.numpy().tolist() == [0.0, 3.0, 3.0, 3.0, 3.0, 0.0]
    slope = keras.grad(lambda w: ops.sum(rounded_weight(w, (0,)) * 3.0))(ops.array(data(5, 2)))
    assert (slope.numpy() == 3.0).all()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (4, 1)], ids=str)
def test_weights_of_any_extent(shape):
    weight = data(*shape)
    if shape[1] == 1:
        weight[:] = 0.0
    np.testing.assert_array_equal(rounded_weight(ops.array(weight), (0,)).numpy(), weight)


def test_a_converted_model_computes_what_the_prepared_one_did():
    model, x = network(), data(100, 8, 8, 8)
    model.compile("adam", "mse")
    before = model.predict(x, verbose=0)
    report = quantizers.prepare(model, x)
    assert [path.rpartition("/")[2] for path, *_ in report.quantized] == ["conv", "dense"]
    assert report.skipped_by_reason(report.SKIP_SLOWER) == [path for path, _ in report.skipped if "few" in path]
    rounded = model.predict(x, verbose=0)
    assert 0 < np.abs(rounded - before).max() < 0.05 * np.abs(before).max()

    kernel = model.get_layer("dense").kernel.numpy()
    model.fit(x, data(100, 2, seed=1), batch_size=32, epochs=2, verbose=0)  # a short last batch
    assert np.abs(model.get_layer("dense").kernel.numpy() - kernel).max() > 0
    trained = model.predict(x, verbose=0)
    done = quantizers.convert(model)
    assert [path.rpartition("/")[2] for path, *_ in done.quantized] == ["conv", "dense"]
    assert model.get_layer("conv").dtype_policy.name == "static_int8_from_float32"
    assert not hasattr(model.get_layer("conv"), "input_low")
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, trained, atol=1e-3 * np.abs(trained).max())
    with pytest.raises(ValueError, match="no layer of model.*is prepared"):
        quantizers.convert(model)


def test_ranges_follow_the_batches():
    model = keras.Sequential([keras.Input((40,)), layers.Dense(16, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.linspace(0.0, 4.0, 400).astype("float32").reshape(10, 40)
    quantizers.prepare(model, x, method="max")
    layer = model.layers[0]
    assert (layer.input_low.numpy(), layer.input_high.numpy()) == (0.0, 4.0)
    model.fit(2 * x, np.zeros((10, 16)), batch_size=10, verbose=0)
    assert layer.input_high.numpy() == pytest.approx(4.0 * MOMENTUM + 8.0 * (1 - MOMENTUM))
    model.predict(100 * x, verbose=0)
    assert layer.input_high.numpy() == pytest.approx(4.0 * MOMENTUM + 8.0 * (1 - MOMENTUM))  # only in training
    assert model(x[:0]).shape == (0, 16)


def test_files_of_a_prepared_model(tmp_path):
    model, x = network(), data(60, 8, 8, 8)
    model.compile("sgd", "mse")
    quantizers.prepare(model, x)
    model.fit(x, data(60, 2), verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_layer("conv").dtype_policy.name == "fake_int8_from_float32"
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    for one in (model, again):
        quantizers.convert(one)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_cannot_be_prepared_or_converted():
    model, x = network(), data(60, 8, 8, 8)
    with pytest.raises(ValueError, match="all zeros"):
        quantizers.prepare(model, 0 * x)
    assert all(layer.quantization_mode is None for layer in model.layers)
    with pytest.raises(ValueError, match="looks at data"):
        model.quantize("fake_int8")
    with pytest.raises(ValueError, match="quantizers.prepare"):
        model.get_layer("dense").quantize(config=quantizers.FakeInt8QuantizationConfig(x))
    quantizers.prepare(model, x, filters="dense")
    assert model.get_layer("conv").quantization_mode is None
    with pytest.raises(ValueError, match="cannot be quantized again"):
        model.get_layer("dense").quantize("int8")
    dense = model.get_layer("dense")
    kernel = dense.kernel.numpy()
    dense.kernel.assign(np.where(kernel == kernel.max(), np.nan, kernel))
    with pytest.raises(ValueError, match="NaN or infinite"):
        quantizers.convert(model)
    assert dense.quantization_mode == "fake_int8"
    dense.kernel.assign(kernel)
    assert quantizers.convert(model).num_quantized == 1
