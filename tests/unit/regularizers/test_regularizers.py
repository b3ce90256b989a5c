"""Regularizers."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import regularizers

X = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")


def test_values():
    assert float(regularizers.L1(0.1)(X)) == pytest.approx(0.6)
    assert float(regularizers.L2(0.1)(X)) == pytest.approx(1.4)
    assert float(regularizers.L1L2(0.1, 0.1)(X)) == pytest.approx(2.0)
    rows = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], "float32")
    assert float(regularizers.OrthogonalRegularizer(0.3)(rows)) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["l1", "l2", "l1_l2", "L1L2", "orthogonal_regularizer"])
def test_names_and_configurations(name):
    made = regularizers.get(name)
    assert regularizers.deserialize(regularizers.serialize(made)).get_config() == made.get_config()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.1", True, [0.1]])
def test_factors_are_finite_numbers(value):
    with pytest.raises(ValueError, match="l2"):
        regularizers.L2(value)


def test_mistakes():
    with pytest.raises(ValueError, match="rows"):
        regularizers.OrthogonalRegularizer(mode="diagonals")
    with pytest.raises(ValueError, match="nearest: .*orthogonal"):
        regularizers.get("orthogonal_regulariser")


@pytest.mark.parametrize("factor", [-0.1, float("nan"), "much", None])
def test_factors_are_numbers_that_are_not_negative(factor):
    with pytest.raises(ValueError, match=f"`factor`.*0 or more.*{factor}"):
        regularizers.OrthogonalRegularizer(factor)
