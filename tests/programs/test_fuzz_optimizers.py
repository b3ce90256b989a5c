"""Every optimizer and schedule with random hyperparameters against Keras on JAX: weights and state after 20 steps."""

from __future__ import annotations

import inspect
import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

from hypothesis import given, reject  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strategies.optimizers import HYPERPARAMETERS, SCHEDULES, Use, schedules, uses  # noqa: E402
from strategies.oracle import REFUSALS, Computation, assert_same, beyond_the_simplest, check, examples  # noqa: E402

import pronghorn  # noqa: E402
from pronghorn.engine.backends.llvm import Executable  # noqa: E402
from pronghorn.engine.graph.ir import Aval  # noqa: E402
from pronghorn.engine.graph.trace import trace  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]

OPTIMIZERS = sorted([*HYPERPARAMETERS, "LossScaleOptimizer"])
ELSEWHERE = {
    "Optimizer": "the base has no step",
    "MultiOptimizer": "below",
    "OptimizerMap": "below, and no optimizer",
}


def _classes(namespace):
    return {name for name in dir(namespace) if inspect.isclass(getattr(namespace, name))}


def test_every_optimizer_and_schedule_is_covered():
    assert set(OPTIMIZERS) == _classes(keras.optimizers) - set(ELSEWHERE)
    assert set(SCHEDULES) == _classes(keras.optimizers.schedules) - {"LearningRateSchedule"}


def _by_keras(use: Use):
    """The weights, then the optimizer's variables."""
    optimizer = use.optimizer.make(keras)
    weights = [keras.Variable(w, name=f"w{i}") for i, w in enumerate(use.weights)]
    optimizer.build(weights)
    values, state = use.weights, [v.value for v in optimizer.variables]
    step = jax.jit(optimizer.stateless_apply)
    for gradients in use.gradients:
        values, state = step(state, gradients, values)
    return [np.asarray(x) for x in (*values, *state)]


def _begun(use: Use):
    optimizer = use.optimizer.make(pronghorn)
    weights = [pronghorn.Variable(w, name=f"w{i}") for i, w in enumerate(use.weights)]
    optimizer.build(weights)
    return optimizer, weights


def _values(optimizer, weights):
    return [v.numpy() for v in (*weights, *optimizer.variables)]


def _at_once(use: Use):
    optimizer, weights = _begun(use)
    for gradients in use.gradients:
        optimizer.apply(gradients, weights)
    return _values(optimizer, weights)


def _compiled(use: Use):
    optimizer, weights = _begun(use)

    def step(*gradients):
        optimizer.apply(list(gradients), weights)
        return []

    executable = Executable(trace(step, [Aval(w.shape, "float32") for w in use.weights]))
    for gradients in use.gradients:
        executable(*gradients)
    return _values(optimizer, weights)


@examples(2)
@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_optimizer(name, data):
    beyond_the_simplest(data)
    use = data.draw(uses(name))
    try:
        theirs = _by_keras(use)
    except REFUSALS:
        reject()
    assert_same(_at_once(use), theirs, use.tolerance, "at once")
    assert_same(_compiled(use), theirs, use.tolerance, "compiled")


@examples(2)
@given(first=uses("SGD"), second=uses("Adam"))
def test_several_optimizers(first, second):
    """Each weight goes to the optimizer that its name says."""

    def steps(library):
        optimizers = library.optimizers
        by_name = optimizers.OptimizerMap(first.optimizer.make(library), {"w1": second.optimizer.make(library)})
        optimizer = optimizers.MultiOptimizer(by_name)
        weights = [library.Variable(w, name=f"w{i}") for i, w in enumerate((first.weights[0], second.weights[0]))]
        for one, other in zip(first.gradients, second.gradients):
            optimizer.apply([one[0], other[0]], weights)
        return [np.asarray(w.numpy()) for w in weights]

    assert_same(steps(pronghorn), steps(keras), 1e-5, "at once")


@examples(3)
@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(data=st.data())
def test_schedule(name, data):
    schedule = data.draw(schedules(name))
    steps = [np.asarray(step, "int32") for step in (0, 1, 2, 5, 9, 30)]
    check(Computation(lambda library, xs: [schedule.make(library)(x) for x in xs], steps))
