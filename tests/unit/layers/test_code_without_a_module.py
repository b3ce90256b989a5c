"""Classes and functions that `exec` defined without a `__name__`: they have no module, and work like all others."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn

_SOURCE = """
class Doubled(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(4)

    def call(self, x):
        return 2 * self.inner(x)


class Net(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Doubled()
        self.last = keras.layers.Dense(1)

    @property
    def shown(self):
        return self.last

    def call(self, x):
        return self.last(self.first(x))

    def train_step(self, data):
        return helper(self, data)


class Squared(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return (y_true - y_pred) ** 2


def helper(model, data):
    return super(Net, model).train_step(data)


def squared(y_true, y_pred):
    return (y_true - y_pred) ** 2
"""


@pytest.fixture(params=["no name", "no module"])
def defined(request):
    """The names of the source above, run by `exec`; "no module" sets `__module__` of the classes to None as well."""
    names = {"keras": pronghorn}
    exec(_SOURCE, names)
    assert names["Doubled"].call.__module__ is None
    if request.param == "no module":
        for name in ("Doubled", "Net", "Squared"):
            names[name].__module__ = None
    return names


def test_layers_are_called_trained_copied_and_saved(defined, tmp_path):
    own = defined["Doubled"]
    model = pronghorn.Sequential([pronghorn.Input((3,)), own(name="own"), pronghorn.layers.Dense(1)])
    model.compile("sgd", defined["Squared"](), metrics=[defined["squared"]])
    x, y = np.ones((6, 3), "float32"), np.ones((6, 1), "float32")
    model.fit(x, y, verbose=0)
    with pronghorn.saving.custom_object_scope({name: defined[name] for name in ("Doubled", "Squared", "squared")}):
        model.save(tmp_path / "model.keras")
        loaded = pronghorn.saving.load_model(tmp_path / "model.keras")
        copied = pronghorn.models.clone_model(model)
    copied.set_weights(model.get_weights())
    for other in (loaded, copied):
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_models_are_trained_and_saved(defined, tmp_path):
    model = defined["Net"]()
    model.compile("sgd", defined["squared"])
    x, y = np.ones((6, 3), "float32"), np.ones((6, 1), "float32")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    names = {name: defined[name] for name in ("Net", "squared")}
    loaded = pronghorn.saving.load_model(tmp_path / "model.keras", custom_objects=names)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_lambdas():
    x = np.ones((2, 3), "float32")
    function = eval("lambda x: 2 * x", {})
    assert function.__module__ is None
    inputs = pronghorn.Input((3,))
    model = pronghorn.Model(inputs, pronghorn.layers.Lambda(function)(inputs))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
