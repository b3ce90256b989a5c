"""Quantizers: what their examples do not show."""

import numpy as np
import pytest

import pronghorn
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


SHAPES = [(3, 4, 5), (2, 1, 1), (1, 6, 2), (5, 7, 11), (0, 3, 2), (4, 0, 3), (10, 8, 0)]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("bits", [4, 2])
def test_packing_goes_both_ways(axis, dtype, bits):
    pack, unpack = (getattr(quantizers, f"{name}_int{bits}") for name in ("pack", "unpack"))
    low = -(2 ** (bits - 1)) if dtype == "int8" else 0
    for shape in SHAPES:
        values = np.random.default_rng(0).integers(low, low + 2**bits, shape).astype(dtype)
        packed, packed_shape, count = pack(values, axis=axis, dtype=dtype)
        assert packed.shape == packed_shape and count == shape[axis] and packed.dtype == dtype
        assert packed_shape[axis] == -(-count // (8 // bits))
        np.testing.assert_array_equal(unpack(packed, count, axis=axis, dtype=dtype), values)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "float32", "bfloat16"])
def test_packing_ternary_goes_both_ways(axis, dtype):
    for shape in SHAPES:
        values = np.random.default_rng(0).integers(-1, 2, shape)
        packed, packed_shape, count = quantizers.pack_ternary(ops.cast(values, dtype), axis=axis)
        assert packed.shape == packed_shape and count == shape[axis] and packed.dtype == "uint8"
        assert packed_shape[axis] == -(-count // 5)
        for found in (packed, packed.numpy().view("int8")):
            np.testing.assert_array_equal(quantizers.unpack_ternary(found, count, axis=axis), values)


def test_packed_bytes_are_those_of_keras():
    """Keras 3.16, in development."""
    numbers = np.array([[[1, 0], [-1, 1], [1, 1], [0, -1], [-1, -1], [0, 1], [1, -1]]], "int8")
    assert quantizers.pack_ternary(numbers, axis=1)[0].numpy().tolist() == [[[47, 25], [124, 119]]]
    packed = quantizers.pack_ternary(numbers, axis=-1)[0].numpy()
    assert packed.tolist() == [[[122], [123], [125], [118], [117], [124], [119]]]
    assert quantizers.pack_ternary(np.array([-1, 1, 0, -1, 1, 0.6, -7]))[0].numpy().tolist() == [177, 119]
    numbers = np.array([[1, 0, -2, -1, 1], [-1, 1, 0, 0, -2]], "int8")
    assert quantizers.pack_int2(numbers, axis=1)[0].numpy().tolist() == [[-31, 1], [7, 2]]
    assert quantizers.pack_int2(numbers)[0].numpy().tolist() == [[13, 4, 2, 3, 9]]
    numbers = np.array([0, 1, 2, 3, 3], "uint8")
    assert quantizers.pack_int2(numbers, dtype="uint8")[0].numpy().tolist() == [228, 3]
    assert quantizers.unpack_int2(np.array([-58, 1], "int8"), 8, dtype="uint8").numpy().tolist() == [
        *(2, 1, 0, 3, 1, 0, 0, 0)
    ]


def test_unpacking_in_a_compiled_step():
    bytes_ = np.arange(243, dtype="uint8").reshape(27, 9)
    found = pronghorn.jit(lambda packed: quantizers.unpack_ternary(packed, 133))(bytes_)
    np.testing.assert_array_equal(quantizers.pack_ternary(found)[0].numpy()[:26], bytes_[:26])


def test_packing_refuses():
    with pytest.raises(ValueError, match="dtype='int32' is no type of a byte; take 'int8' or 'uint8'"):
        quantizers.pack_int4(np.zeros((2, 2), "int32"), dtype="int32")
    with pytest.raises(TypeError, match="arr is float32, but dtype='int8'"):
        quantizers.pack_int4(np.zeros((2, 2), "float32"))
    for pack, number, dtype in (("int2", 2, "int8"), ("int2", -3, "int8"), ("int4", 8, "int8"), ("int4", 16, "uint8")):
        with pytest.raises(ValueError, match=f"hold the integers from .* but arr has some from {number} to {number}"):
            getattr(quantizers, f"pack_{pack}")(np.array([number], dtype), dtype=dtype)
    with pytest.raises(TypeError, match="packed is float32.*int8 or uint8"):
        quantizers.unpack_int4(np.zeros((2, 2), "float32"), 2)


def test_packing_ternary_refuses():
    with pytest.raises(ValueError, match="arr has a NaN, which is none of -1, 0 and 1"):
        quantizers.pack_ternary(np.array([0, np.nan]))
    with pytest.raises(TypeError, match="unpack_ternary: packed is float32.*uint8 or int8"):
        quantizers.unpack_ternary(np.zeros(2, "float32"), 2)
    assert quantizers.pack_ternary([np.inf, True, -np.inf, 2, -0.4])[0].numpy().tolist() == [2 + 6 + 54 + 81]


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
