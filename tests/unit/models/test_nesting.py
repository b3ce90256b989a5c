"""Models in models, as deep as Python's recursion limit allows, and an error that says so beyond."""

import sys

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.models import nesting


def _nested(depth, first):
    model = keras.Sequential([*first, keras.layers.Dense(2)])
    for _ in range(depth - 1):
        model = keras.Sequential([*first, model])
    return model


def _most():
    return sys.getrecursionlimit() // nesting._FRAMES


@pytest.mark.parametrize("first", [[], [keras.Input((2,))]], ids=["deferred", "built"])
def test_models_nested_too_deep(first):
    with pytest.raises(ValueError, match="models in models, .* deep; at most"):
        _nested(_most() + 1, first)


def test_functional_models_nested_too_deep():
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Dense(2)(x))
    with pytest.raises(ValueError, match="models in models"):
        for _ in range(_most()):
            x = keras.Input((2,))
            model = keras.Model(x, model(x))


@pytest.mark.slow
def test_the_deepest_models_work(tmp_path):
    model = _nested(_most(), [keras.Input((2,))])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "m.keras")
    model.summary(print_fn=lambda *args, **kwargs: None, expand_nested=True)
    for other in (keras.models.load_model(tmp_path / "m.keras"), keras.models.model_from_json(model.to_json())):
        other.set_weights(model.get_weights())
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    keras.models.clone_model(model)
    _nested(_most(), []).build((None, 2))
