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
    x, y = x[: STEPS * BATCH - 3], y[: STEPS * BATCH - 3]  # the last batch is smaller

    losses, states = [], []
    for start in range(0, len(y), BATCH):
        batch = slice(start, start + BATCH)
        losses.append(theirs.train_on_batch(x[batch], y[batch], return_dict=True)["loss"])
        states.append([v.numpy() for v in variables(theirs)])
    follow = Follow(states)
    ours.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0, callbacks=[follow])
    assert len(losses) == len(follow.means) == STEPS
    rows = np.diff(np.r_[0 : len(y) : BATCH, len(y)])
    means = np.cumsum(losses * rows) / np.cumsum(rows)
    np.testing.assert_allclose(follow.means, means, rtol=1e-5)


def variables(model):
    """Everything that a step changes."""
    return [*model.variables, *model.optimizer.variables]


class Follow(pronghorn.callbacks.Callback):
    """Notes the mean loss since the epoch began, and begins every other step where Keras did.

    The step after that one goes on from a step of ours, so that its loss shows the update. Left to itself for longer,
    training may part from Keras's though both are right: a ReLU whose input is within a rounding of 0 is open in one
    and shut in the other, and the steps after it enlarge that.
    """

    def __init__(self, states):
        super().__init__()
        self.states = states
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(logs["loss"])
        if batch % 2:
            for variable, value in zip(variables(self.model), self.states[batch], strict=True):
                variable.assign(value)


def test_there_are_nine():
    assert len(workloads.WORKLOADS) == 9
