"""Dtype policies."""

from __future__ import annotations

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
    with pytest.raises(NotImplementedError, match="mixed_bfloat16"):
        dtype_policies.QuantizedDTypePolicy("int8", "float32")
