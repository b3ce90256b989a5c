"""The nine workloads of the benchmark train as under real Keras: same weights, same batches, no dropout, ten steps.

The models are those of bench/workloads.py, on less data.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

pytestmark = pytest.mark.slow

STEPS = 10
BATCH = 8

_SPEC = importlib.util.spec_from_file_location(
    "bench_workloads", Path(__file__).resolve().parents[2] / "bench" / "workloads.py"
)
workloads = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(workloads)


def prepare(package, name):
    """A workload as the benchmark makes it, with dropout switched off."""
    package.utils.set_random_seed(1)
    workload = workloads.WORKLOADS[name](package, np.random.default_rng(0))
    dropouts = [layer for layer in workload.model.layers if isinstance(layer, package.layers.Dropout)]
    for layer in dropouts:
        layer.rate = 0.0
    return workload, len(dropouts)


@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_losses_are_those_of_keras(name):
    (theirs, x, y, _), dropouts = prepare(keras, name)
    (ours, our_x, our_y, _), our_dropouts = prepare(pronghorn, name)
    assert dropouts == our_dropouts
    np.testing.assert_array_equal(our_x, x)
    np.testing.assert_array_equal(our_y, y)
    assert ours.count_params() == theirs.count_params()
    ours.set_weights(theirs.get_weights())
    before = ours.trainable_variables[-1].numpy().copy()
    x, y = x[: STEPS * BATCH - 3], y[: STEPS * BATCH - 3]  # the last batch is smaller

    losses = []
    for model, package in ((theirs, keras), (ours, pronghorn)):
        record = Losses(package)
        model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0, callbacks=[record.callback])
        losses.append(record.each)
    assert len(losses[0]) == STEPS
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert not np.array_equal(ours.trainable_variables[-1].numpy(), before)


class Losses:
    """The mean loss since the epoch began, after each step, as callbacks see it."""

    def __init__(self, package):
        self.each = []
        self.callback = package.callbacks.LambdaCallback(on_train_batch_end=self.take)

    def take(self, batch, logs):
        self.each.append(logs["loss"])


def test_there_are_nine():
    assert len(workloads.WORKLOADS) == 9
