"""Objects to configurations and back in the manner of Keras 2, as libraries for both use them."""

import pytest

from pronghorn import activations, initializers, layers, legacy, saving, utils

serialize, deserialize = utils.legacy.serialize_keras_object, utils.legacy.deserialize_keras_object


class Plain:
    def __init__(self, a=1, text=""):
        self.a = a


class Configured(Plain):
    def get_config(self):
        return {"a": self.a, "text": "x"}


class Told(Plain):
    @classmethod
    def from_config(cls, config, custom_objects=None):
        made = cls(**config)
        made.told = custom_objects
        return made


class Scoped(Plain):
    @classmethod
    def from_config(cls, config):
        made = cls(**config)
        made.seen = saving.get_registered_object("Plain")
        return made


def test_to_configurations():
    assert serialize(None) is None and serialize(activations.relu) == "relu"
    assert serialize(Configured(3)) == {"class_name": "Configured", "config": {"a": 3, "text": "x"}}
    inner = serialize(layers.Dense(2))["config"]["kernel_initializer"]
    assert inner["class_name"] == "GlorotUniform"
    with pytest.raises(ValueError, match="get_config"):
        serialize(3)


def test_a_configuration_inside_another_becomes_its_object():
    entry = serialize(Configured(Configured(5)))
    assert entry["config"]["a"]["__passive_serialization__"]
    again = deserialize(entry, {"Configured": Configured})
    assert (again.a.a, type(again.a)) == (5, Configured)


def test_the_third_argument_is_of_custom_objects():
    assert deserialize({"class_name": "Plain", "config": {"a": 4}}, None, {"Plain": Plain}).a == 4
    assert deserialize({"class_name": "Told", "config": {}}, None, {"Told": Told}).told["Told"] is Told
    assert deserialize({"class_name": "Scoped", "config": {}}, {"Scoped": Scoped}, {"Plain": Plain}).seen is Plain
    assert deserialize("Plain", {"Plain": Configured}, {"Plain": Plain}).a == 1


def test_names_functions_and_none():
    assert deserialize("relu", vars(activations)) is activations.relu
    assert isinstance(deserialize("Zeros", vars(initializers)), initializers.Zeros)
    assert deserialize(serialize, None) is serialize and deserialize(None) is None
    assert legacy.saving.deserialize_keras_object is deserialize


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ({"class_name": "Plan", "config": {}}, "the metric 'Plan' is not known; nearest: Plain"),
        ("Plan", "nearest: Plain"),
        (3, "identifier is 3"),
        ({"a": 1}, "has a class_name and a config"),
    ],
)
def test_what_cannot_be_made_is_named(identifier, words):
    with pytest.raises(ValueError, match=words):
        deserialize(identifier, {"Plain": Plain}, printable_module_name="metric")
