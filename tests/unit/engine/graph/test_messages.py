"""What errors quote may be of any size; their messages are not."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops

WORD, WORDS = "x" * 100_000, {f"x{i}": 1 for i in range(20_000)}
AXES = (1,) * 100_000


def configuration(shape=(3,), layer="Dense", **arguments):
    """JSON of a model: an Input and a layer."""
    history = {"class_name": "__keras_tensor__", "config": {"shape": (None, *shape), "keras_history": ["i", 0, 0]}}
    first = {"name": "i", "batch_shape": [None, *shape], "dtype": "float32"}
    made = [
        {"class_name": "InputLayer", "name": "i", "config": first, "inbound_nodes": []},
        {"class_name": layer, "name": "l", "config": {"name": "l", **arguments},
         "inbound_nodes": [{"args": [history], "kwargs": {}}]},
    ]  # fmt: skip
    config = {"name": "m", "layers": made, "input_layers": [["i", 0, 0]], "output_layers": [["l", 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": config})


def model():
    made = pronghorn.Sequential([layers.Input((3,)), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


CALLS = {
    "an Input of many axes": lambda: layers.Input(AXES),
    "an Input of a word": lambda: layers.Input((WORD,)),
    "a setting that is checked by its name": lambda: layers.Dense(WORD),
    "a setting that is not": lambda: layers.Permute(AXES),
    "an unknown argument": lambda: layers.Add(**{WORD: 1}),
    "many unknown arguments": lambda: pronghorn.Model(**WORDS),
    "a name": lambda: layers.Dense(2, name=WORD + "/"),
    "an activation": lambda: layers.Dense(2, activation=WORD),
    "a type": lambda: ops.cast(1, WORD),
    "a variable's type": lambda: pronghorn.Variable(1.0, dtype=WORD),
    "a policy": lambda: pronghorn.DTypePolicy(WORD),
    "a shape": lambda: ops.reshape(np.ones(3), AXES),
    "a subscript": lambda: ops.einsum("a" * 100_000, np.ones(3)),
    "many shapes": lambda: ops.concatenate([np.ones((1, i % 3)) for i in range(20_000)]),
    "many shapes in a layer": lambda: layers.Concatenate(0)([np.ones((1, i % 3)) for i in range(2_000)]),
    "a loss": lambda: pronghorn.losses.get(WORD),
    "an optimizer": lambda: pronghorn.optimizers.get(WORD),
    "a learning rate": lambda: pronghorn.optimizers.SGD(WORD),
    "a metric to compile": lambda: model().compile("sgd", "mse", metrics=[WORD]),
    "many arrays to fit": lambda: model().fit([np.ones((2, 3))] * 20_000, np.ones((2, 1)), verbose=0),
    "a dict to predict": lambda: model().predict({name: np.ones((2, 3)) for name in WORDS}, verbose=0),
    "a layer's name to look up": lambda: model().get_layer(WORD),
    "a layer to add": lambda: pronghorn.Sequential([WORD]),
    "a file's name": lambda: pronghorn.saving.load_model(WORD),
    "a class in JSON": lambda: pronghorn.models.model_from_json(configuration(layer=WORD)),
    "a setting in JSON": lambda: pronghorn.models.model_from_json(configuration(units=AXES)),
    "many axes in JSON": lambda: pronghorn.models.model_from_json(configuration(AXES, units=1)),
    "a class in a configuration": lambda: layers.deserialize({"class_name": WORD, "config": {}}),
}


@pytest.mark.parametrize("name", CALLS)
def test_messages_are_short(name):
    with pytest.raises((TypeError, ValueError)) as caught:
        CALLS[name]()
    assert 30 < len(str(caught.value)) < 5_000


def test_arrays_have_no_more_axes_than_numpys():
    assert len(layers.Input((1,) * 63).shape) == 64
    with pytest.raises(ValueError, match="A shape may have 64 axes.*got one of 65"):
        layers.Input((1,) * 64)
