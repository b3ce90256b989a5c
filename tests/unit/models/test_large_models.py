"""Building takes time in proportion to a model's size: work is counted, not timed."""

import sys

import pytest

import pronghorn as keras


def _calls(make):
    """How many Python functions were called."""
    count = 0

    def profiler(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(profiler)
    try:
        make()
    finally:
        sys.setprofile(None)
    return count


def _inputs(n):
    xs = [keras.Input((1,)) for _ in range(n)]
    return keras.Model(xs, keras.layers.Concatenate()(xs))


def _branches(n):
    x = keras.Input((1,))
    return keras.Model(x, keras.layers.Add()([keras.layers.ReLU()(x) for _ in range(n)]))


def _residual(n):
    x = first = keras.Input((1,))
    for _ in range(n):
        x = keras.layers.Add()([x, keras.layers.ReLU()(x)])
    return keras.Model(first, x)


def _added(n):
    model = keras.Sequential([keras.Input((1,))])
    for _ in range(n):
        model.add(keras.layers.ReLU())
    return model


@pytest.mark.parametrize("make", [_inputs, _branches, _residual, _added])
def test_building_is_linear(make):
    make(10)  # imports
    small, large = _calls(lambda: make(50)), _calls(lambda: make(200))
    assert large < 5 * small


def test_add_calls_each_layer_once():
    model = _added(5)
    assert [len(layer._inbound_nodes) for layer in model.layers] == [1] * 5
    assert model.output_shape == (None, 1)
    model.pop()
    model.add(keras.layers.Dense(3))
    assert model.output_shape == (None, 3) and model.built
    assert [v.path for v in model.weights] == [f"{model.name}/{model.layers[-1].name}/{n}" for n in ("kernel", "bias")]


def _configured(n):
    """The configuration of a model that calls one layer n times, each time on what was made of its last output."""
    x = first = keras.Input((1,))
    layer = keras.layers.ReLU()
    for _ in range(n):
        x = keras.layers.Add()([x, layer(x)])
    return keras.Model(first, x).get_config()


def _backwards(n):
    """The configuration of a chain whose layers stand in it from the last to the first."""
    x = first = keras.Input((1,))
    for _ in range(n):
        x = keras.layers.ReLU()(x)
    config = keras.Model(first, x).get_config()
    return {**config, "layers": config["layers"][::-1]}


@pytest.mark.parametrize("make", [_configured, _backwards])
def test_rebuilding_is_linear(make):
    keras.Model.from_config(make(10))
    few, many = make(50), make(200)
    small, large = _calls(lambda: keras.Model.from_config(few)), _calls(lambda: keras.Model.from_config(many))
    assert large < 5 * small


@pytest.mark.parametrize("make", [_configured, _backwards])
def test_rebuilt_calls_are_those_of_the_model(make):
    config = make(7)
    rebuilt = keras.Model.from_config(config).get_config()

    def by_name(config):
        return {layer["name"]: layer for layer in config["layers"]}

    assert by_name(rebuilt) == by_name(config)
    assert rebuilt["output_layers"] == config["output_layers"]
