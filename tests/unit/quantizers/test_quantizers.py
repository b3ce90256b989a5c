"""Quantizers: what their examples do not show."""

import numpy as np
import pytest

from pronghorn import GradientTape, Variable, ops, quantizers


def test_integers_stand_for_the_floats():
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    for axis, to_numpy in ((0, True), (-1, False), ((0, 1), True)):
        values, scale = quantizers.abs_max_quantize(ops.convert_to_tensor(x), axis, to_numpy=to_numpy)
        assert values.dtype == "int8" and np.abs(values.numpy()).max() == 127
        np.testing.assert_allclose(values.numpy() / scale.numpy(), x, atol=0.5 / scale.numpy().min() + 1e-6)


@pytest.mark.parametrize("to_numpy", [True, False])
def test_zeros_have_a_scale(to_numpy):
    values, scale = quantizers.abs_max_quantize(ops.zeros((2, 3)), -1, to_numpy=to_numpy)
    assert not values.numpy().any() and np.isfinite(scale.numpy()).all()
    values, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(ops.zeros((3, 2)), 2, to_numpy=to_numpy)
    back = quantizers.groups.dequantize_with_sz_map(values, scale, zero, [0, 0, 1], group_axis=0)
    assert not back.numpy().any()


@pytest.mark.parametrize("to_numpy", [True, False])
@pytest.mark.parametrize("number", [1.0, -3.0])
def test_a_group_of_equal_numbers_is_itself(number, to_numpy):
    x = ops.full((4, 2), number)
    values, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(x, 2, to_numpy=to_numpy)
    back = quantizers.groups.dequantize_with_sz_map(values, scale, zero, [0, 0, 1, 1], group_axis=0)
    np.testing.assert_allclose(back.numpy(), x.numpy(), rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 1), (1, 6, 2)])
def test_packing_goes_both_ways(axis, dtype, shape):
    low = -8 if dtype == "int8" else 0
    values = np.random.default_rng(0).integers(low, low + 16, shape).astype(dtype)
    packed, packed_shape, count = quantizers.pack_int4(values, axis=axis, dtype=dtype)
    assert packed.shape == packed_shape and count == shape[axis] and packed.dtype == dtype
    np.testing.assert_array_equal(quantizers.unpack_int4(packed, count, axis=axis, dtype=dtype), values)


def test_packing_refuses():
    with pytest.raises(ValueError, match="dtype='int32' is no type of a byte; take 'int8' or 'uint8'"):
        quantizers.pack_int4(np.zeros((2, 2), "int32"), dtype="int32")
    with pytest.raises(TypeError, match="arr is float32, but dtype='int8'"):
        quantizers.pack_int4(np.zeros((2, 2), "float32"))
    with pytest.raises(TypeError, match="packed is float32.*int8 or uint8"):
        quantizers.unpack_int4(np.zeros((2, 2), "float32"), 2)


def test_rounding_in_training_has_a_gradient_for_its_bounds():
    x, low, high = (Variable(np.array(v, "float32")) for v in ([-3.0, -0.5, 0.3, 4.0], -1.0, 1.0))
    with GradientTape() as tape:
        y = ops.sum(quantizers.fake_quant_with_min_max_vars(x, low, high, num_bits=3) * ops.array([1.0, 2.0, 4.0, 8.0]))
    grads = [g.numpy().tolist() for g in tape.gradient(y, [x, low, high])]
    assert grads == [[0.0, 2.0, 4.0, 0.0], 1.0, 8.0]


def test_rounding_by_channel():
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    low, high = np.array([-1.0, -0.5, -2.0], "float32"), np.array([1.0, 2.0, 0.5], "float32")
    whole = quantizers.fake_quant_with_min_max_vars(x, low, high, axis=1)
    for i in range(3):
        alone = quantizers.fake_quant_with_min_max_vars(x[:, i], low[i], high[i])
        np.testing.assert_array_equal(whole[:, i].numpy(), alone.numpy())


def test_scales_of_eight_bit_floats():
    assert float(quantizers.compute_float8_scale(np.float32("inf"), 2.0, 448.0)) == 2.0
    assert float(quantizers.compute_float8_scale(np.float32("nan"), 2.0, 448.0)) == 2.0
    assert float(quantizers.compute_float8_scale(448.0, 2.0, 448.0, margin=1)) == 2.0


def test_configurations():
    own = quantizers.AbsMaxQuantizer(axis=0, value_range=(-8, 7))
    configs = [
        quantizers.Int8QuantizationConfig(activation_quantizer=None),
        quantizers.Int4QuantizationConfig(weight_quantizer=own, block_size=None),
        quantizers.Float8QuantizationConfig(),
    ]
    for config in configs:
        again = quantizers.deserialize(quantizers.serialize(config))
        assert type(again) is type(config) and again.get_config() == config.get_config()
    with pytest.raises(ValueError, match="1 or more, or -1 or None.*block_size=0"):
        quantizers.Int4QuantizationConfig(block_size=0)
    with pytest.raises(ValueError, match="weight_quantizer would not be used.*block_size=-1"):
        quantizers.Int4QuantizationConfig(weight_quantizer=own)
    with pytest.raises(ValueError, match=r"over \(-127, 127\). Make it with value_range=\(-8, 7\)"):
        quantizers.Int4QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(), block_size=-1)
    with pytest.raises(ValueError, match="gives int32.*output_dtype='int8'"):
        quantizers.Int8QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(output_dtype="int32"))
    with pytest.raises(ValueError, match=r"value_range=\(-200, 1\)"):
        quantizers.AbsMaxQuantizer(value_range=(-200, 1))
    with pytest.raises(NotImplementedError, match="no mode"):
        _ = quantizers.QuantizationConfig().mode
