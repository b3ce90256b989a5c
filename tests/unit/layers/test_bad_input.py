"""What users get wrong: the message names the layer, what it got, what it needs, and the likely mend."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import Model, Sequential, layers
from pronghorn.engine.graph.active import TraceError
from pronghorn.layers import Input


def _built_dense():
    layer = layers.Dense(2, name="head")
    layer.build((None, 4))
    return layer


def _built_conv():
    layer = layers.Conv2D(2, 3)
    layer.build((None, 8, 8, 3))
    return layer


class Forgetful(layers.Layer):
    def __init__(self):
        self.units = 3


def layer_of(function):
    class Peek(layers.Layer):
        def call(self, x):
            return function(x)

    return Peek(name="peek")


CASES = {
    "wrong rank": (lambda: layers.Conv2D(4, 3)(Input((8, 8))), "conv2d.*with 4 axes.*one with 3.*None, 8, 8.*channels"),
    "wrong channels": (lambda: _built_dense()(np.ones((2, 5))), r"'head'.*\(2, 5\).*extent 4.*new layer"),
    "batch in input_shape": (
        lambda: Sequential([layers.Conv2D(4, 3, input_shape=(54000, 28, 28, 1))]),
        r"batch axis.*input_shape=\(28, 28, 1\)",
    ),
    "batch in input_shape of a dense layer": (
        lambda: Sequential([layers.Dense(3, input_shape=(32, 10))])(np.ones((32, 10))),
        r"\(None, 32, 10\).*\(32, 10\).*leave it out.*\(10,\)",
    ),
    "flat images": (
        lambda: Sequential([Input((4, 4, 1)), layers.Flatten()])(np.ones((2, 16))),
        r"x.reshape\(\(-1, 4, 4, 1\)\)",
    ),
    "one image": (
        lambda: Sequential([Input((4, 3)), layers.Flatten()])(np.ones((4, 3))),
        r"x\[None\] for a single sample",
    ),
    "channels first": (lambda: _built_conv()(np.ones((2, 3, 8, 8))), r"extent 3.*axis -1.*moveaxis\(x, 1, -1\)"),
    "no super().__init__()": (lambda: Sequential([Forgetful()])(np.ones((2, 3))), r"Forgetful.*super\(\).__init__\(\)"),
    "values asked for in call": (lambda: layer_of(np.sin)(Input((3,))), "not known while.*in peek.*ops"),
    "arrays as a model": (lambda: Model(np.ones((2, 3)), np.ones((2, 1))), "symbolic.*Input.*ndarray, ndarray"),
    "one sample without batch": (lambda: layers.Dense(2)(np.ones(3)), r"at least 2 axes.*x\[None\]"),
    "kernel too large": (
        lambda: layers.Conv2D(4, 9)(Input((8, 8, 1))),
        r"kernel \(9, 9\).*larger.*\(8, 8\).*smaller kernel",
    ),
    "dilated kernel too large": (lambda: layers.Conv1D(4, 3, dilation_rate=4)(Input((8, 1))), r"spanning \(9,\)"),
    "window too large": (lambda: layers.MaxPooling2D(5)(Input((4, 4, 1))), r"window \(5, 5\).*larger"),
    "too deep": (
        lambda: Sequential([Input((8, 8, 1)), *(layers.Conv2D(2, 3, strides=2) for _ in range(3))]),
        "larger than its input",
    ),
    "unknown activation": (lambda: layers.Dense(2, activation="rleu"), "dense.*activation.*'rleu'.*relu"),
    "unknown initializer": (lambda: layers.Dense(2, kernel_initializer="he_norml"), "kernel_initializer.*he_normal"),
    "unknown regularizer": (lambda: layers.Dense(2, kernel_regularizer="l3"), "kernel_regularizer.*l3"),
    "unknown constraint": (lambda: layers.Dense(2, kernel_constraint="max_nrm"), "max_norm"),
    "unknown argument": (lambda: layers.Dense(2, unit=3), "unknown keyword arguments.*unit.*nearest: units"),
    "no units": (lambda: layers.Dense(0), "units.*positive integer"),
    "unknown padding": (lambda: layers.Conv2D(2, 3, padding="sam"), "padding.*'valid', 'same'"),
    "groups": (lambda: layers.Conv2D(4, 3, groups=2)(Input((8, 8, 3))), "3 channels.*groups=2"),
    "unknown channels": (lambda: layers.Conv2D(4, 3)(Input((8, 8, None))), "channels.*must be known"),
    "shapes do not merge": (lambda: layers.Add()([np.ones((2, 3)), np.ones((2, 4))]), r"\(2, 3\).*\(2, 4\)"),
    "one input to a merge": (lambda: layers.Concatenate()(np.ones((2, 3))), "list"),
    "shapes do not concatenate": (
        lambda: layers.Concatenate()([np.ones((2, 3, 1)), np.ones((2, 4, 1))]),
        r"may differ in length along axis.*\(2, 3, 1\)",
    ),
    "reshape": (lambda: layers.Reshape((5,))(Input((2, 3))), "6.*elements"),
    "cropping": (
        lambda: layers.Cropping2D(((2, 2), (0, 0)))(Input((4, 4, 1))),
        r"cropping.*2 and 2.*axis of 4",
    ),
    "upsampling": (lambda: layers.UpSampling1D(2.5), "UpSampling1D.*integer.*size=2.5"),
    "mask of other steps": (
        lambda: layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3, 4)), mask=np.ones((2, 5))),
        r"`mask`.*\(2, 5\).*\(2, 3, 4\)",
    ),
    "unnamed shape in build": (lambda: OddBuild()(np.ones((2, 3))), "`width`.*no `_shape` at its end"),
    "shape of no argument": (lambda: ForeignBuild()(np.ones((2, 3))), "`z_shape`.*takes no `z`"),
    "limits of renormalization": (
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 2.0, "rmax": 1.0}),
        "rmax.*at least rmin.*'rmin': 2.0",
    ),
    "axis by name": (lambda: layers.LayerNormalization(axis="last"), "'axis'.*normalize over.*'last'"),
    "axis beyond the input of a layer normalization": (
        lambda: layers.LayerNormalization(axis=5)(np.ones((2, 4))),
        r"axis 5.*\(2, 4\)",
    ),
    "axis beyond the input of a batch normalization": (
        lambda: layers.BatchNormalization(axis=5)(np.ones((2, 4))),
        r"axis 5.*\(2, 4\)",
    ),
    "both directions of a layer that has none": (lambda: layers.Bidirectional(layers.Dense(2)), "'dense.*go_backwards"),
    "too few states": (
        lambda: layers.LSTM(3)(np.ones((2, 5, 4)), initial_state=[np.ones((2, 3))]),
        r"2 state\(s\).*has 1",
    ),
    "states of another size": (
        lambda: layers.LSTM(3)(np.ones((2, 5, 4)), initial_state=[np.ones((2, 4))] * 2),
        r"\(batch, 3\).*\(2, 4\)",
    ),
    "a number as function": (lambda: layers.Lambda(3), "Lambda.*function.*got 3"),
    "nothing as input": (lambda: layers.Dense(2)(None), "'dense.*None"),
    "rate": (lambda: layers.Dropout(50), "rate.*0 to 1"),
    "settings by position": (lambda: Flag()(np.ones((1, 1)), True), "keyword"),
    "python list": (lambda: layers.Dense(2)([1.0, 2.0]), "convert_to_tensor"),
    "unroll without length": (lambda: layers.LSTM(2, unroll=True)(Input((None, 3))), "number of time steps|time steps"),
    "stateful without batch": (lambda: layers.LSTM(2, stateful=True)(Input((4, 3))), "batch_size"),
}


class OddBuild(layers.Layer):
    def build(self, x_shape, width):
        pass

    def call(self, x):
        return x


class ForeignBuild(OddBuild):
    def build(self, x_shape, z_shape):
        pass


class Flag(layers.Layer):
    def call(self, x, flag=False):
        return x


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    make, pattern = CASES[name]
    with pytest.raises((ValueError, TypeError, AttributeError, TraceError), match=f"(?s){pattern}") as caught:
        make()
    assert "\n" not in str(caught.value)
