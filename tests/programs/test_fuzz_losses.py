"""Every loss on random data, options, reductions, weights and masks against Keras on JAX, with its gradient."""

from __future__ import annotations

import inspect
import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
pytest.importorskip("jax")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strategies.losses import FUNCTIONS, USES, class_computation, function_computation  # noqa: E402
from strategies.oracle import beyond_the_simplest, check, examples  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]


def test_every_loss_is_covered():
    public = {name for name in dir(keras.losses) if not name.startswith("_")}
    classes = {name for name in public if inspect.isclass(getattr(keras.losses, name))}
    assert set(USES) == classes - {"Loss"}  # the base has no values
    assert set(FUNCTIONS) == public - classes - {"get", "serialize", "deserialize"}


@examples(2)
@pytest.mark.parametrize("name", sorted(USES))
@given(data=st.data())
def test_loss(name, data):
    beyond_the_simplest(data)
    check(data.draw(class_computation(name)))


@examples(1)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@given(data=st.data())
def test_loss_function(name, data):
    beyond_the_simplest(data)
    check(data.draw(function_computation(name)))
