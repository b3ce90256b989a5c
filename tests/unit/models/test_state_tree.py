"""Values of a model's variables as a nested dict, and back."""

import numpy as np
import pytest

from pronghorn import layers, models

X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)


def trained():
    model = models.Sequential([layers.Input((4,)), layers.Dense(2, name="dense")], name="net")
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    return model


@pytest.mark.parametrize("value_format", ["backend_tensor", "numpy_array"])
def test_back_again(value_format):
    model = trained()
    state, before = model.get_state_tree(value_format), model.predict(X, verbose=0)
    assert list(state) == ["trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"]
    kept = {kind: {name: np.array(value) for name, value in flat(nested)} for kind, nested in state.items()}
    model.fit(X, X[:, :2], verbose=0)
    assert np.abs(model.predict(X, verbose=0) - before).max() > 0
    model.set_state_tree(state)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    for kind, nested in model.get_state_tree().items():
        assert all(np.array_equal(np.asarray(value), kept[kind][name]) for name, value in flat(nested))


def flat(nested, above=""):
    for name, value in nested.items():
        yield from flat(value, f"{above}/{name}") if isinstance(value, dict) else [(f"{above}/{name}", value)]


def test_values_without_a_variable_are_left_out_with_a_warning():
    first, second = trained(), trained()
    with pytest.warns(UserWarning, match=r"values have no variable of their path .* optimizer_variables 'adam") as told:
        second.set_state_tree(first.get_state_tree())
    assert len(told) == 1 and told[0].filename == __file__
    np.testing.assert_array_equal(second.predict(X, verbose=0), first.predict(X, verbose=0))


def test_kinds_that_there_are_not():
    with pytest.raises(ValueError, match="unknown kinds of variables .*weights"):
        trained().set_state_tree({"weights": {}})
