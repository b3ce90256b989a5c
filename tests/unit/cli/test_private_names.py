"""`keras.src`: private names of Keras's as libraries import them."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn.cli import private_names


def test_a_public_function_comes_before_a_module_of_its_name():
    ops = private_names.module("keras.src.ops")
    assert ops.shape is pronghorn.ops.shape


def test_safe_mode_is_that_of_what_is_being_loaded():
    names = private_names.module("keras.src.saving.serialization_lib")
    assert names.in_safe_mode() is None
    with names.SafeModeScope(True):
        assert names.in_safe_mode() is True
    assert names.in_safe_mode() is None


def test_arrays_of_a_library_s_own_go_into_a_weights_file_and_back(tmp_path):
    store = private_names.module("keras.src.saving.saving_lib").H5IOStore
    path = tmp_path / "some.lora.h5"
    writer = store(path, mode="w")
    writer.make("lora")["rank"] = 4
    writer.make("lora/3")["lora_kernel_a"] = pronghorn.Variable(np.arange(6.0).reshape(2, 3))
    writer.close()
    reader = store(path, mode="r")
    assert int(reader.get("lora")["rank"][()]) == 4
    assert reader.get("lora/3")["lora_kernel_a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    reader.close()
    with pytest.raises(ValueError, match="mode='a'"):
        store(path, mode="a")
