"""Callbacks that watch a result beside the real Keras: whole traces over random results, missing and NaN ones too."""

from __future__ import annotations

import os
import random
import warnings

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

_KEPT = ("best", "wait", "best_epoch", "stopped_epoch", "cooldown_counter", "best_weights")


class Optimizer:
    learning_rate = 0.1


class Model:
    """Stands in for a model: its weights are the number of the epoch."""

    def __init__(self):
        self.optimizer, self.metrics = Optimizer(), []
        self.stop_training, self.weights, self.saved = False, [-1], []

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)

    def save_weights(self, path, overwrite=True):
        self.saved.append(os.path.basename(path))


def early_stopping(k, draw, mode):
    return k.callbacks.EarlyStopping(
        "loss",
        draw.choice([0, 0.125, -0.125]),
        draw.choice([0, 1, 2, 3]),
        mode=mode,
        baseline=draw.choice([None, 0.5, 0.25]),
        restore_best_weights=draw.random() < 0.5,
        start_from_epoch=draw.choice([0, 0, 2]),
    )


def reduce_lr(k, draw, mode):
    return k.callbacks.ReduceLROnPlateau(
        "loss",
        draw.choice([0.1, 0.5]),
        draw.choice([0, 1, 2]),
        mode=mode,
        min_delta=draw.choice([0, 0.125]),
        cooldown=draw.choice([0, 1, 2]),
        min_lr=draw.choice([0, 0.03]),
    )


def checkpoint(k, draw, mode):
    # Where batches are counted, and with mode="auto", Keras 3.15 raises a TypeError for a threshold.
    frequency = draw.choice(["epoch", "epoch", 2, 3])
    threshold = draw.choice([None, 0.5]) if frequency == "epoch" and mode != "auto" else None
    return k.callbacks.ModelCheckpoint(
        "{epoch}.weights.h5",
        "loss",
        save_best_only=draw.random() < 0.7,
        save_weights_only=True,
        mode=mode,
        initial_value_threshold=threshold,
        save_freq=frequency,
    )


def terminate(k, draw, mode):
    return k.callbacks.TerminateOnNaN()


def trace(k, make, seed):
    """What a callback does, epoch by epoch, where the results are drawn from this seed."""
    draw = random.Random(seed)
    odd = [0.5, 1.0, None, float("nan"), float("inf"), -float("inf")]
    # Eighths, so that ties are ties in float32 too, in which Keras compares.
    results = [draw.choice(odd) if draw.random() < 0.4 else draw.randint(0, 8) / 8 for _ in range(draw.randint(1, 9))]
    callback, model = make(k, draw, draw.choice(["min", "max", "auto"])), Model()
    callback.set_model(model)
    callback.on_train_begin()
    seen = []
    for epoch, result in enumerate(results):
        model.weights = [epoch]
        logs = {} if result is None else {"loss": result}
        callback.on_epoch_begin(epoch)
        for batch in range(draw.randint(1, 3)):
            callback.on_train_batch_begin(batch)
            callback.on_train_batch_end(batch, dict(logs))
        callback.on_epoch_end(epoch, logs)
        state = [getattr(callback, name, None) for name in _KEPT]
        rate = round(float(np.asarray(model.optimizer.learning_rate)), 6)
        seen.append((result, state, model.stop_training, rate, list(model.saved)))
        if model.stop_training:
            break
    callback.on_train_end()
    return [repr(each) for each in seen] + [model.weights]


@pytest.mark.parametrize("make", [early_stopping, reduce_lr, checkpoint, terminate])
def test_traces_are_those_of_keras(make, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of missing results
        for seed in range(150):
            assert trace(pronghorn, make, seed) == trace(keras, make, seed), seed
