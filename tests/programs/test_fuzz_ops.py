"""Every op on random shapes, types and parameters against Keras on JAX: results and gradients, at once and compiled.

`pytest --hypothesis-profile=deep` or ``HYPOTHESIS_PROFILE=deep`` looks longer.
"""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
pytest.importorskip("jax")

import strategies.ops_contractions  # noqa: E402
import strategies.ops_control  # noqa: E402
import strategies.ops_elementwise  # noqa: E402
import strategies.ops_image  # noqa: E402
import strategies.ops_indexing  # noqa: E402
import strategies.ops_nn  # noqa: E402
import strategies.ops_reductions  # noqa: E402
import strategies.ops_shaping  # noqa: E402, F401
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strategies.ops_check import computation  # noqa: E402
from strategies.ops_common import STRATEGIES  # noqa: E402
from strategies.oracle import beyond_the_simplest, check, examples  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]

# Public ops that no strategy covers, and why.
ELSEWHERE = {
    "dtype": "gives a name: tests/unit/ops/test_dtypes.py",
    "is_tensor": "is about arrays of a library's own: tests/unit/ops/test_dtypes.py",
    "eig": "eigenvectors have no one order and phase: tests/unit/ops/test_factors.py",
    "qr": "factors have no one sign: tests/unit/ops/test_factors.py",
    "image.elastic_transform": "random: tests/unit/ops/test_elastic.py",
}


def _public_ops() -> set[str]:
    names = {name for name in dir(keras.ops) if not name.startswith("_") and callable(getattr(keras.ops, name))}
    return names | {f"image.{name}" for name in dir(keras.ops.image) if not name.startswith("_")}


def test_every_op_is_covered():
    assert _public_ops() - set(STRATEGIES) == set(ELSEWHERE)
    assert set(STRATEGIES) <= _public_ops()


@examples(1)
@pytest.mark.parametrize("name", sorted(STRATEGIES))
@given(data=st.data())
def test_op(name, data):
    beyond_the_simplest(data)
    check(computation(data.draw(STRATEGIES[name])))
