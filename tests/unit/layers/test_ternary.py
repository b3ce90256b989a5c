"""Layers whose weights are -1, 0 and 1; the literal numbers are those of Keras 3.16, in development (October 2026)."""

import json

import h5py
import numpy as np
import pytest

import pronghorn
from pronghorn import GradientTape, Sequential, layers, ops, quantizers, saving

KERNEL = np.array(
    [[0.5, -1.5, 0.25], [1, 0, -0.75], [-0.125, 2, 1.25], [0, -0.5, -2], [1.75, 0.375, 0.5], [-1, 1, 0]], "float32"
)
BIAS = np.array([0.5, 0.0, -1.0], "float32")
X = np.array([[1, -2, 0.5, 3, 0, -1], [0.25, 1.5, -0.75, 2, -1, 4]], "float32")

_HALF = [[119], [113], [133], [109], [131], [123]]
# A layer; then of Keras its kernel in a file, the scale there, and the outputs.
CASES = {
    "dense": (
        lambda: layers.Dense(3),
        _HALF,
        0.8055555820465088,
        [[0.5, -3.625, -1.4027777910232544], [-2.118055582046509, 0.8055555820465088, -5.2291669845581055]],
    ),
    "trained_so": (
        lambda: layers.TernaryDense(3),
        _HALF,
        0.8055555820465088,
        [[0.5, -3.625, -1.4027777910232544], [-2.118055582046509, 0.8055555820465088, -5.2291669845581055]],
    ),
    "by_a_threshold": (
        lambda: layers.TernaryDense(3, threshold=0.4),
        _HALF,
        1.0,
        [[0.5, -4.5, -1.5], [-2.75, 1.0, -6.25]],
    ),
    "all_but_zeros": (
        lambda: layers.TernaryDense(3, threshold=0.0),
        [[128], [113], [132], [109], [134], [123]],
        1.0,
        [[0.0, -4.5, -0.5], [-2.0, 0.0, -6.0]],
    ),
    "none": (lambda: layers.TernaryDense(3, threshold=1e9), [[121]] * 6, 1.0, [[0.5, 0.0, -1.0]] * 2),
}


def made(make):
    layer = make()
    layer.build((None, 6))
    layer.set_weights([KERNEL, BIAS])
    return layer


@pytest.mark.parametrize("name", CASES)
def test_what_keras_makes_of_a_layer(name):
    make, packed, scale, outputs = CASES[name]
    layer = made(make)
    before = layer(X)
    layer.quantize("ternary")
    assert layer.dtype_policy.name == "ternary_from_float32" and layer.kernel.dtype == "int8"
    np.testing.assert_allclose(layer(X), outputs, rtol=1e-6)
    if isinstance(layer, layers.TernaryDense):
        np.testing.assert_allclose(layer(X), before, rtol=1e-6)
    store = {}
    layer.save_own_variables(store)
    assert store["0"].tolist() == packed and store["0"].dtype == "uint8"
    np.testing.assert_allclose([store["2"]], [scale], rtol=1e-6)
    other = make().from_config(json.loads(json.dumps(layer.get_config())))
    other.build((None, 6))
    assert not ops.any(other.kernel)
    other.load_own_variables(store)
    np.testing.assert_array_equal(other(X), layer(X))


def test_configurations_are_those_of_keras():
    model = Sequential([layers.Input((6,)), layers.Dense(3), layers.TernaryDense(2)])
    model.quantize("ternary")
    first, last = (layer.get_config() for layer in model.layers)
    policy = {"mode": "ternary", "source_name": "float32"}
    for config in (first, last):
        assert config["dtype"]["class_name"] == "QuantizedDTypePolicy" and config["dtype"]["config"] == policy
    assert "quantization_config" not in last and first["quantization_config"] == {
        "module": "keras.quantizers",
        "class_name": "TernaryQuantizationConfig",
        "config": {},
        "registered_name": None,
    }


