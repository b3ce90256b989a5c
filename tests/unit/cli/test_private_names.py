"""`keras.src`: private names of Keras's as libraries import them."""

from __future__ import annotations

import pronghorn
from pronghorn.cli import private_names


def test_a_public_function_comes_before_a_module_of_its_name():
    ops = private_names.module("keras.src.ops")
    assert ops.shape is pronghorn.ops.shape
