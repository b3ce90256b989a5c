"""How runs train, as data."""

import pytest

import pronghorn as keras
from pronghorn.studio.plans import plan_of
from pronghorn.studio.settings import Settings, settings_of
from pronghorn.studio.show_code import code_of


def test_changes_are_checked():
    settings = Settings().changed({"optimizer": "SGD", "learning_rate": 0.1, "batch_size": 32})
    assert type(settings.make_optimizer()).__name__ == "SGD" and settings.batch_size == 32
    for wrong in (
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"learning_rate": "fast"},
        {"learning_rate": 1e300},
        {"epochs": True},
        {"size": 3},
    ):
        with pytest.raises(ValueError):
            settings.changed(wrong)
    with pytest.raises(ValueError, match="nearest: adam"):
        settings.changed({"optimizer": "Adem"})


def test_options_go_with_their_optimizer():
    settings = Settings(optimizer="SGD", options={"momentum": 0.9})
    assert settings.changed({"learning_rate": 0.2}).options == {"momentum": 0.9}
    assert settings.changed({"optimizer": "Adam"}).options == {}


def test_the_rate_is_the_optimizers_usual_one_until_another_is_given():
    settings = Settings().changed({"optimizer": "SGD"})
    assert settings.learning_rate == 0.01
    assert settings.changed({"optimizer": "Adam"}).learning_rate == 0.001
    assert settings.changed({"optimizer": "Adam", "learning_rate": 0.3}).learning_rate == 0.3
    given = settings.changed({"learning_rate": 0.2}).changed({"optimizer": "Adam"})
    assert given.learning_rate == 0.2


def test_a_schedule_stays_until_a_rate_is_given():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.5, 100), momentum=0.9))
    settings = settings_of(model.get_compile_config(), Settings()).changed({"batch_size": 2})
    assert settings.shown()["learning_rate"] == "CosineDecay"
    settings.compile(model)
    assert float(model.optimizer.learning_rate) == 0.5 and model.optimizer.momentum == 0.9
    code = code_of(plan_of(model), settings, None)
    assert "SGD(learning_rate=keras.optimizers.schedules.CosineDecay(0.5, 100), momentum=0.9)" in code
    assert settings.changed({"learning_rate": 0.1}).schedule is None


def test_metrics_of_several_outputs():
    inputs = keras.Input((4,))
    outputs = {"a": keras.layers.Dense(1, name="a")(inputs), "b": keras.layers.Dense(1, name="b")(inputs)}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"b": ["mse"]})
    settings = settings_of(model.get_compile_config(), Settings())
    settings.compile(model)
    model.evaluate([[0.0] * 4], {"a": [0.0], "b": [0.0]}, verbose=0)
    assert settings.shown()["loss"] == "a: mse, b: mae" and settings.shown()["metrics"] == ["b: mse"]
    assert "metrics={'b': ['mse']}" in code_of(plan_of(model), settings, None).replace('"', "'")


def test_a_model_that_was_not_compiled_keeps_what_is_known():
    assert settings_of({}, Settings(learning_rate=0.5)).learning_rate == 0.5
