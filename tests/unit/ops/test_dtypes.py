"""What becomes of element types: conversion, weak Python numbers, promotion."""

import numpy as np
import pytest

from pronghorn import config, ops


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (2**40, "int64"),
        (1.0, "float32"),
        (True, "bool"),
        ([1, 2], "int32"),
        ([1.0, 2], "float32"),
        (np.float64(1), "float32"),
        (np.arange(2.0), "float32"),
        (np.arange(2, dtype="int8"), "int8"),
        (np.arange(2, dtype="float16"), "float16"),
        (np.array([1j]), "complex64"),
        ([], "float32"),
    ],
)
def test_conversion(value, dtype):
    assert ops.convert_to_tensor(value).dtype == dtype


def test_float64_is_kept_where_it_is_asked_for():
    assert ops.convert_to_tensor(np.arange(2.0), dtype="float64").dtype == "float64"
    x = ops.cast([1.0], "float64")
    assert (x * 2.5).dtype == (x + np.ones(1, "float32")).dtype == ops.exp(x).dtype == "float64"


def test_floatx_decides_what_python_floats_are():
    config.set_floatx("float16")
    try:
        assert ops.convert_to_tensor(0.5).dtype == ops.zeros((2,)).dtype == ops.exp([1]).dtype == "float16"
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ("bfloat16", 2.0, "bfloat16"),
        ("float16", np.float32(2), "float32"),
        ("int8", 2, "int8"),
        ("int8", 2.0, "float32"),
        ("bool", 2, "int32"),
        ("uint8", np.ones(1, "int8"), "int16"),
        ("float16", np.ones(1, "int32"), "float16"),
    ],
)
def test_promotion(first, second, result):
    assert ops.add(ops.ones((1,), first), second).dtype == result


def test_a_list_of_tensors_becomes_one():
    x = ops.convert_to_tensor([[ops.convert_to_tensor(1.0), 2], [3, 4]])
    assert x.shape == (2, 2)
    assert x.dtype == "float32"


@pytest.mark.parametrize(
    ("value", "words"),
    [(["a"], "numbers or bools"), ([[1], [1, 2]], "differ in shape"), (None, "None is no array")],
)
def test_what_is_no_array_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        ops.convert_to_tensor(value)


def test_saturate_cast_keeps_to_the_type():
    x = ops.convert_to_tensor([-300.0, 0.5, 300.0])
    assert ops.saturate_cast(x, "int8").tolist() == [-128, 0, 127]
    assert np.isfinite(np.asarray(ops.saturate_cast(ops.full((1,), 1e30), "float16"), "float32")).all()


def test_view_changes_the_width():
    x = ops.convert_to_tensor(np.arange(4, dtype="int32"))
    for dtype in ("uint8", "int64", "float32", "int16"):
        np.testing.assert_array_equal(ops.view(x, dtype), np.asarray(x).view(dtype))


def test_saturate_cast_to_bool_clips_first():
    assert ops.saturate_cast([-2.0, 0.0, 0.5, 3.0], "bool").numpy().tolist() == [False, False, True, True]
    assert ops.saturate_cast(np.array([-2, 0, 3]), "bool").numpy().tolist() == [False, False, True]


def test_names_of_types():
    assert ops.dtype(np.zeros(2, "int16")) == "int16"
    assert ops.dtype(ops.ones(2)) == "float32"


def test_what_is_a_tensor():
    assert ops.is_tensor(ops.ones(2))
    assert not any(map(ops.is_tensor, (np.ones(2), 1.0, [1.0])))
