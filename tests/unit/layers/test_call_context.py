"""Arguments that go from the call of a layer to the layers inside, as `training` does."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers

X = np.zeros((2, 1), "float32")


class Plus(layers.Layer):
    """Adds what the call says."""

    def __init__(self, registers=True):
        super().__init__()
        if registers:
            self._register_call_context_args("amount")

    def call(self, x, amount=0):
        return x + amount


class Around(layers.Layer):
    """Says nothing of the argument."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def registered(layer):
    layer._register_call_context_args("amount")
    return layer


def test_through_layers_that_do_not_know_it():
    layer = registered(Around(Around(Plus())))
    assert layer(X, amount=3).numpy().max() == 3
    assert layer(X).numpy().max() == 0, "the call before is over"


def test_only_to_those_that_registered_it():
    assert registered(Around(Plus(registers=False)))(X, amount=3).numpy().max() == 0


def test_what_a_call_passes_itself_wins():
    class Own(Around):
        def call(self, x):
            return self.inner(x, amount=1) + self.inner(x)

    assert registered(Own(Plus()))(X, amount=3).numpy().max() == 4


def test_through_models():
    x = Input((1,))
    functional = registered(Model(x, Around(Plus())(x)))
    sequential = registered(Sequential([layers.Identity(), Around(Plus())]))
    for model in (functional, sequential):
        assert model(X, amount=2).numpy().max() == 2
        assert model(X).numpy().max() == 0


def test_too_late():
    layer = Around(Plus())
    layer(X)
    with pytest.raises(RuntimeError, match="'around.*'.*amount.*before the first call"):
        registered(layer)
