"""Activations, regularizers and constraints with drawn arguments against Keras on JAX: values and gradients, at once
and compiled."""

from __future__ import annotations

from typing import Any

import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strategies.layers_base import Draw  # noqa: E402
from strategies.oracle import Computation, check  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]

# Arguments that may be given, by name: pairs are the ends of a range to draw from, lists values to choose from.
ACTIVATIONS: dict[str, dict[str, Any]] = {
    "celu": {"alpha": (0.1, 2)},
    "elu": {"alpha": (0, 2)},
    "exponential": {},
    "gelu": {"approximate": [True, False]},
    "glu": {},
    "hard_shrink": {"threshold": (0.1, 1)},
    "hard_sigmoid": {},
    "hard_silu": {},
    "hard_tanh": {},
    "leaky_relu": {"negative_slope": (0, 0.9)},
    "linear": {},
    "log_sigmoid": {},
    "log_softmax": {"axis": [-1, 0]},
    "mish": {},
    "relu": {"negative_slope": (0, 0.9), "max_value": (0.5, 2), "threshold": (0, 0.4)},
    "relu6": {},
    "selu": {},
    "sigmoid": {},
    "silu": {},
    "soft_shrink": {"threshold": (0.1, 1)},
    "softmax": {"axis": [-1, 0]},
    "softplus": {},
    "softsign": {},
    "sparse_plus": {},
    "sparse_sigmoid": {},
    "squareplus": {"b": (0, 5)},
    "tanh": {},
    "tanh_shrink": {},
    "threshold": {"threshold": (-1, 1), "default_value": (-1, 1)},
}
REQUIRED = {"threshold": ("threshold", "default_value")}
LEFT_OUT = {"sparsemax": "rows of Keras 3.15.1 on JAX do not sum to one: tests/unit/activations"}
ALIASES = {"hard_swish": "hard_silu", "swish": "silu"}

REGULARIZERS: dict[str, dict[str, Any]] = {
    "L1": {"l1": (0, 1)},
    "L2": {"l2": (0, 1)},
    "L1L2": {"l1": (0, 1), "l2": (0, 1)},
    "OrthogonalRegularizer": {"factor": (0, 1), "mode": ["rows", "columns"]},
}
CONSTRAINTS: dict[str, dict[str, Any]] = {
    "MaxNorm": {"max_value": (0.2, 3), "axis": [0, 1, -1]},
    "MinMaxNorm": {"min_value": (0.1, 1), "max_value": (1, 3), "rate": (0, 1), "axis": [0, 1, -1]},
    "NonNeg": {},
    "UnitNorm": {"axis": [0, 1, -1]},
}
BASES = {"Regularizer", "Constraint"}


def _public(namespace: Any) -> set[str]:
    """The names of functions and classes, without the ones that go between names and things."""
    names = {n for n in dir(namespace) if not n.startswith("_") and callable(getattr(namespace, n))}
    return names - {"get", "serialize", "deserialize"}


def _classes(namespace: Any) -> set[str]:
    return {getattr(namespace, n).__name__ for n in _public(namespace)} - BASES


def test_all_are_covered():
    assert _public(keras.activations) == ACTIVATIONS.keys() | LEFT_OUT.keys() | ALIASES.keys()
    assert _classes(keras.regularizers) == set(REGULARIZERS)
    assert _classes(keras.constraints) == set(CONSTRAINTS)


def arguments(d: Draw, choices: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Some of the arguments, with values drawn from ``choices``."""
    given = [name for name in choices if name in required or d.bool()]
    return {n: d.one(*choices[n]) if isinstance(choices[n], list) else d.float(*choices[n]) for n in given}


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=max(3, settings().max_examples // 2))
@given(data=st.data())
def test_activation(name, data):
    d = Draw(data.draw)
    kwargs = arguments(d, ACTIVATIONS[name], REQUIRED.get(name, ()))
    x = d.array(*d.ints(d.int(1, 3), 1, 5), *([2 * d.int(1, 2)] if name == "glu" else []), scale=d.one(1.0, 3.0, 20.0))
    if name == "exponential":
        x = x.clip(-20, 20)
    check(Computation(lambda library, a: getattr(library.activations, name)(a[0], **kwargs), [x], wrt=(0,)))


@pytest.mark.parametrize("name", REGULARIZERS)
@given(data=st.data())
def test_regularizer(name, data):
    d = Draw(data.draw)
    kwargs = arguments(d, REGULARIZERS[name])
    x = d.array(*d.ints(2 if name.startswith("Orthogonal") else d.int(1, 4), 1, 5))
    check(Computation(lambda library, a: getattr(library.regularizers, name)(**kwargs)(a[0]), [x], wrt=(0,)))


@pytest.mark.parametrize("name", CONSTRAINTS)
@given(data=st.data())
def test_constraint(name, data):
    d = Draw(data.draw)
    kwargs = arguments(d, CONSTRAINTS[name])
    x = d.array(*d.ints(d.int(2, 4), 1, 5))
    check(Computation(lambda library, a: getattr(library.constraints, name)(**kwargs)(a[0]), [x], wrt=(0,)))
