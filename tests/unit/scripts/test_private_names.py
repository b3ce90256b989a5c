"""`keras.src`: private names of Keras's as libraries import them."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn.scripts import private_names


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


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [
        ("layers.convolutional.base_conv", "BaseConv", "Conv1D Conv2D Conv3D"),
        ("layers.convolutional.base_conv_transpose", "BaseConvTranspose", "Conv1DTranspose Conv3DTranspose"),
        ("layers.convolutional.base_depthwise_conv", "BaseDepthwiseConv", "DepthwiseConv1D DepthwiseConv2D"),
        ("layers.convolutional.base_separable_conv", "BaseSeparableConv", "SeparableConv1D SeparableConv2D"),
        ("layers.merging.base_merge", "Merge", "Add Average Maximum Minimum Multiply Subtract"),
    ],
)
def test_the_classes_that_layers_are_made_of(module, name, ours):
    base = getattr(private_names.module(f"keras.src.{module}"), name)
    assert all(issubclass(getattr(pronghorn.layers, layer), base) for layer in ours.split())
    assert not issubclass(pronghorn.layers.Dense, base)


def test_what_is_imported_of_tensorflow_s_backend():
    names = private_names.module("keras.src.backend.tensorflow")
    assert names.convert_to_numpy is pronghorn.ops.convert_to_numpy
    for name, function in ("core", "cast"), ("math", "segment_sum"), ("nn", "relu"), ("numpy", "matmul"):
        inner = private_names.module(f"keras.src.backend.tensorflow.{name}")
        assert function in inner.__all__ and getattr(inner, function) is getattr(pronghorn.ops, function)
    resize = private_names.module("keras.src.utils.image_utils").smart_resize
    assert resize(np.zeros((4, 6, 3), "float32"), (2, 2)).shape == (2, 2, 3)
