"""The nine workloads of the benchmark on every engine: the losses of our own over ten steps, dropout included."""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import pronghorn
from pronghorn.engine.backends import engine as engines

_SPEC = importlib.util.spec_from_file_location(
    "bench_workloads", Path(__file__).resolve().parents[2] / "bench" / "workloads.py"
)
workloads = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(workloads)

STEPS = 10
ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not engines.is_installed(name), reason=f"{name} is not installed"))
    for name in engines.NAMES
]


@functools.cache  # our own, which the others are compared with
def losses(name, engine):
    """The loss after each step as callbacks see it, the mean since the epoch began: single ones of the ResNet differ by
    half a percent after some steps if its weights differ by a last bit."""
    pronghorn.utils.set_random_seed(1)
    model, x, y, batch_size = workloads.WORKLOADS[name](pronghorn, np.random.default_rng(0))
    model._engine = engine
    found = []
    record = pronghorn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(logs["loss"]))
    rows = slice(STEPS * batch_size)
    model.fit(x[rows], y[rows], batch_size=batch_size, shuffle=False, verbose=0, callbacks=[record])
    assert len(found) == STEPS
    return found


@pytest.mark.mostly_slow("mlp")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_losses(name, engine):
    np.testing.assert_allclose(losses(name, engine), losses(name, None), rtol=1e-3)
