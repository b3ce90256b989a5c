"""Dtype policies."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pronghorn import dtype_policies, layers, mixed_precision


@pytest.fixture
def restored():
    before = dtype_policies.dtype_policy()
    yield
    dtype_policies.set_dtype_policy(before)


@pytest.mark.parametrize(
    "name,compute,variable",
    [("float32", "float32", "float32"), ("mixed_float16", "float16", "float32"), ("bfloat16", "bfloat16", "bfloat16")],
)
def test_types(name, compute, variable):
    policy = dtype_policies.get(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    assert dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy


def test_the_global_policy(restored):
    mixed_precision.set_global_policy("mixed_bfloat16")
    assert layers.Dense(1).compute_dtype == "bfloat16" and layers.Dense(1, dtype="float32").compute_dtype == "float32"


def test_policies_by_path():
    table = dtype_policies.DTypePolicyMap("float32", {"dense": dtype_policies.DTypePolicy("bfloat16")})
    layer = layers.Dense(1, name="dense", dtype=table)
    layer.build((None, 2))
    assert layer.compute_dtype == "bfloat16" and table["other"].name == "float32"
    with pytest.raises(ValueError, match="delete it first"):
        table["dense"] = dtype_policies.DTypePolicy("float16")


def test_unknown_names():
    with pytest.raises(ValueError, match="mixed_bfloat16"):
        dtype_policies.get("mixed_bfloat")
    with pytest.raises(ValueError, match="got 123 of type int"):
        dtype_policies.get(123)


@pytest.mark.parametrize(
    "name",
    [
        *("int8_from_float32", "int8_from_mixed_bfloat16", "float8_from_mixed_float16", "int4_from_float32"),
        *("int4/64_from_bfloat16", "int4/-1_from_float32", "gptq/4/128_from_float32", "awq/4/-1_from_float32"),
    ],
)
def test_quantized_policies_go_into_configurations_and_back(name):
    policy = dtype_policies.get(name)
    mode, source = name.split("_from_")
    assert (policy.name, policy.quantization_mode) == (name, mode.partition("/")[0])
    for types in ("compute_dtype", "variable_dtype"):
        assert getattr(policy, types) == getattr(dtype_policies.get(source), types)
    copies = [
        dtype_policies.get(dtype_policies.serialize(policy)),
        type(policy).from_config(policy.get_config()),
        pickle.loads(pickle.dumps(policy)),
    ]
    assert all(copy == policy and type(copy) is type(policy) for copy in copies)
    assert policy != dtype_policies.get(source)


def test_quantized_policies_that_cannot_be():
    with pytest.raises(ValueError, match="float16.*'mixed_float16'"):
        dtype_policies.get("int8_from_mixed_float16")
    with pytest.raises(ValueError, match="names no mode.*int8"):
        dtype_policies.get("int9_from_float32")
    with pytest.raises(ValueError, match="no mode None"):
        dtype_policies.QuantizedDTypePolicy(None, "float32")
    with pytest.raises(ValueError, match="flaot32"):
        dtype_policies.get("int8_from_flaot32")
    with pytest.raises(TypeError, match="amax_history_length"):
        dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length="long")
    with pytest.raises(ValueError, match="mode 'int4/0' asks for block_size=0; there is 1 and above"):
        dtype_policies.get("int4/0_from_float32")
    with pytest.raises(ValueError, match="a mode is gptq/<weight_bits>/<group_size>, .*got 'gptq/4'"):
        dtype_policies.get("gptq/4_from_float32")
    with pytest.raises(ValueError, match="asks for weight_bits=8; there is nothing but 4"):
        dtype_policies.get("awq/8/128_from_float32")
    short = dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length=2)
    assert short != dtype_policies.get("float8_from_float32")


def test_a_table_without_a_default_policy_goes_by_the_one_in_force_where_it_is_loaded(restored):
    known = {"dense": dtype_policies.get("int8_from_float32"), "last": dtype_policies.get("float32")}
    table = dtype_policies.DTypePolicyMap(None, known)
    config = dtype_policies.serialize(table)
    dtype_policies.set_dtype_policy("mixed_bfloat16")
    loaded = dtype_policies.deserialize(config)
    names = [loaded[path].name for path in ("dense", "last", "other")]
    assert names == ["int8_from_mixed_bfloat16", "mixed_bfloat16", "mixed_bfloat16"]


def test_a_map_converts_inputs_as_its_default_policy():
    found = dtype_policies.DTypePolicyMap("mixed_float16")
    assert found.convert_input(np.ones(2, "float32"), True, "float16").dtype == "float16"
    assert found.convert_input(np.ones(2, "int32"), True, "float16").dtype == "int32"
