"""Sequential models: building late, adding, popping."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers
from pronghorn.utils.naming import clear_session

X = np.ones((2, 4), "float32")


def test_built_at_once_with_an_input():
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert model.built and model.output_shape == (None, 2) and model.count_params() == 23
    assert [type(x).__name__ for x in model.layers] == ["Dense", "Dense"]


def test_input_shape_of_the_first_layer_serves_too():
    model = Sequential([layers.Conv2D(2, 3, input_shape=(8, 8, 1)), layers.Flatten()])
    assert model.output_shape == (None, 72)
    assert Sequential([layers.Dense(2, input_dim=4)]).input_shape == (None, 4)


def test_built_late_on_data():
    model = Sequential([layers.Dense(3), layers.Dropout(0.5)])
    assert not model.built and model.weights == []
    with pytest.raises(AttributeError, match="not built"):
        _ = model.output_shape
    assert model(X).shape == (2, 3) and len(model.weights) == 2


def test_paths_have_the_models_name():
    clear_session()
    model = Sequential([layers.Input((4,)), layers.Dense(3)], name="net")
    assert [w.path for w in model.weights] == ["net/dense/kernel", "net/dense/bias"]


def test_add_and_pop():
    model = Sequential()
    model.add(layers.Input((4,)))
    model.add(layers.Dense(3))
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    model.pop()
    assert model.output_shape == (None, 3) and len(model.weights) == 2
    assert model(X).shape == (2, 3)


def test_what_cannot_be_added():
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="d")])
    for wrong, pattern in (
        (layers.Dense, "Add parentheses"),
        (lambda x: x, "instances"),
        (layers.Dense(1, name="d"), "unique names"),
        (layers.Input((4,)), "Input"),
    ):
        with pytest.raises(ValueError, match=pattern):
            model.add(wrong)


def test_what_it_cannot_be_built_with():
    model = Sequential([layers.Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"already been configured by its Input for the shape \(None, 4\)"):
        model.build((2, 5))
    model.build((2, 4))

    class Two(layers.Layer):
        def call(self, inputs, other):
            return inputs + other

    with pytest.raises(ValueError, match="needs the arguments inputs, other, but here a layer gets one"):
        Sequential([layers.Input((4,)), Two()])


def test_a_model_as_first_layer_gives_the_shape():
    inner = Sequential([layers.Input((4,)), layers.Dense(3)])
    assert Sequential([inner, layers.Dense(1)]).output_shape == (None, 1)


def test_get_layer():
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="d")])
    assert model.get_layer("d") is model.get_layer(index=0)
    with pytest.raises(ValueError, match=r"Its layers: \['d'\]"):
        model.get_layer("e")


def test_configuration():
    model = Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)], name="net")
    model(X)
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(X).numpy(), model(X).numpy())


def test_first_layers_of_dicts():
    class Sum(layers.Layer):
        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    model = Sequential([Sum(), layers.Dense(2)])
    assert model({"a": X, "b": X}).shape == (2, 2)


def test_empty_models():
    with pytest.raises(ValueError, match="no layers"):
        Sequential()(X)
    with pytest.raises(TypeError, match="pop"):
        Sequential().pop()


def test_subclassed_models_build_by_call_and_by_shape():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = layers.Dense(3), layers.Dense(1)

        def call(self, x):
            return self.head(self.hidden(x))

    called, built = Net(), Net()
    called(X)
    built.build((None, 4))
    assert [w.shape for w in called.weights] == [w.shape for w in built.weights]
    assert [x.name for x in called.layers] == [called.hidden.name, called.head.name]


@pytest.mark.parametrize("builds", [("hidden",), ("hidden", "head")])
def test_a_build_of_ones_own_may_end_with_that_of_models(builds):
    """It has the shape of the first input alone, which is not enough for this call."""

    class Net(Model):
        def __init__(self):
            super().__init__(name="net")
            self.hidden, self.head = layers.Dense(3, name="hidden"), layers.Dense(1, name="head")

        def build(self, input_shape):
            for name in builds:
                getattr(self, name).build((None, 4) if name == "hidden" else (None, 3))
            super().build(input_shape)

        def call(self, x, more):
            return self.head(self.hidden(x) + more)

    more = np.ones((len(X), 3), "float32")
    for make in (lambda net: net(X, more), lambda net: net(Input(X.shape[1:]), Input((3,)))):
        net = Net()
        assert make(net).shape[1:] == (1,)
        paths = ["net/hidden/kernel", "net/hidden/bias", "net/head/kernel", "net/head/bias"]
        assert net.built and [w.path for w in net.weights] == paths


def test_what_a_build_of_ones_own_leaves_is_traced():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = layers.Dense(3), layers.Dense(1)

        def build(self, input_shape):
            self.hidden.build(input_shape)
            super().build(input_shape)

        def call(self, x):
            return self.head(self.hidden(x))

    net = Net()
    net.build((None, 4))
    assert [w.shape for w in net.weights] == [(4, 3), (3,), (3, 1), (1,)]
