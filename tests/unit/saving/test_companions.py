"""Classes of KerasHub and its like are found by their modules, if the program has imported these."""

import sys
from types import ModuleType

import pytest

import pronghorn as keras


class Unregistered(keras.layers.Layer):
    """A layer as KerasHub has some: not registered under a name."""


Unregistered.__module__ = "keras_hub.src.models.some"


class NoLayer:
    @classmethod
    def from_config(cls, config):
        return cls()


def config_of(name, module="keras_hub.src.models.some"):
    return {"module": module, "class_name": name, "config": {"name": "one"}, "registered_name": name}


@pytest.fixture
def imported(monkeypatch):
    module = ModuleType("keras_hub.src.models.some")
    module.Unregistered, module.NoLayer, module.count = Unregistered, NoLayer, len
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("imported")
def test_class_of_an_imported_module():
    written = keras.saving.serialize_keras_object(Unregistered(name="one"))
    assert written["module"] == "keras_hub.src.models.some"
    found = keras.saving.deserialize_keras_object(written)
    assert type(found) is Unregistered and found.name == "one"


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("name", ["NoLayer", "count", "Missing"])
def test_nothing_else_of_it(name):
    with pytest.raises(TypeError, match=f"the class '{name}' is not known"):
        keras.saving.deserialize_keras_object(config_of(name))


def test_file_imports_nothing():
    assert "keras_nlp.src.models.some" not in sys.modules
    with pytest.raises(TypeError, match=r"write `import keras_nlp\.src\.models\.some` above"):
        keras.saving.deserialize_keras_object(config_of("Layer", "keras_nlp.src.models.some"))


@pytest.mark.parametrize("module", ["keras_hubs.some", "sys", 3, None, {}])
def test_other_modules(module):
    with pytest.raises(TypeError):
        keras.saving.deserialize_keras_object(config_of("Unregistered", module))
    with pytest.raises(TypeError):
        keras.saving.deserialize_keras_object(config_of("function", module) | {"config": "no_such"})
