"""The order in which functional models call their layers, against real Keras: what a layer called twice remembers."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import random

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

CALLS = []  # the names of the layers, as they run


def recording_layer(k):
    """A class of layers that add up their arguments, give `count` results and say that they have run."""

    class Recording(k.layers.Layer):
        def __init__(self, count=1, **kwargs):
            super().__init__(**kwargs)
            self.count = count

        def get_config(self):
            return {**super().get_config(), "count": self.count}

        def call(self, *arguments):
            CALLS.append(self.name)
            total = sum(k.tree.flatten(arguments))
            return total if self.count == 1 else [total + 1.0 for _ in range(self.count)]

        def compute_output_spec(self, *arguments):
            outputs = [k.KerasTensor(k.tree.flatten(arguments)[0].shape) for _ in range(self.count)]
            return outputs if self.count > 1 else outputs[0]

    return Recording


def random_model(k, layer, draw, level=0):
    """Calls of new and earlier layers, and of models within, on whatever there is; `draw` is Python's Random."""
    inputs = [k.Input((2,), name=f"input_{level}_{i}_{draw.random()}") for i in range(draw.choice([1, 1, 2, 3]))]
    tensors, layers = list(inputs), []
    for i in range(draw.randint(1, 14)):
        if layers and draw.random() < 0.5:
            chosen = draw.choice(layers)
        elif level < 2 and draw.random() < 0.12:
            chosen = random_model(k, layer, draw, level + 1)
        else:
            chosen = layer(count=draw.choice([1, 1, 1, 2]), name=f"layer_{level}_{i}_{draw.random()}")
        layers.append(chosen)
        arguments = draw.choices(
            tensors[-6:], k=len(chosen.inputs) if hasattr(chosen, "inputs") else draw.choice([1, 2, 3])
        )
        results = chosen(arguments if len(arguments) > 1 else arguments[0])
        tensors += results if isinstance(results, list) else [results]
    outputs = draw.choices(tensors[len(inputs) :], k=draw.choice([1, 1, 2, 3]))
    return k.Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def calls_of(model):
    CALLS.clear()
    x = [np.ones((1, 2), "float32")] * len(model.inputs)
    model(x)
    return list(CALLS)


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(20, 400, 20))])
def test_calls_run_in_the_same_order(first):
    layers = {k: recording_layer(k) for k in (keras, pronghorn)}
    for seed in range(first, first + 20):
        orders = {}
        for k, layer in layers.items():
            model = random_model(k, layer, random.Random(seed))
            custom = {"Recording": layer}
            with k.saving.custom_object_scope(custom):
                copies = [k.Model.from_config(model.get_config()), k.models.clone_model(model)]
            orders[k] = [calls_of(m) for m in (model, *copies)]
        assert orders[pronghorn] == orders[keras], seed


def deep_and_shallow(k, layer, nested=False):
    """Two outputs: the layer's own first call, and its second, which runs first, since more comes before and after."""
    inputs = k.Input((3,))
    first = layer(inputs)
    inside = k.Input((3,))
    scale = k.Model(inside, k.layers.Rescaling(4.0)(inside)) if nested else k.layers.Rescaling(4.0)
    second = k.layers.Rescaling(1.0)(layer(scale(inputs)))
    return k.Model(inputs, [first, second])


@pytest.mark.parametrize("nested", [False, True])
def test_moving_averages_of_a_layer_called_twice(nested):
    x = np.arange(12, dtype="float32").reshape(4, 3)
    kept = {}
    for k in (keras, pronghorn):
        norm = k.layers.BatchNormalization(momentum=0.5)
        model = deep_and_shallow(k, norm, nested)
        model(x, training=True)
        eager = np.asarray(norm.moving_mean)
        model.compile("sgd", "mse")
        model.fit(x, [x, x], batch_size=4, verbose=0)
        kept[k] = eager, np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    for got, wanted in zip(kept[pronghorn], kept[keras]):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize("kind", ["Dropout", "GaussianNoise"])
def test_random_numbers_of_a_layer_called_twice(kind):
    """Each call takes the next of its layer's numbers: which call takes the first?"""
    x = np.ones((50, 3), "float32")
    swapped = {}
    for k in (keras, pronghorn):
        alone = getattr(k.layers, kind)(0.5, seed=3)
        draws = [np.asarray(alone(scale * x, training=True)) for scale in (4.0, 1.0)]
        first, second = deep_and_shallow(k, getattr(k.layers, kind)(0.5, seed=3))(x, training=True)
        swapped[k] = np.array_equal(np.asarray(second), draws[0]) and np.array_equal(np.asarray(first), draws[1])
    assert swapped == {keras: True, pronghorn: True}
