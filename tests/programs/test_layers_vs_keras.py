"""Every layer against the same layer of Keras on JAX: outputs, gradients, shapes and configurations; and on LLVM."""

from __future__ import annotations

import contextlib
import os
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

from layer_cases import CASES, Case  # noqa: E402

import pronghorn  # noqa: E402
from pronghorn import tree  # noqa: E402
from pronghorn.engine.graph.ir import Aval  # noqa: E402
from pronghorn.engine.graph.trace import trace  # noqa: E402
from pronghorn.ops import convert_to_tensor  # noqa: E402
from pronghorn.ops.gradients import value_and_grad  # noqa: E402

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX")


def make(case: Case, library):
    kwargs = dict(case.kwargs)
    for name, (inner, settings) in (case.wrap or {}).items():
        kwargs[name] = getattr(library.layers, inner)(**settings)
    return getattr(library.layers, case.layer)(**kwargs)


def arrays(case: Case) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [x if hasattr(x, "shape") else rng.normal(size=x).astype("float32") for x in case.inputs]


def call(layer, case: Case, values):
    if case.spread:
        return layer(*values, **case.call)
    return layer(values[0] if len(values) == 1 else list(values), **case.call)


def leaves(result) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree_util.tree_leaves(result)]


@contextlib.contextmanager
def undrawn():
    """Keras's initial values, which `pair` overwrites, are zeros: JAX would compile a function for each shape."""
    with contextlib.ExitStack() as stack:
        for name in ("VarianceScaling", "Orthogonal", "RandomNormal", "RandomUniform"):
            stack.enter_context(mock.patch.object(getattr(keras.initializers, name), "__call__", zeros))
        yield


def zeros(self, shape, dtype=None, **options):
    return np.zeros(shape, dtype or "float32")


def pair(case: Case):
    """Both layers, built, with the same weights. Theirs is built by placeholders: JAX compiles nothing for them."""
    values = arrays(case)
    theirs = make(case, keras)
    with undrawn():
        call(theirs, case, [keras.KerasTensor(v.shape, str(v.dtype)) for v in values])
    mine = make(case, pronghorn)
    call(mine, case, [convert_to_tensor(v) for v in values])
    rng = np.random.default_rng(1)
    weights = [
        np.abs(rng.normal(size=w.shape)).astype("float32")
        if "variance" in w.path
        else rng.normal(size=w.shape).astype("float32") * 0.5
        for w in theirs.weights
    ]
    assert [tuple(w.shape) for w in mine.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.path.split("/")[-1] for w in mine.weights] == [w.path.split("/")[-1] for w in theirs.weights]
    theirs.set_weights(weights)
    mine.set_weights(weights)
    return mine, theirs, values


def close(a, b, tolerance=1e-5):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    scale = max(float(np.max(np.abs(b), initial=0.0)), 1.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def plain(config):
    """A configuration with what may differ left out: names that were counted up, and lists for tuples."""
    if isinstance(config, dict):
        skipped = ("name", "shared_object_id", "build_config")
        return {k: plain(v) for k, v in config.items() if k not in skipped}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def assert_holds(mine, theirs):
    """Ours has all that theirs has; it may have more (Keras forgets the seed of SimpleRNN)."""
    if isinstance(theirs, dict):
        assert theirs.keys() <= mine.keys()
        for key in theirs:
            assert_holds(mine[key], theirs[key])
    else:
        assert mine == theirs


@pytest.mark.mostly_slow(every=13)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_outputs_weights_and_configuration(case):
    mine, theirs, values = pair(case)
    expected = leaves(call(theirs, case, values))
    results = tree.flatten(call(mine, case, [convert_to_tensor(v) for v in values]))
    assert len(results) == len(expected)
    for a, b in zip(results, expected):
        close(a.numpy(), b)
    for a, b in zip(mine.weights, theirs.weights):  # moving averages
        close(a.numpy(), b)
    assert_holds(plain(mine.get_config()), plain(theirs.get_config()))
    again = type(mine).from_config(mine.get_config())
    assert plain(again.get_config()) == plain(mine.get_config())


def _weighted_sum(outputs, multiply_sum):
    rng = np.random.default_rng(2)  # in no order, or the partial sums of a bias's gradient were much larger than it
    return sum(multiply_sum(y, rng.uniform(-1.0, 1.0, y.shape).astype("float32")) for y in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.smooth], ids=lambda c: c.id)
def test_gradients(case):
    mine, theirs, values = pair(case)
    floats = [i for i, v in enumerate(values) if v.dtype == np.float32]

    def their_loss(weights, inputs):
        full = list(values)
        for i, x in zip(floats, inputs):
            full[i] = x
        state = [v.value for v in theirs.non_trainable_variables]
        full_call = full if case.spread else [full[0] if len(full) == 1 else full]
        outputs, _ = theirs.stateless_call(weights, state, *full_call, **case.call)
        return _weighted_sum(jax.tree_util.tree_leaves(outputs), lambda y, w: (y * w).sum())

    start = [v.value for v in theirs.trainable_variables]
    # As one program: JAX compiles each operation by itself otherwise.
    by_weight, by_input = jax.jit(jax.grad(their_loss, argnums=(0, 1)))(start, [values[i] for i in floats])

    def my_loss(*inputs):
        full = [convert_to_tensor(v) for v in values]
        for i, x in zip(floats, inputs):
            full[i] = x
        return _weighted_sum(tree.flatten(call(mine, case, full)), lambda y, w: pronghorn.ops.sum(y * w))

    state = [v.numpy() for v in mine.variables]
    _, weights = value_and_grad(my_loss, mine.trainable_variables)(*(convert_to_tensor(values[i]) for i in floats))
    for variable, value in zip(mine.variables, state):
        variable.assign(value)
    for a, b in zip(weights, by_weight):
        close(a.numpy(), b, 2e-5)
    if floats:
        _, inputs = value_and_grad(my_loss, argnums=tuple(range(len(floats))))(
            *(convert_to_tensor(values[i]) for i in floats)
        )
        for a, b in zip(inputs, by_input):
            close(a.numpy(), b, 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_on_llvm(case):
    from pronghorn.engine.backends.llvm import Executable

    values = arrays(case)
    layer = make(case, pronghorn)
    expected = tree.flatten(call(layer, case, [convert_to_tensor(v) for v in values]))
    avals = [Aval(v.shape, str(v.dtype)) for v in values]
    traced = trace(lambda *inputs: tree.flatten(call(layer, case, list(inputs))), avals)
    for a, b in zip(Executable(traced)(*values), expected):
        close(a, b.numpy())
