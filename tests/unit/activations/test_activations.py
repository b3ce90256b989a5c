"""Finding activation functions."""

from __future__ import annotations

import pytest

from pronghorn import activations, saving


def test_by_name_function_and_none():
    assert activations.get("gelu") is activations.gelu
    assert activations.get(activations.relu) is activations.relu
    assert activations.get(None) is activations.linear


def test_unknown_names_say_what_is_near():
    with pytest.raises(ValueError, match="nearest: softmax"):
        activations.get("softmx")


def test_serialization():
    assert activations.serialize(activations.relu) == "relu"
    assert activations.deserialize("relu") is activations.relu

    @saving.register_keras_serializable("test")
    def cube(x):
        return x**3

    assert activations.get("test>cube") is cube
    assert activations.deserialize(activations.serialize(cube)) is cube


def test_relu_with_everything():
    y = activations.relu([-10.0, -1.0, 0.5, 3.0, 9.0], negative_slope=0.1, max_value=5.0, threshold=1.0)
    assert [round(v, 5) for v in y.tolist()] == [-1.1, -0.2, -0.05, 3.0, 5.0]
