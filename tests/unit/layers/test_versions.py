"""Versions of layers: what changes one, and what leaves it as it is."""

import functools
import gc
import threading
import weakref

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.layers.versions import version_of


def stack(*inside):
    return keras.Sequential([keras.Input((4,)), *(inside or (layers.Dense(3), layers.BatchNormalization()))])


class Holder:
    """An object of a user's."""

    def call(self, x):
        return x


CHANGES = {
    "an attribute of a layer": lambda model: setattr(model.layers[0], "use_bias", False),
    "a private attribute": lambda model: setattr(model.layers[0], "_anything", 1),
    "an attribute that goes": lambda model: delattr(model.layers[0], "use_bias"),
    "an attribute of a layer within a layer": lambda model: setattr(model.layers[1].cell, "dropout", 0.5),
    "what a dict of a layer holds": lambda model: model.layers[0].notes.update(a=1),
    "a list of a layer grows": lambda model: model.layers[0].sizes.append(3),
    "a set of a layer grows": lambda model: model.layers[0].kinds.add(3),
    "a layer is added": lambda model: model.add(layers.ReLU()),
    "a layer is taken away": lambda model: model.pop(),
    "another policy": lambda model: setattr(model.layers[0], "dtype_policy", "mixed_bfloat16"),
    "what is trainable": lambda model: setattr(model.layers[0], "trainable", False),
    "compile": lambda model: model.compile("sgd", "mse"),
    "lora": lambda model: model.layers[0].enable_lora(1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changes_make_another_version(change):
    model = keras.Sequential([keras.Input((5, 4)), layers.Dense(3), layers.RNN(layers.GRUCell(2))])
    for name, value in {"sizes": [1], "notes": {"a": 0}, "kinds": {1}}.items():
        setattr(model.layers[0], name, value)
    other = stack()
    before, others = version_of(model), version_of(other)
    assert version_of(model) is before
    change(model)
    assert version_of(model) != before
    assert version_of(other) is others


def test_a_setter_that_fails_has_changed_something():
    class Half(layers.Layer):
        @property
        def setting(self):
            return self.__dict__["inside"]

        @setting.setter
        def setting(self, value):
            object.__setattr__(self, "inside", value)
            raise ValueError("too late")

    layer = Half()
    before = version_of(layer)
    with pytest.raises(ValueError, match="too late"):
        layer.setting = 3
    assert version_of(layer) != before


def test_a_layer_that_models_share_changes_them_all():
    shared = layers.Dense(4)
    first, second, third = stack(shared), stack(layers.Dense(4), shared), stack()
    before = [version_of(x) for x in (first, second, third)]
    shared.activation = ops.tanh
    assert [version_of(x) is b for x, b in zip((first, second, third), before)] == [False, False, True]


def test_runs_leave_a_model_as_it_is():
    model = stack()
    model.compile("sgd", "mse")
    x, y = np.ones((2, 4), "float32"), np.ones((2, 3), "float32")
    model.fit(x, y, verbose=0)
    before = version_of(model)
    model.fit(x, y, verbose=0, validation_data=(x, y))
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model.train_on_batch(x, y)
    model(x)
    assert version_of(model) is before


def test_a_layer_by_a_name_that_runs_use_is_tracked_all_the_same():
    class Recommender(keras.Model):
        def __init__(self):
            super().__init__()
            self.before = version_of(self)
            self.history = layers.Embedding(3, 2)

    model = Recommender()
    assert [layer.name for layer in model.layers] == [model.history.name]
    assert version_of(model).stamps != model.before.stamps


def test_what_is_trainable_comes_back():
    model = stack()
    before = version_of(model)
    model.trainable = False
    frozen = version_of(model)
    assert frozen.stamps == before.stamps and frozen != before
    model.trainable = True
    assert version_of(model) == before


def reaching():
    """Layers whose functions may read any other layer, in all the ways in which they can be held."""
    function = lambda x: x  # noqa: E731
    yield layers.Dense(3, activation=function)
    yield layers.Activation(functools.partial(function))
    yield layers.Dense(3, activation=Holder().call)
    layer = layers.ReLU()
    layer.kept = [{"a": (Holder(),)}]
    yield layer


def test_a_function_of_the_user_s_may_read_any_layer():
    for layer in reaching():
        other = layers.ReLU()
        version_of(layer)
        other.threshold = 1.0
        before = version_of(layer)
        other.threshold = 2.0
        assert version_of(layer) != before, layer


@pytest.mark.parametrize(
    "make",
    [
        lambda: stack(layers.Dense(3, activation="gelu", kernel_regularizer="l2", kernel_initializer="he_normal")),
        lambda: keras.Model(x := keras.Input((4,)), layers.Dropout(0.1)(ops.sin(layers.Dense(4)(x)) * 2)),
        lambda: keras.Sequential([keras.Input((6, 4)), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)]),
        lambda: layers.MultiHeadAttention(2, 2),
        lambda: keras.Sequential([layers.Rescaling(2.0), layers.RandomFlip(), layers.Conv2D(3, 3, padding="same")]),
    ],
)
def test_layers_of_pronghorn_s_own_reach_no_further(make):
    layer, other = make(), layers.ReLU()
    version_of(layer)
    for threshold in (1.0, 2.0, 3.0):
        before = version_of(layer)
        other.threshold = threshold
        assert version_of(layer) is before


def test_a_functional_model_whose_operation_is_a_function_of_the_user_s_reaches_further():
    scale = layers.ReLU()
    x = keras.Input((3, 4))
    model = keras.Model(x, ops.vectorized_map(lambda row: row * scale.threshold, x))
    other = layers.ReLU()
    version_of(model)
    scale.threshold = 1.0
    before = version_of(model)
    other.threshold = 2.0
    assert version_of(model) != before


def test_a_version_keeps_no_layer():
    model = stack()
    version = version_of(model)
    layer = weakref.ref(model)
    del model
    gc.collect()
    assert layer() is None and version.trainable == (True, True, True, True)


def test_no_change_of_another_thread_is_missed():
    """Were the count of changes added to by several threads at once, some would be lost."""
    mine, others = layers.ReLU(), [layers.ReLU() for _ in range(3)]
    stop = threading.Event()

    def change(layer):
        while not stop.is_set():
            layer.threshold = 1.0

    threads = [threading.Thread(target=change, args=(layer,)) for layer in others]
    for thread in threads:
        thread.start()
    try:
        for value in range(2000):
            before = version_of(mine)
            mine.threshold = float(value)
            assert version_of(mine) != before
    finally:
        stop.set()
        for thread in threads:
            thread.join()
