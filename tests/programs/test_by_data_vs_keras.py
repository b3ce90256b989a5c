"""GPTQ and AWQ beside Keras 3.15: the same integers, scales, zeros and factors for the same inputs, and files.

By `Model.quantize` that Keras looks at no inputs (what should watch its layers is in the place of a method that they no
longer call), so its classes for one layer are compared with. They leave the inverse of the Hessian as it is, which ours
do if told to. Where a weight lies in the middle between two integers, as each group's largest does if the zero is in
the middle, the last bits of sums decide: one integer in a hundred may differ by 1.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import pronghorn  # noqa: E402
from pronghorn.quantizers import awq, gptq  # noqa: E402
from pronghorn.quantizers.affine import Grid  # noqa: E402

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
KINDS = {"gptq": "GPTQConfig", "awq": "AWQConfig"}


def config_of(library, mode, **arguments):
    return getattr(library.quantizers, KINDS[mode])(None, None, **arguments)


def theirs(layer, config, inputs):
    """A layer of Keras's, quantized."""
    from keras.src.quantizers.awq import AWQ
    from keras.src.quantizers.gptq import GPTQ

    layer.quantize(config=config)
    if config.mode == "gptq":
        one = GPTQ(layer, config)
        one.update_hessian_with_batch(inputs)
        one.quantize_and_correct_layer()
    else:
        one = AWQ(layer, config)
        one.update_activation_magnitudes(inputs)
        one.quantize_layer()
    return layer


WAYS = {
    "gptq": ("gptq", {"group_size": 4}),
    "gptq_whole": ("gptq", {"group_size": -1}),
    "gptq_ragged": ("gptq", {"group_size": 5}),
    "gptq_larger_than_the_layer": ("gptq", {"group_size": 128}),
    "gptq_symmetric": ("gptq", {"group_size": 4, "symmetric": True}),
    "gptq_in_order": ("gptq", {"group_size": 4, "activation_order": True}),
    "gptq_2_bits": ("gptq", {"group_size": 4, "weight_bits": 2}),
    "gptq_3_bits": ("gptq", {"group_size": -1, "weight_bits": 3, "hessian_damping": 0.1}),
    "gptq_8_bits": ("gptq", {"group_size": 4, "weight_bits": 8}),
    "gptq_one_scale": ("gptq", {"group_size": -1, "per_channel": False}),
    "awq": ("awq", {"group_size": 4}),
    "awq_whole": ("awq", {"group_size": -1}),
    "awq_ragged": ("awq", {"group_size": 5, "num_grid_points": 7}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_layer(way):
    mode, arguments = WAYS[way]
    weights = RNG.normal(size=(18, 7)).astype("float32")
    inputs = (RNG.normal(size=(60, 18)) * 10 ** RNG.uniform(-0.3, 0.3, 18) + 0.3).astype("float32")
    inputs[:, 3] = 0
    layer = keras.layers.Dense(7, use_bias=False)
    layer.build((None, 18))
    layer.set_weights([weights])
    config = config_of(keras, mode, **arguments)
    layer = theirs(layer, config, inputs)
    if mode == "gptq":
        seen, grid = gptq.Hessian(), Grid(config.weight_bits, config.symmetric, config.per_channel)
        seen.update(inputs)
        rest = {"damping": config.hessian_damping, "activation_order": config.activation_order, "exact": False}
        found = gptq.quantized(weights.T, seen.matrix(), grid, config.group_size, **rest)
    else:
        seen = awq.Magnitudes()
        seen.update(inputs)
        found = config_of(pronghorn, mode, **arguments).quantized(weights.T, seen)
        np.testing.assert_allclose(found.inputs_scale, layer.awq_scales, rtol=1e-4)
    packed = np.asarray(layer.quantized_kernel)
    integers = pronghorn.quantizers.unpack_int4(packed, 7, axis=0, dtype="uint8") if config.weight_bits == 4 else packed
    off = np.abs(np.asarray(integers).astype(int) - found.integers)
    assert off.max() <= 1 and np.count_nonzero(off) <= off.size / 100
    np.testing.assert_allclose(found.scale, layer.kernel_scale, rtol=1e-5)
    np.testing.assert_array_equal(found.zero, layer.kernel_zero)
    np.testing.assert_array_equal(found.groups, np.floor(layer.g_idx))  # Keras keeps fractions, which it drops later


def quantized(library, mode, **arguments):
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((4, 6)),
            layers.Dense(7, activation="relu", name="dense"),
            layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", name="split"),
            layers.EinsumDense("abde,dec->abc", (None, 8), name="joined"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    config, inputs = config_of(library, mode, **arguments), rng.normal(size=(40, 7)).astype("float32")
    for layer in model.layers:
        if library is keras:
            theirs(
                layer,
                config,
                inputs[:, : layer.kernel.shape[0] * (layer.kernel.shape[1] if layer.name == "joined" else 1)],
            )
        else:
            seen = config.statistics()
            seen.update(
                inputs[:, : layer._weights_to_quantize()[0].by_data[0]] if layer.name != "dense" else inputs[:, :6]
            )
            layer.quantize(config=config)
            layer._settle(layer._few_bits(seen, config))
    return model


X = RNG.normal(size=(3, 4, 6)).astype("float32")


@pytest.mark.parametrize("way", ["gptq", "gptq_8_bits", "gptq_in_order", "gptq_ragged", "awq", "awq_whole"])
def test_files_for_keras(way, tmp_path):
    mode, arguments = WAYS[way]
    model = quantized(pronghorn, mode, **arguments)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for _ in range(2):
        np.testing.assert_allclose(np.asarray(loaded(X)), expected, rtol=1e-4, atol=1e-4)
        loaded.load_weights(tmp_path / "model.weights.h5")


@pytest.mark.parametrize("bits", [4, 8])
def test_files_of_keras(bits, tmp_path):
    """They lack the zeros: those that are in the middle are known, others are lost, also to Keras."""
    model = quantized(keras, "gptq", group_size=4, symmetric=True, weight_bits=bits)
    model.save(tmp_path / "model.keras")
    loaded = pronghorn.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(loaded(X)), np.asarray(model(X)), rtol=1e-4, atol=1e-4)
    quantized(keras, "gptq", group_size=4, weight_bits=bits).save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="everything but the zeros"):
        pronghorn.saving.load_model(tmp_path / "other.keras")