@pytest.mark.parametrize("source", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_model_in_a_file(tmp_path, source):
    inner = layers.Dense(4, activation="relu", dtype=source)
    model = Sequential([layers.Input((6,)), inner, layers.TernaryDense(3, use_bias=False, dtype=source)])
    model.compile("sgd", "mse")
    model.quantize("ternary")
    model.fit(X, np.ones((2, 3), "float32"), verbose=0)
    assert [weight.name for weight in model.trainable_weights] == ["bias"] and ops.any(inner.bias)
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_inputs_get_the_gradient_of_the_numbers():
    layer = made(lambda: layers.Dense(3))
    layer.quantize("ternary")
    x = ops.convert_to_tensor(X)
    with GradientTape() as tape:
        tape.watch(x)
        total = ops.sum(layer(x))
    slope = (np.asarray(layer.kernel) * np.asarray(layer.kernel_scale)).sum(1)
    np.testing.assert_allclose(tape.gradient(total, x), np.stack([slope, slope]), rtol=1e-6)


def test_weights_of_all_kinds():
    def numbers(values, **kwargs):
        layer = layers.TernaryDense(1, use_bias=False, **kwargs)
        layer.build((None, len(values)))
        layer.set_weights([np.array(values, "float32")[:, None]])
        layer.quantize("ternary")
        return np.asarray(layer.kernel)[:, 0].tolist(), float(layer.kernel_scale)

    assert numbers([0.0, -0.0, 0.0]) == ([0, 0, 0], 0.0)
    assert numbers([2.0]) == ([1], 2.0)
    assert numbers([1.0, -1.0, 1.0], threshold=1) == ([0, 0, 0], 1.0)
    found, scale = numbers([np.nan, 1.0])
    assert found == [0, 0] and np.isnan(scale)  # as the layer's outputs were before
    assert numbers([np.inf, -np.inf], threshold=3.0) == ([1, -1], 1.0)


def test_refusals():
    layer = made(lambda: layers.TernaryDense(3, name="last"))
    with pytest.raises(
        NotImplementedError, match="'last' .TernaryDense. cannot be quantized to 'int8', but to ternary"
    ):
        layer.quantize("int8")
    with pytest.raises(NotImplementedError, match="cannot be quantized to 'ternary', but to int8, int4, float8, gptq"):
        layers.EinsumDense("ab,bc->ac", 3, dtype="ternary_from_float32").build((None, 6))
    with pytest.raises(NotImplementedError, match="cannot be quantized to 'ternary', but to int8, int4"):
        layers.Embedding(3, 2, dtype="ternary_from_float32").build()
    with pytest.raises(ValueError, match="neither a mode nor a config"):
        layer.quantize()
    layer.quantize("ternary")
    with pytest.raises(ValueError, match="'last'.*cannot be quantized again"):
        layer.quantize("ternary")
    with pytest.raises(ValueError, match="has the variables _kernel, bias, kernel_scale, but in the file there are 2"):
        layer.load_own_variables({"0": KERNEL, "1": BIAS})


def test_there_is_no_update_of_low_rank():
    layer = made(lambda: layers.Dense(3, name="last"))
    layer.quantize("ternary")
    with pytest.raises(NotImplementedError, match="'last'.*ternary there is no LoRA"):
        layer.enable_lora(2)
    layer = made(lambda: layers.Dense(3, name="last"))
    layer.enable_lora(2)
    with pytest.raises(NotImplementedError, match="'last'.*low rank cannot be quantized by ternary.*Save the model"):
        layer.quantize(config=quantizers.TernaryQuantizationConfig())


def test_files_from_before(tmp_path):
    """In August 2026 Keras had five numbers of an output in a byte, and a policy of the mode's own."""
    layer = made(lambda: layers.Dense(3))
    layer.quantize("ternary")
    config = layer.get_config()
    assert config["dtype"]["class_name"] == "QuantizedDTypePolicy"
    config["dtype"]["class_name"] = "TernaryDTypePolicy"
    old = layers.Dense.from_config(config)
    old.build((None, 6))
    packed = np.array([[206, 102, 181], [120, 122, 121]], "uint8")
    old.load_own_variables({"0": packed, "1": BIAS, "2": np.float32(0.8055555820465088)})
    np.testing.assert_allclose(old(X), layer(X), rtol=1e-6)
    np.testing.assert_array_equal(old.kernel, layer.kernel)
    model = Sequential([layers.Input((6,)), layer])
    model.save_weights(tmp_path / "old.weights.h5")
    with h5py.File(tmp_path / "old.weights.h5", "a") as file:
        variables = file["layers/dense/vars"]
        del variables["0"]
        variables["0"] = packed
    before = layer(X)
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    model.load_weights(tmp_path / "old.weights.h5")
    np.testing.assert_array_equal(layer(X), before)


def test_policies():
    policies = pronghorn.dtype_policies
    get, policy = policies.get, policies.QuantizedDTypePolicy("ternary", "mixed_bfloat16")
    assert policy == get("ternary_from_mixed_bfloat16") and policy.quantization_mode == "ternary"
    assert policy == policies.TernaryDTypePolicy("ternary", "mixed_bfloat16")
    assert (policy.compute_dtype, policy.variable_dtype) == ("bfloat16", "float32")
    assert saving.deserialize_keras_object(saving.serialize_keras_object(policy)) == policy
    with pytest.raises(ValueError, match="there is no mode 'ternary/3'; nearest: .*ternary"):
        get("ternary/3_from_float32")
