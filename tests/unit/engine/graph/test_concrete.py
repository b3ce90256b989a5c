"""Values asked for while a function is traced: the error names the user's line and what to write instead."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from pronghorn import Model, Sequential, layers, ops
from pronghorn.engine.graph.active import TraceError
from pronghorn.layers import Input


def branch(x):
    if ops.sum(x) > 0:
        return x
    return -x


def computed_loop(x):
    for _ in range(ops.argmax(x[0])):
        x = x + 1
    return x


def formatted(x):
    print(f"{ops.sum(x):.2f}")
    return x


CASES = {
    "if": (branch, "`if ops.sum(x) > 0:`", "ops.where"),
    "range": (computed_loop, "`for _ in range(ops.argmax(x[0])):`", "ops.fori_loop"),
    "format": (formatted, '`print(f"{ops.sum(x):.2f}")`', "metric"),
    "float": (lambda x: x * float(ops.sum(x)), "float(ops.sum(x))", "ops.cast"),
    "math": (lambda x: x * math.sqrt(ops.sum(x)), "math.sqrt", "ops and"),
    "asarray": (lambda x: np.asarray(x), "np.asarray(x)", "instead of numpy"),
    "numpy function": (lambda x: np.mean(x), "np.mean(x)", "instead of numpy"),
    "numpy method": (lambda x: x.numpy(), "x.numpy()", "instead of numpy"),
    "index of a list": (lambda x: [x, -x][ops.argmax(x[0])], "[x, -x]", "ops.take"),
    "max": (lambda x: max(x[0], x[1]), "max(x[0], x[1])", "ops.where"),
    "computed slice": (lambda x: x[: ops.argmax(x[0])], "x[: ops.argmax(x[0])]", "ops.slice"),
}


@pytest.mark.parametrize("name", CASES)
def test_error_in_a_layer(name):
    function, line, mend = CASES[name]

    class Peek(layers.Layer):
        def call(self, x):
            return function(x)

    with pytest.raises(TraceError) as caught:
        Peek(name="peek")(Input((3,)))
    message = str(caught.value)
    assert re.search(r"test_concrete\.py:\d+: `", message), message
    assert line in message
    assert mend in message or mend in message.lower()
    assert "\n" not in message


@pytest.mark.parametrize("place", ["loss", "metric", "train_step"])
def test_a_step_that_needs_values_runs_eagerly_and_says_where(place):
    def deciding(y_true, y_pred):
        if ops.mean(y_pred) > 100:
            return ops.mean(y_true)
        return ops.mean(ops.square(y_true - y_pred))

    class Own(Sequential):
        def train_step(self, data):
            print(float(ops.mean(data[0])))
            return super().train_step(data)

    model = (Own if place == "train_step" else Sequential)([Input((3,)), layers.Dense(1)])
    model.compile("sgd", loss=deciding if place == "loss" else "mse", metrics=[deciding] if place == "metric" else None)
    source = "print(float(ops.mean(data[0])))" if place == "train_step" else "if ops.mean(y_pred) > 100:"
    with pytest.warns(UserWarning, match=re.escape(source)) as caught:
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert any(warning.filename == __file__ for warning in caught)


def test_an_array_that_was_kept():
    class Keeper(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            self.kept = self.dense(x)
            return self.kept

    model = Keeper()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    for use in (lambda: model.kept + 1, lambda: model.kept.numpy(), lambda: ops.exp(model.kept)):
        with pytest.raises(TraceError, match="kept beyond.*test_concrete.*Variable"):
            use()


def test_changing_in_place_and_missing_methods():
    x = ops.zeros((3,))
    with pytest.raises(TypeError, match="in place.*ops.where.*assign"):
        x[0] = 1
    with pytest.raises(AttributeError, match=r"'mean': write ops\.mean\(x\)"):
        x.mean()
