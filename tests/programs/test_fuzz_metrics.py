"""Every metric over random batches against Keras on JAX: state and result, at once and compiled, and a reset."""

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
from strategies.losses import FUNCTIONS as LOSS_FUNCTIONS  # noqa: E402
from strategies.metrics import FUNCTIONS, USES, Use, uses  # noqa: E402
from strategies.oracle import REFUSALS, Computation, assert_same, beyond_the_simplest, check, examples  # noqa: E402

import pronghorn  # noqa: E402
from pronghorn.engine.backends.llvm import Executable  # noqa: E402
from pronghorn.engine.graph.ir import Aval  # noqa: E402
from pronghorn.engine.graph.trace import trace  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*weight"),
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]


def test_every_metric_is_covered():
    public = {name for name in dir(keras.metrics) if not name.startswith("_")}
    classes = {name for name in public if inspect.isclass(getattr(keras.metrics, name))}
    assert set(USES) == classes - {"Metric"}  # the base has no values
    assert set(FUNCTIONS) == public - classes - {"get", "serialize", "deserialize"} - set(LOSS_FUNCTIONS)


def _named(use: Use, batch):
    """A batch as arguments of `update_state`."""
    weighted = len(batch) > (1 if use.name in ("Mean", "Sum") else 2)
    return (batch[:-1], {"sample_weight": batch[-1]}) if weighted else (batch, {})


def _built(library, use: Use):
    """The metric, with the variables that it makes when it sees data, but nothing seen."""
    metric = getattr(library.metrics, use.name)(**use.options)
    if not metric.variables or use.name == "R2Score":  # which makes some at once, some later
        args, kwargs = _named(use, use.batches[0])
        metric.update_state(*args, **kwargs)
        metric.reset_state()
    return metric


def _by_keras(use: Use, batches):
    """The state and the result."""
    metric = _built(keras, use)

    def step(state, batch):
        args, kwargs = _named(use, batch)
        return metric.stateless_update_state(state, *args, **kwargs)

    state, step = [v.value for v in metric.variables], jax.jit(step)
    for batch in batches:
        state = step(state, batch)
    result = jax.jit(metric.stateless_result)(state)
    values = [np.asarray(x) for x in (*state, *jax.tree_util.tree_leaves(result))]
    if use.name == "R2Score":  # of several outputs Keras 3.15 counts each as a sample, 3.16 the rows
        at = [v.name for v in metric.variables].index("num_samples")
        values[at] = values[at] / np.float32(batches[0][0].shape[1])
    return values


def _state_and_result(metric):
    return [*(v.numpy() for v in metric.variables), *pronghorn.tree.flatten(metric.result())]


def _compiled(use: Use):
    """What the compiled update does to the state, and its last result."""
    metric = _built(pronghorn, use)

    def step(*batch):
        args, kwargs = _named(use, batch)
        metric.update_state(*args, **kwargs)
        return [pronghorn.ops.convert_to_tensor(r) for r in pronghorn.tree.flatten(metric.result())]

    executable = Executable(trace(step, [Aval(a.shape, a.dtype.name) for a in use.batches[0]]))
    for batch in use.batches:
        results = executable(*batch)
    return [*(v.numpy() for v in metric.variables), *results]


@examples(1)
@pytest.mark.parametrize("name", sorted(USES))
@given(data=st.data())
def test_metric(name, data):
    beyond_the_simplest(data)
    use = data.draw(uses(name))
    try:
        theirs = _by_keras(use, use.batches)
    except REFUSALS:
        reject()
    metric = _built(pronghorn, use)
    for batch in use.batches:
        args, kwargs = _named(use, batch)
        metric.update_state(*args, **kwargs)
    assert_same(_state_and_result(metric), theirs, use.tolerance, "at once")
    assert_same(_compiled(use), theirs, use.tolerance, "compiled")
    metric.reset_state()
    fresh = _built(pronghorn, use)
    assert_same(_state_and_result(metric), _state_and_result(fresh), 0, "after a reset")


@examples(1)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@given(data=st.data())
def test_metric_function(name, data):
    beyond_the_simplest(data)
    options, arrays, _ = USES[FUNCTIONS[name]](data.draw)
    check(Computation(lambda library, xs: getattr(library.metrics, name)(*xs, **options), list(arrays)))
