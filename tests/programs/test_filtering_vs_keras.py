"""Convolutions of enough channels for minimal filtering against the real Keras on JAX: results and all gradients."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

CASES = {
    "Conv1D of 2": ("Conv1D", {"filters": 64, "kernel_size": 2}, (50, 64)),
    "Conv2D of 2": ("Conv2D", {"filters": 32, "kernel_size": 2, "padding": "same"}, (17, 20, 32)),
    "Conv2DTranspose of 3, strides": (
        "Conv2DTranspose",
        {"filters": 32, "kernel_size": 3, "strides": 2, "padding": "same"},
        (14, 13, 32),
    ),
    "Conv1D of 3": ("Conv1D", {"filters": 64, "kernel_size": 3}, (50, 32)),
    "Conv1D of 4": ("Conv1D", {"filters": 64, "kernel_size": 4}, (50, 64)),
    "Conv1D of 4, strides": ("Conv1D", {"filters": 64, "kernel_size": 4, "strides": 2, "padding": "same"}, (101, 64)),
    "Conv1D of 5": ("Conv1D", {"filters": 64, "kernel_size": 5, "padding": "same"}, (51, 32)),
    "Conv1D of 5, dilated": ("Conv1D", {"filters": 64, "kernel_size": 5, "dilation_rate": 3}, (80, 64)),
    "Conv2D of 5": ("Conv2D", {"filters": 32, "kernel_size": 5, "padding": "same"}, (17, 20, 32)),
    "Conv2D of 5, few tiles": ("Conv2D", {"filters": 64, "kernel_size": 5, "padding": "same"}, (6, 5, 64)),
    "Conv2D of 5, strides": (
        "Conv2D",
        {"filters": 32, "kernel_size": 5, "strides": 2, "padding": "same"},
        (30, 31, 32),
    ),
    "Conv2D of 3 by 5": ("Conv2D", {"filters": 32, "kernel_size": (3, 5)}, (17, 20, 32)),
    "Conv2D of 4, strides": (
        "Conv2D",
        {"filters": 32, "kernel_size": 4, "strides": 2, "padding": "same"},
        (32, 29, 32),
    ),
    "Conv2DTranspose of 4, strides": (
        "Conv2DTranspose",
        {"filters": 32, "kernel_size": 4, "strides": 2, "padding": "same"},
        (14, 13, 32),
    ),
}


def build(k, kind, settings, shape):
    """The layer behind one that has weights, whose gradient is made of that by the layer's input."""
    before = getattr(k.layers, kind.replace("Transpose", ""))(shape[-1], 1)
    model = k.Sequential([k.Input(shape), before, getattr(k.layers, kind)(**settings)])
    model.compile(k.optimizers.SGD(1.0), "mse")
    return model


@pytest.mark.parametrize("name", CASES)
def test_matches_keras(name):
    kind, settings, shape = CASES[name]
    rng = np.random.default_rng(0)
    ours, theirs = (build(k, kind, settings, shape) for k in (pronghorn, keras))
    weights = [rng.standard_normal(w.shape).astype("float32") / np.prod(w.shape[:-1]) ** 0.5 for w in theirs.weights]
    x = rng.standard_normal((16, *shape)).astype("float32")
    results = []
    y = None
    for model in (ours, theirs):
        model.set_weights(weights)
        predicted = np.asarray(model.predict_on_batch(x))
        y = rng.standard_normal(predicted.shape).astype("float32") * 30 if y is None else y
        model.train_on_batch(x, y)
        results.append([predicted, *(after - w for w, after in zip(weights, model.get_weights(), strict=True))])
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("value", [-9999.0, 1e6, 1e8, np.inf, np.nan])
def test_future_pixels_do_not_reach_the_past_of_a_masked_filter(value, compiled):
    """Where Keras's results stay as they are to the bit, so do ours."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((3, 3, 32, 32)).astype("float32") / 10
    kernel[2] = kernel[1, 2] = 0
    before = rng.standard_normal((2, 16, 16, 32)).astype("float32")
    after = before.copy()
    after[:, 9:] = value

    def conv(k):
        call = lambda x, w: k.ops.conv(x, w, padding="same")  # noqa: E731
        return pronghorn.jit(call) if compiled and k is pronghorn else call

    kept = []
    for k in (pronghorn, keras):
        results = [np.asarray(conv(k)(x, kernel)) for x in (before, after)]
        kept.append(results[0] == results[1])
    np.testing.assert_array_equal(*kept)
    assert kept[0][:, :8].all()
